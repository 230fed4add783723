"""Refunds: what the bank or a dishonoured bill took back, out of the trade book, and what somebody saved here.

The trade book knows of whole receipts that were returned; a refund in part is a document of this ERP alone, and counts
from its audit on. Both are written off against their receipt at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sandbox.kingdee.metadata import HEAD
from sandbox.kingdee.shapes_base import BILL, WIRE, SavedRow, client_of, currency_number
from sandbox.kingdee.shapes_money import bill_number, purpose_of, receipt_number
from sandbox.kingdee.shapes_sales import Bill, bills_of
from sandbox.kingdee.tables import FIRST_ID, Source, Tenant, at_midnight, local
from sandbox.office.money import ZERO
from sandbox.office.trade import Receipt

FORM, ENTRY, SOURCE, BILLS = "AR_REFUNDBILL", "FREFUNDBILLENTRY", "FREFUNDBILLSRCENTRY", "FREFUNDBILLRECEIVENTRY"
RETURNED, SAVED = 6_000_000, 8_000_000
"""Ids of refunds of the trade book, and of write-offs of saved ones, begin here."""


@dataclass(frozen=True, slots=True)
class Given:
    """Part of a receipt that went back. `id` is that of its write-off."""

    id: int
    number: str
    row_id: int
    on: date
    receipt: Receipt
    amount: Decimal
    created: datetime
    changed: datetime


def refund_sources(tenant: Tenant) -> dict[str, Source]:
    return {FORM: _refunds(tenant)}


def given_back(tenant: Tenant) -> Iterator[Given]:
    for receipt in tenant.office.receipts.values():
        if receipt.returned:
            number = RETURNED + receipt.id
            yield Given(
                number, _number(receipt), number, receipt.returned, receipt, receipt.amount, receipt.changed,
                receipt.changed,
            )  # fmt: skip
    yield from _saved(tenant)


def _saved(tenant: Tenant) -> Iterator[Given]:
    bills = bills_of(tenant, FORM)
    numbers = {receipt_number(receipt): receipt for receipt in tenant.office.receipts.values()} if bills else {}
    for bill in bills.values():
        if bill.extra["FDocumentStatus"] != "C" or bill.extra.get("FCancelStatus", "A") == "B":
            continue
        stamp, rows = tenant.office.now(), bill.extra.get(ENTRY) or []
        for at, source in enumerate(bill.extra.get(SOURCE) or []):
            if (receipt := numbers.get(source.get("FSRCBILLNO"))) and rows:
                yield Given(
                    SAVED + bill.id * 10 + at, bill.extra["FBillNo"], rows[0]["FEntryID"], _day(bill), receipt,
                    source["FREALREFUNDAMOUNT_S"], stamp, stamp,
                )  # fmt: skip


def refunded(tenant: Tenant) -> dict[int, Decimal]:
    """By receipt, what saved refunds gave back."""
    found: dict[int, Decimal] = {}
    for back in _saved(tenant):
        found[back.receipt.id] = found.get(back.receipt.id, ZERO) + back.amount
    return found


def _day(bill: Bill) -> date:
    found: datetime = bill.extra.get("FDATE") or bill.extra["FDate"]
    return found.date()


def _number(receipt: Receipt) -> str:
    return f"SKTKD{receipt.id:06}"


def _refunds(tenant: Tenant) -> Source:
    office = tenant.office

    def docs() -> list[Bill]:
        returned = [_of(tenant, receipt) for receipt in office.receipts.values() if receipt.returned]
        return [*returned, *bills_of(tenant, FORM).values()]

    def find(wanted: int) -> Bill | None:
        if wanted < RETURNED:
            return bills_of(tenant, FORM).get(wanted)
        receipt = office.receipts.get(wanted - RETURNED)
        return _of(tenant, receipt) if receipt and receipt.returned else None

    def local_currency(row: Bill) -> str:
        return currency_number(office.companies[str(row.extra["FSETTLEORGID"])].currency)

    def rows(entity: str) -> Any:
        return lambda row: [SavedRow({**values, "of": row}) for values in row.extra.get(entity) or []]

    def left(row: SavedRow) -> Decimal:
        """What no receipt has given yet."""
        bill = row.extra["of"]
        given: Decimal = sum((each["FREALREFUNDAMOUNT_S"] for each in bill.extra.get(SOURCE) or []), ZERO)
        audited = bill.extra["FDocumentStatus"] == "C"
        amount: Decimal = row.extra["FREFUNDAMOUNTFOR"]
        return amount - given if audited else amount

    header: dict[str, Any] = {
        "FID": lambda row: row.id, "FBillNo": lambda row: row.extra["FBillNo"],
        "FDATE": lambda row: row.extra.get("FDATE") or row.extra["FDate"],
        "FDOCUMENTSTATUS": lambda row: row.extra["FDocumentStatus"],
        "FCancelStatus": lambda row: row.extra.get("FCancelStatus", "A"), "FMAINBOOKCURRID": local_currency,
        "FREFUNDTOTALAMOUNTFOR": lambda row: sum((each["FREFUNDAMOUNTFOR"] for each in row.extra[ENTRY]), ZERO),
    }  # fmt: skip
    entry: dict[str, Any] = {
        "FNOTVERIFICATEAMOUNT": left,
        "FWRITTENOFFAMOUNTFOR_D": lambda row: row.extra["FREFUNDAMOUNTFOR"] - left(row),
    }  # fmt: skip
    return Source(docs, {HEAD: header, ENTRY: entry}, {entity: rows(entity) for entity in (ENTRY, SOURCE, BILLS)}, find)


def _of(tenant: Tenant, receipt: Receipt) -> Bill:
    """A receipt that was returned, as the document that says so."""
    assert receipt.returned
    number, amount, by_bill = RETURNED + receipt.id, receipt.amount, receipt.kind == "bill"
    row = {"FEntryID": number, "FSeq": 1, "FSETTLETYPEID": BILL if by_bill else WIRE, "FPURPOSEID": purpose_of(receipt)}
    source = {
        "FEntryID": number, "FSeq": 1, "FSOURCETYPE": "AR_RECEIVEBILL", "FSRCBILLNO": receipt_number(receipt),
        "FSRCBILLID": FIRST_ID + receipt.id, "FSRCROWID": FIRST_ID + receipt.id, "FREALREFUNDAMOUNT_S": amount,
    }  # fmt: skip
    bill = {
        "FEntryID": number, "FRECBILLID": receipt, "FBPBILLNUMBER": bill_number(receipt), "FBPBILLPARAMOUNT": amount,
        "FRETURNBILLAMOUNT": amount,
    }  # fmt: skip
    stamp = local(receipt.changed)
    return Bill(number, {
        "FBillNo": _number(receipt), "FBillTypeID": "SKTKDLX01_SYS", "FDATE": at_midnight(receipt.returned),
        "FDocumentStatus": "C", "FCONTACTUNITTYPE": "BD_Customer",
        "FCONTACTUNIT": client_of(tenant, receipt.customer, receipt.company),
        "FCURRENCYID": currency_number(receipt.currency), "FEXCHANGERATE": receipt.rate, "FPAYORGID": receipt.company,
        "FSETTLEORGID": receipt.company, "FREMARK": receipt.text, "FCreateDate": stamp, "FModifyDate": stamp,
        "FApproveDate": stamp, ENTRY: [{**row, "FREFUNDAMOUNTFOR": amount, "FREALREFUNDAMOUNTFOR_D": amount}],
        SOURCE: [source], BILLS: [bill] if by_bill else [],
    })  # fmt: skip
