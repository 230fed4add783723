"""Money and its settlement: receipts, refunds, write-offs.

AR_Match holds each settlement with its day. One that was reset stays, with FIsUnMatch and the day it ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sandbox.kingdee.metadata import HEAD
from sandbox.kingdee.shapes_ar import (
    OTHER,
    REVERSED,
    TRADE,
    Receivable,
    order_of,
    other_number,
    receipt_number,
    receivable_number,
    settled,
)
from sandbox.kingdee.shapes_base import ADVANCE, BILL, SALE, WIRE, Client, client_of, currency_number
from sandbox.kingdee.tables import FIRST_ID, Source, Tenant, at_midnight, constant, local
from sandbox.office.money import ZERO, rounded
from sandbox.office.trade import Application, Instalment, Invoice, Receipt

_MATCHES = {"payment": "1", "credit": "2", "discount": "3", "write_off": "4"}


def money_sources(tenant: Tenant) -> dict[str, Source]:
    return {
        "AR_RECEIVEBILL": _receipts(tenant), "AR_REFUNDBILL": _refunds(tenant), "AR_Match": _matches(tenant),
    }  # fmt: skip


# -- money -------------------------------------------------------------------------------------------------------------


def _money_header(tenant: Tenant) -> dict[str, Any]:
    def client(row: Receipt) -> Client | None:
        return client_of(tenant, row.customer, row.company)

    def organisation(row: Receipt) -> str:
        return row.company

    return {
        "FID": lambda row: FIRST_ID + row.id, "FCONTACTUNITTYPE": constant("BD_Customer"), "FCONTACTUNIT": client,
        "FPAYUNITTYPE": constant("BD_Customer"), "FPAYUNIT": client,
        "FCURRENCYID": lambda row: currency_number(row.currency), "FPAYORGID": organisation,
        "FSETTLEORGID": organisation,
        "FSALEORGID": organisation, "FREMARK": lambda row: row.text, "FDocumentStatus": constant("C"),
        "FCancelStatus": constant("A"), "FCreateDate": lambda row: local(row.created),
        "FModifyDate": lambda row: local(row.changed), "FAPPROVEDATE": lambda row: local(row.created),
    }  # fmt: skip


def _left(receipt: Receipt) -> Decimal:
    """What is not written off: 0 once the money is given back, for the refund has taken it."""
    return receipt.unapplied()


def _purpose(receipt: Receipt) -> str:
    return ADVANCE if receipt.kind == "advance" else SALE


def _itself(row: Any) -> list[Any]:
    return [row]


def _receipts(tenant: Tenant) -> Source:
    office = tenant.office
    header = _money_header(tenant) | {
        "FBillNo": receipt_number, "FBillTypeID": constant("SKDLX01_SYS"), "FDATE": lambda row: at_midnight(row.posted),
        "FSETTLECUR": lambda row: currency_number(row.currency), "FBUSINESSTYPE": constant("1"),
        "FMAINBOOKCURID": lambda row: currency_number(office.companies[row.company].currency),
        "FEXCHANGERATE": lambda row: row.rate, "FRECEIVEAMOUNTFOR_H": lambda row: row.amount,
        "FWRITTENOFFSTATUS": lambda row: settled(row.amount, _left(row)), "FISINIT": constant(False),
        "FTHIRDBILLNO": lambda row: row.reference,
    }  # fmt: skip
    entry: dict[str, Any] = {
        "FEntryID": lambda row: FIRST_ID + row.id, "FSeq": constant(1),
        "FSETTLETYPEID": lambda row: BILL if row.kind == "bill" else WIRE, "FPURPOSEID": _purpose,
        "FRECTOTALAMOUNTFOR": lambda row: row.amount, "FRECAMOUNTFOR_E": lambda row: row.amount,
        "FSETTLENO": lambda row: row.reference, "FPOSTDATE": lambda row: at_midnight(row.dated),
        "FDUEDATE": lambda row: at_midnight(row.maturity), "FSALEORDERNO": constant(""),
        "FWRITTENOFFAMOUNTFOR": lambda row: ZERO if row.returned else row.amount - _left(row),
        "FNOTVERIFICATEAMOUNT": _left, "FWRITTENOFFSTATUS_E": lambda row: settled(row.amount, _left(row)),
        "FREFUNDAMOUNTFOR": lambda row: row.amount if row.returned else ZERO,
        "FREFUNDDATE": lambda row: at_midnight(row.returned),
    }  # fmt: skip
    source: dict[str, Any] = {
        "FEntryID": lambda row: FIRST_ID + row.id, "FSeq": constant(1),
        "FSRCBILLTYPEID": lambda row: _form_of(row.item),
        "FSRCBILLNO": lambda row: _item_number(row.item), "FSRCROWID": lambda row: FIRST_ID + row.item.id,
        "FORDERBILLNO": lambda row: order_of(Receivable(row.item.invoice, TRADE)),
        "FREALRECAMOUNTFOR_S": lambda row: row.taken,
    }  # fmt: skip
    return Source(
        office.receipts.values,
        {HEAD: header, "FRECEIVEBILLENTRY": entry, "FRECEIVEBILLSRCENTRY": source},
        {"FRECEIVEBILLENTRY": _itself,
         "FRECEIVEBILLSRCENTRY": lambda row: [each for each in row.applications if each.stands() and each.taken]},
        lambda wanted: office.receipts.get(wanted - FIRST_ID),
    )  # fmt: skip


def _refunds(tenant: Tenant) -> Source:
    """Money that went back: the bank's return, or a bill that was dishonoured."""
    office = tenant.office

    def find(wanted: int) -> Receipt | None:
        receipt = office.receipts.get(wanted - FIRST_ID)
        return receipt if receipt and receipt.returned else None

    header = _money_header(tenant) | {
        "FBillNo": lambda row: f"SKTKD{row.id:06}", "FBillTypeID": constant("SKTKDLX01_SYS"),
        "FDATE": lambda row: at_midnight(row.returned), "FREFUNDTOTALAMOUNTFOR": lambda row: row.amount,
        "FCreateDate": lambda row: local(row.changed),
    }  # fmt: skip
    entry: dict[str, Any] = {
        "FEntryID": lambda row: FIRST_ID + row.id, "FSeq": constant(1),
        "FSETTLETYPEID": lambda row: BILL if row.kind == "bill" else WIRE, "FPURPOSEID": _purpose,
        "FREFUNDAMOUNTFOR": lambda row: row.amount, "FREALREFUNDAMOUNTFOR": lambda row: row.amount,
    }  # fmt: skip
    source: dict[str, Any] = {
        "FEntryID": lambda row: FIRST_ID + row.id, "FSeq": constant(1), "FSRCBILLTYPEID": constant("AR_RECEIVEBILL"),
        "FSRCBILLNO": receipt_number, "FSRCBILLID": lambda row: FIRST_ID + row.id,
        "FSRCROWID": lambda row: FIRST_ID + row.id, "FREALREFUNDAMOUNTFOR_S": lambda row: row.amount,
    }  # fmt: skip
    return Source(
        lambda: [receipt for receipt in office.receipts.values() if receipt.returned],
        {HEAD: header, "FREFUNDBILLENTRY": entry, "FREFUNDBILLSRCENTRY": source},
        {"FREFUNDBILLENTRY": _itself, "FREFUNDBILLSRCENTRY": _itself}, find,
    )  # fmt: skip


