"""Several systems in one installation: each quote goes to its own, and a customer of several is one customer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from crm_core import customers, quotes, receivables_report
from crm_core.receivables_report import Question
from flows.pull import pull
from flows.push import push
from flows.reconcile import reconcile
from tests.flows import selling
from tests.flows.road import Road, open_road

SYSTEMS = {"north": "kingdee/galaxy", "south": "kingdee/galaxy", "sap": "sap/s4", "cloud": "yonyou/yonbip"}
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Road]]:
    """Two account sets of one product and two other products, with the same made-up customers, in one database."""
    folder = tmp_path_factory.mktemp("side")
    with ExitStack() as stack:
        found = {}
        for name, product in SYSTEMS.items():
            found[name] = stack.enter_context(open_road(folder, product=product, name=name))
        for road in found.values():
            with road.context() as ctx:
                report = pull(ctx)
                assert not report.held
                assert not report.rejected
        yield found


def test_each_quote_goes_to_its_own_system_and_company(roads: dict[str, Road]) -> None:
    sold = {}
    for name, road in roads.items():
        with road.context() as ctx:
            sold[name] = selling.sell(ctx, 22)
            assert len({quotes.show(ctx.database, selling.SELLER, one)["company_code"] for one in sold[name]}) > 1
    for name, road in roads.items():
        with road.context() as ctx:
            push(ctx, wait_s=40)
            assert selling.misbooked(road, ctx, sold[name]) == []
    with roads["north"].context() as ctx:
        assert selling.unsent(ctx) == []
        keys = {row["crm_id"]: row["key"] for row in selling.entries(ctx)}
    for name, road in roads.items():
        book = road.control("book?object=orders")["documents"]
        borne = {key for document in book for key in document["key"].values()}
        ours = {number for number, key in keys.items() if key in borne}
        assert ours == set(sold[name]), f"{name} holds the orders of its own quotes and no other's"


def test_a_customer_of_all_is_one_customer_with_all_accounts(roads: dict[str, Road]) -> None:
    with roads["north"].context() as ctx:
        numbers = [row["number"] for row in customers.listing(ctx.database, selling.SELLER)]
        shown = (customers.show(ctx.database, selling.SELLER, number) for number in numbers)
        accounts = {customer["number"]: customer["accounts"] for customer in shown}
        today = datetime.now(UTC).date()
        answer = receivables_report.ask(ctx.database, selling.SELLER, Question(today, by="group"))
    shared = {number for number, rows in accounts.items() if {row["system"] for row in rows} == set(SYSTEMS)}
    assert len(shared) >= 20
    together = [row for row in answer.rows if len({one["system"] for one in row["erp_customers"]}) == len(SYSTEMS)]
    assert together
    assert all(isinstance(row["open"], Decimal) for row in together)


def test_all_reconcile_clean(roads: dict[str, Road]) -> None:
    for name, road in roads.items():
        with road.context() as ctx:
            pull(ctx)
            assert reconcile(ctx).differences == [], name
