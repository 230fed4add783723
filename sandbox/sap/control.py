"""The control plane's view of the books: what they hold, and what an ERP user does to them by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from sandbox.front import ControlError
from sandbox.odata.backend import ReadRow, Row
from sandbox.office.money import plain
from sandbox.sap import contracts
from sandbox.sap.books import Books
from sandbox.sap.changes import Changes
from sandbox.sap.documents import Line, rest
from sandbox.sap.order_desk import OrderDesk
from sandbox.sap.sd import Order

KEY_FIELDS = ("PurchaseOrderByCustomer", "PurchaseOrderByShipToParty", "AssignmentReference", "ExternalDocumentID")


class Desk:
    def __init__(self, books: Books, orders: OrderDesk, read: Callable[[str, Row], ReadRow | None]) -> None:
        self.books = books
        self.changes = Changes(books, orders, read)

    def mutate(self, change: Row) -> Row:
        return self.changes.make(change)

    def book(self, object: str) -> list[Row]:
        kinds = {
            "orders": self._orders, "customers": self._customers, "deliveries": self._deliveries,
            "invoices": self._invoices,
            "open_items": self._open_items, "payments": self._payments,
            "contracts": self._contracts,
        }  # fmt: skip
        if object not in kinds:
            raise ControlError(f"there is no book of {object!r}; there is {', '.join(kinds)}")
        return kinds[object]()

    def _contracts(self) -> list[Row]:
        return contracts.book(self.books)

    def _orders(self) -> list[Row]:
        seen = _counts(order_keys(order) for order in self.books.orders.values())
        return [self._order(order, seen) for order in self.books.orders.values()]

    def _order(self, order: Order, seen: Counter[tuple[str, str]]) -> Row:
        keys = order_keys(order)
        return {
            "number": order.number, "key": keys, "customer": order.sold_to, "company": order.company,
            "currency": order.currency,
            "total": order.net, "status": _order_status(order), "credit_status": order.credit_status,
            "created_count": max((seen[key] for key in keys.items() if key[1]), default=1),
            **self._history(order.number), "created_at": order.created,
            "lines": [
                {
                    "number": item.number, "customer_line": item.customer_line, "material": item.material,
                    "quantity": plain(item.quantity),
                    "unit": item.unit, "price": item.price, "per": item.per, "net": item.amounts[0],
                    "tax": item.amounts[1],
                    "rejected": item.rejection, "issued": plain(item.issued), "billed": plain(item.billed),
                }
                for item in order.items
            ],
            "deliveries": [delivery.number for delivery in order.deliveries],
            "invoices": [billing.number for billing in order.billings],
        }  # fmt: skip

    def _history(self, number: str) -> Row:
        log = self.books.log.get(number, [])
        created = [request for request, what in log if what == "create"]
        changes = [{"request": request, "what": what} for request, what in log if what != "create"]
        return {"created_by_request": created[0] if created else "", "changes": changes}

    def _customers(self) -> list[Row]:
        rows = [row for row in self.books.partners.rows("A_BusinessPartner") if row.get("Customer")]
        seen = _counts({"BusinessPartnerIDByExtSystem": row.get("BusinessPartnerIDByExtSystem", "")} for row in rows)
        return [self._customer(row, seen) for row in rows]

    def _customer(self, row: Row, seen: Counter[tuple[str, str]]) -> Row:
        number = row["BusinessPartner"]
        keys = {"BusinessPartnerIDByExtSystem": row.get("BusinessPartnerIDByExtSystem", "")}
        customer = self.books.partners.customer(number) or {}
        return {
            "number": number, "key": keys, "name": row["BusinessPartnerFullName"], "created_at": row["CreationDate"],
            "status": "blocked" if customer.get("OrderIsBlockedForCustomer") else "", "created_count": max(1,
            seen[next(iter(keys.items()))]),
            "companies": [child["CompanyCode"] for child in self.books.partners.children("A_Customer",
            {"Customer": number}, "to_CustomerCompany")],
            **self._history(number),
        }  # fmt: skip

    def _deliveries(self) -> list[Row]:
        return [
            {
                "number": delivery.number, "key": {"DeliveryDocumentBySupplier": delivery.external_id},
                "customer": delivery.sold_to,
                "status": "issued" if delivery.issued else "picked" if delivery.picked else "open",
                "created_at": delivery.created,
                "issued_on": delivery.issued, "is_return": delivery.is_return,
                "lines": [
                    {"number": line.number, "order": line.source.order.number, "order_line": line.source.number,
                    "quantity": plain(line.quantity)}
                    for line in delivery.items
                ],
            }
            for delivery in self.books.deliveries.values()
        ]  # fmt: skip

    def _invoices(self) -> list[Row]:
        return [
            {
                "number": billing.number, "key": {"DocumentReferenceID": billing.reference}, "type": billing.kind,
                "customer": billing.payer,
                "company": billing.company, "currency": billing.currency, "net": billing.net, "tax": billing.tax,
                "total": billing.net + billing.tax,
                "status": "cancelled" if billing.cancelled_by else "posted" if billing.accounting else "not posted",
                "posted_on": billing.posted, "created_at": billing.created,
                "accounting": list(billing.accounting.key) if billing.accounting else None,
                "lines": [
                    {"number": line.number, "material": line.material, "quantity": plain(line.quantity),
                    "net": line.net, "tax": line.tax,
                     "order": line.source.order.number if line.source else ""}
                    for line in billing.items
                ],
            }
            for billing in self.books.billings.values()
        ]  # fmt: skip

    def _open_items(self) -> list[Row]:
        """All account lines, cleared or not; `rest` is what is left today."""
        return [_line(line) for _, document in sorted(self.books.ledger.documents.items()) for line in document.lines]

    def _payments(self) -> list[Row]:
        documents = [document for document in self.books.ledger.documents.values() if document.kind == "DZ"]
        return [
            {
                "number": document.number, "key": list(document.key), "currency": document.currency,
                "posted_on": document.posted,
                "total": -sum(line.amount + line.discount for line in document.lines if line.special_gl != "W"),
                "status": "reversed" if document.reversed_by else "reversal" if document.reverses else "posted",
                "customer": document.lines[0].customer if document.lines else "",
                "lines": [_line(line) for line in document.lines],
            }
            for document in documents
        ]  # fmt: skip


def order_keys(order: Order) -> dict[str, str]:
    return {
        "PurchaseOrderByCustomer": order.customer_po,
        "PurchaseOrderByShipToParty": order.extra.get("PurchaseOrderByShipToParty", ""),
        "AssignmentReference": order.extra.get("AssignmentReference", ""), "ExternalDocumentID": order.external_id,
    }  # fmt: skip


def _counts(keys: Iterable[dict[str, Any]]) -> Counter[tuple[str, str]]:
    return Counter(entry for key in keys for entry in key.items() if entry[1])


def _order_status(order: Order) -> str:
    if order.rejection_status == "C":
        return "cancelled"
    if order.credit_status == "B":
        return "credit_hold"
    return (
        "incomplete"
        if order.incomplete
        else {"A": "open", "B": "in_process", "C": "complete"}[order.status("process_status")]
    )


def _line(line: Line) -> Row:
    document, clearing = line.document, line.clearing
    return {
        "number": f"{'/'.join(document.key)}/{line.item}", "key": [*document.key, str(line.item)],
        "type": document.kind,
        "customer": line.customer, "currency": document.currency, "amount": line.amount, "rest": rest(line),
        "special_gl": line.special_gl,
        "posted_on": document.posted, "entered_on": document.entered, "due_on": line.due,
        "reference": document.reference,
        "settles": [*line.settles.document.key, str(line.settles.item)] if line.settles else None,
        "status": "cleared" if clearing else "open", "cleared_on": clearing.on if clearing else None,
        "cleared_by": list(clearing.document.key) if clearing else None, "total": line.amount,
    }  # fmt: skip
