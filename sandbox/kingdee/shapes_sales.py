"""Sale orders of the trade book; quotations as they were saved.

An order's status is `extra["FDocumentStatus"]`; one that came with the data set has none and is audited, or still in
approval while its credit is on hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.kingdee.contracts import SHIFT, as_order
from sandbox.kingdee.metadata import HEAD
from sandbox.kingdee.shapes_base import Client, approved, client_of, currency_number, number_of, saved_rows
from sandbox.kingdee.tables import FIRST_ID, Source, Tenant, at_midnight, constant, local
from sandbox.office.company import Company
from sandbox.office.ledger import dues_of
from sandbox.office.money import ZERO, rounded
from sandbox.office.trade import Order, OrderLine

_WIDE, _PRICE = Context(prec=40), Decimal(1).scaleb(-10)


def sales_sources(tenant: Tenant) -> dict[str, Source]:
    return {
        "SAL_SaleOrder": _orders(tenant),
        "SAL_QUOTATION": _bills(tenant, "SAL_QUOTATION"),
    }


# -- orders ------------------------------------------------------------------------------------------------------------


def order_number(order: Order) -> str:
    return number_of("XSDD", order)


def status_of(order: Order) -> str:
    saved = order.extra.get("FDocumentStatus")
    if saved:
        return str(saved)
    return "B" if order.credit == "held" and not order.cancelled else "D" if order.cancelled else "C"


def prices_of(line: OrderLine) -> tuple[Decimal, Decimal]:
    """Price without and with tax, to ten places."""
    price = (line.price or ZERO) / line.per
    factor = 1 + line.tax_rate / 100
    net, gross = (_WIDE.divide(price, factor), price) if line.includes_tax else (price, _WIDE.multiply(price, factor))
    return net.quantize(_PRICE, context=_WIDE), gross.quantize(_PRICE, context=_WIDE)


def is_closed(line: OrderLine) -> bool:
    """Nothing is to come any more: all has left, or it was closed."""
    return not line.remaining and not line.in_delivery and not line.is_cancelled


def _orders(tenant: Tenant) -> Source:
    office = tenant.office

    def company(row: Order) -> Company:
        return office.companies[row.company]

    def client(row: Order) -> Client | None:
        return client_of(tenant, row.customer, row.company)

    def cancelled(row: Order) -> datetime | None:
        """At noon of the company's day."""
        if row.cancelled is None:
            return None
        noon = datetime.combine(row.cancelled, time(12), ZoneInfo(company(row).zone))
        return local(noon.astimezone(UTC))

    def in_local(amount: Decimal, row: Order) -> Decimal:
        return rounded(amount * office.rate(row.currency, row.company, row.ordered), company(row).currency)

    header: dict[str, Any] = {
        "FID": lambda row: FIRST_ID + row.id, "FBillNo": order_number,
        "FBillTypeID": _saved("FBillTypeID", "XSDD01_SYS"),
        "FDate": lambda row: at_midnight(row.ordered), "FSaleOrgId": lambda row: row.company, "FCustId": client,
        "FReceiveId": client, "FSettleId": client, "FChargeId": client, "FNote": lambda row: row.text,
        "FBusinessType": _saved("FBusinessType", "NORMAL"), "FDocumentStatus": status_of,
        "FCloseStatus": lambda row: "B" if row.closed or all(map(is_closed, row.lines)) else "A",
        "FCloseDate": lambda row: at_midnight(row.closed), "FManualClose": lambda row: bool(row.closed),
        "FCancelStatus": lambda row: "B" if row.cancelled else "A", "FVersionNo": _saved("FVersionNo", "000"),
        "FCreditCheckResult": lambda row: "4" if row.credit == "held" else "1", "FCancelDate": cancelled,
        "F_CRM_PO": lambda row: row.customer_po, "F_CRM_Text": lambda row: row.external_id,
        "FCreateDate": lambda row: local(row.created), "FModifyDate": lambda row: local(row.changed),
        "FApproveDate": lambda row: _approved(row) if status_of(row) == "C" else None,
    }  # fmt: skip
    finance: dict[str, Any] = {
        "FSettleCurrId": lambda row: currency_number(row.currency), "FRecConditionId": lambda row: row.terms,
        "FIsIncludedTax": lambda row: row.extra.get("FIsIncludedTax", any(line.includes_tax for line in row.lines)),
        "FIsPriceExcludeTax": constant(True), "FExchangeTypeId": _saved("FExchangeTypeId", "HLTX01_SYS"),
        "FExchangeRate": lambda row: office.rate(row.currency, row.company, row.ordered),
        "FLocalCurrId": lambda row: currency_number(company(row).currency), "FBillAllAmount": lambda row: row.gross,
        "FBillAmount": lambda row: row.net, "FBillTaxAmount": lambda row: row.tax,
        "FBillAllAmount_LC": lambda row: in_local(row.gross, row), "FBillAmount_LC": lambda row: in_local(row.net, row),
        "FBillTaxAmount_LC": lambda row: in_local(row.tax, row),
    }  # fmt: skip
    received: dict[str, Any] = {
        "FPLANALLRECAMOUNT": _received, "FPLANNOTRECAMOUNT": lambda row: row.gross - _received(row),
        "FPLANREFUNDAMOUNT": constant(ZERO),
    }  # fmt: skip
    plan: dict[str, Any] = {
        "FEntryID": lambda row: row.id, "FSeq": lambda row: row.seq, "FNeedRecAdvance": lambda row: row.advance,
        "FReceiveType": constant("1"), "FRecAdvanceRate": lambda row: row.percent,
        "FRecAdvanceAmount": lambda row: row.amount, "FMustDate": lambda row: row.due,
        "FRecAmount": lambda row: row.received,
    }  # fmt: skip
    fields = {
        HEAD: header, "FSaleOrderFinance": finance, "FSalOrderRec": received, "FSaleOrderEntry": _order_entry(tenant),
        "FSaleOrderPlan": plan,
    }  # fmt: skip
    entries: dict[str, Any] = {
        "FSaleOrderEntry": lambda row: row.lines, "FSaleOrderPlan": _plan,
        "FSaleOrderClause": saved_rows("FSaleOrderClause"),
    }  # fmt: skip
    return Source(lambda: _all_orders(tenant), fields, entries, lambda n: _order_by_id(tenant, n - FIRST_ID))


