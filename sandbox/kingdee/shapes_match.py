"""The write-off log: what settled what, and when.

AR_Match holds each settlement with its day. One that was reset stays, with FIsUnMatch and the day it ended; a tenant
may be one of those where it goes (`Tenant.resets_are_deleted`). Money that was given back settles what it came from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sandbox.kingdee.metadata import HEAD
from sandbox.kingdee.shapes_ar import OTHER, REVERSED, receivable_number
from sandbox.kingdee.shapes_base import client_of, currency_number
from sandbox.kingdee.shapes_money import form_of, item_number, receipt_number
from sandbox.kingdee.shapes_refund import Given, given_back
from sandbox.kingdee.tables import FIRST_ID, Source, Tenant, at_midnight, constant, local
from sandbox.office.money import rounded
from sandbox.office.trade import Application, Customer, Instalment, Invoice, Receipt

_MATCHES = {"payment": "1", "credit": "2", "discount": "3", "write_off": "4"}


def match_sources(tenant: Tenant) -> dict[str, Source]:
    return {"AR_Match": _matches(tenant)}


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
    company: str
    customer: Customer
    created: datetime
    changed: datetime
    sides: tuple[Side, ...]


def _item_side(seq: int, owner: int, item: Instalment, amount: Decimal) -> Side:
    invoice, row = item.invoice, FIRST_ID + item.id
    bill, row = (row, row * 10 + 1) if item.kind in OTHER else (FIRST_ID + invoice.id, row)
    return Side(
        owner * 10 + seq, seq, form_of(item), item_number(item), bill, row, invoice.posted, invoice.currency, amount,
        invoice.rate, invoice.company,
    )  # fmt: skip


def _receipt_side(seq: int, owner: int, receipt: Receipt, amount: Decimal) -> Side:
    number = FIRST_ID + receipt.id
    return Side(
        owner * 10 + seq, seq, "AR_RECEIVEBILL", receipt_number(receipt), number, number, receipt.posted,
        receipt.currency, amount, receipt.rate, receipt.company,
    )  # fmt: skip


def _applied(each: Application) -> Match:
    number, invoice = FIRST_ID + each.id, each.item.invoice
    sides = [_item_side(1, number, each.item, each.amount)]
    if each.receipt:
        sides.append(_receipt_side(2, number, each.receipt, each.taken))
    elif each.credit:
        sides.append(_item_side(2, number, each.credit, -each.taken))
    kind = _MATCHES[each.kind]
    return Match(
        number, kind, each.on, each.undone, invoice.company, invoice.customer, each.created, each.changed, tuple(sides)
    )


def _reversed(item: Instalment, reversal: Invoice) -> Match:
    """The red document closes the whole of the blue one's row."""
    number, row = REVERSED + item.id, REVERSED + item.id
    bill, row = (row, row * 10 + 1) if item.kind in OTHER else (FIRST_ID + reversal.id, row)
    shown = item_number(item, reversal) if item.kind in OTHER else receivable_number(reversal)
    red = Side(
        number * 10 + 2, 2, form_of(item), shown, bill, row, reversal.posted, reversal.currency, -item.amount,
        reversal.rate, reversal.company,
    )  # fmt: skip
    sides = (_item_side(1, number, item, item.amount), red)
    return Match(
        number, "2", reversal.posted, None, reversal.company, reversal.customer, reversal.created, reversal.changed,
        sides,
    )  # fmt: skip


def _returned(back: Given) -> Match:
    """Money goes back: the receipt has as much less to give. A refund's row has the other sign."""
    number, receipt = back.id, back.receipt
    paid = Side(
        number * 10 + 1, 1, "AR_REFUNDBILL", back.number, back.id, back.row_id, back.on, receipt.currency, -back.amount,
        receipt.rate, receipt.company,
    )  # fmt: skip
    sides = (paid, _receipt_side(2, number, receipt, back.amount))
    return Match(
        number, "1", back.on, None, receipt.company, receipt.customer, back.created, back.changed, sides
    )  # fmt: skip


def _all_matches(tenant: Tenant) -> Iterable[Match]:
    for application in tenant.office.applications.values():
        if application.undone is None or not tenant.resets_are_deleted:
            yield _applied(application)
    for invoice in tenant.office.invoices.values():
        if invoice.reversed_by and invoice.counts:
            for item in invoice.instalments:
                if item.is_receivable:
                    yield _reversed(item, invoice.reversed_by)
    yield from map(_returned, given_back(tenant))


def _matches(tenant: Tenant) -> Source:
    office = tenant.office
    header: dict[str, Any] = {
        "FID": lambda row: row.id, "FBillNo": lambda row: f"HX{row.id:08}", "FDATE": lambda row: at_midnight(row.on),
        "FMatchType": lambda row: row.kind, "FSETTLEORGID": lambda row: row.company,
        "FCONTACTUNIT": lambda row: client_of(tenant, row.customer, row.company),
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
        lambda: _all_matches(tenant), {HEAD: header, "FEntity": entry}, {"FEntity": lambda row: list(row.sides)}
    )
