"""The golden data set, straight from its CSV files into the structures that ageing and order progress read.

Keys: an invoice is company/fiscal year/number, an item that and its instalment; a payment is company/fiscal
year/pay-number (invoices and payments share numbers); an order is company/number.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from crm_core.ageing_report import Figures, ItemRow, Level, Report
from crm_core.order_progress import DeliveredLine, InvoicedLine, OrderedLine, OrderProgress, PlacedOrder
from crm_core.receivables import Application, Dispute, OpenItem, Payment, Rate

Record = dict[str, str]


@dataclass(frozen=True)
class Golden:
    items: list[OpenItem]
    payments: list[Payment]
    applications: list[Application]
    disputes: list[Dispute]
    rates: list[Rate]
    orders: list[PlacedOrder]
    deliveries: list[DeliveredLine]
    invoiced: list[InvoicedLine]


def load(folder: Path, system: str = "") -> Golden:
    """Read `folder` (the directory `golden`); `system` names the ERP the rows are to come from."""
    tables = {path.stem: _read(path) for path in folder.glob("*.csv")}
    accounts = tables["customer_accounts"]
    customers = {(row["company_code"], row["account_number"]): row["customer_id"] for row in accounts}
    local = {row["company_code"]: row["local_currency"] for row in tables["companies"]}
    invoices = {invoice_key(row): row for row in tables["invoices"]}
    reversed_on = {
        invoice_key(row, "reference_"): _day(row["posting_date"])
        for row in tables["invoices"]
        if row["kind"] == "reversal"
    }
    kinds = {key: row["kind"] for key, row in invoices.items()}
    return Golden(
        [_item(row, invoices[invoice_key(row)], customers, local, reversed_on, system) for row in tables["open_items"]],
        [_payment(row, customers, local, system) for row in tables["payments"]],
        [_application(row, system) for row in tables["applications"]],
        [_dispute(row, system) for row in tables["disputes"]],
        [
            Rate(
                rate_date=_date(row["rate_date"]),
                from_currency=row["from_currency"],
                to_currency=row["to_currency"],
                rate=Decimal(row["rate"]),
            )
            for row in tables["rates"]
        ],
        [_order(row, tables["order_lines"], system) for row in tables["orders"]],
        [_delivered(row, system) for row in tables["deliveries"]],
        [
            _invoiced(row, invoices[invoice_key(row)], kinds, system)
            for row in tables["invoice_lines"]
            if row["order_number"]
        ],
    )


def invoice_key(row: Record, prefix: str = "") -> str:
    return "/".join((row["company_code"], row[f"{prefix}fiscal_year"], row[f"{prefix}number"]))


def item_key(row: Record) -> str:
    return f"{invoice_key(row)}/{row['instalment']}"


def payment_key(company: str, fiscal_year: str, number: str) -> str:
    return f"{company}/{fiscal_year}/pay-{number}"


def _read(path: Path) -> list[Record]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _date(text: str) -> date:
    return date.fromisoformat(text)


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _item(
    row: Record,
    invoice: Record,
    customers: dict[tuple[str, str], str],
    local: dict[str, str],
    reversed_on: dict[str, date | None],
    system: str,
) -> OpenItem:
    company, account = invoice["company_code"], invoice["account_number"]
    return OpenItem(
        system=system,
        key=item_key(row),
        company_code=company,
        customer=customers[company, account],
        customer_key=account,
        fiscal_year=row["fiscal_year"],
        document_number=row["number"],
        instalment=row["instalment"],
        kind=row["kind"],
        document_kind=invoice["kind"],
        document_date=_date(invoice["document_date"]),
        posting_date=_date(invoice["posting_date"]),
        due_date=_day(row["due_date"]),
        currency=row["currency"],
        amount=Decimal(row["amount"]),
        local_currency=local[company],
        rate=Decimal(invoice["rate"]),
        reversed_on=reversed_on.get(invoice_key(row)),
        reference=row["number"],
        invoice_key=invoice_key(row),
    )


def _payment(row: Record, customers: dict[tuple[str, str], str], local: dict[str, str], system: str) -> Payment:
    company, account = row["company_code"], row["account_number"]
    return Payment(
        system=system,
        key=payment_key(company, row["fiscal_year"], row["number"]),
        company_code=company,
        customer=customers[company, account],
        customer_key=account,
        fiscal_year=row["fiscal_year"],
        document_number=row["number"],
        kind=row["kind"],
        document_date=_date(row["document_date"]),
        posting_date=_date(row["posting_date"]),
        currency=row["currency"],
        amount=Decimal(row["amount"]),
        local_currency=local[company],
        rate=Decimal(row["rate"]),
        maturity_date=_day(row["maturity_date"]),
        reversed_on=_day(row["reversed_on"]),
        reference=row["reference"],
    )


def _application(row: Record, system: str) -> Application:
    from_payment = row["source_kind"] == "payment"
    source_kind = {"payment": "payment", "credit_memo": "item", "": ""}[row["source_kind"]]
    company, source_year, source = row["company_code"], row["source_fiscal_year"], row["source_number"]
    memo = f"{company}/{source_year}/{source}/1"  # credit memos have one instalment
    return Application(
        system=system,
        key=f"{company}/{row['application_id']}",
        kind=row["kind"],
        applied_on=_date(row["applied_on"]),
        reversed_on=_day(row["reversed_on"]),
        source_kind=source_kind,
        source_key=(payment_key(company, source_year, source) if from_payment else memo) if source_kind else "",
        source_amount=Decimal(row["source_amount"] or 0),
        target_key=item_key(row),
        amount=Decimal(row["amount"]),
        group_key=f"{company}/{row['application_id']}",
    )


def _dispute(row: Record, system: str) -> Dispute:
    return Dispute(
        system=system,
        item_key=item_key(row),
        amount=Decimal(row["amount"]) if row["amount"] else None,
        opened_on=_date(row["opened_on"]),
        closed_on=_day(row["closed_on"]),
    )


def _order(row: Record, lines: list[Record], system: str) -> PlacedOrder:
    place = row["company_code"], row["order_number"]
    return PlacedOrder(
        system=system,
        key="/".join(place),
        company_code=row["company_code"],
        number=row["order_number"],
        order_date=_date(row["order_date"]),
        cancelled_on=_day(row["cancelled_on"]),
        credit_holds=((_date(row["credit_hold_from"]), _day(row["credit_hold_until"])),)
        if row["credit_hold_from"]
        else (),
        lines=tuple(
            OrderedLine(line=line["line_number"], unit=line["unit"], quantity=Decimal(line["quantity"]))
            for line in lines
            if (line["company_code"], line["order_number"]) == place
        ),
    )


def _delivered(row: Record, system: str) -> DeliveredLine:
    return DeliveredLine(
        system=system,
        order_key=f"{row['company_code']}/{row['order_number']}",
        order_line=row["order_line"],
        quantity=Decimal(row["quantity"]),
        goods_issued_on=_day(row["goods_issue_date"]),
    )


def _invoiced(row: Record, invoice: Record, kinds: dict[str, str], system: str) -> InvoicedLine:
    return InvoicedLine(
        system=system,
        order_key=f"{row['company_code']}/{row['order_number']}",
        order_line=row["order_line"],
        quantity=Decimal(row["quantity"]),
        posting_date=_date(invoice["posting_date"]),
        document_kind=invoice["kind"],
        reversed_kind=kinds[invoice_key(invoice, "reference_")] if invoice["kind"] == "reversal" else "",
    )


# -- the other way: what we computed, in the shape of the answers ------------------------------------------


def answer(report: Report, orders: list[OrderProgress]) -> dict[str, Any]:
    """A report and the orders as `answers/AS_OF.json` shows them."""
    return {
        "as_of": report.as_of.isoformat(),
        "companies": {
            company.company_code: {
                "local_currency": company.local_currency,
                "local": figures(company.local),
                "revalued": figures(company.revalued),
                "currencies": {
                    currency: {
                        "total": level(ageing.total),
                        "customers": {name: level(each) for name, each in ageing.customers.items()},
                    }
                    for currency, ageing in company.currencies.items()
                },
            }
            for company in report.companies.values()
        },
        "open_items": [item_answer(row) for row in report.items],
        "payments": [
            _head(row.payment)
            | {"column": row.column, "amount": str(row.payment.amount), "rest": str(row.rest)}
            | {"local": str(row.local), "revalued": str(row.revalued)}
            for row in report.payments
        ],
        "bills": [
            _head(row.payment)
            | {"maturity_date": str(row.payment.maturity_date), "amount": str(row.amount)}
            | {"local": str(row.local), "revalued": str(row.revalued)}
            for row in report.bills
        ],
        "orders": [order_answer(order) for order in orders],
    }


def figures(of: Figures) -> dict[str, Any]:
    plain = {name: str(getattr(of, name)) for name in of.__struct_fields__ if name != "buckets"}
    return plain | {
        "buckets": {basis: {name: str(amount) for name, amount in by.items()} for basis, by in of.buckets.items()}
    }


def level(of: Level) -> dict[str, Any]:
    return figures(of.own) | {"local": figures(of.local), "revalued": figures(of.revalued)}


def item_answer(row: ItemRow) -> dict[str, Any]:
    item = row.item
    return (
        _head(item)
        | {"instalment": item.instalment, "kind": item.kind, "column": row.column}
        | {"document_date": str(item.document_date), "posting_date": str(item.posting_date)}
        | {"due_date": str(item.due_date or ""), "amount": str(item.amount), "open": str(row.open)}
        | {"disputed": str(row.disputed), "days": row.days, "buckets": row.buckets}
        | {"local": str(row.local), "revalued": str(row.revalued)}
    )


def _head(document: OpenItem | Payment) -> dict[str, str]:
    return {
        "company_code": document.company_code,
        "fiscal_year": document.fiscal_year,
        "number": document.document_number,
        "customer_id": document.customer,
        "account_number": document.customer_key,
        "currency": document.currency,
    }


def order_answer(progress: OrderProgress) -> dict[str, Any]:
    def quantities(of: Any) -> dict[str, str]:
        return {name: str(getattr(of, name)) for name in of.__struct_fields__}

    return {
        "company_code": progress.order.company_code,
        "order_number": progress.order.number,
        "status": progress.status,
        "by_unit": {unit: quantities(of) for unit, of in progress.by_unit.items()},
        "lines": [
            {"line_number": line.line, "unit": line.unit} | quantities(line.quantities) for line in progress.lines
        ],
    }