def _all_orders(tenant: Tenant) -> Iterator[Order]:
    yield from tenant.office.orders.values()
    yield from map(as_order, tenant.office.contracts.values())


def _order_by_id(tenant: Tenant, number: int) -> Order | None:
    contract = tenant.office.contracts.get(number - SHIFT)
    return as_order(contract) if contract else tenant.office.orders.get(number)


def _saved(key: str, default: Any) -> Any:
    return lambda row: row.extra.get(key) or default


def _approved(row: Order) -> datetime:
    saved = row.extra.get("FApproveDate")
    return saved if isinstance(saved, datetime) else local(row.created)


def _order_entry(tenant: Tenant) -> dict[str, Any]:
    def owner(row: OrderLine) -> str:
        return row.order.company

    return {
        "FEntryID": lambda row: FIRST_ID + row.id, "FSeq": lambda row: row.order.lines.index(row) + 1,
        "FRowType": _saved("FRowType", "Standard"), "FMaterialId": lambda row: row.product,
        "FUnitID": lambda row: row.unit, "FQty": lambda row: row.quantity, "FPrice": lambda row: prices_of(row)[0],
        "FTaxPrice": lambda row: prices_of(row)[1], "FIsFree": lambda row: bool(row.extra.get("FIsFree", False)),
        "FEntryTaxRate": lambda row: row.tax_rate, "FEntryTaxAmount": lambda row: row.amounts[1],
        "FAmount": lambda row: row.amounts[0], "FAllAmount": lambda row: sum(row.amounts, ZERO),
        "FDeliveryDate": lambda row: at_midnight(row.requested or row.order.requested or row.order.ordered),
        "FSettleOrgIds": owner, "FStockOrgId": owner, "FSupplyOrgId": owner, "FOwnerTypeId": constant("BD_OwnerOrg"),
        "FOwnerId": owner, "FReserveType": _saved("FReserveType", "1"),
        "FEntryNote": lambda row: row.extra.get("FEntryNote", ""),
        "FDeliQty": lambda row: row.delivered + row.in_delivery, "FStockOutQty": lambda row: row.delivered,
        "FRemainOutQty": lambda row: ZERO if row.is_cancelled else max(ZERO, row.quantity - row.delivered),
        "FReturnQty": lambda row: row.returned, "FARQTY": lambda row: row.invoiced, "FARAMOUNT": _invoiced_amount,
        "FMrpCloseStatus": lambda row: "B" if is_closed(row) or row.is_cancelled else "A",
        "FMrpFreezeStatus": constant("A"), "FMrpTerminateStatus": lambda row: "B" if row.cancelled else "A",
    }  # fmt: skip


