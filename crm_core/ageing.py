"""What customers owe at any date, by age: the rules of the accounts, computed from items, payments and applications.

As now known, by accounting date: each row takes effect on its own date, that day included. An application holds only
while both its sides count. Amounts are rounded per document, then summed; currencies are never added but as local
amounts. Advances are not revalued. Retention stands in its own column until it falls due; credit memos age by their
own dates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal

from crm_core.ageing_report import BillRow, ItemRow, PaymentRow, Report
from crm_core.ageing_sums import Sums
from crm_core.buckets import BASES, STANDARD, Buckets, parse_basis
from crm_core.money import exact, quantize, zero
from crm_core.receivables import (
    NOTED,
    Application,
    Dispute,
    OpenItem,
    Payment,
    Rate,
    counts,
    in_force,
)

Key = tuple[str, str]
"""(system, key)"""
_NONE = Decimal(0)


def ageing(
    items: Iterable[OpenItem],
    payments: Iterable[Payment],
    applications: Iterable[Application],
    disputes: Iterable[Dispute],
    rates: Iterable[Rate],
    as_of: date,
    basis: str | None = None,
    buckets: Buckets = STANDARD,
) -> Report:
    """Everything open at the end of `as_of`, on one basis (due, invoice, posting) or, without one, on all three.

    Raises RefusedError unknown-currency or bad-basis.
    """
    with exact():
        books = _Books(items, payments, applications, as_of)
        quotes = _Quotes(rates, as_of)
        sums = Sums((parse_basis(basis),) if basis else BASES, buckets)
        in_dispute = _in_dispute(disputes, as_of)
        item_rows = [sums.add_item(row) for row in _item_rows(books, quotes, in_dispute, sums)]
        payment_rows = [sums.add_payment(row) for row in _payment_rows(books, quotes)]
        bill_rows = [sums.add_bill(row) for row in _bill_rows(books, quotes)]
        companies = sums.companies()
    item_rows.sort(key=lambda row: _place(row.item, row.item.instalment))
    for rows in (payment_rows, bill_rows):
        rows.sort(key=lambda row: _place(row.payment))
    return Report(as_of, companies, item_rows, payment_rows, bill_rows, sorted(quotes.missing))


class _Books:
    """What counts at the date, and what is left of it."""

    def __init__(
        self, items: Iterable[OpenItem], payments: Iterable[Payment], applications: Iterable[Application], as_of: date
    ) -> None:
        self.as_of = as_of
        self.items = {(item.system, item.key): item for item in items}
        self.payments = {(payment.system, payment.key): payment for payment in payments}
        self.item_rests = {key: item.amount for key, item in self.items.items() if _item_counts(item, as_of)}
        self.payment_rests = {
            key: payment.amount
            for key, payment in self.payments.items()
            if in_force(payment.posting_date, payment.reversed_on, as_of)
        }
        for application in applications:
            if in_force(application.applied_on, application.reversed_on, as_of):
                self._apply(application)

    def _apply(self, application: Application) -> None:
        """A side that was not given at all does not hinder the other: an advance in a currency that was left out."""
        source, target = (application.system, application.source_key), (application.system, application.target_key)
        if self._is_idle(source) or self._is_idle(target):
            return
        if application.source_kind == "payment" and source in self.payment_rests:
            self.payment_rests[source] -= application.source_amount
        elif source in self.item_rests:
            self.item_rests[source] += application.source_amount
        if target in self.item_rests:
            self.item_rests[target] -= application.amount
        elif target in self.payment_rests:
            self.payment_rests[target] += application.amount

    def _is_idle(self, key: Key) -> bool:
        return (key in self.items and key not in self.item_rests) or (
            key in self.payments and key not in self.payment_rests
        )


def _item_counts(item: OpenItem, as_of: date) -> bool:
    return in_force(item.posting_date, item.reversed_on, as_of) and item.kind != NOTED and counts(item.document_kind)


class _Quotes:
    """The newest rate of each pair dated on or before the date."""

    def __init__(self, rates: Iterable[Rate], as_of: date) -> None:
        newest: dict[tuple[str, str], tuple[date, Decimal]] = {}
        for rate in rates:
            pair = rate.from_currency, rate.to_currency
            if rate.rate_date <= as_of and (pair not in newest or newest[pair][0] < rate.rate_date):
                newest[pair] = rate.rate_date, rate.rate
        self.rates = {pair: rate for pair, (_, rate) in newest.items()}
        self.missing: set[tuple[str, str]] = set()

    @staticmethod
    def booked(document: OpenItem | Payment, amount: Decimal) -> tuple[Decimal, Decimal]:
        """The amount in local currency at the booked rate, for both."""
        rate = 1 if document.currency == document.local_currency else document.rate
        return (quantize(amount * rate, document.local_currency),) * 2

    def local(self, document: OpenItem | Payment, amount: Decimal) -> tuple[Decimal, Decimal]:
        """The amount in local currency, at the booked rate and at the newest one."""
        own, local = document.currency, document.local_currency
        if own == local:
            same = quantize(amount, local)
            return same, same
        newest = self.rates.get((own, local))
        if newest is None:
            self.missing.add((own, local))
            newest = document.rate
        return quantize(amount * document.rate, local), quantize(amount * newest, local)


def _in_dispute(disputes: Iterable[Dispute], as_of: date) -> dict[Key, Decimal | None]:
    """Amounts in dispute by item; None is the whole item."""
    found: dict[Key, Decimal | None] = {}
    for dispute in disputes:
        if in_force(dispute.opened_on, dispute.closed_on, as_of):
            key = dispute.system, dispute.item_key
            so_far = found.get(key, _NONE)
            found[key] = None if dispute.amount is None or so_far is None else so_far + dispute.amount
    return found


def _item_rows(
    books: _Books, quotes: _Quotes, in_dispute: dict[Key, Decimal | None], sums: Sums
) -> Iterator[tuple[ItemRow, Decimal, Decimal]]:
    """Each item with something open, and its disputed amount in local and revalued money."""
    for key, rest in books.item_rests.items():
        if not rest:
            continue
        item = books.items[key]
        column = _column(item, books.as_of)
        nothing = zero(item.currency)
        disputed = _disputed(item, rest, in_dispute.get(key, _NONE)) if column == "open" else nothing
        row = ItemRow(
            item,
            column,
            rest + nothing,
            disputed + nothing,
            (books.as_of - item.due_date).days if item.due_date else None,
            sums.buckets_of(item, books.as_of) if column == "open" else {},
            *quotes.local(item, rest),
        )
        yield row, *(quotes.local(item, disputed) if disputed else (_NONE, _NONE))


def _column(item: OpenItem, as_of: date) -> str:
    if item.kind == "other":
        return "other"
    if item.kind == "retention" and (item.due_date is None or as_of < item.due_date):
        return "retention"
    return "open"


def _disputed(item: OpenItem, rest: Decimal, disputed: Decimal | None) -> Decimal:
    """At most what is open; nothing of a credit memo."""
    if rest < 0:
        return _NONE
    return rest if item.disputed or disputed is None else min(rest, disputed)


def _payment_rows(books: _Books, quotes: _Quotes) -> Iterator[PaymentRow]:
    for key, rest in books.payment_rests.items():
        if rest:
            payment = books.payments[key]
            column = "advances" if payment.kind == "advance" else "unapplied"
            local = quotes.booked(payment, rest) if column == "advances" else quotes.local(payment, rest)
            yield PaymentRow(payment, column, rest + zero(payment.currency), *local)


def _bill_rows(books: _Books, quotes: _Quotes) -> Iterator[BillRow]:
    """Bills in hand; one without a maturity date is held until it is reversed."""
    for key in books.payment_rests:
        payment = books.payments[key]
        if payment.kind == "bill" and in_force(payment.posting_date, payment.maturity_date, books.as_of):
            local = quotes.local(payment, payment.amount)
            yield BillRow(payment, payment.amount + zero(payment.currency), *local)


def _place(document: OpenItem | Payment, instalment: str = "") -> tuple[str | int, ...]:
    """In the order of numbers: they are texts, with or without leading zeros, and the shorter comes first."""
    number = document.document_number
    return (
        document.system, document.company_code, document.fiscal_year, len(number), number,
        len(instalment), instalment, document.key,
    )  # fmt: skip
