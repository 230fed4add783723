"""Migrations on a million rows: forward and back, nothing lost, in a time that fits an upgrade in the lunch break."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Column, Connection, Table, func, select

from crm_core import schema
from crm_core.database import Database, versions
from tests.databases import Databases
from tests.unit.test_migrations import tables_at

pytestmark = pytest.mark.soak

ROWS = {"run": 250_000, "audit": 250_000, "erp_order": 250_000, "account_line": 250_000}
LONGEST_S = 120
NUMBERS = {
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) ",
    "postgresql": "WITH s(n) AS (SELECT generate_series(1, {count})) ",
}
STAMP = {"sqlite": "'2026-03-31T02:00:00.000000+00:00'", "postgresql": "TIMESTAMPTZ '2026-03-31 02:00+00'"}


def fill(conn: Connection, table: Table, count: int) -> None:
    """So many rows, made by the database itself."""
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    values = ", ".join(made(column, conn.dialect.name) for column in table.columns)
    numbers = NUMBERS[conn.dialect.name].format(count=count)
    conn.exec_driver_sql(f'INSERT INTO "{table.name}" ({names}) {numbers} SELECT {values} FROM s')


def made(column: Column[Any], dialect: str) -> str:
    """What SQL makes of a row's number `n` for a column."""
    kind = type(schema.metadata.tables[column.table.name].c[column.name].type).__name__
    plain = {
        "Amount": "'12.50'",
        "Stamp": STAMP[dialect],
        "Json": "'{}'",
        "Boolean": "n > 5",
        "Date": "DATE '2026-03-31'",
    }
    if dialect == "sqlite":
        plain["Date"] = "'2026-03-31'"
    elif kind == "Amount":
        return "12.50"
    return plain.get(kind) or ("n" if kind == "Integer" else "'value ' || n")


def counted(db: Database) -> dict[str, int]:
    with db.read() as conn:
        return {
            name: conn.execute(select(func.count()).select_from(schema.metadata.tables[name])).scalar_one()
            for name in ROWS
        }


def timed(work: Callable[[], Any]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


@pytest.mark.timeout(900)
def test_a_million_rows_go_forward_and_back_in_two_minutes(
    databases: Databases, capsys: pytest.CaptureFixture[str]
) -> None:
    with databases.one() as url:
        db = Database(url)
        db.downgrade(versions()[0])
        known = tables_at(db)
        with db.write() as conn:
            for name, count in ROWS.items():
                fill(conn, known.tables[name], count)
        took = {
            "forward": timed(db.upgrade),
            "back": timed(lambda: db.downgrade(versions()[0])),
            "forward again": timed(db.upgrade),
        }
        with capsys.disabled():
            print(f"\n{sum(ROWS.values())} rows, {databases.kind}:", {way: f"{s:.1f} s" for way, s in took.items()})
        assert counted(db) == ROWS
        assert max(took.values()) < LONGEST_S
        db.dispose()
