"""Contracts as pulled: linked to their customer, with their lines, the one that ends first first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crm_core import contracts
from crm_core.database import Database
from crm_core.intake import Mapped
from crm_core.model import Contract, ContractLine
from crm_core.store import Page, Store
from tests.crm import NOW, SALES, small_crm
from tests.unit.cli_help import new_place


def contract(number: str, ends: date | None, *lines: str, **more: Any) -> Contract:
    plain = {"company_code": "CN01", "customer_key": "10000001", "status": "active", "currency": "CNY"}
    parts = [ContractLine(line=str(n), quantity=Decimal(12), net_amount=Decimal(net)) for n, net in enumerate(lines, 1)]
    total = sum((Decimal(net) for net in lines), Decimal(0))
    return Contract(**(plain | {"number": number, "end_date": ends, "net_amount": total, "lines": parts} | more))


def take(db: Database, *records: Contract) -> None:
    mapped = [Mapped(record.number, msgspec.to_builtins(record), {}) for record in records]
    Store(db, lambda: NOW).store_page(Page("s4", "contracts", mapped, (), "m1", "r1", NOW))


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = small_crm(database_url)
    take(
        database,
        contract("K1", date(2027, 12, 31), "1200.00", "0.10"),
        contract("K2", date(2026, 12, 31), "5.00", renews="K0", customer_key="777"),
        contract("K3", None, status="cancelled"),
    )
    yield database
    database.dispose()


def test_they_are_listed_by_their_end_with_customer_and_lines(db: Database) -> None:
    rows = contracts.listing(db, SALES)
    assert [(row["number"], row["customer"], len(row["lines"])) for row in rows] == [
        ("K2", None, 1), ("K1", "C01", 2), ("K3", "C01", 0),
    ]  # fmt: skip
    assert (rows[1]["customer_name"], rows[1]["net_amount"]) == ("上海明华贸易有限公司", Decimal("1200.10"))
    assert [line["net_amount"] for line in rows[1]["lines"]] == [Decimal("1200.00"), Decimal("0.10")]
    assert [row["number"] for row in contracts.listing(db, SALES, customer="C01", status="active")] == ["K1"]
    assert contracts.listing(db, SALES, system="other") == []


def test_the_next_version_replaces_the_lines(db: Database) -> None:
    take(db, contract("K1", date(2028, 12, 31), "1300.00"))
    [row] = contracts.listing(db, SALES, customer="C01", status="active")
    assert (row["end_date"], [line["net_amount"] for line in row["lines"]]) == (
        date(2028, 12, 31),
        [Decimal("1300.00")],
    )


def test_by_command(
    db: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = new_place(tmp_path, monkeypatch, capsys, {"CROSSTIE_DATABASE_URL": database_url})
    listed = place.run("contracts", "list", "--status", "active", "--json").json["contracts"]
    assert [(row["number"], row["net_amount"]) for row in listed] == [("K2", "5.00"), ("K1", "1200.10")]
    assert "上海明华贸易有限公司" in place.run("contracts", "list").out
