"""The tables of receivables as the structures that `ageing` reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Table, or_, select

from crm_core import schema
from crm_core.receivables import Application, Dispute, OpenItem, Payment, Rate

_REFS = schema.external_ref


@dataclass(frozen=True, slots=True)
class Scope:
    """Which part of the books; empty means all. `customer` is the CRM's number."""

    system: str = ""
    company: str = ""
    customer: str = ""


class Books(NamedTuple):
    """In the order in which `ageing` takes them."""

    items: list[OpenItem]
    payments: list[Payment]
    applications: list[Application]
    disputes: list[Dispute]
    rates: list[Rate]


def load(conn: Connection, scope: Scope) -> Books:
    """Items and payments of the scope, and every application and dispute that may touch them."""
    numbers = _numbers(conn)
    items = _documents(conn, schema.open_item, OpenItem, scope, numbers)
    payments = _documents(conn, schema.payment, Payment, scope, numbers)
    return Books(
        items,
        payments,
        list(_structs(conn, schema.application, Application, _of_scope(schema.application, scope))),
        list(_structs(conn, schema.dispute, Dispute, _in_system(schema.dispute, scope))),
        list(_structs(conn, schema.exchange_rate, Rate, [])),
    )


def _numbers(conn: Connection) -> dict[tuple[str, str], str]:
    """(system, ERP key) -> our customer number."""
    query = select(*_REFS.c["system", "erp_key", "crm_id"]).where(_REFS.c.obj == "customers")
    return {(system, key): number for system, key, number in conn.execute(query)}


def _documents(
    conn: Connection, table: Table, kind: Any, scope: Scope, numbers: dict[tuple[str, str], str]
) -> list[Any]:
    """A customer who was never pulled goes by the ERP's key."""
    names = [name for name in kind.__struct_fields__ if name in table.c]
    system, customer = names.index("system"), names.index("customer_key")
    where = _of_customer(table, scope) + ([table.c.company_code == scope.company] if scope.company else [])
    rows = conn.execute(select(*(table.c[name] for name in names)).where(*where).order_by(table.c.system, table.c.key))
    return [
        kind(customer=numbers.get((row[system], row[customer]), row[customer]), **dict(zip(names, row, strict=True)))
        for row in rows.tuples()
    ]


def _structs(conn: Connection, table: Table, kind: type[msgspec.Struct], where: list[Any]) -> Iterable[Any]:
    names = [name for name in kind.__struct_fields__ if name in table.c]
    order = list(table.primary_key)
    for row in conn.execute(select(*(table.c[name] for name in names)).where(*where).order_by(*order)).tuples():
        yield kind(**dict(zip(names, row, strict=True)))


def _in_system(table: Table, scope: Scope) -> list[Any]:
    return [table.c.system == scope.system] if scope.system else []


def _of_customer(table: Table, scope: Scope) -> list[Any]:
    """His documents: those of every ERP customer that is linked to his number, in any system."""
    where = _in_system(table, scope)
    if scope.customer:
        linked = _REFS.c.crm_id == scope.customer, _REFS.c.obj == "customers", _REFS.c.system == table.c.system
        refs = select(_REFS.c.erp_key).where(*linked).correlate(table)
        where.append(or_(table.c.customer_key.in_(refs), table.c.customer_key == scope.customer))
    return where


def _of_scope(table: Table, scope: Scope) -> list[Any]:
    """Applications of one customer touch his items or payments with either side; without one, all are read."""
    where = _in_system(table, scope)
    if scope.customer:
        touched = [
            column.in_(select(source.c.key).where(*_of_customer(source, scope)))
            for source in (schema.open_item, schema.payment)
            for column in (table.c.source_key, table.c.target_key)
        ]
        where.append(or_(*touched))
    return where
