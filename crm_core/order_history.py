"""What changed about an order, as the ERP showed it: the timeline and the days of a credit hold.

An ERP tells today's status only; we keep when it began, by the ERP's own change stamp in the company's time zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, select, update

from crm_core import companies, model, schema
from crm_core.database import Database

HELD = "credit_hold"
_WATCHED = ("status", "delivery_status", "billing_status", "credit_status", "net_amount", "requested_on")

_FOLLOW_ON = (
    (schema.erp_delivery, schema.erp_delivery_line),
    (schema.erp_invoice, schema.erp_invoice_line),
)


def outdated(db: Database, system: str, since: datetime | None) -> set[str]:
    """Keys of orders of which a delivery or an invoice stored at `since` or later tells news that they may not have.

    The change stamp of an order does not always move with its follow-on documents, so it has to be asked for.
    """
    order, found = schema.erp_order, set[str]()
    with db.read() as conn:
        for document, line in _FOLLOW_ON:
            fresher = (order.c.key == line.c.order_key) & (order.c.seen_at > document.c.seen_at)
            has_it = select(order.c.key).where(order.c.system == system, fresher).exists()
            parent = (document.c.system == line.c.system) & (document.c.key == line.c.parent)
            query = select(line.c.order_key).join(document, parent).where(document.c.system == system, ~has_it)
            query = query if since is None else query.where(document.c.seen_at >= since)
            found.update(conn.execute(query.where(line.c.order_key != "").distinct()).scalars())
    return found


def follow(
    conn: Connection,
    system: str,
    written: Mapping[str, model.Order],
    before: Mapping[str, Mapping[str, Any]],
    erp_time: datetime,
    now: datetime,
) -> None:
    """Keep holds and events of the orders a page wrote; `before` has the old columns of those that changed."""
    zones = companies.zones(conn, system)
    events = []
    for key, order in written.items():
        old = before.get(key)
        on = _changed_on(order, zones, erp_time)
        if (order.status == HELD) != (old is not None and old["status"] == HELD):
            _hold(conn, system, key, on, begins=order.status == HELD)
        if old is None:
            continue
        _keep_cancellation(conn, system, key, order, old)
        events += [_event(system, key, name, old, order, now) for name in _WATCHED if _changed(old, order, name)]
    if events:
        conn.execute(insert(schema.order_event), events)


def _changed_on(order: model.Order, zones: Mapping[str, ZoneInfo], erp_time: datetime) -> date:
    return (order.changed_at or erp_time).astimezone(zones.get(order.company_code, UTC)).date()


def _hold(conn: Connection, system: str, key: str, on: date, *, begins: bool) -> None:
    table = schema.order_hold
    same = (table.c.system == system, table.c.key == key)
    if not begins:
        conn.execute(update(table).where(*same, table.c.until_on.is_(None)).values(until_on=on))
    elif conn.execute(select(table.c.key).where(*same, table.c.from_on == on)).first():
        conn.execute(update(table).where(*same, table.c.from_on == on).values(until_on=None))
    else:
        conn.execute(insert(table).values(system=system, key=key, from_on=on, until_on=None))


def _keep_cancellation(conn: Connection, system: str, key: str, order: model.Order, old: Mapping[str, Any]) -> None:
    """The day of a cancellation is the first we saw: a later change of the order does not move it."""
    first = old["cancelled_on"]
    if first and order.cancelled_on:
        table = schema.erp_order
        day = first if isinstance(first, date) else date.fromisoformat(first)
        conn.execute(update(table).where(table.c.system == system, table.c.key == key).values(cancelled_on=day))


def _changed(old: Mapping[str, Any], order: model.Order, name: str) -> bool:
    return str(old[name] or "") != str(getattr(order, name) or "")


def _event(
    system: str, key: str, name: str, old: Mapping[str, Any], order: model.Order, now: datetime
) -> dict[str, Any]:
    detail = {"from": str(old[name] or ""), "to": str(getattr(order, name) or "")}
    return {"system": system, "key": key, "at": now, "event": name, "detail": detail}
