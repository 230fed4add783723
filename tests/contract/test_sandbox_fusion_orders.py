"""Orders in the Fusion sandbox: one per key, drafts, versions, cancelled lines, and what becomes of them over time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sandbox.server import start
from tests.contract.fusion_help import ERP, INVOICES, ORDERS, SALES, Fusion, charge, order, running

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def fusion() -> Iterator[Fusion]:
    with running() as fusion:
        yield fusion


def read(fusion: Fusion, key: str, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = fusion.get(f"{ORDERS}/CROSSTIE:{key}", expand="all", **options)
    return found


def lines(document: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document["lines"]["items"]
    return found


def test_one_order_for_a_key(fusion: Fusion) -> None:
    fusion.refused(404, "GET", f"{ORDERS}/CROSSTIE:CT7-Q1")
    made = fusion.post(ORDERS, order(fusion, "CT7-Q1", "2", "1250.50"))
    assert (made["OrderKey"], made["StatusCode"], made["ReturnStatus"]) == ("CROSSTIE:CT7-Q1", "OPEN", "SUCCESS")
    line = lines(made)[0]
    assert (line["UnitSellingPrice"], line["ExtendedAmount"]) == (Decimal("1250.5"), 2501)
    totals = {each["TotalCode"]: each["TotalAmount"] for each in made["totals"]["items"]}
    assert totals["QP_TOTAL_NET_PRICE"] == 2501
    assert totals["QP_TOTAL_PAY_NOW"] == Decimal("2826.13")
    assert made["billToCustomer"]["items"][0]["AccountNumber"] == "10003"
    again = fusion.refused(400, "POST", ORDERS, json=order(fusion, "CT7-Q1"))
    assert "JBO-25013" in again and "already exists" in again
    booked = [each for each in fusion.book("orders") if each["key"] == {"SourceTransactionId": "CT7-Q1"}]
    assert [each["created_count"] for each in booked] == [1]
    assert fusion.get(f"{ORDERS}/{made['HeaderId']}")["OrderNumber"] == made["OrderNumber"]
    by_number = fusion.items(ORDERS, q="SourceTransactionNumber = 'CT7-Q1' and SourceTransactionSystem = 'CROSSTIE'")
    assert [each["HeaderId"] for each in by_number] == [made["HeaderId"]]


@pytest.mark.parametrize(
    ("without", "named"),
    [
        ("SourceTransactionId", "SourceTransactionId"),
        ("BusinessUnitName", "BusinessUnitId"),
        ("BuyingPartyId", "BuyingPartyId"),
        ("TransactionalCurrencyCode", "TransactionalCurrencyCode"),
        ("lines", "lines"),
    ],
)
def test_what_is_missing_is_named(fusion: Fusion, without: str, named: str) -> None:
    payload = order(fusion, "CT7-Q2")
    del payload[without]
    assert f"/{named}" in fusion.refused(400, "POST", ORDERS, json=payload)


def test_what_the_tenant_does_not_know_is_refused_without_a_trace(fusion: Fusion) -> None:
    before = len(fusion.book("orders"))
    for change in (
        {"BuyingPartyId": "1"},
        {"BusinessUnitName": "Nowhere"},
        {"TransactionalCurrencyCode": "XXX"},
        {"SourceTransactionSystem": "OPS"},
        {"billToCustomer": [{"AccountNumber": "10001"}]},
        {"SourceTransactionId": "X" * 51},
        {"PaymentTerms": "Sometime"},
        {"lines": [order(fusion, "CT7-Q3")["lines"][0] | {"ProductNumber": "NOTHING"}]},
        {"lines": [order(fusion, "CT7-Q3")["lines"][0] | {"OrderedUOMCode": "FURLONG"}]},
        {"lines": [order(fusion, "CT7-Q3")["lines"][0] | {"charges": []}]},
        {"lines": order(fusion, "CT7-Q3")["lines"] * 2},
    ):
        fusion.refused(400, "POST", ORDERS, json=order(fusion, "CT7-Q3") | change)
    assert len(fusion.book("orders")) == before


def test_without_frozen_prices_the_price_list_decides(fusion: Fusion) -> None:
    payload = order(fusion, "CT7-Q4", 1, "1.00", FreezePriceFlag=False)
    payload["lines"][0]["UnitSellingPrice"] = 1
    assert lines(fusion.post(ORDERS, payload))[0]["UnitSellingPrice"] == 2190
    payload = order(fusion, "CT7-Q5", 1, FreezePriceFlag=False)
    payload["lines"][0]["manualPriceAdjustments"] = [
        {"AdjustmentTypeCode": "PRICE_OVERRIDE", "AdjustmentAmount": "99.5"}
    ]
    assert lines(fusion.post(ORDERS, payload))[0]["UnitSellingPrice"] == Decimal("99.5")


def test_a_draft_waits_until_it_is_submitted(fusion: Fusion) -> None:
    payload = order(fusion, "CT7-Q6")
    del payload["SubmittedFlag"]
    made = fusion.post(ORDERS, payload)
    assert (made["StatusCode"], made["SubmittedFlag"]) == ("DOO_DRAFT", False)
    path = f"{ORDERS}/CROSSTIE:CT7-Q6"
    changed = fusion.patch(path, {"CustomerPONumber": "PO-2"})
    assert (changed["HeaderId"], changed["ChangeVersionNumber"]) == (made["HeaderId"], 1)
    assert fusion.patch(path, {"SubmittedFlag": "true"})["StatusCode"] == "OPEN"
    fusion.refused(400, "DELETE", path)
    fusion.post(ORDERS, order(fusion, "CT7-Q7", SubmittedFlag="false"))
    assert fusion.call("DELETE", f"{ORDERS}/CROSSTIE:CT7-Q7").status_code == 204
    fusion.post(ORDERS, order(fusion, "CT7-Q7"))


def test_a_change_makes_a_new_version_and_the_old_one_is_read_only(fusion: Fusion) -> None:
    made = fusion.post(ORDERS, order(fusion, "CT7-Q8", 2, "100"))
    line = lines(made)[0]
    path = f"{ORDERS}/CROSSTIE:CT7-Q8"
    fusion.patch(path, {"lines": [{"FulfillLineId": line["FulfillLineId"], "OrderedQuantity": "5"}]})
    new = read(fusion, "CT7-Q8")
    assert (new["ChangeVersionNumber"], lines(new)[0]["OrderedQuantity"]) == (2, 5)
    assert new["HeaderId"] != made["HeaderId"] and new["OrderNumber"] == made["OrderNumber"]
    old = fusion.get(f"{ORDERS}/{made['HeaderId']}", expand="lines")
    assert (old["StatusCode"], lines(old)[0]["OrderedQuantity"]) == ("DOO_REFERENCE", 2)
    fusion.refused(400, "PATCH", f"{ORDERS}/{made['HeaderId']}", json={"CustomerPONumber": "X"})
    listed = fusion.items(ORDERS, q="SourceTransactionNumber = 'CT7-Q8'")
    assert [each["HeaderId"] for each in listed] == [new["HeaderId"]]


def test_lines_are_added_changed_and_cancelled(fusion: Fusion) -> None:
    fusion.post(ORDERS, order(fusion, "CT7-Q9", 2, "100"))
    path, added = f"{ORDERS}/CROSSTIE:CT7-Q9", order(fusion, "CT7-Q9", 1, "40")["lines"][0]
    fusion.patch(path, {"lines": [added | {"SourceTransactionLineId": "2", "SourceTransactionLineNumber": "2"}]})
    fusion.patch(path, {"lines": [{"SourceTransactionLineId": "1", "charges": [charge("99.90")]}]})
    first, second = lines(read(fusion, "CT7-Q9"))
    assert (first["ExtendedAmount"], second["ExtendedAmount"]) == (Decimal("199.8"), 40)
    cancel = {"FulfillLineId": second["FulfillLineId"], "OrderedQuantity": 0, "CancelReason": "CUSTOMER_REQUEST"}
    fusion.patch(path, {"lines": [cancel]})
    document = read(fusion, "CT7-Q9")
    assert [each["StatusCode"] for each in lines(document)] == ["AWAITING_SHIPPING", "CANCELED"]
    assert (lines(document)[1]["CancelReason"], document["StatusCode"]) == ("CUSTOMER_REQUEST", "OPEN")
    fusion.patch(path, {"lines": [cancel | {"FulfillLineId": first["FulfillLineId"]}]})
    assert read(fusion, "CT7-Q9")["StatusCode"] == "CANCELED"
    fusion.refused(400, "PATCH", path, json={"CustomerPONumber": "late"})
    fusion.refused(400, "PATCH", path, json={"lines": [{"FulfillLineId": 1, "OrderedQuantity": 1}]})


def test_a_second_post_is_a_revision_when_its_number_is_higher(fusion: Fusion) -> None:
    fusion.post(ORDERS, order(fusion, "CT7-Q10", 2, "100"))
    fusion.post(ORDERS, order(fusion, "CT7-Q10", 7, "100", SourceTransactionRevisionNumber="2"))
    document = read(fusion, "CT7-Q10")
    assert (document["SourceTransactionRevisionNumber"], lines(document)[0]["OrderedQuantity"]) == (2, 7)
    fusion.refused(400, "POST", ORDERS, json=order(fusion, "CT7-Q10", 9, SourceTransactionRevisionNumber="2"))
    upsert = fusion.call("POST", ORDERS, json=order(fusion, "CT7-Q10", 8), headers={"Upsert-Mode": "true"})
    assert (upsert.status_code, lines(read(fusion, "CT7-Q10"))[0]["OrderedQuantity"]) == (200, 8)


def test_a_refused_change_leaves_the_version_as_it_was(fusion: Fusion) -> None:
    made = fusion.post(ORDERS, order(fusion, "CT7-Q11", 2, "100"))
    line = {"FulfillLineId": lines(made)[0]["FulfillLineId"], "OrderedQuantity": "-1"}
    fusion.refused(400, "PATCH", f"{ORDERS}/CROSSTIE:CT7-Q11", json={"CustomerPONumber": "PO-9", "lines": [line]})
    document = read(fusion, "CT7-Q11")
    assert (document["HeaderId"], document["CustomerPONumber"]) == (made["HeaderId"], "PO-1")


def test_a_hold_stops_an_order(fusion: Fusion) -> None:
    fusion.post(ORDERS, order(fusion, "CT7-Q12"))
    fusion.post(f"{ORDERS}/CROSSTIE:CT7-Q12/action/applyHold", {"HoldCode": "DOO_CREDIT_CHECK"}, 200)
    fusion.advance(3)
    document = read(fusion, "CT7-Q12")
    assert (document["OnHold"], document["holds"]["items"][0]["ActiveFlag"]) == (True, True)
    assert lines(document)[0]["StatusCode"] == "AWAITING_SHIPPING"


def test_over_the_credit_limit_an_order_is_held(fusion: Fusion) -> None:
    assert fusion.post(ORDERS, order(fusion, "CT7-Q13", 1000, "99999"))["OnHold"] is True


def test_orders_are_shipped_billed_and_paid_as_days_pass(fusion: Fusion) -> None:
    made = fusion.post(ORDERS, order(fusion, "CT7-Q14", 3, "1000", PaymentTerms="N30"))
    seen = []
    for _ in range(8):
        fusion.advance(1)
        document = read(fusion, "CT7-Q14")
        seen.append((document["StatusCode"], *sorted({line["StatusCode"] for line in lines(document)})))
    assert ("OPEN", "SHIPPED") in [entry[:2] for entry in seen] or ("PARTIAL_CLOSE", "CLOSED") in [e[:2] for e in seen]
    assert seen[-1] == ("CLOSED", "CLOSED")
    assert document["LastUpdateDate"] > made["LastUpdateDate"]
    assert sum(line["ShippedQuantity"] for line in lines(document)) == 3
    assert all(line["ActualShipDate"] for line in lines(document))
    expand = "receivablesInvoiceLines.receivablesInvoiceLineTransactionDFF,receivablesInvoiceInstallments"
    every = fusion.items(INVOICES, q=f"CreationDate > '{made['CreationDate']}'", expand=expand)
    invoices = [
        each for each in every
        if any(line["SalesOrder"] == made["OrderNumber"] for line in each["receivablesInvoiceLines"]["items"])
    ]  # fmt: skip
    assert sum(each["EnteredAmount"] for each in invoices) == 3390
    flex = invoices[0]["receivablesInvoiceLines"]["items"][0]["receivablesInvoiceLineTransactionDFF"]["items"][0]
    assert flex["fulfillLineId"] in [str(line["FulfillLineId"]) for line in lines(document)]
    fusion.advance(80)
    for invoice in invoices:
        now = fusion.get(f"{INVOICES}/{invoice['CustomerTransactionId']}", expand="receivablesInvoiceInstallments")
        parts = now["receivablesInvoiceInstallments"]["items"]
        assert now["InvoiceBalanceAmount"] == sum(part["InstallmentBalanceDue"] for part in parts)
        for part in parts:
            left = part["OriginalAmount"] - part["AmountPaid"] + part["InstallmentAmountAdjusted"]
            assert part["InstallmentBalanceDue"] == left


def test_what_is_being_shipped_is_neither_changed_nor_cancelled(fusion: Fusion) -> None:
    fusion.post(ORDERS, order(fusion, "CT7-Q15", 3, "1000"))
    fusion.advance(2)
    part = lines(read(fusion, "CT7-Q15"))[0]["FulfillLineId"]
    for change in ({"OrderedQuantity": 0, "CancelReason": "X"}, {"OrderedQuantity": 5}, {"charges": [charge("1")]}):
        body = {"CustomerPONumber": "PO-9", "lines": [{"FulfillLineId": part, **change}]}
        assert "being shipped" in fusion.refused(400, "PATCH", f"{ORDERS}/CROSSTIE:CT7-Q15", json=body)
    assert read(fusion, "CT7-Q15")["CustomerPONumber"] == "PO-1"


def test_a_rest_that_is_called_off_stays_and_counts_no_more(fusion: Fusion) -> None:
    keys = [f"CT7-Q2{number:02}" for number in range(25)]
    for key in keys:
        fusion.post(ORDERS, order(fusion, key, 4, "100"))
    fusion.advance(1)
    key = next(key for key in keys if len(lines(read(fusion, key))) == 2)
    path = f"{ORDERS}/CROSSTIE:{key}"
    _, rest = lines(read(fusion, key))
    cancel = {"FulfillLineId": rest["FulfillLineId"], "OrderedQuantity": 0, "CancelReason": "CUSTOMER_REQUEST"}
    fusion.patch(path, {"lines": [cancel]})
    seen = [(line["FulfillLineId"], line["StatusCode"], line["ExtendedAmount"]) for line in lines(read(fusion, key))]
    assert seen[1] == (rest["FulfillLineId"], "CANCELED", 200)
    assert seen[0][1:] == ("AWAITING_SHIPPING", 200)
    assert "is canceled" in fusion.refused(400, "PATCH", path, json={"lines": [cancel]})
    (booked,) = [each for each in fusion.book("orders") if each["key"] == {"SourceTransactionId": key}]
    assert booked["total"] == "200.00"


def test_what_is_typed_in_has_a_time_of_day_and_what_is_sent_has_none(fusion: Fusion) -> None:
    fusion.post(ORDERS, order(fusion, "CT7-Q16", TransactionOn="2026-11-20", RequestedShipDate="2026-12-01"))
    sent = read(fusion, "CT7-Q16")
    assert (sent["TransactionOn"], lines(sent)[0]["RequestedShipDate"]) == (
        "2026-11-20T00:00:00.000+00:00",
        "2026-12-01T00:00:00.000+00:00",
    )
    typed = fusion.items(ORDERS, q="SourceTransactionSystem = 'OPS'", fields="TransactionOn,BusinessUnitName")
    zones = {"CN01 Business Unit": ZoneInfo("Asia/Shanghai"), "US01 Business Unit": ZoneInfo("America/Chicago")}
    moments = [(datetime.fromisoformat(each["TransactionOn"]), zones[each["BusinessUnitName"]]) for each in typed]
    days = {(at.astimezone(zone).date() - at.date()).days for at, zone in moments}
    assert days == {-1, 0, 1}
    assert not any(at.time() == time() for at, _ in moments)


def test_a_receipt_pays_what_its_references_name(fusion: Fusion) -> None:
    invoice = next(
        each for each in fusion.items(INVOICES, q="InvoiceBalanceAmount > 0") if each["InvoiceCurrencyCode"] == "CNY"
    )
    receipt = {
        "ReceiptNumber": "BANK-1", "ReceiptDate": "2026-01-05", "ReceiptMethod": "Wire", "Amount": "10.00",
        "Currency": "CNY", "BusinessUnit": invoice["BusinessUnit"],
        "CustomerAccountNumber": invoice["BillToCustomerNumber"],
        "remittanceReferences": [{"ReferenceNumber": invoice["TransactionNumber"], "ReceiptMatchBy": "Number",
                                  "ReferenceAmount": "7.50"}],
    }  # fmt: skip
    made = fusion.post(f"{ERP}/standardReceipts", receipt)
    assert made["UnappliedAmount"] == Decimal("2.5")
    after = fusion.get(f"{INVOICES}/{invoice['CustomerTransactionId']}")
    assert after["InvoiceBalanceAmount"] == invoice["InvoiceBalanceAmount"] - Decimal("7.5")


def test_a_sandbox_started_again_goes_on_where_it_was(tmp_path: Path) -> None:
    kept = tmp_path / "fusion.books"
    first = start("oracle/fusion", state=kept)
    fusion = Fusion(first)
    made = fusion.post(ORDERS, order(fusion, "CT7-KEPT", 2, "100"))
    fusion.patch(f"{ORDERS}/CROSSTIE:CT7-KEPT", {"CustomerPONumber": "PO-KEPT"})
    fusion.client.close()
    first.stop()
    second = start("oracle/fusion", state=kept)
    try:
        again = Fusion(second)
        document = read(again, "CT7-KEPT")
        assert (document["CustomerPONumber"], document["ChangeVersionNumber"]) == ("PO-KEPT", 2)
        assert again.get(f"{ORDERS}/{made['HeaderId']}")["StatusCode"] == "DOO_REFERENCE"
        again.refused(400, "POST", ORDERS, json=order(again, "CT7-KEPT"))
        again.client.close()
    finally:
        second.stop()


def test_an_invoice_entered_by_hand(fusion: Fusion) -> None:
    unit = "CN01 Business Unit"
    lines = [{"LineNumber": 1, "Description": "Consulting", "Quantity": "3", "UnitSellingPrice": "33.35",
              "TaxClassificationCode": "VAT6"}]  # fmt: skip
    invoice = {
        "BusinessUnit": unit, "TransactionSource": "Manual", "TransactionType": "Invoice",
        "TransactionDate": "2026-01-31", "InvoiceCurrencyCode": "CNY", "BillToCustomerNumber": "10003",
        "PaymentTerms": "P361", "CrossReference": "CT7-I1", "receivablesInvoiceLines": lines,
    }  # fmt: skip
    made = fusion.post(INVOICES, invoice)
    assert (made["EnteredAmount"], made["InvoiceStatus"]) == (Decimal("106.05"), "Complete")
    parts = made["receivablesInvoiceInstallments"]["items"]
    assert [part["OriginalAmount"] for part in parts] == [Decimal("31.82"), Decimal("63.63"), Decimal("10.6")]
    found = fusion.items(INVOICES, finder="invoiceSearch;CrossReference=CT7-I1")
    assert [each["CustomerTransactionId"] for each in found] == [made["CustomerTransactionId"]]
    fusion.refused(400, "POST", INVOICES, json=invoice | {"InvoiceStatus": "Incomplete"})
    fusion.refused(400, "POST", INVOICES, json=invoice | {"TransactionNumber": made["TransactionNumber"]})
    fusion.refused(400, "POST", INVOICES, json=invoice | {"BillToCustomerNumber": "1"})


def test_a_new_party_can_be_billed_once_finance_has_opened_its_account(fusion: Fusion) -> None:
    party = fusion.post(f"{SALES}/hubOrganizations", {"OrganizationName": "Newly Ltd.", "SourceSystem": "CROSSTIE",
                                                      "SourceSystemReferenceValue": "CT7-C9"})  # fmt: skip
    payload = order(fusion, "CT7-NEW", BuyingPartyId=party["PartyId"])
    assert "bill-to site" in fusion.refused(400, "POST", ORDERS, json=payload)
    fusion.advance(1)
    accounts = fusion.items(f"{ERP}/receivablesCustomerAccountActivities", q=f"CustomerId = {party['PartyId']}")
    bill_to = [{"AccountNumber": accounts[0]["AccountNumber"]}]
    assert fusion.post(ORDERS, payload | {"billToCustomer": bill_to})["BuyingPartyName"] == "Newly Ltd."
