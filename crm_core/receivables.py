"""What ageing reads: open items, payments, and what settled what from when until when. Pure; no SQL.

Amounts are in the document's own currency: an item is + when it is owed to us and - when it is a credit memo; a payment
is + money received. `rate` is local currency per 1 unit, as booked. Dates are the company's calendar dates. Everything
counts from its own date on, that day included, and until the day before `reversed_on`.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

NEVER_COUNT = frozenset({"pro_forma", "provisional"})
"""Document kinds that are no receivables, whatever items they hold; nor are reversals of them."""

NOTED = "advance_request"
"""The kind of a noted item: it asks for money, it is not owed."""


class OpenItem(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """One instalment of a document. `customer` is the CRM's number, `customer_key` the ERP's.

    `kind` is trade, retention, other or advance_request; `document_kind` as in `crm_core.model` (or transfer,
    write_off). `disputed` is the ERP's own mark on the whole item; disputes kept in the CRM are `Dispute`.
    `known_from`: of a product that shows only what is left today, the ERP's date from which on that is known.
    """

    system: str = ""
    key: str
    company_code: str
    customer: str = ""
    customer_key: str
    fiscal_year: str
    document_number: str
    instalment: str
    kind: str = "trade"
    document_kind: str = "invoice"
    document_date: date
    posting_date: date
    due_date: date | None = None
    currency: str
    amount: Decimal
    local_currency: str
    rate: Decimal = Decimal(1)
    reversed_on: date | None = None
    disputed: bool = False
    reference: str = ""
    invoice_key: str = ""
    known_from: date | None = None


class Payment(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """Money received: a receipt, an advance, or a bill of exchange (its face) until `maturity_date` and after.

    `reversed_on`: returned by the bank, dishonoured, or reversed. A negative amount is money paid back.
    """

    system: str = ""
    key: str
    company_code: str
    customer: str = ""
    customer_key: str
    fiscal_year: str
    document_number: str
    kind: str = "receipt"
    document_date: date
    posting_date: date
    currency: str
    amount: Decimal
    local_currency: str
    rate: Decimal = Decimal(1)
    maturity_date: date | None = None
    reversed_on: date | None = None
    reference: str = ""
    known_from: date | None = None


class Application(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """What one side gave (`source_amount`, in its currency) and the other was reduced by (`amount`, in its own).

    `kind` is payment, credit, discount or write_off. `source_kind` says what `source_key` is: payment, item or ""
    (none). A target is an item, or a payment where money went back. A side that is unknown has an empty key and
    amount 0. Both amounts are positive or 0.
    `group_key` is the ERP document that made it.
    """

    system: str = ""
    key: str
    kind: str
    applied_on: date
    reversed_on: date | None = None
    source_kind: str = ""
    source_key: str = ""
    source_amount: Decimal = Decimal(0)
    target_key: str = ""
    amount: Decimal = Decimal(0)
    group_key: str = ""


class Dispute(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """A dispute about an item, kept in the CRM; no amount means the whole open amount."""

    system: str = ""
    item_key: str
    amount: Decimal | None = None
    opened_on: date
    closed_on: date | None = None


class Rate(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """`rate` units of `to_currency` for 1 `from_currency`, from `rate_date` until a newer one."""

    rate_date: date
    from_currency: str
    to_currency: str
    rate: Decimal


def counts(document_kind: str, reversed_kind: str = "") -> bool:
    """Whether a document counts at all; `reversed_kind` is the kind of the document that a reversal takes back.

    >>> counts("invoice"), counts("provisional"), counts("reversal", "provisional")
    (True, False, False)
    """
    return document_kind not in NEVER_COUNT and reversed_kind not in NEVER_COUNT


def in_force(since: date, until: date | None, as_of: date) -> bool:
    """Whether what began on `since` and was undone on `until` stands at the end of `as_of`."""
    return since <= as_of and (until is None or as_of < until)
