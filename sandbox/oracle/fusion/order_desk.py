"""What a client does to orders: creates them, submits drafts, revises, changes and cancels lines."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sandbox.office.money import DIGITS
from sandbox.office.trade import Customer, NewLine, Order, OrderLine, TradeError
from sandbox.oracle.adf.errors import AdfError, duplicate, invalid, missing
from sandbox.oracle.adf.model import Row, View
from sandbox.oracle.fusion import units
from sandbox.oracle.fusion.order_buyers import ENTITY, Buyers
from sandbox.oracle.fusion.order_pricing import price_of
from sandbox.oracle.fusion.order_values import CALLED_OFF, UI_SYSTEM, Fulfilment, Snapshot, fulfilments, source_of
from sandbox.oracle.fusion.order_versions import Versions
from sandbox.oracle.fusion.tenant import Tenant

INDEX = "fusion orders"
_NEEDED = ("SourceTransactionNumber", "SourceTransactionSystem", "SourceTransactionId")
_LONGEST = {
    "SourceTransactionNumber": 50,
    "SourceTransactionSystem": 30,
    "SourceTransactionId": 50,
    "CustomerPONumber": 50,
}
_OWN_LINE_FIELDS = frozenset({"OrderedQuantity", "FulfillLineId", "LineId", "charges", "manualPriceAdjustments"})


class OrderDesk:
    def __init__(self, tenant: Tenant, versions: Versions) -> None:
        self.tenant = tenant
        self.office = tenant.office
        self.versions = versions
        self.buyers = Buyers(tenant)

    # -- whole orders ----------------------------------------------------------------------------------------------

    def existing(self, view: View, values: Row) -> Order | None:
        """The order that a system and an id name."""
        order_id = self.office.extra.get(INDEX, {}).get(
            (values.get("SourceTransactionSystem"), values.get("SourceTransactionId"))
        )
        return self.office.orders.get(order_id) if order_id else None

    def create(self, view: View, values: Row, parent: Any) -> Order:
        for name in _NEEDED:
            if not values.get(name):
                raise missing(name, ENTITY)
        _check_lengths(values)
        existing = self.existing(view, values)
        if existing is not None:
            return self._revise(view, existing, values)
        company = self.buyers.company(view, values)
        try:
            return self._create(company, self.buyers.customer(values, company), values)
        except TradeError as error:
            raise _refused(error) from None

    def _create(self, company: str, customer: Customer, values: Row) -> Order:
        released, frozen = bool(values.get("SubmittedFlag")), bool(values.get("FreezePriceFlag"))
        source = (values["SourceTransactionSystem"], values["SourceTransactionId"])
        if source[0] == UI_SYSTEM:
            raise invalid("SourceTransactionSystem", f"The source system {UI_SYSTEM} is reserved for orders of the UI.")
        rows = values.get("lines") or []
        if not rows:
            raise missing("lines", ENTITY)
        lines = [self._new_line(row, at, frozen) for at, row in enumerate(rows, 1)]
        _check_unique([line.extra["sent"]["SourceTransactionLineId"] for line in lines])
        order = self.office.sales.create_order(
            customer, company, lines, currency=_currency(values), ordered=_day(values.get("TransactionOn")),
            terms=values.get("PaymentTerms") or values.get("PaymentTermsCode") or "",
            requested=_day(values.get("RequestedShipDate")), customer_po=values.get("CustomerPONumber") or "",
            text=values.get("Comments") or "", released=released,
            extra={
                "source": source, "source_number": values["SourceTransactionNumber"], "sent": _plain(values),
                "revision": values.get("SourceTransactionRevisionNumber") or 1, "version": 1,
                **{name: values[name] for name in ("salesCredits", "additionalInformation") if values.get(name)},
            },
        )  # fmt: skip
        index = self.office.extra.setdefault(INDEX, {})
        self.office.journal.put(index, source, order.id)
        return order

    def _revise(self, view: View, order: Order, values: Row) -> Order:
        """A second POST is a revision when its number is higher; else the order is there already."""
        revision = values.get("SourceTransactionRevisionNumber") or 1
        if revision <= order.extra.get("revision", 1):
            system, text = source_of(order)
            raise duplicate(
                f"{system}:{text}: a sales order with this source transaction system and source transaction ID "
                "already exists"
            )
        self.update(view, order, values)
        self.office.change(order, extra={**order.extra, "revision": revision})
        return order

    def update(self, view: View, order: Order | Snapshot, values: Row) -> Order:
        """A change of an order that is submitted makes a new version of it; a draft just changes."""
        if isinstance(order, Snapshot):
            raise AdfError(400, "The sales order can't be updated because it isn't the latest version.", "400")
        _check_lengths(values)
        try:
            if order.released:
                self.versions.keep(order)
            self._change_header(order, values)
            self._change_lines(order, values)
            if values.get("SubmittedFlag") and not order.released:
                self.office.sales.change_order(order, released=True)
        except TradeError as error:
            raise _refused(error) from None
        return order

    def delete(self, view: View, order: Order | Snapshot) -> None:
        if isinstance(order, Snapshot) or order.released:
            raise AdfError(400, "Only a draft sales order can be deleted.", "400")
        self.office.journal.pop(self.office.extra.get(INDEX, {}), source_of(order))
        self.office.sales.delete_order(order)

    def apply_hold(self, view: View, order: Order | Snapshot, values: Row) -> str:
        if isinstance(order, Snapshot):
            raise AdfError(400, "A hold can't be applied to an older version.", "400")
        self.office.sales.hold(order)
        self.office.touch(order, "applyHold")
        return "SUCCESS"

    # -- header ----------------------------------------------------------------------------------------------------

    def _change_header(self, order: Order, values: Row) -> None:
        new: Row = {}
        if "CustomerPONumber" in values:
            new["customer_po"] = values["CustomerPONumber"] or ""
        if values.get("PaymentTerms") or values.get("PaymentTermsCode"):
            new["terms"] = values.get("PaymentTerms") or values.get("PaymentTermsCode")
        if "RequestedShipDate" in values:
            new["requested"] = _day(values["RequestedShipDate"])
        if "Comments" in values:
            new["text"] = values["Comments"] or ""
        if sent := _plain(values):
            new["extra"] = {**order.extra, "sent": {**order.extra.get("sent", {}), **sent}}
        if new:
            self.office.sales.change_order(order, **new)

    # -- lines -----------------------------------------------------------------------------------------------------

    def _change_lines(self, order: Order, values: Row) -> None:
        frozen = values.get("FreezePriceFlag", order.extra.get("sent", {}).get("FreezePriceFlag"))
        for row in values.get("lines") or []:
            part = self._meant(order, row)
            if part is None:
                line = self._new_line(row, max((x.number for x in order.lines), default=0) + 1, bool(frozen))
                self.office.sales.add_line(order, line)
            elif row.get("OrderedQuantity") == 0:
                self._cancel(part, row)
            else:
                self._change(part, row, bool(frozen))
        if order.released and all(line.cancelled for line in order.lines) and not order.deliveries:
            self.office.sales.cancel_order(order)

    def _meant(self, order: Order, row: Row) -> Fulfilment | None:
        """The fulfilment line that a row changes; None for a new line."""
        parts = [part for line in order.lines for part in fulfilments(line) if not part.is_return]
        if row.get("FulfillLineId") is not None:
            found = [part for part in parts if part.id == row["FulfillLineId"]]
            if not found:
                raise invalid("FulfillLineId", f"The fulfillment line {row['FulfillLineId']} isn't in the sales order.")
            return found[0]
        source = row.get("SourceTransactionLineId")
        if source is None:
            raise missing("SourceTransactionLineId", "SalesOrderLine")
        found = [part for part in parts if self.versions.columns.line_source(part) == source]
        open_ = [part for part in found if part.delivery is None and not part.called_off]
        return (open_ or found)[0] if found else None

    def _cancel(self, part: Fulfilment, row: Row) -> None:
        """What has been sent is not cancelled with the rest."""
        _check_open(part, "canceled")
        line, sales = part.line, self.office.sales
        self._remember(line, row)
        if line.delivered or line.in_delivery:
            self.office.change(line, extra={**line.extra, CALLED_OFF: (part.at, part.quantity)})
            sales.change_line(line, quantity=line.delivered + line.in_delivery)
        else:
            sales.cancel_line(line)

    def _change(self, part: Fulfilment, row: Row, frozen: bool) -> None:
        _check_open(part, "changed")
        line, new = part.line, Row()
        if row.get("OrderedQuantity") is not None:
            new["quantity"] = line.quantity - part.quantity + row["OrderedQuantity"]
        if "RequestedShipDate" in row:
            new["requested"] = _day(row["RequestedShipDate"])
        price = price_of(row, frozen, line.price)
        if price is not None and price != line.price:
            new |= {"price": price, "includes_tax": False, "per": 1}
        if row.get("OrderedUOMCode") or row.get("OrderedUOM"):
            new["unit"] = _unit(row, line.product.unit)
        self._remember(line, row)
        if new := {name: value for name, value in new.items() if getattr(line, name) != value}:
            self.office.sales.change_line(line, **new)

    def _remember(self, line: OrderLine, row: Row) -> None:
        sent = {**line.extra.get("sent", {}), **_plain(row)}
        if sent != line.extra.get("sent"):
            self.office.change(line, extra={**line.extra, "sent": sent})

    def _new_line(self, row: Row, number: int, frozen: bool) -> NewLine:
        if not row.get("SourceTransactionLineId"):
            raise missing("SourceTransactionLineId", "SalesOrderLine")
        if row.get("OrderedQuantity") is None:
            raise missing("OrderedQuantity", "SalesOrderLine")
        product = self.tenant.product(row.get("ProductId"), row.get("ProductNumber"))
        if product is None:
            raise invalid(
                "ProductNumber", f"The product {row.get('ProductNumber') or row.get('ProductId')} isn't valid."
            )
        if row.get("TransactionCategoryCode", "ORDER") not in ("ORDER", None):
            raise invalid("TransactionCategoryCode", "A return needs the original order: enter it in the work area.")
        return NewLine(
            product, row["OrderedQuantity"], price_of(row, frozen, None), number=number,
            unit=_unit(row, product.unit), requested=_day(row.get("RequestedShipDate")),
            extra={"sent": _plain(row)},
        )  # fmt: skip


def _currency(values: Row) -> str:
    code = values.get("TransactionalCurrencyCode")
    if not code:
        raise missing("TransactionalCurrencyCode", ENTITY)
    if code not in DIGITS:
        raise invalid("TransactionalCurrencyCode", f"The currency {code} isn't valid.")
    return str(code)


def _unit(row: Row, default: str) -> str:
    unit = units.unit_of(row.get("OrderedUOMCode"), row.get("OrderedUOM"), default)
    if unit is None:
        raise invalid("OrderedUOM", f"The unit {row.get('OrderedUOMCode') or row.get('OrderedUOM')} isn't valid.")
    return unit


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _plain(values: Row) -> Row:
    """The attributes of a payload, without its children and what the books have fields for."""
    return {
        name: value
        for name, value in values.items()
        if not isinstance(value, list) and name not in _OWN_LINE_FIELDS and value is not None
    }


def _check_open(part: Fulfilment, what: str) -> None:
    """One row that cannot be done refuses the whole change."""
    if part.delivery is not None:
        raise invalid("OrderedQuantity", f"The fulfillment line can't be {what} because it is being shipped.")
    if part.called_off:
        raise invalid("OrderedQuantity", f"The fulfillment line can't be {what} because it is canceled.")


def _check_lengths(values: Row) -> None:
    for name, most in _LONGEST.items():
        if len(values.get(name) or "") > most:
            raise invalid(name, f"The value of {name} is longer than {most} characters.")


def _check_unique(ids: list[str]) -> None:
    if len(set(ids)) < len(ids):
        raise duplicate("of SalesOrderLine: two lines have the same SourceTransactionLineId")


def _refused(error: TradeError) -> AdfError:
    return AdfError(400, f"The sales order wasn't saved: {error}.", error.code)
