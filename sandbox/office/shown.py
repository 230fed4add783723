"""The control plane's view of a trade book: every document of a kind, with our key and who made it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from sandbox.front import ControlError, Row
from sandbox.office.books import Books
from sandbox.office.contracts import Contract
from sandbox.office.documents import Customer, Delivery, Document, Order
from sandbox.office.money import plain
from sandbox.office.vouchers import Application, Instalment, Invoice, InvoiceLine, Receipt


class Names:
    """A product derives from this what it calls things; these are the names of a product that has none."""

    def number(self, document: Document | Instalment) -> str:
        """The number or id a document bears, unique among its kind."""
        if isinstance(document, Instalment):
            return f"{self.number(document.invoice)}/{document.number}"
        return str(document.id)

    def keys(self, document: Document) -> dict[str, str]:
        """Where a document may bear our key: the product's field and what stands there."""
        if isinstance(document, Customer):
            return {"our_number": document.our_number}
        return {"external_id": str(getattr(document, "external_id", ""))}

    def shown(self, document: Document) -> Row:
        """What else the product wants the book to show of a document: its own status, its own ids."""
        return {}


class Shown:
    def __init__(self, books: Books, names: Names) -> None:
        self.books = books
        self.names = names
        self._kinds: dict[str, Callable[[], list[Row]]] = {
            "orders": lambda: self._listed(books.orders, self._order),
            "customers": lambda: self._listed(books.customers, self._customer),
            "deliveries": lambda: self._listed(books.deliveries, self._delivery),
            "invoices": lambda: self._listed(books.invoices, self._invoice),
            "open_items": self._open_items,
            "payments": lambda: self._listed(books.receipts, self._receipt),
            "applications": lambda: self._listed(books.applications, self._application),
            "contracts": lambda: self._listed(books.contracts, self._contract),
        }

    def book(self, object: str) -> list[Row]:
        if object not in self._kinds:
            raise ControlError(f"there is no book of {object!r}; there is {', '.join(self._kinds)}")
        return self._kinds[object]()

    def _listed(self, table: dict[int, Any], row: Callable[[Any], Row]) -> list[Row]:
        """`created_count` is how many documents of the kind bear the same key: more than 1 is one too many."""
        keys = {document.id: self.names.keys(document) for document in table.values()}
        seen = Counter(entry for each in keys.values() for entry in each.items() if entry[1])
        return [
            {
                "number": self.names.number(document), "id": document.id, "key": keys[document.id],
                "created_count": max((seen[entry] for entry in keys[document.id].items() if entry[1]), default=1),
                "created_by_request": document.by_request, "created_at": document.created,
                "changed_at": document.changed,
                "changes": [{"request": request, "what": what} for request, what in document.log if what != "create"],
                **row(document), **self.names.shown(document),
            }
            for document in table.values()
        ]  # fmt: skip

    def _order(self, order: Order) -> Row:
        return {
            "customer": self.names.number(order.customer), "company": order.company, "currency": order.currency,
            "total": order.net, "tax": order.tax, "status": order.status, "credit_status": order.credit,
            "customer_po": order.customer_po,
            "lines": [
                {
                    "number": line.number, "id": line.id, "product": line.product.code,
                    "quantity": plain(line.quantity), "unit": line.unit, "price": line.price, "per": line.per,
                    "net": line.amounts[0], "tax": line.amounts[1], "cancelled": line.is_cancelled,
                    "delivered": plain(line.delivered), "invoiced": plain(line.invoiced), "extra": line.extra,
                }
                for line in order.lines
            ],
            "deliveries": [self.names.number(delivery) for delivery in order.deliveries],
            "invoices": [self.names.number(invoice) for invoice in order.invoices],
        }  # fmt: skip

    def _customer(self, customer: Customer) -> Row:
        return {
            "name": customer.name, "our_number": customer.our_number,
            "status": "blocked" if customer.blocked else "",
            "companies": [account.company for account in customer.accounts],
            "accounts": [account.number for account in customer.accounts],
        }  # fmt: skip

    def _delivery(self, delivery: Delivery) -> Row:
        return {
            "customer": self.names.number(delivery.customer), "status": delivery.status,
            "issued_on": delivery.issued, "is_return": delivery.is_return,
            "lines": [
                {
                    "number": part.number, "order": self.names.number(part.order_line.order),
                    "order_line": part.order_line.number, "quantity": plain(part.quantity),
                }
                for part in delivery.lines
            ],
        }  # fmt: skip

    def _invoice(self, invoice: Invoice) -> Row:
        return {
            "type": invoice.kind, "reference": invoice.source_number, "company": invoice.company,
            "customer": self.names.number(invoice.customer), "currency": invoice.currency, "net": invoice.net,
            "tax": invoice.tax, "total": invoice.gross, "rest": invoice.balance(), "status": invoice.status,
            "posted_on": invoice.posted, "dated_on": invoice.dated, "entered_on": invoice.entered,
            "lines": [self._invoice_line(line) for line in invoice.lines],
        }  # fmt: skip

    def _invoice_line(self, line: InvoiceLine) -> Row:
        return {
            "number": line.number, "product": line.product.code, "quantity": plain(line.quantity), "net": line.net,
            "tax": line.tax, "order": self.names.number(line.order_line.order) if line.order_line else "",
        }  # fmt: skip

    def _open_items(self) -> list[Row]:
        """Every instalment, settled or not; `rest` is what is left today."""
        return [self._item(part) for invoice in self.books.invoices.values() for part in invoice.instalments]

    def _item(self, item: Instalment) -> Row:
        invoice = item.invoice
        return {
            "number": self.names.number(item), "id": item.id, "kind": item.kind, "document_kind": invoice.kind,
            "company": invoice.company, "customer": self.names.number(invoice.customer), "currency": invoice.currency,
            "amount": item.amount, "rest": item.balance(), "posted_on": invoice.posted, "dated_on": invoice.dated,
            "due_on": item.due, "reference": invoice.source_number,
            "status": "reversed" if invoice.reversed_by else "open" if item.balance() else "settled",
        }  # fmt: skip

    def _receipt(self, receipt: Receipt) -> Row:
        return {
            "type": receipt.kind, "company": receipt.company, "customer": self.names.number(receipt.customer),
            "currency": receipt.currency, "total": receipt.amount, "rest": receipt.unapplied(),
            "posted_on": receipt.posted, "maturity": receipt.maturity, "returned_on": receipt.returned,
            "reference": receipt.reference, "status": receipt.status,
        }  # fmt: skip

    def _application(self, application: Application) -> Row:
        source = application.receipt or application.credit
        return {
            "type": application.kind, "company": application.company, "item": self.names.number(application.item),
            "source": self.names.number(source) if source else "", "amount": application.amount,
            "taken": application.taken, "applied_on": application.on, "undone_on": application.undone,
            "status": "undone" if application.undone else "applied",
        }  # fmt: skip

    def _contract(self, contract: Contract) -> Row:
        return {
            "company": contract.company, "customer": self.names.number(contract.customer),
            "currency": contract.currency, "total": contract.net, "status": contract.status(self.books.today()),
            "start": contract.start, "end": contract.end, "signed_on": contract.signed,
            "cancelled_on": contract.cancelled,
            "renews": self.names.number(contract.renews) if contract.renews else "",
            "lines": [
                {
                    "number": line.number, "product": line.product.code, "quantity": plain(line.quantity),
                    "net": line.net, "start": line.start, "end": line.end,
                }
                for line in contract.lines
            ],
        }  # fmt: skip
