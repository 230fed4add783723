"""crosstie dead-letters: records that could not be taken, why, and how they come in after all."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import typer

from commands import filters, session
from commands.app import Command, UsageFault, examples, new_app
from commands.output import dump_json, listing, output, table, write
from commands.texts import _, say
from commands.words import direction_name, object_name, state_name
from config.exit_codes import OK, SOME_FAILED

app = new_app(help="Records that could not be taken: list, show, replay, discard.")
LETTER = typer.Argument(..., metavar="ID", help="its number, as in the list")
SYSTEM = typer.Option("", "--system", metavar="SYSTEM", help="only this system")
OBJECT = typer.Option("", "--object", metavar="OBJECT", help="only this object")


@app.command(
    "list",
    cls=Command,
    epilog=examples(
        ("dead-letters list", "open ones, one line each"),
        ("dead-letters list --by-cause", "grouped: the same cause counts once"),
    ),
)
def list_(
    system: str = SYSTEM,
    obj: str = OBJECT,
    everything: bool = typer.Option(False, "--all", help="also those that are closed"),
    by_cause: bool = typer.Option(False, "--by-cause", help="grouped by cause, most frequent first"),
) -> int:
    """List rejected records with the reason and the cure."""
    from crm_core import dead_letters

    state, obj = "" if everything else "open", filters.an_object(obj)
    with session.database() as database:
        if by_cause:
            rows = dead_letters.groups(database, session.actor(), system=system, state=state)
        else:
            rows = dead_letters.listing(database, session.actor(), system=system, obj=obj, state=state)
        if not rows:
            filters.require_known(database, system=system)
    if by_cause:
        return _show_groups(rows)
    rows = [{**row, "message": _cause(row)} for row in rows]
    if not output.result({"dead_letters": rows}):
        listing(
            rows,
            (_("Number"), "id"),
            (_("System"), "system"),
            (_("Object"), lambda row: object_name(row["obj"])),
            (_("Record"), "key"),
            (_("Direction"), lambda row: direction_name(row["direction"])),
            (_("State"), lambda row: state_name(row["state"])),
            (_("Times"), "times"),
            (_("Reason"), "message"),
            nothing=_("No dead letters."),
        )
    return OK


def _cause(row: dict[str, Any]) -> str:
    from commands.failures import cause

    return cause(row["code"], row["params"])


def _show_groups(groups: list[dict[str, Any]]) -> int:
    rows = [{**group, "message": _cause(group)} for group in groups]
    if not output.result({"groups": rows}):
        listing(
            rows,
            (_("Count"), "count"),
            (_("System"), "system"),
            (_("Object"), lambda row: object_name(row["obj"])),
            (_("Newest"), "last_seen"),
            (_("Reason (of one of them)"), "message"),
            nothing=_("No dead letters."),
        )
    return OK


@app.command(cls=Command, epilog=examples(("dead-letters show 12", "")))
def show(letter: str = LETTER) -> int:
    """Show one dead letter with its record; personal data is masked."""
    from crm_core import dead_letters

    with session.database() as database:
        row = dead_letters.show(database, session.actor(), session.a_count(letter))
    row["message"] = _cause(row)
    if output.result(row):
        return OK
    fields = [
        (_("System"), row["system"]),
        (_("Object"), object_name(row["obj"])),
        (_("Record"), row["key"]),
        (_("State"), state_name(row["state"])),
        (_("Times"), row["times"]),
        (_("First seen"), row["first_seen"]),
        (_("Last seen"), row["last_seen"]),
        (_("Reason"), row["message"]),
    ]
    table([_("Field"), _("Value")], fields)
    write(_("The record, personal data masked:"))
    write(dump_json(row["payload"]))
    return OK


@app.command(
    cls=Command,
    epilog=examples(
        ("dead-letters replay 12", "read this record again, by the mapping as it is now"),
        ("dead-letters replay --system erp1", "all open ones of a system"),
    ),
)
def replay(
    letter: str = typer.Argument(None, metavar="ID", help="one of them; or name a system for all of its"),
    system: str = SYSTEM,
    obj: str = OBJECT,
) -> int:
    """Read rejected records again from the ERP and take them in."""
    from crm_core import dead_letters

    if not letter and not system:
        raise UsageFault("letter-or-system")
    with session.database() as database:
        if letter:
            rows = [dead_letters.show(database, session.actor(), session.a_count(letter))]
        else:
            rows = dead_letters.listing(database, session.actor(), system=system, obj=filters.an_object(obj))
            if not rows:
                filters.require_known(database, system=system)
    waiting = [row for row in rows if row["direction"] == "pull"]
    left = _replay(waiting)
    result = {"replayed": len(waiting) - len(left), "left": [{**row, "message": _cause(row)} for row in left]}
    if not output.result(result):
        output.note(say("{count} came in.", count=result["replayed"]))
        for row in left:
            output.warn(
                say("{object} {key}: {reason}", object=object_name(row["obj"]), key=row["key"], reason=_cause(row))
            )
    return SOME_FAILED if left else OK


def _replay(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Replay by system and object; return those that are still open."""
    from config.wiring import open_context
    from crm_core import dead_letters
    from flows.pull import replay as run

    by_place: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        by_place[row["system"]][row["obj"]].append(row["key"])
    left: list[dict[str, Any]] = []
    for system, objects in by_place.items():
        with open_context(session.settings(), system) as ctx:
            for obj, keys in objects.items():
                run(ctx, obj, keys)
                still = dead_letters.listing(ctx.database, session.actor(), system=system, obj=obj)
                left += [row for row in still if row["key"] in keys]
    return left


@app.command(cls=Command, epilog=examples(('dead-letters discard 12 --why "test data"', "")))
def discard(
    letter: str = LETTER,
    why: str = typer.Option(..., "--why", metavar="TEXT", help="the reason; it stands in the audit trail"),
) -> int:
    """Close a dead letter without its record."""
    from crm_core import dead_letters

    number = session.a_count(letter)
    with session.database() as database:
        dead_letters.discard(database, session.actor(), session.now(), number, why=why)
    if not output.result({"id": number, "state": "discarded"}):
        output.note(say("Dead letter {id} is closed.", id=number))
    return OK
