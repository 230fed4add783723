"""Receivables the slow way: each figure by itself, straight from the written rules, in whole smallest units.

Shares nothing with the product: no Decimal arithmetic, no index, no running sums.
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

from crm_core.receivables import Application, Dispute, OpenItem, Payment, Rate

DIGITS = {"CNY": 2, "USD": 2, "JPY": 0, "KWD": 3}
EDGES = [("not_due", -(10**9), 0), ("1-30", 1, 30), ("31-60", 31, 60), ("61-90", 61, 90), ("91-180", 91, 180)]
EDGES.append((">180", 181, 10**9))
COLUMNS = ("open", "credits", "disputed", "retention", "other", "unapplied", "advances", "bills")


class Oracle:
    def __init__(
        self,
        items: list[OpenItem],
        payments: list[Payment],
        applications: list[Application],
        disputes: list[Dispute],
        rates: list[Rate],
        as_of: date,
    ) -> None:
        self.items, self.payments, self.applications = items, payments, applications
        self.disputes, self.rates, self.as_of = disputes, rates, as_of
        self.rests = {document.key: self._rest(document) for document in (*items, *payments)}

    def answer(self) -> dict[str, Any]:
        """Company → currency → (customer, or "" for all) → view → figure → amount as text."""
        documents = [*self.items, *self.payments]
        found: dict[str, Any] = {}
        for company in sorted({document.company_code for document in documents}):
            for currency in sorted({d.currency for d in documents if d.company_code == company}):
                mine = [d for d in documents if d.company_code == company and d.currency == currency]
                listed = sorted({d.customer for d in mine if self.is_listed(d)})
                for customer in [*listed, ""] if listed else []:
                    chosen = [d for d in mine if customer in ("", d.customer)]
                    place = found.setdefault(company, {}).setdefault(currency, {})
                    place[customer] = {view: self.figures(chosen, view) for view in ("own", "local", "revalued")}
        return found

    def is_listed(self, document: OpenItem | Payment) -> bool:
        return bool(self.rest(document)) or self.is_bill(document)

    def figures(self, documents: list[Any], view: str) -> dict[str, str]:
        currency = documents[0].currency if view == "own" else documents[0].local_currency
        named = {column: sum(self.amount(d, column, view) for d in documents) for column in COLUMNS}
        for basis in ("due", "invoice", "posting"):
            for bucket, low, high in EDGES:
                aged = [d for d in documents if self.is_open(d) and low <= self.days(d, basis) <= high]
                named[f"{basis} {bucket}"] = sum(self.amount(d, "open", view) for d in aged)
        return {name: text(amount, DIGITS[currency]) for name, amount in named.items()}

    def amount(self, document: OpenItem | Payment, column: str, view: str) -> int:
        """What the document has in this column, rounded by itself, in the smallest unit of the view's currency."""
        own = self.own(document, column)
        if view == "own":
            return rounded(own, DIGITS[document.currency])
        booked = view == "local" or column == "advances"
        return rounded(own * self.rate(document, booked), DIGITS[document.local_currency])

    def own(self, document: OpenItem | Payment, column: str) -> Fraction:
        rest = self.rest(document)
        if isinstance(document, Payment):
            if column == "bills":
                return Fraction(document.amount) if self.is_bill(document) else Fraction(0)
            mine = "advances" if document.kind == "advance" else "unapplied"
            return rest if column == mine else Fraction(0)
        if column == "credits":
            return min(rest, Fraction(0)) if self.column(document) == "open" else Fraction(0)
        if column == "disputed":
            return self.disputed(document)
        return rest if column == self.column(document) else Fraction(0)

    def column(self, item: OpenItem) -> str:
        if item.kind == "retention":
            return "open" if item.due_date and item.due_date <= self.as_of else "retention"
        return "other" if item.kind == "other" else "open"

    def is_open(self, document: OpenItem | Payment) -> bool:
        return isinstance(document, OpenItem) and self.column(document) == "open"

    def days(self, item: OpenItem, basis: str) -> int:
        if basis == "due" and item.due_date:
            return (self.as_of - item.due_date).days
        return (self.as_of - (item.posting_date if basis == "posting" else item.document_date)).days

    def disputed(self, item: OpenItem) -> Fraction:
        rest = self.rest(item)
        if rest <= 0 or self.column(item) != "open":
            return Fraction(0)
        amounts = [
            rest if dispute.amount is None else Fraction(dispute.amount)
            for dispute in self.disputes
            if dispute.item_key == item.key and self.stands(dispute.opened_on, dispute.closed_on)
        ]
        return min(rest, sum(amounts, rest if item.disputed else Fraction(0)))

    def is_bill(self, document: OpenItem | Payment) -> bool:
        if not isinstance(document, Payment) or document.kind != "bill" or not self.counts(document):
            return False
        return document.maturity_date is None or self.as_of < document.maturity_date

    def counts(self, document: OpenItem | Payment) -> bool:
        if isinstance(document, OpenItem) and (
            document.kind == "advance_request" or document.document_kind in ("pro_forma", "provisional")
        ):
            return False
        return self.stands(document.posting_date, document.reversed_on)

    def stands(self, since: date, until: date | None) -> bool:
        return since <= self.as_of and not (until is not None and until <= self.as_of)

    def rest(self, document: OpenItem | Payment) -> Fraction:
        return self.rests[document.key]

    def _rest(self, document: OpenItem | Payment) -> Fraction:
        if not self.counts(document):
            return Fraction(0)
        is_item = isinstance(document, OpenItem)
        rest = Fraction(document.amount)
        for application in self.applications:
            if document.key not in (application.source_key, application.target_key):
                continue
            if self.stands(application.applied_on, application.reversed_on) and self.both_count(application):
                given = application.source_key == document.key
                taken = application.target_key == document.key
                sign = 1 if is_item else -1
                rest += sign * (given * Fraction(application.source_amount) - taken * Fraction(application.amount))
        return rest

    def both_count(self, application: Application) -> bool:
        sides = [d for d in (*self.items, *self.payments) if d.key in (application.source_key, application.target_key)]
        return all(self.counts(side) for side in sides)

    def rate(self, document: OpenItem | Payment, booked: bool) -> Fraction:
        pair = document.currency, document.local_currency
        if pair[0] == pair[1]:
            return Fraction(1)
        quoted = [r for r in self.rates if (r.from_currency, r.to_currency) == pair and r.rate_date <= self.as_of]
        if booked or not quoted:
            return Fraction(document.rate)
        return Fraction(max(quoted, key=lambda rate: rate.rate_date).rate)


def rounded(amount: Fraction, digits: int) -> int:
    """Half away from zero, in whole smallest units."""
    scaled = abs(amount) * 10**digits
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return whole if amount >= 0 else -whole


def text(units: int, digits: int) -> str:
    plain = f"{abs(units):0{digits + 1}d}"
    sign = "-" if units < 0 else ""
    return f"{sign}{plain[:-digits]}.{plain[-digits:]}" if digits else f"{sign}{plain}"
