"""ERP page -> CRM rows: read what changed, map, validate, store; one transaction a page.

Safe to run twice (the second run writes nothing) and safe to kill (the next run goes on behind the last stored page).
A bad record becomes a dead letter and the page goes on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors import base
from crm_core import order_history, sync_state
from crm_core.intake import Mapped, Reject
from crm_core.model import PULLED
from crm_core.store import Counts, Page
from flows.context import Context, Progress, nobody_watches
from flows.errors import FlowError, HeldError, UsageError
from flows.path_guard import PathGuard
from flows.prefetch import Prefetched, seldom_collected
from mappings.engine import Section
from mappings.errors import RecordMappingError

REJECTS_MIN, REJECTS_SHARE = 50, 0.2  # more rejects than both: the mapping is broken, not the data
REMOVALS_MAX, REMOVALS_SHARE = 50, 0.2  # more removals than either of them wait for approval
LOOKUP_CHUNK = 200
FOLLOWED = ("deliveries", "invoices")  # their lines name orders whose status they change


@dataclass(slots=True)
class PullReport:
    """Counts by object; `held` says why an object waits for a person (by object)."""

    system: str
    counts: dict[str, Counts] = field(default_factory=dict)
    held: dict[str, FlowError] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def rejected(self) -> int:
        return sum(counts.rejected for counts in self.counts.values())


def objects_of(ctx: Context, wanted: Sequence[str] = ()) -> list[str]:
    """The objects to pull, in order; raises UsageError for one that the mapping does not have."""
    known = [obj for obj in PULLED if "pull" in ctx.mapping.sections(obj)]
    for obj in wanted:
        if obj not in known:
            raise UsageError("unknown-object", system=ctx.system, object=obj, objects=", ".join(known))
    return [obj for obj in known if not wanted or obj in wanted]


def pull(
    ctx: Context,
    objects: Sequence[str] = (),
    *,
    full: bool = False,
    dry_run: bool = False,
    approve: bool = False,
    progress: Progress = nobody_watches,
) -> PullReport:
    """Read everything changed since the last run. A held object does not keep the others from being read."""
    started = time.monotonic()
    report = PullReport(ctx.system)
    wanted = objects_of(ctx, objects)
    sync_state.remember_companies(ctx.database, ctx.system, ctx.companies)
    touched: set[str] = set()
    for obj in wanted:
        job = _ObjectPull(ctx, obj, full=full, dry_run=dry_run, approve=approve, progress=progress, touched=touched)
        report.counts[obj] = job.counts
        try:
            job.run()
        except HeldError as exc:
            report.held[obj] = exc
    report.seconds = time.monotonic() - started
    return report


class _ObjectPull:
    """One object's pull: its reads, then what they do not show."""

    def __init__(
        self,
        ctx: Context,
        obj: str,
        *,
        full: bool,
        dry_run: bool,
        approve: bool,
        progress: Progress,
        touched: set[str],
    ) -> None:
        self.ctx, self.obj, self.full, self.dry_run, self.approve = ctx, obj, full, dry_run, approve
        self.progress, self.touched = progress, touched
        self.store = ctx.store
        self.section: Section = ctx.mapping.section(obj, "pull")
        self.counts = Counts()
        self._causes: Counter[str] = Counter()
        self._erp_time: datetime | None = None
        self._listed: dict[str, datetime] = {}  # reads that showed everything in this run, by the ERP's time they began
        self.run_id = ""

    def run(self) -> None:
        """Run it as a noted run; raises what stopped it, after noting it."""
        ctx = self.ctx
        if not self.dry_run:
            self.run_id = sync_state.begin_run(ctx.database, ctx.system, self.obj, "pull", ctx.clock())
        try:
            for read in ctx.connector.reads(self.obj):
                self._read(read)
            if self.obj == "orders":
                self._lookup(sorted(self.touched | self._left_behind()))
        except HeldError as exc:
            self._end("held", exc)
            raise
        except KeyboardInterrupt:
            self._end("interrupted", None)
            raise
        except Exception as exc:
            self._end("failed", exc)
            raise
        self._end("done", None)

    def _end(self, state: str, exc: Exception | None) -> None:
        if self.dry_run:
            return
        error = None if exc is None else {"code": getattr(exc, "code", "bug"), "params": getattr(exc, "params", {})}
        ctx = self.ctx
        sync_state.end_run(
            ctx.database, self.run_id, state, self.counts.as_dict(), ctx.clock(), erp_time=self._erp_time, error=error
        )

    def _read(self, read: base.Read) -> None:
        ctx = self.ctx
        start = self._start(read)
        if (shown_at := self._listed.get(read.covered_by)) and not start.since and not start.resumed:
            if not self.dry_run:
                self._finish(read, _instant(shown_at), shown_at)
            return
        after = base.Position(start.stamp, start.key)
        seen: set[str] | None = set() if read.complete else None
        read_from, newest = start.read_from, start.stamp
        guard = PathGuard(self.section, sync_state.PathFill(ctx.database, ctx.system, self.obj, read.name))
        pages = ctx.connector.pull(self.obj, read.name, since=start.since, after=after, fields=self.section.fields)
        with seldom_collected(), Prefetched(pages) as prefetched:
            for page in prefetched:
                read_from = read_from or page.erp_time
                newest = max(newest, page.position.stamp)
                if seen is not None:
                    seen.update(record.key for record in page.records)
                self._guard_paths(page, guard)
                self._store(page, read if read.watermark else None, start.since, read_from)
        if not self.dry_run:
            guard.save()
        if seen is not None:
            self._missing(seen)
        if read_from and not start.since:
            self._listed[read.name] = read_from
        if read.watermark and not self.dry_run:
            self._finish(read, newest, read_from)

    def _start(self, read: base.Read) -> sync_state.Start:
        if not read.watermark:
            return sync_state.Start("")
        version = self.ctx.mapping.version
        return sync_state.start_of(self.ctx.database, self.ctx.system, self.obj, read.name, version, full=self.full)

    def _finish(self, read: base.Read, newest: str, read_from: datetime | None) -> None:
        cap = _instant(read_from) if read_from else newest
        sync_state.finish_read(
            self.ctx.database,
            self.ctx.system,
            self.obj,
            read.name,
            stamp=min(newest, cap),
            mapping_version=self.ctx.mapping.version,
            run_id=self.run_id,
            at=self.ctx.clock(),
        )

    def _store(self, page: base.Page, read: base.Read | None, since: str, read_from: datetime | None) -> None:
        mapped, rejects = self._map(page.records)
        self._erp_time = page.erp_time
        stored = self.store.store_page(
            Page(
                system=self.ctx.system,
                obj=self.obj,
                mapped=mapped,
                rejects=rejects,
                mapping_version=self.ctx.mapping.version,
                run_id=self.run_id,
                erp_time=page.erp_time,
                read=read.name if read else "",
                since=since,
                position=(page.position.stamp, page.position.key) if read else None,
                read_from=read_from,
            ),
            dry_run=self.dry_run,
        )
        self.counts.add(stored.counts)
        self._causes.update(reject.code for reject in stored.rejects)
        self._follow(page.records, stored.written)
        self.progress(self.obj, self.counts.read)
        self._guard_rejects()

    def _map(self, records: Sequence[base.Record]) -> tuple[list[Mapped], list[Reject]]:
        apply = self.section.apply
        mapped: list[Mapped] = []
        rejects: list[Reject] = []
        for key, data in records:
            try:
                mapped.append(Mapped(key, apply(data, key), data))
            except RecordMappingError as exc:
                rejects.append(Reject(key, exc.code, exc.params, data))
        return mapped, rejects

    def _follow(self, records: Sequence[base.Record], written: Mapping[str, Any]) -> None:
        """Orders whose deliveries or invoices changed are looked up, unless this run reads them anyway."""
        if self.obj in FOLLOWED:
            for record in written.values():
                self.touched.update(line.order_key for line in record.lines if line.order_key)
        elif self.obj == "orders":
            self.touched.difference_update(key for key, _ in records)

    def _left_behind(self) -> set[str]:
        """Orders that an earlier run should have asked for again and did not: it was killed, or pulled no orders."""
        since = sync_state.last_done(self.ctx.database, self.ctx.system, self.obj)
        return order_history.outdated(self.ctx.database, self.ctx.system, since)

    def _guard_paths(self, page: base.Page, guard: PathGuard) -> None:
        missing = guard.missing(page.records)
        if missing and not self.approve:
            paths = ", ".join(missing)
            raise HeldError("path-emptied", system=self.ctx.system, object=self.obj, paths=paths)

    def _guard_rejects(self) -> None:
        counts = self.counts
        if self.approve or counts.rejected < REJECTS_MIN or counts.rejected <= REJECTS_SHARE * counts.read:
            return
        cause = self._causes.most_common(1)[0][0]
        raise HeldError(
            "too-many-rejects",
            system=self.ctx.system,
            object=self.obj,
            rejected=str(counts.rejected),
            read=str(counts.read),
            cause=cause,
        )

    def _missing(self, seen: set[str]) -> None:
        """Look up what we hold and the complete listing did not show: an item cleared meanwhile, or something gone."""
        ctx = self.ctx
        missing = [key for key in self.store.listed_keys(ctx.system, self.obj) if key not in seen]
        found = self._lookup(missing)
        gone = [key for key in missing if key not in found]
        if not gone:
            return
        guard = max(1, min(REMOVALS_MAX, int(REMOVALS_SHARE * (len(seen) + len(gone)))))
        if len(gone) > guard and not self.approve:
            raise HeldError(
                "too-many-removals", system=ctx.system, object=self.obj, count=str(len(gone)), guard=str(guard)
            )
        page = Page(
            ctx.system, self.obj, (), (), ctx.mapping.version, self.run_id, self._erp_time or ctx.clock(), gone=gone
        )
        self.counts.add(self.store.store_page(page, dry_run=self.dry_run).counts)

    def _lookup(self, keys: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for page in self._pages_of(keys):
            found.update(record.key for record in page.records)
            self._store(page, None, "", None)
        return found

    def _pages_of(self, keys: Sequence[str]) -> Iterator[base.Page]:
        for start in range(0, len(keys), LOOKUP_CHUNK):
            chunk = keys[start : start + LOOKUP_CHUNK]
            yield from self.ctx.connector.lookup(self.obj, chunk, fields=self.section.fields)


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%fZ}"


def replay(ctx: Context, obj: str, keys: Sequence[str]) -> Counts:
    """Read these records again and take them in: what a dead letter's replay does. Missing ones do not count."""
    job = _ObjectPull(ctx, obj, full=False, dry_run=False, approve=True, progress=nobody_watches, touched=set())
    job.run_id = sync_state.begin_run(ctx.database, ctx.system, obj, "replay", ctx.clock())
    sync_state.remember_companies(ctx.database, ctx.system, ctx.companies)
    try:
        job._lookup(list(keys))  # the same job, without its reads
    except Exception as exc:
        job._end("failed", exc)
        raise
    job._end("done", None)
    return job.counts
