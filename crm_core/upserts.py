"""Small writes that both databases share: insert or overwrite a row, draw the next number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from crm_core import schema


def upsert(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, change: bool = True) -> None:
    """Insert rows by the table's primary key; overwrite what is there already, or with `change=False` leave it."""
    if not rows:
        return
    insert = (sqlite if conn.dialect.name == "sqlite" else postgresql).insert(table)
    key = [column.name for column in table.primary_key]
    others = {name: insert.excluded[name] for name in rows[0] if name not in key}
    if change and others:
        statement = insert.on_conflict_do_update(index_elements=key, set_=others)
    else:
        statement = insert.on_conflict_do_nothing(index_elements=key)
    conn.execute(statement, list(rows))


def next_value(conn: Connection, name: str) -> int:
    """The next value of a sequence, from 1; gone again when the transaction is rolled back."""
    table = schema.sequence
    upsert(conn, table, [{"name": name, "value": 0}], change=False)
    conn.execute(update(table).where(table.c.name == name).values(value=table.c.value + 1))
    return int(conn.execute(select(table.c.value).where(table.c.name == name)).scalar_one())
