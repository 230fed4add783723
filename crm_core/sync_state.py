"""How far each read has come, and what each run did.

A *watermark* is the stamp up to which a read is safely stored: where the next run starts. A *resume position* is where
a killed run goes on; it is gone when the read ends. Another mapping version makes both void: everything is read again.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from crm_core import schema
from crm_core.database import Database
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
    """Where this read must start; `full` forgets the watermark, not a resume position of the same mapping."""
    with db.read() as conn:
        position = _row(conn, schema.resume_position, system, obj, read)
        mark = _row(conn, schema.watermark, system, obj, read)
    if position and position["mapping_version"] == mapping_version:
        return Start(position["since"], position["stamp"], position["key"], position["read_from"])
    if full or not mark or mark["mapping_version"] != mapping_version:
        return Start("")
    return Start(mark["stamp"])


def finish_read(
    db: Database, system: str, obj: str, read: str, *, stamp: str, mapping_version: str, run_id: str, at: datetime
) -> None:
    """The read is complete: move the watermark to `stamp` (never back) and forget the resume position."""
    with db.write() as conn:
        table = schema.resume_position
        conn.execute(delete(table).where(table.c.system == system, table.c.obj == obj, table.c.read == read))
        mark = _row(conn, schema.watermark, system, obj, read)
        if mark and mark["mapping_version"] == mapping_version and mark["stamp"] >= stamp:
            return
        row = {
            "system": system,
            "obj": obj,
            "read": read,
            "stamp": stamp,
            "mapping_version": mapping_version,
            "run_id": run_id,
            "moved_at": at,
        }
        upsert(conn, schema.watermark, [row])


def begin_run(db: Database, system: str, obj: str, direction: str, at: datetime) -> str:
    """Note that a run has begun; its id goes with every call and every row."""
    run_id = f"{at:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
    row = {"id": run_id, "system": system, "obj": obj, "direction": direction, "started_at": at}
    with db.write() as conn:
        conn.execute(insert(schema.run).values(**row, state="running", counts={}))
    return run_id


def end_run(
    db: Database,
    run_id: str,
    state: str,
    counts: Mapping[str, int],
    at: datetime,
    *,
    erp_time: datetime | None = None,
    error: dict[str, Any] | None = None,
) -> None:
    """Note how a run ended: done, failed, held or interrupted."""
    values = {"state": state, "counts": dict(counts), "finished_at": at, "erp_time": erp_time, "error": error}
    with db.write() as conn:
        conn.execute(update(schema.run).where(schema.run.c.id == run_id).values(**values))


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
        with db.write() as conn:
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
            for path, (filled, seen) in self._fill.items()
        ]
        if rows:
            with self._db.write() as conn:
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
    with db.write() as conn:
        conn.execute(insert(schema.reconciliation).values(**row))


def interrupt_stale_runs(db: Database, system: str, now: datetime, older_than: timedelta) -> int:
    """Runs still 'running' whose process must be gone: they are marked interrupted. Returns how many."""
    table = schema.run
    stale = table.c.started_at < now - older_than
    with db.write() as conn:
        done = conn.execute(
            update(table)
            .where(table.c.system == system, table.c.state == "running", stale)
            .values(state="interrupted", finished_at=now)
        )
    return done.rowcount


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
