"""Who changed what, when, by which run and mapping: one entry a page or action, hash-chained.

An entry's hash covers its content and the hash before it, so a row changed or removed afterwards breaks the chain.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from crm_core import schema
from crm_core.schema import stamp_text


def append(
    conn: Connection,
    *,
    at: datetime,
    actor: str,
    action: str,
    obj: str,
    system: str = "",
    run_id: str = "",
    mapping_version: str = "",
    detail: dict[str, Any],
) -> None:
    """Add an entry inside the caller's transaction; `detail` holds keys, and fields as [from, to].

    Nobody else can append until that ends, so a transaction that is not alone appends last.
    """
    if schema_is_postgres(conn):
        conn.exec_driver_sql("SELECT pg_advisory_xact_lock(4711)")  # one appender at a time keeps the chain a line
    last = conn.execute(select(schema.audit.c.hash).order_by(schema.audit.c.id.desc()).limit(1)).scalar() or ""
    row = {
        "at": at,
        "actor": actor,
        "action": action,
        "obj": obj,
        "system": system,
        "run_id": run_id,
        "mapping_version": mapping_version,
        "detail": detail,
        "previous": last,
    }
    conn.execute(insert(schema.audit).values(**row, hash=_hash(row)))


def verify(conn: Connection) -> list[int]:
    """Ids of entries where the chain breaks; empty when nothing was tampered with."""
    broken, previous = [], ""
    for row in conn.execute(select(schema.audit).order_by(schema.audit.c.id)).mappings():
        content = {name: row[name] for name in row if name not in ("id", "hash")}
        if row["previous"] != previous or row["hash"] != _hash(content):
            broken.append(row["id"])
        previous = row["hash"]
    return broken


def schema_is_postgres(conn: Connection) -> bool:
    """Whether this connection speaks to PostgreSQL."""
    return conn.dialect.name == "postgresql"


def _hash(row: dict[str, Any]) -> str:
    plain = {**row, "at": stamp_text(row["at"])}
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()
