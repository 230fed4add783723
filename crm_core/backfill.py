"""The first read of an object in parts, so that several workers share it: what is planned, done and where each stands.

Parts are disjoint and together the whole read. Each has its own lease and resume position. When the last one is done
the watermark becomes what one undisturbed read would have left: the ERP's time when the first part's read began.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from crm_core import run_lease, schema, sync_state
from crm_core.database import Database
from crm_core.errors import LeaseLostError
from crm_core.run_lease import Lease

_HEAD, _PART = schema.backfill, schema.backfill_part


@dataclass(frozen=True, slots=True)
class Plan:
    """How an object is split: by what, the read that is, and reads that need no first run of their own afterwards.

    `parts`: bounds by name; what a bound means is the connector's.
    """

    system: str
    obj: str
    by: str
    read: str
    covers: Sequence[str]
    mapping_version: str
    parts: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Part:
    """A share of a read and how far it has come."""

    system: str
    obj: str
    name: str
    bounds: Mapping[str, Any]
    done: bool
    stamp: str
    key: str
    read_from: datetime | None
    records: int
    by: str
    read: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an object's backfill has come; `open`: some part is still to be read."""

    obj: str
    by: str
    done: int
    parts: int
    records: int
    open: bool


def plan(db: Database, plan: Plan, at: datetime) -> bool:
    """Note a backfill; false when one of the same mapping is open: that one goes on as it was planned."""
    head = {"system": plan.system, "obj": plan.obj, "read": plan.read, "covers": list(plan.covers), "by": plan.by}
    with db.write() as conn:
        have = _head(conn, plan.system, plan.obj)
        if have and have["finished_at"] is None and have["mapping_version"] == plan.mapping_version:
            return False
        _forget(conn, plan.system, plan.obj)
        conn.execute(insert(_HEAD).values(**head, mapping_version=plan.mapping_version, planned_at=at))
        fresh = {"done": False, "stamp": "", "key": "", "newest": "", "read_from": None, "records": 0}
        rows = [
            {"system": plan.system, "obj": plan.obj, "name": name, "seq": seq, "bounds": dict(bounds), **fresh}
            for seq, (name, bounds) in enumerate(plan.parts.items())
        ]
        conn.execute(insert(_PART), rows)
    return True


def abandon(db: Database, system: str, obj: str) -> bool:
    """Forget an open backfill: the next pull reads everything itself. What is stored stays."""
    with db.write() as conn:
        head = _head(conn, system, obj)
        if head is None or head["finished_at"] is not None:
            return False
        _forget(conn, system, obj)
    return True


def _forget(conn: Connection, system: str, obj: str) -> None:
    for table in (_PART, _HEAD):
        conn.execute(delete(table).where(table.c.system == system, table.c.obj == obj))


def standing(db: Database, system: str, obj: str = "") -> list[Standing]:
    """The newest backfill of each object, or of one."""
    counts = (func.count(), func.count().filter(_PART.c.done), func.sum(_PART.c.records))
    same = (_HEAD.c.system == _PART.c.system) & (_HEAD.c.obj == _PART.c.obj)
    query = select(_HEAD.c.obj, _HEAD.c.by, _HEAD.c.finished_at, *counts).join(_PART, same)
    query = query.where(_HEAD.c.system == system, *([_HEAD.c.obj == obj] if obj else []))
    with db.read() as conn:
        rows = list(conn.execute(query.group_by(_HEAD.c.obj, _HEAD.c.by, _HEAD.c.finished_at)))
    return [
        Standing(name, by, int(finished), int(parts), int(records), ended is None)
        for name, by, ended, parts, finished, records in rows
    ]


def stands_for_pull(db: Database, system: str, obj: str, mapping_version: str) -> Standing | None:
    """The open backfill that does what a pull would have to: read everything for the first time with this mapping."""
    with db.read() as conn:
        head = _head(conn, system, obj)
        if head is None or head["finished_at"] is not None or head["mapping_version"] != mapping_version:
            return None
        if not head["read"]:  # its one part is a pull itself
            return None
        if sync_state.watermark(conn, system, obj, head["read"], mapping_version):
            return None
    return next(iter(standing(db, system, obj)), None)


