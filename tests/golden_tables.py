"""The golden data set in the CRM's own tables, as if one ERP `books` had been pulled and every document derived.

An account number is another customer in the other company, so an ERP customer's key is company/account.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from crm_core import model, schema
from crm_core.database import Database
from crm_core.receivables import OpenItem, Payment
from tests import golden
from tests.crm import NOW, add_record, customer_row

SYSTEM = "s4"


def store(db: Database, folder: Path) -> None:
    """Write everything of `folder` (the directory `golden`) into the tables."""
    books = golden.load(folder, SYSTEM)
    tables = {path.stem: _read(path) for path in folder.glob("*.csv")}
    with db.write() as conn:
        _masters(conn, tables)
        _rows(conn, schema.open_item, [_document(item) | {"disputed": item.disputed} for item in books.items])
        _rows(conn, schema.payment, [_document(payment) for payment in books.payments])
        _rows(conn, schema.application, [_plain(application) for application in books.applications])
        _rows(conn, schema.exchange_rate, [_plain(rate) for rate in books.rates])
        disputes = [_plain(dispute) for dispute in books.disputes]
        made = {"reason": "", "opened_by": "test"}
        _rows(conn, schema.dispute, [{**row, "id": f"D{seq}", **made} for seq, row in enumerate(disputes)])
        _orders(conn, books)
        _deliveries(conn, books)
        _invoices(conn, tables)


def masters(conn: Connection, folder: Path) -> None:
    """Companies and customers alone."""
    _masters(conn, {path.stem: _read(path) for path in folder.glob("*.csv")})


def erp_key(company: str, account: str) -> str:
    return f"{company}/{account}"


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _plain(struct: Any) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def _document(document: OpenItem | Payment) -> dict[str, Any]:
    row = _plain(document)
    row["customer_key"] = erp_key(document.company_code, document.customer_key)
    del row["customer"]
    return row


def _rows(conn: Connection, table: Any, rows: list[dict[str, Any]]) -> None:
    conn.execute(insert(table), rows)


def _masters(conn: Connection, tables: dict[str, list[dict[str, str]]]) -> None:
    for row in tables["companies"]:
        company = {
            "company_code": row["company_code"],
            "currency": row["local_currency"],
            "time_zone": row["time_zone"],
        }
        conn.execute(insert(schema.company).values(system=SYSTEM, name="", country="", **company))
    for row in tables["customers"]:
        number = row["customer_id"]
        conn.execute(
            insert(schema.customer).values(**customer_row(number, name=row.get("name", number), origin=SYSTEM))
        )
    for row in tables["customer_accounts"]:
        key = erp_key(row["company_code"], row["account_number"])
        link = {"system": SYSTEM, "obj": "customers", "erp_key": key, "crm_id": row["customer_id"]}
        conn.execute(insert(schema.external_ref).values(**link, linked_at=NOW, linked_by="pull"))


def _orders(conn: Connection, books: golden.Golden) -> None:
    for order in books.orders:
        lines = [
            model.OrderLine(line=line.line, unit=line.unit, quantity=line.quantity, product_key="P")
            for line in order.lines
        ]
        record = model.Order(
            number=order.number,
            company_code=order.company_code,
            customer_key="",
            order_date=order.order_date,
            currency="CNY",
            status="open",
            cancelled_on=order.cancelled_on,
            lines=lines,
        )
        add_record(conn, "orders", order.key, record)
        for since, until in order.credit_holds:
            hold = {"system": SYSTEM, "key": order.key, "from_on": since, "until_on": until}
            conn.execute(insert(schema.order_hold).values(**hold))


def _deliveries(conn: Connection, books: golden.Golden) -> None:
    for seq, delivered in enumerate(books.deliveries):
        line = model.DeliveryLine(
            line="1", order_key=delivered.order_key, order_line=delivered.order_line, quantity=delivered.quantity
        )
        kind = "delivery" if delivered.quantity > 0 else "return"
        record = model.Delivery(number=str(seq), kind=kind, goods_issued_on=delivered.goods_issued_on, lines=[line])
        add_record(conn, "deliveries", str(seq), record)


def _invoices(conn: Connection, tables: dict[str, list[dict[str, str]]]) -> None:
    """Straight into the table: what `order_progress` needs of an invoice is kind, day, lines and what it reverses."""
    lines = defaultdict(list)
    for line in tables["invoice_lines"]:
        lines[golden.invoice_key(line)].append(line)
    for row in tables["invoices"]:
        key = golden.invoice_key(row)
        record = model.Invoice(
            number=row["number"],
            kind=row["kind"],
            company_code=row["company_code"],
            fiscal_year=row["fiscal_year"],
            document_key=key,
            customer_key=erp_key(row["company_code"], row["account_number"]),
            document_date=golden._date(row["document_date"]),
            posting_date=golden._date(row["posting_date"]),
            currency=row["currency"],
            net_amount=golden.Decimal(0),
            gross_amount=golden.Decimal(0),
            reverses=golden.invoice_key(row, "reference_") if row["kind"] == "reversal" else "",
            lines=[
                model.InvoiceLine(
                    line=line["line_number"],
                    order_key=f"{line['company_code']}/{line['order_number']}" if line["order_number"] else "",
                    order_line=line["order_line"],
                    quantity=golden.Decimal(line["quantity"]),
                )
                for line in lines[key]
            ],
        )
        add_record(conn, "invoices", key, record)
