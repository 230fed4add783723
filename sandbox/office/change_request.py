"""One request of POST /_sandbox/mutate to a trade book: what of the books its fields name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from sandbox.front import ControlError, Row
from sandbox.office.books import Books
from sandbox.office.documents import Customer, Document, Order, Product
from sandbox.office.fields import Fields
from sandbox.office.money import DIGITS
from sandbox.office.shown import Names
from sandbox.office.vouchers import Application, Instalment, Invoice, Receipt

N = TypeVar("N", Document, Instalment, Customer, Order, Invoice, Receipt, Application)


class Asked(Fields):
    """Numbers are those the product shows."""

    def __init__(self, change: Row, books: Books, names: Names) -> None:
        super().__init__(change, books.clock, books.companies)
        self.books = books
        self.names = names

    def currency(self, default: str) -> str:
        code = self.text("currency", default)
        if code not in DIGITS:
            raise ControlError(f"currency {code!r} is not known")
        return code

    def product(self) -> Product:
        code = self.text("product")
        found = (product for product in self.books.products.values() if product.code == code)
        return next(found, None) or self.missing("product", code)

    def customer(self, name: str = "customer") -> Customer:
        return self._numbered(self.books.customers.values(), name)

    def order(self, name: str = "order") -> Order:
        return self._numbered(self.books.orders.values(), name)

    def invoice(self, name: str = "invoice") -> Invoice:
        return self._numbered(self.books.invoices.values(), name)

    def receipt(self, name: str = "payment") -> Receipt:
        return self._numbered(self.books.receipts.values(), name)

    def item(self, name: str = "item") -> Instalment:
        parts = (part for invoice in self.books.invoices.values() for part in invoice.instalments)
        return self._numbered(parts, name)

    def application(self, name: str = "application") -> Application:
        return self._numbered(self.books.applications.values(), name)

    def document(self) -> tuple[str, dict[int, Any], Any]:
        """The `object` and `number` of a request: the kind, its table, and the document or item."""
        kind = self.text("object")
        tables: dict[str, dict[int, Any]] = {
            "orders": self.books.orders, "customers": self.books.customers, "products": self.books.products,
            "deliveries": self.books.deliveries, "invoices": self.books.invoices, "payments": self.books.receipts,
            "applications": self.books.applications, "contracts": self.books.contracts, "prices": self.books.prices,
        }  # fmt: skip
        if kind == "open_items":
            return kind, {}, self.item("number")
        if kind not in tables:
            raise ControlError(f"object must be one of {', '.join([*tables, 'open_items'])}; got {kind!r}")
        if kind == "products":
            return kind, tables[kind], self._product_numbered()
        return kind, tables[kind], self._numbered(tables[kind].values(), "number")

    def _product_numbered(self) -> Product:
        number = self.text("number")
        found = (p for p in self.books.products.values() if number in (p.code, self.names.number(p)))
        return next(found, None) or self.missing("product", number)

    def _numbered(self, found: Iterable[N], name: str) -> N:
        number = self.text(name)
        return next((each for each in found if self.names.number(each) == number), None) or self.missing(name, number)
