"""The tables of a trade book, its clock, its journal, and who is changing it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from sandbox.front import Caller
from sandbox.office.clock import Clock
from sandbox.office.company import Company
from sandbox.office.contracts import Contract
from sandbox.office.documents import Customer, Delivery, Document, Order, Price, Product
from sandbox.office.journal import Journal
from sandbox.office.money import ZERO
from sandbox.office.vouchers import Application, Invoice, Receipt

D = TypeVar("D", bound=Document)
NOBODY = Caller("", "", "EN")


class TradeError(ValueError):
    """The books refuse: a kebab code, and an English text of the facts. A product puts it in its own words."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Books:
    """Documents by id, in the order they were entered."""

    def __init__(self, companies: Iterable[Company]) -> None:
        self.clock = Clock()
        self.journal = Journal()
        self.caller = NOBODY
        self.companies = {company.code: company for company in companies}
        self.customers: dict[int, Customer] = {}
        self.products: dict[int, Product] = {}
        self.prices: dict[int, Price] = {}
        self.orders: dict[int, Order] = {}
        self.deliveries: dict[int, Delivery] = {}
        self.invoices: dict[int, Invoice] = {}
        self.receipts: dict[int, Receipt] = {}
        self.applications: dict[int, Application] = {}
        self.contracts: dict[int, Contract] = {}
        self.rates: dict[tuple[str, str], list[tuple[date, Decimal]]] = {}
        """Local units for 1 of the first currency, in the second, by day."""
        self.terms: set[str] = set()
        """Payment terms the data set knows beside sandbox.office.terms.TERMS."""
        self.extra: dict[str, Any] = {}
        """The product's own books; kept with these."""
        self._orders_of: dict[int, list[Order]] = {}
        self._vouchers_of: dict[int, list[Invoice | Receipt]] = {}
        self._last_ids: dict[str, int] = {}

    def next_id(self, kind: str) -> int:
        """Serial by kind; a number once given is never given again."""
        self._last_ids[kind] = number = self._last_ids.get(kind, 0) + 1
        return number

    def entry(self, kind: str) -> dict[str, Any]:
        """What every new document begins with: id, stamps, and the present caller."""
        stamp, request = self.clock.stamp(), self.caller.request_id
        log = [(request, "create")] if request else []
        return {
            "id": self.next_id(kind), "created": stamp, "changed": stamp, "by_request": request,
            "by_api": bool(request), "log": log,
        }  # fmt: skip

    def add(self, table: dict[int, D], document: D) -> D:
        self.journal.put(table, document.id, document)
        if (listed := self._listed(document)) is not None:
            self.journal.append(listed, document)
        return document

    def drop(self, table: dict[int, D], document: D) -> None:
        """Take a document out of the books."""
        self.journal.pop(table, document.id)
        if (listed := self._listed(document)) is not None:
            self.journal.remove(listed, document)

    def _listed(self, document: Document) -> list[Any] | None:
        """Where a customer's documents of this kind are listed."""
        if isinstance(document, Order):
            return self._orders_of.setdefault(document.customer.id, [])
        if isinstance(document, Invoice | Receipt):
            return self._vouchers_of.setdefault(document.customer.id, [])
        return None

    def change(self, target: Any, **values: Any) -> None:
        """Set fields of a document or a line, so that it can be taken back; the stamp stays: see `touch`."""
        for name, value in values.items():
            self.journal.set(target, name, value)

    def touch(self, document: Document, what: str = "") -> None:
        """A change: moves the stamp, and notes who did it when somebody asked for it."""
        self.journal.set(document, "changed", self.clock.stamp())
        if what and self.caller.request_id:
            self.journal.append(document.log, (self.caller.request_id, what))

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """All or nothing: whatever is raised inside is passed on, and leaves no trace in the books."""
        point = self.journal.savepoint()
        try:
            yield
        except BaseException:
            self.journal.rollback(point)
            raise

    # -- the present -----------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        return self.clock.now()

    def today(self) -> date:
        return self.clock.today()

    def version(self) -> int:
        return self.journal.changes

    def savepoint(self) -> Any:
        return self.journal.savepoint()

    def rollback(self, point: Any) -> None:
        self.journal.rollback(point)

    # -- look-ups --------------------------------------------------------------------------------------------------

    def company_of(self, document: Order | Delivery | Invoice | Receipt | Application | Contract) -> Company:
        return self.companies[document.company]

    def rate(self, currency: str, company: str, on: date) -> Decimal:
        """Local units for 1 unit of `currency`: the newest rate on or before the day, else the oldest, else 1."""
        local = self.companies[company].currency
        rates = self.rates.get((currency, local), [])
        known = [rate for day, rate in rates if day <= on] or [rate for _, rate in rates[:1]]
        return known[-1] if known and currency != local else Decimal(1)

    def price(self, company: str, product: Product, customer: Customer, currency: str, on: date) -> Price | None:
        """The one valid on that day; a customer's own price goes before everybody's."""
        found = [
            price
            for price in self.prices_of(product, company)
            if price.currency == currency and price.start <= on <= price.end and price.customer in (None, customer)
        ]
        return max(found, key=lambda price: (price.customer is not None, price.start, price.id), default=None)

    def prices_of(self, product: Product, company: str) -> list[Price]:
        return [price for price in self.prices.values() if price.product is product and price.company == company]

    def orders_of(self, customer: Customer) -> list[Order]:
        return self._orders_of.get(customer.id, [])

    def vouchers_of(self, customer: Customer) -> list[Invoice | Receipt]:
        return self._vouchers_of.get(customer.id, [])

    def exposure(self, customer: Customer, currency: str) -> Decimal:
        """What a customer owes and has on order in a currency, gross; held orders do not count."""
        vouchers = [voucher for voucher in self.vouchers_of(customer) if voucher.currency == currency]
        owed = sum((v.balance() if isinstance(v, Invoice) else -v.unapplied() for v in vouchers), ZERO)
        orders = [order for order in self.orders_of(customer) if order.currency == currency]
        return owed + sum((order.not_invoiced for order in orders if order.credit != "held"), ZERO)
