"""One object's pull: its reads page by page, then what they do not show; or its first read in one part of a backfill.

What a run writes it writes under its lease: a run that was taken over stops at its next page, with nothing written.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors import base
from crm_core import backfill, order_history, sync_state
from crm_core.intake import Mapped, Reject
from crm_core.run_lease import Lease
from crm_core.store import Counts, Page, Stored
from flows.context import Context, Progress, nobody_watches
from flows.errors import HeldError
from flows.path_guard import PathGuard
from flows.prefetch import Prefetched, seldom_collected
from flows.runs import running
from mappings.engine import Section
from mappings.errors import RecordMappingError

REJECTS_MAX, REJECTS_SHARE = 50, 0.2  # more rejects than both: the mapping is broken, not the data
REMOVALS_MAX, REMOVALS_SHARE = 50, 0.2  # more removals than either of them wait for approval
LOOKUP_CHUNK = 200
FOLLOWED = ("deliveries", "invoices")  # their lines name orders whose status they change
log = logging.getLogger("crosstie.pull")


@dataclass(frozen=True, slots=True)
class Manner:
    """How to pull: everything or what changed, writing or only counting, past the guards or held by them.

    `touched` collects the orders whose deliveries or invoices changed, from object to object.
    """

    full: bool = False
    dry_run: bool = False
    approve: bool = False
    progress: Progress = nobody_watches
    touched: set[str] = field(default_factory=set)


class ObjectPull:
    """`counts` is what became of the records so far."""

    def __init__(self, ctx: Context, obj: str, manner: Manner) -> None:
        self.ctx, self.obj, self.manner = ctx, obj, manner
        self.store = ctx.store
        self.section: Section = ctx.mapping.section(obj, "pull")
        self.counts = Counts()
        self._causes: Counter[str] = Counter()
        self._erp_time: datetime | None = None
        self._listed: dict[str, datetime] = {}  # reads that showed everything in this run, by the ERP's time they began
        self._lease = Lease("", ctx.system, obj)

    def run(self) -> None:
        """Read what changed. AlreadyRunningError when another run does."""
        with self._noted("pull", exclusive=True):
            self._all_reads()

    def _all_reads(self) -> None:
        for read in self.ctx.connector.reads(self.obj):
            self._read(read)
        if self.obj == "orders":
            self._lookup(sorted(self.manner.touched | self._left_behind()))

    def run_keys(self, keys: Sequence[str]) -> None:
        """Read these records again, beside whatever else runs."""
        with self._noted("replay"):
            self._lookup(keys)

    def run_part(self, name: str, bounds: base.Part) -> None:
        """Read one part of the object's backfill, from where it stands; one that is done meanwhile is left alone."""
        with self._noted("backfill", part=name, exclusive=True):
            part = backfill.part(self.ctx.database, self.ctx.system, self.obj, name)
            if part is None or part.done:
                return
            read = next(read for read in self.ctx.connector.reads(self.obj) if read.name == part.read)
            start = sync_state.Start("", part.stamp, part.key, part.read_from)
            newest, read_from = self._pages(read, start, None, bounds)
            backfill.finish_part(self.ctx.database, self._lease, name, newest, read_from, self.ctx.clock())

    def run_whole(self, name: str) -> None:
        """Read an object that cannot be split: its one part is an ordinary pull."""
        with self._noted("pull", exclusive=True):
            self._all_reads()
            read = self.counts.read
            backfill.finish_part(self.ctx.database, self._lease, name, "", None, self.ctx.clock(), read)

    @contextmanager
    def _noted(self, direction: str, *, part: str = "", exclusive: bool = False) -> Iterator[None]:
        """A run of its own around the work; none for a dry run, which writes nothing."""
        if self.manner.dry_run:
            yield
            return
        with running(self.ctx, self.obj, direction, part=part, exclusive=exclusive) as run:
            self._lease = run.lease
            try:
                yield
            finally:
                run.counts, run.erp_time = self.counts.as_dict(), self._erp_time

    def _read(self, read: base.Read) -> None:
        start = self._start(read)
        if (shown_at := self._listed.get(read.covered_by)) and not start.since and not start.resumed:
            self._finish(read, sync_state.instant(shown_at), shown_at)
            return
        seen: set[str] | None = set() if read.complete else None
        newest, read_from = self._pages(read, start, seen, base.WHOLE)
        if seen is not None:
            self._missing(seen)
        if read_from and not start.since:
            self._listed[read.name] = read_from
        if read.watermark:
            self._finish(read, newest, read_from)

    def _pages(
        self, read: base.Read, start: sync_state.Start, seen: set[str] | None, part: base.Part
    ) -> tuple[str, datetime | None]:
        """Store every page from `start` on; return the newest stamp and the ERP's time when the read began."""
        ctx, read_from, newest = self.ctx, start.read_from, start.stamp
        guard = PathGuard(self.section, sync_state.PathFill(ctx.database, ctx.system, self.obj, read.name))
        pages = ctx.connector.pull(
            self.obj,
            read.name,
            since=start.since,
            after=base.Position(start.stamp, start.key),
            fields=self.section.fields,
            part=part,
        )
        with seldom_collected(), Prefetched(pages) as prefetched:
            for page in prefetched:
                read_from = read_from or page.erp_time
                newest = max(newest, page.position.stamp)
                if seen is not None:
                    seen.update(record.key for record in page.records)
                self._guard_paths(page, guard)
                self._store(page, read if read.watermark else None, start.since, read_from)
        if not self.manner.dry_run:
            guard.save()
        return newest, read_from

    def _start(self, read: base.Read) -> sync_state.Start:
        if not read.watermark:
            return sync_state.Start("")
        version = self.ctx.mapping.version
        return sync_state.start_of(
            self.ctx.database, self.ctx.system, self.obj, read.name, version, full=self.manner.full
        )

    def _finish(self, read: base.Read, newest: str, read_from: datetime | None) -> None:
        if self.manner.dry_run:
            return
        stamp = min(newest, sync_state.instant(read_from)) if read_from else newest
        sync_state.finish_read(
            self.ctx.database,
            self._lease,
            read.name,
            stamp=stamp,
            mapping_version=self.ctx.mapping.version,
            at=self.ctx.clock(),
        )

    def _store(self, page: base.Page, read: base.Read | None, since: str, read_from: datetime | None) -> None:
        mapped, rejects = self._map(page.records)
        self._erp_time = page.erp_time
        ready = Page(
            system=self.ctx.system,
            obj=self.obj,
            mapped=mapped,
            rejects=rejects,
            mapping_version=self.ctx.mapping.version,
            run_id=self._lease.run_id,
            erp_time=page.erp_time,
            read=read.name if read else "",
            since=since,
            position=(page.position.stamp, page.position.key) if read else None,
            read_from=read_from,
            lease=self._lease,
        )
        check = None if self.manner.approve else self._guard_rejects
        try:
            stored = self.store.store_page(ready, dry_run=self.manner.dry_run, check=check)
        except HeldError:
            self._begin_anew(read)
            raise
        self.counts.add(stored.counts)
        log.info("page of %s stored", self.obj, extra={"counts": stored.counts.as_dict()})
        self._causes.update(reject.code for reject in stored.rejects)
        self._follow(page.records, stored.written)
        self.manner.progress(self.obj, self.counts.read)

    def _begin_anew(self, read: base.Read | None) -> None:
        """Else the next run, which counts from 0, would go on behind the last good page and let the rest pass."""
        if self._lease.part:
            backfill.restart_part(self.ctx.database, self._lease)
        elif read and self._lease.run_id:
            sync_state.forget_position(self.ctx.database, self._lease, read.name)

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
                self.manner.touched.update(line.order_key for line in record.lines if line.order_key)
        elif self.obj == "orders":
            self.manner.touched.difference_update(key for key, _ in records)

    def _left_behind(self) -> set[str]:
        """Orders that an earlier run should have asked for again and did not: it was killed, or pulled no orders."""
        since = sync_state.last_done(self.ctx.database, self.ctx.system, self.obj)
        return order_history.outdated(self.ctx.database, self.ctx.system, since)

    def _guard_paths(self, page: base.Page, guard: PathGuard) -> None:
        missing = guard.missing(page.records)
        if missing and not self.manner.approve:
            paths = ", ".join(missing)
            raise HeldError("path-emptied", system=self.ctx.system, object=self.obj, paths=paths)

    def _guard_rejects(self, page: Stored) -> None:
        rejected, read = self.counts.rejected + page.counts.rejected, self.counts.read + page.counts.read
        if rejected <= REJECTS_MAX or rejected <= REJECTS_SHARE * read:
            return
        causes = self._causes + Counter(reject.code for reject in page.rejects)
        raise HeldError(
            "too-many-rejects",
            system=self.ctx.system,
            object=self.obj,
            rejected=str(rejected),
            read=str(read),
            cause=causes.most_common(1)[0][0],
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
        if len(gone) > guard and not self.manner.approve:
            raise HeldError(
                "too-many-removals", system=ctx.system, object=self.obj, count=str(len(gone)), guard=str(guard)
            )
        page = Page(
            ctx.system,
            self.obj,
            (),
            (),
            ctx.mapping.version,
            self._lease.run_id,
            self._erp_time or ctx.clock(),
            gone=gone,
            lease=self._lease,
        )
        self.counts.add(self.store.store_page(page, dry_run=self.manner.dry_run).counts)

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
