"""The whole of one ERP client: master data, sales documents, receivables, and the clock they share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.office.clock import Clock
from sandbox.office.company import Company
from sandbox.office.journal import Journal
from sandbox.office.money import ZERO
from sandbox.office.terms import instalments
from sandbox.sap.catalogue import Catalogue
from sandbox.sap.documents import Document, Line, Link, rest
from sandbox.sap.fi import Ledger
from sandbox.sap.partners import Partners
from sandbox.sap.sd import ACCOUNTED, Billing, BillingItem, Delivery, DeliveryItem, Item, Order

if TYPE_CHECKING:
    from sandbox.sap.contracts import Contract

CHANNEL, DIVISION = "10", "00"


class Books:
    def __init__(self, companies: Iterable[Company]) -> None:
        self.clock = Clock()
        self.journal = Journal()
        self.companies = {company.code: company for company in companies}
        self.company_of_org = {company.sales_org: company for company in self.companies.values()}
        self.ledger = Ledger(self.clock, self.journal)
        self.partners = Partners(self.clock, self.journal)
        self.partners.companies = set(self.companies)
        self.partners.sales_areas = {(org, CHANNEL, DIVISION) for org in self.company_of_org}
        self.catalogue = Catalogue()
        self.orders: dict[str, Order] = {}
        self.orders_of: dict[str, list[Order]] = {}
        self.deliveries: dict[str, Delivery] = {}
        self.billings: dict[str, Billing] = {}
        self.contracts: dict[str, Contract] = {}
        self.rates: dict[tuple[str, str], list[tuple[date, Decimal]]] = {}
        self.terms: set[str] = set()
        self.overrides: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = {}
        """Properties shown as an ERP user has set them by hand, whatever the documents say: by entity set and key."""

        self.log: dict[str, list[tuple[str, str]]] = {}
        """Which request did what to which order or partner; a document's first entry is its creation."""

        self._numbers = {"order": 4500001, "delivery": 80000001, "billing": 90000001}

    def number(self, kind: str) -> str:
        number = self._numbers[kind]
        self._numbers[kind] = number + 1
        return str(number)

    def note(self, number: str, request: str, what: str) -> None:
        self.journal.append(self.log.setdefault(number, []), (request, what))

    def rate(self, currency: str, company: Company, on: date) -> Decimal:
        """Local units for 1 unit of `currency`: the newest rate on or before the day, else the oldest, else 1."""
        rates = self.rates.get((currency, company.currency), [])
        known = [rate for day, rate in rates if day <= on] or [rate for _, rate in rates[:1]]
        return known[-1] if known and currency != company.currency else Decimal(1)

    def exposure(self, customer: str, currency: str) -> Decimal:
        """What a customer owes and has on order in a currency, gross; orders held for credit do not count."""
        owed = sum(
            (line.amount for line in self.ledger.of_customer.get(customer, [])
             if not line.clearing and line.special_gl not in ("F", "W") and line.document.currency == currency),
            ZERO,
        )  # fmt: skip
        orders = self.orders_of.get(customer, [])
        return owed + sum(
            (order.unbilled for order in orders if order.currency == currency and order.credit_status != "B"), ZERO
        )

    # -- orders --------------------------------------------------------------------------------------------------

    def add_order(self, order: Order) -> Order:
        self.journal.put(self.orders, order.number, order)
        self.journal.append(self.orders_of.setdefault(order.sold_to, []), order)
        return order

    def touch(self, order: Order) -> None:
        """Note a change: the stamp is the order's version."""
        self.journal.set(order, "changed", self.clock.stamp())

    def reject(self, items: Iterable[Item], reason: str) -> None:
        for item in items:
            self.journal.set(item, "rejection", item.rejection or reason)
            self.touch(item.order)

    # -- deliveries ----------------------------------------------------------------------------------------------

    def deliver(
        self, lines: Sequence[tuple[Item, Decimal]], planned: date, *, is_return: bool = False, external_id: str = ""
    ) -> Delivery:
        order = lines[0][0].order
        delivery = Delivery(
            self.number("delivery"), order.company, order.sales_org, order.partners.get("WE", order.sold_to),
            order.sold_to, planned, self.clock.stamp(), is_return, external_id=external_id,
        )  # fmt: skip
        for at, (item, quantity) in enumerate(lines, 1):
            delivery.items.append(DeliveryItem(at * 10, item, quantity))
            if not is_return:
                self.journal.set(item, "in_delivery", item.in_delivery + quantity)
        self.journal.put(self.deliveries, delivery.number, delivery)
        for source in {id(item.order): item.order for item, _ in lines}.values():
            self.journal.append(source.deliveries, delivery)
            self.touch(source)
        return delivery

    def issue(self, delivery: Delivery, on: date) -> None:
        """Post the goods issue, or for a return the receipt."""
        self.change_delivery(delivery, picked=True, issued=on, issued_at=self.clock.stamp())
        for line in delivery.items:
            item = line.source
            if delivery.is_return:
                self.journal.set(item, "returned", item.returned + line.quantity)
            else:
                self.journal.set(item, "in_delivery", item.in_delivery - line.quantity)
                self.journal.set(item, "issued", item.issued + line.quantity)
            self.touch(item.order)

    def take_back_issue(self, delivery: Delivery) -> None:
        self.change_delivery(delivery, issued=None, issued_at=None)
        for line in delivery.items:
            self.journal.set(line.source, "in_delivery", line.source.in_delivery + line.quantity)
            self.journal.set(line.source, "issued", line.source.issued - line.quantity)
            self.touch(line.source.order)

    def change_delivery(self, delivery: Delivery, **values: object) -> None:
        """Every change raises the version, which is the delivery's ETag."""
        for name, value in values.items():
            self.journal.set(delivery, name, value)
        self.journal.set(delivery, "version", delivery.version + 1)
        self.journal.set(delivery, "changed", self.clock.stamp().date())

    # -- billing -------------------------------------------------------------------------------------------------

    def bill(self, billing: Billing) -> Billing:
        """Keep a billing document and count what it bills."""
        billing.category = billing.category or ACCOUNTED[billing.kind]
        self.journal.put(self.billings, billing.number, billing)
        for line in billing.items:
            if line.delivery and billing.category in ("M", "N"):
                self.change_delivery(line.delivery, billed=billing.category == "M")
            if not line.source:
                continue
            if billing.counts:
                self.journal.set(line.source, "billed", line.source.billed + billing.sign * line.quantity)
            if billing not in line.source.order.billings:
                self.journal.append(line.source.order.billings, billing)
            self.touch(line.source.order)
        return billing

    def account(
        self,
        billing: Billing,
        lines: Sequence[Line],
        dated: date,
        credited: Document | None = None,
        due_on: date | None = None,
    ) -> Document:
        """Post a billing document to accounting. A linked credit memo refers to the instalment due on the same day."""
        company = self.companies[billing.company]
        if credited and credited.lines:
            invoice = next((line for line in credited.lines if line.due == due_on), credited.lines[0])
            for line in lines:
                line.credits = invoice
        document = self.ledger.post(
            company, "RV", billing.currency, billing.posted, lines, dated=dated,
            reference=billing.reference or billing.number, billing=billing.number,
        )  # fmt: skip
        self.journal.set(billing, "accounting", document)
        return document

    def invoice_lines(self, billing: Billing, baseline: date) -> list[Line]:
        """Customer lines by the document's payment terms: one for each instalment."""
        gross = billing.sign * (billing.net + billing.tax)
        return [
            Line(
                billing.payer, due.amount, billing.rate, special_gl="H" if due.retention else "", terms=billing.terms,
                baseline=None if due.on is None else baseline, due=due.on, dunning_block=billing.dunning_block,
            )
            for due in instalments(billing.terms, baseline, gross, billing.currency)
        ]  # fmt: skip

    def cancel_billing(self, billing: Billing, posted: date, reference: str = "") -> tuple[Billing, list[Link]]:
        """Cancel by a document of the opposite kind; its accounting document is reversed, what was cleared is reset."""
        stamp = self.clock.stamp()
        kind = "S2" if billing.kind == "G2" else "S1"
        cancellation = Billing(
            self.number("billing"), kind, ACCOUNTED[kind], billing.company, billing.sales_org, billing.sold_to,
            billing.payer,
            billing.currency, posted, billing.rate, billing.terms, stamp, stamp,
            [BillingItem(i.number, i.material, i.text, i.quantity, i.unit, i.net, i.tax, i.source,
            i.delivery) for i in billing.items],
            billing.customer_po, reference, cancels=billing, net=billing.net, tax=billing.tax,
        )  # fmt: skip
        self.bill(cancellation)
        self.journal.set(billing, "cancelled_by", cancellation)
        self.journal.set(billing, "changed", self.clock.stamp())
        lost: list[Link] = []
        if billing.accounting:
            reversal, lost = self.ledger.cancel(billing.accounting, posted, reference or cancellation.number)
            reversal.billing = cancellation.number
            self.journal.set(cancellation, "accounting", reversal)
        return cancellation, lost

    def open_lines(self, customer: str, currency: str) -> list[Line]:
        """What a customer owes in a currency, oldest first."""
        owed = [
            line for line in self.ledger.of_customer.get(customer, [])
            if line.document.currency == currency and not line.special_gl and rest(line) > 0
        ]  # fmt: skip
        return sorted(owed, key=lambda line: (line.document.posted, line.document.number, line.item))
