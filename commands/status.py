"""crosstie status: each system by outcome; for people a table, for a monitor one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import typer

from commands import filters, session
from commands.app import Command, examples
from commands.output import listing, output, shown, write
from commands.texts import N_, _, say
from commands.words import object_name, state_name
from config.exit_codes import OK, SOME_FAILED
from config.words import AGES

if TYPE_CHECKING:
    from config.health import Health, Limits

FIGURES = ("pending", "unknown", "review", "dead", "dead_letters", "differences", "silent_runs")
LINE = N_("{systems} systems, oldest data {age}, {backlog} waiting, {unknown} unknown")


def status(
    systems: list[str] = typer.Argument(None, metavar="SYSTEM", help="only these; else all"),
    check: bool = typer.Option(
        False, "--check", help="print one line for a monitor; exit code 3 when something needs a person"
    ),
    stale: str = typer.Option("24", "--stale-after", metavar="HOURS", help="data older than this counts as a problem"),
    waiting: str = typer.Option(
        "60", "--waiting-after", metavar="MINUTES", help="an entry that waits longer than this counts as a problem"
    ),
    expiring: str = typer.Option(
        "30", "--expiring", metavar="DAYS", help="a password or certificate that ends sooner counts as a problem"
    ),
) -> int:
    """How fresh the data are, what waits, what is in doubt, and when the books last agreed with the ERP's."""
    from config.health import Limits

    hours, minutes, days = (session.a_whole_number(text) for text in (stale, waiting, expiring))
    limits = Limits(timedelta(hours=hours).total_seconds(), timedelta(minutes=minutes).total_seconds(), days)
    if check and not output.json:
        return _check(systems or [], limits)
    found = _health(systems or [], limits)
    problems = [{**problem, "message": _text(problem)} for problem in found.problems]
    if not output.result(_as_json(found, problems)):
        _show(found)
        for problem in problems:
            output.warn(problem["message"])
        if found.standing.systems and not problems:
            output.note(_("All is well."))
    return SOME_FAILED if check and problems else OK


def _health(systems: list[str], limits: Limits) -> Health:
    from config.health import health

    with session.database(make=False) as database:  # a home that is not there is not well
        for system in systems:
            filters.require_known(database, system=system)
        return health(session.settings(), database, session.actor(), session.now(), systems, limits)


def _as_json(found: Health, problems: list[dict[str, str]]) -> dict[str, Any]:
    standing = found.standing
    here = {"environment": standing.environment, "armed": standing.armed, "as_of": standing.at}
    ends = [asdict(one) for one in found.expiries]
    return {**here, "systems": standing.systems, "expiries": ends, "problems": problems, "ok": not problems}


def _check(systems: list[str], limits: Limits) -> int:
    """OK, WARN or CRIT, the reasons, and the counts as monitors read them (name=value after a bar)."""
    from commands.failures import lines
    from config.failures import describe

    try:
        found = _health(systems, limits)
    except Exception as exc:
        failure = describe(exc)
        if failure is None:
            raise
        write(_one_line(f"CRIT - {next(lines(failure))}"))
        return failure.exit_code
    reasons = [_first_sentence(_text(problem)) for problem in found.problems]
    said = f"WARN - {len(reasons)}: {'; '.join(reasons)}" if reasons else f"OK - {_summary(found)}"
    write(f"{_one_line(said)} | {' '.join(_figures(found))}")
    return SOME_FAILED if reasons else OK


def _summary(found: Health) -> str:
    rows = found.standing.systems
    counts = {name: sum(row[name] for row in rows) for name in ("backlog", "unknown")}
    return say(LINE, systems=len(rows), age=age(_oldest(found)), **counts)


def _oldest(found: Health) -> float | None:
    ages = [row["freshness_s"] for row in found.standing.systems]
    return None if not ages or None in ages else max(ages)


def _figures(found: Health) -> Iterator[str]:
    rows = found.standing.systems
    yield f"systems={len(rows)}"
    yield f"armed={int(found.standing.armed)}"
    for name in FIGURES:
        yield f"{name}={sum(row[name] for row in rows)}"
    for name, seconds in (("freshness", _oldest(found)), ("oldest_waiting", _longest(rows))):
        if seconds is not None:
            yield f"{name}={seconds:.0f}s"


def _longest(rows: list[dict[str, Any]]) -> float | None:
    return max((row["oldest_waiting_s"] for row in rows if row["oldest_waiting_s"] is not None), default=None)


def _first_sentence(text: str) -> str:
    """What is wrong; the cure that follows is for whoever looks closer."""
    return re.split(r"\. |。", text, maxsplit=1)[0].rstrip(".")


def _one_line(text: str) -> str:
    """Without a bar: monitors read figures behind the first one."""
    return " ".join(text.replace("|", "/").split())


def _text(problem: dict[str, str]) -> str:
    from commands.failures import cause

    words = {name: state_name(value) if name == "state" else value for name, value in problem.items()}
    return cause(problem["code"], words)


def _show(found: Health) -> None:
    rows = found.standing.systems
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
        epilog=examples(
            ("status", ""),
            ("status --check", "one line for a monitor: exit code 3 when something needs a person"),
        ),
    )(status)
