"""What a database holds, to be compared: everything but the bookkeeping of when, and by which run, it came there."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from crm_core import audit, schema
from crm_core.database import Database

Rows = dict[str, list[tuple[str, ...]]]

RUNS = {"run", "path_fill", "watermark", "run_lease", "backfill", "backfill_part"}
"""Tables that every run writes to: which there were, how far they read, how often paths were filled in that."""

WHEN = {
    "audit": {"id", "at", "run_id", "previous", "hash"},
    "dead_letter": {"id", "run_id", "first_seen", "last_seen", "times"},
    "order_event": {"id", "at"},
    "external_ref": {"linked_at"},
    "customer": {"created_at", "updated_at"},
    "mapping_version": {"published_at"},
    "installation": {"place", "doubted_at"},
    **{table: {"seen_at"} for table in schema.ERP_TABLES.values()},
}
"""Columns that tell when and by which run a row came, by table; two databases pulled apart differ in them."""


def rows(db: Database, *, with_times: bool = False) -> Rows:
    """Every row of every table but RUNS as text, sorted; without the columns of WHEN, unless `with_times`."""
    found: Rows = {}
    with db.read() as conn:
        for table in schema.metadata.sorted_tables:
            if table.name in RUNS:
                continue
            left_out = set() if with_times else WHEN.get(table.name, set())
            columns = [column for column in table.columns if column.name not in left_out]
            found[table.name] = sorted(tuple(map(_text, row)) for row in conn.execute(select(*columns)))
    return found


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def differences(one: Rows, other: Rows) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """By table: rows that only the first ('-') or only the second ('+') has; equal tables are left out."""
    found = {}
    for table, mine in one.items():
        theirs = other[table]
        missing, added = set(mine) - set(theirs), set(theirs) - set(mine)
        if missing or added or len(mine) != len(theirs):
            found[table] = [*(("-", row) for row in sorted(missing)), *(("+", row) for row in sorted(added))][:6]
    return found


def broken_audit(db: Database) -> list[int]:
    with db.read() as conn:
        return audit.verify(conn)
