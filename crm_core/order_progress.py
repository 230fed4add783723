"""How far orders have come at any date: ordered, delivered, invoiced, what remains, per line and per unit.

Quantities are in the line's own unit, with three decimals; units are never added to each other. Dates as in
receivables: each document takes effect on its own date, that day included.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import msgspec

from crm_core.money import EXACT, exact
from crm_core.receivables import counts, in_force

_THOUSANDTH = Decimal("0.000")
Place = tuple[str, str, str]
"""(system, order key, order line)"""


class OrderedLine(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """`cancelled_on`: the day this line alone was rejected."""

    line: str
    unit: str
    quantity: Decimal
    cancelled_on: date | None = None


class PlacedOrder(msgspec.Struct, kw_only=True, frozen=True):
    """`credit_holds` are (first day, first day after or None)."""

    system: str = ""
    key: str
    company_code: str
    number: str
    order_date: date
    cancelled_on: date | None = None
    credit_holds: tuple[tuple[date, date | None], ...] = ()
    lines: tuple[OrderedLine, ...]


class DeliveredLine(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """Goods that left (+) or came back (-); without a goods issue nothing has moved yet."""

    system: str = ""
    order_key: str
    order_line: str
    quantity: Decimal
    goods_issued_on: date | None


class InvoicedLine(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """A line of a billing document, signed: reversals and returned goods are negative, amount-only lines 0.

    `reversed_kind` is the kind of the document that a reversal takes back.
    """

    system: str = ""
    order_key: str
    order_line: str
    quantity: Decimal
    posting_date: date
    document_kind: str
    reversed_kind: str = ""


class Quantities(msgspec.Struct, frozen=True, gc=False):
    ordered: Decimal
    delivered: Decimal
    invoiced: Decimal
    remaining: Decimal


class LineProgress(msgspec.Struct, frozen=True, gc=False):
    line: str
    unit: str
    quantities: Quantities


class OrderProgress(msgspec.Struct, frozen=True):
    """`status` is cancelled, credit_hold, complete or open."""

    order: PlacedOrder
    status: str
    lines: list[LineProgress]
    by_unit: dict[str, Quantities]


def order_progress(
    orders: Iterable[PlacedOrder], deliveries: Iterable[DeliveredLine], invoices: Iterable[InvoicedLine], as_of: date
) -> list[OrderProgress]:
    """Every order placed by `as_of`, by company and number."""
    with exact():
        issued, returned = _moved(deliveries, as_of)
        invoiced = _invoiced(invoices, as_of)
        placed = [order for order in orders if order.order_date <= as_of]
        placed.sort(key=lambda order: (order.system, order.company_code, len(order.number), order.number))
        return [_progress(order, issued, returned, invoiced, as_of) for order in placed]


def _moved(deliveries: Iterable[DeliveredLine], as_of: date) -> tuple[dict[Place, Decimal], dict[Place, Decimal]]:
    issued: dict[Place, Decimal] = defaultdict(Decimal)
    returned: dict[Place, Decimal] = defaultdict(Decimal)
    for line in deliveries:
        if line.goods_issued_on and line.goods_issued_on <= as_of:
            way = issued if line.quantity > 0 else returned
            way[line.system, line.order_key, line.order_line] += abs(line.quantity)
    return issued, returned


def _invoiced(invoices: Iterable[InvoicedLine], as_of: date) -> dict[Place, Decimal]:
    invoiced: dict[Place, Decimal] = defaultdict(Decimal)
    for line in invoices:
        if line.posting_date <= as_of and counts(line.document_kind, line.reversed_kind):
            invoiced[line.system, line.order_key, line.order_line] += line.quantity
    return invoiced


def _progress(
    order: PlacedOrder,
    issued: dict[Place, Decimal],
    returned: dict[Place, Decimal],
    invoiced: dict[Place, Decimal],
    as_of: date,
) -> OrderProgress:
    cancelled = order.cancelled_on is not None and order.cancelled_on <= as_of
    lines = []
    for line in order.lines:
        place = order.system, order.key, line.line
        closed = cancelled or (line.cancelled_on is not None and line.cancelled_on <= as_of)
        gone = issued.get(place, Decimal(0))
        remaining = Decimal(0) if closed else max(line.quantity - gone, Decimal(0))
        delivered = gone - returned.get(place, Decimal(0))
        quantities = map(_rounded, (line.quantity, delivered, invoiced.get(place, Decimal(0)), remaining))
        lines.append(LineProgress(line.line, line.unit, Quantities(*quantities)))
    return OrderProgress(order, _status(order, lines, cancelled, as_of), lines, _by_unit(lines))


def _rounded(quantity: Decimal) -> Decimal:
    return EXACT.add(EXACT.quantize(quantity, _THOUSANDTH), _THOUSANDTH)


def _status(order: PlacedOrder, lines: list[LineProgress], cancelled: bool, as_of: date) -> str:
    if cancelled:
        return "cancelled"
    if any(in_force(since, until, as_of) for since, until in order.credit_holds):
        return "credit_hold"
    amounts = [line.quantities for line in lines]
    done = all(not each.remaining and each.invoiced == each.delivered for each in amounts)
    return "complete" if amounts and done else "open"


def _by_unit(lines: list[LineProgress]) -> dict[str, Quantities]:
    sums: dict[str, Quantities] = {}
    for line in lines:
        old, new = sums.get(line.unit), line.quantities
        sums[line.unit] = new if old is None else Quantities(*(getattr(old, n) + getattr(new, n) for n in _NAMES))
    return dict(sorted(sums.items()))


_NAMES = Quantities.__struct_fields__
