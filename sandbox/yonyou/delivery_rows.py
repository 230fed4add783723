"""Deliveries (发货单) and goods issues (销售出库单) as the product shows them.

A return is the same document with negative quantities. A delivery that has been audited but not issued is on its way to
the warehouse: the goods issue is a document of its own and tells the day the goods left.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sandbox.office.money import ZERO, rounded
from sandbox.office.trade import Delivery, DeliveryLine, Office
from sandbox.yonyou import numbers, order_rows
from sandbox.yonyou.query import Entry, Shape
from sandbox.yonyou.wire import Row, day, moment, number

SHAPE = Shape(lines="deliveryDetails", exact=("code", "status"))
ISSUES = Shape(lines="details", exact=("code", "status"))
SUBMITTED = "submitted"


def code(delivery: Delivery) -> str:
    return numbers.code_of("FH-", delivery.issued or delivery.planned, delivery.id)


def entry(office: Office, delivery: Delivery) -> Entry:
    return Entry(
        delivery,
        numbers.id_of("delivery", delivery.id),
        lambda: header(office, delivery),
        delivery.lines,
        lambda part: line_row(delivery, part),
        QUICK,
    )


def status(delivery: Delivery) -> int:
    if delivery.picked or delivery.issued:
        return 1
    return 3 if delivery.extra.get(SUBMITTED) else 0


QUICK: dict[str, Callable[[Delivery], Any]] = {"code": code, "status": status}


def header(office: Office, delivery: Delivery) -> Row:
    order = delivery.lines[0].order_line.order
    org, name = numbers.organisation_id(delivery.company), office.companies[delivery.company].name
    kind = numbers.RETURN_TYPE if delivery.is_return else numbers.DELIVERY_TYPE
    state = status(delivery)
    gross = sum((_amounts(delivery, part)[2] for part in delivery.lines), ZERO)
    return {
        "id": numbers.id_of("delivery", delivery.id), "code": code(delivery),
        "deliveryId": numbers.id_of("delivery", delivery.id),
        "vouchdate": day(delivery.issued or delivery.planned), "sendDate": day(delivery.issued),
        "status": state, "verifystate": {0: 0, 3: 1, 1: 2}[state], "statusCode": _status_code(delivery, state),
        "transactionTypeId": kind[0], "transactionTypeId_name": kind[2], "salesOrgId": org, "stockOrgId": org,
        "stockOrgName": name, "settlementOrgName": name,
        "agentId": numbers.id_of("customer", delivery.customer.id), "agentId_name": delivery.customer.name,
        "orderNoHead": order_rows.code(order), "payMoney": number(gross),
        "logisticsBillNo": delivery.external_id or None,
        "deliveryPrices": {
            "currency": numbers.CURRENCIES[order.currency], "originalCode": order.currency,
            "originalName": numbers.currency_name(order.currency),
            "exchRate": number(office.rate(order.currency, order.company, order.ordered)),
        },
        "createTime": moment(delivery.created), "modifyTime": moment(delivery.changed),
        "pubts": moment(delivery.changed),
        "auditTime": moment(delivery.changed) if state == 1 else None,
    }  # fmt: skip


def _status_code(delivery: Delivery, state: int) -> str:
    if delivery.issued:
        return "ENDDELIVERY"
    return "TAKEDELIVERY" if state == 1 else "DELIVERING"


def line_row(delivery: Delivery, part: DeliveryLine) -> Row:
    source = part.order_line
    net, tax, gross = _amounts(delivery, part)
    quantity = number(_quantity(delivery, part))
    return {
        "deliveryDetailId": numbers.id_of("delivery line", part.id), "rowno": part.number,
        "orderId": numbers.id_of("order", source.order.id), "orderNo": order_rows.code(source.order),
        "orderDetailId": numbers.id_of("order line", source.id), "orderLineno": source.number,
        "productId": numbers.id_of("product", source.product.id), "productCode": source.product.code,
        "productName": source.text, "qty": quantity, "subQty": quantity, "priceQty": quantity,
        "deliveredQuantity": quantity if delivery.issued else 0,
        "totalOutStockQuantity": quantity if delivery.issued else 0, "qtyName": source.unit,
        "productUnitName": source.unit, "masterUnitId": numbers.unit_id(source.unit),
        "oriSum": number(gross), "taxRate": number(source.tax_rate),
        "deliveryDetailPrices": {"oriMoney": number(net), "oriTax": number(tax)},
    }  # fmt: skip


def _quantity(delivery: Delivery, part: DeliveryLine) -> Decimal:
    return -part.quantity if delivery.is_return else part.quantity


def _amounts(delivery: Delivery, part: DeliveryLine) -> tuple[Decimal, Decimal, Decimal]:
    """Net, tax and gross of what is delivered."""
    net, tax = part.order_line.amounts
    share = _quantity(delivery, part) / part.order_line.quantity if part.order_line.quantity else ZERO
    currency = part.order_line.order.currency
    net, tax = rounded(net * share, currency), rounded(tax * share, currency)
    return net, tax, net + tax


def detail(office: Office, delivery: Delivery) -> Row:
    lines = []
    for part in delivery.lines:
        row = line_row(delivery, part)
        row["id"] = row.pop("deliveryDetailId")
        lines.append(row)
    return header(office, delivery) | {"deliveryDetails": lines}


def issue_entry(office: Office, delivery: Delivery) -> Entry:
    """The goods issue of a delivery; a return comes in as a red one."""
    return Entry(
        delivery,
        numbers.id_of("delivery", delivery.id) + 1,
        lambda: issue_header(office, delivery),
        delivery.lines,
        lambda part: issue_line(delivery, part),
    )


def issue_header(office: Office, delivery: Delivery) -> Row:
    shown = header(office, delivery)
    order = delivery.lines[0].order_line.order
    kept = ("vouchdate", "stockOrgId", "stockOrgName", "createTime", "modifyTime", "pubts", "agentId")
    return {name: shown[name] for name in kept} | {
        "id": shown["id"] + 1, "code": numbers.code_of("CK-", delivery.issued or delivery.planned, delivery.id),
        "cust": shown["agentId"], "cust_name": delivery.customer.name, "status": 1, "srcBillNO": shown["code"],
        "salesOrg": numbers.organisation_id(delivery.company), "currency": numbers.CURRENCIES[order.currency],
        "bustype_name": "销售退货入库" if delivery.is_return else "普通销售出库",
    }  # fmt: skip


def issue_line(delivery: Delivery, part: DeliveryLine) -> Row:
    source, quantity = part.order_line, number(_quantity(delivery, part))
    return {
        "detailsId": numbers.id_of("delivery line", part.id) + 1,
        "product": numbers.id_of("product", source.product.id), "product_cCode": source.product.code,
        "product_cName": source.text, "qty": quantity, "subQty": quantity, "unitName": source.unit,
        "orderId": numbers.id_of("order", source.order.id), "orderNo": order_rows.code(source.order),
        "orderDetailId": numbers.id_of("order line", source.id),
    }  # fmt: skip
