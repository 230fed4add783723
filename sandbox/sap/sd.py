"""Sales documents: orders, deliveries and billing documents, and the statuses that follow from them.

Quantities are in the order item's unit (the ERP's internal code); amounts in the document's currency, always positive
on a billing document: its type tells what it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from sandbox.office.money import ZERO, tax_split
from sandbox.sap.documents import Document

REJECTED = "00"
"""Assigned by the system when the source gives no reason."""

CANCELLED = "50"
"""The whole order was called off. By customising this reason leaves the items in the value of the header."""

UNITS = {
    "ST": ("PC", "ST", "PCE"),
    "KG": ("KG", "KG", "KGM"),
    "STD": ("H", "STD", "HUR"),
    "EA": ("EA", "EA", "EA"),
    "KAR": ("CAR", "KAR", "CT"),
    "M": ("M", "M", "MTR"),
    "L": ("L", "L", "LTR"),
    "TO": ("TO", "TO", "TNE"),
}
"""Internal code of a unit: its external code in English, in German, and its ISO code."""

ACCOUNTED = {"F2": "M", "G2": "O", "S1": "N", "S2": "S", "F8": "U", "ZPV": "U"}
"""Billing types and their document category: invoice, credit memo, their cancellations, pro forma, provisional."""


NOTHING: Mapping[Any, Any] = MappingProxyType({})


@dataclass(slots=True, eq=False)
class Item:
    """`price` is per `per` units; `tax_rate` in per cent."""

    order: Order
    number: int
    material: str
    text: str
    quantity: Decimal
    unit: str
    price: Decimal | None
    per: int = 1
    includes_tax: bool = False
    tax_rate: Decimal = ZERO
    condition_record: str = ""
    price_is_manual: bool = False
    customer_line: str = ""
    rejection: str = ""
    requested: date | None = None
    issued: Decimal = ZERO
    returned: Decimal = ZERO
    in_delivery: Decimal = ZERO
    billed: Decimal = ZERO
    extra: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    texts: Mapping[tuple[str, str], str] = field(default_factory=lambda: NOTHING)

    @property
    def amounts(self) -> tuple[Decimal, Decimal]:
        """Net and tax."""
        price = (self.price or ZERO) / self.per
        return tax_split(self.quantity, price, self.tax_rate, self.includes_tax, self.order.currency)

    @property
    def remaining(self) -> Decimal:
        """What is still to be put on a delivery: never below 0, and 0 once rejected. A return does not reopen it."""
        return ZERO if self.rejection else max(ZERO, self.quantity - self.issued - self.in_delivery)

    @property
    def delivery_status(self) -> str:
        if self.rejection and not self.issued:
            return ""
        return _progress(self.issued, ZERO if self.rejection else self.quantity)

    @property
    def billing_status(self) -> str:
        target = self.issued - self.returned if self.rejection else self.quantity - self.returned
        return "" if self.rejection and not self.issued else _progress(self.billed, target)

    @property
    def process_status(self) -> str:
        states = {self.delivery_status, self.billing_status} - {""}
        return "C" if states <= {"C"} else "A" if states == {"A"} else "B"


def _progress(done: Decimal, target: Decimal) -> str:
    return "C" if done >= target else "B" if done else "A"


@dataclass(slots=True, eq=False)
class Order:
    number: str
    company: str
    sales_org: str
    channel: str
    division: str
    sold_to: str
    currency: str
    order_date: date
    created: datetime
    created_by: str
    terms: str = ""
    requested: date | None = None
    customer_po: str = ""
    external_id: str = ""
    sender: str = ""
    credit_status: str = ""
    changed: datetime | None = None
    items: list[Item] = field(default_factory=list)
    partners: dict[str, str] = field(default_factory=dict)
    texts: Mapping[tuple[str, str], str] = field(default_factory=lambda: NOTHING)
    extra: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    by_api: bool = False
    deliveries: list[Delivery] = field(default_factory=list)
    billings: list[Billing] = field(default_factory=list)

    @property
    def net(self) -> Decimal:
        return sum((item.amounts[0] for item in self.items if item.rejection in ("", CANCELLED)), ZERO)

    @property
    def gross(self) -> Decimal:
        return sum((sum(item.amounts, ZERO) for item in self.items if item.rejection in ("", CANCELLED)), ZERO)

    @property
    def unbilled(self) -> Decimal:
        """The gross value of what is not billed yet."""
        open_items = [item for item in self.items if not item.rejection and item.billed < item.quantity]
        return sum((sum(item.amounts, ZERO) * (1 - item.billed / item.quantity) for item in open_items), ZERO)

    @property
    def incomplete(self) -> bool:
        return any(item.price is None for item in self.items if not item.rejection)

    @property
    def rejection_status(self) -> str:
        rejected = sum(1 for item in self.items if item.rejection)
        return "A" if not rejected else "C" if rejected == len(self.items) else "B"

    @property
    def blocked(self) -> bool:
        return self.credit_status == "B" or bool(self.extra.get("DeliveryBlockReason"))

    def status(self, name: str) -> str:
        """The overall status of a kind: '' when no item has one, else A, B or C."""
        states = {getattr(item, name) for item in self.items} - {""}
        if not states:
            return "C" if name == "process_status" else ""
        return states.pop() if len(states) == 1 else "B"


@dataclass(slots=True, eq=False)
class DeliveryItem:
    number: int
    source: Item
    quantity: Decimal


@dataclass(slots=True, eq=False)
class Delivery:
    """`is_return`: goods that came back; its quantities are positive all the same."""

    number: str
    company: str
    sales_org: str
    ship_to: str
    sold_to: str
    planned: date
    created: datetime
    is_return: bool = False
    items: list[DeliveryItem] = field(default_factory=list)
    issued: date | None = None
    issued_at: datetime | None = None
    picked: bool = False
    changed: date | None = None
    version: int = 1
    billed: bool = False
    external_id: str = ""


@dataclass(slots=True, eq=False)
class BillingItem:
    """Quantity and amounts positive; quantity 0 is an amount-only line."""

    number: int
    material: str
    text: str
    quantity: Decimal
    unit: str
    net: Decimal
    tax: Decimal
    source: Item | None = None
    delivery: Delivery | None = None


@dataclass(slots=True, eq=False)
class Billing:
    number: str
    kind: str
    category: str
    company: str
    sales_org: str
    sold_to: str
    payer: str
    currency: str
    posted: date
    rate: Decimal
    terms: str
    created: datetime
    changed: datetime
    items: list[BillingItem] = field(default_factory=list)
    customer_po: str = ""
    reference: str = ""
    accounting: Document | None = None
    cancels: Billing | None = None
    cancelled_by: Billing | None = None
    credits: Billing | None = None
    dunning_block: str = ""
    net: Decimal = ZERO
    tax: Decimal = ZERO

    @property
    def sign(self) -> int:
        """+1 invoices, -1 credit memos and cancellations of invoices."""
        return -1 if self.category in ("O", "N") or self.kind == "S1" else 1

    @property
    def counts(self) -> bool:
        """Whether it bills quantities: pro forma and provisional documents and their cancellations do not."""
        return self.category != "U" and (self.cancels is None or self.cancels.category != "U")
