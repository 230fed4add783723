"""Receivables, twice: the older receivable events (oar) with balances, and the newer EFI documents without.

One oar row is one instalment: `id` is the document, `oarDetail_id` the instalment, `maturitydate` its due day. What a
row is: billtype 1 invoice, 3 red invoice (credit memo, reversal), 2 other receivable, 4 other receivable in red;
`initflag` marks openings; retention (质保金) has blnDeposit 1 and quickTypeCode 5, everything else quickTypeCode 2, and
no maturity as long as the acceptance is missing. Provisional receivables are there unaudited (auditstatus 2) with
provisionalestimateflag; pro forma invoices and requests for advances are no receivables and are not there. A reversal
is a red row that is written off against what it reverses: both have balance 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from sandbox.office.money import rounded
from sandbox.office.trade import Instalment, Invoice, Office
from sandbox.yonyou import invoice_rows, numbers, order_rows
from sandbox.yonyou.query import MANY_OPS, Entry, Shape
from sandbox.yonyou.wire import Row, day, moment, number

OAR = Shape(
    ops=MANY_OPS,
    exact=(
        "code", "orderno", "writeoffstatus", "auditstatus", "currency", "accentity", "accentity_code", "customer",
        "srcitem", "initflag", "period_code", "billtype", "id",
    ),
    renamed={"period": "period_code", "org": "accentity"},
)  # fmt: skip
EFI = Shape(
    ops=MANY_OPS, largest=500,
    exact=(
        "code", "verifyState", "direction", "financeOrg", "financeOrgCode", "bodyItemCustomer", "bodyItemCustomerCode",
        "bodyItemOriCurrency", "bodyItemOriCurrencyCode", "extSystemCode", "extVouchCode", "bustypeCode", "id",
    ),
    renamed={
        "customer": "bodyItemCustomer", "customer.code": "bodyItemCustomerCode", "financeOrg.code": "financeOrgCode",
        "oriCurrency": "bodyItemOriCurrency", "oriCurrency.code": "bodyItemOriCurrencyCode",
        "bustype.code": "bustypeCode",
    },
)  # fmt: skip
SETTLED, UNSETTLED, PARTLY = 1, 2, 3
RECEIVABLE, RETENTION = ("2", "应收款"), ("5", "质保金")
NO_DATE = "9999-12-31 00:00:00"
_HIDDEN = frozenset({"advance_request"})


def shown(invoice: Invoice) -> bool:
    """Whether there is a receivable for it."""
    if invoice.kind == "pro_forma" or invoice.extra.get(invoice_rows.DRAFT):
        return False
    return any(True for _ in instalments(invoice))


def instalments(invoice: Invoice) -> Iterator[tuple[Instalment, int]]:
    """The items of a document with their sign; a reversal has those of what it reverses, turned round."""
    turned = invoice.reference if invoice.kind == "reversal" else None
    for item in (turned or invoice).instalments:
        if item.kind not in _HIDDEN:
            yield item, -1 if turned else 1


def code(invoice: Invoice) -> str:
    return numbers.short_code_of("OARar", invoice.posted, invoice.id)


def billtype(invoice: Invoice, item: Instalment) -> int:
    red = invoice.kind in ("credit_memo", "reversal")
    return (4 if red else 2) if item.kind == "other" else (3 if red else 1)


def _kind(item: Instalment) -> tuple[str, str]:
    return RETENTION if item.kind == "retention" else RECEIVABLE


def oar_entry(office: Office, invoice: Invoice) -> Entry:
    """All instalments: the list is flat, a row each."""
    return Entry(
        invoice,
        numbers.id_of("invoice", invoice.id),
        lambda: oar_header(office, invoice) | _totals(invoice),
        list(instalments(invoice)),
        lambda part: oar_row(invoice, *part),
        {"code": code},
    )


def _totals(invoice: Invoice) -> Row:
    """What a header alone shows of its instalments."""
    rows = [oar_row(invoice, item, sign) for item, sign in instalments(invoice)]
    sums = {
        name: number(sum((row[name] for row in rows), Decimal(0)))
        for name in ("oriSum", "natSum", "balance", "localbalance")
    }
    same = {name: rows[0][name] for name in ("billtype", "basebilltype_name", "quickTypeCode", "quickTypeName")}
    return {**same, **sums, "writeoffstatus": _settled(sums["oriSum"], sums["balance"])}


def oar_header(office: Office, invoice: Invoice) -> Row:
    company = office.companies[invoice.company]
    customer = invoice.customer
    return {
        "id": numbers.id_of("invoice", invoice.id), "code": code(invoice), "vouchdate": day(invoice.dated),
        "accountdate": day(invoice.posted), "period_code": f"{invoice.posted:%Y-%m}",
        "accentity": numbers.organisation_id(company.code), "accentity_code": company.code,
        "accentity_name": company.name, "org": numbers.organisation_id(company.code),
        "customer": numbers.id_of("customer", customer.id), "customer_name": customer.name,
        "currency": numbers.CURRENCIES[invoice.currency], "currency_code": invoice.currency,
        "currency_name": numbers.currency_name(invoice.currency),
        "currency_moneyDigit": numbers.money_digits(invoice.currency),
        "natCurrency": numbers.CURRENCIES[company.currency], "natCurrency_code": company.currency,
        "natCurrency_name": numbers.currency_name(company.currency), "exchRate": number(invoice.rate),
        "exchangeRateType_name": numbers.RATE_TYPE["name"], "status": 1 if invoice.counts else 0,
        "auditstatus": 1 if invoice.counts else 2, "provisionalestimateflag": invoice.kind == "provisional",
        "initflag": invoice.kind == "opening", "srcitem": 11 if invoice.kind == "opening" else 1,
        "srcbillno": invoice_rows.code(invoice), "orderno": _order(invoice), "voucherstatus": 1,
        "agreement_code": invoice.terms or None, "redsrcbillno": _red_of(invoice), "description": invoice.text or None,
        "headItem": {"define1": "/".join(invoice.key) or None, "define2": invoice.source_number or None},
        "createTime": moment(invoice.created), "modifyTime": moment(invoice.changed), "pubts": moment(invoice.changed),
    }  # fmt: skip


def oar_row(invoice: Invoice, item: Instalment, sign: int) -> Row:
    """balance and localbalance: what is left today, with the sign of the amount."""
    amount = item.amount * sign
    balance = item.balance() if invoice.counts and sign > 0 else amount if not invoice.counts else Decimal(0)
    return {
        "oarDetail_id": _detail_id(item, sign), "rowno": item.number, "billtype": billtype(invoice, item),
        "basebilltype_name": "其他应收事项" if item.kind == "other" else "销售发票",
        "quickTypeCode": _kind(item)[0], "quickTypeName": _kind(item)[1],
        "blnDeposit": 1 if item.kind == "retention" else 0, "startdate": day(item.baseline),
        "maturitydate": day(item.due), "oriSum": number(amount), "natSum": _local(invoice, item, amount),
        "balance": number(balance), "localbalance": _local(invoice, item, balance),
        "writeoffstatus": _settled(amount, balance), "detail_pubts": moment(invoice.changed),
    }  # fmt: skip


def _detail_id(item: Instalment, sign: int) -> int:
    return numbers.id_of("red" if sign < 0 else "instalment", item.id)


def _local(invoice: Invoice, item: Instalment, amount: Decimal) -> Decimal:
    """At the booked rate, to six places: the product keeps more than the currency's own digits."""
    return number((amount * invoice.rate).quantize(Decimal("0.000001")))


