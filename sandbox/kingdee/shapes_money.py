"""Money received, with the bills of exchange that were taken for it, and interest, which no customer owes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sandbox.kingdee.metadata import HEAD
from sandbox.kingdee.shapes_ar import OTHER, TRADE, Receivable, order_of, receipt_number, receivable_number, settled
from sandbox.kingdee.shapes_base import ADVANCE, BILL, INTEREST, SALE, WIRE, Client, client_of, currency_number
from sandbox.kingdee.shapes_other import number_of_item
from sandbox.kingdee.tables import FIRST_ID, Source, Tenant, at_midnight, constant, head, local
from sandbox.office.money import ZERO
from sandbox.office.trade import Instalment, Invoice, Receipt

__all__ = ["form_of", "item_number", "money_sources", "purpose_of", "receipt_number"]

ASIDE = 7_000_000
"""The id of the receipt that is no customer's money."""
CHARGE = Decimal("0.50")
"""What the bank keeps of every fifth payment: the customer has paid it."""


def money_sources(tenant: Tenant, given_back: Callable[[], dict[int, Decimal]]) -> dict[str, Source]:
    """`given_back`: by receipt, what refunds took that the trade book knows nothing of."""
    return {"AR_RECEIVEBILL": _receipts(tenant, given_back), "CN_BILLRECEIVABLE": _bills(tenant)}


def purpose_of(receipt: Receipt) -> str:
    return INTEREST if receipt.id == ASIDE else ADVANCE if receipt.kind == "advance" else SALE


def bill_number(receipt: Receipt) -> str:
    return f"YSPJ{receipt.id:06}"


def form_of(item: Instalment) -> str:
    return "AR_OTHERRECABLE" if item.kind in OTHER else "AR_receivable"


def item_number(item: Instalment, invoice: Invoice | None = None) -> str:
    shown = invoice or item.invoice
    return number_of_item(item, shown) if item.kind in OTHER else receivable_number(shown)


def _all(tenant: Tenant) -> Iterator[Receipt]:
    receipts = tenant.office.receipts
    yield from receipts.values()
    if first := next(iter(receipts.values()), None):
        yield replace(
            first, id=ASIDE, key=(), kind="receipt", amount=Decimal("12.34"), reference="利息", maturity=None,
            returned=None, applications=[],
        )  # fmt: skip


def _itself(row: Any) -> list[Any]:
    return [row]


def _charge(receipt: Receipt) -> Decimal:
    return CHARGE if receipt.id % 5 == 0 and receipt.kind != "bill" and receipt.amount > CHARGE else ZERO


