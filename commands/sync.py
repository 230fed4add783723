"""crosstie ping, pull, push: the two paths, run now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from commands import session
from commands.app import Command, examples
from commands.output import dump_json, output, table, write
from commands.progress import progress
from commands.texts import N_, _, say
from commands.words import object_name, state_name
from config.exit_codes import HELD, OK, REMOTE_DOWN, SOME_FAILED

if TYPE_CHECKING:
    from crm_core.outbox_entry import Entry
    from flows.context import Context
    from flows.pull import PullReport
    from flows.push import PushReport

SYSTEM = typer.Argument(..., metavar="SYSTEM", help="the system's name, as in `systems list`")
UNREACHED = {"unreachable", "timed-out", "connection-lost", "unavailable", "rate-limited"}
COUNTS = ("read", "created", "updated", "unchanged", "rejected", "removed", "stale")


def ping(system: str = SYSTEM) -> int:
    """Log on to a system and say who we are there, which services answer and how far its clock is from ours."""
    from config.systems import load_system
    from config.wiring import open_connector

    connector = open_connector(load_system(session.settings(), system))
    try:
        pong = connector.ping()
    finally:
        connector.close()
    if not output.result({"system": system, **asdict(pong)}):
        output.note(say("{system}: {product} at {url} answers; logged on as {user}.", system=system, **asdict(pong)))
        output.note(say("Its clock is {seconds} s ahead of ours.", seconds=f"{pong.clock_offset_s:+.0f}"))
        table([_("Service"), _("State")], sorted(pong.services.items()))
    return OK


def pull(
    system: str = SYSTEM,
    objects: list[str] = typer.Argument(None, metavar="OBJECT", help="only these, such as orders; else everything"),
    full: bool = typer.Option(False, "--full", help="read everything, not only what changed"),
    dry_run: bool = typer.Option(False, "--dry-run", help="count what would change and write nothing"),
    approve: bool = typer.Option(False, "--approve", help="go on where a guard would hold the run"),
) -> int:
    """Read what changed in the ERP into the CRM. Safe to run twice and safe to kill."""
    from config.wiring import open_context
    from flows.pull import pull as run

    with open_context(session.settings(), system) as ctx, progress(say("Pull {system}", system=system)) as tell:
        report = run(ctx, objects or [], full=full, dry_run=dry_run, approve=approve, progress=tell)
    show_pull(report, dry_run=dry_run)
    return pull_exit(report)


def pull_exit(report: PullReport) -> int:
    return HELD if report.held else SOME_FAILED if report.rejected or report.busy else OK


def show_pull(report: PullReport, *, dry_run: bool) -> None:
    held, busy = told(report.held), told(report.busy)
    data = {
        "system": report.system,
        "dry_run": dry_run,
        "objects": {obj: counts.as_dict() for obj, counts in report.counts.items()},
        "held": held,
        "busy": busy,
        "seconds": round(report.seconds, 2),
    }
    if output.result(data):
        return
    if not output.quiet:
        _counts_table(report, dry_run=dry_run)
    for failure in held.values():
        output.warn(say("Held: {text}", text=failure["message"]))
    for failure in busy.values():
        output.warn(failure["message"])
    if report.rejected:
        text = N_("{count} records were rejected: `crosstie dead-letters list --system {system}` says why.")
        output.warn(say(text, count=report.rejected, system=report.system))


def told(errors: Mapping[str, Exception]) -> dict[str, dict[str, str]]:
    """Code and text by object."""
    from commands.failures import lines
    from config.failures import describe

    found = {obj: failure for obj, exc in errors.items() if (failure := describe(exc))}
    return {obj: {"code": failure.code, "message": next(lines(failure))} for obj, failure in found.items()}


def _counts_table(report: PullReport, *, dry_run: bool) -> None:
    heads = [
        _("Object"),
        _("Read"),
        _("Created"),
        _("Updated"),
        _("Unchanged"),
        _("Rejected"),
        _("Removed"),
        _("Outdated"),
    ]
    rows = [[object_name(obj), *(getattr(counts, name) for name in COUNTS)] for obj, counts in report.counts.items()]
    title = say("{system}, dry run: nothing was written", system=report.system) if dry_run else report.system
    table(heads, rows, title=title)
    output.note(say("{seconds} s", seconds=f"{report.seconds:.1f}"))


def push(
    system: str = SYSTEM,
    dry_run: bool = typer.Option(False, "--dry-run", help="show what would be sent and send nothing"),
    wait: str = typer.Option(
        "0",
        "--wait",
        metavar="SECONDS",
        help="stay that long for entries that fall due (look-ups, the commit horizon)",
    ),
) -> int:
    """Send accepted quotes, changes, cancellations and new customers to the ERP, each exactly once."""
    from config.systems import load_system
    from config.wiring import open_context, require_environment
    from crm_core import installation
    from flows.push import preview as dry
    from flows.push import push as run

    seconds = session.a_whole_number(wait)
    with open_context(session.settings(), system) as ctx, progress(say("Push {system}", system=system)) as tell:
        if dry_run:
            return _show_dry_push(system, dry(ctx))
        here = installation.read(ctx.database, session.actor())
        require_environment(session.settings(), load_system(session.settings(), system), here.environment)
        report = run(ctx, wait_s=seconds, progress=tell)
        reasons = _reasons(ctx)
    _show_push(report, reasons)
    return _push_exit(report, reasons)


def _reasons(ctx: Context) -> dict[tuple[str, int], dict[str, Any]]:
    from crm_core import outbox_desk

    rows = outbox_desk.listing(ctx.database, session.actor(), system=ctx.system)
    return {(row["key"], row["version"]): row["reason"] for row in rows if row["reason"]}


def last_states(report: PushReport) -> dict[tuple[str, int], str]:
    """The state in which this run left each entry it held."""
    return {(key, version): state for key, version, state in report.entries}


def _push_exit(report: PushReport, reasons: dict[tuple[str, int], dict[str, Any]]) -> int:
    left = {entry: state for entry, state in last_states(report).items() if state not in ("sent", "lost")}
    if not left:
        return OK
    down = all(reasons.get(entry, {}).get("code") in UNREACHED for entry in left)
    return REMOTE_DOWN if down and "sent" not in report.outcomes else SOME_FAILED


def _show_push(report: PushReport, reasons: dict[tuple[str, int], dict[str, Any]]) -> None:
    from commands.failures import cause

    rows: list[dict[str, Any]] = [
        {"key": key, "version": version, "state": state, "reason": _reason(reasons.get((key, version)), cause)}
        for (key, version), state in last_states(report).items()
    ]
    states = list(last_states(report).values())
    data: dict[str, Any] = {
        "system": report.system,
        "run": report.run,
        "sent": states.count("sent"),
        "unknown": states.count("unknown"),
    }
    data |= {"pending": states.count("pending"), "review": states.count("review"), "dead": states.count("dead")}
    if output.result({**data, "entries": rows, "seconds": round(report.seconds, 2)}):
        return
    if not rows:
        output.note(_("Nothing was due."))
    elif not output.quiet:
        cells = [[row["key"], row["version"], state_name(row["state"]), row["reason"]] for row in rows]
        table([_("Key"), _("Version"), _("State"), _("Reason")], cells)
    for row in rows:
        if row["state"] in ("dead", "review"):
            output.warn(say("{key} version {version}: {state}. {reason}", **{**row, "state": state_name(row["state"])}))


def _reason(reason: dict[str, Any] | None, cause: Any) -> str:
    return cause(reason["code"], reason.get("params", {})) if reason else ""


def _show_dry_push(system: str, found: list[tuple[Entry, Any]]) -> int:
    from commands.failures import lines
    from config.failures import describe

    rows: list[dict[str, Any]] = []
    failed = False
    for entry, wire in found:
        failure = describe(wire) if isinstance(wire, Exception) else None
        failed = failed or failure is not None
        row = {"key": entry.key, "version": entry.version, "object": entry.obj, "action": entry.action}
        rows.append({**row, "wire": None if failure else wire, "error": next(lines(failure)) if failure else ""})
    if not output.result({"system": system, "dry_run": True, "entries": rows}):
        for row in rows:
            output.note(say("{key} version {version}: {object} {action}", **row))
            write(str(row["error"]) or dump_json(row["wire"]))
        if not rows:
            output.note(_("Nothing waits."))
    return SOME_FAILED if failed else OK


def register(app: typer.Typer) -> None:
    """Add the commands that stand on their own."""
    app.command(cls=Command, epilog=examples(("ping erp1", "")))(ping)
    app.command(
        cls=Command,
        epilog=examples(
            ("pull erp1", "everything that changed"),
            ("pull erp1 orders invoices", "two objects"),
            ("pull erp1 --full --dry-run --json", "what a whole read would change"),
        ),
    )(pull)
    app.command(
        cls=Command,
        epilog=examples(
            ("push erp1", ""),
            ("push erp1 --dry-run", ""),
            ("push erp1 --wait 60", "until all is settled"),
        ),
    )(push)
