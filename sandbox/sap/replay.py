"""A data set's events, entered in the books as their clock passes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from functools import partial

from sandbox.office.dataset import (
    ApplicationData,
    DataSet,
    DeliveryData,
    InvoiceData,
    Key,
    OrderData,
    PaymentData,
)
from sandbox.office.events import Events
from sandbox.office.money import ZERO
from sandbox.office.timeline import Event, Timeline
from sandbox.sap.books import CHANNEL, DIVISION, Books
from sandbox.sap.documents import Document, Line
from sandbox.sap.fi import PostingError
from sandbox.sap.masterdata import LOADER, load_master_data
from sandbox.sap.sd import CANCELLED, Billing, BillingItem, Delivery, Item, Order
from sandbox.sap.settlements import Application, Settlements
from sandbox.sap.texts import internal_unit

SPECIAL_GL = {"trade": "", "retention": "H", "advance_request": "F", "other": "O"}
BILLING_KIND = {"invoice": "F2", "credit_memo": "G2", "pro_forma": "F8", "provisional": "ZPV"}


class Replay:
    def __init__(self, books: Books, data: DataSet) -> None:
        self.books = books
        self.data = data
        self.orders: dict[Key, Order] = {}
        self.deliveries: dict[str, Delivery] = {}
        self.billings: dict[Key, Billing] = {}
        self.documents: dict[Key, Document] = {}
        self.applications_of: dict[Key, list[Application]] = defaultdict(list)
        """By what they settle."""
        self.direct: dict[Key, list[Application]] = defaultdict(list)
        """By the payment whose own document settles them."""
        events = Events(data, self)
        found = [*events.sales(), *self._applications(events), *events.payments()]
        self.timeline = Timeline(found, books.journal, (PostingError,))

    @property
    def last_day(self) -> date:
        return self.timeline.last_day or self.data.last_day

    def load_master_data(self, start: date) -> None:
        """Enter partners and products on the morning before the data's first day."""
        self.books.clock.move_to(self.timeline.eve(start))
        self.numbers = load_master_data(self.books, self.data)
        self.settlements = Settlements(self.books, self.numbers)

    # -- what settles what -----------------------------------------------------------------------------------------

    def _applications(self, events: Events) -> Iterator[Event]:
        """Those that the payment's own document settles have no event of their own, but may be reset."""
        for n, application in enumerate(self._counting()):
            data = application.data
            self.applications_of[data.item].append(application)
            apply = None
            if data.source and _is_direct(data, events):
                self.direct[data.source[1]].append(application)
            else:
                apply = partial(self._apply, application)
            yield from events.application(n, data, apply, partial(self._undo, application))

    def _counting(self) -> list[Application]:
        """The applications that ever count; a discount goes with a payment of the same day to the same item."""
        rows = [row for row in self.data.applications if row.counts]
        discounts: dict[object, list[ApplicationData]] = defaultdict(list)
        for row in rows:
            if row.kind == "discount":
                discounts[_together(row)].append(row)
        found = []
        for row in rows:
            if row.kind != "discount":
                given = discounts[_together(row)] if row.kind == "payment" else []
                found.append(Application(row, given.pop().amount if given else ZERO))
        return found + [Application(row) for alone in discounts.values() for row in alone]

    # -- sales ---------------------------------------------------------------------------------------------------

    def order(self, data: OrderData) -> None:
        company = self.books.companies[data.company]
        partner = self.numbers[data.partner]
        order = Order(
            self.books.number("order"), data.company, company.sales_org, CHANNEL, DIVISION, partner, data.currency,
            data.ordered,
            self.books.clock.stamp(), LOADER, data.terms, data.requested, data.customer_po, data.external_id,
            self.data.name.upper(),
            "A" if partner in self.books.partners.limits else "", partners=dict.fromkeys(("AG", "WE", "RE", "RG"),
            partner),
        )  # fmt: skip
        if data.text:
            order.texts = {("EN", "TX01"): data.text}
        for line in data.lines:
            product = self.books.catalogue.products[line.product]
            order.items.append(Item(
                order, line.number, line.product, product.name("EN")[:40], line.quantity,
                internal_unit(line.unit) or product.unit,
                line.price, 1, line.includes_tax, line.tax_rate, price_is_manual=True, requested=data.requested,
            ))  # fmt: skip
        self.orders[data.key] = self.books.add_order(order)

    def hold(self, data: OrderData) -> None:
        self._set_credit(data, "B")

    def release(self, data: OrderData) -> None:
        self._set_credit(data, "D")

    def _set_credit(self, data: OrderData, status: str) -> None:
        order = self.orders[data.key]
        self.books.journal.set(order, "credit_status", status)
        self.books.touch(order)

    def cancel(self, data: OrderData) -> None:
        self.books.reject(self.orders[data.key].items, CANCELLED)

    def _item(self, key: Key | None, number: int) -> Item | None:
        return next((item for item in self.orders[key].items if item.number == number), None) if key else None

    def deliver(self, data: DeliveryData) -> None:
        lines = [(item, quantity) for key, number, quantity in data.lines if (item := self._item(key, number))]
        delivery = self.books.deliver(lines, data.issued, is_return=data.is_return, external_id=data.external_id)
        self.books.issue(delivery, data.issued)
        self.deliveries[data.external_id] = delivery

    # -- billing -------------------------------------------------------------------------------------------------

    def invoice(self, data: InvoiceData) -> None:
        lines = [self._line(data, n) for n in range(len(data.instalments))]
        company = self.books.companies[data.company]
        if data.kind == "opening":
            document = self.books.ledger.post(
                company, "UE", data.currency, data.posted, lines, dated=data.dated, reference=data.source_number
            )
            self._keep(data, document)
            return
        billing = self._billing(data)
        self.billings[data.key] = self.books.bill(billing)
        if billing.category != "U":
            credited = self.documents.get(data.reference) if data.reference else None
            due = data.instalments[0].due if data.instalments else None
            self._keep(data, self.books.account(billing, lines, data.dated, credited, due))

    def _keep(self, data: InvoiceData, document: Document) -> None:
        self.documents[data.key] = document
        for instalment, line in zip(data.instalments, document.lines, strict=True):
            self.settlements.items[data.key, instalment.number] = line

    def _line(self, data: InvoiceData, n: int) -> Line:
        item = data.instalments[n]
        return Line(
            self.numbers[data.partner], item.amount, data.rate, SPECIAL_GL[item.kind],
            item.baseline if item.due else None, item.due,
            data.terms, dunning_block="D" if data.disputed else "", text=data.text[:50],
        )  # fmt: skip

    def _billing(self, data: InvoiceData) -> Billing:
        stamp = self.books.clock.stamp()
        partner = self.numbers[data.partner]
        org = self.books.companies[data.company].sales_org
        return Billing(
            self.books.number("billing"), BILLING_KIND[data.kind], "", data.company, org, partner, partner,
            data.currency,
            data.posted, data.rate, data.terms, stamp, stamp, self._billing_items(data), data.customer_po,
            data.source_number,
            credits=self.billings.get(data.reference) if data.reference else None,
            dunning_block="D" if data.disputed else "", net=abs(data.net), tax=abs(data.tax),
        )  # fmt: skip

    def _billing_items(self, data: InvoiceData) -> list[BillingItem]:
        items = []
        for n, line in enumerate(data.lines, 1):
            product = self.books.catalogue.products[line.product]
            items.append(BillingItem(
                n * 10, line.product, product.name("EN")[:40], abs(line.quantity),
                internal_unit(line.unit) or product.unit,
                abs(line.net), abs(line.tax), self._item(line.order, line.order_line),
                self.deliveries.get(line.delivery),
            ))  # fmt: skip
        return items

    def reverse(self, data: InvoiceData) -> None:
        assert data.reference
        for application in self.applications_of.get(data.reference, []):
            self.settlements.undo(application, data.posted)
        if billing := self.billings.get(data.reference):
            lost = self.books.cancel_billing(billing, data.posted, data.source_number)[1]
        else:
            lost = self.books.ledger.cancel(self.documents[data.reference], data.posted, data.source_number)[1]
        self.settlements.settle_again(lost, data.posted)

    # -- money ---------------------------------------------------------------------------------------------------

    def pay(self, data: PaymentData) -> None:
        self.settlements.post(data, self.direct.get(data.key, []))

    def mature(self, data: PaymentData) -> None:
        self.settlements.mature(data)

    def give_back(self, data: PaymentData) -> None:
        self.settlements.return_payment(data)

    def _apply(self, application: Application) -> None:
        source = application.data.source
        lines = self.documents[source[1]].lines if source and source[0] == "credit_memo" else ()
        self.settlements.apply(application, lines)

    def _undo(self, application: Application) -> None:
        assert application.data.undone
        self.settlements.undo(application, application.data.undone)


def _together(row: ApplicationData) -> object:
    return row.source, row.item, row.instalment, row.on, row.undone


def _is_direct(data: ApplicationData, events: Events) -> bool:
    """Whether the payment's own document settles it: same day, same currency."""
    if data.kind != "payment" or not data.source or data.source[0] != "payment":
        return False
    payment = events.payments_by_key[data.source[1]]
    same_currency = payment.currency == events.invoices_by_key[data.item].currency
    return same_currency and data.on == payment.posted and events.known_on(data) == payment.entered