def _receipts(tenant: Tenant, given_back: Callable[[], dict[int, Decimal]]) -> Source:
    office = tenant.office

    def client(row: Receipt) -> Client | None:
        return client_of(tenant, row.customer, row.company)

    def currency(row: Receipt) -> str:
        return currency_number(row.currency)

    def refunded(row: Receipt) -> Decimal:
        return row.amount if row.returned else given_back().get(row.id, ZERO)

    def left(row: Receipt) -> Decimal:
        """What is not written off: 0 once the money is given back, for the refund has taken it."""
        return ZERO if row.returned else row.unapplied() - refunded(row)

    header: dict[str, Any] = {
        "FID": lambda row: FIRST_ID + row.id, "FBillNo": receipt_number,
        "FBillTypeID": lambda row: "SKDLX02_SYS" if row.id == ASIDE else "SKDLX01_SYS",
        "FDATE": lambda row: at_midnight(row.posted), "FCONTACTUNITTYPE": constant("BD_Customer"),
        "FCONTACTUNIT": client, "FPAYUNITTYPE": constant("BD_Customer"), "FPAYUNIT": client, "FCURRENCYID": currency,
        "FSETTLECUR": currency, "FPAYORGID": lambda row: row.company, "FSETTLEORGID": lambda row: row.company,
        "FSALEORGID": lambda row: row.company, "FBUSINESSTYPE": constant("1"),
        "FMAINBOOKCURID": lambda row: currency_number(office.companies[row.company].currency),
        "FEXCHANGERATE": lambda row: row.rate, "FRECEIVEAMOUNTFOR_H": lambda row: row.amount,
        "FRECAMOUNTFOR": lambda row: row.amount - _charge(row),
        "FWRITTENOFFSTATUS": lambda row: settled(row.amount, left(row)), "FISINIT": constant(False),
        "FREMARK": lambda row: row.text, "FTHIRDBILLNO": lambda row: row.reference, "FDOCUMENTSTATUS": constant("C"),
        "FCancelStatus": constant("A"), "FCreateDate": lambda row: local(row.created),
        "FModifyDate": lambda row: local(row.changed), "FApproveDate": lambda row: local(row.created),
    }  # fmt: skip
    entry: dict[str, Any] = {
        "FEntryID": lambda row: FIRST_ID + row.id, "FSeq": constant(1),
        "FSETTLETYPEID": lambda row: BILL if row.kind == "bill" else WIRE, "FPURPOSEID": purpose_of,
        "FRECTOTALAMOUNTFOR": lambda row: row.amount, "FRECAMOUNTFOR_E": lambda row: row.amount - _charge(row),
        "FHANDLINGCHARGEFOR": _charge, "FSETTLENO": lambda row: row.reference,
        "FPOSTDATE": lambda row: at_midnight(row.dated), "FSALEORDERNO": constant(""),
        "FWRITTENOFFAMOUNTFOR_D": lambda row: row.amount - left(row), "FNOTVERIFICATEAMOUNT": left,
        "FWRITTENOFFSTATUS_D": lambda row: settled(row.amount, left(row)), "FRelateReFundAmount": refunded,
    }  # fmt: skip
    bill: dict[str, Any] = {
        "FEntryID": lambda row: FIRST_ID + row.id, "FBILLID": lambda row: row, "FBPBILLNUMBER": bill_number,
        "FBPBILLTYPE": constant("1"), "FBPBILLDUEDATE": lambda row: at_midnight(row.maturity),
        "FBPBILLPARAMOUNT": lambda row: row.amount,
    }  # fmt: skip
    source: dict[str, Any] = {
        "FEntryID": lambda row: FIRST_ID + row.id, "FSeq": constant(1),
        "FSRCBILLTYPEID": lambda row: form_of(row.item), "FSRCBILLNO": lambda row: item_number(row.item),
        "FSRCROWID": lambda row: FIRST_ID + row.item.id,
        "FORDERBILLNO": lambda row: order_of(Receivable(row.item.invoice, TRADE)),
        "FREALRECAMOUNT": lambda row: row.taken,
    }  # fmt: skip
    return Source(
        lambda: list(_all(tenant)),
        {HEAD: header, "FRECEIVEBILLENTRY": entry, "FBILLRECEIVABLEENTRY": bill, "FRECEIVEBILLSRCENTRY": source},
        {"FRECEIVEBILLENTRY": _itself, "FBILLRECEIVABLEENTRY": lambda row: [row] if row.kind == "bill" else [],
         "FRECEIVEBILLSRCENTRY": lambda row: [each for each in row.applications if each.stands() and each.taken]},
        lambda wanted: office.receipts.get(wanted - FIRST_ID),
    )  # fmt: skip


def _bills(tenant: Tenant) -> Source:
    """Bills of exchange received: each came with a receipt of its own."""
    fields: dict[str, Any] = {
        "FID": lambda row: FIRST_ID + row.id, "FNumber": bill_number, "FName": bill_number,
        "FDocumentStatus": constant("C"), "FForbidStatus": constant("A"),
    }  # fmt: skip
    return Source(lambda: [one for one in tenant.office.receipts.values() if one.kind == "bill"], head(fields))