# -- settlement --------------------------------------------------------------------------------------------------------


def _form_of(item: Instalment) -> str:
    return "AR_OTHERRECABLE" if item.kind in OTHER else "AR_receivable"


def _item_number(item: Instalment) -> str:
    return (other_number if item.kind in OTHER else receivable_number)(item.invoice)


@dataclass(frozen=True, slots=True)
class Side:
    """One row of a write-off: a document that was settled, with its sign, or the money that settled it."""

    id: int
    seq: int
    form: str
    number: str
    bill_id: int
    row_id: int
    dated: date
    currency: str
    amount: Decimal
    rate: Decimal
    company: str


@dataclass(frozen=True, slots=True)
class Match:
    id: int
    kind: str
    on: date
    ended: date | None
    item: Instalment
    created: datetime
    changed: datetime
    sides: tuple[Side, ...]


def _item_side(seq: int, owner: int, item: Instalment, amount: Decimal) -> Side:
    invoice = item.invoice
    return Side(
        owner * 10 + seq, seq, _form_of(item), _item_number(item), FIRST_ID + invoice.id, FIRST_ID + item.id,
        invoice.posted, invoice.currency, amount, invoice.rate, invoice.company,
    )  # fmt: skip


def _applied(each: Application) -> Match:
    number = FIRST_ID + each.id
    sides = [_item_side(1, number, each.item, each.amount)]
    if receipt := each.receipt:
        sides.append(Side(
            number * 10 + 2, 2, "AR_RECEIVEBILL", receipt_number(receipt), FIRST_ID + receipt.id, FIRST_ID + receipt.id,
            receipt.posted, receipt.currency, each.taken, receipt.rate, receipt.company,
        ))  # fmt: skip
    elif each.credit:
        sides.append(_item_side(2, number, each.credit, -each.taken))
    return Match(number, _MATCHES[each.kind], each.on, each.undone, each.item, each.created, each.changed, tuple(sides))


