"""Delivery notices, out-stock and return bills of the trade book."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from sandbox.kingdee.metadata import HEAD
from sandbox.kingdee.shapes_base import IN_STOCK_UNIT, STOCK_UNIT, Client, client_of, currency_number
from sandbox.kingdee.shapes_sales import order_number, prices_of
from sandbox.kingdee.tables import FIRST_ID, Source, Tenant, at_midnight, constant, local
from sandbox.office.money import ZERO, rounded
from sandbox.office.trade import Delivery, DeliveryLine, Order, OrderLine

_WIDE = Context(prec=40)


def stock_sources(tenant: Tenant) -> dict[str, Source]:
    return {
        "SAL_DELIVERYNOTICE": _notices(tenant),
        "SAL_OUTSTOCK": _stock(tenant, "XSCKD01_SYS", is_return=False),
        "SAL_RETURNSTOCK": _stock(tenant, "XSTHD01_SYS", is_return=True),
    }


def delivery_number(delivery: Delivery) -> str:
    return f"{'XSTHD' if delivery.is_return else 'XSCKD'}{delivery.id:06}"


def _common(tenant: Tenant) -> dict[str, Any]:
    return {
        "FID": lambda row: FIRST_ID + row.id, "FSaleOrgId": lambda row: row.company,
        "FDocumentStatus": constant("C"), "FCancelStatus": constant("A"), "FCreateDate": lambda row: local(row.created),
        "FModifyDate": lambda row: local(row.changed), "FApproveDate": lambda row: local(row.changed),
    }  # fmt: skip


def _notices(tenant: Tenant) -> Source:
    def find(wanted: int) -> Delivery | None:
        delivery = tenant.office.deliveries.get(wanted - FIRST_ID)
        return delivery if delivery and not delivery.is_return else None

    def docs() -> Iterable[Delivery]:
        return (delivery for delivery in tenant.office.deliveries.values() if not delivery.is_return)

    header = _common(tenant) | {
        "FCustomerID": lambda row: client_of(tenant, row.customer, row.company),
        "FBillNo": lambda row: f"FHTZ{row.id:06}", "FDate": lambda row: at_midnight(row.planned),
        "FDeliveryOrgID": lambda row: row.company, "FCloseStatus": lambda row: "B" if row.issued else "A",
    }  # fmt: skip
    entry: dict[str, Any] = {
        "FEntryID": lambda row: FIRST_ID + row.part.id, "FSeq": lambda row: row.seq,
        "FMaterialId": lambda row: row.line.product, "FUnitID": lambda row: row.line.unit,
        "FQty": lambda row: row.part.quantity, "FTaxPrice": lambda row: prices_of(row.line)[1],
        "FEntryTaxRate": lambda row: row.line.tax_rate, "FDeliveryDate": lambda row: at_midnight(row.delivery.planned),
        "FSumOutQty": lambda row: row.part.quantity if row.delivery.issued else ZERO,
        "FRemainOutQty": lambda row: ZERO if row.delivery.issued else row.part.quantity,
        "FOrderNo": lambda row: order_number(row.line.order), "FSOEntryId": lambda row: FIRST_ID + row.line.id,
        "FSrcBillNo": lambda row: order_number(row.line.order),
    }  # fmt: skip
    return Source(docs, {HEAD: header, "FEntity": entry}, {"FEntity": _parts}, find)


@dataclass(frozen=True)
class StockRow:
    delivery: Delivery
    part: DeliveryLine
    seq: int

    @property
    def line(self) -> OrderLine:
        return self.part.order_line

    @property
    def stock_unit(self) -> tuple[str, int]:
        """The unit in which it is kept, and how many of the unit sold are one of that."""
        boxed = self.line.product.id % 2 == 0
        return (STOCK_UNIT, IN_STOCK_UNIT) if boxed else (self.line.unit, 1)

    @property
    def in_stock(self) -> Decimal:
        return _WIDE.divide(self.part.quantity, Decimal(self.stock_unit[1]))

    @property
    def gross(self) -> Decimal:
        """Its share of the order line's amount."""
        line = self.line
        return rounded(_WIDE.divide(sum(line.amounts, ZERO) * self.part.quantity, line.quantity), line.order.currency)


def _parts(delivery: Delivery) -> list[StockRow]:
    return [StockRow(delivery, part, at) for at, part in enumerate(delivery.lines, 1)]


def _stock(tenant: Tenant, bill_type: str, *, is_return: bool) -> Source:
    """Goods that have left, or come back; until then there is the notice alone."""
    office = tenant.office

    def fits(delivery: Delivery) -> bool:
        return delivery.is_return == is_return and delivery.issued is not None

    def find(wanted: int) -> Delivery | None:
        delivery = office.deliveries.get(wanted - FIRST_ID)
        return delivery if delivery and fits(delivery) else None

    def order(row: Delivery) -> Order:
        return row.lines[0].order_line.order

    def client(row: Delivery) -> Client | None:
        return client_of(tenant, row.customer, row.company)

    buyer = "FRetcustId" if is_return else "FCustomerID"
    header = _common(tenant) | {
        buyer: client, "FBillNo": delivery_number, "FBillTypeID": constant(bill_type),
        "FDate": lambda row: at_midnight(row.issued), "FStockOrgId": lambda row: row.company,
    }  # fmt: skip
    sub: dict[str, Any] = {
        "FSettleOrgID": lambda row: row.company, "FSettleCurrID": lambda row: currency_number(order(row).currency),
        "FReceiptConditionID": lambda row: order(row).terms,
        "FExchangeRate": lambda row: office.rate(order(row).currency, row.company, row.issued),
    }  # fmt: skip
    entry: dict[str, Any] = {
        "FENTRYID": lambda row: FIRST_ID + row.part.id, "FSeq": lambda row: row.seq,
        "FMaterialID": lambda row: row.line.product, "FUnitID": lambda row: row.stock_unit[0],
        "FMustQty": lambda row: row.in_stock, "FRealQty": lambda row: row.in_stock,
        "FSalUnitID": lambda row: row.line.unit, "FSalUnitQty": lambda row: row.part.quantity,
        "FPrice": lambda row: prices_of(row.line)[0], "FTaxPrice": lambda row: prices_of(row.line)[1],
        "FEntryTaxRate": lambda row: row.line.tax_rate, "FAllAmount": lambda row: row.gross,
        "FOwnerTypeID": constant("BD_OwnerOrg"), "FOwnerID": lambda row: row.delivery.company,
        "FOrderNo" if is_return else "FSoorDerno": lambda row: order_number(row.line.order),
        "FSOEntryId": lambda row: FIRST_ID + row.line.id,
        "FSrcBillTypeID" if is_return else "FSrcType": constant("SAL_SaleOrder"),
        "FSrcBillNo": lambda row: order_number(row.line.order),
        "FARNOTJOINQTY": lambda row: ZERO if row.delivery.invoiced else row.part.quantity,
    }  # fmt: skip
    return Source(
        lambda: filter(fits, office.deliveries.values()), {HEAD: header, "SubHeadEntity": sub, "FEntity": entry},
        {"FEntity": _parts}, find,
    )  # fmt: skip
