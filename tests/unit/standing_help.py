"""Rows as runs, entries and reconciliations leave them, for what shows how things stand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, update

from config.settings import Settings
from config.wiring import open_database
from crm_core import outbox_entry, schema
from crm_core.database import Database

NOW = datetime(2026, 3, 31, 10, 15, tzinfo=UTC)


def new_database(settings: Settings) -> None:
    """An empty one, of an armed installation."""
    open_database(settings).dispose()


def add_run(db: Database, run_id: str, state: str, *, minutes_ago: float = 5, obj: str = "orders", **more: Any) -> None:
    started = NOW - timedelta(minutes=minutes_ago)
    row = {"system": "erp1", "obj": obj, "direction": "pull", "state": state, "counts": {"read": 1200, "created": 3}}
    row |= {"started_at": started, "finished_at": None if state == "running" else started + timedelta(seconds=7)}
    with db.write() as conn:
        conn.execute(insert(schema.run).values({"id": run_id, **row, **more}))


def add_entry(db: Database, key: str, state: str, *, minutes_ago: float = 5) -> None:
    made = {"system": "erp1", "obj": "orders", "crm_id": "Q1", "document": {}, "by": "sam", "action": "create"}
    with db.write() as conn:
        outbox_entry.enqueue(conn, key=key, version=1, now=NOW - timedelta(minutes=minutes_ago), **made)
        conn.execute(update(schema.outbox).where(schema.outbox.c.key == key).values(state=state))


def add_reconciliation(db: Database, differences: int) -> None:
    row = {"system": "erp1", "obj": "orders", "run_id": "r", "at": NOW - timedelta(hours=2), "compared": 7}
    with db.write() as conn:
        conn.execute(insert(schema.reconciliation).values(**row, differences=[{"key": "1"}] * differences))
