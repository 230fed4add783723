"""How old what receivables are told from is, and whether a reconciliation vouches for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, select

from crm_core import schema


def systems(conn: Connection, system: str) -> list[str]:
    """Systems that have receivables, or the one asked for."""
    if system:
        return [system]
    tables = (schema.open_item, schema.payment)
    return sorted({name for table in tables for name in conn.execute(select(table.c.system).distinct()).scalars()})


def _objects(conn: Connection, names: list[str]) -> Iterator[tuple[str, str]]:
    """(system, object) of what receivables are made of: open items, and whatever else was ever read for them."""
    run = schema.run
    for system in names:
        reads = (run.c.direction.in_(("pull", "backfill")), run.c.obj.in_(("payments", "applications")))
        others = conn.execute(select(run.c.obj).where(run.c.system == system, *reads).distinct()).scalars()
        yield from ((system, obj) for obj in ("open_items", *sorted(others)))


def verified_through(conn: Connection, names: list[str]) -> datetime | None:
    """The oldest of the systems' newest reconciliations, if every one was clean."""
    table, found = schema.reconciliation, []
    for system, obj in _objects(conn, names):
        same = (table.c.system == system, table.c.obj == obj)
        row = conn.execute(
            select(table.c.at, table.c.differences).where(*same).order_by(table.c.at.desc()).limit(1)
        ).first()
        if row is None or row.differences:
            return None
        found.append(row.at)
    return min(found, default=None)


def read_at(conn: Connection, names: list[str]) -> datetime | None:
    """When the receivables of the system read longest ago were read, by the ERP's clock."""
    table, found = schema.run, []
    for system, obj in _objects(conn, names):
        same = (
            table.c.system == system,
            table.c.obj == obj,
            table.c.direction == "pull",
            table.c.state == "done",
        )
        query = select(table.c.erp_time, table.c.started_at).where(*same).order_by(table.c.started_at.desc()).limit(1)
        row = conn.execute(query).first()
        if row is None:
            return None
        found.append(row.erp_time or row.started_at)
    return min(found, default=None)
