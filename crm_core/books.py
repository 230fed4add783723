"""The CRM's side of a reconciliation: what we hold of each ERP document, in money, keyed as the ERP keys it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, literal, null, select

from crm_core import schema
from crm_core.database import Database


class Held(NamedTuple):
    """One document as we hold it; `open` as of the last read, `on` its posting or order date."""

    key: str
    company: str
    customer: str
    currency: str
    amount: Decimal
    on: date | None
    open: bool


class Balance(NamedTuple):
    """What a customer owes us in one company and currency, all columns netted: items - money left over."""

    company: str
    customer: str
    currency: str
    amount: Decimal


RECONCILED = ("customers", "orders", "invoices", "open_items")


def held(db: Database, system: str, obj: str) -> Iterator[Held]:
    """Every document of `obj` that we hold of `system`."""
    with db.read() as conn:
        for row in conn.execute(_query(obj, system)):
            key, company, customer, currency, amount, on, cleared = row
            yield Held(key, company, customer, currency, amount or Decimal(0), on, cleared is None)


def balances(db: Database, system: str) -> list[Balance]:
    """Balances of what we derived (items, payments, applications): the ERP's uncleared lines must add up to them."""
    with db.read() as conn:
        totals: dict[tuple[str, str, str], Decimal] = {}
        where: dict[str, tuple[str, str, str]] = {}
        for key, place, amount in _documents(conn, system):
            where[key] = place
            totals[place] = totals.get(place, Decimal(0)) + amount
        for source, source_amount, target, amount in _settled(conn, system):
            if source and source not in where:
                continue  # a reversed payment: what it settled is open again
            if source:
                totals[where[source]] += source_amount  # a payment's rest falls, a credit memo's (negative) rest rises
            if target in where:
                totals[where[target]] -= amount
    return [Balance(*place, amount) for place, amount in sorted(totals.items())]


def _documents(conn: Connection, system: str) -> Iterator[tuple[str, tuple[str, str, str], Decimal]]:
    item, pay = schema.open_item, schema.payment
    standing = (item.c.system == system, item.c.reversed_on.is_(None), item.c.kind != "advance_request")
    for key, company, customer, currency, amount in conn.execute(
        select(item.c.key, item.c.company_code, item.c.customer_key, item.c.currency, item.c.amount).where(*standing)
    ):
        yield key, (company, customer, currency), amount
    for key, company, customer, currency, amount in conn.execute(
        select(pay.c.key, pay.c.company_code, pay.c.customer_key, pay.c.currency, pay.c.amount).where(
            pay.c.system == system, pay.c.reversed_on.is_(None)
        )
    ):
        yield key, (company, customer, currency), -amount


def _settled(conn: Connection, system: str) -> Iterator[tuple[str, Decimal, str, Decimal]]:
    """(source key, source amount, target key, amount) of every standing application."""
    app = schema.application
    query = select(app.c.source_key, app.c.source_amount, app.c.target_key, app.c.amount)
    yield from conn.execute(query.where(app.c.system == system, app.c.reversed_on.is_(None))).tuples()


def _query(obj: str, system: str) -> Select[Any]:
    columns: tuple[Any, ...]
    if obj == "orders":
        t = schema.erp_order
        columns = (t.c.key, t.c.company_code, t.c.customer_key, t.c.currency, t.c.net_amount, t.c.order_date, null())
    elif obj == "invoices":
        t = schema.erp_invoice
        columns = (
            t.c.key,
            t.c.company_code,
            t.c.customer_key,
            t.c.currency,
            t.c.gross_amount,
            t.c.posting_date,
            null(),
        )
    elif obj == "open_items":
        t = schema.account_line
        columns = (
            t.c.key,
            t.c.company_code,
            t.c.customer_key,
            t.c.currency,
            t.c.amount,
            t.c.posting_date,
            t.c.cleared_on,
        )
    else:
        t = schema.erp_customer
        columns = (t.c.key, literal(""), t.c.key, literal(""), literal(None), null(), null())
    return select(*columns).where(t.c.system == system).order_by(t.c.key)
