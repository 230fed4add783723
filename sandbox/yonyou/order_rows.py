"""Sales orders as the product shows them: states, amounts, progress."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sandbox.office.money import ZERO, rounded
from sandbox.office.trade import Office, Order, OrderLine
from sandbox.yonyou import numbers
from sandbox.yonyou.query import Entry, Shape
from sandbox.yonyou.wire import Row, day, moment, number

SUBMITTED = "submitted"
OUTSIDE = ("out_sys_id", "out_sys_code", "out_sys_version", "out_sys_type")
SHAPE = Shape(lines="orderDetails", exact=("code", "nextStatus"), renamed={"nextStatusName": "nextStatus"})
TOTALS = ("qty", "subQty", "priceQty", "oriSum", "sendQty", "invoiceQty")
CURRENT = {
    "DELIVERGOODS": "CONFIRMORDER", "DELIVERY_PART": "DELIVERGOODS", "TAKEDELIVERY": "DELIVERGOODS",
}  # fmt: skip
"""statusCode, the step that is done; the others are called by what they are."""

NEXT_NAMES = {
    "CONFIRMORDER": "开立", "APPROVING": "审批中", "DELIVERGOODS": "待发货", "DELIVERY_PART": "部分发货",
    "TAKEDELIVERY": "待收货", "ENDORDER": "已完成", "OPPOSE": "已取消", "CLOSEDORDER": "已关闭",
}  # fmt: skip
_STATES = {  # status, verifystate, currentStatus
    "CONFIRMORDER": (0, 0, 0), "APPROVING": (3, 1, 0), "DELIVERGOODS": (1, 2, 1), "DELIVERY_PART": (1, 2, 1),
    "TAKEDELIVERY": (1, 2, 2), "ENDORDER": (1, 2, 3), "OPPOSE": (2, 0, 4), "CLOSEDORDER": (2, 2, 4),
}  # fmt: skip
DONE, NOT_BEGUN, PARTLY = 1, 2, 3


def next_status(order: Order) -> str:
    """The next step, which the product shows as the order's state."""
    status = order.status
    if status == "cancelled":
        return "OPPOSE"
    if order.closed:
        return "CLOSEDORDER"
    if status == "draft":
        return "APPROVING" if order.extra.get(SUBMITTED) else "CONFIRMORDER"
    if status in ("credit_hold", "complete"):
        return {"credit_hold": "APPROVING", "complete": "ENDORDER"}[status]
    if not any(line.delivered for line in order.lines):
        return "DELIVERGOODS"
    left = any(line.remaining or line.in_delivery for line in order.lines)
    return "DELIVERY_PART" if left else "TAKEDELIVERY"


def state(order: Order) -> tuple[int, int, int]:
    """status, verifystate, currentStatus. Of the orders that are done the tenant has closed every second one."""
    following = next_status(order)
    status, verify, current = _STATES[following]
    return (2 if following == "ENDORDER" and order.id % 2 else status), verify, current


def code(order: Order) -> str:
    return numbers.code_of("UO-", order.ordered, order.id)


def line_id(line: OrderLine) -> int:
    return numbers.id_of("order line", line.id)


def entry(office: Office, order: Order) -> Entry:
    return Entry(
        order,
        numbers.id_of("order", order.id),
        lambda: header(office, order),
        order.lines,
        lambda line: line_row(office, line),
        QUICK,
    )


QUICK: dict[str, Callable[[Order], Any]] = {
    "code": code,
    "vouchdate": lambda order: day(order.ordered),
    "nextStatus": next_status,
    "status": lambda order: state(order)[0],
    "out_sys_id": lambda order: _outside(order)["out_sys_id"],
    "out_sys_code": lambda order: _outside(order)["out_sys_code"],
}


