"""Receivables, out of the trade book.

- AR_receivable: financial (3) for what counts, provisional (2) for what is estimated; red ones for credit memos and
  reversals. The last of several organisations books business receivables (1) in place of financial ones.
  Its schedule (FEntityPlan) is the open items; noted items are none: a document of such alone is not here.
- A reversal is a red receivable that is written off against the whole of its document on the reversal's day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from typing import Any

from sandbox.kingdee.metadata import HEAD
from sandbox.kingdee.shapes_base import WIRE, Client, client_of, currency_number
from sandbox.kingdee.shapes_sales import order_number
from sandbox.kingdee.shapes_stock import delivery_number
from sandbox.kingdee.tables import FIRST_ID, Source, Tenant, at_midnight, constant, local
from sandbox.office.money import ZERO, rounded
from sandbox.office.trade import Instalment, Invoice, InvoiceLine, Receipt

BUSINESS, PROVISIONAL, FINANCIAL = "1", "2", "3"
RETENTION = "质保金"
"""What this tenant writes into its field for it, a text that every tenant has to use as it likes."""
REVERSED = 5_000_000
"""Ids of a reversal's schedule and write-offs begin here; there is one for each instalment it closes."""

TRADE, OTHER = ("trade", "retention"), ("other",)

_WIDE, _PRICE = Context(prec=40), Decimal(1).scaleb(-10)


@dataclass(frozen=True, slots=True)
class Due:
    """A row of a receivable's schedule: an instalment, or on a reversal the one it closes, with the opposite sign."""

    owner: Receivable
    item: Instalment
    seq: int

    @property
    def id(self) -> int:
        return (REVERSED if self.owner.is_reversal else FIRST_ID) + self.item.id

    @property
    def amount(self) -> Decimal:
        return -self.item.amount if self.owner.is_reversal else self.item.amount

    @property
    def open(self) -> Decimal:
        if self.owner.is_provisional:
            return ZERO if self.owner.invoice.reversed_by or self.owner.is_reversal else self.amount
        return self.item.balance() if not self.owner.is_reversal else ZERO


@dataclass(frozen=True, slots=True)
class Receivable:
    """A document of the trade book as a receivable of one form: with those of its instalments that stand there."""

    invoice: Invoice
    kinds: tuple[str, ...]

    @property
    def is_reversal(self) -> bool:
        return self.invoice.kind == "reversal"

    @property
    def origin(self) -> Invoice:
        """Whose instalments it shows."""
        return self.invoice.reference if self.is_reversal and self.invoice.reference else self.invoice

    @property
    def is_provisional(self) -> bool:
        return self.origin.kind == "provisional"

    @property
    def dues(self) -> list[Due]:
        items = [item for item in self.origin.instalments if item.kind in self.kinds]
        return [Due(self, item, at) for at, item in enumerate(items, 1)]

    @property
    def amount(self) -> Decimal:
        return sum((due.amount for due in self.dues), ZERO)

    @property
    def open(self) -> Decimal:
        return sum((due.open for due in self.dues), ZERO)

    @property
    def latest(self) -> date:
        """The due date in the header: the last one known, else the document's own."""
        return max((due.item.due for due in self.dues if due.item.due), default=self.invoice.dated)


def receivables(tenant: Tenant, kinds: tuple[str, ...]) -> Iterator[Receivable]:
    for invoice in tenant.office.invoices.values():
        if (shown := receivable_of(invoice, kinds)) is not None:
            yield shown


def receivable_of(invoice: Invoice | None, kinds: tuple[str, ...]) -> Receivable | None:
    """None for a pro forma document, and for one without an instalment of these kinds."""
    if invoice is None:
        return None
    found = Receivable(invoice, kinds)
    shown = found.origin.kind != "pro_forma" and any(item.kind in kinds for item in found.origin.instalments)
    return found if shown else None


def receivable_number(invoice: Invoice) -> str:
    return f"AR{invoice.id:08}"


def receipt_number(receipt: Receipt) -> str:
    return f"SKD{receipt.id:08}"


