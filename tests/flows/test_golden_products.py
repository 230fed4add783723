"""The golden books through every sandbox that settles by applications: the same answers, each in its own numbers.

A credit hold that was released leaves no trace in an order, so at dates before its release the order shows none.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crm_core.ageing import ageing
from crm_core.order_progress import order_progress
from flows.pull import pull
from flows.reconcile import reconcile
from tests import golden
from tests.flows import golden_view
from tests.flows.road import Road, open_road
from tests.flows.test_golden_road import ANSWERED, seen
from tests.products import PRODUCTS

DATES = [*ANSWERED, *(date(2025, 7, 17) + timedelta(days=n) for n in range(0, 470, 59))]
SETTLED_DAY = date(2026, 7, 15)
"""After every document that was entered late for one of the days before."""
OTHERS = [product for product in PRODUCTS.values() if product.name != "sap/s4"]


@pytest.fixture(scope="module")
def books(shared_data: Path) -> golden.Golden:
    return golden.load(shared_data / "golden")


def overlaid(folder: Path, product: str) -> None:
    """The installation's own mapping of that product."""
    if text := PRODUCTS[product].overlay:
        overlay = folder / "config" / "mappings" / "s4.yaml"
        overlay.parent.mkdir(parents=True)
        overlay.write_text(text, encoding="utf-8")


def pulled(road: Road, books: golden.Golden) -> Road:
    with road.context() as ctx:
        report = pull(ctx)
        assert not report.held and not report.rejected
        golden_view.load_our_own(ctx.database, books)
    return road


@pytest.fixture(scope="module", params=[product.name for product in OTHERS if product.past])
def road(
    request: pytest.FixtureRequest, shared_data: Path, books: golden.Golden, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Road]:
    place = tmp_path_factory.mktemp("golden")
    overlaid(place, request.param)
    with open_road(place, product=request.param, data=shared_data / "golden") as opened:
        yield pulled(opened, books)


def computed(books: golden.Golden, as_of: date) -> dict[str, Any]:
    report = ageing(books.items, books.payments, books.applications, books.disputes, books.rates, as_of)
    orders = [
        msgspec.structs.replace(order, credit_holds=tuple(hold for hold in order.credit_holds if hold[1] is None))
        for order in books.orders
    ]
    progress = order_progress(orders, books.deliveries, books.invoiced, as_of)
    return golden_view.in_common(golden.answer(report, progress))


@pytest.mark.parametrize("as_of", DATES)
def test_every_figure_is_right_at_any_date(road: Road, books: golden.Golden, as_of: date) -> None:
    assert golden_view.in_common(seen(road, as_of)) == computed(books, as_of)


@pytest.mark.parametrize("as_of", ANSWERED)
def test_the_receivables_are_the_given_answers(road: Road, shared_data: Path, as_of: date) -> None:
    answer = golden_view.in_common(seen(road, as_of))
    given = golden_view.in_common(golden_view.expected(shared_data / "golden", as_of))
    money = ("as_of", "companies", "open_items", "payments", "bills")
    assert {name: answer[name] for name in money} == {name: given[name] for name in money}


def test_it_reconciles_clean(road: Road) -> None:
    with road.context() as ctx:
        assert reconcile(ctx).differences == []


@pytest.mark.parametrize("name", [product.name for product in OTHERS if not product.past])
@pytest.mark.parametrize("today", [SETTLED_DAY, date(2026, 10, 31)])
def test_what_only_today_knows_is_right_on_its_day(
    name: str, today: date, shared_data: Path, books: golden.Golden, tmp_path: Path
) -> None:
    overlaid(tmp_path, name)
    with open_road(tmp_path, product=name, data=shared_data / "golden", day=today) as road:
        pulled(road, books)
        assert golden_view.in_common(seen(road, today)) == computed(books, today)
        with road.context() as ctx:
            assert reconcile(ctx).differences == []