def parts(db: Database, system: str, mapping_version: str, objects: Sequence[str] = ()) -> list[Part]:
    """The parts of open backfills with this mapping that are still to be read, in the order of their plan."""
    where = (_HEAD.c.finished_at.is_(None), _HEAD.c.mapping_version == mapping_version, ~_PART.c.done)
    query = _parts(system).where(*where).order_by(_PART.c.obj, _PART.c.seq)
    if objects:
        query = query.where(_PART.c.obj.in_(objects))
    with db.read() as conn:
        return [Part(**row) for row in conn.execute(query).mappings()]


def part(db: Database, system: str, obj: str, name: str) -> Part | None:
    """One part as it stands now."""
    with db.read() as conn:
        query = _parts(system).where(_PART.c.obj == obj, _PART.c.name == name)
        row = conn.execute(query).mappings().first()
    return None if row is None else Part(**row)


def _parts(system: str) -> Any:
    names = ("system", "obj", "name", "bounds", "done", "stamp", "key", "read_from", "records")
    same = (_HEAD.c.system == _PART.c.system) & (_HEAD.c.obj == _PART.c.obj)
    return (
        select(*(_PART.c[name] for name in names), _HEAD.c.by, _HEAD.c.read)
        .join(_HEAD, same)
        .where(_PART.c.system == system)
    )


def save_position(
    conn: Connection, lease: Lease, stamp: str, key: str, read_from: datetime | None, records: int
) -> None:
    """How far a part has come, with the rows of its page; LeaseLostError when the backfill was abandoned."""
    values = {"stamp": stamp, "key": key, "read_from": read_from, "records": _PART.c.records + records}
    if not conn.execute(update(_PART).where(*_at(lease, lease.part)).values(**values)).rowcount:
        raise LeaseLostError("backfill-abandoned", system=lease.system, object=lease.obj)


def restart_part(db: Database, lease: Lease) -> None:
    """The next run reads the part from its beginning; LeaseLostError when another run took it over."""
    values = {"stamp": "", "key": "", "read_from": None, "records": 0}
    with db.write(alone=False) as conn:
        run_lease.require(conn, lease)
        conn.execute(update(_PART).where(*_at(lease, lease.part)).values(**values))


def finish_part(
    db: Database, lease: Lease, name: str, newest: str, read_from: datetime | None, at: datetime, records: int = 0
) -> None:
    """The part is read to its end; the last one moves the watermarks and closes the backfill.

    LeaseLostError when another run took it over, or the backfill was abandoned.
    """
    with db.write(alone=False) as conn:
        run_lease.require(conn, lease)
        mine = (_HEAD.c.system == lease.system, _HEAD.c.obj == lease.obj)
        head = conn.execute(select(_HEAD).where(*mine).with_for_update()).mappings().first()
        counted = {"records": _PART.c.records + records}
        values = {"done": True, "newest": newest, "read_from": read_from, **counted}
        if head is None or not conn.execute(update(_PART).where(*_at(lease, name)).values(**values)).rowcount:
            raise LeaseLostError("backfill-abandoned", system=lease.system, object=lease.obj)
        _close(conn, dict(head), lease.run_id, at)


def _close(conn: Connection, head: Mapping[str, Any], run_id: str, at: datetime) -> None:
    """When every part is done."""
    mine = (_PART.c.system == head["system"], _PART.c.obj == head["obj"])
    if conn.execute(select(_PART.c.name).where(*mine, ~_PART.c.done).limit(1)).first():
        return
    parts = conn.execute(select(_PART.c.newest, _PART.c.read_from).where(*mine)).all()
    if head["read"]:
        newest, cap = max(row.newest for row in parts), sync_state.instant(min(row.read_from for row in parts))
        for read in (head["read"], *head["covers"]):
            mark = sync_state.Mark(head["system"], head["obj"], read, head["mapping_version"])
            sync_state.move_watermark(conn, mark, min(newest, cap) if read == head["read"] else cap, run_id, at)
    same = (_HEAD.c.system == head["system"], _HEAD.c.obj == head["obj"])
    conn.execute(update(_HEAD).where(*same).values(finished_at=at))


def _at(lease: Lease, name: str) -> tuple[Any, ...]:
    return (_PART.c.system == lease.system, _PART.c.obj == lease.obj, _PART.c.name == name)


def _head(conn: Connection, system: str, obj: str) -> Mapping[str, Any] | None:
    query = select(_HEAD).where(_HEAD.c.system == system, _HEAD.c.obj == obj)
    row = conn.execute(query).mappings().first()
    return None if row is None else dict(row)
