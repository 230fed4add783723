"""Other receivables: the trade book's instalments that are no trade, and what an employee owes.

One document for each instalment, with the due date in its head; its rows say what the money is for, and add up to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sandbox.kingdee.metadata import HEAD
from sandbox.kingdee.shapes_ar import OTHER, Due, receivable_of, receivables, settled, term_begins
from sandbox.kingdee.shapes_base import Client, client_of, currency_number
from sandbox.kingdee.tables import Source, Tenant, at_midnight, constant, local
from sandbox.office.money import ZERO, rounded
from sandbox.office.trade import Instalment, Invoice

CUSTOMER, EMPLOYEE = "BD_Customer", "BD_Empinfo"
EMPLOYEE_ID = 7_000_000


@dataclass(frozen=True, slots=True)
class Other:
    id: int
    number: str
    company: str
    customer: Client | None
    """None: an employee."""
    currency: str
    rate: Decimal
    posted: date
    dated: date
    baseline: date
    due: date | None
    amount: Decimal
    open: Decimal
    opening: bool
    reference: str
    text: str
    created: datetime
    changed: datetime

    @property
    def rows(self) -> list[Cost]:
        """Two of them, two fifths and three."""
        first = rounded(self.amount * 2 / 5, self.currency)
        return [Cost(self, 1, first), Cost(self, 2, self.amount - first)]


@dataclass(frozen=True, slots=True)
class Cost:
    owner: Other
    seq: int
    amount: Decimal

    @property
    def id(self) -> int:
        return self.owner.id * 10 + self.seq


def other_number(invoice: Invoice, seq: int = 1) -> str:
    return f"QTYSD{invoice.id:06}" if seq == 1 else f"QTYSD{invoice.id:06}-{seq}"


def number_of_item(item: Instalment, invoice: Invoice) -> str:
    """The number of the document that shows the instalment: of its invoice, or of that one's reversal."""
    owner = receivable_of(invoice, OTHER)
    seq = next((due.seq for due in owner.dues if due.item is item), 1) if owner else 1
    return other_number(invoice, seq)


def other_sources(tenant: Tenant) -> dict[str, Source]:
    return {"AR_OTHERRECABLE": _others(tenant)}


def _docs(tenant: Tenant) -> Iterator[Other]:
    found = [_of(tenant, due) for receivable in receivables(tenant, OTHER) for due in receivable.dues]
    yield from found
    if first := next((one for one in found if one.amount > 0), None):
        owed = Decimal(3000)
        yield replace(first, id=EMPLOYEE_ID, number="QTYSD900001", customer=None, amount=owed, open=owed, text="备用金")


def _of(tenant: Tenant, due: Due) -> Other:
    invoice = due.owner.invoice
    return Other(
        due.id, other_number(invoice, due.seq), invoice.company, client_of(tenant, invoice.customer, invoice.company),
        invoice.currency, invoice.rate, invoice.posted, invoice.dated, term_begins(due.owner), due.item.due, due.amount,
        due.open, due.owner.origin.kind == "opening" and not due.owner.is_reversal, invoice.source_number, invoice.text,
        invoice.created, invoice.changed,
    )  # fmt: skip


def _others(tenant: Tenant) -> Source:
    def local_currency(row: Other) -> str:
        return tenant.office.companies[row.company].currency

    header: dict[str, Any] = {
        "FID": lambda row: row.id, "FBillNo": lambda row: row.number, "FBillTypeID": constant("QTYSD01_SYS"),
        "FDATE": lambda row: at_midnight(row.posted), "FENDDATE_H": lambda row: at_midnight(row.due),
        "FCONTACTUNITTYPE": lambda row: CUSTOMER if row.customer else EMPLOYEE,
        "FCONTACTUNIT": lambda row: row.customer,
        "FCURRENCYID": lambda row: currency_number(row.currency), "FSETTLEORGID": lambda row: row.company,
        "FPAYORGID": lambda row: row.company, "FSALEORGID": lambda row: row.company,
        "FAMOUNTFOR": lambda row: row.amount,
        "FAMOUNT": lambda row: rounded(row.amount * row.rate, local_currency(row)),
        "FNOTWRITTENOFFAMOUNTFOR_H": lambda row: row.open, "FWRITTENOFFAMOUNTFOR": lambda row: row.amount - row.open,
        "FWRITTENOFFSTATUS": lambda row: settled(row.amount, row.open), "FISINIT": lambda row: row.opening,
        "FMAINBOOKSTDCURRID": lambda row: currency_number(local_currency(row)), "FExchangeRate": lambda row: row.rate,
        "FACCNTTIMEJUDGETIME": lambda row: at_midnight(row.baseline), "FAR_OtherRemarks": lambda row: row.text,
        "F_CRM_Text": lambda row: row.reference, "F_CRM_Date": lambda row: at_midnight(row.dated),
        "FDocumentStatus": constant("C"), "FCancelStatus": constant("A"), "FCreateDate": lambda row: local(row.created),
        "FModifyDate": lambda row: local(row.changed), "FAPPROVEDATE": lambda row: local(row.created),
    }  # fmt: skip
    entry: dict[str, Any] = {
        "FEntryID": lambda row: row.id, "FSeq": lambda row: row.seq, "FNOTAXAMOUNTFOR": lambda row: row.amount,
        "FAMOUNTFOR_D": lambda row: row.amount,
        "FNOTWRITTENOFFAMOUNTFOR": lambda row: row.amount if row.owner.open else ZERO,
    }  # fmt: skip
    return Source(lambda: list(_docs(tenant)), {HEAD: header, "FEntity": entry}, {"FEntity": lambda row: row.rows})