def _settled(amount: Decimal, balance: Decimal) -> int:
    if balance == amount and amount:
        return UNSETTLED
    return SETTLED if not balance else PARTLY


def _order(invoice: Invoice) -> str | None:
    orders = {line.order_line.order.id: line.order_line.order for line in invoice.lines if line.order_line}
    return next((order_rows.code(order) for order in orders.values()), None)


def _red_of(invoice: Invoice) -> str | None:
    return code(invoice.reference) if invoice.reference else None


def efi_header(office: Office, invoice: Invoice) -> Row:
    """One row a document: no due date and no balance in the list."""
    company, customer = office.companies[invoice.company], invoice.customer
    counts, red = invoice.counts, invoice.kind in ("credit_memo", "reversal")
    other = any(item.kind == "other" for item in invoice.instalments)
    gross = sum((item.amount * sign for item, sign in instalments(invoice)), Decimal(0))
    return {
        "id": str(numbers.id_of("invoice", invoice.id)), "code": code(invoice), "billDate": day(invoice.dated),
        "startDate": day(invoice.posted), "effectTime": day(invoice.posted) if counts else None,
        "effectState": "1" if counts else "0", "verifyState": 2 if counts else 0,
        "writeOffState": "1" if invoice.reversed_by or invoice.kind == "reversal" else "0",
        "blnWriteOff": 1 if invoice.reversed_by else 0, "postStatus": "2" if counts else "0",
        "direction": "-1" if red else "1", "financeOrg": numbers.organisation_id(company.code),
        "financeOrgCode": company.code, "financeOrgName": company.name,
        "extSystemCode": "DATA" if invoice.key else None, "extVouchCode": "/".join(invoice.key) or None,
        "billTypeCode": "receivable", "billTypeName": "应收发票", "businessType": "0", "srcApp": "131",
        "bustypeCode": "ar_other" if other else "ar_invoice", "bustypeName": "其他应收" if other else "应收发票",
        "bodyItemCustomer": str(numbers.id_of("customer", customer.id)), "bodyItemCustomerName": customer.name,
        "bodyItemCustomerCode": customer.our_number or None,
        "bodyItemOriCurrency": numbers.CURRENCIES[invoice.currency], "bodyItemOriCurrencyCode": invoice.currency,
        "bodyItemOriCurrencyName": numbers.currency_name(invoice.currency),
        "bodyItemOrgCurrency": numbers.CURRENCIES[company.currency], "bodyItemOrgCurrencyCode": company.currency,
        "bodyItemExchangeRate": number(invoice.rate), "bodyItemOriTaxIncludedAmount": number(gross),
        "bodyItemOriTaxExcludedAmount": number(gross - invoice.tax), "oriTaxAmount": number(invoice.tax),
        "bodyItemLocalTaxIncludedAmount": number(rounded(gross * invoice.rate, company.currency)),
        "bodyItemId": str(numbers.id_of("invoice", invoice.id) + 1), "agreementCode": invoice.terms or None,
        "modifyTime": moment(invoice.changed), "createTime": moment(invoice.created), "pubts": moment(invoice.changed),
        "bodyItemPubts": moment(invoice.changed),
    }  # fmt: skip


def efi_entry(office: Office, invoice: Invoice) -> Entry:
    external_id = str(numbers.id_of("invoice", invoice.id))
    return Entry(invoice, external_id, lambda: efi_header(office, invoice), quick={"code": code})


def efi_detail(office: Office, invoice: Invoice) -> Row:
    """Below the one body row stand the instalments: a due day that is not known yet is 9999-12-31."""
    header = efi_header(office, invoice)
    plan = [
        {
            "id": str(_detail_id(item, sign)), "issueNo": at, "oriTaxIncludedAmount": number(item.amount * sign),
            "expireDate": day(item.due) or NO_DATE, "startDate": day(item.baseline), "blnPrepare": 0,
            "blnDeposit": 1 if item.kind == "retention" else 0, "pubts": moment(invoice.changed),
        }
        for at, (item, sign) in enumerate(instalments(invoice), 1)
    ]  # fmt: skip
    body = {name.removeprefix("bodyItem"): value for name, value in header.items() if name.startswith("bodyItem")}
    renamed = {name[:1].lower() + name[1:]: value for name, value in body.items()}
    return header | {"bodyItem": [renamed | {"rowNo": 10, "grandsonItem": plan}]}
