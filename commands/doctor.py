"""crosstie doctor: what is wrong with this installation, and how to put it right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import typer

from commands import session
from commands.app import Command, examples
from commands.output import dump_json, output, table, write
from commands.texts import _
from config.exit_codes import OK

if TYPE_CHECKING:
    from commands.doctor_finding import Finding
    from config.settings import Settings


def doctor(
    system: str = typer.Argument(None, metavar="SYSTEM", help="also ask this system; else only this machine"),
) -> int:
    """Look at this machine, the database, files, secrets and Prefect; with a system also at the ERP itself."""
    from commands.doctor_system import online, system_files

    settings = session.settings()
    found = list(_here(settings))
    files = list(system_files(settings, system))
    found += files
    found += _endings(settings, system)
    report: dict[str, Any] = {}
    if system and not _bad(files):
        found += online(settings, system, report)
    if not output.result({"checks": [_plain(finding) for finding in found], "ok": not _bad(found), "report": report}):
        _show(found)
        _show_report(report)
    return max((finding.exit_code for finding in _bad(found)), default=OK)


def _here(settings: Settings) -> Iterator[Finding]:
    from commands.doctor_database import database, prefect
    from commands.doctor_files import files
    from commands.doctor_machine import machine

    yield from machine(settings)
    yield from files(settings)
    yield from database(settings)
    yield from prefect()


def _endings(settings: Settings, system: str | None) -> Iterator[Finding]:
    from commands.doctor_files import endings

    yield from endings(settings, system)


def _bad(found: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.state == "bad"]


def _plain(finding: Finding) -> dict[str, Any]:
    return {"check": finding.what, "state": finding.state, "found": finding.found, "cure": finding.cure}


def _show(found: Sequence[Finding]) -> None:
    states = {"ok": _("ok"), "note": _("note"), "bad": _("bad")}
    cells = [[finding.what, states[finding.state], finding.found, finding.cure] for finding in found]
    table([_("Looked at"), _("State"), _("Found"), _("What to do")], cells)
    output.note(_("Something is wrong.") if _bad(found) else _("All is well."))


def _show_report(report: dict[str, Any]) -> None:
    if report:
        output.note(_("Send us this, please: it says how your ERP differs, and names no customer, text or amount."))
        write(dump_json(report))


def register(app: typer.Typer) -> None:
    app.command(
        cls=Command,
        epilog=examples(("doctor", "this machine"), ("doctor erp1", "and a system: nothing is written there")),
    )(doctor)
