"""salesOrdersForOrderHub: the newest version of each order, by its key or header; older ones by their header alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sandbox.office.trade import Order
from sandbox.oracle.adf.errors import invalid
from sandbox.oracle.adf.model import Resource, Row, View
from sandbox.oracle.fusion.catalogue import child, resource, row_columns
from sandbox.oracle.fusion.ids import serial_of
from sandbox.oracle.fusion.order_columns import ORDERS, OrderColumns
from sandbox.oracle.fusion.order_desk import INDEX, OrderDesk
from sandbox.oracle.fusion.order_values import (
    UI_SYSTEM,
    Fulfilment,
    Snapshot,
    fulfilments,
    order_and_version,
    order_key,
    source_of,
)
from sandbox.oracle.fusion.order_versions import Versions
from sandbox.oracle.fusion.tenant import Tenant


class Orders:
    def __init__(self, tenant: Tenant) -> None:
        self.office = tenant.office
        self.versions = Versions(tenant)
        self.desk = OrderDesk(tenant, self.versions)

    def resource(self) -> Resource:
        of = self.versions.columns.of
        return resource(
            ORDERS, "OrderKey", self.versions.columns.header, self._rows, find=self._find,
            create=self.desk.create, update=self.desk.update, delete=self.desk.delete, existing=self.desk.existing,
            whole=self.versions.columns.header_row,
            actions={"applyHold": self.desk.apply_hold},
            path_key=lambda order: order.row["HeaderId"] if isinstance(order, Snapshot) else order_key(order),
            children={
                "lines": self._lines(of),
                "billToCustomer": _flat("billToCustomer", "CustomerAccountId", of.bill_to),
                "shipToCustomer": _flat("shipToCustomer", "PartyId", of.ship_to),
                "totals": _flat("totals", "OrderTotalId", of.totals),
                "holds": _flat("holds", "HoldId", of.holds),
                "salesCredits": _flat("salesCredits", "SalespersonId", lambda o: o.extra.get("salesCredits", [])),
                "additionalInformation": _flat(
                    "additionalInformation", "Category", lambda o: o.extra.get("additionalInformation", [])
                ),
                "paymentMethods": _flat("paymentMethods", "PaymentMethod", lambda o: []),
            },
        )  # fmt: skip

    # -- finding ---------------------------------------------------------------------------------------------------

    def _rows(self, view: View, parent: object) -> Iterator[Order]:
        return (order for order in self.office.orders.values() if view.sees(order.company))

    def _find(self, view: View, key: str, parent: object) -> Order | Snapshot | None:
        """By SYSTEM:ID the newest version, by HeaderId that one."""
        system, colon, text = key.partition(":")
        if colon:
            order = self._sourced(system, text)
            return order if order is not None and view.sees(order.company) else None
        serial = serial_of("order", key)
        if serial is None:
            return None
        order_id, version = order_and_version(serial)
        order = self.office.orders.get(order_id)
        return Versions.find(order, version) if order is not None and view.sees(order.company) else None

    def _sourced(self, system: str, text: str) -> Order | None:
        order_id = self.office.extra.get(INDEX, {}).get((system, text))
        if order_id is None and system == UI_SYSTEM:
            order_id = order_and_version(serial_of("order", text) or 0)[0]
        order = self.office.orders.get(order_id or 0)
        return order if order is not None and source_of(order) == (system, text) else None

    # -- lines -----------------------------------------------------------------------------------------------------

    def _lines(self, of: OrderColumns) -> Resource:
        path = f"{ORDERS}/lines"
        components = child(
            f"{path}/charges/chargeComponents", "SequenceNumber", row_columns(f"{path}/charges/chargeComponents"),
            lambda view, charge: of.components(charge),
        )  # fmt: skip
        charges = child(
            f"{path}/charges", "OrderChargeId", row_columns(f"{path}/charges"), _unless_old(of.charges),
            children={"chargeComponents": components},
        )  # fmt: skip
        adjustments = child(
            f"{path}/manualPriceAdjustments", "ManualPriceAdjustmentId", row_columns(f"{path}/manualPriceAdjustments"),
            lambda view, line: (),
        )  # fmt: skip
        return child(
            path, "FulfillLineId", self.versions.columns.lines, _line_rows, update=self._change_line,
            whole=self.versions.columns.line_row, path_key=_line_key,
            children={"charges": charges, "manualPriceAdjustments": adjustments},
        )  # fmt: skip

    def _change_line(self, view: View, part: Fulfilment | Snapshot, values: Row) -> Fulfilment:
        """A PATCH of the line itself is one of the order."""
        if isinstance(part, Snapshot):
            raise invalid("FulfillLineId", "The line belongs to an older version of the sales order.")
        self.desk.update(view, part.line.order, {"lines": [{**values, "FulfillLineId": part.id}]})
        return next((each for each in fulfilments(part.line) if each.id == part.id), part)


def _line_key(part: Any) -> Any:
    return part.row["FulfillLineId"] if isinstance(part, Snapshot) else part.id


def _line_rows(view: View, order: Order | Snapshot) -> Iterable[Any]:
    if isinstance(order, Snapshot):
        return order.children.get("lines", [])
    return [part for line in order.lines for part in fulfilments(line)]


def _flat(name: str, key: str, rows: Callable[[Order], list[Row]]) -> Resource:
    """A child that cannot be changed by itself."""

    def shown(view: View, order: Order | Snapshot) -> Iterable[Any]:
        return order.children.get(name, []) if isinstance(order, Snapshot) else rows(order)

    path = f"{ORDERS}/{name}"
    columns = row_columns(path)
    return child(
        path, key, columns, shown, versioned=False, whole=lambda one, names: _plain_row(one),
        path_key=lambda one: _plain_row(one).get(key, ""),
    )  # fmt: skip


def _plain_row(one: Row | Snapshot) -> Row:
    return one.row if isinstance(one, Snapshot) else one


def _unless_old(rows: Callable[[Fulfilment], list[Row]]) -> Callable[[View, Any], list[Row]]:
    return lambda view, part: [] if isinstance(part, Snapshot) else rows(part)
