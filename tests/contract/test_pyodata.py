"""SAP's own Python client, unchanged, against the sandbox: it is the judge of whether we speak Gateway's OData V2."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import pyodata
import pytest
import requests
from pyodata.exceptions import HttpError

from tests.contract.sandbox_demo import CUBE, ORDERS, PARTNERS, Demo

pytestmark = pytest.mark.contract


@pytest.fixture
def demo(running_demo: Demo) -> Demo:
    running_demo.reset(orders=12)
    return running_demo


@pytest.fixture
def session(demo: Demo) -> Iterator[requests.Session]:
    """Signed on, with the token that pyodata leaves to its user."""
    with requests.Session() as session:
        session.trust_env = False
        session.auth = (demo.sandbox.user, demo.sandbox.password)
        answer = session.head(demo.sandbox.url + ORDERS + "/", headers={"x-csrf-token": "fetch"})
        session.headers["x-csrf-token"] = answer.headers["x-csrf-token"]
        yield session


@pytest.fixture
def client(demo: Demo, session: requests.Session) -> Any:
    return pyodata.Client(demo.sandbox.url + ORDERS, session)


def based_on(etag: str, request: Any) -> Any:
    request.add_headers({"If-Match": etag})
    return request


NAMES = [
    "API_BUSINESS_PARTNER",
    "API_SALES_ORDER_SRV",
    "API_BILLING_DOCUMENT_SRV",
    "API_OPLACCTGDOCITEMCUBE_SRV",
    "API_OUTBOUND_DELIVERY_SRV",
    "API_PRODUCT_SRV",
    "API_SLSPRICINGCONDITIONRECORD_SRV",
]


@pytest.mark.parametrize("name", NAMES)
def test_it_reads_the_metadata_of_every_service(demo: Demo, session: requests.Session, name: str) -> None:
    service = demo.services[name]
    client = pyodata.Client(demo.sandbox.url + service.path, session)
    assert {s.name for s in client.schema.entity_sets} == set(service.sets)
    for entity_set in service.sets.values():
        known = client.schema.entity_type(entity_set.type_name)
        assert {p.name for p in known.key_proprties} == {key.name for key in entity_set.keys}
        assert {p.name for p in known.nav_proprties} == set(entity_set.navigations)


def test_it_reads_an_entity_typed(client: Any) -> None:
    order = client.entity_sets.A_SalesOrder.get_entity("3").execute()
    assert order.PurchaseOrderByCustomer == "O'Brien & Söhne/中文"
    assert order.TotalNetAmount == "352.65"
    assert order.CreationDate == datetime.datetime(2024, 4, 4, tzinfo=datetime.UTC)
    assert order.LastChangeDateTime == datetime.datetime(2024, 4, 3, 8, 15, 47, 125000, tzinfo=datetime.UTC)
    assert order.etag == "W/\"datetimeoffset'2024-04-03T08%3A15%3A47.1257080Z'\""


def test_it_queries_with_every_option(client: Any) -> None:
    orders = client.entity_sets.A_SalesOrder
    query = orders.get_entities().filter("SalesOrder gt '9'").select("SalesOrder,to_Item/Material").expand("to_Item")
    found = query.order_by("SalesOrder desc").top(2).skip(1).count(inline=True).execute()
    assert found.total_count == 3
    assert [order.SalesOrder for order in found] == ["11", "10"]
    assert [item.Material for item in found[0].to_Item] == ["101", "102", "103", "104", "TG11"]
    assert orders.get_entities().count().execute() == 12


def test_it_filters_with_its_own_expressions(client: Any) -> None:
    request = client.entity_sets.A_SalesOrder.get_entities()
    request = request.filter(PurchaseOrderByCustomer__startswith="PO-1", TotalNetAmount__gt=200)
    assert [order.SalesOrder for order in request.execute()] == ["10", "11", "12"]


def test_it_follows_pages_and_navigation(demo: Demo, client: Any) -> None:
    demo.services["API_SALES_ORDER_SRV"].page_size = 5
    page = client.entity_sets.A_SalesOrder.get_entities().execute()
    read = [order.SalesOrder for order in page]
    while page.next_url:
        page = client.entity_sets.A_SalesOrder.get_entities().next_url(page.next_url).execute()
        read += [order.SalesOrder for order in page]
    assert read == [str(number) for number in range(1, 13)]
    items = client.entity_sets.A_SalesOrder.get_entity("3").nav("to_Item").get_entities().execute()
    assert [item.SalesOrderItem for item in items] == ["10", "20", "30", "40", "50"]


def test_it_reads_compound_keys_and_chinese_names(demo: Demo, session: requests.Session) -> None:
    lines = pyodata.Client(demo.sandbox.url + CUBE, session).entity_sets.A_OperationalAcctgDocItemCube
    line = lines.get_entity(
        CompanyCode="CN01", FiscalYear="2024", AccountingDocument="1800000000", AccountingDocumentItem="2"
    ).execute()
    assert (line.AmountInTransactionCurrency, line.IsCleared) == ("-2.20", False)
    partners = pyodata.Client(demo.sandbox.url + PARTNERS, session).entity_sets.A_BusinessPartner
    assert partners.get_entity("10000001").execute().BusinessPartnerFullName == "上海明光贸易有限公司"


def test_it_creates_an_order_with_its_items(demo: Demo, client: Any) -> None:
    order = (
        client.entity_sets.A_SalesOrder.create_entity()
        .set(
            SalesOrderType="OR",
            SoldToParty="10000001",
            PurchaseOrderByCustomer="CT7-Q1",
            CustomerPurchaseOrderDate=datetime.datetime(2024, 4, 30, tzinfo=datetime.UTC),
            to_Item=[{"Material": "TG11", "RequestedQuantity": "2"}, {"Material": "TG12", "RequestedQuantity": "3"}],
        )
        .execute()
    )
    assert [item.Material for item in order.to_Item] == ["TG11", "TG12"]
    assert demo.get(f"{ORDERS}/A_SalesOrder('{order.SalesOrder}')/to_Item/$count").text == "2"


def test_it_updates_with_the_etag_it_has_read(demo: Demo, client: Any) -> None:
    orders = client.entity_sets.A_SalesOrder
    order = orders.get_entity("1").execute()
    with pytest.raises(HttpError, match="status code 428"):
        orders.update_entity("1").set(PurchaseOrderByCustomer="B").execute()
    based_on(order.etag, orders.update_entity("1").set(PurchaseOrderByCustomer="B")).execute()
    with pytest.raises(HttpError, match="status code 412"):
        based_on(order.etag, orders.update_entity("1", method="MERGE").set(SDDocumentReason="X")).execute()
    assert demo.get(f"{ORDERS}/A_SalesOrder('1')").json()["d"]["PurchaseOrderByCustomer"] == "B"


def test_it_deletes(demo: Demo, client: Any) -> None:
    key = {"SalesOrder": "1", "SalesOrderItem": "20"}
    based_on("*", client.entity_sets.A_SalesOrderItem.delete_entity(**key)).execute()
    assert demo.get(f"{ORDERS}/A_SalesOrder('1')/to_Item/$count").text == "4"


def test_it_calls_a_function(client: Any) -> None:
    answer = client.functions.releaseApprovalRequest.parameter("SalesOrder", "1").execute()
    assert answer["releaseApprovalRequest"]["Boolean"] is True


def test_it_sends_a_batch_with_a_changeset(demo: Demo, client: Any) -> None:
    orders = client.entity_sets.A_SalesOrder
    changes = client.create_changeset()
    changes.add_request(orders.create_entity().set(SoldToParty="10000001", PurchaseOrderByCustomer="CT7-Q1"))
    changes.add_request(based_on("*", orders.update_entity("2").set(PurchaseOrderByCustomer="B")))
    batch = client.create_batch()
    batch.add_request(orders.get_entity("1"))
    batch.add_request(changes)
    read, (created, updated) = batch.execute()
    assert (read.SalesOrder, created.PurchaseOrderByCustomer, updated) == ("1", "CT7-Q1", None)
    assert demo.get(f"{ORDERS}/A_SalesOrder('2')").json()["d"]["PurchaseOrderByCustomer"] == "B"


def test_it_reports_what_the_sandbox_refuses(client: Any) -> None:
    with pytest.raises(HttpError) as refusal:
        client.entity_sets.A_SalesOrder.create_entity().set(SoldToParty="999").execute()
    assert "not maintained for sales area" in refusal.value.response.text
