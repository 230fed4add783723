"""How far each read has come, and what each run did.

A *watermark* is the stamp up to which a read is safely stored: where the next run starts. A *resume position* is where
a killed run goes on; it is gone when the read ends. Another mapping version makes both void: everything is read again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, func, insert, or_, select, update

from crm_core import run_lease, schema
from crm_core.database import Database
from crm_core.run_lease import Holder, Lease
from crm_core.upserts import upsert

RUN_STATES = ("running", "done", "failed", "held", "interrupted")


@dataclass(frozen=True, slots=True)
class Start:
    """Where a read starts: everything stamped `since` or later, behind (`stamp`, `key`) when a killed run goes on."""

    since: str
    stamp: str = ""
    key: str = ""
    read_from: datetime | None = None

    @property
    def resumed(self) -> bool:
        return bool(self.stamp or self.key)


def start_of(db: Database, system: str, obj: str, read: str, mapping_version: str, *, full: bool) -> Start:
    """Where this read must start; `full` forgets the watermark, not how far an unfinished read of everything came."""
    with db.read() as conn:
        position = _row(conn, schema.resume_position, system, obj, read)
        mark = watermark(conn, system, obj, read, mapping_version)
    if position and position["mapping_version"] == mapping_version and not (full and position["since"]):
        return Start(position["since"], position["stamp"], position["key"], position["read_from"])
    return Start("" if full else mark)


@dataclass(frozen=True, slots=True)
class Mark:
    """Of what there is one watermark: another mapping version makes it void."""

    system: str
    obj: str
    read: str
    mapping_version: str


def finish_read(db: Database, lease: Lease, read: str, *, stamp: str, mapping_version: str, at: datetime) -> None:
    """The read is complete: move the watermark to `stamp`, never back; LeaseLostError when the run was replaced."""
    with db.write(alone=False) as conn:
        run_lease.require(conn, lease)
        move_watermark(conn, Mark(lease.system, lease.obj, read, mapping_version), stamp, lease.run_id, at)


def forget_position(db: Database, lease: Lease, read: str) -> None:
    """The next run starts at the watermark again; LeaseLostError when the run was replaced."""
    table = schema.resume_position
    with db.write(alone=False) as conn:
        run_lease.require(conn, lease)
        same = (table.c.system == lease.system, table.c.obj == lease.obj, table.c.read == read)
        conn.execute(delete(table).where(*same))


def move_watermark(conn: Connection, mark: Mark, stamp: str, run_id: str, at: datetime) -> None:
    """Forget the read's resume position and move its watermark, never back, in the caller's transaction."""
    table = schema.resume_position
    same = (table.c.system == mark.system, table.c.obj == mark.obj, table.c.read == mark.read)
    conn.execute(delete(table).where(*same))
    if watermark(conn, mark.system, mark.obj, mark.read, mark.mapping_version) < stamp:
        upsert(conn, schema.watermark, [{**asdict(mark), "stamp": stamp, "run_id": run_id, "moved_at": at}])


def watermark(conn: Connection, system: str, obj: str, read: str, mapping_version: str) -> str:
    """Up to which stamp the read is stored with this mapping; empty: it never was."""
    mark = _row(conn, schema.watermark, system, obj, read)
    return mark["stamp"] if mark and mark["mapping_version"] == mapping_version else ""


def instant(at: datetime) -> str:
    """A time of the ERP's clock as change stamps are written."""
    return f"{at:%Y-%m-%dT%H:%M:%S.%fZ}"


@dataclass(frozen=True, slots=True)
class Started:
    """A run about to begin. `exclusive`: no other may work on the same object, or part of it, meanwhile."""

    system: str
    obj: str
    direction: str
    owner: str
    lease_s: float
    part: str = ""
    exclusive: bool = False
    prefect_run: str = ""


def begin_run(
    db: Database, run: Started, at: datetime, gone: Callable[[str], bool] = lambda owner: False
) -> Lease | Holder:
    """Note that a run has begun, alive for `lease_s`; or who works on the same object. See `run_lease.take`."""
    run_id = f"{at:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
    lease: Lease | Holder = Lease(run_id, run.system, run.obj, run.part)
    with db.write(alone=False) as conn:
        if run.exclusive and isinstance(lease, Lease):
            lease = run_lease.take(conn, lease, at, gone)
        if isinstance(lease, Lease):
            columns = {name: value for name, value in asdict(run).items() if name not in ("lease_s", "exclusive")}
            until = run_lease.moment(conn, at) + timedelta(seconds=run.lease_s)
            row = {**columns, "id": run_id, "started_at": at, "lease_until": until, "state": "running", "counts": {}}
            conn.execute(insert(schema.run).values(**row))
    return lease


def end_run(
    db: Database,
    lease: Lease,
    state: str,
    counts: Mapping[str, int],
    at: datetime,
    *,
    erp_time: datetime | None = None,
    error: dict[str, Any] | None = None,
) -> None:
    """Note how a run ended (done, failed, held or interrupted) and free its place, both or neither.

    LeaseLostError when another run took the place over; that one has noted this one as interrupted.
    """
    values = {"state": state, "counts": dict(counts), "finished_at": at, "erp_time": erp_time, "error": error}
    with db.write(alone=False) as conn:
        run_lease.require(conn, lease)
        conn.execute(update(schema.run).where(schema.run.c.id == lease.run_id).values(**values))
        run_lease.release(conn, lease)


