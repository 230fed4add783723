"""Tax invoices of what was billed: value added tax special ones, and ordinary ones."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sandbox.kingdee.metadata import HEAD
from sandbox.kingdee.shapes_ar import TRADE, DetailRow, Receivable, each, lines_of, receivable_number
from sandbox.kingdee.shapes_base import client_of, currency_number
from sandbox.kingdee.shapes_sales import order_number
from sandbox.kingdee.tables import FIRST_ID, Source, Tenant, at_midnight, constant, local
from sandbox.office.money import ZERO
from sandbox.office.trade import Invoice


def tax_sources(tenant: Tenant) -> dict[str, Source]:
    return {
        "IV_SALESIC": _tax_invoices(tenant, "XSZZS", "FSALESICENTRY", special=True),
        "IV_SALESOC": _tax_invoices(tenant, "XSPT", "FSALESOCENTRY", special=False),
    }


def _tax_invoices(tenant: Tenant, prefix: str, entity: str, *, special: bool) -> Source:
    """Of what counts and bills lines: special ones where Chinese value added tax is charged, else ordinary ones."""
    office = tenant.office

    def fits(invoice: Invoice) -> bool:
        taxed = office.companies[invoice.company].country == "CN" and bool(invoice.tax)
        return invoice.counts and invoice.kind != "opening" and bool(invoice.lines) and taxed == special

    header: dict[str, Any] = {
        "FID": lambda row: FIRST_ID + row.id, "FBILLNO": lambda row: f"{prefix}{row.id:06}",
        "FDATE": lambda row: at_midnight(row.posted), "FINVOICENO": lambda row: f"{10000000 + row.id}",
        "FINVOICEDATE": lambda row: at_midnight(row.dated),
        "FCUSTOMERID": lambda row: client_of(tenant, row.customer, row.company),
        "FSETTLEORGID": lambda row: row.company,
        "FCURRENCYID": lambda row: currency_number(row.currency), "FRedBlue": lambda row: "1" if row.gross < 0 else "0",
        "FAFTERTOTALTAXFOR": lambda row: row.gross, "FDOCUMENTSTATUS": constant("C"), "FCANCELSTATUS": constant("A"),
        "FCREATEDATE": lambda row: local(row.created), "FMODIFYDATE": lambda row: local(row.changed),
        "FAPPROVEDATE": lambda row: local(row.created),
    }  # fmt: skip
    entry = _tax_entry()
    return Source(
        lambda: filter(fits, office.invoices.values()), {HEAD: header, entity: entry},
        {entity: lambda row: lines_of(Receivable(row, TRADE))},
        lambda wanted: _that_fits(office.invoices.get(wanted - FIRST_ID), fits),
    )  # fmt: skip


def _that_fits(invoice: Invoice | None, fits: Any) -> Invoice | None:
    return invoice if invoice and fits(invoice) else None


def _tax_entry() -> dict[str, Any]:
    def gross(row: DetailRow) -> Decimal:
        return row.line.net + row.line.tax

    return {
        "FEntryID": lambda row: FIRST_ID + row.line.id, "FSeq": lambda row: row.seq,
        "FMATERIALID": lambda row: row.line.product, "FPRICEUNITID": lambda row: row.line.unit,
        "FPRICEQTY": lambda row: row.line.quantity, "FAUXPRICE": lambda row: each(row.line.net, row.line.quantity),
        "FAUXTAXPRICE": lambda row: each(gross(row), row.line.quantity), "FTAXRATE": lambda row: row.line.tax_rate,
        "FAMOUNTFOR": lambda row: row.line.net, "FDETAILTAXAMOUNTFOR": lambda row: row.line.tax, "FALLAMOUNTFOR": gross,
        "FSALESORDERNO": lambda row: order_number(row.line.order_line.order) if row.line.order_line else "",
        "FSRCBILLTYPEID": constant("AR_receivable"), "FSRCBILLID": lambda row: FIRST_ID + row.owner.invoice.id,
        "FSRCBILLNO": lambda row: receivable_number(row.owner.invoice), "FSRCROWID": lambda row: FIRST_ID + row.line.id,
        "FOPENSTATUS_D": constant("C"), "FOPENAMOUNTFOR_D": gross, "FNOTOPENAMOUNTFOR_D": constant(ZERO),
    }  # fmt: skip
