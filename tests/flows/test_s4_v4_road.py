"""S/4HANA with its orders by OData V4: what every product must do, and the same rows in the CRM as by V2."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import select

from crm_core import schema
from flows.context import Context
from flows.pull import pull
from flows.push import push
from flows.reconcile import reconcile
from tests.flows import selling, state
from tests.flows.road import Road, open_road
from tests.flows.test_every_product import (
    anew,
    pulled,
    test_a_read_in_bad_weather_reads_the_same,
    test_a_second_pull_changes_nothing,
)
from tests.products import PRODUCTS, Product

pytestmark = pytest.mark.timeout(300)
__all__ = [
    "test_a_read_in_bad_weather_reads_the_same",
    "test_a_second_pull_changes_nothing",
]
V4 = {"orders": "odata4"}


@pytest.fixture(scope="module")
def product() -> Product:
    listing = {"method": "GET", "path": r"/salesorder/0001/SalesOrder$"}
    return replace(PRODUCTS["sap/s4"], listing=listing, look_up=listing)


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    with open_road(tmp_path_factory.mktemp("v4"), name="erp", limits={"retry_s": 10}, options=V4) as opened:
        yield opened


LACKING = {"erp_order": {"external_ref", "changed_at", "row_hash"}, "erp_order_line": {"our_line"}}
"""What V4 does not have, or V2 not as fine: the reference of another system, microseconds, the customer's line."""


def rows(ctx: Context) -> dict[str, list[tuple[str, ...]]]:
    found = {}
    with ctx.database.read() as conn:
        for table in (schema.erp_order, schema.erp_order_line, schema.erp_contract, schema.erp_contract_line):
            left_out = state.WHEN.get(table.name, set()) | LACKING.get(table.name, set())
            columns = [column for column in table.columns if column.name not in left_out]
            found[table.name] = sorted(tuple(map(str, row)) for row in conn.execute(select(*columns)))
    return found


def test_the_crm_holds_the_same_rows_as_by_v2(road: Road, tmp_path: Path) -> None:
    pulled(road)
    file = road.settings.config / "systems" / "erp.yaml"
    kept = file.read_text(encoding="utf-8")
    assert 'orders: "odata4"' in kept
    file.write_text(kept.replace('"odata4"', '"odata"'), encoding="utf-8")
    try:
        other = anew(road, tmp_path)
        pulled(other)
        with other.context() as ctx:
            by_v2 = rows(ctx)
    finally:
        file.write_text(kept, encoding="utf-8")
    with road.context() as ctx:
        by_v4 = rows(ctx)
    assert state.differences(by_v2, by_v4) == {}
    assert all(by_v4.values())


def test_quotes_become_orders_by_v4_once_each(road: Road) -> None:
    pulled(road)
    match = {"method": "POST", "path": "/SalesOrder$", "times": 1}
    with road.context() as ctx:
        numbers = selling.sell(ctx, 3)
        road.control("faults", {"schedule": [{"fault": "dropped_after_commit", "match": match}]})
        push(ctx, wait_s=30)
        assert [entry["fault"] for entry in road.control("faults")["fired"]] == ["dropped_after_commit"]
        road.control("faults", method="DELETE")
        push(ctx, wait_s=30)
        assert {row["state"] for row in selling.entries(ctx) if row["crm_id"] in numbers} == {"sent"}
        assert selling.misbooked(cast(Road, ByNumber(road)), ctx, numbers) == []
        assert not pull(ctx).rejected
        report = reconcile(ctx)
    assert report.differences == []
    assert report.compared["contracts"]


class ByNumber:
    """The book as V4 fills it: our line's number is the item's own."""

    def __init__(self, road: Road) -> None:
        self._road = road

    def control(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self._road.control(path)
        for document in found["documents"]:
            for item in document["lines"]:
                item["customer_line"] = str(item["number"])
        return found
