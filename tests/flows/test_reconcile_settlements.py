"""Reconciling an ERP that hands over what settled what: every cent that differs is named, in whatever it is hidden."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connectors.base import RawAmount
from crm_core import model, receivables_report, schema
from crm_core.database import Database
from crm_core.receivables_report import Question
from flows.context import Context
from flows.reconcile import ReconcileReport, reconcile
from tests import golden, golden_records, golden_tables
from tests.crm import FINANCE, NOW, empty_database
from tests.databases import Databases
from tests.oracle import Oracle

CENT = Decimal("0.01")
OBJECTS = ("contracts", "open_items", "payments", "applications")
CONTRACT = model.Contract(
    number="K1", company_code="CN01", customer_key="CN01/10001", status="active", currency="CNY",
    net_amount=Decimal("1200.00"), start_date=date(2026, 1, 1),
    lines=[model.ContractLine(line="1", quantity=Decimal(12), net_amount=Decimal("1200.00"))],
)  # fmt: skip
Raws = dict[str, list[RawAmount]]


@dataclass
class Stated:
    """What the ERP states, by object: the source data, read without the product."""

    raws: Raws

    def raw_amounts(self, obj: str) -> Iterator[RawAmount]:
        return iter(self.raws[obj])

    def sections(self, obj: str) -> list[str]:
        return ["pull"] if obj in OBJECTS else []


def raws_of(folder: Path) -> Raws:
    books = golden.load(folder)
    oracle = Oracle(books.items, books.payments, books.applications, [], [], date(2030, 1, 1))

    def raw(document: Any) -> RawAmount:
        rest = oracle.rest(document)
        return RawAmount(
            key=document.key,
            company=document.company_code,
            customer=golden_tables.erp_key(document.company_code, document.customer_key),
            currency=document.currency,
            amount=document.amount,
            on=document.posting_date,
            balance=Decimal(rest.numerator) / rest.denominator,
            in_balance=getattr(document, "kind", "") != "advance_request",
        )

    settled = [RawAmount(one.key, one.key[:4], "", "", one.amount) for one in books.applications]
    contract = RawAmount("K1", "CN01", CONTRACT.customer_key, "CNY", Decimal("1200.00"), date(2026, 1, 1))
    items, payments = [raw(one) for one in books.items], [raw(one) for one in books.payments]
    return {"contracts": [contract], "open_items": items, "payments": payments, "applications": settled}


@pytest.fixture(scope="module")
def stored(shared_data: Path, databases: Databases) -> Iterator[str]:
    with databases.one() as url:
        database = empty_database(url)
        golden_records.take_in(database, shared_data / "golden")
        golden_records.pages(golden_records.Store(database, lambda: NOW), "contracts", {"K1": CONTRACT})
        database.dispose()
        yield url


@pytest.fixture
def db(stored: str, databases: Databases) -> Iterator[Database]:
    url = databases.copy(stored)
    database = Database(url)
    yield database
    database.dispose()
    databases.drop(url)


@pytest.fixture(scope="module")
def raws(shared_data: Path) -> Raws:
    return raws_of(shared_data / "golden")


def reconciled(db: Database, raws: Raws, *objects: str) -> ReconcileReport:
    erp: Any = Stated(raws)
    ctx = Context(
        system=golden_tables.SYSTEM,
        database=db,
        connector=erp,
        mapping=erp,
        companies={},
        commit_horizon=timedelta(0),
        clock=lambda: NOW,
        owner="test",
    )
    return reconcile(ctx, objects)


def found(report: ReconcileReport) -> set[tuple[str, str, str]]:
    return {(difference.obj, difference.kind, difference.key) for difference in report.differences}


def test_the_golden_books_agree_and_that_is_vouched_for(db: Database, raws: Raws) -> None:
    report = reconciled(db, raws)
    assert report.differences == []
    assert report.compared == {obj: len(raws[obj]) for obj in OBJECTS}
    with db.read() as conn:
        assert set(conn.execute(select(schema.reconciliation.c.obj)).scalars()) == set(OBJECTS)
    assert receivables_report.ask(db, FINANCE, Question(date(2026, 3, 31))).verified_through == NOW


@pytest.mark.parametrize(
    ("obj", "field", "expected"),
    [
        ("open_items", "amount", {"amount", "sum"}),
        ("open_items", "balance", {"balance"}),
        ("payments", "amount", {"amount", "sum"}),
        ("payments", "balance", {"balance"}),
        ("applications", "amount", {"amount", "sum"}),
        ("contracts", "amount", {"amount", "sum"}),
    ],
)
def test_a_cent_that_the_erp_states_otherwise_is_named(
    db: Database, raws: Raws, obj: str, field: str, expected: set[str]
) -> None:
    one = raws[obj][-1]
    planted = raws | {obj: [*raws[obj][:-1], replace(one, **{field: getattr(one, field) + CENT})]}
    report = reconciled(db, planted)
    assert {(found_obj, kind) for found_obj, kind, _ in found(report)} == {(obj, kind) for kind in expected}
    assert (obj, field, one.key) in found(report)


@pytest.mark.parametrize(
    ("table", "column", "names"),
    [
        (schema.application, "amount", ("open_items", "balance")),
        (schema.application, "source_amount", ("payments", "balance")),
        (schema.open_item, "amount", ("open_items", "balance")),
        (schema.payment, "amount", ("payments", "balance")),
    ],
)
def test_a_cent_that_we_derived_wrongly_is_named(
    db: Database, raws: Raws, table: Any, column: str, names: tuple[str, str]
) -> None:
    with db.write() as conn:
        kind = "payment" if table is schema.application else "trade" if table is schema.open_item else "receipt"
        standing = (table.c.kind == kind, table.c.reversed_on.is_(None))
        query = select(table.c.key, table.c[column]).where(*standing).order_by(table.c.key).limit(1)
        key, amount = conn.execute(query).one()
        conn.execute(update(table).where(table.c.key == key).values({column: amount + CENT}))
    report = reconciled(db, raws)
    assert {(obj, kind) for obj, kind, _ in found(report)} == {names}
    assert len(report.differences) == 1


def test_what_is_missing_on_either_side_is_named(db: Database, raws: Raws) -> None:
    extra = RawAmount("new", "CN01", "", "", Decimal("5.00"))
    report = reconciled(db, raws | {"applications": [*raws["applications"][1:], extra]}, "applications")
    first = raws["applications"][0].key
    assert {("applications", "missing_in_crm", "new"), ("applications", "missing_in_erp", first)} <= found(report)