def _reversed(item: Instalment, reversal: Invoice) -> Match:
    """The red document closes the whole of the blue one's row."""
    number = REVERSED + item.id
    red = Side(
        number * 10 + 2, 2, _form_of(item), (other_number if item.kind in OTHER else receivable_number)(reversal),
        FIRST_ID + reversal.id, REVERSED + item.id, reversal.posted, reversal.currency, -item.amount, reversal.rate,
        reversal.company,
    )  # fmt: skip
    sides = (_item_side(1, number, item, item.amount), red)
    return Match(number, "2", reversal.posted, None, item, reversal.created, reversal.changed, sides)


def _all_matches(tenant: Tenant) -> Iterable[Match]:
    for application in tenant.office.applications.values():
        yield _applied(application)
    for invoice in tenant.office.invoices.values():
        if invoice.reversed_by and invoice.counts:
            for item in invoice.instalments:
                if item.is_receivable:
                    yield _reversed(item, invoice.reversed_by)


def _matches(tenant: Tenant) -> Source:
    office = tenant.office

    def find(wanted: int) -> Match | None:
        if application := office.applications.get(wanted - FIRST_ID):
            return _applied(application)
        return next((match for match in _all_matches(tenant) if match.id == wanted), None)

    header: dict[str, Any] = {
        "FID": lambda row: row.id, "FBillNo": lambda row: f"HX{row.id:08}", "FDATE": lambda row: at_midnight(row.on),
        "FMatchType": lambda row: row.kind, "FSETTLEORGID": lambda row: row.item.invoice.company,
        "FCONTACTUNIT": lambda row: client_of(tenant, row.item.invoice.customer, row.item.invoice.company),
        "FIsUnMatch": lambda row: row.ended is not None, "FUnMatchDate": lambda row: at_midnight(row.ended),
        "FDocumentStatus": constant("C"), "FCreateDate": lambda row: local(row.created),
        "FModifyDate": lambda row: local(row.changed),
    }  # fmt: skip
    entry: dict[str, Any] = {
        "FEntryID": lambda row: row.id, "FSeq": lambda row: row.seq, "FSRCFORMID": lambda row: row.form,
        "FSRCBILLNO": lambda row: row.number, "FSRCBILLID": lambda row: row.bill_id,
        "FSRCROWID": lambda row: row.row_id,
        "FSRCDATE": lambda row: at_midnight(row.dated), "FCURRENCYID": lambda row: currency_number(row.currency),
        "FMatchAMOUNTFOR": lambda row: row.amount,
        "FMatchAMOUNT": lambda row: rounded(row.amount * row.rate, office.companies[row.company].currency),
    }  # fmt: skip
    return Source(
        lambda: _all_matches(tenant), {HEAD: header, "FEntity": entry}, {"FEntity": lambda row: list(row.sides)}, find
    )
