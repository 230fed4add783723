"""What an ERP user changes by hand in a trade book: POST /_sandbox/mutate {"what": …}.

- set {object, number, values: {field: value}, silent?}: fields of sandbox.office.documents and .vouchers; a name that
  is no field goes to the product's own values. object: orders, customers, products, prices, deliveries, invoices,
  open_items, payments, applications, contracts
- amount {object: orders|invoices|open_items|payments, number, by, line?, silent?}: an amount grows by `by`
- backdate {object: invoices|payments|applications, number, on, silent?} · delete {object, number}
- release_credit {order} · hold_credit {order} · reject_order {order} (all of it is cancelled) · close_order {order}
- block_customer {customer, blocked?} · rename {customer, name} · credit_limit {customer, amount, currency}
- price {product, company, rate, currency?, customer?, from?}
- post_invoice {customer, company, amount, currency?, posting_date?, document_date?, due?, terms?, kind?, rate?,
  reference?}: a negative amount is a credit memo; kind of its item: trade unless given
- pay {customer, company, amount, currency?, posting_date?, item?, discount?, kind?, maturity?, rate?, reference?}
- apply {payment | credit (an item), item, amount, taken?, on?} · write_off {item, amount, posting_date?}: a
  negative amount is a late charge
- reverse {invoice, posting_date?} · return_payment {payment, on?} · reset {application, on?}

Numbers are those the product's book shows. Dates are ISO, today unless given; amounts are text. Stamps move, unless
`silent` says that the ERP does not notice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.front import ControlError, Row
from sandbox.office.books import Books, TradeError
from sandbox.office.change_request import Asked
from sandbox.office.documents import Customer, Delivery, Order, Product
from sandbox.office.ledger import Due, Ledger, dues_of
from sandbox.office.master import Master
from sandbox.office.money import ZERO
from sandbox.office.sales import Sales
from sandbox.office.shown import Names
from sandbox.office.vouchers import Application, Instalment, Invoice, Receipt

UNSETTABLE = frozenset({"id", "log", "lines", "accounts", "applications", "deliveries", "invoices", "instalments"})


class Changes:
    def __init__(self, books: Books, names: Names) -> None:
        self.books = books
        self.names = names
        self.sales, self.ledger, self.master = Sales(books), Ledger(books), Master(books)
        self._kinds: dict[str, Callable[[Asked], Row]] = {
            "set": self._set, "amount": self._amount, "backdate": self._backdate, "delete": self._delete,
            "release_credit": self._release, "hold_credit": self._hold, "reject_order": self._reject,
            "close_order": self._close, "block_customer": self._block, "rename": self._rename,
            "credit_limit": self._limit, "price": self._price, "post_invoice": self._invoice, "pay": self._pay,
            "apply": self._apply, "write_off": self._write_off, "reverse": self._reverse,
            "return_payment": self._return, "reset": self._reset,
        }  # fmt: skip

    def make(self, change: Row) -> Row:
        what = change.get("what")
        if what not in self._kinds:
            raise ControlError(f"what must be one of {', '.join(self._kinds)}; got {what!r}")
        try:
            with self.books.attempt():
                return {"what": what, **self._kinds[what](Asked(change, self.books, self.names))}
        except (ControlError, TradeError) as error:
            raise ControlError(f"{what}: {error}") from None

    # -- any document ----------------------------------------------------------------------------------------------

    def _set(self, ask: Asked) -> Row:
        kind, _, target = ask.document()
        known = {each.name for each in fields(target)} - UNSETTABLE
        for name, value in ask.mapping("values").items():
            if name in known:
                self.books.change(target, **{name: _typed(name, value, getattr(target, name))})
            else:
                self.books.change(target, extra={**target.extra, name: value})
        return self._done(ask, kind, target)

    def _amount(self, ask: Asked) -> Row:
        kind, _, target = ask.document()
        by = ask.decimal("by")
        if isinstance(target, Order):
            self._reprice(ask, target, by)
        elif isinstance(target, Invoice):
            if target.lines:
                self.books.change(target.lines[0], net=target.lines[0].net + by)
            self.books.change(target, net=target.net + by)
        elif isinstance(target, Instalment | Receipt):
            self.books.change(target, amount=target.amount + by)
        else:
            raise ControlError(f"object must be orders, invoices, open_items or payments; got {kind!r}")
        return self._done(ask, kind, target)

    def _reprice(self, ask: Asked, order: Order, by: Decimal) -> None:
        number = ask.text("line", str(order.lines[0].number))
        line = next((each for each in order.lines if str(each.number) == number), None)
        line = line or ask.missing("order line", number)
        net, tax = line.amounts
        self.books.change(line, fixed=(net + by, tax))

    def _backdate(self, ask: Asked) -> Row:
        kind, _, target = ask.document()
        on = ask.day("on")
        if isinstance(target, Invoice | Receipt):
            self.books.change(target, posted=on)
        elif isinstance(target, Application):
            self.books.change(target, on=on)
        else:
            raise ControlError(f"object must be invoices, payments or applications; got {kind!r}")
        return self._done(ask, kind, target)

    def _delete(self, ask: Asked) -> Row:
        """Gone as if it had never been; what refers to it makes it impossible."""
        kind, table, target = ask.document()
        if isinstance(target, Order):
            self.sales.delete_order(target)
        elif isinstance(target, Delivery):
            self.sales.drop_delivery(target)
        elif isinstance(target, Invoice | Receipt):
            self.ledger.drop(target)
        elif isinstance(target, Customer) and (self.books.orders_of(target) or self.books.vouchers_of(target)):
            raise ControlError("the customer has documents")
        elif isinstance(target, Instalment | Application | Product):
            raise ControlError(f"{kind} are not deleted: what is settled by them or bought would lead nowhere")
        else:
            self.books.drop(table, target)
        return {"object": kind, "number": ask.text("number")}

    def _done(self, ask: Asked, kind: str, target: Any) -> Row:
        document = target.invoice if isinstance(target, Instalment) else target
        if not ask.change.get("silent"):
            self.books.touch(document)
        return {"object": kind, "number": self.names.number(target)}

    # -- orders and master data ------------------------------------------------------------------------------------

    def _release(self, ask: Asked) -> Row:
        order = ask.order()
        self.sales.release(order)
        return self._done(ask, "orders", order)

    def _hold(self, ask: Asked) -> Row:
        order = ask.order()
        self.sales.hold(order)
        return self._done(ask, "orders", order)

    def _reject(self, ask: Asked) -> Row:
        order = ask.order()
        self.sales.cancel_order(order)
        return self._done(ask, "orders", order)

    def _close(self, ask: Asked) -> Row:
        order = ask.order()
        self.books.change(order, closed=self.books.today())
        return self._done(ask, "orders", order)

    def _block(self, ask: Asked) -> Row:
        customer = ask.customer()
        self.books.change(customer, blocked=bool(ask.change.get("blocked", True)))
        return self._done(ask, "customers", customer)

    def _rename(self, ask: Asked) -> Row:
        customer = ask.customer()
        self.books.change(customer, name=ask.text("name"))
        return self._done(ask, "customers", customer)

    def _limit(self, ask: Asked) -> Row:
        customer = ask.customer()
        self.books.change(
            customer, credit_limit=ask.decimal("amount"), credit_currency=ask.currency(customer.credit_currency)
        )
        return self._done(ask, "customers", customer)

    def _price(self, ask: Asked) -> Row:
        """A new price from a day on (today unless given)."""
        company = ask.company()
        customer = ask.customer() if ask.change.get("customer") else None
        price = self.master.add_price(
            company.code, ask.product(), ask.decimal("rate"), ask.currency(company.currency), ask.day("from"), customer
        )
        return {"number": self.names.number(price)}

    # -- receivables -----------------------------------------------------------------------------------------------

    def _invoice(self, ask: Asked) -> Row:
        company, amount, posted = ask.company(), ask.decimal("amount"), ask.day("posting_date")
        dated, currency = ask.day("document_date", posted), ask.currency(company.currency)
        terms, kind = ask.text("terms", "N30"), ask.text("kind", "trade")
        if "due" in ask.change or kind != "trade":
            due = ask.day("due") if ask.change.get("due") else None
            dues = [Due(kind, dated if due else None, due, amount)]
        else:
            dues = dues_of(terms, dated, amount, currency)
        invoice = self.ledger.post(
            "invoice" if amount >= 0 else "credit_memo", company.code, ask.customer(), currency, posted, (), dues,
            net=amount, dated=dated, rate=self._rate(ask), terms=terms, source_number=ask.text("reference", ""),
        )  # fmt: skip
        return {"number": self.names.number(invoice), "items": [self.names.number(i) for i in invoice.instalments]}

    def _pay(self, ask: Asked) -> Row:
        """One item in full or in part, or money on account."""
        company, amount, posted = ask.company(), ask.decimal("amount"), ask.day("posting_date")
        item = ask.item() if "item" in ask.change else None
        customer = item.invoice.customer if item else ask.customer()
        maturity = ask.day("maturity") if "maturity" in ask.change else None
        receipt = self.ledger.receive(
            ask.text("kind", "receipt"), company.code, customer, ask.currency(company.currency), amount, posted,
            rate=self._rate(ask), reference=ask.text("reference", ""), maturity=maturity,
        )  # fmt: skip
        if item:
            self.ledger.apply("payment", item, min(amount, item.balance()), posted, receipt=receipt)
            if discount := ask.decimal("discount") if "discount" in ask.change else ZERO:
                self.ledger.apply("discount", item, discount, posted, receipt=receipt)
        return {"number": self.names.number(receipt), "rest": str(receipt.unapplied())}

    def _rate(self, ask: Asked) -> Decimal | None:
        return ask.decimal("rate") if "rate" in ask.change else None

    def _apply(self, ask: Asked) -> Row:
        credit = ask.item("credit") if "credit" in ask.change else None
        receipt = None if credit else ask.receipt()
        taken = ask.decimal("taken") if "taken" in ask.change else None
        made = self.ledger.apply(
            "credit" if credit else "payment", ask.item(), ask.decimal("amount"), ask.day("on"), receipt=receipt,
            credit=credit, taken=taken,
        )  # fmt: skip
        return {"number": self.names.number(made)}

    def _write_off(self, ask: Asked) -> Row:
        made = self.ledger.apply("write_off", ask.item(), ask.decimal("amount"), ask.day("posting_date"))
        return {"number": self.names.number(made)}

    def _reverse(self, ask: Asked) -> Row:
        return {"number": self.names.number(self.ledger.reverse(ask.invoice(), ask.day("posting_date")))}

    def _return(self, ask: Asked) -> Row:
        receipt = ask.receipt()
        self.ledger.give_back(receipt, ask.day("on"))
        return {"number": self.names.number(receipt)}

    def _reset(self, ask: Asked) -> Row:
        application = ask.application()
        self.ledger.undo(application, ask.day("on"))
        return {"number": self.names.number(application), "rest": str(application.item.balance())}


def _typed(name: str, value: Any, present: object) -> Any:
    """Values come as JSON: dates in ISO form and numbers as text, where what is there now is one."""
    try:
        if isinstance(present, Decimal):
            return Decimal(str(value))
        if isinstance(present, date) or name in ("due", "maturity", "requested", "cancelled", "closed", "baseline"):
            return date.fromisoformat(value) if value else None
    except (ValueError, TypeError, InvalidOperation):
        raise ControlError(f"{name} must be a number or an ISO date as it is now; got {value!r}") from None
    return value
