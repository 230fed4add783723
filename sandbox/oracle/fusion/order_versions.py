"""Older versions of orders: read-only, as they were when a change superseded them."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.office.trade import Order
from sandbox.oracle.adf.model import Row
from sandbox.oracle.fusion.order_columns import OrderColumns, line_source, whole
from sandbox.oracle.fusion.order_values import Fulfilment, Snapshot, fulfilments, version_of
from sandbox.oracle.fusion.tenant import Tenant

KEPT = "versions"


class VersionColumns:
    """The columns of header and lines, made once."""

    def __init__(self, tenant: Tenant) -> None:
        self.of = OrderColumns(tenant)
        self.header = self.of.header()
        self.lines = self.of.lines()
        self.header_row = whole(self.header, lambda order: order)
        self.line_row = whole(self.lines, lambda part: part.line)

    @staticmethod
    def line_source(fulfilment: Fulfilment) -> str:
        return line_source(fulfilment)


class Versions:
    def __init__(self, tenant: Tenant) -> None:
        self.office = tenant.office
        self.columns = VersionColumns(tenant)

    def keep(self, order: Order) -> None:
        """From here on the order is its next version; nothing of the present one changes any more."""
        header = self.columns.header_row(order, None)
        header |= {"StatusCode": "DOO_REFERENCE", "Status": "Reference", "OpenFlag": False}
        lines = [
            Snapshot(self.columns.line_row(part, None)) for line in order.lines for part in fulfilments(line)
        ]  # fmt: skip
        of = self.columns.of
        flat: dict[str, Callable[[Order], list[Row]]] = {"billToCustomer": of.bill_to, "shipToCustomer": of.ship_to,
                                                         "totals": of.totals}  # fmt: skip
        children = {name: [Snapshot(row) for row in rows(order)] for name, rows in flat.items()}
        version = version_of(order)
        kept = {**order.extra.get(KEPT, {}), version: Snapshot(header, {"lines": lines, **children})}
        self.office.change(order, extra={**order.extra, KEPT: kept, "version": version + 1})

    @staticmethod
    def find(order: Order, version: int) -> Order | Snapshot | None:
        if version == version_of(order):
            return order
        found: Snapshot | None = order.extra.get(KEPT, {}).get(version)
        return found
