"""What an ERP user changes by hand: POST /_sandbox/mutate {"what": …}.

set {object: orders|customers|products|deliveries, number, values: {property: value}} · amount {object: orders|invoices|
open_items, number (open_items: company/year/number/item), by, line?} · release_credit {order} · reject_order {order,
reason?} · block_customer {customer, blocked?} · rename {customer, name} · credit_limit {customer, amount, currency} ·
price {product, company, rate, currency?, customer?, from?} · post_invoice {customer, company, amount, currency?,
posting_date?, document_date?, due?, terms?, special_gl?, rate?, reference?} (a negative amount is a credit memo) · pay
{customer, company, amount, currency?, posting_date?, item?, discount?, rate?, reference?} · write_off {item, amount,
posting_date?, reason?} · reverse {document, posting_date?} · reset_clearing {clearing}.
`item`, `document` and `clearing` are {company, fiscal_year, number, item?}. Dates are ISO, amounts text.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.odata.backend import ControlError, ODataError, Row
from sandbox.sap.books import CHANNEL, Books
from sandbox.sap.fi import Company, Document, Line, PostingError, rest
from sandbox.sap.money import DIGITS, ZERO, rounded
from sandbox.sap.order_desk import OrderDesk
from sandbox.sap.sd import REJECTED, Item, Order
from sandbox.sap.terms import instalments

ORDER_BLOCK = "01"


class Changes:
    def __init__(self, books: Books, desk: OrderDesk) -> None:
        self.books = books
        self.desk = desk
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
        kind, number = ask.text("object"), ask.text("number")
        values = {name: _typed(name, value) for name, value in ask.mapping("values").items()}
        if kind == "orders":
            order = ask.order(number)
            if status := values.pop("TotalCreditCheckStatus", None):
                self.books.journal.set(order, "credit_status", status)
            self.desk.change_header(order, values, False)
        elif kind == "customers":
            table = ask.customer(number) if "OrderIsBlockedForCustomer" in values else self._partner(ask, number)
            self.books.partners.change(
                "A_Customer" if "Customer" in table and "BusinessPartner" not in table else "A_BusinessPartner",
                table,
                values,
            )
        elif kind == "deliveries":
            delivery = self.books.deliveries.get(number) or ask.missing("delivery", number)
            self.books.change_delivery(delivery, planned=values.get("PlannedGoodsIssueDate", delivery.planned))
        elif kind == "products":
            product = self.books.catalogue.products.get(number) or ask.missing("product", number)
            self.books.journal.set(
                product, "names", {**product.names, "EN": values.get("ProductDescription", product.name("EN"))}
            )
            self.books.journal.set(product, "changed", self.books.clock.stamp())
        else:
            raise ControlError(f"object must be orders, customers, deliveries or products; got {kind!r}")
        return {"object": kind, "number": number}

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
        document, posted = ask.document("document"), ask.day("posting_date")
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


class Request:
    """One mutate request; every accessor's error names the field and what it may be."""

    def __init__(self, change: Row, books: Books) -> None:
        self.change = change
        self.books = books

    def text(self, name: str) -> str:
        value = self.change.get(name)
        if not isinstance(value, str | int) or value == "":
            raise ControlError(f"{name} is missing")
        return str(value)

    def mapping(self, name: str) -> Row:
        value = self.change.get(name)
        if not isinstance(value, dict):
            raise ControlError(f"{name} must be an object")
        return value

    def decimal(self, name: str) -> Decimal:
        try:
            value = Decimal(self.text(name))
        except InvalidOperation:
            raise ControlError(f"{name} must be a number as text; got {self.change[name]!r}") from None
        return value

    def day(self, name: str, default: date | None = None) -> date:
        if name not in self.change:
            return default or self.books.clock.today()
        try:
            return date.fromisoformat(self.text(name))
        except ValueError:
            raise ControlError(f"{name} must be an ISO date; got {self.change[name]!r}") from None

    def currency(self, company: Company | None) -> str:
        code = str(self.change.get("currency") or (company.currency if company else ""))
        if code not in DIGITS:
            raise ControlError(f"currency {code!r} is not known")
        return code

    def rate(self, currency: str, company: Company, on: date) -> Decimal:
        return self.decimal("rate") if "rate" in self.change else self.books.rate(currency, company, on)

    def company(self) -> Company:
        return self.books.companies.get(self.text("company")) or self.missing("company", self.text("company"))

    def customer(self, number: str) -> Row:
        return self.books.partners.customer(number) or self.missing("customer", number)

    def order(self, number: str) -> Order:
        return self.books.orders.get(number) or self.missing("order", number)

    def document(self, name: str) -> Document:
        key = self.mapping(name)
        at = (str(key.get("company", "")), str(key.get("fiscal_year", "")), str(key.get("number", "")))
        return self.books.ledger.documents.get(at) or self.missing("document", "/".join(at))

    def line(self, name: str) -> Line:
        return self.line_at([*self.document(name).key, str(self.mapping(name).get("item", "1"))])

    def line_at(self, key: list[str]) -> Line:
        document = self.books.ledger.documents.get(tuple(key[:3]))  # type: ignore[arg-type]
        lines = document.lines if document else []
        return next((line for line in lines if [str(line.item)] == key[3:]), None) or self.missing(
            "line", "/".join(key)
        )

    def missing(self, kind: str, number: str) -> Any:
        raise ControlError(f"there is no {kind} {number}")


def _named(document: Document) -> Row:
    company, year, number = document.key
    return {"document": {"company": company, "fiscal_year": year, "number": number}}


def _typed(name: str, value: Any) -> Any:
    """Property values come as JSON: dates in ISO form, where the name says it is one."""
    if name.endswith("Date") and isinstance(value, str) and value:
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ControlError(f"{name} must be an ISO date; got {value!r}") from None
    return value
