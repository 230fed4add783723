"""The shape of an ageing: figures per company, currency and customer, and the documents behind them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from crm_core.receivables import OpenItem, Payment

COLUMNS = ("open", "credits", "disputed", "retention", "other", "unapplied", "advances", "bills")
"""`credits` and `disputed` are parts of `open`; each document stands in one of the others, nothing is netted."""


class Figures(msgspec.Struct, frozen=True, gc=False):
    """Amounts in one currency, in its own digits. `buckets` (basis → bucket → amount) sum to `open` on each basis."""

    open: Decimal
    credits: Decimal
    disputed: Decimal
    retention: Decimal
    other: Decimal
    unapplied: Decimal
    advances: Decimal
    bills: Decimal
    buckets: dict[str, dict[str, Decimal]]


class Level(msgspec.Struct, frozen=True):
    """The same documents three times: own currency, local at booked rates, local at the newest rates (advances booked).

    `items` counts the open items, payments with something left, and bills.
    """

    own: Figures
    local: Figures
    revalued: Figures
    items: int
    erp_customers: tuple[str, ...]


class CurrencyAgeing(msgspec.Struct, frozen=True):
    total: Level
    customers: dict[str, Level]


class CompanyAgeing(msgspec.Struct, frozen=True):
    """`local` and `revalued` are all currencies together, in the company's own."""

    system: str
    company_code: str
    local_currency: str
    local: Figures
    revalued: Figures
    currencies: dict[str, CurrencyAgeing]


class ItemRow(msgspec.Struct, frozen=True, gc=False):
    """`column` is open, retention or other; `days` past due (None: no due date); `buckets` only for column open."""

    item: OpenItem
    column: str
    open: Decimal
    disputed: Decimal
    days: int | None
    buckets: dict[str, str]
    local: Decimal
    revalued: Decimal


class PaymentRow(msgspec.Struct, frozen=True, gc=False):
    """What is left of a payment; `column` is unapplied or advances."""

    payment: Payment
    column: str
    rest: Decimal
    local: Decimal
    revalued: Decimal


class BillRow(msgspec.Struct, frozen=True, gc=False):
    """A bill that has not matured: its face."""

    payment: Payment
    amount: Decimal
    local: Decimal
    revalued: Decimal


class Report(msgspec.Struct, frozen=True):
    """`companies` by (system, company code). `missing_rates` (from, to): revalued at the booked rate for want of a
    newer.
    """

    as_of: date
    companies: dict[tuple[str, str], CompanyAgeing]
    items: list[ItemRow]
    payments: list[PaymentRow]
    bills: list[BillRow]
    missing_rates: list[tuple[str, str]]
