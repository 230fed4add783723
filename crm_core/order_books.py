"""The tables of orders, deliveries and invoices as the structures that `order_progress` reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, date
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, RowMapping, Table, select

from crm_core import access, companies, schema
from crm_core.access import Actor
from crm_core.database import Database
from crm_core.order_progress import (
    DeliveredLine,
    InvoicedLine,
    OrderedLine,
    OrderProgress,
    PlacedOrder,
    order_progress,
)

Key = tuple[str, str]
"""(system, full ERP key)"""
_CHUNK = 500


class Books(NamedTuple):
    """In the order in which `order_progress` takes them."""

    orders: list[PlacedOrder]
    deliveries: list[DeliveredLine]
    invoices: list[InvoicedLine]


def progress(db: Database, actor: Actor, as_of: date, *, system: str = "") -> list[OrderProgress]:
    """How far every order had come at the end of `as_of`, by company and number."""
    access.require(actor, "orders.read")
    with db.read() as conn:
        books = load(conn, [system] if system else _systems(conn))
    return order_progress(*books, as_of=as_of)


def load(conn: Connection, systems: Collection[str], keys: Collection[Key] | None = None) -> Books:
    """The books of these systems, or only what belongs to the orders of `keys`."""
    books = Books([], [], [])
    for system in systems:
        own = None if keys is None else sorted(key for place, key in keys if place == system)
        books.orders.extend(_orders(conn, system, own))
        books.deliveries.extend(_deliveries(conn, system, own))
        books.invoices.extend(_invoices(conn, system, own))
    return books


def _systems(conn: Connection) -> list[str]:
    return sorted(conn.execute(select(schema.erp_order.c.system).distinct()).scalars())


def rows_of(conn: Connection, table: Table, system: str, column: str, keys: Collection[str] | None) -> list[RowMapping]:
    """Rows of a system, all or those whose `column` is one of `keys`, in the order of the primary key."""
    query = select(table).where(table.c.system == system).order_by(*table.primary_key)
    if keys is None:
        return list(conn.execute(query).mappings())
    found: list[RowMapping] = []
    wanted = sorted(keys)
    for start in range(0, len(wanted), _CHUNK):
        some = table.c[column].in_(wanted[start : start + _CHUNK])
        found += conn.execute(query.where(some)).mappings().all()
    return found


def _orders(conn: Connection, system: str, keys: Collection[str] | None) -> list[PlacedOrder]:
    zones = companies.zones(conn, system)
    lines, holds = defaultdict(list), defaultdict(list)
    for row in rows_of(conn, schema.erp_order_line, system, "parent", keys):
        lines[row["parent"]].append(row)
    for row in rows_of(conn, schema.order_hold, system, "key", keys):
        holds[row["key"]].append((row["from_on"], row["until_on"]))
    return [
        PlacedOrder(
            system=system,
            key=order["key"],
            company_code=order["company_code"],
            number=order["number"],
            order_date=order["order_date"],
            cancelled_on=order["cancelled_on"],
            credit_holds=tuple(holds[order["key"]]),
            lines=tuple(_ordered(order, line, zones) for line in lines[order["key"]]),
        )
        for order in rows_of(conn, schema.erp_order, system, "key", keys)
    ]


def _ordered(order: RowMapping, line: RowMapping, zones: dict[str, ZoneInfo]) -> OrderedLine:
    """A rejected line is closed since the ERP last changed the order: it does not say when."""
    rejected_on = None
    if line["rejected"]:
        changed = order["changed_at"]
        zone = zones.get(order["company_code"], UTC)
        rejected_on = order["cancelled_on"] or (changed.astimezone(zone).date() if changed else order["order_date"])
    return OrderedLine(line=line["line"], unit=line["unit"], quantity=line["quantity"], cancelled_on=rejected_on)


def _deliveries(conn: Connection, system: str, orders: Collection[str] | None) -> list[DeliveredLine]:
    lines = rows_of(conn, schema.erp_delivery_line, system, "order_key", orders)
    heads = heads_of(conn, schema.erp_delivery, system, lines, orders)
    return [
        DeliveredLine(
            system=system,
            order_key=line["order_key"],
            order_line=line["order_line"],
            quantity=line["quantity"],
            goods_issued_on=heads[line["parent"]]["goods_issued_on"],
        )
        for line in lines
        if line["parent"] in heads
    ]


def _invoices(conn: Connection, system: str, orders: Collection[str] | None) -> list[InvoicedLine]:
    lines = rows_of(conn, schema.erp_invoice_line, system, "order_key", orders)
    heads = heads_of(conn, schema.erp_invoice, system, lines, orders)
    reversed_keys = None if orders is None else {head["reverses"] for head in heads.values()} - {""}
    originals = {row["key"]: row["kind"] for row in rows_of(conn, schema.erp_invoice, system, "key", reversed_keys)}
    return [
        InvoicedLine(
            system=system,
            order_key=line["order_key"],
            order_line=line["order_line"],
            quantity=line["quantity"],
            posting_date=heads[line["parent"]]["posting_date"],
            document_kind=heads[line["parent"]]["kind"],
            reversed_kind=originals.get(heads[line["parent"]]["reverses"], ""),
        )
        for line in lines
        if line["parent"] in heads
    ]


def heads_of(
    conn: Connection, table: Table, system: str, lines: Collection[Any], orders: Collection[str] | None
) -> dict[str, RowMapping]:
    """The documents that hold these lines, by key."""
    parents = None if orders is None else {line["parent"] for line in lines}
    return {row["key"]: row for row in rows_of(conn, table, system, "key", parents)}
