"""The sales desk of a trade book: orders and deliveries, and what is checked before they are saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sandbox.office.books import Books, TradeError
from sandbox.office.documents import Customer, Delivery, DeliveryLine, Order, OrderLine, Product
from sandbox.office.money import DIGITS, ZERO
from sandbox.office.terms import TERMS

FIXED = frozenset({"id", "company", "customer", "currency", "lines", "deliveries", "invoices", "key"})
"""What no change of an order's header touches."""


@dataclass(frozen=True)
class NewLine:
    """An order line to be. Without a price the price list is asked, without a tax rate the product (in China)."""

    product: Product
    quantity: Decimal
    price: Decimal | None = None
    includes_tax: bool = False
    tax_rate: Decimal | None = None
    number: int = 0
    """0: the next ten."""
    unit: str = ""
    text: str = ""
    requested: date | None = None
    per: int = 1
    fixed: tuple[Decimal, Decimal] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


class Sales:
    def __init__(self, books: Books) -> None:
        self.books = books

    # -- orders ----------------------------------------------------------------------------------------------------

    def create_order(
        self,
        customer: Customer,
        company: str,
        lines: Sequence[NewLine],
        *,
        currency: str = "",
        ordered: date | None = None,
        terms: str = "",
        requested: date | None = None,
        customer_po: str = "",
        external_id: str = "",
        text: str = "",
        released: bool = True,
        extra: Mapping[str, Any] | None = None,
    ) -> Order:
        """Checked and saved; over the customer's limit it is saved with credit "held".

        TradeError: customer-blocked, no-account, unknown-currency, unknown-terms, no-lines, and those of `add_line`.
        """
        account = self._account(customer, company)
        if not lines:
            raise TradeError("no-lines", "enter at least one line")
        order = Order(
            **self.books.entry("order"), key=(), company=company, customer=customer,
            currency=self._currency(currency or account.currency), ordered=ordered or self.books.today(),
            terms=self._terms(terms or account.terms), requested=requested, customer_po=customer_po,
            external_id=external_id, text=text, released=released,
        )  # fmt: skip
        order.extra.update(extra or {})
        for line in lines:
            self._add(order, line)
        self.check_credit(order)
        return self.books.add(self.books.orders, order)

    def change_order(self, order: Order, **values: Any) -> None:
        """Set header fields: terms, requested, customer_po, text, released … and `extra` as a whole.

        TradeError: cancelled, unknown-terms, fixed-field.
        """
        self._check_open(order)
        if fixed := FIXED & values.keys():
            raise TradeError("fixed-field", f"{', '.join(sorted(fixed))} of an order cannot be changed")
        if "terms" in values:
            self._terms(values["terms"])
        self.books.change(order, **values)
        self.changed(order, f"header {', '.join(sorted(values))}")

    def cancel_order(self, order: Order, on: date | None = None) -> None:
        """What has left stays delivered; the rest is not. TradeError: cancelled."""
        self._check_open(order)
        self.books.change(order, cancelled=on or self.books.today())
        self.changed(order, "cancelled")

    def delete_order(self, order: Order) -> None:
        """TradeError: has-follow-on."""
        if order.deliveries or order.invoices:
            raise TradeError("has-follow-on", "the order has deliveries or invoices and cannot be deleted")
        self.books.drop(self.books.orders, order)

    # -- lines -----------------------------------------------------------------------------------------------------

    def add_line(self, order: Order, line: NewLine) -> OrderLine:
        """TradeError: cancelled, product-blocked, line-exists, bad-quantity, bad-price, no-price."""
        self._check_open(order)
        added = self._add(order, line)
        self.changed(order, f"line {added.number} added")
        return added

    def change_line(self, line: OrderLine, **values: Any) -> None:
        """Set fields: quantity, price, includes_tax, tax_rate, requested, text, unit, fixed, extra.

        A new quantity or price takes `fixed` away unless it comes with them. TradeError: cancelled, bad-quantity,
        below-delivered, bad-price.
        """
        self._check_open(line.order)
        if line.cancelled:
            raise TradeError("cancelled", f"line {line.number} is cancelled")
        if "quantity" in values:
            self._check_quantity(values["quantity"], line.delivered + line.in_delivery)
        _check_price(values.get("price"))
        if values.keys() & {"quantity", "price", "includes_tax", "tax_rate", "per"}:
            values.setdefault("fixed", None)
        self.books.change(line, **values)
        self.changed(line.order, f"line {line.number} {', '.join(sorted(values))}")

    def cancel_line(self, line: OrderLine, on: date | None = None) -> None:
        """TradeError: cancelled."""
        self._check_open(line.order)
        if line.cancelled:
            raise TradeError("cancelled", f"line {line.number} is cancelled")
        self.books.change(line, cancelled=on or self.books.today())
        self.changed(line.order, f"line {line.number} cancelled")

    def remove_line(self, line: OrderLine) -> None:
        """TradeError: cancelled, has-follow-on."""
        self._check_open(line.order)
        if line.delivered or line.in_delivery or line.invoiced:
            raise TradeError("has-follow-on", f"line {line.number} has been delivered or invoiced: cancel it")
        self.books.journal.remove(line.order.lines, line)
        self.changed(line.order, f"line {line.number} removed")

    def _add(self, order: Order, new: NewLine) -> OrderLine:
        if new.product.blocked:
            raise TradeError("product-blocked", f"product {new.product.code} is blocked")
        number = new.number or max((line.number for line in order.lines), default=0) // 10 * 10 + 10
        if any(line.number == number for line in order.lines):
            raise TradeError("line-exists", f"line {number} exists already")
        self._check_quantity(new.quantity, ZERO)
        _check_price(new.price)
        price, per = (new.price, new.per) if new.price is not None else self._listed(order, new.product)
        line = OrderLine(
            id=self.books.next_id("order line"), extra=dict(new.extra), order=order, number=number,
            product=new.product, text=new.text or new.product.name(self.books.caller.language),
            quantity=new.quantity, unit=new.unit or new.product.unit, price=price, includes_tax=new.includes_tax,
            tax_rate=self._tax_rate(order, new), per=per, requested=new.requested or order.requested, fixed=new.fixed,
        )  # fmt: skip
        self.books.journal.append(order.lines, line)
        return line

    def _listed(self, order: Order, product: Product) -> tuple[Decimal, int]:
        found = self.books.price(order.company, product, order.customer, order.currency, order.ordered)
        if found is None:
            raise TradeError("no-price", f"product {product.code} has no price in {order.currency}")
        return found.amount, found.per

    def _tax_rate(self, order: Order, new: NewLine) -> Decimal:
        if new.tax_rate is not None:
            return new.tax_rate
        return new.product.tax_rate if self.books.companies[order.company].country == "CN" else ZERO

    # -- checks ----------------------------------------------------------------------------------------------------

    def _account(self, customer: Customer, company: str) -> Any:
        account = customer.account(company)
        if account is None:
            raise TradeError("no-account", f"the customer has no account in company {company}")
        if customer.blocked or account.blocked:
            raise TradeError("customer-blocked", "the customer is blocked for orders")
        return account

    def _currency(self, code: str) -> str:
        if code not in DIGITS:
            raise TradeError("unknown-currency", f"currency {code} is not known")
        return code

    def _terms(self, terms: str) -> str:
        if terms and terms not in TERMS and terms not in self.books.terms:
            raise TradeError("unknown-terms", f"terms of payment {terms} are not known")
        return terms

    @staticmethod
    def _check_open(order: Order) -> None:
        if order.cancelled:
            raise TradeError("cancelled", "the order is cancelled")

    @staticmethod
    def _check_quantity(quantity: Decimal, delivered: Decimal) -> None:
        if quantity <= 0:
            raise TradeError("bad-quantity", "the quantity must be greater than zero")
        if quantity < delivered:
            raise TradeError("below-delivered", f"{delivered} are already delivered")

    def check_credit(self, order: Order) -> None:
        """Compare what the customer owes and has on order with his limit; a released order stays released."""
        customer = order.customer
        if customer.credit_limit is None or order.credit == "released" or order.status == "cancelled":
            return
        rates = [
            self.books.rate(code, order.company, order.ordered) for code in (order.currency, customer.credit_currency)
        ]
        own = ZERO if order.id in self.books.orders and order.credit != "held" else order.not_invoiced
        used = self.books.exposure(customer, order.currency) + own
        if used * rates[0] / rates[1] > customer.credit_limit:
            self.hold(order)
        else:
            self.release(order, "ok")

    def hold(self, order: Order, on: date | None = None) -> None:
        if order.credit != "held":
            day = on or self.books.today()
            self.books.change(order, credit="held", holds=[*order.holds, (day, None)])

    def release(self, order: Order, credit: str = "released", on: date | None = None) -> None:
        holds = order.holds
        if order.credit == "held":
            holds = [*holds[:-1], (holds[-1][0], on or self.books.today())]
        self.books.change(order, credit=credit, holds=holds)

    def changed(self, order: Order, what: str) -> None:
        """After every change: the credit is checked again, the stamp moves."""
        self.check_credit(order)
        self.books.touch(order, what)

    # -- deliveries ------------------------------------------------------------------------------------------------

    def deliver(
        self, lines: Iterable[tuple[OrderLine, Decimal]], planned: date, *, is_return: bool = False,
        external_id: str = "",
    ) -> Delivery:  # fmt: skip
        """Goods are to leave (or come back); nothing has until `issue`."""
        wanted = list(lines)
        order = wanted[0][0].order
        delivery = Delivery(
            **self.books.entry("delivery"), company=order.company, customer=order.customer, planned=planned,
            is_return=is_return, external_id=external_id,
        )  # fmt: skip
        for at, (line, quantity) in enumerate(wanted, 1):
            part = DeliveryLine(id=self.books.next_id("delivery line"), number=at * 10, order_line=line,
                                quantity=quantity)  # fmt: skip
            delivery.lines.append(part)
            if not is_return:
                self.books.change(line, in_delivery=line.in_delivery + quantity)
        self.books.add(self.books.deliveries, delivery)
        for source in orders_on(delivery):
            self.books.journal.append(source.deliveries, delivery)
            self.books.touch(source)
        return delivery

    def issue(self, delivery: Delivery, on: date) -> None:
        """Goods have left; of a return: have come back."""
        self.books.change(delivery, picked=True, issued=on)
        self.books.touch(delivery)
        for part in delivery.lines:
            line = part.order_line
            if delivery.is_return:
                self.books.change(line, returned=line.returned + part.quantity)
            else:
                self.books.change(
                    line, in_delivery=line.in_delivery - part.quantity, delivered=line.delivered + part.quantity
                )
        for source in orders_on(delivery):
            self.books.touch(source)

    def drop_delivery(self, delivery: Delivery) -> None:
        """Goods that have not left: they are to be delivered again. TradeError: has-follow-on."""
        if delivery.issued or delivery.invoiced:
            raise TradeError("has-follow-on", "the goods have left, or are invoiced")
        for part in delivery.lines:
            if not delivery.is_return:
                self.books.change(part.order_line, in_delivery=part.order_line.in_delivery - part.quantity)
        for source in orders_on(delivery):
            self.books.journal.remove(source.deliveries, delivery)
            self.books.touch(source)
        self.books.drop(self.books.deliveries, delivery)


def orders_on(delivery: Delivery) -> list[Order]:
    """The orders a delivery serves, each once."""
    return list({part.order_line.order.id: part.order_line.order for part in delivery.lines}.values())


def _check_price(price: Decimal | None) -> None:
    if price is not None and price < 0:
        raise TradeError("bad-price", "the price must not be negative")
