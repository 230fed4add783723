"""What a trade book holds: customers, products, prices, orders, deliveries.

Quantities are in the line's unit (the data set's code: PCS, KG, HUR …), amounts in the document's currency, rates of
tax in per cent. Every document and every line has a serial `id` of its kind, from 1: a product makes its own numbers
of it.
`created` and `changed` are stamps of the office's clock, aware, UTC. `extra` is the product's own: values that nothing
here has a field for. Change fields through `Office.change` (or the journal), so that it can be taken back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.office.dataset import Key
from sandbox.office.money import ZERO, tax_split

if TYPE_CHECKING:
    from sandbox.office.vouchers import Invoice

FOREVER = date(9999, 12, 31)


@dataclass(slots=True, eq=False, kw_only=True)
class Document:
    id: int
    created: datetime
    changed: datetime
    by_request: str = ""
    """The request that created it; empty for what the data set or the ERP itself brought."""
    by_api: bool = False
    log: list[tuple[str, str]] = field(default_factory=list)
    """(request, what) of its creation ("create") and of every change through the API."""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, eq=False, kw_only=True)
class Part:
    """A line of a document."""

    id: int
    extra: dict[str, Any] = field(default_factory=dict)


# -- master data -------------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Account:
    """A customer in one company: at most one each."""

    company: str
    number: str
    """The data set's account number; several companies use the same one for different customers."""
    currency: str
    terms: str
    blocked: bool = False


@dataclass(slots=True, eq=False)
class Customer(Document):
    """`key` is the data set's own, empty for one that came through the API; `our_number` the CRM's customer number."""

    key: str
    our_number: str
    name: str
    name_2: str = ""
    language: str = "EN"
    country: str = ""
    region: str = ""
    city: str = ""
    postal_code: str = ""
    street: str = ""
    phone: str = ""
    email: str = ""
    tax_type: str = ""
    tax_number: str = ""
    credit_limit: Decimal | None = None
    credit_currency: str = ""
    blocked: bool = False
    """No new orders."""
    accounts: list[Account] = field(default_factory=list)

    def account(self, company: str) -> Account | None:
        return next((account for account in self.accounts if account.company == company), None)


@dataclass(slots=True, eq=False)
class Product(Document):
    code: str
    names: dict[str, str]
    """By two-letter language, upper case."""
    unit: str
    tax_rate: Decimal
    group: str = ""
    blocked: bool = False

    def name(self, language: str = "EN") -> str:
        return self.names.get(language) or self.names.get("EN") or next(iter(self.names.values()), "")


@dataclass(slots=True, eq=False)
class Price(Document):
    """A price without tax for `per` units from `start` to `end`, both included; for one customer, or for all."""

    company: str
    product: Product
    amount: Decimal
    currency: str
    unit: str
    start: date
    end: date = FOREVER
    customer: Customer | None = None
    per: int = 1


# -- orders ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class OrderLine(Part):
    """`delivered` is goods issued, `returned` goods taken back, `invoiced` what counting documents bill, net of both
    reversals and credit memos' quantities; a cancelled line keeps its quantity."""

    order: Order
    number: int
    product: Product
    text: str
    quantity: Decimal
    unit: str
    price: Decimal | None
    includes_tax: bool = False
    tax_rate: Decimal = ZERO
    per: int = 1
    requested: date | None = None
    cancelled: date | None = None
    fixed: tuple[Decimal, Decimal] | None = None
    """Net and tax as somebody set them, in place of quantity × price."""
    delivered: Decimal = ZERO
    returned: Decimal = ZERO
    in_delivery: Decimal = ZERO
    invoiced: Decimal = ZERO

    @property
    def amounts(self) -> tuple[Decimal, Decimal]:
        """Net and tax."""
        if self.fixed:
            return self.fixed
        price = (self.price or ZERO) / self.per
        return tax_split(self.quantity, price, self.tax_rate, self.includes_tax, self.order.currency)

    @property
    def is_cancelled(self) -> bool:
        return bool(self.cancelled or self.order.cancelled)

    @property
    def remaining(self) -> Decimal:
        """Still to be put on a delivery: never below 0, and 0 once cancelled or closed. A return does not reopen it."""
        done = self.is_cancelled or self.order.closed
        return ZERO if done else max(ZERO, self.quantity - self.delivered - self.in_delivery)

    @property
    def is_complete(self) -> bool:
        nothing_left = not self.remaining and not self.in_delivery
        return nothing_left and self.invoiced == self.delivered - self.returned


@dataclass(slots=True, eq=False)
class Order(Document):
    """`credit`: "" not checked, "ok", "held", "released". `released`: follow-on documents may come; a product whose
    orders need a submit or an audit sets it False until then."""

    key: Key
    """The data set's own, empty for one that came through the API."""
    company: str
    customer: Customer
    currency: str
    ordered: date
    terms: str = ""
    requested: date | None = None
    customer_po: str = ""
    external_id: str = ""
    text: str = ""
    credit: str = ""
    released: bool = True
    cancelled: date | None = None
    closed: date | None = None
    holds: list[tuple[date, date | None]] = field(default_factory=list)
    """Credit holds: from, and until (the first day without)."""
    lines: list[OrderLine] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)

    @property
    def counting(self) -> list[OrderLine]:
        """Lines that make up its value: one called off alone does not, those of a cancelled order do."""
        return [line for line in self.lines if not line.cancelled]

    @property
    def net(self) -> Decimal:
        return sum((line.amounts[0] for line in self.counting), ZERO)

    @property
    def tax(self) -> Decimal:
        return sum((line.amounts[1] for line in self.counting), ZERO)

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax

    @property
    def not_invoiced(self) -> Decimal:
        """The gross value of what is not invoiced yet."""
        lines = [line for line in self.lines if not line.is_cancelled and line.invoiced < line.quantity]
        return sum((sum(line.amounts, ZERO) * (1 - line.invoiced / line.quantity) for line in lines), ZERO)

    @property
    def status(self) -> str:
        """cancelled, draft, credit_hold, complete, in_process or open."""
        if self.cancelled or (self.lines and all(line.cancelled for line in self.lines)):
            return "cancelled"
        if not self.released:
            return "draft"
        if self.credit == "held":
            return "credit_hold"
        if all(line.is_complete for line in self.lines):
            return "complete"
        return "in_process" if self.deliveries or self.invoices else "open"


# -- deliveries --------------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class DeliveryLine(Part):
    number: int
    order_line: OrderLine
    quantity: Decimal
    """Positive, also on a return."""


@dataclass(slots=True, eq=False)
class Delivery(Document):
    """`issued`: goods have left (of a return: have come back) on this day."""

    company: str
    customer: Customer
    planned: date
    is_return: bool = False
    external_id: str = ""
    issued: date | None = None
    picked: bool = False
    invoiced: bool = False
    lines: list[DeliveryLine] = field(default_factory=list)

    @property
    def status(self) -> str:
        return "issued" if self.issued else "picked" if self.picked else "open"
