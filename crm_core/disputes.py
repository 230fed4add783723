"""Disputes about open items: the CRM's own record of what a customer does not accept, and since when."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from crm_core import access, audit, schema
from crm_core.access import Actor
from crm_core.database import Database
from crm_core.errors import NotFoundError, RefusedError
from crm_core.money import quantize
from crm_core.upserts import next_value

_TABLE, _ITEM, _REFS = schema.dispute, schema.open_item, schema.external_ref


def start(
    db: Database,
    actor: Actor,
    now: datetime,
    *,
    system: str,
    item_key: str,
    opened_on: date,
    reason: str,
    amount: Decimal | None = None,
) -> str:
    """The customer disputes an item, or `amount` (its currency) of it; returns the dispute's id.

    Raises NotFoundError for an unknown item, RefusedError for an amount that the item does not have, and
    for the same dispute again.
    """
    access.require(actor, "disputes.write")
    if not reason.strip():
        raise RefusedError("dispute-reason", key=item_key)
    with db.write() as conn:
        item = _item(conn, system, item_key)
        _check(item, item_key, amount)
        amount = None if amount is None else quantize(amount, item["currency"])
        row = {"system": system, "item_key": item_key, "amount": amount, "opened_on": opened_on, "reason": reason}
        _refuse_twice(conn, row)
        dispute_id = f"D{next_value(conn, 'dispute'):06d}"
        conn.execute(insert(_TABLE).values(id=dispute_id, **row, opened_by=actor.name))
        _audit(conn, actor, now, "open", system, {"id": dispute_id, "item": item_key, "amount": str(amount or "")})
    return dispute_id


def end(db: Database, actor: Actor, now: datetime, dispute_id: str, *, closed_on: date) -> None:
    """The dispute is settled: from `closed_on` on the item counts as undisputed again."""
    access.require(actor, "disputes.write")
    with db.write() as conn:
        row = conn.execute(select(_TABLE).where(_TABLE.c.id == dispute_id)).mappings().first()
        if row is None:
            raise NotFoundError("no-dispute", id=dispute_id)
        if closed_on < row["opened_on"]:
            raise RefusedError("dispute-dates", id=dispute_id, opened=str(row["opened_on"]), closed=str(closed_on))
        conn.execute(update(_TABLE).where(_TABLE.c.id == dispute_id).values(closed_on=closed_on))
        detail = {"id": dispute_id, "closed_on": [str(row["closed_on"] or ""), str(closed_on)]}
        _audit(conn, actor, now, "close", row["system"], detail)


def listing(db: Database, actor: Actor, *, on: date | None = None) -> list[dict[str, Any]]:
    """Disputes with their item's document, amount and customer; with `on` only those standing that day."""
    access.require(actor, "receivables.read")
    item = _ITEM.c["company_code", "customer_key", "fiscal_year", "document_number", "instalment", "currency"]
    more = (_ITEM.c.amount.label("item_amount"), _REFS.c.crm_id.label("customer"))
    same = (_ITEM.c.system == _TABLE.c.system) & (_ITEM.c.key == _TABLE.c.item_key)
    his = (_REFS.c.system == _ITEM.c.system) & (_REFS.c.erp_key == _ITEM.c.customer_key) & (_REFS.c.obj == "customers")
    query = select(_TABLE, *item, *more).outerjoin(_ITEM, same).outerjoin(_REFS, his)
    query = query.order_by(_TABLE.c.opened_on, _TABLE.c.id)
    with db.read() as conn:
        rows = [dict(row) for row in conn.execute(query).mappings()]
    return [row for row in rows if on is None or _stands(row, on)]


def items(db: Database, actor: Actor, text: str, *, system: str = "") -> list[dict[str, Any]]:
    """The items that `text` names: by ERP key, else by document number, else by the reference on the document.

    Raises NotFoundError where there is none.
    """
    access.require(actor, "receivables.read")
    with db.read() as conn:
        number = (text, text.lstrip("0"))  # an ERP shows leading zeros, we keep none
        for named in (_ITEM.c.key == text, _ITEM.c.document_number.in_(number), _ITEM.c.reference == text):
            query = select(_ITEM).where(named).order_by(_ITEM.c.system, _ITEM.c.key)
            query = query.where(_ITEM.c.system == system) if system else query
            rows = [dict(row) for row in conn.execute(query).mappings()]
            if rows:
                return rows
    raise NotFoundError("item-unknown", text=text)


def _stands(row: dict[str, Any], on: date) -> bool:
    return bool(row["opened_on"] <= on and (row["closed_on"] is None or on < row["closed_on"]))


def _item(conn: Connection, system: str, key: str) -> RowMapping:
    row = conn.execute(select(_ITEM).where(_ITEM.c.system == system, _ITEM.c.key == key)).mappings().first()
    if row is None:
        raise NotFoundError("no-item", key=key, system=system)
    return row


def _check(item: RowMapping, key: str, amount: Decimal | None) -> None:
    if item["amount"] <= 0:
        raise RefusedError("dispute-credit", key=key)
    if amount is not None and (not 0 < amount <= item["amount"] or amount != quantize(amount, item["currency"])):
        whole = f"{item['amount']:f} {item['currency']}"
        raise RefusedError("dispute-amount", key=key, amount=f"{amount:f}", item=whole)


def _refuse_twice(conn: Connection, row: dict[str, Any]) -> None:
    """The very same dispute again is a slip; several about one item are not: the ageing counts at most what is open."""
    same = [_TABLE.c[name].is_not_distinct_from(value) for name, value in row.items()]
    known = conn.execute(select(_TABLE.c.id).where(*same, _TABLE.c.closed_on.is_(None))).scalar()
    if known is not None:
        raise RefusedError("dispute-twice", id=known, key=row["item_key"])


def _audit(conn: Connection, actor: Actor, now: datetime, action: str, system: str, detail: dict[str, Any]) -> None:
    audit.append(
        conn, at=now, actor=actor.name, action=f"dispute.{action}", obj="disputes", system=system, detail=detail
    )
