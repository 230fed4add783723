"""Orders as the ERPs hold them, and the whole way of one: from the quote to the money."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, select

from crm_core import access, order_timeline, schema
from crm_core.access import Actor
from crm_core.database import Database
from crm_core.errors import NotFoundError
from crm_core.order_books import Key

_ORDER, _QUOTE, _OUTBOX, _REFS = schema.erp_order, schema.quote, schema.outbox, schema.external_ref


def listing(
    db: Database,
    actor: Actor,
    *,
    system: str = "",
    company: str = "",
    customer: str = "",
    status: str = "",
    since: date | None = None,
    until: date | None = None,
    ours: bool = False,
    limit: int = 500,
) -> list[dict[str, Any]]:
    """Orders, newest first, with customer and quote; `ours` leaves out those that no quote made."""
    access.require(actor, "orders.read")
    wanted = ((_ORDER.c.system, system), (_ORDER.c.company_code, company), (_ORDER.c.status, status))
    where = [column == value for column, value in wanted if value]
    where += [_REFS.c.crm_id == customer] if customer else []
    where += [_ORDER.c.order_date >= since] if since else []
    where += [_ORDER.c.order_date <= until] if until else []
    where += [_ORDER.c.our_key != ""] if ours else []
    query = _with_names().where(*where).order_by(_ORDER.c.order_date.desc(), _ORDER.c.system, _ORDER.c.number.desc())
    with db.read() as conn:
        return [dict(row) for row in conn.execute(query.limit(limit)).mappings()]


def timeline(db: Database, actor: Actor, now: datetime, number: str) -> list[dict[str, Any]]:
    """The way of every order that `number` names: ERP number, our key, quote, or the customer's own order number.

    Several orders only where the customer's number (or two systems' numbers) is not unique. Raises NotFoundError.
    """
    access.require(actor, "orders.read")
    with db.read() as conn:
        found = [order_timeline.of_order(conn, row, now) for row in _named_orders(conn, number)]
        shown = {order["quote"] for order in found}
        quotes = [quote for quote in _named_quotes(conn, number) if quote["number"] not in shown]
        found += [order_timeline.of_quote(conn, quote, now) for quote in quotes]
    if not found:
        raise NotFoundError("no-order", number=number)
    return found


def _with_names() -> Select[Any]:
    """Orders joined with the customer they are linked to and the quote they came from."""
    linked = (
        (_REFS.c.system == _ORDER.c.system) & (_REFS.c.erp_key == _ORDER.c.customer_key) & (_REFS.c.obj == "customers")
    )
    made = (_OUTBOX.c.key == _ORDER.c.our_key) & (_OUTBOX.c.obj == "orders") & (_OUTBOX.c.action == "create")
    quote = select(_OUTBOX.c.crm_id).where(made).limit(1).correlate(_ORDER).scalar_subquery()
    columns = [column for column in _ORDER.c if column.name not in ("row_hash", "mapping_version")]
    customer = schema.customer
    return (
        select(*columns, _REFS.c.crm_id.label("customer"), customer.c.name.label("customer_name"), quote.label("quote"))
        .outerjoin(_REFS, linked)
        .outerjoin(customer, customer.c.number == _REFS.c.crm_id)
    )


def _named_orders(conn: Connection, number: str) -> list[RowMapping]:
    """By the ERP's own number first, then ours, then the customer's: the first that names any."""
    keys: set[Key] = set()
    for clause in _names(conn, number):
        keys = {(system, key) for system, key in conn.execute(select(_ORDER.c.system, _ORDER.c.key).where(clause))}
        if keys:
            break
    rows = [
        conn.execute(_with_names().where(_ORDER.c.system == system, _ORDER.c.key == key)).mappings().first()
        for system, key in sorted(keys)
    ]
    return [row for row in rows if row is not None]


def _names(conn: Connection, number: str) -> Iterator[Any]:
    yield (_ORDER.c.number == number) | (_ORDER.c.key == number)
    yield _ORDER.c.our_key == number
    documents = select(_REFS.c.system, _REFS.c.erp_key).where(_REFS.c.obj == "orders", _REFS.c.crm_id == number)
    for system, key in conn.execute(documents):
        yield (_ORDER.c.system == system) & (_ORDER.c.key == key)
    yield _ORDER.c.external_ref == number
    yield _ORDER.c.customer_po == number


def _named_quotes(conn: Connection, number: str) -> list[RowMapping]:
    by_key = select(_OUTBOX.c.crm_id).where(_OUTBOX.c.key == number, _OUTBOX.c.obj == "orders")
    named = (_QUOTE.c.number == number) | (_QUOTE.c.customer_po == number) | _QUOTE.c.number.in_(by_key)
    rows = conn.execute(select(_QUOTE).where(named, _QUOTE.c.state != "draft").order_by(_QUOTE.c.number))
    drafts = conn.execute(select(_QUOTE).where(_QUOTE.c.number == number, _QUOTE.c.state == "draft"))
    return [*rows.mappings(), *drafts.mappings()]