def _invoiced_amount(line: OrderLine) -> Decimal:
    parts = [part for invoice in line.order.invoices if invoice.counts for part in invoice.lines]
    return sum((part.net + part.tax for part in parts if part.order_line is line), ZERO)


@dataclass(frozen=True)
class PlanRow:
    """A row of an order's payment schedule."""

    id: int
    seq: int
    percent: Decimal
    amount: Decimal
    due: datetime | None
    advance: bool
    received: Decimal


def _plan(order: Order) -> list[PlanRow]:
    """As it was saved, or by the terms of payment; what has come in fills it from the top."""
    left, rows = _received(order), []
    for at, (amount, due, advance) in enumerate(_dues(order), 1):
        received = min(left, amount)
        left -= received
        percent = _WIDE.divide(amount * 100, order.gross).quantize(_PRICE) if order.gross else ZERO
        rows.append(PlanRow((FIRST_ID + order.id) * 100 + at, at, percent, amount, due, advance, received))
    return rows


def _dues(order: Order) -> list[tuple[Decimal, datetime | None, bool]]:
    """Amount, due date, whether it is an advance."""
    if saved := order.extra.get("FSaleOrderPlan"):
        return [_saved_due(order, row) for row in saved]
    dues = dues_of(order.terms, order.ordered, order.gross, order.currency)
    return [(due.amount, at_midnight(due.due), False) for due in dues]


def _saved_due(order: Order, row: dict[str, Any]) -> tuple[Decimal, datetime | None, bool]:
    share = rounded(order.gross * (row.get("FRecAdvanceRate") or ZERO) / 100, order.currency)
    return row.get("FRecAdvanceAmount") or share, row.get("FMustDate"), bool(row.get("FNeedRecAdvance"))


def _received(order: Order) -> Decimal:
    """Money applied to the invoices that bill this order alone."""
    alone = [invoice for invoice in order.invoices if all(
        line.order_line and line.order_line.order is order for line in invoice.lines)]  # fmt: skip
    applied = [each for invoice in alone for item in invoice.instalments for each in item.applications]
    return sum((each.amount for each in applied if each.receipt and each.stands() and each.kind == "payment"), ZERO)


# -- bills the trade book knows nothing of -----------------------------------------------------------------------------


@dataclass(eq=False)
class Bill:
    """A document kept as it was saved: `extra` holds header values and, by entity, its entries."""

    id: int
    extra: dict[str, Any]


def bills_of(tenant: Tenant, form_id: str) -> dict[int, Bill]:
    found: dict[int, Bill] = tenant.office.extra.setdefault("bills", {}).setdefault(form_id, {})
    return found


def _bills(tenant: Tenant, form_id: str) -> Source:
    form = tenant.metadata.forms[form_id]
    header: dict[str, Any] = {
        "FID": lambda row: row.id, "FBillNo": lambda row: row.extra["FBillNo"],
        "FDocumentStatus": lambda row: row.extra["FDocumentStatus"],
        "FCancelStatus": lambda row: row.extra.get("FCancelStatus", "A"), "FCloseStatus": constant("A"),
        "FApproveDate": approved(lambda row: row),
    }  # fmt: skip
    entries = {entity.key: saved_rows(entity.key) for entity in form.entities.values() if entity.id_key}
    return Source(
        lambda: bills_of(tenant, form_id).values(), {HEAD: header}, entries, lambda n: bills_of(tenant, form_id).get(n)
    )
