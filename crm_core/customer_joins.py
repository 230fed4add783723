"""Customers that are one: proposed where the tax number is the same, joined when a person says so."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from crm_core import access, audit, schema
from crm_core.access import Actor
from crm_core.database import Database
from crm_core.errors import NotFoundError, RefusedError

_TABLE, _REFS = schema.customer, schema.external_ref


def proposals(conn: Connection, number: str, tax_id: str) -> list[dict[str, str]]:
    """Other customers with the same tax number: who bought through another ERP may have been numbered anew there."""
    if not tax_id:
        return []
    same = (func.lower(_TABLE.c.tax_id) == tax_id.lower(), _TABLE.c.number != number)
    query = select(_TABLE.c.number, _TABLE.c.name, _TABLE.c.origin).where(*same).order_by(_TABLE.c.number)
    return [dict(row) for row in conn.execute(query).mappings()]


def join(db: Database, actor: Actor, now: datetime, number: str, other: str, *, why: str) -> list[tuple[str, str]]:
    """`other` is the same customer as `number`: his ERP customers become that one's, and his own row goes.

    Returns the (system, ERP key) that moved. Raises RefusedError when decisions name `other`: ERP documents bear them.
    """
    access.require(actor, "customers.write")
    if not why.strip():
        raise RefusedError("reason-needed", what=other)
    with db.write() as conn:
        _require_joinable(conn, number, other)
        linked = (_REFS.c.obj == "customers", _REFS.c.crm_id == other)
        moved = list(conn.execute(select(_REFS.c.system, _REFS.c.erp_key).where(*linked)).tuples())
        conn.execute(update(_REFS).where(*linked).values(crm_id=number, linked_at=now, linked_by=actor.name))
        mine = schema.contact.c.customer_number == other
        conn.execute(update(schema.contact).where(mine).values(customer_number=number))
        conn.execute(delete(_TABLE).where(_TABLE.c.number == other))
        keys = [f"{system}/{key}" for system, key in moved]
        detail = {"number": number, "other": other, "moved": keys, "why": why}
        audit.append(conn, at=now, actor=actor.name, action="customer.join", obj="customers", detail=detail)
    return moved


def _require_joinable(conn: Connection, number: str, other: str) -> None:
    known = set(conn.execute(select(_TABLE.c.number).where(_TABLE.c.number.in_((number, other)))).scalars())
    for missing in sorted({number, other} - known):
        raise NotFoundError("no-customer", number=missing)
    if number == other:
        raise RefusedError("customer-join-same", number=number)
    quotes = conn.execute(
        select(schema.quote.c.number).where(schema.quote.c.customer_number == other).order_by(schema.quote.c.number)
    ).scalars()
    entries = select(schema.outbox.c.key).where(schema.outbox.c.obj == "customers", schema.outbox.c.crm_id == other)
    if named := [*quotes, *conn.execute(entries).scalars()]:
        raise RefusedError("customer-join-used", number=number, other=other, documents=", ".join(named[:5]))