def renew_run(db: Database, lease: Lease, now: datetime, seconds: float) -> bool:
    """The run is alive for so long from now; false when it was closed meanwhile."""
    with db.write(alone=False) as conn:
        return run_lease.renew(conn, lease, now, seconds)


def interrupt_stale_runs(db: Database, now: datetime) -> int:
    """Close every run whose process must be gone, since its lease is past; returns how many there were."""
    with db.read() as conn:
        if not run_lease.any_dead(conn, now):
            return 0
    with db.write(alone=False) as conn:
        return run_lease.close_dead(conn, now)


def alive_in_prefect(db: Database, now: datetime, rest: timedelta) -> set[str]:
    """Prefect's ids of the runs that hold a live lease, or gave one back less than `rest` ago and may take another."""
    table = schema.run
    with db.read() as conn:
        at = run_lease.moment(conn, now)
        alive = and_(table.c.state == "running", table.c.lease_until > at)
        between = and_(table.c.state != "interrupted", table.c.finished_at > at - rest)
        query = select(table.c.prefect_run).where(or_(alive, between))
        return set(conn.execute(query.where(table.c.prefect_run != "")).scalars())


def remember_companies(db: Database, system: str, companies: Mapping[str, Mapping[str, str]]) -> None:
    """Keep what the system's file says of its companies: local currency, time zone, country, name."""
    rows = [
        {"system": system, "company_code": code, "name": "", "country": "", **facts}
        for code, facts in companies.items()
    ]
    with db.read() as conn:
        table = schema.company
        have = {
            row["company_code"]: dict(row)
            for row in conn.execute(select(table).where(table.c.system == system)).mappings()
        }
    new = [row for row in rows if have.get(row["company_code"]) != row]
    if new:
        with db.write(alone=False) as conn:
            upsert(conn, schema.company, new)


class PathFill:
    """How often each mapped source path was filled in the newest rows of a read.

    *Used*: filled in 5 % or more of them. *Emptied*: used, and empty in a whole page of many rows.
    """

    WINDOW = 1000
    SHARE = 0.05
    MANY = 200

    def __init__(self, db: Database, system: str, obj: str, read: str) -> None:
        self._db, self._system, self._obj, self._read = db, system, obj, read
        with db.read() as conn:
            table = schema.path_fill
            same = (table.c.system == system, table.c.obj == obj, table.c.read == read)
            rows = conn.execute(select(table).where(*same)).mappings()
            self._fill = {row["path"]: (row["filled"], row["seen"]) for row in rows}

    def used(self, path: str) -> bool:
        """Whether the path used to be filled."""
        filled, seen = self._fill.get(path, (0, 0))
        return bool(seen) and filled >= seen * self.SHARE

    def emptied(self, path: str, rows: int) -> bool:
        """Whether it says something that the path is empty in a whole page of so many rows."""
        return rows >= self.MANY and self.used(path)

    def note(self, filled: Mapping[str, int], rows: int) -> None:
        """Add a page; older rows fade as the window fills."""
        for path, count in filled.items():
            have, seen = self._fill.get(path, (0, 0))
            keep = max(0, self.WINDOW - rows)
            if seen > keep:
                have, seen = have * keep // seen, keep
            self._fill[path] = (have + count, seen + rows)

    def save(self) -> None:
        rows = [
            {"system": self._system, "obj": self._obj, "read": self._read, "path": path, "filled": filled, "seen": seen}
            for path, (filled, seen) in sorted(self._fill.items())  # several runs lock rows in the same order
        ]
        if rows:
            with self._db.write(alone=False) as conn:
                upsert(conn, schema.path_fill, rows)


def last_done(db: Database, system: str, obj: str) -> datetime | None:
    """When the newest pull of an object began that ended well."""
    table = schema.run
    mine = (table.c.system == system, table.c.obj == obj, table.c.direction == "pull", table.c.state == "done")
    with db.read() as conn:
        return conn.execute(select(func.max(table.c.started_at)).where(*mine)).scalar()


def save_reconciliation(
    db: Database, system: str, obj: str, run_id: str, at: datetime, compared: int, differences: list[dict[str, Any]]
) -> None:
    """Keep what a reconciliation found: the newest one stands on the overview."""
    row = {"system": system, "obj": obj, "run_id": run_id, "at": at, "compared": compared, "differences": differences}
    with db.write(alone=False) as conn:
        conn.execute(insert(schema.reconciliation).values(**row))


def newest_runs(db: Database, system: str) -> list[dict[str, Any]]:
    """The newest run of each (object, direction) of a system."""
    table = schema.run
    newest = (
        select(table.c.obj, table.c.direction, func.max(table.c.started_at).label("started_at"))
        .where(table.c.system == system)
        .group_by(table.c.obj, table.c.direction)
        .subquery()
    )
    query = select(table).join(
        newest,
        (table.c.obj == newest.c.obj)
        & (table.c.direction == newest.c.direction)
        & (table.c.started_at == newest.c.started_at),
    )
    with db.read() as conn:
        return [dict(row) for row in conn.execute(query.where(table.c.system == system)).mappings()]


def _row(conn: Connection, table: Table, system: str, obj: str, read: str) -> Mapping[str, Any] | None:
    query = select(table).where(table.c.system == system, table.c.obj == obj, table.c.read == read)
    row = conn.execute(query).mappings().first()
    return None if row is None else dict(row)
