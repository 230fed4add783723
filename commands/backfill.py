"""crosstie backfill: the first read of large objects in parts, by as many processes as the machine has cores."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from commands import prefect_process, session
from commands.app import Command, examples
from commands.output import listing, output
from commands.progress import progress
from commands.sync import SYSTEM, pull_exit
from commands.sync import told as told_of
from commands.texts import N_, _, say
from commands.words import object_name
from config.exit_codes import OK, REMOTE_DOWN

if TYPE_CHECKING:
    from crm_core.backfill import Standing
    from flows.backfill import Split
    from flows.context import Context, Progress
    from flows.pull import PullReport


def backfill(
    system: str = SYSTEM,
    objects: list[str] = typer.Argument(None, metavar="OBJECT", help="only these, such as orders; else everything"),
    by: str = typer.Option("date", "--by", metavar="company|date", help="what the parts are made by"),
    first: str = typer.Option(
        None, "--from", metavar="DATE", help="where the first part ends, open to the past (default: two years back)"
    ),
    last: str = typer.Option(
        None, "--to", metavar="DATE", help="where the last part begins, open to the future (default: today)"
    ),
    step: str = typer.Option("month", "--step", metavar="month|week|DAYS", help="how long the parts between are"),
    plan: bool = typer.Option(False, "--plan", help="note the parts, show them and read nothing yet"),
    workers: str = typer.Option("1", "--workers", metavar="NUMBER", help="so many processes here share the work"),
    on_workers: str = typer.Option(
        "0", "--on-workers", metavar="NUMBER", help="ask Prefect for so many runs on its workers, and read nothing here"
    ),
    approve: bool = typer.Option(False, "--approve", help="go on where a guard would hold the run"),
    abandon: bool = typer.Option(False, "--abandon", help="give up open backfills; what is stored stays"),
) -> int:
    """Read everything for the first time in parts, which any number of workers share.

    Run it again, here or on another machine, to add a worker or to go on after a crash. The next pull then reads what
    changed meanwhile.
    """
    from config.wiring import open_context
    from flows.backfill import Split

    split = Split(by, session.a_date(first), session.a_date(last), step)
    count = session.a_count(workers, session.WORKERS)
    asked = session.a_whole_number(on_workers, most=session.WORKERS)
    with open_context(session.settings(), system) as ctx, progress(say("Backfill {system}", system=system)) as tell:
        if abandon:
            return _abandon(ctx, objects or [])
        if asked:
            return _ask_workers(ctx, objects or [], split, asked)
        return _run(ctx, objects or [], split, plan, count, approve, tell)


def _run(
    ctx: Context, objects: Sequence[str], split: Split, plan: bool, workers: int, approve: bool, tell: Progress
) -> int:
    from flows.backfill import parts, standing, work

    _plan(ctx, objects, split)
    if plan:
        return _show_plan(ctx.system, parts(ctx, objects))
    with _helpers(ctx.system, objects, workers - 1, approve) as helpers:
        report = work(ctx, objects, approve=approve, progress=tell)
    _show(report, standing(ctx, objects))
    return max(pull_exit(report), *(helper.returncode for helper in helpers), OK)


def _plan(ctx: Context, objects: Sequence[str], split: Split) -> None:
    """Note the parts; who says how to split learns of what is split already and goes on as it was."""
    from flows.backfill import Split, parts, plan

    begun = dict.fromkeys(obj for obj, _part, _records in parts(ctx, objects))
    plan(ctx, objects, split)
    if begun and split != Split():
        names = ", ".join(map(object_name, begun))
        output.note(
            say("{objects}: go on as planned before; to split anew, give that up first (--abandon).", objects=names)
        )


def _ask_workers(ctx: Context, objects: Sequence[str], split: Split, number: int) -> int:
    from flows.backfill import parts

    url = prefect_process.ready_url()
    _plan(ctx, objects, split)
    report = prefect_process.asked("flows.start", f"backfill/{ctx.system}", str(number))
    error, left = report.get("error", ""), len(parts(ctx, objects))
    if not output.result({**report, "system": ctx.system, "parts": left, "ok": not error}):
        if error:
            output.warn(say("Prefect at {url} did not take it: {why}", url=url, why=error))
        else:
            text = N_(
                "{number} runs on Prefect's workers share {parts} parts; `crosstie status` shows how far they are."
            )
            output.note(say(text, number=number, parts=left))
    return REMOTE_DOWN if error else OK


@contextmanager
def _helpers(system: str, objects: Sequence[str], count: int, approve: bool) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The same command in processes of their own; afterwards they have ended. Their errors go where ours go."""
    command = [
        sys.executable,
        "-m",
        "cli",
        "backfill",
        system,
        *objects,
        "--quiet",
        *(["--approve"] if approve else []),
    ]
    helpers = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) for _n in range(count)]
    try:
        yield helpers
    except Exception:
        for helper in helpers:
            helper.terminate()  # what stopped us would stop them; a part that was begun is gone on with
        raise
    finally:
        for helper in helpers:
            helper.wait()


def _show_plan(system: str, left: Sequence[tuple[str, str, int]]) -> int:
    rows = [{"object": obj, "part": name, "records": records} for obj, name, records in left]
    if not output.result({"system": system, "parts": rows}):
        listing(
            rows,
            (_("Object"), lambda row: object_name(row["object"])),
            (_("Part"), "part"),
            (_("Read"), "records"),
            nothing=_("No part is left."),
        )
    return OK


def _show(report: PullReport, stands: Sequence[Standing]) -> None:
    held = told_of(report.held)
    data: dict[str, Any] = {
        "system": report.system,
        "objects": {each.obj: {**asdict(each), "state": "open" if each.open else "done"} for each in stands},
        "here": {obj: counts.as_dict() for obj, counts in report.counts.items()},
        "held": held,
        "seconds": round(report.seconds, 2),
    }
    if output.result(data):
        return
    if not output.quiet:
        listing(
            [asdict(each) for each in stands],
            (_("Object"), lambda row: object_name(row["obj"])),
            (_("Parts done"), lambda row: f"{row['done']}/{row['parts']}"),
            (_("Read"), "records"),
            title=report.system,
        )
    for failure in held.values():
        output.warn(say("Held: {text}", text=failure["message"]))
    if not any(each.open for each in stands):
        output.note(
            say("All parts are read. `crosstie pull {system}` reads what changed meanwhile.", system=report.system)
        )


def _abandon(ctx: Context, objects: Sequence[str]) -> int:
    from flows.backfill import abandon

    given_up = abandon(ctx, objects)
    if not output.result({"system": ctx.system, "abandoned": given_up}):
        for obj in given_up:
            output.note(say("{object}: given up. The next pull reads everything itself.", object=object_name(obj)))
        if not given_up:
            output.note(_("No backfill is open."))
    return OK


def register(app: typer.Typer) -> None:
    app.command(
        cls=Command,
        epilog=examples(
            ("backfill erp1 orders --by date --from 2023-01-01 --workers 2", "month by month, in two processes"),
            ("backfill erp1 --by company --plan", "only note and show the parts"),
            ("backfill erp1", "one worker more, on any machine"),
        ),
    )(backfill)
