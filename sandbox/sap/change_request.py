"""One request of POST /_sandbox/mutate: what of the books its fields name."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sandbox.front import ControlError
from sandbox.odata.backend import Row
from sandbox.office.company import Company
from sandbox.office.fields import Fields
from sandbox.office.money import DIGITS
from sandbox.sap.books import Books
from sandbox.sap.documents import Document, Line
from sandbox.sap.sd import Order


class Request(Fields):
    def __init__(self, change: Row, books: Books) -> None:
        super().__init__(change, books.clock, books.companies)
        self.books = books

    def currency(self, company: Company | None) -> str:
        code = str(self.change.get("currency") or (company.currency if company else ""))
        if code not in DIGITS:
            raise ControlError(f"currency {code!r} is not known")
        return code

    def rate(self, currency: str, company: Company, on: date) -> Decimal:
        return self.decimal("rate") if "rate" in self.change else self.books.rate(currency, company, on)

    def customer(self, number: str) -> Row:
        return self.books.partners.customer(number) or self.missing("customer", number)

    def order(self, number: str) -> Order:
        return self.books.orders.get(number) or self.missing("order", number)

    def key(self, name: str) -> Row:
        """As an object, or as the book shows it: CN01/2026/1800000001/1."""
        value = self.change.get(name)
        if isinstance(value, str):
            return dict(zip(("company", "fiscal_year", "number", "item"), value.split("/"), strict=False))
        return self.mapping(name)

    def document(self, name: str) -> Document:
        key = self.key(name)
        at = (str(key.get("company", "")), str(key.get("fiscal_year", "")), str(key.get("number", "")))
        return self.books.ledger.documents.get(at) or self.missing("document", "/".join(at))

    def line(self, name: str) -> Line:
        return self.line_at([*self.document(name).key, str(self.key(name).get("item", "1"))])

    def line_at(self, key: list[str]) -> Line:
        document = self.books.ledger.documents.get(tuple(key[:3]))  # type: ignore[arg-type]
        lines = document.lines if document else []
        return next((line for line in lines if [str(line.item)] == key[3:]), None) or self.missing(
            "line", "/".join(key)
        )
