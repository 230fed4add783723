"""ERP page -> CRM row: read what changed, map, validate, store; one transaction a page.

Safe to run twice (the second run writes nothing) and safe to kill (the next run goes on behind the last stored page).
A bad record becomes a dead letter and the page goes on. One run an object at a time, by a lease in our own database.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from crm_core import backfill, sync_state
from crm_core.store import Counts
from flows.backfill import work_on
from flows.context import Context, Progress, nobody_watches
from flows.errors import AlreadyRunningError, HeldError
from flows.object_pull import Manner, ObjectPull
from flows.pull_report import PullReport as PullReport
from flows.pull_report import objects_of as objects_of


def pull(
    ctx: Context,
    objects: Sequence[str] = (),
    *,
    full: bool = False,
    dry_run: bool = False,
    approve: bool = False,
    partition: str = "",
    progress: Progress = nobody_watches,
) -> PullReport:
    """Read everything changed since the last run. A held or busy object does not keep the others from being read.

    `partition`: only that part of the objects' open backfill, or with `any` parts until none is left.
    """
    if partition:
        return work_on(ctx, objects, partition, approve=approve, progress=progress)
    started = time.monotonic()
    report = PullReport(ctx.system)
    wanted = objects_of(ctx, objects)
    sync_state.remember_companies(ctx.database, ctx.system, ctx.companies)
    manner = Manner(full, dry_run, approve, progress)
    for obj in wanted:
        job = ObjectPull(ctx, obj, manner)
        report.counts[obj] = job.counts
        try:
            _refuse_beside_a_backfill(ctx, obj, dry_run=dry_run)
            job.run()
        except HeldError as exc:
            report.held[obj] = exc
        except AlreadyRunningError as exc:
            report.busy[obj] = exc
    report.seconds = time.monotonic() - started
    return report


def _refuse_beside_a_backfill(ctx: Context, obj: str, *, dry_run: bool) -> None:
    """A first read that a backfill shares out is not begun a second time; one that only reads news runs beside it."""
    standing = None if dry_run else backfill.stands_for_pull(ctx.database, ctx.system, obj, ctx.mapping.version)
    if standing:
        counts = {"done": str(standing.done), "parts": str(standing.parts)}
        raise HeldError("backfill-open", system=ctx.system, object=obj, **counts)


def replay(ctx: Context, obj: str, keys: Sequence[str]) -> Counts:
    """Read these records again and take them in: what a dead letter's replay does. Missing ones do not count."""
    sync_state.remember_companies(ctx.database, ctx.system, ctx.companies)
    job = ObjectPull(ctx, obj, Manner(approve=True))
    job.run_keys(list(keys))
    return job.counts
