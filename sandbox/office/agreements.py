"""Contracts of a trade book: what a subscription is in the ERP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sandbox.office.books import Books, TradeError
from sandbox.office.contracts import Contract, ContractLine
from sandbox.office.documents import Customer, Product
from sandbox.office.money import ZERO

SERVICES = ("EA", "HUR")
"""Units of products that a made-up subscription is for."""


@dataclass(frozen=True)
class NewTerm:
    """A contract line to be; `net` is for the whole term."""

    product: Product
    quantity: Decimal
    net: Decimal
    start: date
    end: date
    text: str = ""
    unit: str = ""
    tax_rate: Decimal = ZERO
    extra: Mapping[str, Any] = field(default_factory=dict)


class Agreements:
    def __init__(self, books: Books) -> None:
        self.books = books

    def create(
        self, customer: Customer, company: str, lines: Sequence[NewTerm], *, currency: str = "",
        start: date | None = None, end: date | None = None, extra: Mapping[str, Any] | None = None, **values: Any,
    ) -> Contract:  # fmt: skip
        """From the first line's start to the last line's end unless given; `values` are fields of Contract.

        TradeError: no-lines, no-account, bad-term.
        """
        account = customer.account(company)
        if account is None:
            raise TradeError("no-account", f"the customer has no account in company {company}")
        if not lines:
            raise TradeError("no-lines", "enter at least one line")
        first, last = start or min(line.start for line in lines), end or max(line.end for line in lines)
        if last < first or any(line.end < line.start for line in lines):
            raise TradeError("bad-term", "a term ends before it starts")
        contract = Contract(
            **self.books.entry("contract"), company=company, customer=customer, currency=currency or account.currency,
            start=first, end=last, **values,
        )  # fmt: skip
        contract.extra.update(extra or {})
        for line in lines:
            self._add(contract, line)
        return self.books.add(self.books.contracts, contract)

    def _add(self, contract: Contract, new: NewTerm) -> ContractLine:
        number = max((line.number for line in contract.lines), default=0) + 10
        line = ContractLine(
            id=self.books.next_id("contract line"), extra=dict(new.extra), number=number, product=new.product,
            text=new.text or new.product.name(self.books.caller.language), quantity=new.quantity,
            unit=new.unit or new.product.unit, net=new.net, start=new.start, end=new.end, tax_rate=new.tax_rate,
        )  # fmt: skip
        self.books.journal.append(contract.lines, line)
        return line

    def add_line(self, contract: Contract, line: NewTerm) -> ContractLine:
        added = self._add(contract, line)
        self.books.touch(contract, f"line {added.number} added")
        return added

    def change(self, contract: Contract, **values: Any) -> None:
        """Set fields of the contract. TradeError: cancelled, bad-term."""
        if contract.state == "cancelled":
            raise TradeError("cancelled", "the contract is cancelled")
        if values.get("end", contract.end) < values.get("start", contract.start):
            raise TradeError("bad-term", "a term ends before it starts")
        self.books.change(contract, **values)
        self.books.touch(contract, ", ".join(sorted(values)))

    def cancel(self, contract: Contract, on: date | None = None) -> None:
        """TradeError: cancelled."""
        self.change(contract, state="cancelled", cancelled=on or self.books.today())

    def make_up(self, today: date) -> None:
        """A few yearly subscriptions of the made-up company: running, ending soon, expired, renewed, cancelled."""
        services = [product for product in self.books.products.values() if product.unit in SERVICES]
        ages = (30, 120, 340, 364, 380, 500, 720, 200)
        customers = [customer for customer in self.books.customers.values() if customer.accounts]
        for at, (customer, age) in enumerate(zip(customers, ages, strict=False)):
            start = today - timedelta(days=age)
            product = services[at % len(services)]
            first = self._year(customer, product, start, at)
            if first and age > 700:
                renewal = self._year(customer, product, first.end + timedelta(days=1), at)
                assert renewal
                renewal.renews = first
        for contract in list(self.books.contracts.values())[-2:-1]:
            contract.state, contract.cancelled = "cancelled", contract.start + timedelta(days=60)

    def _year(self, customer: Customer, product: Product, start: date, at: int) -> Contract | None:
        account = customer.accounts[0]
        price = self.books.price(account.company, product, customer, account.currency, self.books.today())
        if price is None:
            return None
        quantity, end = Decimal(1 + at % 3), date(start.year + 1, start.month, min(start.day, 28)) - timedelta(days=1)
        term = NewTerm(product, quantity, quantity * price.amount, start, end, tax_rate=product.tax_rate)
        return self.create(customer, account.company, [term], signed=start - timedelta(days=7), terms=account.terms,
                           external_id=f"SUB-{len(self.books.contracts) + 1:04}")  # fmt: skip
