"""The rows of a database as text that any database of ours takes in again: exact amounts, stamps and structures.

A table is a line with its column names, then a line a row, each a JSON array. Amounts are text, dates and times ISO,
structures the text that is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import (
    Boolean,
    Connection,
    Date,
    Integer,
    MetaData,
    Table,
    column,
    func,
    inspect,
    literal_column,
    select,
    table,
)
from sqlalchemy.sql.expression import TableClause
from sqlalchemy.types import Text

from crm_core import schema
from crm_core.audit import schema_is_postgres
from crm_core.database import MIGRATIONS, Database
from crm_core.errors import StoreError

CHUNK = 2000
"""Rows at a time, read or written."""
_UNIMPORTANT = {"installation", "audit", "adoption"}
"""Tables that every new database fills by itself."""
_KINDS: tuple[tuple[type[Any], type[Any]], ...] = (
    (schema.Amount, Decimal),
    (schema.Stamp, datetime),
    (Date, date),
    (Boolean, bool),
    (Integer, int),
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One consistent state: `version` of the tables, which there are, and what the installation says."""

    version: str
    tables: tuple[str, ...]
    environment: str
    prefix: str
    conn: Connection

    def rows(self, name: str) -> Iterator[bytes]:
        """The lines of a table, in chunks of many."""
        names = _columns(self.conn, name)
        shape, encode = _shape(name, names), msgspec.json.Encoder().encode
        yield encode([str(part) for part in names]) + b"\n"
        found = self.conn.execute(select(shape).execution_options(yield_per=CHUNK))
        for some in found.partitions():
            yield b"".join(encode(tuple(row)) + b"\n" for row in some)


@contextmanager
def taken(db: Database) -> Iterator[Snapshot]:
    """A snapshot that stays as it is while others write. Raises StoreError when there is nothing to take."""
    with db.read() as conn:
        have = set(inspect(conn).get_table_names())
        if schema.installation.name not in have:
            raise StoreError("snapshot-nothing", place=str(db.place))
        version = str(conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())
        here = conn.execute(select(*schema.installation.c["environment", "prefix"])).first()
        names = tuple(one.name for one in schema.metadata.sorted_tables if one.name in have)
        environment, prefix = (here.environment, here.prefix) if here else ("", "")
        yield Snapshot(version, names, environment, prefix, conn)


def is_empty(conn: Connection) -> bool:
    """Whether there is nothing but what a new database fills by itself."""
    have = set(inspect(conn).get_table_names())
    important = [one for one in schema.metadata.sorted_tables if one.name in have - _UNIMPORTANT]
    return all(conn.execute(select(one.primary_key.columns[0]).limit(1)).first() is None for one in important)


def start_over(conn: Connection, version: str) -> None:
    """Drop every table of ours and make those of `version`, without rows, in the caller's transaction."""
    have = set(inspect(conn).get_table_names())
    ours = [*reversed(schema.metadata.sorted_tables), Table("alembic_version", MetaData())]
    for one in ours:
        if one.name in have:
            one.drop(conn)
    migrate(conn, version)


def migrate(conn: Connection, version: str) -> None:
    """Bring the tables to a version, in the caller's transaction."""
    from alembic import command  # slow to import
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = conn
    command.upgrade(config, version)


def load(conn: Connection, name: str, lines: Iterable[bytes]) -> int:
    """Put the rows of a table in; returns how many. Raises StoreError for lines that are none of that table."""
    feed = iter(lines)
    names = _names(conn, name, next(feed, b""))
    kinds = tuple(_kind(schema.metadata.tables[name].c[part]) for part in names)
    decode = msgspec.json.Decoder(tuple.__class_getitem__(kinds)).decode
    statement, bound = _insert(conn, name, names)
    count = 0
    while some := list(islice(feed, CHUNK)):
        try:
            rows = [bound(decode(line)) for line in some]
        except msgspec.MsgspecError as exc:
            raise StoreError("snapshot-row", table=name, line=str(count + 2), why=str(exc)) from exc
        conn.exec_driver_sql(statement, rows)
        count += len(rows)
    _go_on_numbering(conn, name)
    return count


def _insert(
    conn: Connection, name: str, names: Sequence[str]
) -> tuple[str, Callable[[Sequence[Any]], tuple[Any, ...]]]:
    """The statement for many rows, and how the driver wants one: quicker than a statement of SQLAlchemy's."""
    dialect, quoted = conn.dialect, conn.dialect.identifier_preparer.quote
    mark = "?" if dialect.paramstyle == "qmark" else "%s"
    into = f"{quoted(name)} ({', '.join(map(quoted, names))})"
    found = [part.type.dialect_impl(dialect).bind_processor(dialect) for part in _shape(name, names).columns]
    steps = [step or _as_it_is for step in found]

    def bound(row: Sequence[Any]) -> tuple[Any, ...]:
        return tuple([step(value) for step, value in zip(steps, row, strict=True)])

    return f"INSERT INTO {into} VALUES ({', '.join([mark] * len(names))})", bound


def _as_it_is(value: Any) -> Any:
    return value


def _names(conn: Connection, name: str, line: bytes) -> list[str]:
    """The columns that the first line names; all of them must be there."""
    try:
        names = msgspec.json.decode(line, type=list[str])
    except msgspec.MsgspecError as exc:
        raise StoreError("snapshot-row", table=name, line="1", why=str(exc)) from exc
    unknown = set(names) - set(_columns(conn, name))
    if not names or len(set(names)) != len(names) or unknown:
        raise StoreError("snapshot-row", table=name, line="1", why=", ".join(sorted(unknown)) or "-")
    return names


def _columns(conn: Connection, name: str) -> list[str]:
    """Columns that the table has in this database (it may be older than this program) and that we know."""
    have = set(conn.execute(select(literal_column("*")).select_from(table(name)).limit(0)).keys())
    return [part.name for part in schema.metadata.tables[name].columns if part.name in have]


def _shape(name: str, names: Sequence[str]) -> TableClause:
    """These columns of the table, structures as the text they are."""
    kept = (schema.metadata.tables[name].c[part] for part in names)
    return table(name, *(column(p.name, Text if isinstance(p.type, schema.Json) else p.type) for p in kept))


def _kind(part: Any) -> Any:
    """What a cell of this column is in Python; None only where the column allows it."""
    kind = next((python for sql, python in _KINDS if isinstance(part.type, sql)), str)
    return kind | None if part.nullable else kind


def _go_on_numbering(conn: Connection, name: str) -> None:
    """PostgreSQL counts ids beside the table; rows that brought theirs do not move the count."""
    counted = schema.metadata.tables[name].autoincrement_column
    if counted is None or not schema_is_postgres(conn):
        return
    following = func.coalesce(select(func.max(counted)).scalar_subquery(), 0) + 1
    conn.execute(select(func.setval(func.pg_get_serial_sequence(name, counted.name), following, False)))
