"""What is owed and what was paid, as ERPs tell it: account lines, receipts, settlements; see `crm_core.model`."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from crm_core.model_base import Record


class AccountLine(Record, kw_only=True, gc=False):
    """One line on a customer's account. `role`: item (a receivable or credit memo) · payment (money received or its
    part) · bill (a bill of exchange in hand) · transfer (moves an amount between two lines) · write_off.

    An ERP that *clears* lines against each other (SAP) shows all of them; open items, payments and their applications
    are derived (`crm_core.clearing`). One that hands over what settled what (`Receipt`, `Settlement`) shows items
    alone, without the fields of clearing: `discount`, `settles`, `cleared_on`, `clearing`.
    `balance` is what is left of the item today, signed as `amount`: only of a product that cannot tell the past.
    Amounts are signed: + owed to us. Keys are full ERP keys: a line's is its document's, '/', its own part.
    """

    role: str
    kind: str = "trade"  # of an item: trade, retention, other, advance_request; of a payment: receipt or advance
    document_kind: str = ""  # of an item: invoice, credit_memo, debit_memo, opening, advance_request
    company_code: str
    fiscal_year: str
    document_number: str
    line: str
    customer_key: str
    invoice_key: str = ""
    reference: str = ""
    document_date: date
    posting_date: date
    entered_on: date | None = None
    baseline_date: date | None = None
    due_date: date | None = None
    currency: str
    amount: Decimal
    balance: Decimal | None = None
    discount: Decimal = Decimal(0)  # part of a payment's amount that was granted, not received; same sign as amount
    local_currency: str
    local_amount: Decimal
    rate: Decimal = Decimal(1)  # as the ERP states it: where it does not give `local_amount`, that counts
    settles: str = ""  # key of the line this one settles in part
    cleared_on: date | None = None
    clearing: str = ""  # key of the document that cleared it
    reverses: str = ""  # key of the document this document reverses
    reversed: bool = False
    reversed_on: date | None = None  # the day it was voided, where no document of its own says so
    payment_terms: str = ""
    dispute_code: str = ""
    dunning_level: str = ""
    text: str = ""


class Receipt(Record, kw_only=True, gc=False):
    """Money received, of an ERP that hands over what settled what. `kind`: receipt, advance or bill (of exchange).

    `amount` is + for money received; `reversed_on` the day the bank returned it, or a bill was dishonoured.
    `balance` is what is left to apply today: only of a product that cannot tell the past.
    """

    kind: str
    company_code: str
    fiscal_year: str = ""
    number: str
    customer_key: str = ""
    document_date: date
    posting_date: date
    currency: str
    amount: Decimal
    balance: Decimal | None = None
    local_currency: str
    rate: Decimal = Decimal(1)  # local currency per 1 unit of currency, as booked
    maturity_date: date | None = None
    reversed_on: date | None = None
    reference: str = ""


class Settlement(Record, kw_only=True, gc=False):
    """What settled what, and when; `reversed_on` is None while it stands. `kind`: payment, credit, discount, write_off.

    `source_kind` is payment (`source_key`: a Receipt's), item (a credit memo's line) or empty; `source_amount` what it
    took from the source, `amount` what the target item (`target_key`: its line) fell by, each in its own currency and
    not negative, but for a late charge, a write-off turned round. `target_kind` payment: money went back, and the
    target is the Receipt (negative) that says so. A write-off or discount takes nothing from a payment. The amount of a
    side that is not there is 0.
    """

    kind: str
    company_code: str
    applied_on: date
    reversed_on: date | None = None
    source_kind: str = ""
    source_key: str = ""
    source_amount: Decimal = Decimal(0)
    target_kind: str = "item"
    target_key: str = ""
    amount: Decimal = Decimal(0)
