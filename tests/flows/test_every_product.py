"""What every product must do, in its own sandbox: read all, in any weather; one refusal stops nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crm_core import quotes
from flows.context import Context
from flows.pull import PullReport, pull
from flows.push import push
from flows.reconcile import reconcile
from tests.flows import selling, state
from tests.flows.road import Road, open_road
from tests.products import PRODUCTS, Product

pytestmark = pytest.mark.timeout(300)
SMALL_PAGE = 3


@pytest.fixture(scope="module", params=PRODUCTS)
def product(request: pytest.FixtureRequest) -> Product:
    return PRODUCTS[request.param]


@pytest.fixture(scope="module")
def road(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    folder = tmp_path_factory.mktemp("every")
    with open_road(folder, product=product.name, name="erp", timeout_s=5, limits={"retry_s": 10}) as opened:
        yield opened


def pulled(road: Road) -> PullReport:
    with road.context() as ctx:
        return pull(ctx)


def anew(road: Road, folder: Path) -> Road:
    """The same ERP, an installation that knows nothing yet."""
    place = folder / "anew"
    settings = replace(road.settings, home=place, database_url=f"sqlite:///{place / 'crosstie.db'}")
    place.mkdir()
    (place / "secrets").symlink_to(road.settings.home / "secrets")
    return Road(road.erp, settings, road.name)


def test_everything_is_read_and_agrees_in_money(road: Road) -> None:
    first = pulled(road)
    assert not first.held
    assert not first.rejected
    assert all(first.counts[obj].created for obj in ("customers", "products", "orders", "invoices", "open_items"))
    with road.context() as ctx:
        report = reconcile(ctx)
    assert report.differences == []
    assert report.compared["orders"]
    assert report.compared["open_items"]


def test_what_finance_posts_by_hand_is_read_and_agrees_in_money(road: Road) -> None:
    """A claim and a credit without an order behind them, in a currency of three digits and in one of none."""
    pulled(road)
    buyer = road.control("book?object=customers")["documents"][0]
    account = {"what": "post_invoice", "customer": buyer["number"], "company": buyer["companies"][0]}
    road.control("mutate", {**account, "amount": "100.125", "currency": "KWD", "rate": "23.1", "due": "2028-02-29"})
    road.control("mutate", {**account, "amount": "-123457", "currency": "JPY", "rate": "0.0478"})
    report = pulled(road)
    assert not report.rejected
    assert report.counts["open_items"].created == 2
    with road.context() as ctx:
        assert reconcile(ctx).differences == []


def test_a_second_pull_changes_nothing(road: Road) -> None:
    pulled(road)
    again = pulled(road)
    assert not again.held
    assert {
        obj: (counts.created, counts.updated, counts.removed) for obj, counts in again.counts.items()
    } == dict.fromkeys(again.counts, (0, 0, 0))


BAD_WEATHER: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("rate_limited", {"retry_after": 0}, {"nth": [1, 4]}),
    ("expired_token", {}, {"nth": [3]}),
    ("unavailable", {}, {"nth": [6]}),
    ("half_answer", {}, {"nth": [7]}),
    ("expired_session", {}, {"nth": [9]}),
    ("duplicate_answer", {"repeat": "row"}, {"nth": [10]}),
    ("rows_move", {"rows": 1}, {"nth": [11, 12]}),
]


def test_a_read_in_bad_weather_reads_the_same(road: Road, product: Product, tmp_path: Path) -> None:
    pulled(road)
    other = anew(road, tmp_path)
    listing = {**product.listing}
    small = {"fault": "page_limit", "n": SMALL_PAGE, "match": listing}
    weather = [{"fault": name, **more, "match": {**listing, **when}} for name, more, when in BAD_WEATHER]
    road.control("faults", {"schedule": [small, *weather]})
    try:
        report = pulled(other)
    finally:
        met = {entry["fault"] for entry in road.control("faults")["fired"]}
        road.control("faults", method="DELETE")
    assert not report.held
    assert not report.rejected
    assert {name for name, _more, _when in BAD_WEATHER} <= met
    with road.context() as calm, other.context() as rough:
        same = state.differences(_orders(state.rows(calm.database)), _orders(state.rows(rough.database)))
    assert same == {}


def _orders(rows: state.Rows) -> state.Rows:
    return {table: found for table, found in rows.items() if table.startswith("erp_order")}


def test_a_refused_quote_stops_no_other(road: Road) -> None:
    """The ERP blocked a customer since we last read him."""
    pulled(road)
    with road.context() as ctx:
        numbers = selling.sell(ctx, 4)
        block = {"what": "block_customer", "customer": _customer_of(road, ctx, numbers[0])}
        road.control("mutate", block)
        push(ctx, wait_s=30)
        road.control("mutate", {**block, "blocked": False})
        states = {row["crm_id"]: (row["state"], row["reason"]) for row in selling.entries(ctx)}
        assert states[numbers[0]][0] == "dead"
        assert states[numbers[0]][1]["params"]["text"], "the ERP's words are kept"
        assert [states[number][0] for number in numbers[1:]] == ["sent"] * 3
        assert selling.misbooked(road, ctx, numbers[1:]) == []


def test_prices_that_include_tax_are_ordered_as_they_were_quoted(road: Road, product: Product) -> None:
    """400.06 with 13 % is 354.04 + 46.02, though 13 % of 354.04 is 46.03; and so it stays when there is more of it."""
    pulled(road)
    with road.context() as ctx:
        draft = selling.drafts(ctx)[0]
        first = replace(draft.lines[0], quantity=Decimal(1), price=Decimal("400.06"))
        lines = [replace(first, tax_rate=Decimal(13), price_includes_tax=True)]
        number = quotes.create(ctx.database, selling.SELLER, ctx.clock(), replace(draft, lines=lines))
        quotes.accept(ctx.database, selling.SELLER, ctx.clock(), number)
        for more in ("3", "7"):
            push(ctx, wait_s=30)
            _agree(road, ctx, number, product)
            lines = [replace(quotes.draft_of(ctx.database, selling.SELLER, number).lines[0], quantity=Decimal(more))]
            quotes.amend(ctx.database, selling.SELLER, ctx.clock(), number, replace(draft, lines=lines))
        push(ctx, wait_s=30)
        _agree(road, ctx, number, product)


def _agree(road: Road, ctx: Context, number: str, product: Product) -> None:
    assert selling.misbooked(road, ctx, [number]) == []
    key = next(row["key"] for row in selling.entries(ctx) if row["crm_id"] == number)
    order = next(one for one in road.control("book?object=orders")["documents"] if key in one["key"].values())
    if product.tax:
        assert Decimal(order["tax"]) == quotes.show(ctx.database, selling.SELLER, number)["tax_total"]


def test_a_refusal_inside_a_200_is_no_order(road: Road, product: Product) -> None:
    """Where it concerns the order it is final and no order is there; else it is sent again."""
    pulled(road)
    with road.context() as ctx:
        numbers = selling.sell(ctx, 2)
        road.control("faults", {"schedule": [{"fault": "refused_200", "match": {**product.create, "nth": 1}}]})
        push(ctx, wait_s=30)
        assert [one["fault"] for one in road.control("faults")["fired"]] == ["refused_200"]
        road.control("faults", method="DELETE")
        rows = {row["crm_id"]: row for row in selling.entries(ctx)}
        book = road.control("book?object=orders")["documents"]
        refused = rows[numbers[0]]
        assert refused["state"] == ("dead" if product.final_200 else "sent")
        there = [one for one in book if refused["key"] in one["key"].values()]
        assert len(there) == (0 if product.final_200 else 1)
        assert selling.misbooked(road, ctx, numbers[1:]) == []


def _customer_of(road: Road, ctx: Context, quote: str) -> str:
    """The number of the quote's customer in the ERP's own book."""
    entry = next(row for row in selling.entries(ctx) if row["crm_id"] == quote)
    ours = entry["document"]["customer"]["number"]
    book = road.control("book?object=customers")["documents"]
    return str(next(row["number"] for row in book if ours in (row.get("our_number"), *row["key"].values())))