def header(office: Office, order: Order) -> Row:
    following = next_status(order)
    status, verify, current = state(order)
    return {
        "id": numbers.id_of("order", order.id), "code": code(order), "vouchdate": day(order.ordered),
        "orderDate": moment(order.created), "purchaseNo": order.customer_po or None, "memo": order.text or None,
        "sendDate": day(order.requested), "hopeReceiveDate": day(order.requested),
        "status": status, "verifystate": verify, "currentStatus": current, "nextStatus": following,
        "statusCode": CURRENT.get(following, following),
        "nextStatusName": NEXT_NAMES[following], "payStatusCode": _paid(order), "orderPayType": "FIRSTDELIVER",
        "isWfControlled": order.credit == "held", "lockIn": order.status == "credit_hold",
        "source": "4" if order.by_api else "0", "payMoney": number(order.gross), "realMoney": number(order.gross),
        "orderPayMoney": number(order.gross), "totalMoney": number(order.gross),
        "receiveAgreementId": order.terms or None, "receiveAgreementId_name": order.terms or None,
        "isFinishDelivery": following in ("TAKEDELIVERY", "ENDORDER"), "haveDelivery": bool(order.deliveries),
        **_parties(office, order), **_outside(order), **_times(order), "orderPrices": _prices(office, order),
        "currency_name": numbers.currency_name(order.currency),
        "headItem": dict(order.extra.get("headItem", {})),
    }  # fmt: skip


def _parties(office: Office, order: Order) -> Row:
    org, name = numbers.organisation_id(order.company), office.companies[order.company].name
    customer = numbers.id_of("customer", order.customer.id)
    return {
        "salesOrgId": org, "salesOrgId_name": name, "salesOrgId_code": order.company, "settlementOrgId": org,
        "settlementOrgId_name": name, "transactionTypeId": numbers.ORDER_TYPE[0],
        "transactionTypeId_name": numbers.ORDER_TYPE[2], "agentId": customer, "agentId_name": order.customer.name,
        "invoiceAgentId": customer, "invoiceAgentId_name": order.customer.name,
    }  # fmt: skip


def _outside(order: Order) -> Row:
    """What another system calls it; books taken over from a former system have its number as out_sys_code."""
    kept = {name: order.extra.get(name) for name in OUTSIDE}
    return kept if any(kept.values()) else {**kept, "out_sys_code": order.external_id or None}


def _times(order: Order) -> Row:
    audited = order.released
    ended = order.cancelled or order.closed
    return {
        "creator": "OPENAPI" if order.by_api else "系统管理员", "createTime": moment(order.created),
        "createDate": day(order.ordered), "modifyTime": moment(order.changed), "pubts": moment(order.changed),
        "auditor": "系统管理员" if audited else None, "auditTime": order.extra.get("auditTime") or (
            moment(order.created) if audited else None), "auditDate": day(order.ordered) if audited else None,
        "closeTime": day(ended), "closeDate": day(ended),
    }  # fmt: skip


def _prices(office: Office, order: Order) -> Row:
    local = office.companies[order.company].currency
    rate = office.rate(order.currency, order.company, order.ordered)
    return {
        "currency": numbers.CURRENCIES[order.currency], "currency_moneyDigit": numbers.money_digits(order.currency),
        "currency_priceDigit": 6, "originalCode": order.currency,
        "originalName": numbers.currency_name(order.currency), "natCurrency": numbers.CURRENCIES[local],
        "natCurrency_moneyDigit": numbers.money_digits(local), "natCurrency_priceDigit": 6, "domesticCode": local,
        "domesticName": numbers.currency_name(local), "exchRate": number(rate),
        "exchangeRateType": numbers.RATE_TYPE["id"], "exchangeRateType_name": numbers.RATE_TYPE["name"],
        "taxInclusive": any(line.includes_tax for line in order.lines),
        "payMoneyOrigTaxfree": number(order.net), "totalOriTax": number(order.tax),
    }  # fmt: skip


