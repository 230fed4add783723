"""Orders that come in through the sandbox's API: checks, changes, and how they live as the days pass."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.front import Caller
from sandbox.odata.backend import ODataError
from sandbox.sap.documents import rest
from sandbox.sap.s4 import S4Backend
from tests.unit.sandbox_books_help import assert_sound, books

TODAY = date(2026, 6, 15)
Values = dict[str, Any]
NEW: Values = {
    "SalesOrderType": "OR", "SalesOrganization": "CN01", "DistributionChannel": "10", "OrganizationDivision": "00",
    "SoldToParty": "10000002", "PurchaseOrderByCustomer": "PO 77", "PurchaseOrderByShipToParty": "CT7-Q000123",
}  # fmt: skip
LINE: Values = {"Material": "LQ-1310", "RequestedQuantity": Decimal(4), "UnderlyingPurchaseOrderItem": "1"}


@pytest.fixture
def held() -> S4Backend:
    backend = books(None, TODAY)
    backend.begin(Caller("request-1", "CROSSTIE", "EN"))
    return backend


def placed(held: S4Backend, *lines: Values, **header: object) -> str:
    return str(held.create("A_SalesOrder", {**NEW, **header, "to_Item": list(lines) or [LINE]}).row["SalesOrder"])


def header(held: S4Backend, number: str) -> Values:
    row = held.get("A_SalesOrder", {"SalesOrder": number})
    assert row is not None
    return dict(row)


def item(held: S4Backend, number: str, line: str = "10") -> Values:
    row = held.get("A_SalesOrderItem", {"SalesOrder": number, "SalesOrderItem": line})
    assert row is not None
    return dict(row)


# -- create ------------------------------------------------------------------------------------------------------------


def test_a_plain_order(held: S4Backend) -> None:
    created = held.create("A_SalesOrder", {**NEW, "to_Item": [LINE, {**LINE, "Material": "LQ-1600"}]})
    assert created.messages == []
    assert created.row["TotalNetAmount"] == 4 * Decimal("118.25") + 4 * Decimal("58.90")
    assert (created.row["CustomerPaymentTerms"], created.row["TransactionCurrency"]) == ("N30", "CNY")
    assert [row["TaxAmount"] for row in held.navigate("A_SalesOrder", created.row, "to_Item") or ()] == [
        Decimal("61.49"),
        Decimal("21.20"),
    ]


def test_a_price_sent_goes_before_the_list(held: S4Backend) -> None:
    price = {
        "ConditionType": "PPR0",
        "ConditionRateValue": Decimal("12.345"),
        "ConditionQuantity": Decimal(1),
        "ConditionCurrency": "CNY",
    }
    number = placed(held, {**LINE, "RequestedQuantity": Decimal("2.5"), "to_PricingElement": [price]})
    assert item(held, number)["NetAmount"] == Decimal("30.86")
    per_hundred = {**price, "ConditionRateValue": Decimal(1), "ConditionQuantity": Decimal(3)}
    assert item(held, placed(held, {**LINE, "to_PricingElement": [per_hundred]}))["NetAmount"] == Decimal("1.33")


@given(st.decimals("0.001", "99999", places=3), st.decimals("0.01", "99999", places=4))
@settings(max_examples=30)
def test_net_is_rounded_half_up_to_the_currency(quantity: Decimal, price: Decimal) -> None:
    held = shared_books()
    for customer, currency, digits in (("10000002", "CNY", 2), ("10000013", "JPY", 0)):
        element = {"ConditionType": "PPR0", "ConditionRateValue": price, "ConditionCurrency": currency}
        number = placed(
            held, {**LINE, "RequestedQuantity": quantity, "to_PricingElement": [element]}, SoldToParty=customer
        )
        exact = quantity * price * 10**digits
        assert header(held, number)["TotalNetAmount"] == (exact + Decimal("0.5")).to_integral_value(
            "ROUND_FLOOR"
        ).scaleb(-digits)


_SHARED: list[S4Backend] = []


def shared_books() -> S4Backend:
    if not _SHARED:
        _SHARED.append(books(None, TODAY))
    return _SHARED[0]


@pytest.mark.parametrize(
    ("change", "code", "target"),
    [
        ({"SoldToParty": "999"}, "VP/204", "SoldToParty"),
        ({"SoldToParty": "10000015"}, "VP/204", "SoldToParty"),
        ({"SalesOrganization": "XX01"}, "V1/324", "SalesOrganization"),
        ({"SalesOrderType": "ZZ"}, "V1/303", "SalesOrderType"),
        ({"TransactionCurrency": "XYZ"}, "00/058", "TransactionCurrency"),
        ({"CustomerPaymentTerms": "NONE"}, "F5/021", "CustomerPaymentTerms"),
        ({"to_Item": []}, "V1/555", "to_Item"),
        ({"to_Item": [{**LINE, "Material": "NO-SUCH"}]}, "V1/382", "Material"),
        ({"to_Item": [{**LINE, "RequestedQuantity": Decimal(0)}]}, "V1/365", "RequestedQuantity"),
        ({"to_Item": [{**LINE, "RequestedQuantityUnit": "ZZ"}]}, "BM/302", "RequestedQuantityUnit"),
        ({"to_Item": [{**LINE, "to_PricingElement": [{"ConditionType": "ZZZZ"}]}]}, "VK/214", "ConditionType"),
        ({"to_Partner": [{"PartnerFunction": "SH", "Customer": "999"}]}, "VP/201", "Customer"),
    ],
)  # fmt: skip
def test_what_is_refused(held: S4Backend, change: Values, code: str, target: str) -> None:
    count, point = len(held.books.orders), held.savepoint()
    with pytest.raises(ODataError) as caught:
        held.create("A_SalesOrder", {**NEW, "to_Item": [LINE], **change})
    held.rollback(point)
    error = caught.value
    assert (error.status, error.code, error.details[0].target) == (400, code, target)
    assert error.details[-1].code == "/IWBEP/CX_MGW_BUSI_EXCEPTION"
    assert len(held.books.orders) == count


def test_over_the_limit_is_saved_blocked_and_said(held: S4Backend) -> None:
    created = held.create("A_SalesOrder", {**NEW, "to_Item": [{**LINE, "RequestedQuantity": Decimal(90000)}]})
    assert created.row["TotalCreditCheckStatus"] == "B"
    assert [message.code for message in created.messages] == ["V1/849"]
    number = created.row["SalesOrder"]
    held.advance(5)
    assert header(held, number)["OverallSDProcessStatus"] == "A"
    held.mutate({"what": "release_credit", "order": number})
    held.advance(3)
    assert header(held, number)["OverallDeliveryStatus"] in ("B", "C")


def test_a_missing_price_leaves_the_order_incomplete(held: S4Backend) -> None:
    created = held.create("A_SalesOrder", {**NEW, "TransactionCurrency": "GBP", "to_Item": [LINE]})
    assert [message.code for message in created.messages] == ["V1/555"]
    held.advance(6)
    assert header(held, created.row["SalesOrder"])["OverallDeliveryStatus"] == "A"


def test_the_same_reference_twice_is_two_orders(held: S4Backend) -> None:
    first, second = placed(held), placed(held)
    assert first != second
    rows = {row["number"]: row for row in held.book("orders")}
    assert (rows[first]["created_count"], rows[second]["created_count"]) == (2, 2)
    assert rows[first]["created_by_request"] == "request-1"


def test_language_decides_outside_codes(held: S4Backend) -> None:
    number = placed(held)
    assert (header(held, number)["SalesOrderType"], item(held, number)["RequestedQuantityUnit"]) == ("OR", "PC")
    held.begin(Caller("request-2", "CROSSTIE", "DE"))
    row = item(held, number)
    assert (header(held, number)["SalesOrderType"], row["RequestedQuantityUnit"]) == ("TA", "ST")
    assert (row["RequestedQuantitySAPUnit"], row["RequestedQuantityISOUnit"]) == ("ST", "PCE")


# -- change ------------------------------------------------------------------------------------------------------------


def test_changes_move_the_version_and_are_noted(held: S4Backend) -> None:
    number = placed(held)
    before = header(held, number)["LastChangeDateTime"]
    held.begin(Caller("request-2", "CROSSTIE", "EN"))
    key = {"SalesOrder": number, "SalesOrderItem": "10"}
    held.update("A_SalesOrderItem", key, {"RequestedQuantity": Decimal(7)}, False)
    held.update("A_SalesOrderItemPrElement", {**key, "PricingProcedureStep": "11", "PricingProcedureCounter": "1"}, {"ConditionRateValue": Decimal(10)}, False)  # fmt: skip  # noqa: E501
    held.update("A_SalesOrder", {"SalesOrder": number}, {"RequestedDeliveryDate": date(2026, 7, 1)}, False)
    after = header(held, number)
    assert (after["TotalNetAmount"], after["RequestedDeliveryDate"]) == (Decimal("70.00"), date(2026, 7, 1))
    assert after["LastChangeDateTime"] > before
    (row,) = [row for row in held.book("orders") if row["number"] == number]
    assert {change["request"] for change in row["changes"]} == {"request-2"}
    assert len(row["changes"]) == 3


def test_rejecting_all_items_cancels(held: S4Backend) -> None:
    number = placed(held, LINE, {**LINE, "UnderlyingPurchaseOrderItem": "2"})
    for line in ("10", "20"):
        held.update(
            "A_SalesOrderItem", {"SalesOrder": number, "SalesOrderItem": line}, {"SalesDocumentRjcnReason": "02"}, False
        )
    row = header(held, number)
    assert (row["OverallSDDocumentRejectionSts"], row["OverallSDProcessStatus"], row["TotalNetAmount"]) == ("C", "C", 0)
    held.advance(5)
    assert header(held, number)["OverallDeliveryStatus"] == ""


def test_a_rolled_back_change_leaves_no_trace(held: S4Backend) -> None:
    number = placed(held)
    was, lines = header(held, number), len(held.books.orders[number].items)
    point = held.savepoint()
    held.create("A_SalesOrderItem", {**LINE, "SalesOrder": number})
    held.update("A_SalesOrder", {"SalesOrder": number}, {"PurchaseOrderByCustomer": "other"}, False)
    held.create("A_SalesOrderText", {"SalesOrder": number, "LongTextID": "TX01", "LongText": "hello"})
    placed(held)
    held.rollback(point)
    assert (header(held, number), len(held.books.orders[number].items)) == (was, lines)
    assert list(held.books.orders)[-1] == number


def test_a_deletion_taken_back_leaves_the_order_in_its_place(held: S4Backend) -> None:
    numbers = [placed(held) for _ in range(3)]
    point = held.savepoint()
    held.delete("A_SalesOrder", {"SalesOrder": numbers[1]})
    held.rollback(point)
    assert [row["SalesOrder"] for row in held.rows("A_SalesOrder")][-3:] == numbers


def test_an_order_with_followers_cannot_be_deleted(held: S4Backend) -> None:
    kept, gone = placed(held), placed(held)
    held.delete("A_SalesOrder", {"SalesOrder": gone})
    assert held.get("A_SalesOrder", {"SalesOrder": gone}) is None
    held.advance(2)
    with pytest.raises(ODataError, match="follow-on documents"):
        held.delete("A_SalesOrder", {"SalesOrder": kept})


# -- life --------------------------------------------------------------------------------------------------------------


def test_from_order_to_payment(held: S4Backend) -> None:
    numbers = [
        placed(held, LINE, {**LINE, "Material": "LQ-1500", "RequestedQuantity": Decimal("3.335")}) for _ in range(12)
    ]
    held.advance(12)
    for number in numbers:
        order = held.books.orders[number]
        assert header(held, number)["OverallSDProcessStatus"] == "C"
        assert sum(billing.net for billing in order.billings) == order.net
        assert sum(billing.net + billing.tax for billing in order.billings) == order.gross
    assert {len(held.books.orders[number].deliveries) for number in numbers} == {1, 2}
    held.advance(120)
    due = [line for n in numbers for b in held.books.orders[n].billings if b.accounting for line in b.accounting.lines]
    assert all(rest(line) == 0 for line in due)
    assert_sound(held.books.ledger)


def test_the_same_seed_is_the_same_book() -> None:
    def book(seed: int) -> list[object]:
        backend = books(None, TODAY, seed=seed)
        backend.begin(Caller("r", "u", "EN"))
        placed(backend, SoldToParty="10000001")
        backend.advance(40)
        return [
            [(row["number"], row["amount"], row["rest"]) for row in backend.book("open_items")],
            [o["total"] for o in backend.book("orders")],
        ]

    assert book(7) == book(7)
    assert book(7) != book(8)


def test_the_made_up_book_is_rich() -> None:
    held = books(None, TODAY)
    lines = held.rows("A_OperationalAcctgDocItemCube")
    names = [row["BusinessPartnerFullName"] for row in held.rows("A_BusinessPartner")]
    assert any("有限公司" in name for name in names) and any("LLC" in name for name in names)
    assert {"CNY", "USD", "JPY"} <= {row["TransactionCurrency"] for row in lines}
    assert {row["TotalCreditCheckStatus"] for row in held.rows("A_SalesOrder")} >= {"A", "B"}
    assert {"F2", "G2", "S1"} <= {row["BillingDocumentType"] for row in held.rows("A_BillingDocument")}
    assert {product.tax_rate for product in held.books.catalogue.products.values()} == {
        Decimal(n) for n in (13, 9, 6, 0)
    }
    assert "3" in {row["AccountingDocumentItem"] for row in lines}
    assert any(row["FollowOnDocumentType"] == "Z" for row in lines)
    assert_sound(held.books.ledger)


def test_many_rows() -> None:
    held = books(None, TODAY, rows=300)
    rows = held.rows("A_SalesOrder")
    assert (len(rows), len(held.rows("A_SalesOrderItem"))) == (300, 1500)
    stamps = [row["LastChangeDateTime"] for row in rows]
    assert stamps == sorted(set(stamps))
    assert stamps[-1] < held.now()


def test_rows_and_a_data_set_do_not_go_together(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rows are made up"):
        books(tmp_path, TODAY, rows=5)


def test_cancelling_an_invoice(held: S4Backend) -> None:
    number = placed(held)
    held.advance(4)
    billing = held.books.orders[number].billings[0]
    (report,) = held.call("Cancel", {"BillingDocument": billing.number}) or ()
    assert billing.cancelled_by and billing.cancelled_by.number == report["CancellationBillingDocument"]
    assert billing.accounting and all(rest(line) == 0 for line in billing.accounting.lines)
    row = held.get("A_BillingDocument", {"BillingDocument": billing.number})
    assert row and row["BillingDocumentIsCancelled"] is True
    with pytest.raises(ODataError, match="cancelled already"):
        held.call("Cancel", {"BillingDocument": billing.number})


def test_delivery_functions(held: S4Backend) -> None:
    number = placed(held)
    held.advance(1)
    (delivery,) = held.books.orders[number].deliveries
    key = {"DeliveryDocument": delivery.number}
    version = delivery.version
    held.call("PostGoodsIssue", key)
    assert delivery.issued == held.now().date() and delivery.version > version
    held.call("ReverseGoodsIssue", {**key, "ActualGoodsMovementDate": None})
    assert delivery.issued is None and header(held, number)["OverallDeliveryStatus"] == "A"
    with pytest.raises(ODataError, match="already been posted"):
        _twice(lambda: held.call("PostGoodsIssue", key))


def _twice(action: Callable[[], object]) -> None:
    action()
    action()
