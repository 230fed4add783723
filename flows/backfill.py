"""The first read of an object shared out to any number of workers: its parts are planned once, then taken.

A worker that dies leaves its part to the others: they wait for its lease and go on behind the last page it stored.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from itertools import pairwise

from connectors.base import WHOLE, Part, Splits
from crm_core import backfill, sync_state
from crm_core.backfill import Standing
from crm_core.model import PULLED
from crm_core.store import Counts
from flows.context import Context, Progress, nobody_watches
from flows.errors import AlreadyRunningError, HeldError, UsageError
from flows.object_pull import Manner, ObjectPull
from flows.pull_report import PullReport, objects_of
from flows.runs import running

ANY = "any"
"""Instead of a part's name: whatever is free, until nothing is left."""
PARTS = "parts"
"""What the run of a worker is noted under; each part it takes is a run of its own."""
ALL, OTHERS = "all", "others"
WAYS = ("company", "date")
BACK = timedelta(days=730)
EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)
LONGEST = 3660
"""Days of a part; with the two above it keeps within what a calendar holds."""
WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Split:
    """`by` company or date; for dates parts from `first` to `last` as long as `step`: month, week or so many days.

    What is older than `first` is one part, what is younger than `last` another; without them the last two years.
    """

    by: str = "date"
    first: date | None = None
    last: date | None = None
    step: str = "month"

    def check(self) -> None:
        """UsageError for what makes no split."""
        if self.by not in WAYS:
            raise UsageError("bad-split", value=self.by)
        if self.step not in ("month", "week") and not (self.step.isdecimal() and 0 < int(self.step) <= LONGEST):
            raise UsageError("bad-step", value=self.step, most=str(LONGEST))
        for day in (self.first, self.last):
            if day and not EARLIEST <= day <= LATEST:
                raise UsageError("bad-day", value=str(day), first=str(EARLIEST), last=str(LATEST))
        if self.first and self.last and self.first >= self.last:
            raise UsageError("bad-range", first=str(self.first), last=str(self.last))


def plan(ctx: Context, objects: Sequence[str] = (), split: Split | None = None) -> list[Standing]:
    """Note the parts of each object, unless a backfill of it is open: that one goes on. Return how they stand."""
    split = split or Split()
    split.check()
    wanted = objects_of(ctx, objects)
    for obj in wanted:
        splits = ctx.connector.splits(obj)
        parts = dict(_parts(split, splits, ctx.clock().date())) if splits else {}
        read = splits.read if splits and parts else ""
        covers = [other.name for other in ctx.connector.reads(obj) if read and other.covered_by == read]
        bounds = {name: asdict(part) for name, part in (parts or {ALL: WHOLE}).items()}
        by = split.by if parts else ""
        planned = backfill.Plan(ctx.system, obj, by, read, covers, ctx.mapping.version, bounds)
        backfill.plan(ctx.database, planned, ctx.clock())
    return standing(ctx, wanted)


def standing(ctx: Context, objects: Sequence[str] = ()) -> list[Standing]:
    """How the newest backfills stand, in the order of a pull."""
    found = {each.obj: each for each in backfill.standing(ctx.database, ctx.system)}
    return [found[obj] for obj in PULLED if obj in found and (not objects or obj in objects)]


def parts(ctx: Context, objects: Sequence[str] = ()) -> list[tuple[str, str, int]]:
    """What is still to be read: object, part, and how many of its records are stored."""
    return [(part.obj, part.name, part.records) for part in _left(ctx, objects_of(ctx, objects))]


def abandon(ctx: Context, objects: Sequence[str] = ()) -> list[str]:
    """Give up open backfills; the next pull reads everything itself. What is stored stays."""
    return [obj for obj in objects_of(ctx, objects) if backfill.abandon(ctx.database, ctx.system, obj)]


def _parts(split: Split, splits: Splits, today: date) -> Iterator[tuple[str, Part]]:
    """Parts by name that together are everything; none when the object has no such field."""
    if split.by == "company" and splits.companies is not None:
        for value in splits.companies:
            yield value, Part(companies=[value])
        yield OTHERS, Part(companies=splits.companies, others=True)
    elif split.by == "date" and splits.dates:
        days = ["", *map(str, _days(split, today)), ""]
        for first, before in pairwise(days):
            yield f"{first}..{before}", Part(first=first, before=before)


def _days(split: Split, today: date) -> Iterator[date]:
    """Where one part ends and the next begins, the first and the last day included."""
    last = split.last or today
    day = split.first or (last - BACK).replace(day=1)
    while day < last:
        yield day
        day = _after(day, split.step)
    yield last


def _after(day: date, step: str) -> date:
    if step == "month":
        return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return day + timedelta(days=7 if step == "week" else int(step))


def work(
    ctx: Context, objects: Sequence[str] = (), *, approve: bool = False, progress: Progress = nobody_watches
) -> PullReport:
    """Take parts of the open backfills until none is left; the report counts what this worker read.

    While only parts are left that others hold, it waits for them: they are done, or their holder dies.
    """
    started = time.monotonic()
    report, manner = PullReport(ctx.system), Manner(full=True, approve=approve, progress=progress)
    wanted = objects_of(ctx, objects)
    sync_state.remember_companies(ctx.database, ctx.system, ctx.companies)
    with running(ctx, PARTS, "backfill"):  # alive also while it only waits
        while left := _left(ctx, [obj for obj in wanted if obj not in report.held]):
            if not any(_taken(ctx, part, manner, report) for part in left):
                time.sleep(WAIT_S)
    report.busy.clear()
    report.seconds = time.monotonic() - started
    return report


def _left(ctx: Context, objects: Sequence[str]) -> list[backfill.Part]:
    """Parts still to be read, in the order of a pull and then as planned."""
    parts = backfill.parts(ctx.database, ctx.system, ctx.mapping.version, objects) if objects else []
    return sorted(parts, key=lambda part: objects.index(part.obj))


def work_on(
    ctx: Context,
    objects: Sequence[str],
    name: str,
    *,
    approve: bool = False,
    progress: Progress = nobody_watches,
) -> PullReport:
    """Read the part of that name of each object, or with ANY whatever is free; what is done already is left alone.

    UsageError when there is no such part. What another worker holds is told as busy, a guard's hold as held.
    """
    if name == ANY:
        return work(ctx, objects, approve=approve, progress=progress)
    started, report = time.monotonic(), PullReport(ctx.system)
    manner = Manner(full=True, approve=approve, progress=progress)
    sync_state.remember_companies(ctx.database, ctx.system, ctx.companies)
    for obj in objects_of(ctx, objects):
        part = backfill.part(ctx.database, ctx.system, obj, name)
        if part is None:
            raise UsageError("no-part", system=ctx.system, object=obj, part=name)
        _taken(ctx, part, manner, report)
    report.seconds = time.monotonic() - started
    return report


def _taken(ctx: Context, part: backfill.Part, manner: Manner, report: PullReport) -> bool:
    """Whether the part was free; it is read then. A guard that holds it keeps this worker from the whole object."""
    job = ObjectPull(ctx, part.obj, manner)
    try:
        if part.read:
            job.run_part(part.name, Part(**part.bounds))
        else:
            job.run_whole(part.name)
    except AlreadyRunningError as exc:
        report.busy[part.obj] = exc
        return False
    except HeldError as exc:
        report.held[part.obj] = exc
    finally:
        report.counts.setdefault(part.obj, Counts()).add(job.counts)
    return True
