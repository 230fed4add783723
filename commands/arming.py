"""crosstie systems arm, disarm, adopt: whether this installation may write to ERPs, and what it must know before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from commands import session
from commands.app import Command, examples
from commands.output import listing, output
from commands.progress import progress
from commands.texts import N_, _, say
from commands.words import object_name
from config.exit_codes import OK, SOME_FAILED

if TYPE_CHECKING:
    from crm_core.installation import Installation
    from flows.adopt import AdoptReport, Outcome

OUTCOMES = {
    "known": N_("known"),
    "found": N_("found: sent"),
    "adopted": N_("taken in"),
    "lacking": N_("lacking here"),
    "changed": N_("changed since"),
    "review": N_("needs review"),
    "refused": N_("not taken in"),
    "foreign": N_("key not ours"),
}
DOUBTS = {
    "restored": N_("restored from a backup"),
    "copied": N_("copied or moved"),
    "put-back": N_("put back to an older state"),
}


def arm(
    unchecked: str = typer.Option(
        "", "--unchecked", metavar="REASON", help="after a copy or restore: why no ERP need be asked first"
    ),
) -> int:
    """Allow this installation to write to its ERPs.

    After a copy, a restore or a move every system must have been asked with `systems adopt` first.
    """
    from crm_core import installation

    names = session.settings().system_names()
    with session.database(make=False) as database:
        here = installation.arm(database, session.actor(), session.now(), systems=names, unchecked=unchecked)
    return _say(here, N_("Armed: environment {environment} may write to its ERPs."))


def disarm() -> int:
    """Forbid this installation to write to any ERP, also a push that is at work; reading goes on."""
    from crm_core import installation

    with session.database(make=False) as database:
        here = installation.disarm(database, session.actor(), session.now())
    return _say(here, N_("Disarmed: environment {environment} writes to no ERP."))


def _say(here: Installation, text: str) -> int:
    if not output.result(facts(here)):
        output.note(say(text, environment=here.environment))
    return OK


def facts(here: Installation) -> dict[str, Any]:
    """For --json."""
    return {
        "environment": here.environment,
        "prefix": here.prefix,
        "armed": here.armed,
        "doubt": here.doubt,
        "doubted_at": here.doubted_at,
    }


def standing(here: Installation) -> str:
    """In one line: whether it is armed, and if not, why."""
    words = {"environment": here.environment, "prefix": here.prefix}
    if here.doubt:
        doubt = _(DOUBTS.get(here.doubt, here.doubt))
        return say("Environment {environment}, keys {prefix}-…: disarmed ({doubt}).", doubt=doubt, **words)
    text = N_("Environment {environment}, keys {prefix}-…: armed.")
    return say(text if here.armed else N_("Environment {environment}, keys {prefix}-…: disarmed."), **words)


def adopt(
    system: str = typer.Argument(..., metavar="SYSTEM", help="the system's name, as in `systems list`"),
    dry_run: bool = typer.Option(False, "--dry-run", help="only tell what there is"),
    why: str = typer.Option("systems adopt", "--why", metavar="TEXT", help="the reason; it stands in the audit trail"),
) -> int:
    """Ask an ERP for every document that bears our keys; take in those that the CRM lacks, settle those in doubt.

    Needed after a restore, and when a copy takes the original's place. Nothing is written to the ERP.
    """
    from config.wiring import open_context
    from flows.adopt import adopt as run

    with open_context(session.settings(), system) as ctx, progress(say("Ask {system}", system=system)) as tell:
        report = run(ctx, session.actor(), why=why, dry_run=dry_run, progress=tell)
    _show(report, dry_run=dry_run)
    return SOME_FAILED if report.open or not report.complete else OK


def _show(report: AdoptReport, *, dry_run: bool) -> None:
    rows = [_row(one) for one in report.outcomes]
    data = {"system": report.system, "dry_run": dry_run, "counts": dict(report.counts), "documents": rows}
    if output.result({**data, "complete": report.complete, "again_at": report.again_at}):
        return
    listing(
        [row for row in rows if row["outcome"] != "known"],
        (_("Object"), lambda row: object_name(row["object"])),
        (_("Key"), "key"),
        (_("ERP number"), lambda row: ", ".join(row["documents"])),
        (_("Outcome"), lambda row: _(OUTCOMES[row["outcome"]])),
        (_("Reason"), "reason"),
    )
    counts = ", ".join(f"{_(OUTCOMES[name])} {count}" for name, count in report.counts.items())
    output.note(
        say("{system}: {count} documents bear our keys. {counts}", system=report.system, count=len(rows), counts=counts)
    )
    if report.again_at and not report.complete:
        text = N_("What was sent just before may still be booked: ask again after {at}.")
        output.warn(say(text, at=f"{report.again_at.astimezone():%H:%M:%S}"))


def _row(one: Outcome) -> dict[str, Any]:
    return {
        "object": one.obj,
        "key": one.key,
        "documents": [*one.documents],
        "outcome": one.outcome,
        "reason": _reason(one),
    }


def _reason(one: Outcome) -> str:
    from commands.failures import cause

    if one.error is not None:
        return cause(one.error.code, one.error.params)
    documents = ", ".join(one.documents)
    return cause(one.why, {"key": one.key, "documents": documents}) if one.why else ""


def register(app: typer.Typer) -> None:
    app.command(
        cls=Command,
        epilog=examples(
            ("systems arm", "after a restore, once every system was asked"),
            ('systems arm --unchecked "test system, made new today"', "without asking"),
        ),
    )(arm)
    app.command(cls=Command, epilog=examples(("systems disarm", "before the machine is copied")))(disarm)
    app.command(
        cls=Command,
        epilog=examples(
            ("systems adopt erp1 --dry-run", "what does the ERP have of ours?"),
            ("systems adopt erp1", "take in what is lacking here"),
        ),
    )(adopt)
