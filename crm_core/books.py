"""The CRM's side of a reconciliation: what we hold of each ERP document, in money, keyed as the ERP keys it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, Table, and_, func, literal, null, select

from crm_core import schema
from crm_core.database import Database
from crm_core.money import exact
from crm_core.receivables import NEVER_COUNT, NOTED
from crm_core.settlement_rows import PAYMENT

Place = tuple[str, str, str]
"""Company, customer, currency."""


class Held(NamedTuple):
    """One document as we hold it; `open` as of the last read, `on` its posting or order date.

    `rest` is what we derived to be left of it, signed as the amount; None of an object of which nothing is left.
    """

    key: str
    company: str
    customer: str
    currency: str
    amount: Decimal
    on: date | None
    open: bool
    rest: Decimal | None = None


class Balance(NamedTuple):
    """What a customer owes us in one company and currency, all columns netted: items - money left over."""

    company: str
    customer: str
    currency: str
    amount: Decimal


@dataclass(slots=True)
class _Document:
    """An item or payment: what is left of it, and whether it stands at all."""

    place: Place
    rest: Decimal
    sign: int
    stands: bool


RECONCILED = ("customers", "contracts", "orders", "invoices", "open_items", "payments", "applications")
LEFT_OVER = ("open_items", "payments")
"""Objects of which something is left until it is settled."""


def held(db: Database, system: str, obj: str) -> Iterator[Held]:
    """Every document of `obj` that we hold of `system`."""
    with db.read() as conn:
        left = _documents(conn, system) if obj in LEFT_OVER else {}
        prefix = PAYMENT if obj == "payments" else ""
        for key, company, customer, currency, amount, on, cleared in conn.execute(_query(obj, system)):
            document = left.get(prefix + key)
            rest = document.rest if document else None
            yield Held(key, company, customer or "", currency or "", amount or Decimal(0), on, cleared is None, rest)


def balances(db: Database, system: str) -> list[Balance]:
    """Balances of what we derived (items, payments, applications): what the ERP says is open must add up to them."""
    totals: dict[Place, Decimal] = {}
    with db.read() as conn, exact():
        for document in _documents(conn, system).values():
            if document.stands:
                totals[document.place] = totals.get(document.place, Decimal(0)) + document.sign * document.rest
    return [Balance(*place, amount) for place, amount in sorted(totals.items())]


def _documents(conn: Connection, system: str) -> dict[str, _Document]:
    """Items and payments by derived key, with what every standing application left of them.

    What was reversed, or never counts, leaves nothing; what it settled is open again.
    """
    item = schema.open_item
    counts = and_(item.c.kind != NOTED, item.c.document_kind.not_in(sorted(NEVER_COUNT)))
    found = _rests(conn, item, system, 1, counts) | _rests(conn, schema.payment, system, -1, literal(True))
    app = schema.application
    query = select(app.c.source_key, app.c.source_amount, app.c.target_key, app.c.amount)
    standing = query.where(app.c.system == system, app.c.reversed_on.is_(None))
    with exact():
        for source_key, source_amount, target_key, amount in conn.execute(standing):
            source, target = found.get(source_key), found.get(target_key)
            if not all(side is None or side.stands for side in (source, target)):
                continue
            if source:
                source.rest += source.sign * source_amount
            if target:
                target.rest -= target.sign * amount
    return found


def _rests(conn: Connection, table: Table, system: str, sign: int, counts: Any) -> dict[str, _Document]:
    columns = table.c["key", "company_code", "customer_key", "currency", "amount", "reversed_on"]
    query = select(*columns, counts.label("counts")).where(table.c.system == system)
    found = {}
    for key, company, customer, currency, amount, reversed_on, counting in conn.execute(query):
        stands = reversed_on is None and bool(counting)
        found[key] = _Document((company, customer, currency), amount if stands else Decimal(0), sign, stands)
    return found


_COLUMNS: dict[str, Sequence[str]] = {
    "contracts": ("company_code", "customer_key", "currency", "net_amount", "start_date"),
    "orders": ("company_code", "customer_key", "currency", "net_amount", "order_date"),
    "invoices": ("company_code", "customer_key", "currency", "gross_amount", "posting_date"),
    "open_items": ("company_code", "customer_key", "currency", "amount", "posting_date"),
    "payments": ("company_code", "customer_key", "currency", "amount", "posting_date"),
}
"""Of each object its company, customer, currency, amount and day."""


def _query(obj: str, system: str) -> Select[Any]:
    if obj == "applications":
        return _settlements(system)
    table = schema.metadata.tables[schema.ERP_TABLES[obj]]
    nameless = (literal(""), table.c.key, literal(""), null(), null())
    columns = [table.c[name] for name in _COLUMNS[obj]] if obj in _COLUMNS else nameless
    cleared = table.c.cleared_on if obj == "open_items" else null()
    return select(table.c.key, *columns, cleared).where(table.c.system == system).order_by(table.c.key)


def _settlements(system: str) -> Select[Any]:
    """What was settled, with the customer and currency of the item; of money given back the payment's."""
    table, item, payment = schema.erp_settlement, schema.account_line, schema.erp_receipt
    of_item = and_(table.c.target_kind == "item", item.c.system == system, item.c.key == table.c.target_key)
    of_payment = and_(table.c.target_kind == "payment", payment.c.system == system, payment.c.key == table.c.target_key)
    sides = table.outerjoin(item, of_item).outerjoin(payment, of_payment)
    both = (func.coalesce(item.c[name], payment.c[name]) for name in ("customer_key", "currency"))
    columns = (table.c.key, table.c.company_code, *both, table.c.amount, table.c.applied_on, null())
    return select(*columns).select_from(sides).where(table.c.system == system).order_by(table.c.key)
