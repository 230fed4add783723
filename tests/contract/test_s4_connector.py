"""The S/4 connector against the S/4 sandbox over HTTP; what really happened is read from the sandbox's own book."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Position, Record
from connectors.errors import (
    AccessError,
    OutcomeUnknownError,
    PermanentError,
    RecordRejectedError,
    TransientError,
)
from connectors.products import load_product, open_connector
from sandbox.server import Sandbox, start
from tests.contract.erp import SandboxErp
from tests.contract.lost_answers import LostAnswers
from tests.unit.connector_help import FakeSystem

pytestmark = pytest.mark.contract

S4 = load_product("sap/s4")
FIELDS = {
    "customers": [
        "BusinessPartnerFullName",
        "to_BusinessPartnerAddress.CityName",
        "to_Customer.to_CustomerCompany.PaymentTerms",
    ],
    "products": ["BaseUnit", "to_Description.ProductDescription"],
    "prices": ["Material", "to_SlsPrcgConditionRecord.ConditionRateValue"],
    "orders": ["TotalNetAmount", "to_Item.Material", "to_Item.NetAmount"],
    "deliveries": ["SoldToParty", "to_DeliveryDocumentItem.ActualDeliveryQuantity"],
    "invoices": ["TotalGrossAmount", "to_Item.NetAmount"],
    "open_items": ["AmountInTransactionCurrency", "IsCleared"],
    "contracts": ["TotalNetAmount", "_Item.Product", "_Item.SlsContrItemReleasedQuantity"],
}


class Erp(SandboxErp):
    product = S4

    def __init__(self, sandbox: Sandbox, line: str = "customer_line", options: dict[str, str] | None = None) -> None:
        """`line`: where the book shows the number that our line has with us."""
        self.line, self.options = line, options or {}
        super().__init__(sandbox)

    def settings(self) -> dict[str, Any]:
        return {"options": self.options}

    def fields(self, obj: str) -> list[str]:
        return FIELDS[obj]

    def lines(self, key: str) -> dict[str, Any]:
        return {str(item[self.line]): item for item in self.orders(key)[0]["lines"]}


@pytest.fixture(scope="module")
def shared_erp() -> Iterator[Erp]:
    found = Erp(start("sap/s4", seed=11))
    yield found
    found.close()


def line(number: str, product: Record, quantity: str, price: str) -> dict[str, Any]:
    condition = {
        "ConditionType": "PPR0",
        "ConditionRateValue": price,
        "ConditionCurrency": "CNY",
        "ConditionQuantity": "1",
    }
    return {
        "Material": product.key,
        "RequestedQuantity": quantity,
        "RequestedQuantityUnit": product.data["BaseUnit"],
        "UnderlyingPurchaseOrderItem": number,
        "to_PricingElement": [condition],
    }


@pytest.fixture
def wire(erp: Erp) -> dict[str, Any]:
    """An order that the sandbox accepts: customer, sales area and terms of one it already has."""
    fields = ["SalesOrganization", "DistributionChannel", "OrganizationDivision", "SoldToParty", "CustomerPaymentTerms"]
    known = next(
        r.data
        for r in erp.pull("orders", fields=[*fields, "TransactionCurrency"])
        if r.data["TransactionCurrency"] == "CNY"
    )
    products = erp.pull("products")[:3]
    return {
        **{name: known[name] for name in fields},
        "SalesOrderType": "OR",
        "PurchaseOrderByCustomer": "采购 O'Brien & Co. 100%",
        "CustomerPurchaseOrderDate": "2026-01-31",
        "TransactionCurrency": "CNY",
        "to_Item": [line("1", products[0], "5", "480.00"), line("2", products[1], "2", "0.10")],
    }


def push(erp: Erp, wire: dict[str, Any], key: str) -> Any:
    return erp.connector.push("orders", wire, key, deadline_s=10)


class TestReading:
    def test_ping_knows_every_service_and_the_erps_clock(self, erp: Erp) -> None:
        pong = erp.connector.ping()
        assert set(pong.services.values()) == {"ok"}
        assert len(pong.services) == 8
        assert (pong.product, pong.user) == ("sap/s4", erp.sandbox.user)

    @pytest.mark.parametrize("obj", sorted(FIELDS))
    def test_every_read_of_every_object_works(self, erp: Erp, obj: str) -> None:
        for read in erp.connector.reads(obj):
            records = erp.pull(obj, read.name)
            assert records, read.name
            assert len({record.key for record in records}) == len(records)
        again = list(erp.connector.lookup(obj, [record.key for record in records], fields=FIELDS[obj]))
        found = {record.key: record.data for page in again for record in page.records}
        assert {record.key: drop_cursor(record.data, found[record.key]) for record in records} == found

    @pytest.mark.parametrize("obj", ["orders", "invoices", "deliveries"])
    def test_keys_are_those_of_the_book(self, erp: Erp, obj: str) -> None:
        assert {record.key for record in erp.pull(obj)} == {document["number"] for document in erp.book(obj)}

    def test_open_items_are_listed_whole_and_by_company(self, erp: Erp) -> None:
        whole = erp.pull("open_items", "open_set")
        companies = sorted({record.key.split("/")[0] for record in whole})
        assert len(companies) > 1
        one = erp.connect(companies=(companies[0],))
        try:
            pages = one.pull("open_items", "open_set", since="", after=Position(), fields=["IsCleared"])
            keys = [record.key for page in pages for record in page.records]
        finally:
            one.close()
        assert keys == [record.key for record in whole if record.key.startswith(f"{companies[0]}/")]
        cleared = {r.key for r in erp.pull("open_items", "cleared")}
        assert {r.key for r in erp.pull("open_items", "entered")} == cleared | {r.key for r in whole}

    def test_raw_amounts_need_no_mapping_and_agree_with_the_documents(self, erp: Erp) -> None:
        for obj in S4.resources:
            assert len(list(erp.connector.raw_amounts(obj))) == len(list(erp.connector.raw_amounts(obj)))
        lines = {raw.key: raw for raw in erp.connector.raw_amounts("open_items")}
        for record in erp.pull("open_items", "entered"):
            assert lines[record.key].amount == Decimal(record.data["AmountInTransactionCurrency"])
            assert lines[record.key].open is not record.data["IsCleared"]

    def test_organisations_are_told_by_company_in_raw_orders(self, erp: Erp) -> None:
        tables = {"company_by_sales_organization": {"CN01": "9999"}}
        other = erp.connect(tables=tables)
        companies = {raw.company for raw in other.raw_amounts("orders")}
        other.close()
        assert "9999" in companies
        assert "CN01" not in companies

    def test_a_change_is_seen_from_its_watermark_on(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        pages = list(erp.connector.pull("orders", "changed", since="", after=Position(), fields=["SoldToParty"]))
        erp.control("POST", "advance", days=1)
        number = push(erp, wire, key).external_id
        assert [record.key for record in erp.pull("orders", since=pages[-1].position.stamp)][-1] == number

    def test_pages_that_move_and_shrink_and_repeat_lose_nothing(self, erp: Erp) -> None:
        expected = {record.key for record in erp.pull("orders")}
        for fault in ({"fault": "rows_move", "rows": 2}, {"fault": "duplicate_answer", "repeat": "row"}):
            erp.arm({"fault": "page_limit", "n": 7}, fault)
            assert {record.key for record in erp.pull("orders")} == expected

    @pytest.mark.parametrize(
        "fault",
        [
            {"fault": "rate_limited", "retry_after": 0},
            {"fault": "unavailable", "retry_after": 0},
            {"fault": "half_answer"},
            {"fault": "expired_session"},
        ],
    )
    def test_a_passing_fault_is_read_over(self, erp: Erp, fault: dict[str, Any]) -> None:
        expected = len(erp.pull("orders"))
        erp.arm({**fault, "match": {"path": "A_SalesOrder", "times": 1}})
        assert len(erp.pull("orders")) == expected
        assert erp.fired() == [fault["fault"]]

    def test_a_renamed_field_stops_the_read(self, erp: Erp) -> None:
        erp.arm({"fault": "field_renamed", "from": "SalesOrder", "to": "Order"})
        with pytest.raises(PermanentError) as caught:
            erp.pull("orders")
        assert caught.value.code == "answer-shape"

    def test_a_logon_page_is_a_matter_of_access(self, erp: Erp) -> None:
        erp.arm({"fault": "refused_200", "match": {"method": "GET"}})
        with pytest.raises(AccessError) as caught:
            erp.pull("orders")
        assert caught.value.code == "logon-page"

    def test_a_wrong_password_is_tried_once(self, erp: Erp) -> None:
        wrong = erp.connect(password="nonsense")
        with pytest.raises(AccessError) as caught:
            wrong.ping()
        assert caught.value.code == "unauthorised"
        wrong.close()


def drop_cursor(data: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name in like}


class TestWriting(LostAnswers):
    path = "SalesOrder"

    def test_an_order_is_booked_and_found_under_our_key(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        assert erp.connector.find("orders", key) == []
        ack = push(erp, wire, key)
        [hit] = erp.connector.find("orders", key)
        assert (hit.external_id, hit.customer, hit.currency) == (ack.external_id, wire["SoldToParty"], "CNY")
        assert hit.total == Decimal("2400.20")
        assert not hit.cancelled
        [booked] = erp.orders(key)
        assert booked["key"]["PurchaseOrderByCustomer"] == wire["PurchaseOrderByCustomer"]

    @pytest.mark.parametrize("carrier", ["PurchaseOrderByCustomer", "AssignmentReference"])
    def test_the_key_may_travel_elsewhere(self, erp: Erp, wire: dict[str, Any], key: str, carrier: str) -> None:
        other = erp.connect(key_carrier={"orders": carrier})
        number = other.push("orders", wire, key, deadline_s=10).external_id
        assert [hit.external_id for hit in other.find("orders", key)] == [number]
        assert erp.orders(key)[0]["key"][carrier] == key
        other.close()

    def test_a_change_writes_what_differs_and_nothing_twice(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        number = push(erp, wire, key).external_id
        wanted = copy.deepcopy(wire)
        wanted["PurchaseOrderByCustomer"] = "amended"
        wanted["to_Item"][0]["RequestedQuantity"] = "7"
        wanted["to_Item"][0]["to_PricingElement"][0]["ConditionRateValue"] = "470.00"
        third = erp.pull("products")[2]
        wanted["to_Item"][1] = line("3", third, "1", "50.00")
        assert erp.connector.change("orders", number, wanted, deadline_s=10).changed
        [booked] = erp.orders(key)
        lines = erp.lines(key)
        assert (lines["1"]["quantity"], lines["1"]["price"]) == ("7", "470.00")
        assert lines["2"]["rejected"]
        assert (lines["3"]["material"], lines["3"]["rejected"]) == (third.key, "")
        [hit] = erp.connector.find("orders", key)
        assert hit.total == Decimal("3340.00")
        count = len(booked["changes"])
        assert not erp.connector.change("orders", number, wanted, deadline_s=10).changed
        assert len(erp.orders(key)[0]["changes"]) == count
        assert erp.connector.change("orders", number, wire, deadline_s=10).changed  # and back again
        assert erp.connector.find("orders", key)[0].total == Decimal("2400.20")

    def test_another_product_of_a_line_is_refused_and_another_unit_is_not_passed_over(
        self, erp: Erp, wire: dict[str, Any], key: str
    ) -> None:
        number = push(erp, wire, key).external_id
        wanted = copy.deepcopy(wire)
        wanted["to_Item"][0]["Material"] = erp.pull("products")[2].key
        with pytest.raises(RecordRejectedError, match=r"material of item \d+ cannot be changed"):
            erp.connector.change("orders", number, wanted, deadline_s=10)
        wanted = copy.deepcopy(wire)
        wanted["to_Item"][0]["RequestedQuantityUnit"] = "KG"
        erp.connector.change("orders", number, wanted, deadline_s=10)
        assert erp.lines(key)["1"]["unit"] == "KG"

    def test_a_cancelled_order_stays_cancelled(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        number = push(erp, wire, key).external_id
        assert erp.connector.cancel("orders", number, {}, deadline_s=10).changed
        assert erp.connector.find("orders", key)[0].cancelled
        assert not erp.connector.cancel("orders", number, {}, deadline_s=10).changed

    def test_a_customer_is_created_once_and_changed(self, erp: Erp, key: str) -> None:
        wire = {
            "BusinessPartnerCategory": "2",
            "OrganizationBPName1": "Müller & 合资",
            "to_BusinessPartnerRole": [{"BusinessPartnerRole": "FLCU00"}, {"BusinessPartnerRole": "FLCU01"}],
            "to_BusinessPartnerAddress": [{"Country": "CN", "CityName": "上海", "PostalCode": "200001"}],
            "to_Customer": {"to_CustomerCompany": [{"CompanyCode": "CN01", "PaymentTerms": "N30"}]},
        }
        number = erp.connector.push("customers", wire, key, deadline_s=10).external_id
        assert [hit.external_id for hit in erp.connector.find("customers", key)] == [number]
        wanted: dict[str, Any] = copy.deepcopy(wire)
        wanted["to_BusinessPartnerAddress"][0]["CityName"] = "北京"
        wanted["to_Customer"]["to_CustomerCompany"].append({"CompanyCode": "US01", "PaymentTerms": "N60"})
        assert erp.connector.change("customers", number, wanted, deadline_s=10).changed
        fields = ["to_BusinessPartnerAddress.CityName", "to_Customer.to_CustomerCompany.PaymentTerms"]
        [record] = [r for p in erp.connector.lookup("customers", [number], fields=fields) for r in p.records]
        assert record.data["to_BusinessPartnerAddress"][0]["CityName"] == "北京"
        companies = record.data["to_Customer"]["to_CustomerCompany"]
        assert {row["CompanyCode"]: row["PaymentTerms"] for row in companies} == {"CN01": "N30", "US01": "N60"}
        assert not erp.connector.change("customers", number, wanted, deadline_s=10).changed

    def test_what_the_erp_refuses_is_said_in_its_own_words(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        for field, value in (("SoldToParty", "99999999"), ("TransactionCurrency", "XXX")):
            with pytest.raises(RecordRejectedError) as caught:
                push(erp, {**wire, field: value}, key)
            assert value in str(caught.value)
            assert caught.value.erp_code
        assert erp.orders(key) == []

    def test_what_the_erp_says_with_a_yes_comes_along(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        huge = copy.deepcopy(wire)
        huge["to_Item"][0]["RequestedQuantity"] = "900000"
        ack = push(erp, huge, key)
        assert ack.warnings
        assert erp.orders(key)[0]["credit_status"] == "B"

    @pytest.mark.parametrize("fault", ["rate_limited", "expired_token", "expired_session"])
    def test_a_write_that_did_not_arrive_is_sent_again_and_booked_once(
        self, erp: Erp, wire: dict[str, Any], key: str, fault: str
    ) -> None:
        push(erp, wire, f"{key}-0")  # a session is open
        extra = {"retry_after": 0} if fault == "rate_limited" else {}
        erp.arm({"fault": fault, **extra, "match": {"method": "POST", "path": "SalesOrder$", "times": 1}})
        push(erp, wire, key)
        assert len(erp.orders(key)) == 1

    def test_a_locked_document_waits(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        number = push(erp, wire, key).external_id
        erp.arm({"fault": "locked"})
        with pytest.raises(TransientError) as caught:
            erp.connector.change("orders", number, {"PurchaseOrderByCustomer": "x"}, deadline_s=10)
        assert caught.value.code == "locked"

    def test_a_change_that_lost_its_answer_can_be_repeated(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        number = push(erp, wire, key).external_id
        wanted = {**wire, "to_Item": [*wire["to_Item"], line("9", erp.pull("products")[2], "1", "1.00")]}
        erp.arm({"fault": "dropped_after_commit", "match": {"times": 1}})
        with pytest.raises(OutcomeUnknownError):
            erp.connector.change("orders", number, wanted, deadline_s=10)
        erp.connector.change("orders", number, wanted, deadline_s=10)
        assert list(erp.lines(key)) == ["1", "2", "9"]


def test_a_service_that_is_not_activated_is_reported(erp: Erp) -> None:
    broken = S4.model_copy(
        update={"resources": {"orders": S4.resources["orders"].model_copy(update={"path": "API_NONE/A"})}}
    )
    system = FakeSystem(url=erp.sandbox.url, allow_http=True, username=erp.sandbox.user, password=erp.sandbox.password)
    other = open_connector(broken, system)
    assert "API_NONE" in other.ping().services["API_NONE"]
    with pytest.raises(AccessError) as caught:
        list(other.pull("orders", "changed", since="", after=Position(), fields=[]))
    assert caught.value.erp_code == "/IWFND/MED/170"
    other.close()


def test_classicmodels_comes_whole(shared_data: Path) -> None:
    erp = Erp(start("sap/s4", data=shared_data / "classicmodels"))
    try:
        orders = erp.pull("orders")
        amounts = [Decimal(line["NetAmount"]) for order in orders for line in order.data["to_Item"]]
        assert (len(orders), len(amounts), sum(amounts)) == (326, 2996, Decimal("9604190.61"))
        assert (len(erp.pull("customers")), len(erp.pull("products")), len(erp.pull("invoices"))) == (122, 110, 310)
        stated = sum(Decimal(order.data["TotalNetAmount"]) for order in orders)  # without rejected lines
        assert sum(raw.amount for raw in erp.connector.raw_amounts("orders")) == stated
        pages = list(erp.connector.pull("orders", "changed", since="", after=Position(), fields=["SoldToParty"]))
        quiet = (pages[0].erp_time + timedelta(days=1)).isoformat()
        assert erp.pull("orders", since=quiet) == []
    finally:
        erp.close()
