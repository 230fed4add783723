"""The public classicmodels books through every sandbox, against an oracle that reads nothing but the CSV files."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select

from crm_core import access, receivables_report, schema
from crm_core.buckets import NAMED
from crm_core.errors import RefusedError
from crm_core.receivables_report import Question
from flows.pull import pull
from flows.reconcile import reconcile
from tests.databases import Databases
from tests.flows.road import Road, open_road
from tests.products import PRODUCTS, Product, once_is_enough

ADMIN = access.local_admin("test")
BUCKETS = [(0, "not_due"), (30, "1-30"), (60, "31-60"), (90, "61-90")]
Ageing = dict[str, dict[str, Decimal]]


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "classicmodels"


@pytest.fixture(scope="module", params=PRODUCTS)
def product(request: pytest.FixtureRequest) -> Product:
    return PRODUCTS[request.param]


@pytest.fixture(scope="module")
def road(
    product: Product, folder: Path, tmp_path_factory: pytest.TempPathFactory, databases: Databases
) -> Iterator[Road]:
    once_is_enough(product.name, databases)
    place = tmp_path_factory.mktemp("classic")
    with databases.one() as url, open_road(place, product=product.name, data=folder, database_url=url) as opened:
        clean_pull(opened)
        yield opened


def clean_pull(road: Road) -> None:
    with road.context() as ctx:
        report = pull(ctx)
        assert not report.held and not report.rejected


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def expected(folder: Path, as_of: date) -> Ageing:
    """By customer: what is open in each bucket, what is left of payments; payments settle invoices oldest first."""
    invoices, paid = defaultdict(list), defaultdict(Decimal)
    worth: defaultdict[str, Decimal] = defaultdict(Decimal)
    for line in rows(folder, "order_lines"):
        worth[line["order_number"]] += int(line["quantity"]) * Decimal(line["unit_price"])
    for order in rows(folder, "orders"):
        if order["shipped_date"] and order["status"] != "Cancelled" and order["shipped_date"] <= str(as_of):
            invoices[order["customer_number"]].append((order["shipped_date"], order["number"], worth[order["number"]]))
    for payment in rows(folder, "payments"):
        if payment["paid_on"] <= str(as_of):
            paid[payment["customer_number"]] += Decimal(payment["amount"])
    found: Ageing = {}
    for customer in invoices.keys() | paid.keys():
        left, columns = paid[customer], defaultdict(Decimal)
        for shipped, _, amount in sorted(invoices[customer]):
            settled = min(left, amount)
            left -= settled
            columns[bucket((as_of - date.fromisoformat(shipped) - timedelta(days=30)).days)] += amount - settled
        columns["unapplied"] = left
        if any(columns.values()):
            found[customer] = {name: amount for name, amount in columns.items() if amount}
    return found


def bucket(days: int) -> str:
    return next((name for limit, name in BUCKETS if days <= limit), ">90")


def seen(road: Road, as_of: date) -> Ageing:
    with road.context() as ctx:
        answer = receivables_report.ask(ctx.database, ADMIN, Question(as_of, buckets=NAMED["five"]))
    found = {}
    for row in answer.rows:
        columns = {**row["buckets"], "unapplied": row["unapplied"]}
        found[row["customer"]] = {name: amount for name, amount in columns.items() if amount}
    return found


def test_every_document_is_there_and_worth_what_it_is(road: Road) -> None:
    with road.context() as ctx, ctx.database.read() as conn:
        tables = ("customer", "erp_product", "erp_order", "erp_order_line", "erp_invoice")
        counts = {
            name: conn.execute(select(func.count()).select_from(schema.metadata.tables[name])).scalar()
            for name in tables
        }
        worth = sum(conn.execute(select(schema.erp_order_line.c.net_amount)).scalars(), Decimal(0))
    assert counts == {"customer": 122, "erp_product": 110, "erp_order": 326, "erp_order_line": 2996, "erp_invoice": 310}
    assert worth == Decimal("9604190.61")


@contextmanager
def on_its_day(product: Product, road: Road, folder: Path, place: Path, day: date) -> Iterator[Road]:
    """The road, or for a product that knows only its today another one that stands at that day."""
    if product.past:
        yield road
        return
    with open_road(place, product=product.name, data=folder, day=day) as then:
        clean_pull(then)
        yield then


def test_the_last_day_is_the_known_answer(product: Product, road: Road, folder: Path, tmp_path: Path) -> None:
    total: defaultdict[str, Decimal] = defaultdict(Decimal)
    last = date(2005, 5, 31)
    with on_its_day(product, road, folder, tmp_path, last) as then:
        answer = seen(then, last)
    for columns in answer.values():
        for name, amount in columns.items():
            total[name] += amount
    aged = {name: str(total[name]) for name in ("not_due", "1-30", "31-60")}
    assert aged == {"not_due": "150929.93", "1-30": "68152.46", "31-60": "46656.94"}
    assert sum(amount for name, amount in total.items() if name != "unapplied") == Decimal("265739.33")


DATES = [date(2003, 2, 28), *(date(2003, 6, 30) + timedelta(days=n) for n in range(0, 720, 83))]


@pytest.mark.parametrize("as_of", DATES)
def test_every_customer_is_right_at_any_date(product: Product, road: Road, folder: Path, as_of: date) -> None:
    if product.past:
        assert seen(road, as_of) == expected(folder, as_of)
    else:
        with pytest.raises(RefusedError, match="only what is open today"):
            seen(road, as_of)


@pytest.mark.parametrize("name", [product.name for product in PRODUCTS.values() if not product.past])
@pytest.mark.parametrize("today", DATES[2::4])
def test_what_only_today_knows_is_right_on_its_day(name: str, today: date, folder: Path, tmp_path: Path) -> None:
    with open_road(tmp_path, product=name, data=folder, day=today) as road:
        clean_pull(road)
        assert seen(road, today) == expected(folder, today)


def test_it_reconciles_clean(road: Road) -> None:
    with road.context() as ctx:
        assert reconcile(ctx).differences == []