def line_row(office: Office, line: OrderLine) -> Row:
    """A line as it stands in the flat list, beside its header."""
    net, tax = line.amounts
    product = line.product
    quantity = number(line.quantity)
    return {
        "orderDetailId": line_id(line), "idKey": str(line_id(line)),
        "orderId": numbers.id_of("order", line.order.id), "lineno": line.number,
        "productId": numbers.id_of("product", product.id), "productCode": product.code, "productName": line.text,
        "skuCode": product.code, "skuName": line.text, "orderProductType": "SALE",
        "orderDetails_stockOrgId": numbers.organisation_id(line.order.company),
        "qty": quantity, "subQty": quantity, "priceQty": quantity, "invExchRate": 1, "invPriceExchRate": 1,
        "unitExchangeType": 0, "unitExchangeTypePrice": 0, "masterUnitId": numbers.unit_id(line.unit),
        "iProductAuxUnitId": numbers.unit_id(line.unit), "iProductUnitId": numbers.unit_id(line.unit),
        "qtyName": line.unit, "productUnitName": line.unit, "productAuxUnitName": line.unit,
        "taxId": numbers.tax_item(line.tax_rate), "taxRate": number(line.tax_rate), "consignTime": day(line.requested),
        "oriUnitPrice": _unit_price(line, net),
        "oriTaxUnitPrice": _unit_price(line, net + tax), "oriSum": number(net + tax),
        "orderDetailPrices": _line_prices(office, line, net, tax), **_progress(line, net, tax),
        **line.extra.get("outside", {}),
    }  # fmt: skip


def _unit_price(line: OrderLine, amount: Decimal) -> Decimal:
    """Price of one unit, to the six decimals of the currency's prices."""
    return number((amount / line.quantity).quantize(Decimal("0.000001"))) if line.quantity else ZERO


def _line_prices(office: Office, line: OrderLine, net: Decimal, tax: Decimal) -> Row:
    order = line.order
    rate, local = office.rate(order.currency, order.company, order.ordered), office.companies[order.company].currency
    local_net, local_sum = rounded(net * rate, local), rounded((net + tax) * rate, local)
    return {
        "oriUnitPrice": _unit_price(line, net), "oriMoney": number(net), "oriTax": number(tax),
        "natUnitPrice": _unit_price(line, local_net), "natTaxUnitPrice": _unit_price(line, local_sum),
        "natMoney": number(local_net), "natSum": number(local_sum), "natTax": number(local_sum - local_net),
        "serviceStartDate": line.extra.get("serviceStartDate"), "serviceEndDate": line.extra.get("serviceEndDate"),
    }  # fmt: skip


def _progress(line: OrderLine, net: Decimal, tax: Decimal) -> Row:
    sent = line.delivered + line.in_delivery
    share = line.invoiced / line.quantity if line.quantity else ZERO
    currency = line.order.currency
    return {
        "sendQty": number(sent), "totalOutStockQuantity": number(line.delivered), "returnQty": number(line.returned),
        "invoiceQty": number(line.invoiced), "invoiceOriSum": number(rounded((net + tax) * share, currency)),
        "totalOutStockOriMoney": number(rounded(net * line.delivered / line.quantity, currency)),
        "deliveryStatus": _step(sent, line.quantity), "issueStatus": _step(line.delivered, line.quantity),
        "invoiceStatus": _step(line.invoiced, line.quantity), "lineStatus": 2 if line.cancelled else 0,
        "lineCloseTime": day(line.cancelled),
    }  # fmt: skip


def _step(done: Decimal, whole: Decimal) -> int:
    return NOT_BEGUN if done <= 0 else DONE if done >= whole else PARTLY


def _paid(order: Order) -> str:
    """What its invoices say: one that bills several orders counts for each of them."""
    owed = [invoice for invoice in order.invoices if invoice.counts and invoice.kind == "invoice"]
    total = sum((invoice.gross for invoice in owed), ZERO)
    left = sum((invoice.balance() for invoice in owed), ZERO)
    if not owed or left == total:
        return "NOTPAYMENT"
    return "FINISHPAYMENT" if not left and order.status == "complete" else "PARTPAYMENT"


def detail(office: Office, order: Order) -> Row:
    """One order with its lines below it; here empty fields are there, as null."""
    lines = []
    for line in order.lines:
        row = line_row(office, line)
        row["id"] = row.pop("orderDetailId")
        row["stockOrgId"] = row.pop("orderDetails_stockOrgId")
        row["hopeReceiveDate"] = row["consignTime"]
        lines.append(row | {"settlementOrgId": numbers.organisation_id(order.company), "pubts": moment(order.changed)})
    return header(office, order) | {"orderDetails": lines, "paymentSchedules": order.extra.get("paymentSchedules", [])}
