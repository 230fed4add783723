"""crosstie status: each system by outcome."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import typer

from commands import session
from commands.app import Command, examples
from commands.output import listing, output, shown
from commands.texts import N_, _, say
from commands.words import object_name, state_name
from config.exit_codes import OK, SOME_FAILED

AGES = ((86400, N_("{count} d")), (3600, N_("{count} h")), (60, N_("{count} min")), (1, N_("{count} s")))


def status(
    systems: list[str] = typer.Argument(None, metavar="SYSTEM", help="only these; else all"),
    check: bool = typer.Option(False, "--check", help="end with exit code 3 when something needs a person"),
    stale: str = typer.Option("24", "--stale-after", metavar="HOURS", help="data older than this counts as a problem"),
) -> int:
    """How fresh the data are, what waits, what is in doubt, and when the books last agreed with the ERP's."""
    from crm_core import status as service

    hours = session.a_whole_number(stale)
    with session.database() as database:
        rows = service.overview(database, session.actor(), session.now(), systems or [])
    found = service.problems(rows, stale_s=timedelta(hours=hours).total_seconds())
    problems = [{**problem, "message": _text(problem)} for problem in found]
    if not output.result({"systems": rows, "problems": problems, "ok": not problems}):
        _show(rows)
        for problem in problems:
            output.warn(problem["message"])
        if rows and not problems:
            output.note(_("All is well."))
    return SOME_FAILED if check and problems else OK


def _text(problem: dict[str, str]) -> str:
    from commands.failures import cause

    words = {name: state_name(value) if name == "state" else value for name, value in problem.items()}
    return cause(problem["code"], words)


def _show(rows: list[dict[str, Any]]) -> None:
    listing(
        rows,
        (_("System"), "system"),
        (_("Freshness"), lambda row: age(row["freshness_s"])),
        (_("Waiting"), "backlog"),
        (_("Unknown"), "unknown"),
        (_("Needs review"), "review"),
        (_("Dead"), "dead"),
        (_("Dead letters"), "dead_letters"),
        (_("Reconciled"), lambda row: shown(row["reconciled_at"]) or _("never")),
        (_("Differences"), "differences"),
        nothing=_("Nothing was pulled or pushed yet: run `crosstie pull SYSTEM`."),
    )
    objects = [{**obj, "system": row["system"]} for row in rows for obj in row["objects"]]
    if objects:
        listing(
            objects,
            (_("System"), "system"),
            (_("Object"), lambda row: object_name(row["obj"])),
            (_("Newest pull"), lambda row: state_name(row["state"])),
            (_("Complete, age"), lambda row: age(row["age_s"])),
            (_("Ended"), "finished_at"),
        )


def age(seconds: float | None) -> str:
    """An age in its largest unit: 3 h."""
    if seconds is None:
        return "-"
    for size, text in AGES:
        if seconds >= size:
            return say(text, count=int(seconds // size))
    return say(AGES[-1][1], count=0)


def register(app: typer.Typer) -> None:
    app.command(
        cls=Command,
        epilog=examples(("status", ""), ("status --check", "for a monitor: exit code 3 when something needs a person")),
    )(status)
