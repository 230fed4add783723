"""Orders and contracts by OData V4, against the S/4 sandbox over HTTP: all that orders do by V2, and V4's rules."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from connectors.base import Part, Position, Record
from connectors.errors import AccessError, ConfigurationError, PermanentError, RecordRejectedError
from connectors.products import load_product, open_connector
from sandbox.server import start
from tests.contract.test_s4_connector import Erp, TestWriting, push, wire
from tests.unit.connector_help import FakeSystem

pytestmark = pytest.mark.contract

V4 = {"orders": "odata4"}
ROOT = "/sap/opu/odata4/sap/api_salesorder/srvd_a2x/sap/salesorder/0001"
EXACT = {"Accept": "application/json;IEEE754Compatible=true"}
FIELDS = [
    "SalesOrderType", "SalesOrganization", "SoldToParty", "PurchaseOrderByCustomer", "PurchaseOrderByShipToParty",
    "SalesOrderDate", "RequestedDeliveryDate", "TransactionCurrency", "TotalNetAmount", "CustomerPaymentTerms",
    "OverallSDDocumentRejectionSts", "TotalCreditCheckStatus", "SalesDocApprovalStatus", "OverallSDProcessStatus",
    "OverallDeliveryStatus", "OverallOrdReltdBillgStatus", "DeliveryBlockReason", "HeaderBillingBlockReason",
    "CreationDate", "to_Item.SalesOrderItem", "to_Item.Material", "to_Item.SalesOrderItemText",
    "to_Item.RequestedQuantity", "to_Item.RequestedQuantityUnit", "to_Item.NetAmount",
    "to_Item.SalesDocumentRjcnReason", "to_Item.DeliveryStatus", "to_Item.OrderRelatedBillingStatus",
    "to_Item.to_PricingElement.ConditionType",
]  # fmt: skip
__all__ = ["wire"]  # a fixture


@pytest.fixture(scope="module")
def shared_erp() -> Iterator[Erp]:
    found = Erp(start("sap/s4", seed=11), line="number", options=V4)
    yield found
    found.close()


class TestWritingV4(TestWriting):
    """Every test of writing by V2, by V4."""

    def test_our_line_number_is_the_item_number(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        number = push(erp, wire, key).external_id
        fields = ["to_Item.UnderlyingPurchaseOrderItem", "to_Item.SalesOrderItem", "to_Item.RequestedQuantityUnit"]
        [record] = [r for page in erp.connector.lookup("orders", [number], fields=fields) for r in page.records]
        shown = [(i["UnderlyingPurchaseOrderItem"], i["SalesOrderItem"]) for i in record.data["to_Item"]]
        assert shown == [("1", "1"), ("2", "2")]
        assert {i["RequestedQuantityUnit"] for i in record.data["to_Item"]} <= {"PC", "H", "EA", "KG"}

    def test_a_change_meanwhile_is_read_again(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        number = push(erp, wire, key).external_id
        other = erp.connect(options={})  # V2 writes in between: the version that V4 has read is stale
        sender = erp.connector._for("orders")._writer._sender  # type: ignore[attr-defined]
        send, raced = sender.send, []

        def racing(service: str, operation: Any, deadline: Any) -> Any:
            if not raced:
                raced.append(other.change("orders", number, {"PurchaseOrderByCustomer": "theirs"}, deadline_s=10))
            return send(service, operation, deadline)

        sender.send = racing
        try:
            assert erp.connector.change("orders", number, {"CustomerPaymentTerms": ""}, deadline_s=10).changed
        finally:
            sender.send = send
            other.close()
        assert erp.orders(key)[0]["key"]["PurchaseOrderByCustomer"] == "theirs"

    def test_a_unit_is_written_as_its_internal_code(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        wanted = copy.deepcopy(wire)
        for item in wanted["to_Item"]:
            item["RequestedQuantityUnit"] = "PC"
        push(erp, wanted, key)
        assert {item["unit"] for item in erp.orders(key)[0]["lines"]} == {"ST"}
        for item in wanted["to_Item"]:
            item["RequestedQuantityUnit"] = "PCE"
        with pytest.raises(RecordRejectedError, match="PCE"):
            push(erp, wanted, f"{key}-2")

    def test_all_differences_go_in_one_changeset(
        self, erp: Erp, wire: dict[str, Any], key: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        number = push(erp, wire, key).external_id
        wanted = {**wire, "PurchaseOrderByCustomer": "amended", "to_Item": wire["to_Item"][:1]}
        with caplog.at_level("INFO", "crosstie.erp"):
            erp.connector.change("orders", number, wanted, deadline_s=10)
        sent = [record.__dict__["path"] for record in caplog.records if record.__dict__["method"] != "GET"]
        assert sent == [f"{ROOT}/$batch"]
        assert [bool(item["rejected"]) for item in erp.orders(key)[0]["lines"]] == [False, True]


class TestReadingV4:
    def test_it_equals_a_pull_by_v2_row_for_row(self, erp: Erp) -> None:
        old = erp.connect(options={})
        pages = list(old.pull("orders", "changed", since="", after=Position(), fields=FIELDS))
        old.close()
        by_v2 = [record for page in pages for record in page.records]
        assert len(by_v2) > 30
        assert {r.key: shown(r) for r in erp.pull("orders", fields=FIELDS)} == {r.key: shown(r) for r in by_v2}

    def test_parts_together_are_the_whole(self, erp: Erp) -> None:
        days = [Part(before="2026-08-01"), Part(first="2026-08-01")]
        found = [
            record.key
            for part in days
            for page in erp.connector.pull(
                "orders", "changed", since="", after=Position(), fields=["SoldToParty"], part=part
            )
            for record in page.records
        ]
        assert sorted(found) == sorted(record.key for record in erp.pull("orders"))

    def test_pages_that_move_and_shrink_lose_nothing(self, erp: Erp) -> None:
        expected = {record.key for record in erp.pull("orders")}
        erp.arm({"fault": "page_limit", "n": 7}, {"fault": "rows_move", "rows": 2})
        assert {record.key for record in erp.pull("orders")} == expected

    def test_every_document_that_bears_our_key(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        numbers = [push(erp, wire, f"{key}-{n}").external_id for n in range(3)]
        found = {keyed.key: keyed.hit.external_id for keyed in erp.connector.bearing("orders", f"{key}-")}
        assert found == {f"{key}-{n}": number for n, number in enumerate(numbers)}

    def test_raw_amounts_agree_with_those_of_v2(self, erp: Erp) -> None:
        old = erp.connect(options={})
        assert set(erp.connector.raw_amounts("orders")) == set(old.raw_amounts("orders"))
        old.close()

    def test_a_renamed_field_stops_the_read(self, erp: Erp) -> None:
        erp.arm({"fault": "field_renamed", "from": "SalesOrder", "to": "Order"})
        with pytest.raises(PermanentError) as caught:
            erp.pull("orders")
        assert caught.value.code == "answer-shape"

    def test_the_mapping_knows_every_field(self, erp: Erp) -> None:
        paths = erp.connector.source_paths("orders") or {}
        assert not [field for field in [*FIELDS, "ExternalDocumentID"] if field not in paths]

    def test_contracts_are_those_of_the_book(self, erp: Erp) -> None:
        fields = ["SalesContractValidityEndDate", "TotalNetAmount", "_Item.SlsContrItemReleasedQuantity"]
        records = {record.key: record.data for record in erp.pull("contracts", fields=fields)}
        book = {document["number"]: document for document in erp.book("contracts")}
        assert records.keys() == book.keys()
        assert len(book) > 5
        for number, document in book.items():
            assert records[number]["SalesContractValidityEndDate"] == document["end"]
            assert Decimal(records[number]["TotalNetAmount"]) == Decimal(document["total"])
            [released] = [item["SlsContrItemReleasedQuantity"] for item in records[number]["_Item"]]
            assert Decimal(released) == Decimal(document["lines"][0]["released"])
        assert any(document["follows"] for document in book.values())
        [hit] = erp.connector.find("contracts", "FRAME-0001")
        assert hit.external_id == "40000001"


def shown(record: Record) -> dict[str, Any]:
    """What both ways have; a V2 stamp is cut to milliseconds, and an item has no second number by V4."""
    items = [{n: v for n, v in item.items() if n != "UnderlyingPurchaseOrderItem"} for item in record.data["to_Item"]]
    return {**record.data, "to_Item": items, "LastChangeDateTime": record.data["LastChangeDateTime"][:23]}


class TestOptions:
    def test_the_limits_hold_for_all_protocols_together(self) -> None:
        found = open_connector(load_product("sap/s4"), FakeSystem(options=V4))
        paces = {id(found._for(obj)._client.http._pace) for obj in ("orders", "customers")}  # type: ignore[attr-defined]
        assert len(paces) == 1
        found.close()

    def test_a_way_that_there_is_not(self) -> None:
        with pytest.raises(ConfigurationError) as caught:
            open_connector(load_product("sap/s4"), FakeSystem(options={"orders": "soap"}))
        assert caught.value.code == "option-value"

    def test_a_carrier_of_one_protocol_is_no_fault_of_the_other(self) -> None:
        open_connector(load_product("sap/s4"), FakeSystem(options=V4, key_carrier="AssignmentReference")).close()
        with pytest.raises(ConfigurationError) as caught:
            open_connector(load_product("sap/s4"), FakeSystem(options=V4, key_carrier="Nothing"))
        assert caught.value.code == "unknown-carrier"

    def test_a_group_that_is_not_published(self, erp: Erp) -> None:
        s4 = load_product("sap/s4")
        gone = s4.resources["contracts"].model_copy(update={"path": "api_none/srvd_a2x/sap/none/0001/None"})
        facts = {"username": erp.sandbox.user, "password": erp.sandbox.password}
        product = s4.model_copy(update={"resources": {"contracts": gone}})
        other = open_connector(product, FakeSystem(url=erp.sandbox.url, allow_http=True, **facts))
        with pytest.raises(AccessError) as caught:
            list(other.pull("contracts", "changed", since="", after=Position(), fields=[]))
        assert caught.value.erp_code == "/IWBEP/CM_V4_COS/014"
        other.close()


class TestSandbox:
    """SAP's own rules of V4, asked without our connector."""

    @pytest.fixture
    def http(self, erp: Erp) -> Iterator[httpx.Client]:
        with httpx.Client(base_url=erp.sandbox.url, auth=(erp.sandbox.user, erp.sandbox.password)) as client:
            token = client.get(f"{ROOT}/", headers={"x-csrf-token": "Fetch"}).headers["x-csrf-token"]
            client.headers["x-csrf-token"] = token
            yield client

    def test_decimals_are_numbers_unless_exact_ones_are_asked_for(self, http: httpx.Client) -> None:
        asked = f"{ROOT}/SalesOrder?$top=1&$select=TotalNetAmount"
        assert isinstance(http.get(asked).json()["value"][0]["TotalNetAmount"], float)
        assert isinstance(http.get(asked, headers=EXACT).json()["value"][0]["TotalNetAmount"], str)

    @pytest.mark.parametrize(
        "text",
        [
            "SalesOrderDate ge datetime'2020-01-01T00:00:00'",
            "SalesOrderDate ge '2020-01-01'",
            "SalesOrderDate ge 2020-01-01T00:00:00Z",
            "LastChangeDateTime ge 2020-01-01",
            "substringof('1',SoldToParty)",
            "Nothing eq 'x'",
        ],
    )
    def test_what_is_no_filter_of_v4(self, http: httpx.Client, text: str) -> None:
        answer = http.get(f"{ROOT}/SalesOrder", params={"$filter": text})
        assert answer.status_code == 400
        assert isinstance(answer.json()["error"]["message"], str)

    def test_filters_order_count_and_pages(self, http: httpx.Client, erp: Erp) -> None:
        params = {"$filter": "contains(SoldToParty,'1') and SalesOrderDate ge 2020-01-01", "$count": "true"}
        found = http.get(f"{ROOT}/SalesOrder", params={**params, "$orderby": "SalesOrder desc", "$top": "3"}).json()
        numbers = [row["SalesOrder"] for row in found["value"]]
        assert numbers == sorted(numbers, reverse=True)
        assert found["@odata.count"] > 3
        assert "@odata.nextLink" not in found
        erp.arm({"fault": "page_limit", "n": 5})
        page = http.get(f"{ROOT}/SalesOrder?$select=SalesOrder").json()
        following = http.get(f"{ROOT}/{page['@odata.nextLink']}").json()
        assert not {r["SalesOrder"] for r in page["value"]} & {r["SalesOrder"] for r in following["value"]}

    def test_expanded_lines_take_options(self, http: httpx.Client) -> None:
        expand = "_Item($select=Product;$filter=SalesOrderItem eq '10';$expand=_ItemPricingElement($top=1))"
        [row] = http.get(f"{ROOT}/SalesOrder", params={"$top": "1", "$expand": expand}).json()["value"]
        [item] = row["_Item"]
        assert item.keys() == {"@odata.etag", "Product", "_ItemPricingElement"}
        assert len(item["_ItemPricingElement"]) == 1

    def test_a_write_needs_the_version_of_its_document(self, http: httpx.Client) -> None:
        [row] = http.get(f"{ROOT}/SalesOrder?$top=1&$expand=_Item").json()["value"]
        item = f"{ROOT}/SalesOrderItem(SalesOrder='{row['SalesOrder']}',SalesOrderItem='10')"
        change = {"SalesOrderItemText": "renamed"}
        assert http.patch(item, json=change).status_code == 428
        assert http.patch(item, json=change, headers={"If-Match": 'W/"other"'}).status_code == 412
        assert row["_Item"][0]["@odata.etag"] == row["@odata.etag"]
        answer = http.patch(item, json=change, headers={"If-Match": row["@odata.etag"]})
        assert (answer.status_code, answer.json()["SalesOrderItemText"]) == (200, "renamed")
        assert answer.headers["etag"] != row["@odata.etag"]

    def test_what_is_no_write_of_v4(self, http: httpx.Client) -> None:
        [row] = http.get(f"{ROOT}/SalesOrder?$top=1").json()["value"]
        order, version = f"{ROOT}/SalesOrder('{row['SalesOrder']}')", {"If-Match": "*"}
        assert http.request("MERGE", order, json={}, headers=version).status_code == 501
        assert http.post(f"{ROOT}/SalesOrderItem", json={"Product": "X"}).status_code == 405
        assert http.patch(order, json={"_Item": []}, headers=version).status_code == 400
        day = {"RequestedDeliveryDate": "/Date(0)/"}
        assert http.patch(order, json=day, headers=version).status_code == 400
        item = f"{ROOT}/SalesOrderItem(SalesOrder='{row['SalesOrder']}',SalesOrderItem='10')"
        assert http.patch(item, json={"RequestedQuantity": "5"}, headers=version).status_code == 400
        assert http.post(order, json={}, headers={"x-csrf-token": ""}).status_code == 403
