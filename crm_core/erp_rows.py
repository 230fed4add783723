"""Rows of one pulled object: the hot path from records to tables, in plain SQL with tuples.

Measured reason: building statements row by row costs more than the database itself (docs/adr/0004).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import astuple
from sqlalchemy import Connection

from crm_core import model, schema
from crm_core.clearing_book import document_of
from crm_core.intake import Taken, refuse_unstorable

Row = tuple[Any, ...]
_CHUNK = 500


class Known(NamedTuple):
    """What the table holds of a key: the hash of its content and the ERP's stamp as the database has it."""

    row_hash: str
    stamp: Any

    @property
    def changed_at(self) -> str:
        """The ERP's stamp as text; empty: none."""
        return schema.stamp_text(self.stamp) if isinstance(self.stamp, datetime) else self.stamp or ""


class Seen(NamedTuple):
    """With what a row is stored: which mapping made it, and when it was read."""

    system: str
    mapping_version: str
    at: str


class ErpRows:
    """Reads and writes the table of one object, and its children, for one kind of database."""

    def __init__(self, obj: str, paramstyle: str) -> None:
        self.obj = obj
        self.table = schema.ERP_TABLES[obj]
        self._mark = "?" if paramstyle == "qmark" else "%s"
        self._fields = [
            name for name, _, _ in schema.plain_fields(model.PULLED[obj]) if name not in ("changed_at", "custom")
        ]
        self._extra = ("document_key",) if obj == "open_items" else ()
        self._children = [
            _Child(
                schema.CHILD_TABLES[obj, name], name, [field for field, _, _ in schema.plain_fields(kind)], self._mark
            )
            for name, kind in schema.child_fields(model.PULLED[obj])
        ]
        self._get = attrgetter(*self._fields)
        columns = ["system", "key", "changed_at", "custom", *self._fields, *self._extra, *schema.BOOKKEEPING]
        self.columns = columns
        self._upsert = _upsert_sql(self.table, columns, ("system", "key"), self._mark)

    def known(self, conn: Connection, system: str, keys: Sequence[str]) -> dict[str, Known]:
        """What is stored of `keys`."""
        found: dict[str, Known] = {}
        for chunk in _chunks(keys):
            marks = ",".join([self._mark] * len(chunk))
            where = f"system = {self._mark} AND key IN ({marks})"
            sql = f"SELECT key, row_hash, changed_at FROM {self.table} WHERE {where}"
            for key, digest, stamp in conn.exec_driver_sql(sql, (system, *chunk)).all():
                found[key] = Known(digest, stamp)
        return found

    def rows(self, conn: Connection, system: str, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The stored columns of `keys`, as the database has them: for the audit's from -> to."""
        names = [name for name in self.columns if name not in schema.BOOKKEEPING]
        found: dict[str, dict[str, Any]] = {}
        for chunk in _chunks(keys):
            marks = ",".join([self._mark] * len(chunk))
            where = f"system = {self._mark} AND key IN ({marks})"
            sql = f"SELECT {','.join(map(_quoted, names))} FROM {self.table} WHERE {where}"
            for row in conn.exec_driver_sql(sql, (system, *chunk)):
                found[row[1]] = dict(zip(names, row, strict=True))
        return found

    def write(self, conn: Connection, seen: Seen, taken: Iterable[Taken], replaced: Sequence[str]) -> None:
        """Upsert records with their digests; the children of `replaced` parents are deleted first."""
        rows: list[Row] = []
        children: list[tuple[_Child, list[Row]]] = [(child, []) for child in self._children]
        for item in taken:
            rows.append(self._row(seen, item))
            for child, child_rows in children:
                child_rows += child.rows(seen.system, item.key, item.record)
        conn.exec_driver_sql(self._upsert, _as_text(rows))
        for child, child_rows in children:
            child.write(conn, seen.system, replaced, child_rows)

    def delete(self, conn: Connection, system: str, keys: Sequence[str]) -> None:
        """Remove these keys with their children."""
        for child in self._children:
            child.delete(conn, system, keys)
        conn.exec_driver_sql(
            f"DELETE FROM {self.table} WHERE system = {self._mark} AND key = {self._mark}",
            [(system, key) for key in keys],
        )

    def _row(self, seen: Seen, item: Taken) -> Row:
        record = item.record
        extra = (document_of(item.key),) if self._extra else ()
        return (
            seen.system,
            item.key,
            stamp_or_none(record.changed_at),
            json.dumps(record.custom, ensure_ascii=False, sort_keys=True) if record.custom else "{}",
            *self._get(record),
            *extra,
            item.digest,
            seen.mapping_version,
            seen.at,
        )


def hasher(mapping_version: str) -> Callable[[dict[str, Any]], str]:
    """Hashes what a mapping made of a record, and which mapping it was: unequal means there is something to write.

    IntakeError for a text that has no UTF-8.
    """
    encode = msgspec.msgpack.Encoder().encode
    keyed = hashlib.blake2b(digest_size=16, key=mapping_version.encode()[:64])

    def row_hash(values: dict[str, Any]) -> str:
        digest = keyed.copy()
        try:
            digest.update(encode(values))
        except UnicodeEncodeError:
            refuse_unstorable(values)
            raise
        return digest.hexdigest()

    return row_hash


def stamp_or_none(at: datetime | None) -> str | None:
    """An aware time as the sortable text of `schema.Stamp`."""
    return None if at is None else schema.stamp_text(at)


class _Child:
    def __init__(self, table: str, name: str, fields: list[str], mark: str) -> None:
        self._lines = attrgetter(name)
        columns = ["system", "parent", "seq", *fields]
        marks = ",".join([mark] * len(columns))
        self._insert = f"INSERT INTO {table} ({','.join(map(_quoted, columns))}) VALUES ({marks})"
        self._delete = f"DELETE FROM {table} WHERE system = {mark} AND parent = {mark}"

    def rows(self, system: str, parent: str, record: model.Record) -> list[Row]:
        """A line's own columns are its fields, in their order."""
        return [(system, parent, seq, *astuple(line)) for seq, line in enumerate(self._lines(record))]

    def write(self, conn: Connection, system: str, replaced: Sequence[str], rows: list[Row]) -> None:
        self.delete(conn, system, replaced)
        if rows:
            conn.exec_driver_sql(self._insert, _as_text(rows))

    def delete(self, conn: Connection, system: str, parents: Sequence[str]) -> None:
        if parents:
            conn.exec_driver_sql(self._delete, [(system, parent) for parent in parents])


def _as_text(rows: list[Row]) -> list[Row]:
    """The same rows with amounts and days as text, which every database takes; at once, because that is fastest."""
    texts: list[Row] = msgspec.to_builtins(rows)
    return texts


def _upsert_sql(table: str, columns: Sequence[str], key: Sequence[str], mark: str) -> str:
    sets = ",".join(f"{_quoted(name)} = excluded.{_quoted(name)}" for name in columns if name not in key)
    marks = ",".join([mark] * len(columns))
    return (
        f"INSERT INTO {table} ({','.join(map(_quoted, columns))}) VALUES ({marks}) "
        f"ON CONFLICT ({','.join(key)}) DO UPDATE SET {sets}"
    )


def _quoted(name: str) -> str:
    return f'"{name}"'


def _chunks(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    return (keys[start : start + _CHUNK] for start in range(0, len(keys), _CHUNK))