def settled(total: Decimal, left: Decimal) -> str:
    """A none, B part, C all."""
    return "C" if not left else "A" if left == total else "B"


def ar_sources(tenant: Tenant) -> dict[str, Source]:
    return {"AR_receivable": _receivables(tenant)}


# -- receivables -------------------------------------------------------------------------------------------------------


def _currency(row: Receivable) -> str:
    return currency_number(row.invoice.currency)


def _company(row: Receivable) -> str:
    return row.invoice.company


def _header(tenant: Tenant) -> dict[str, Any]:
    def client(row: Receivable) -> Client | None:
        return client_of(tenant, row.invoice.customer, row.invoice.company)

    return {
        "FID": lambda row: FIRST_ID + row.invoice.id, "FBillNo": lambda row: receivable_number(row.invoice),
        "FBillTypeID": constant("YSD01_SYS"), "FDATE": lambda row: at_midnight(row.invoice.posted),
        "FENDDATE_H": lambda row: at_midnight(row.latest), "FCUSTOMERID": client,
        "FCURRENCYID": _currency, "FSETTLEORGID": _company,
        "FPAYORGID": _company, "FSALEORGID": _company, "FALLAMOUNTFOR": lambda row: row.amount,
        "FWRITTENOFFSTATUS": lambda row: settled(row.amount, row.open),
        "FRedBlue": lambda row: "1" if row.amount < 0 else "0",
        "FISINIT": lambda row: row.origin.kind == "opening" and not row.is_reversal, "FDocumentStatus": constant("C"),
        "FCancelStatus": constant("A"), "F_CRM_Text": lambda row: row.invoice.source_number,
        "F_CRM_Date": lambda row: at_midnight(row.invoice.dated),
        "FCreateDate": lambda row: local(row.invoice.created), "FModifyDate": lambda row: local(row.invoice.changed),
        "FAPPROVEDATE": lambda row: local(row.invoice.created),
    }  # fmt: skip


def _receivables(tenant: Tenant) -> Source:
    office = tenant.office

    def main_currency(row: Receivable) -> str:
        return currency_number(office.companies[row.invoice.company].currency)

    def account_type(row: Receivable) -> str:
        *others, last = office.companies
        claim = BUSINESS if others and row.invoice.company == last else FINANCIAL
        return PROVISIONAL if row.is_provisional else claim

    header = _header(tenant) | {
        "FPayConditon": lambda row: row.invoice.terms, "FBUSINESSTYPE": constant("BZ"), "FISTAX": constant(True),
        "FSetAccountType": account_type,
        "FOPENSTATUS": lambda row: "A" if row.is_provisional or not row.invoice.lines else "C",
        "FAR_Remark": lambda row: row.invoice.text,
    }  # fmt: skip
    finance: dict[str, Any] = {
        "FACCNTTIMEJUDGETIME": lambda row: at_midnight(term_begins(row)), "FSettleTypeID": constant(WIRE),
        "FMAINBOOKSTDCURRID": main_currency, "FEXCHANGETYPE": constant("HLTX01_SYS"),
        "FExchangeRate": lambda row: row.invoice.rate, "FTaxAmountFor": lambda row: row.invoice.tax,
        "FNoTaxAmountFor": lambda row: row.invoice.net,
    }  # fmt: skip
    supplier: dict[str, Any] = dict.fromkeys(("FORDERID", "FTRANSFERID", "FChargeId"), header["FCUSTOMERID"])
    plan: dict[str, Any] = {
        "FEntryID": lambda row: row.id, "FSeq": lambda row: row.seq, "FENDDATE": lambda row: at_midnight(row.item.due),
        "FPAYRATE": _rate, "FPAYAMOUNTFOR": lambda row: row.amount,
        "FPAYAMOUNT": lambda row: _local(office, row, row.amount),
        "FWRITTENOFFAMOUNTFOR_P": lambda row: row.amount - row.open, "FNOTVERIFICATEAMOUNT": lambda row: row.open,
        "FWRITTENOFFSTATUS_P": lambda row: settled(row.amount, row.open),
        "FORDERBILLNO": lambda row: order_of(row.owner),
        "FPRESETENTRYTEXT_P1": lambda row: RETENTION if row.item.kind == "retention" else "",
    }  # fmt: skip
    return Source(
        lambda: receivables(tenant, TRADE),
        {HEAD: header, "FsubHeadFinc": finance, "FsubHeadSuppiler": supplier, "FEntityDetail": _detail(tenant),
         "FEntityPlan": plan},
        {"FEntityPlan": lambda row: row.dues, "FEntityDetail": lines_of},
        lambda wanted: receivable_of(office.invoices.get(wanted - FIRST_ID), TRADE),
    )  # fmt: skip


