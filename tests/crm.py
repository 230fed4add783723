"""A small CRM on a real database: one system `s4` with two companies, customers, products and prices."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import insert

from crm_core import installation, model, schema
from crm_core.access import Actor, local_admin
from crm_core.database import Database
from crm_core.quote_rows import DraftLine, QuoteDraft

NOW = datetime(2026, 3, 31, 2, 0, tzinfo=UTC)
TODAY = date(2026, 3, 31)
ADMIN = local_admin("ann")
SALES = Actor("sam", frozenset({"sales"}))
FINANCE = Actor("fay", frozenset({"finance"}))
IT = Actor("ian", frozenset({"it"}))
HASHES = {"row_hash": "h", "mapping_version": "m1", "seen_at": NOW}


class Clock:
    """A clock that moves only when told to."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


def empty_database(url: str) -> Database:
    """The database there, which has its tables, with an installation and nothing else."""
    db = Database(url)
    installation.ensure(db, NOW, environment="test", prefix="CT7")
    return db


def small_crm(url: str) -> Database:
    """Customers C01 (ERP 10000001, limit 10,000 CNY in CN01) and C02 (blocked, ERP 10000002); products P1, P2, P3."""
    db = empty_database(url)
    with db.write() as conn:
        for code, currency, zone in (("CN01", "CNY", "Asia/Shanghai"), ("US01", "USD", "America/Chicago")):
            row = {"system": "s4", "company_code": code, "name": code, "currency": currency, "country": ""}
            conn.execute(insert(schema.company).values(**row, time_zone=zone))
        add_customer(conn, "C01", "10000001", name="上海明华贸易有限公司", tax_id="91310115MA1K4RJU5T")
        add_customer(conn, "C02", "10000002", name="Acme Tools Ltd.", order_block="01")
        add_product(conn, "P1", "Pump", "100.00", per="1")
        add_product(conn, "P2", "Seal", "7.50", per="10")
        add_product(conn, "P3", "No price", None)
    return db


def add_customer(conn: Any, number: str, erp_key: str, *, name: str, tax_id: str = "", order_block: str = "") -> None:
    conn.execute(insert(schema.customer).values(**customer_row(number, name=name, tax_id=tax_id, origin="s4")))
    link = {"system": "s4", "obj": "customers", "erp_key": erp_key, "crm_id": number}
    conn.execute(insert(schema.external_ref).values(**link, linked_at=NOW, linked_by="pull"))
    add_record(conn, "customers", erp_key, model.Customer(name=name, number=number))
    account = model.Account(
        company_code="CN01",
        currency="CNY",
        payment_terms="D30",
        credit_limit=Decimal("10000.00"),
        order_block=order_block,
    )
    child = {field: getattr(account, field) for field in account.__struct_fields__}
    conn.execute(insert(schema.customer_account).values(system="s4", parent=erp_key, seq=0, **child))


def customer_row(number: str, **values: str) -> dict[str, Any]:
    texts = (
        "name name_en category tax_id language email phone website street city postal_code region country owner".split()
    )
    row: dict[str, Any] = {"number": number, **dict.fromkeys(texts, ""), "category": "organisation"}
    row |= {"origin": "crm", "blocked": False}
    return {**row, "created_at": NOW, "updated_at": NOW, "custom": {}, **values}


def add_product(conn: Any, key: str, name: str, price: str | None, per: str = "1") -> None:
    add_record(conn, "products", key, model.Product(name=name, unit="PCE"))
    if price is not None:
        listed = model.Price(product_key=key, currency="CNY", amount=Decimal(price), per=Decimal(per), unit="PCE")
        add_record(conn, "prices", f"{key}/1", listed)


def add_record(conn: Any, obj: str, key: str, record: Any, **more: Any) -> None:
    """A pulled record with its children, as the store writes it."""
    kind = type(record)
    plain = {name: getattr(record, name) for name, _, _ in schema.plain_fields(kind)}
    table = schema.metadata.tables[schema.ERP_TABLES[obj]]
    conn.execute(insert(table).values(system="s4", key=key, **plain, **HASHES, **more))
    for name, child in schema.child_fields(kind):
        target = schema.metadata.tables[schema.CHILD_TABLES[obj, name]]
        for seq, line in enumerate(getattr(record, name)):
            values = {field: getattr(line, field) for field, _, _ in schema.plain_fields(child)}
            conn.execute(insert(target).values(system="s4", parent=key, seq=seq, **values))


def draft(*lines: DraftLine, **more: Any) -> QuoteDraft:
    """A quote to C01 from CN01; one pump when no line is given."""
    chosen = lines or (DraftLine("P1", Decimal(1)),)
    values: dict[str, Any] = {"system": "s4", "company_code": "CN01", "customer_number": "C01", **more}
    return QuoteDraft(lines=chosen, **values)
