"""Saving sales orders: what a body must hold, what is checked, how it becomes an order of the trade book.

Amounts are the caller's, and must add up: oriMoney + oriTax = oriSum on each line, oriTax what taxId makes of oriMoney
(but for the last digit), payMoney = the sum over all lines, else 999. Only an open order can be changed; a submitted or
audited one goes back first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from sandbox.office.money import ZERO, rounded
from sandbox.office.trade import NewLine, Office, Order, OrderLine
from sandbox.yonyou import numbers, order_rows
from sandbox.yonyou.apis import amount
from sandbox.yonyou.envelope import RefusalError, business
from sandbox.yonyou.org import Org, by_id
from sandbox.yonyou.wire import Row, parse_day

HEADER = (
    "salesOrgId", "transactionTypeId", "vouchdate", "agentId", "settlementOrgId", "invoiceAgentId", "payMoney",
    "orderPrices!currency", "orderPrices!natCurrency", "orderPrices!exchRate", "orderPrices!exchangeRateType",
    "orderPrices!taxInclusive", "orderDetails",
)  # fmt: skip
LINE = (
    "productId", "stockOrgId", "settlementOrgId", "masterUnitId", "iProductAuxUnitId", "iProductUnitId", "qty",
    "subQty", "priceQty", "invExchRate", "invPriceExchRate", "unitExchangeType", "unitExchangeTypePrice", "taxId",
    "orderProductType", "oriTaxUnitPrice", "oriSum", "orderDetailPrices!oriUnitPrice", "orderDetailPrices!oriMoney",
    "orderDetailPrices!oriTax", "orderDetailPrices!natUnitPrice", "orderDetailPrices!natTaxUnitPrice",
    "orderDetailPrices!natMoney", "orderDetailPrices!natSum", "orderDetailPrices!natTax",
)  # fmt: skip
_NET, _TAX = "orderDetailPrices!oriMoney", "orderDetailPrices!oriTax"
_TERMS = ("receiveAgreementId", "receiveAgreementId_code")
_SERVICE = ("serviceStartDate", "serviceEndDate")


class OrderSave:
    def __init__(self, office: Office, org: Org) -> None:
        self.office, self.org = office, org

    def save(self, data: Row) -> Order:
        status = data.get("_status")
        if status == "Insert":
            return self._insert(data)
        if status == "Update":
            return self._update(data)
        raise RefusalError("310008", "必填参数[data._status]缺失")

    # -- insert ----------------------------------------------------------------------------------------------------

    def _insert(self, data: Row) -> Order:
        _require(data, HEADER, "data")
        lines = _lines(data)
        for row in lines:
            _require(row, ("_status", *LINE), "data.orderDetails")
        company = self.org.company(data["salesOrgId"], "salesOrgId")
        self._check_parties(data, company)
        currency = self.org.currency(data["orderPrices!currency"], "orderPrices!currency")
        new = [self._new_line(row, currency) for row in lines]
        _check_total(data, (sum(line.fixed or (), ZERO) for line in new))
        return self.office.sales.create_order(
            self.org.customer(data["agentId"], "agentId"), company, new, currency=currency,
            ordered=_day(data["vouchdate"], "vouchdate"), terms=self._terms(data),
            requested=_day(data.get("hopeReceiveDate") or data.get("sendDate"), "hopeReceiveDate"),
            customer_po=str(data.get("purchaseNo") or ""), text=str(data.get("memo") or ""), released=False,
            extra=_outside(data),
        )  # fmt: skip

    def _check_parties(self, data: Row, company: str) -> None:
        self.org.company(data["settlementOrgId"], "settlementOrgId")
        self.org.customer(data["invoiceAgentId"], "invoiceAgentId")
        if str(data["transactionTypeId"]) not in numbers.ORDER_TYPE[:2]:
            raise business(f"[transactionTypeId]交易类型[{data['transactionTypeId']}]不存在")
        local = self.org.currency(data["orderPrices!natCurrency"], "orderPrices!natCurrency")
        if local != self.office.companies[company].currency:
            raise business(f"本币[{local}]与组织本位币不一致")
        if amount(data, "orderPrices!exchRate") <= 0:
            raise business("汇率必须大于零")

    def _terms(self, data: Row) -> str:
        return next((str(data[name]) for name in _TERMS if data.get(name)), "")

    def _new_line(self, row: Row, currency: str) -> NewLine:
        quantity = self._check_line(row, currency)
        return NewLine(
            self.org.product(row["productId"], "productId"), quantity, price=amount(row, "oriTaxUnitPrice"),
            includes_tax=True, tax_rate=_rate(row), number=int(row.get("lineno") or 0),
            requested=_day(row.get("hopeReceiveDate") or row.get("consignTime"), "hopeReceiveDate"),
            text=str(row.get("memo") or ""), fixed=(amount(row, _NET), amount(row, _TAX)), extra=_line_extra(row),
        )  # fmt: skip

    def _check_line(self, row: Row, currency: str) -> Decimal:
        """The quantity, once everything about the line agrees."""
        self.org.company(row["stockOrgId"], "stockOrgId")
        net, tax, gross = (amount(row, name) for name in (_NET, _TAX, "oriSum"))
        if net + tax != gross:
            raise business("含税金额不等于无税金额与税额之和")
        if any(rounded(value, currency) != value for value in (net, tax, gross)):
            raise business("金额精度超出币种精度")
        if abs(tax - net * _rate(row) / 100) > Decimal(1).scaleb(-numbers.money_digits(currency)):
            raise business("税额与税率不一致")
        quantity = amount(row, "qty")
        if quantity != amount(row, "priceQty") or quantity != amount(row, "subQty"):
            raise business("数量与换算率不一致")
        product = self.org.product(row["productId"], "productId")
        for name in ("masterUnitId", "iProductAuxUnitId", "iProductUnitId"):
            if str(row[name]) not in (product.unit, str(numbers.unit_id(product.unit))):
                raise business(f"[{name}]计量单位[{row[name]}]不存在")
        return quantity

    # -- update ----------------------------------------------------------------------------------------------------

    def _update(self, data: Row) -> Order:
        _require(data, ("id",), "data")
        order: Order = by_id(self.office.orders, "order", data["id"])
        if order_rows.next_status(order) != "CONFIRMORDER":
            raise business(f"单据[{order_rows.code(order)}]不是开立态，不能修改")
        for row in _lines(data) if "orderDetails" in data else []:
            self._change_line(order, row)
        self._change_header(order, data)
        if not order.lines:
            raise business("表体不能为空")
        if "payMoney" in data or "orderDetails" in data:
            _require(data, ("payMoney",), "data")
            _check_total(data, (order.gross,))
        return order

    def _change_header(self, order: Order, data: Row) -> None:
        """A field that is sent is set, also to nothing: null is passed through."""
        for name in ("salesOrgId", "agentId", "orderPrices!currency"):
            if data.get(name) not in (None, "") and self._differs(order, name, data[name]):
                raise business(f"[{name}]不允许修改")
        values: Row = {"extra": {**order.extra, **_outside(data, only_sent=True)}}
        if "purchaseNo" in data:
            values["customer_po"] = str(data["purchaseNo"] or "")
        if "memo" in data:
            values["text"] = str(data["memo"] or "")
        if "hopeReceiveDate" in data:
            values["requested"] = _day(data["hopeReceiveDate"], "hopeReceiveDate")
        if data.get("vouchdate"):
            values["ordered"] = _day(data["vouchdate"], "vouchdate")
        if any(name in data for name in _TERMS):
            values["terms"] = self._terms(data)
        self.office.sales.change_order(order, **values)

    def _differs(self, order: Order, name: str, sent: Any) -> bool:
        if name == "agentId":
            return self.org.customer(sent, name) is not order.customer
        if name == "salesOrgId":
            return self.org.company(sent, name) != order.company
        return self.org.currency(sent, name) != order.currency

    def _change_line(self, order: Order, row: Row) -> None:
        status = row.get("_status")
        if status == "Insert":
            _require(row, LINE, "data.orderDetails")
            self.office.sales.add_line(order, self._new_line(row, order.currency))
            return
        line = _line_of(order, row)
        if status == "Delete":
            self.office.sales.remove_line(line)
        elif status == "Update":
            self._set_line(line, row)
        elif status != "Unchanged":
            raise RefusalError("310008", "必填参数[data.orderDetails._status]缺失")

    def _set_line(self, line: OrderLine, row: Row) -> None:
        values: Row = {}
        if row.keys() & {"qty", "oriSum", "oriTaxUnitPrice", _NET, _TAX}:
            _require(row, LINE, "data.orderDetails")
            values["quantity"] = self._check_line(row, line.order.currency)
            values |= {"price": amount(row, "oriTaxUnitPrice"), "includes_tax": True, "tax_rate": _rate(row)}
            values["fixed"] = (amount(row, _NET), amount(row, _TAX))
        if "hopeReceiveDate" in row or "consignTime" in row:
            values["requested"] = _day(row.get("hopeReceiveDate") or row.get("consignTime"), "hopeReceiveDate")
        if row.get("memo"):
            values["text"] = str(row["memo"])
        values["extra"] = {**line.extra, **_line_extra(row)}
        self.office.sales.change_line(line, **values)


# -- reading a body ----------------------------------------------------------------------------------------------------


def _require(row: Row, names: Iterable[str], where: str) -> None:
    for name in names:
        if row.get(name) is None or row[name] in ("", []):
            raise RefusalError("310008", f"必填参数[{where}.{name}]缺失")


def _lines(data: Row) -> list[Row]:
    lines = data["orderDetails"]
    if not isinstance(lines, list) or not all(isinstance(row, dict) for row in lines):
        raise RefusalError("310023", "参数[data.orderDetails]类型错误")
    return lines


def _check_total(data: Row, sums: Iterable[Decimal]) -> None:
    if amount(data, "payMoney") != sum(sums, ZERO):
        raise business("合计含税金额与子表含税金额之和不一致")


def _line_of(order: Order, row: Row) -> OrderLine:
    line = next((each for each in order.lines if str(numbers.id_of("order line", each.id)) == str(row.get("id"))), None)
    if line is None:
        raise business(f"未获取到当前订单商品信息[{row.get('id')}]")
    return line


def _rate(row: Row) -> Decimal:
    rate = numbers.tax_rate(row["taxId"])
    if rate is None:
        raise business(f"[taxId]税目[{row['taxId']}]不存在")
    return rate


def _day(value: Any, name: str) -> date | None:
    try:
        return parse_day(value) if value else None
    except ValueError:
        raise RefusalError("310023", f"参数[data.{name}]类型错误") from None


def _outside(data: Row, *, only_sent: bool = False) -> Row:
    """External references and custom fields, nested or as flat `headItem!define1` keys."""
    kept = {name: data.get(name) for name in order_rows.OUTSIDE if name in data or not only_sent}
    head = dict(data["headItem"]) if isinstance(data.get("headItem"), dict) else {}
    head |= {name.removeprefix("headItem!"): value for name, value in data.items() if name.startswith("headItem!")}
    if head:
        kept["headItem"] = head
    if isinstance(data.get("paymentSchedules"), list):
        kept["paymentSchedules"] = data["paymentSchedules"]
    return kept


def _line_extra(row: Row) -> Row:
    sent = {name: row.get(f"orderDetailPrices!{name}") for name in _SERVICE}
    kept: Row = {name: value for name, value in sent.items() if value}
    outside = {name: row[name] for name in ("out_sys_rowno", "out_sys_lineid") if row.get(name)}
    return kept | ({"outside": outside} if outside else {})