def term_begins(row: Receivable) -> date:
    return next((due.item.baseline for due in row.dues if due.item.baseline), row.invoice.dated)


def _rate(row: Due) -> Decimal:
    total = row.owner.amount
    return _WIDE.divide(row.amount * 100, total).quantize(_PRICE, context=_WIDE) if total else ZERO


def _local(office: Any, row: Due, amount: Decimal) -> Decimal:
    invoice = row.owner.invoice
    return rounded(amount * invoice.rate, office.companies[invoice.company].currency)


def order_of(row: Receivable) -> str:
    return next((order_number(line.order_line.order) for line in row.invoice.lines if line.order_line), "")


@dataclass(frozen=True, slots=True)
class DetailRow:
    owner: Receivable
    line: InvoiceLine
    seq: int


def lines_of(row: Receivable) -> list[DetailRow]:
    return [DetailRow(row, line, at) for at, line in enumerate(row.invoice.lines, 1)]


def each(amount: Decimal, quantity: Decimal) -> Decimal:
    """A price; an amount without a quantity has none."""
    return _WIDE.divide(amount, quantity).quantize(_PRICE, context=_WIDE) if quantity else ZERO


def _detail(tenant: Tenant) -> dict[str, Any]:
    def share(row: DetailRow) -> Decimal:
        """What is settled of the line: its share of what is settled of the document."""
        gross, total = row.line.net + row.line.tax, row.owner.amount
        done = total - row.owner.open
        return rounded(_WIDE.divide(gross * done, total), row.owner.invoice.currency) if total else ZERO

    return {
        "FEntryID": lambda row: FIRST_ID + row.line.id, "FSeq": lambda row: row.seq,
        "FMATERIALID": lambda row: row.line.product, "FPRICEUNITID": lambda row: row.line.unit,
        "FPriceQty": lambda row: row.line.quantity,
        "FTaxPrice": lambda row: each(row.line.net + row.line.tax, row.line.quantity),
        "FPrice": lambda row: each(row.line.net, row.line.quantity), "FEntryTaxRate": lambda row: row.line.tax_rate,
        "FNoTaxAmountFor_D": lambda row: row.line.net, "FTAXAMOUNTFOR_D": lambda row: row.line.tax,
        "FALLAMOUNTFOR_D": lambda row: row.line.net + row.line.tax,
        "FORDERNUMBER": lambda row: order_number(row.line.order_line.order) if row.line.order_line else "",
        "FORDERENTRYSEQ": lambda row: _sequence(row.line), "FORDERENTRYID": lambda row: _order_line_id(row.line),
        "FSOURCETYPE": lambda row: "SAL_OUTSTOCK" if row.line.delivery else "",
        "FSourceBillNo": lambda row: delivery_number(row.line.delivery) if row.line.delivery else "",
        "FOPENAMOUNTFOR_D": lambda row: ZERO if row.owner.is_provisional else row.line.net + row.line.tax,
        "FNOINVOICEAMOUNT": lambda row: row.line.net + row.line.tax if row.owner.is_provisional else ZERO,
        "FRECEIVEAMOUNT": share, "FNORECEIVEAMOUNT": lambda row: row.line.net + row.line.tax - share(row),
    }  # fmt: skip


def _sequence(line: InvoiceLine) -> int:
    return line.order_line.order.lines.index(line.order_line) + 1 if line.order_line else 0


def _order_line_id(line: InvoiceLine) -> int:
    return FIRST_ID + line.order_line.id if line.order_line else 0
