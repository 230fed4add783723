"""What Fusion makes of an order: its numbers and versions, its fulfilment lines, and the status of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

from sandbox.office.trade import Delivery, Order, OrderLine
from sandbox.oracle.adf.model import Row
from sandbox.oracle.fusion.ids import big

UI_SYSTEM = "OPS"
"""The source system of orders that were not sent by anybody."""
CALLED_OFF = "called off"
"""What a line remembers of its rest: the place among its parts, and the quantity."""
RETURNS = 500
_RETURN_LINES = 500_000_000
_VERSIONS = 1000


@dataclass(frozen=True)
class Snapshot:
    """A document as it was: an older version of an order, or a part of it."""

    row: Row
    children: dict[str, list[Snapshot]] = field(default_factory=dict)


@dataclass(frozen=True)
class Fulfilment:
    """A part of an order line that goes its own way: a delivery of it, what came back, or what is still to go.

    A partial shipment splits the line: the part that left keeps the first id, the rest gets the next one. More can be
    shipped than was `ordered` of it. A rest that was called off stays, and no longer counts in the line's quantity.
    """

    line: OrderLine
    at: int
    quantity: Decimal
    ordered: Decimal
    delivery: Delivery | None = None
    called_off: bool = False

    @cached_property
    def id(self) -> int:
        return big("fulfilment", self.line.id * _VERSIONS + self.at)

    @property
    def line_id(self) -> int:
        """Goods that come back are an order line of their own."""
        if self.is_return:
            return big("line", _RETURN_LINES + self.line.id * 100 + self.at - RETURNS)
        return big("line", self.line.id)

    @property
    def is_return(self) -> bool:
        return self.delivery is not None and self.delivery.is_return

    @property
    def shipped_on(self) -> date | None:
        return self.delivery.issued if self.delivery else None

    @cached_property
    def status(self) -> str:
        """Of the orchestration process: other tenants have other codes."""
        if self.delivery is not None:
            return self._delivered(self.delivery)
        order = self.line.order
        if self.line.is_cancelled or self.called_off:
            return "CANCELED"
        if order.closed or self.line.is_complete:
            return "CLOSED"
        return "AWAITING_SHIPPING" if order.released else "DOO_DRAFT"

    def _delivered(self, delivery: Delivery) -> str:
        if delivery.is_return:
            return "CLOSED" if delivery.issued else "AWAIT_RECEIVING"
        if not delivery.issued:
            return "AWAITING_SHIPPING"
        return "CLOSED" if delivery.invoiced or self.line.is_complete else "SHIPPED"


def fulfilments(line: OrderLine) -> Iterator[Fulfilment]:
    """At least one; returns come last."""
    parts = [(d, part) for d in line.order.deliveries for part in d.lines if part.order_line is line]
    sent = [(delivery, part) for delivery, part in parts if not delivery.is_return]
    rest = line.quantity
    for at, (delivery, part) in enumerate(sent):
        ordered = min(part.quantity, rest)
        rest -= ordered
        yield Fulfilment(line, at, part.quantity, ordered, delivery)
    if rest > 0 or not sent:
        yield Fulfilment(line, len(sent), rest, rest)
    if off := line.extra.get(CALLED_OFF):
        at, quantity = off
        yield Fulfilment(line, at, quantity, quantity, called_off=True)
    back = [(delivery, part) for delivery, part in parts if delivery.is_return]
    for at, (delivery, part) in enumerate(back):
        yield Fulfilment(line, RETURNS + at, part.quantity, part.quantity, delivery)


def order_number(order: Order) -> str:
    return str(500_000 + order.id)


def version_of(order: Order) -> int:
    return int(order.extra.get("version", 1))


def header_id(order: Order, version: int = 0) -> int:
    """Each version of an order has a header of its own; the first one's is the id that its source bears by default."""
    return big("order", order.id * _VERSIONS + (version or version_of(order)))


def order_and_version(serial: int) -> tuple[int, int]:
    return divmod(serial, _VERSIONS)


def source_of(order: Order) -> tuple[str, str]:
    """System and id; together they name the order, whatever its version."""
    system, text = order.extra.get("source", (UI_SYSTEM, ""))
    return system, text or str(header_id(order, 1))


def order_key(order: Order) -> str:
    return ":".join(source_of(order))


def status_of(order: Order) -> str:
    if order.status == "cancelled":
        return "CANCELED"
    if not order.released:
        return "DOO_DRAFT"
    if order.closed or order.status == "complete":
        return "CLOSED"
    return "PARTIAL_CLOSE" if any(line.is_complete and line.delivered for line in order.lines) else "OPEN"


STATUS_NAMES = {
    "CANCELED": "Canceled", "DOO_DRAFT": "Draft", "CLOSED": "Closed", "PARTIAL_CLOSE": "Partially Closed",
    "OPEN": "Processing", "DOO_REFERENCE": "Reference", "AWAITING_SHIPPING": "Awaiting Shipping", "SHIPPED": "Shipped",
    "AWAIT_RECEIVING": "Awaiting Receiving",
}  # fmt: skip


def is_held(order: Order) -> bool:
    return order.credit == "held" and order.status != "cancelled"


def sent(document: Order | OrderLine, name: str) -> Any:
    """What a client sent for an attribute that the books have no field for."""
    return document.extra.get("sent", {}).get(name)
