"""What a subscription is in a trade book."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from sandbox.office.documents import Customer, Document, Part, Product
from sandbox.office.money import ZERO


@dataclass(slots=True, eq=False)
class ContractLine(Part):
    number: int
    product: Product
    text: str
    quantity: Decimal
    unit: str
    net: Decimal
    """For the whole term."""
    start: date
    end: date
    tax_rate: Decimal = ZERO


@dataclass(slots=True, eq=False)
class Contract(Document):
    """A subscription. `state`: draft, active, frozen or cancelled; `status` also knows that it has expired."""

    company: str
    customer: Customer
    currency: str
    start: date
    end: date
    """Included."""
    external_id: str = ""
    state: str = "active"
    signed: date | None = None
    cancelled: date | None = None
    billed_until: date | None = None
    terms: str = ""
    text: str = ""
    renews: Contract | None = None
    lines: list[ContractLine] = field(default_factory=list)

    @property
    def net(self) -> Decimal:
        return sum((line.net for line in self.lines), ZERO)

    def status(self, today: date) -> str:
        return "expired" if self.state == "active" and self.end < today else self.state
