"""What every product must do, in its own sandbox: read all, in any weather; one refusal stops nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

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
