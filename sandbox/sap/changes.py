"""What an ERP user changes by hand: POST /_sandbox/mutate {"what": …}.

- set {object: orders|order_items|customers|products|deliveries|invoices|open_items, number, values: {property: value}};
  parts of a longer key are joined by /, as in CN01/2026/1800000001/1
- amount {object: orders|invoices|open_items, number, by, line?}: an amount grows by `by`
- release_credit {order} · reject_order {order, reason?} · credit_limit {customer, amount, currency}
- block_customer {customer, blocked?} · rename {customer, name}
- price {product, company, rate, currency?, customer?, from?}
- post_invoice {customer, company, amount, currency?, posting_date?, document_date?, due?, terms?, special_gl?, rate?,
  reference?}: a negative amount is a credit memo
- pay {customer, company, amount, currency?, posting_date?, item?, discount?, rate?, reference?}: on account or an item
- write_off {item, amount, posting_date?, reason?} · reverse {document | invoice, posting_date?}
- reset_clearing {clearing}

`item`, `document` and `clearing` are {company, fiscal_year, number, item?}, or that as one text as in CN01/2026/18/1;
what a document is made of comes back as `number` and `items` in that form, too. Dates are ISO, today unless given;
amounts are text.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.front import ControlError
from sandbox.odata.backend import ODataError, ReadRow, Row
from sandbox.office.money import ZERO, rounded
from sandbox.office.terms import instalments
from sandbox.sap.books import CHANNEL, Books
from sandbox.sap.change_request import Request
from sandbox.sap.documents import Document, Line, rest
from sandbox.sap.fi import PostingError
from sandbox.sap.order_desk import OrderDesk
from sandbox.sap.sd import REJECTED, Item, Order

ORDER_BLOCK = "01"
SETS = {
    "orders": ("A_SalesOrder", ("SalesOrder",)),
    "order_items": ("A_SalesOrderItem", ("SalesOrder", "SalesOrderItem")),
    "customers": ("A_BusinessPartner", ("BusinessPartner",)),
    "products": ("A_Product", ("Product",)),
    "deliveries": ("A_OutbDeliveryHeader", ("DeliveryDocument",)),
    "invoices": ("A_BillingDocument", ("BillingDocument",)),
    "open_items": (
        "A_OperationalAcctgDocItemCube", ("CompanyCode", "FiscalYear", "AccountingDocument", "AccountingDocumentItem")
    ),
}  # fmt: skip
WRITABLE = {
    "PurchaseOrderByCustomer", "PurchaseOrderByShipToParty", "AssignmentReference", "RequestedDeliveryDate",
    "CustomerPaymentTerms", "DeliveryBlockReason", "HeaderBillingBlockReason", "SalesDocApprovalStatus",
}  # fmt: skip
CUSTOMER_BLOCKS = {"OrderIsBlockedForCustomer", "DeliveryIsBlocked", "BillingIsBlockedForCustomer", "DeletionIndicator"}


class Changes:
    def __init__(self, books: Books, desk: OrderDesk, read: Callable[[str, Row], ReadRow | None]) -> None:
        self.books = books
        self.desk = desk
        self.read = read
        self._kinds: dict[str, Callable[[Request], Row]] = {
            "set": self._set, "amount": self._amount, "release_credit": self._release, "reject_order": self._reject,
            "block_customer": self._block, "rename": self._rename, "credit_limit": self._limit, "price": self._price,
            "post_invoice": self._invoice, "pay": self._pay, "write_off": self._write_off, "reverse": self._reverse,
            "reset_clearing": self._reset,
        }  # fmt: skip

    def make(self, change: Row) -> Row:
        what = change.get("what")
        if what not in self._kinds:
            raise ControlError(f"what must be one of {', '.join(self._kinds)}; got {what!r}")
        point = self.books.journal.savepoint()
        try:
            return {"what": what, **self._kinds[what](Request(change, self.books))}
        except (ControlError, ODataError, PostingError) as error:
            self.books.journal.rollback(point)
            raise ControlError(f"{what}: {error}") from None

    # -- master data and orders ----------------------------------------------------------------------------------

    def _set(self, ask: Request) -> Row:
        """What the desk or the partner master can change is changed there; anything else is shown as it is set."""
        kind, number = ask.text("object"), ask.text("number")
        if kind not in SETS:
            raise ControlError(f"object must be one of {', '.join(SETS)}; got {kind!r}")
        set_name, names = SETS[kind]
        key = dict(zip(names, number.split("/"), strict=False))
        row = self.read(set_name, key) if len(key) == len(names) else None
        values = ask.mapping("values")
        if row is None:
            raise ControlError(f"there is no {kind} {number}; its number is {'/'.join(names)}")
        values = {name: _typed(name, value, row.get(name)) for name, value in values.items()}
        if kind == "orders":
            values = self._set_order(ask.order(number), values)
        elif kind == "customers":
            values = self._set_customer(ask, number, values)
        if values:
            at = (set_name, tuple(key.values()))
            self.books.journal.put(self.books.overrides, at, {**self.books.overrides.get(at, {}), **values})
        return {"object": kind, "number": number}

    def _set_order(self, order: Order, values: Row) -> Row:
        """Returns what is left to be shown by hand."""
        self.books.touch(order)
        if status := values.pop("TotalCreditCheckStatus", None):
            self.books.journal.set(order, "credit_status", status)
        own = {name: values.pop(name) for name in list(values) if name in WRITABLE}
        if own:
            self.desk.change_header(order, own, False)
        return values

    def _set_customer(self, ask: Request, number: str, values: Row) -> Row:
        customer = {name: values.pop(name) for name in list(values) if name in CUSTOMER_BLOCKS}
        partner = {name: values.pop(name) for name in list(values) if name.startswith(("Organization", "SearchTerm"))}
        if customer:
            self.books.partners.change("A_Customer", ask.customer(number), customer)
        self.books.partners.change("A_BusinessPartner", self._partner(ask, number), partner)
        return values

    def _partner(self, ask: Request, number: str) -> Row:
        return self.books.partners.get("A_BusinessPartner", {"BusinessPartner": number}) or ask.missing(
            "customer", number
        )

    def _amount(self, ask: Request) -> Row:
        kind, number, by = ask.text("object"), ask.text("number"), ask.decimal("by")
        if kind == "orders":
            order = ask.order(number)
            at = ask.change.get("line")
            item = next((i for i in order.items if str(i.number) == str(at)), None) if at else order.items[0]
            self._reprice(item or ask.missing("order line", str(at)), by)
            return {"number": number, "total": str(order.net)}
        if kind == "invoices":
            billing = self.books.billings.get(number) or ask.missing("invoice", number)
            self.books.journal.set(billing.items[0], "net", billing.items[0].net + by)
            self.books.journal.set(billing, "net", billing.net + by)
            self.books.journal.set(billing, "changed", self.books.clock.stamp())
            return {"number": number, "total": str(billing.net + billing.tax)}
        if kind != "open_items":
            raise ControlError(f"object must be orders, invoices or open_items; got {kind!r}")
        line = ask.line_at(number.split("/"))
        self.books.journal.set(line, "amount", line.amount + by)
        self.books.journal.set(line, "local", rounded(line.amount * line.rate, line.document.company.currency))
        return {"number": number, "amount": str(line.amount)}

    def _reprice(self, item: Item, by: Decimal) -> None:
        """A price, to nine digits, that gives the item's net amount plus `by`."""
        net = item.amounts[0] + by
        self.books.journal.set(item, "includes_tax", False)
        self.books.journal.set(item, "price", (net * item.per / item.quantity).quantize(Decimal("1e-9")).normalize())
        self.books.touch(item.order)

    def _release(self, ask: Request) -> Row:
        order = ask.order(ask.text("order"))
        self.books.journal.set(order, "credit_status", "D")
        self.books.touch(order)
        return {"order": order.number}

    def _reject(self, ask: Request) -> Row:
        order = ask.order(ask.text("order"))
        self.books.reject(order.items, str(ask.change.get("reason") or REJECTED))
        return {"order": order.number}

    def _block(self, ask: Request) -> Row:
        customer = ask.customer(ask.text("customer"))
        blocked = ask.change.get("blocked", True)
        self.books.partners.change(
            "A_Customer", customer, {"OrderIsBlockedForCustomer": ORDER_BLOCK if blocked else ""}
        )
        return {"customer": customer["Customer"], "blocked": bool(blocked)}

    def _rename(self, ask: Request) -> Row:
        number, name = ask.text("customer"), ask.text("name")
        parts = {f"OrganizationBPName{n + 1}": name[n * 40 : n * 40 + 40] for n in range(4)}
        self.books.partners.change("A_BusinessPartner", self._partner(ask, number), parts)
        return {"customer": number, "name": name}

    def _limit(self, ask: Request) -> Row:
        number = ask.customer(ask.text("customer"))["Customer"]
        self.books.journal.put(self.books.partners.limits, number, (ask.decimal("amount"), ask.currency(None)))
        return {"customer": number}

    def _price(self, ask: Request) -> Row:
        """A new price from a day on (today unless given); the record valid until then ends the day before."""
        product = self.books.catalogue.products.get(ask.text("product")) or ask.missing("product", ask.text("product"))
        company, customer = ask.company(), str(ask.change.get("customer") or "")
        currency, start = ask.currency(company), ask.day("from")
        old = self.books.catalogue.price(company.sales_org, CHANNEL, product.code, customer, currency, start)
        if old and old.customer == customer:
            self.books.journal.set(old, "end", start - timedelta(days=1))
        price = self.books.catalogue.add_price(
            company.sales_org, product.code, ask.decimal("rate"), currency, product.unit, start, customer
        )
        self.books.journal.record(lambda: setattr(price, "deleted", True))
        return {"condition_record": price.number}

    # -- receivables ---------------------------------------------------------------------------------------------

    def _invoice(self, ask: Request) -> Row:
        company, amount = ask.company(), ask.decimal("amount")
        currency, posted = ask.currency(company), ask.day("posting_date")
        dated = ask.day("document_date", posted)
        terms, customer = str(ask.change.get("terms") or "N30"), ask.customer(ask.text("customer"))["Customer"]
        rate = ask.rate(currency, company, posted)
        special = str(ask.change.get("special_gl") or "")
        if "due" in ask.change:
            parts = [(amount, ask.day("due"))]
        else:
            parts = [(due.amount, due.on or dated) for due in instalments(terms, dated, amount, currency)]
        lines = [Line(customer, part, rate, special, dated, due, terms) for part, due in parts]
        reference = str(ask.change.get("reference") or "")
        kind = "DR" if amount >= 0 else "DG"
        return _named(self.books.ledger.post(company, kind, currency, posted, lines, dated=dated, reference=reference))

    def _pay(self, ask: Request) -> Row:
        """One item in full or in part, or money on account."""
        company, amount = ask.company(), ask.decimal("amount")
        currency, posted = ask.currency(company), ask.day("posting_date")
        discount = ask.decimal("discount") if "discount" in ask.change else ZERO
        item = ask.line("item") if "item" in ask.change else None
        if item and item.document.currency != currency:
            raise ControlError(f"the item is in {item.document.currency}: pay it in that currency, or pay on account")
        customer = item.customer if item else ask.customer(ask.text("customer"))["Customer"]
        line = Line(customer, -amount - discount, ask.rate(currency, company, posted), discount=discount)
        document = self.books.ledger.post(
            company, "DZ", currency, posted, [line], reference=str(ask.change.get("reference") or "")
        )
        if item:
            self.books.ledger.settle(line, item, posted)
        return _named(document)

    def _write_off(self, ask: Request) -> Row:
        item = ask.line("item")
        reason = str(ask.change.get("reason") or "BD1")
        return _named(self.books.ledger.write_off(item, ask.decimal("amount"), ask.day("posting_date"), reason))

    def _reverse(self, ask: Request) -> Row:
        document = ask.document("document" if "document" in ask.change else "invoice")
        posted = ask.day("posting_date")
        if document.reversed_by or document.reverses:
            raise ControlError(f"{'/'.join(document.key)} is reversed already, or a reversal itself")
        billing = self.books.billings.get(document.billing)
        if billing:
            cancellation, _ = self.books.cancel_billing(billing, posted)
            assert cancellation.accounting
            return {"billing_document": cancellation.number, **_named(cancellation.accounting)}
        return _named(self.books.ledger.cancel(document, posted)[0])

    def _reset(self, ask: Request) -> Row:
        document = ask.document("clearing")
        if document.clearing is None:
            raise ControlError(f"{'/'.join(document.key)} clears nothing")
        if document.reverses:
            raise ControlError("the clearing of a reversal cannot be reset")
        members = list(document.clearing.members)
        self.books.ledger.reset(document.clearing)
        return {
            "opened": [[*line.document.key, str(line.item)] for line in members],
            "rests": [str(rest(line)) for line in members],
        }


def _named(document: Document) -> Row:
    company, year, number = document.key
    named = "/".join(document.key)
    return {
        "document": {"company": company, "fiscal_year": year, "number": number},
        "number": named, "items": [f"{named}/{line.item}" for line in document.lines],
    }  # fmt: skip


def _typed(name: str, value: Any, present: object) -> Any:
    """Property values come as JSON: dates in ISO form and numbers as text, where what is there now is one."""
    try:
        if isinstance(present, Decimal):
            return Decimal(str(value))
        if isinstance(present, date) or name.endswith("Date"):
            return date.fromisoformat(value) if value else None
    except (ValueError, TypeError, InvalidOperation):
        raise ControlError(f"{name} must be a number or an ISO date as it is now; got {value!r}") from None
    return value
