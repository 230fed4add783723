"""The golden data set as an ERP that tells what settled what hands it over: records through the intake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import insert

from crm_core import model, schema
from crm_core.database import Database
from crm_core.intake import Mapped
from crm_core.receivables import Application, OpenItem, Payment
from crm_core.store import Page, Store
from tests import golden, golden_tables
from tests.crm import NOW

SYSTEM = golden_tables.SYSTEM
PAGE = 25


def take_in(db: Database, folder: Path) -> None:
    """Store everything of `folder` (the directory `golden`) as `open_items`, `payments` and `applications`."""
    books = golden.load(folder, SYSTEM)
    with db.write() as conn:
        golden_tables.masters(conn, folder)
        for table, rows in ((schema.exchange_rate, books.rates), (schema.dispute, books.disputes)):
            made = {"reason": "", "opened_by": "test"} if table is schema.dispute else {}
            ids = [{"id": f"D{seq}"} if made else {} for seq, _ in enumerate(rows)]
            conn.execute(
                insert(table), [msgspec.structs.asdict(row) | made | own for row, own in zip(rows, ids, strict=True)]
            )
    store = Store(db, lambda: NOW)
    pages(store, "applications", {one.key: settlement(one) for one in books.applications})
    pages(store, "open_items", {one.key: line(one) for one in books.items})
    pages(store, "payments", {one.key: receipt(one) for one in books.payments})


def pages(store: Store, obj: str, records: dict[str, Any]) -> None:
    found = [Mapped(key, msgspec.to_builtins(record), {}) for key, record in records.items()]
    for start in range(0, len(found), PAGE):
        page = Page(SYSTEM, obj, found[start : start + PAGE], (), "m1", "r1", NOW)
        assert not store.store_page(page).rejects


def line(item: OpenItem) -> model.AccountLine:
    names = ("company_code", "fiscal_year", "document_number", "kind", "document_kind", "document_date", "posting_date")
    same = ("due_date", "currency", "amount", "local_currency", "rate", "reference", "invoice_key", "reversed_on")
    return model.AccountLine(
        role="item",
        line=item.instalment,
        customer_key=golden_tables.erp_key(item.company_code, item.customer_key),
        local_amount=item.amount * item.rate,
        **{name: getattr(item, name) for name in (*names, *same)},
    )


def receipt(payment: Payment) -> model.Receipt:
    names = ("kind", "company_code", "fiscal_year", "document_date", "posting_date", "currency", "amount")
    same = ("local_currency", "rate", "maturity_date", "reversed_on", "reference")
    return model.Receipt(
        number=payment.document_number,
        customer_key=golden_tables.erp_key(payment.company_code, payment.customer_key),
        **{name: getattr(payment, name) for name in (*names, *same)},
    )


def settlement(application: Application) -> model.Settlement:
    names = ("kind", "applied_on", "reversed_on", "source_kind", "source_key", "source_amount", "target_key", "amount")
    company = application.key.partition("/")[0]
    return model.Settlement(company_code=company, **{name: getattr(application, name) for name in names})
