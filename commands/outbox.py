"""crosstie outbox: decisions on their way to an ERP, and what a person does with those that do not get there."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer

from commands import filters, session
from commands.app import Command, UsageFault, examples, new_app
from commands.output import dump_json, listing, output, table, write
from commands.texts import _, say
from commands.words import action_name, object_name, state_name
from config.exit_codes import OK

app = new_app(help="Decisions on their way to an ERP: list, show, probe, settle.")
STATES = ("pending", "unknown", "review", "dead", "sent")
KEY = typer.Argument(..., metavar="KEY", help="the entry's key, such as CT7-Q000123")
VERSION = typer.Option(None, "--version", metavar="NUMBER", help="which version; else the newest")


@app.command(
    "list",
    cls=Command,
    epilog=examples(
        ("outbox list", "everything that is not sent yet, and why"),
        ("outbox list --system erp1 --state review", "what a person must decide"),
    ),
)
def list_(
    system: str = typer.Option("", "--system", metavar="SYSTEM", help="only this system"),
    obj: str = typer.Option("", "--object", metavar="OBJECT", help="only this object"),
    state: list[str] = typer.Option(None, "--state", metavar="STATE", help="only this state; repeatable"),
    everything: bool = typer.Option(False, "--all", help="also what was sent"),
) -> int:
    """List entries that are not settled: state, reason, and what they wait for."""
    from crm_core import outbox_desk

    states = [session.one_of(one, STATES) for one in state or []] or list(STATES if everything else STATES[:-1])
    with session.database() as database:
        rows = outbox_desk.listing(database, session.actor(), system=system, obj=filters.an_object(obj), states=states)
        if not rows:
            filters.require_known(database, system=system)
    for row in rows:
        row["reason_text"] = _reason(row)
    if not output.result({"entries": rows}):
        listing(
            rows,
            (_("System"), "system"),
            (_("Key"), "key"),
            (_("Version"), "version"),
            (_("Object"), lambda row: object_name(row["obj"])),
            (_("Action"), lambda row: action_name(row["action"])),
            (_("State"), lambda row: state_name(row["state"])),
            (_("Tries"), "attempts"),
            (_("ERP number"), "external_id"),
            (_("Reason"), "reason_text"),
            nothing=_("Nothing waits."),
        )
    return OK


def _reason(row: dict[str, Any]) -> str:
    from commands.failures import cause

    blocker = row.get("waits_for")
    if blocker:
        named = {"key": blocker["key"], "version": blocker["version"], "state": state_name(blocker["state"])}
        return say("waits for {key} version {version} ({state})", **named)
    return cause(row["reason"]["code"], row["reason"].get("params", {})) if row["reason"] else ""


@app.command(cls=Command, epilog=examples(("outbox show CT7-Q000123", "document, what was sent, every attempt")))
def show(key: str = KEY, version: str = VERSION) -> int:
    """Show an entry with its decision, its frozen payload and every attempt to send it."""
    from crm_core import outbox_desk

    number = session.a_whole_number(version) if version else None
    with session.database() as database:
        rows = outbox_desk.show(database, session.actor(), key, number)
    if output.result({"entries": rows}):
        return OK
    for row in rows:
        _show_one({**row, "reason_text": _reason(row)})
    return OK


def _next_step(row: dict[str, Any]) -> str:
    """What the next push does with the entry; empty when that is for a person, or nothing is left."""
    if row["state"] not in ("pending", "unknown"):
        return ""
    if row["step"] == "finish":
        return _("take the steps left on the ERP document (submit, approve ...)")
    return _("send it") if row["state"] == "pending" else _("look it up in the ERP; send it again if it is not there")


def _show_one(row: dict[str, Any]) -> None:
    title = say("{key} version {version}", **row)
    fields = [
        (_("System"), row["system"]),
        (_("Object"), object_name(row["obj"])),
        (_("Action"), action_name(row["action"])),
        (_("State"), state_name(row["state"])),
        (_("Next step"), _next_step(row)),
        (_("Reason"), row["reason_text"]),
        (_("ERP number"), row["external_id"]),
        (_("Mapping"), row["mapping_version"][:12]),
        (_("Created"), row["created_at"]),
        (_("Created by"), row["created_by"]),
    ]
    table([_("Field"), _("Value")], fields, title=title)
    if row["tries"]:
        listing(
            row["tries"],
            (_("Attempt"), "number"),
            (_("Started"), "started_at"),
            (_("Finished"), "finished_at"),
            (_("Outcome"), "outcome"),
            (_("Run"), "run_id"),
        )
    write(_("The decision:"))
    write(dump_json(row["document"]))
    if row["wire"]:
        write(_("What is sent:"))
        write(dump_json(row["wire"]))


@app.command(cls=Command, epilog=examples(("outbox probe CT7-Q000123", "does the ERP have it?")))
def probe(key: str = KEY, version: str = VERSION) -> int:
    """Ask the ERP which documents bear this key. Nothing is sent and nothing is decided."""
    from config.wiring import open_context
    from crm_core import outbox_desk
    from flows.push import probe as look

    with session.database() as database:
        entry = outbox_desk.probe(database, session.actor(), key, _version(database, key, version))
    with open_context(session.settings(), entry.system) as ctx:
        hits = look(ctx, entry.obj, key)
    if not output.result({"key": key, "system": entry.system, "documents": [asdict(hit) for hit in hits]}):
        heads = [_("ERP number"), _("Customer"), _("Currency"), _("Total"), _("State"), _("Cancelled")]
        rows = [[hit.external_id, hit.customer, hit.currency, hit.total, hit.state, hit.cancelled] for hit in hits]
        table(heads, rows, title=say("{system}: documents that bear {key}", system=entry.system, key=key))
        if not hits:
            output.note(say("{system} has no document that bears {key}.", system=entry.system, key=key))
    return OK


def _version(database: Any, key: str, version: str | None) -> int:
    from crm_core import outbox_desk

    if version:
        return session.a_whole_number(version)
    return max(int(row["version"]) for row in outbox_desk.show(database, session.actor(), key))


@app.command(
    cls=Command,
    epilog=examples(
        ('outbox settle CT7-Q000123 --sent 4500000017 --why "found it in the ERP"', ""),
        ('outbox settle CT7-Q000123 --resend --why "mapping corrected"', ""),
        ('outbox settle CT7-Q000123 --dead --why "customer withdrew"', ""),
    ),
)
def settle(
    key: str = KEY,
    version: str = VERSION,
    sent: str = typer.Option("", "--sent", metavar="NUMBER", help="it is this document of the ERP"),
    resend: bool = typer.Option(False, "--resend", help="send it (after asking the ERP again)"),
    dead: bool = typer.Option(False, "--dead", help="give it up"),
    why: str = typer.Option(..., "--why", metavar="TEXT", help="the reason; it stands in the audit trail"),
) -> int:
    """Decide what an entry in doubt is: sent, to be sent again, or given up."""
    from crm_core import outbox_desk

    if sum((bool(sent), resend, dead)) != 1:
        raise UsageFault("choose-one", options="--sent, --resend, --dead")
    with session.database() as database:
        number = _version(database, key, version)
        entry = outbox_desk.settle_by_hand(
            database, session.actor(), session.now(), key, number, why=why, external_id=sent, resend=resend, dead=dead
        )
    data = {"key": key, "version": number, "state": entry.state, "external_id": entry.external_id}
    if not output.result(data):
        output.note(say("{key} version {version}: {state}", key=key, version=number, state=state_name(entry.state)))
    return OK
