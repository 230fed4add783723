"""Sales invoices (销售发票) as the product shows them.

A red invoice has negative amounts and quantities; blueInvNo is the blue one it belongs to. A full reversal leaves
businessState 4 on the blue one and has redType 1, a credit memo (or a price credit: quantity 0) has redType 2. What
never counts (pro forma, provisional) stays open, status 0, and no tax invoice is issued for it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sandbox.office.money import ZERO, rounded
from sandbox.office.trade import Invoice, InvoiceLine, Office
from sandbox.yonyou import delivery_rows, numbers, order_rows
from sandbox.yonyou.query import MANY_OPS, Entry, Shape
from sandbox.yonyou.wire import Row, day, moment, number

SHAPE = Shape(
    ops=MANY_OPS, lines="saleInvoiceDetails",
    exact=("code", "status", "taxBillingStatus", "businessState", "invoiceType"),
)  # fmt: skip
OPEN, AUDITED, IN_APPROVAL = 0, 1, 3
ISSUED, NOT_ISSUED = 2, 1
REVERSED = 4
WHOLE, PART = 1, 2
DRAFT, SUBMITTED = "draft", "submitted"
"""What an invoice that was saved and not audited yet is marked with."""


def code(invoice: Invoice) -> str:
    return numbers.code_of("XSFP", invoice.posted, invoice.id)


def status(invoice: Invoice) -> int:
    if invoice.counts:
        return AUDITED
    return IN_APPROVAL if invoice.extra.get(SUBMITTED) else OPEN


def entry(office: Office, invoice: Invoice) -> Entry:
    return Entry(
        invoice,
        numbers.id_of("invoice", invoice.id),
        lambda: header(office, invoice),
        invoice.lines,
        lambda line: line_row(invoice, line),
        {"code": code},
    )


def header(office: Office, invoice: Invoice) -> Row:
    org, name = numbers.organisation_id(invoice.company), office.companies[invoice.company].name
    counts = invoice.counts
    customer = numbers.id_of("customer", invoice.customer.id)
    return {
        "id": numbers.id_of("invoice", invoice.id), "code": code(invoice), "vouchdate": day(invoice.dated),
        "orgId": org, "orgName": name, "salesOrgId": org, "transactionTypeId": numbers.INVOICE_TYPE[0],
        "transactionTypeId_name": numbers.INVOICE_TYPE[2], "status": status(invoice),
        "verifystate": {AUDITED: 2, IN_APPROVAL: 1, OPEN: 0}[status(invoice)],
        "auditDate": day(invoice.posted) if counts else None,
        "auditTime": day(invoice.posted) if counts else None, "agentId": customer, "agentName": invoice.customer.name,
        "invAgentId": customer, "invAgentName": invoice.customer.name, "invoiceType": 1,
        "taxBillingStatus": ISSUED if counts else NOT_ISSUED,
        "businessState": REVERSED if invoice.reversed_by else None,
        "einvoiceHm": invoice.source_number or None, "einvoiceNo": None, **_red(invoice), **_money(office, invoice),
        "source": _source(invoice), "headItem": {"define1": "/".join(invoice.key) or None},
        "memo": invoice.text or None,
        "createTime": moment(invoice.created), "modifyTime": moment(invoice.changed), "pubts": moment(invoice.changed),
    }  # fmt: skip


def _red(invoice: Invoice) -> Row:
    if invoice.kind not in ("credit_memo", "reversal"):
        return {"invDirection": 0, "redType": None, "blueInvNo": None, "blueInvId": None}
    blue = invoice.reference
    return {
        "invDirection": 1, "redType": WHOLE if invoice.kind == "reversal" else PART,
        "blueInvNo": code(blue) if blue else None,
        "blueInvId": str(numbers.id_of("invoice", blue.id)) if blue else None,
    }  # fmt: skip


def _money(office: Office, invoice: Invoice) -> Row:
    local = office.companies[invoice.company].currency
    net, gross = rounded(invoice.net * invoice.rate, local), rounded(invoice.gross * invoice.rate, local)
    return {
        "currency": numbers.CURRENCIES[invoice.currency], "currency_code": invoice.currency,
        "currency_name": numbers.currency_name(invoice.currency),
        "currency_moneyDigit": numbers.money_digits(invoice.currency), "natCurrency": numbers.CURRENCIES[local],
        "natCurrency_code": local, "natCurrency_name": numbers.currency_name(local), "exchRate": number(invoice.rate),
        "exchangeRateType": {"name": numbers.RATE_TYPE["name"]}, "oriSum": number(invoice.gross),
        "oriMoney": number(invoice.net), "oriTax": number(invoice.tax), "natSum": number(gross),
        "natMoney": number(net), "natTax": number(gross - net), "agreement_code": invoice.terms or None,
        "accOrigReceiveMoney": number(_received(invoice)),
    }  # fmt: skip


def _received(invoice: Invoice) -> Decimal:
    """What has come in for it so far."""
    paid = [a for item in invoice.instalments for a in item.applications if a.stands() and a.item is item and a.receipt]
    return sum((application.amount for application in paid if application.kind == "payment"), ZERO)


def _source(invoice: Invoice) -> str | None:
    if any(line.delivery for line in invoice.lines):
        return "st_salesout"
    return "voucher_order" if any(line.order_line for line in invoice.lines) else None


def line_row(invoice: Invoice, line: InvoiceLine) -> Row:
    source = line.order_line
    quantity = number(line.quantity)
    gross = line.net + line.tax
    rate = line.tax_rate or (source.tax_rate if source else line.product.tax_rate)
    return {
        "saleInvoiceDetailId": str(numbers.id_of("invoice line", line.id)), "rowno": line.number,
        "mainid": str(numbers.id_of("invoice", invoice.id)),
        "productId": str(numbers.id_of("product", line.product.id)), "productCode": line.product.code,
        "productName": line.text, "qty": quantity, "subQty": quantity, "priceQty": quantity, "unitName": line.unit,
        "chargeUnitName": line.unit, "unitId": str(numbers.unit_id(line.unit)),
        "oriTaxUnitPrice": _price(gross, line.quantity), "oriUnitPrice": _price(line.net, line.quantity),
        "taxRate": number(rate), "taxId": numbers.tax_item(rate), **_origin(line),
        "saleInvoiceDetails": {"oriSum": number(gross), "oriMoney": number(line.net), "oriTax": number(line.tax)},
    }  # fmt: skip


def _price(amount: Decimal, quantity: Decimal) -> Any:
    return number((amount / quantity).quantize(Decimal("0.000001"))) if quantity else number(amount)


def _origin(line: InvoiceLine) -> Row:
    """The document it was made from, and the order behind that."""
    source, delivery = line.order_line, line.delivery
    if source is None:
        return dict.fromkeys(
            ("srcVoucherNo", "srcVoucherColumnNo", "orderNo", "orderId", "orderDetailId", "orderLineno")
        )
    own = order_rows.code(source.order)
    return {
        "srcVoucherNo": delivery_rows.code(delivery) if delivery else own,
        "srcVoucherColumnNo": str(source.number), "orderNo": own, "orderId": numbers.id_of("order", source.order.id),
        "orderDetailId": numbers.id_of("order line", source.id), "orderLineno": source.number,
        "deliveryId": numbers.id_of("delivery", delivery.id) if delivery else None,
    }  # fmt: skip


def detail(office: Office, invoice: Invoice) -> Row:
    lines = []
    for line in invoice.lines:
        row = line_row(invoice, line)
        row["id"] = row.pop("saleInvoiceDetailId")
        lines.append(row | row.pop("saleInvoiceDetails"))
    return header(office, invoice) | {"saleInvoiceDetails": lines}
