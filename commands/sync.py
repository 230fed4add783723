"""crosstie ping, pull, push, preview, reconcile, status: the two paths and how they stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

import typer

from commands import session
from commands.app import Command, UsageFault, examples
from commands.output import dump_json, output, table, write
from commands.progress import progress
from commands.texts import N_, _, say
from commands.words import difference_name, object_name, state_name
from config.failures import DIFFERS, HELD, OK, REMOTE_DOWN, SOME_FAILED

if TYPE_CHECKING:
    from crm_core.outbox_entry import Entry
    from flows.context import Context
    from flows.pull import PullReport
    from flows.push import PushReport
    from flows.reconcile import ReconcileReport

SYSTEM = typer.Argument(..., metavar="SYSTEM", help=N_("the system's name, as in `systems list`"))
UNREACHED = {"unreachable", "timed-out", "connection-lost", "unavailable", "rate-limited"}
COUNTS = ("read", "created", "updated", "unchanged", "rejected", "removed", "stale")
SHOWN_DIFFERENCES = 50


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
    objects: list[str] = typer.Argument(None, metavar="OBJECT", help=N_("only these, such as orders; else everything")),
    full: bool = typer.Option(False, "--full", help=N_("read everything, not only what changed")),
    dry_run: bool = typer.Option(False, "--dry-run", help=N_("count what would change and write nothing")),
    approve: bool = typer.Option(False, "--approve", help=N_("go on where a guard would hold the run")),
) -> int:
    """Read what changed in the ERP into the CRM. Safe to run twice and safe to kill."""
    from config.wiring import open_context
    from flows.pull import pull as run

    with open_context(session.settings(), system) as ctx, progress(say("Pull {system}", system=system)) as tell:
        report = run(ctx, objects or [], full=full, dry_run=dry_run, approve=approve, progress=tell)
    show_pull(report, dry_run=dry_run)
    return HELD if report.held else SOME_FAILED if report.rejected else OK


def show_pull(report: PullReport, *, dry_run: bool) -> None:
    from commands.failures import lines
    from config.failures import describe

    held = {obj: failure for obj, exc in report.held.items() if (failure := describe(exc))}
    data = {
        "system": report.system,
        "dry_run": dry_run,
        "objects": {obj: counts.as_dict() for obj, counts in report.counts.items()},
        "held": {obj: {"code": failure.code, "message": next(lines(failure))} for obj, failure in held.items()},
        "seconds": round(report.seconds, 2),
    }
    if output.result(data):
        return
    if not output.quiet:
        _counts_table(report, dry_run=dry_run)
    for failure in held.values():
        output.warn(say("Held: {text}", text=next(lines(failure))))
    if report.rejected:
        text = N_("{count} records were rejected: `crosstie dead-letters list --system {system}` says why.")
        output.warn(say(text, count=report.rejected, system=report.system))


def _counts_table(report: PullReport, *, dry_run: bool) -> None:
    heads = [_("Object"), _("Read"), _("Created"), _("Updated"), _("Unchanged"), _("Rejected"), _("Removed"), _("Outdated")]
    rows = [[object_name(obj), *(getattr(counts, name) for name in COUNTS)] for obj, counts in report.counts.items()]
    title = say("{system}, dry run: nothing was written", system=report.system) if dry_run else report.system
    table(heads, rows, title=title)
    output.note(say("{seconds} s", seconds=f"{report.seconds:.1f}"))


def push(
    system: str = SYSTEM,
    dry_run: bool = typer.Option(False, "--dry-run", help=N_("show what would be sent and send nothing")),
    wait: str = typer.Option(
        "0", "--wait", metavar="SECONDS", help=N_("stay that long for entries that fall due (look-ups, the commit horizon)")
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

    rows = [
        {"key": key, "version": version, "state": state, "reason": _reason(reasons.get((key, version)), cause)}
        for (key, version), state in last_states(report).items()
    ]
    states = list(last_states(report).values())
    data: dict[str, Any] = {"system": report.system, "sent": states.count("sent"), "unknown": states.count("unknown")}
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

    rows, failed = [], False
    for entry, wire in found:
        failure = describe(wire) if isinstance(wire, Exception) else None
        failed = failed or failure is not None
        row = {"key": entry.key, "version": entry.version, "object": entry.obj, "action": entry.action}
        rows.append({**row, "wire": None if failure else wire, "error": next(lines(failure)) if failure else ""})
    if not output.result({"system": system, "dry_run": True, "entries": rows}):
        for row in rows:
            output.note(say("{key} version {version}: {object} {action}", **row))
            write(row["error"] or dump_json(row["wire"]))
        if not rows:
            output.note(_("Nothing waits."))
    return SOME_FAILED if failed else OK


def preview(
    system: str = SYSTEM,
    obj: str = typer.Argument(..., metavar="OBJECT", help=N_("customers, products, orders, ...")),
    record: str = typer.Option(None, "--record", metavar="ID", help=N_("the record with this ERP key; else the first few")),
    limit: str = typer.Option("3", "--limit", metavar="NUMBER", help=N_("how many records")),
) -> int:
    """Show records as they arrive from the ERP and as the mapping would store them. Nothing is written."""
    from config.wiring import open_context

    count = session.a_whole_number(limit)
    with open_context(session.settings(), system) as ctx:
        rows = list(_mapped(ctx, obj, record, count))
    if not output.result({"system": system, "object": obj, "records": rows}):
        for row in rows:
            write(say("{object} {key} as the ERP sends it:", object=object_name(obj), key=row["key"]))
            write(dump_json(row["source"]))
            write(say("and as it is stored:") if not row["error"] else row["error"])
            write(dump_json(row["mapped"]) if not row["error"] else "")
    return SOME_FAILED if any(row["error"] for row in rows) else OK


def _mapped(ctx: Context, obj: str, key: str | None, count: int) -> Iterator[dict[str, Any]]:
    from commands.failures import lines
    from config.failures import describe
    from flows.errors import UsageError
    from flows.pull import objects_of

    objects_of(ctx, [obj])
    section = ctx.mapping.section(obj, "pull")
    records = list(islice(_records(ctx, obj, key, section.fields), count))
    if key and not records:
        raise UsageError("no-record", system=ctx.system, object=obj, key=key)
    for erp_key, source in records:
        row: dict[str, Any] = {"key": erp_key, "source": source, "mapped": None, "error": ""}
        try:
            row["mapped"] = section.apply(source, erp_key)
        except Exception as exc:
            failure = describe(exc)
            if failure is None:
                raise
            row["error"] = next(lines(failure))
        yield row


def _records(ctx: Context, obj: str, key: str | None, fields: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    from config.wiring import first_pages

    if key:
        pages = ctx.connector.lookup(obj, [key], fields=fields)
    else:
        pages = first_pages(ctx.connector, obj, fields)
    for page in pages:
        yield from page.records


def reconcile(
    system: str = SYSTEM,
    objects: list[str] = typer.Argument(None, metavar="OBJECT", help=N_("only these; else everything with amounts")),
) -> int:
    """Compare every document of the ERP with the CRM, in money, by a path that knows no mapping."""
    from config.wiring import open_context
    from flows.reconcile import reconcile as run

    with open_context(session.settings(), system) as ctx, progress(say("Reconcile {system}", system=system)) as tell:
        report = run(ctx, objects or [], progress=tell)
    show_reconcile(report)
    return DIFFERS if report.differences else OK


def show_reconcile(report: ReconcileReport) -> None:
    data = {"system": report.system, "compared": report.compared, "totals": report.totals}
    if output.result({**data, "differences": [asdict(found) for found in report.differences]}):
        return
    if not output.quiet:
        table([_("Object"), _("Compared")], [[object_name(obj), count] for obj, count in report.compared.items()])
        _totals_table(report)
    if not report.differences:
        output.note(_("No difference: the CRM holds what the ERP holds."))
        return
    heads = [_("Object"), _("Difference"), _("Key"), _("Company"), _("Customer"), _("Currency"), _("Period"), _("ERP"), _("CRM")]
    rows = [
        [object_name(d.obj), difference_name(d.kind), d.key, d.company, d.customer, d.currency, d.period, d.erp, d.crm]
        for d in report.differences[:SHOWN_DIFFERENCES]
    ]
    table(heads, rows, title=say("{count} differences", count=len(report.differences)), right=(7, 8))
    if len(report.differences) > SHOWN_DIFFERENCES:
        output.note(say("The first {count} are shown; --json prints all.", count=SHOWN_DIFFERENCES))


def _totals_table(report: ReconcileReport) -> None:
    heads = [_("Object"), _("Company"), _("Currency"), _("ERP"), _("CRM")]
    rows = [[object_name(t["object"]), t["company"], t["currency"], t["erp"], t["crm"]] for t in report.totals]
    table(heads, rows, right=(3, 4))


def require_object(obj: str, known: tuple[str, ...]) -> str:
    """The object if it is one of `known`; UsageFault naming them."""
    if obj not in known:
        raise UsageFault("bad-choice", value=obj, choices=", ".join(known))
    return obj


def register(app: typer.Typer) -> None:
    """Add the commands that stand on their own."""
    app.command(cls=Command, epilog=examples(("ping erp1", "")))(ping)
    app.command(
        cls=Command,
        epilog=examples(
            ("pull erp1", N_("everything that changed")),
            ("pull erp1 orders invoices", N_("two objects")),
            ("pull erp1 --full --dry-run --json", N_("what a whole read would change")),
        ),
    )(pull)
    app.command(
        cls=Command,
        epilog=examples(("push erp1", ""), ("push erp1 --dry-run", ""), ("push erp1 --wait 60", N_("until all is settled"))),
    )(push)
    app.command(cls=Command, epilog=examples(("preview erp1 orders --record 4500000001", "")))(preview)
    app.command(
        cls=Command,
        epilog=examples(("reconcile erp1", ""), ("reconcile erp1 open_items --json", N_("one object, all differences"))),
    )(reconcile)
    from commands.status import status

    app.command(
        cls=Command,
        epilog=examples(("status", ""), ("status --check", N_("for a monitor: exit code 3 when something needs a person"))),
    )(status)
