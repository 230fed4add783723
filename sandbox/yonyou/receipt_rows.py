"""Money received, twice: the newer EFI collections, and the older receive bills with balances.

Advances (预收款) have quickTypeCode 1, everything else 2 (应收款). Bills of exchange are settled by 票据结算: their
maturity stands in notematuritydate. What the bank took back is written off as a whole: writeOffState 1, nothing left.
"""

from __future__ import annotations

from decimal import Decimal

from sandbox.office.money import rounded
from sandbox.office.trade import Office, Receipt
from sandbox.yonyou import numbers, receivable_rows
from sandbox.yonyou.query import MANY_OPS, Entry, Shape
from sandbox.yonyou.wire import Row, day, moment, number

COLLECTIONS = receivable_rows.EFI
BILLS = Shape(
    ops=MANY_OPS,
    exact=(
        "code", "auditstatus", "accentity", "accentity_code", "customer", "customer_code", "writeoffstatus",
        "currency", "currency_code", "settlemode_code", "id",
    ),
)  # fmt: skip
ADVANCE, RECEIVED = ("1", "预收款"), ("2", "应收款")
BY_BILL, BY_BANK = ("system_0004", "票据结算"), ("system_0001", "银行转账")


def code(receipt: Receipt) -> str:
    return numbers.short_code_of("RECar", receipt.posted, receipt.id)


def _kind(receipt: Receipt) -> tuple[str, str]:
    return ADVANCE if receipt.kind == "advance" else RECEIVED


def _settlement(receipt: Receipt) -> tuple[str, str]:
    return BY_BILL if receipt.kind == "bill" else BY_BANK


def collection_entry(office: Office, receipt: Receipt) -> Entry:
    external_id = str(numbers.id_of("receipt", receipt.id))
    return Entry(receipt, external_id, lambda: collection(office, receipt), quick={"code": code})


def collection(office: Office, receipt: Receipt) -> Row:
    company, customer = office.companies[receipt.company], receipt.customer
    mode = _settlement(receipt)
    return {
        "id": str(numbers.id_of("receipt", receipt.id)), "code": code(receipt), "billDate": day(receipt.dated),
        "effectTime": day(receipt.posted), "effectState": "1", "verifyState": 2, "postStatus": "2",
        "writeOffState": "1" if receipt.returned else "0", "blnWriteOff": 1 if receipt.returned else 0,
        "direction": "1", "financeOrg": numbers.organisation_id(company.code), "financeOrgCode": company.code,
        "financeOrgName": company.name, "billTypeCode": "collection", "billTypeName": "收款单", "businessType": "1",
        "bustypeCode": "ar_colsale", "bustypeName": "销售收款", "quickTypeCode": _kind(receipt)[0],
        "quickTypeName": _kind(receipt)[1], "extSystemCode": "DATA" if receipt.key else None,
        "extVouchCode": "/".join(receipt.key) or None,
        "bodyItemCustomer": str(numbers.id_of("customer", customer.id)), "bodyItemCustomerName": customer.name,
        "bodyItemCustomerCode": customer.our_number or None,
        "bodyItemOriCurrency": numbers.CURRENCIES[receipt.currency], "bodyItemOriCurrencyCode": receipt.currency,
        "bodyItemOriCurrencyName": numbers.currency_name(receipt.currency),
        "bodyItemOrgCurrency": numbers.CURRENCIES[company.currency], "bodyItemOrgCurrencyCode": company.currency,
        "bodyItemExchangeRate": number(receipt.rate), "bodyItemOriTaxIncludedAmount": number(receipt.amount),
        "bodyItemLocalTaxIncludedAmount": number(rounded(receipt.amount * receipt.rate, company.currency)),
        "bodyItemOriOccupyAmount": number(receipt.amount - receipt.unapplied()),
        "bodyItemSettleState": "4" if receipt.returned else "3", "bodyItemSettleModeCode": mode[0],
        "bodyItemSettleModeName": mode[1], "bodyItemNoteNo": receipt.reference or None,
        "bodyItemNoteMaturityDate": day(receipt.maturity),
        "bodyItemId": str(numbers.id_of("receipt", receipt.id) + 1), "description": receipt.reference or None,
        "modifyTime": moment(receipt.changed), "createTime": moment(receipt.created), "pubts": moment(receipt.changed),
        "bodyItemPubts": moment(receipt.changed),
    }  # fmt: skip


def bill_entry(office: Office, receipt: Receipt) -> Entry:
    external_id = numbers.id_of("receipt", receipt.id)
    return Entry(receipt, external_id, lambda: bill(office, receipt), quick={"code": code})


def bill(office: Office, receipt: Receipt) -> Row:
    company, customer = office.companies[receipt.company], receipt.customer
    left = receipt.unapplied()
    mode = _settlement(receipt)
    return {
        "id": numbers.id_of("receipt", receipt.id), "code": code(receipt), "vouchdate": day(receipt.dated),
        "accountdate": day(receipt.posted), "period_code": f"{receipt.posted:%Y-%m}", "billtype": 7,
        "basebilltype_name": "收款单", "quickTypeCode": _kind(receipt)[0], "quickTypeName": _kind(receipt)[1],
        "accentity": numbers.organisation_id(company.code), "accentity_code": company.code,
        "accentity_name": company.name, "customer": numbers.id_of("customer", customer.id),
        "customer_code": customer.our_number or None, "customer_name": customer.name,
        "currency": numbers.CURRENCIES[receipt.currency], "currency_code": receipt.currency,
        "currency_name": numbers.currency_name(receipt.currency), "natCurrency": numbers.CURRENCIES[company.currency],
        "natCurrency_code": company.currency, "exchRate": number(receipt.rate), "oriSum": number(receipt.amount),
        "natSum": number((receipt.amount * receipt.rate).quantize(Decimal("0.000001"))),
        "balance": number(left), "localbalance": number((left * receipt.rate).quantize(Decimal("0.000001"))),
        "writeoffstatus": _written_off(receipt, left), "auditstatus": 1, "status": 1, "redflag": False,
        "initflag": False, "settlestatus": 4 if receipt.returned else 3, "settlemode_code": mode[0],
        "settlemode_name": mode[1], "noteno": receipt.reference or None, "notematuritydate": day(receipt.maturity),
        "returndate": day(receipt.returned), "srcitem": 8, "voucherstatus": 1, "description": receipt.reference or None,
        "headItem": {"define1": "/".join(receipt.key) or None},
        "createTime": moment(receipt.created), "modifyTime": moment(receipt.changed), "pubts": moment(receipt.changed),
    }  # fmt: skip


def _written_off(receipt: Receipt, left: Decimal) -> int:
    if left == receipt.amount:
        return receivable_rows.UNSETTLED
    return receivable_rows.PARTLY if left else receivable_rows.SETTLED
