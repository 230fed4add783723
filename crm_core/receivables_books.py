"""The tables of receivables as the structures that `ageing` reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, and_, or_, select

from crm_core import schema
from crm_core.receivables import Application, Dispute, OpenItem, Payment, Rate

_REFS = schema.external_ref
_CHUNK = 500


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
    numbers = _numbers(conn, scope)
    items = _documents(conn, schema.open_item, OpenItem, scope, numbers)
    payments = _documents(conn, schema.payment, Payment, scope, numbers)
    return Books(
        items,
        payments,
        _applications(conn, scope, [*items, *payments]),
        list(_structs(conn, schema.dispute, Dispute, _in_system(schema.dispute, scope))),
        list(_structs(conn, schema.exchange_rate, Rate, [])),
    )


def _numbers(conn: Connection, scope: Scope) -> dict[tuple[str, str], str]:
    """(system, ERP key) -> our customer number, of all customers or the one asked for."""
    where = [_REFS.c.obj == "customers", *_in_system(_REFS, scope)]
    where += [_REFS.c.crm_id == scope.customer] if scope.customer else []
    query = select(*_REFS.c["system", "erp_key", "crm_id"]).where(*where)
    return {(system, key): number for system, key, number in conn.execute(query)}


def _documents(
    conn: Connection, table: Table, kind: Any, scope: Scope, numbers: dict[tuple[str, str], str]
) -> list[Any]:
    """A customer who was never pulled goes by the ERP's key."""
    names = [name for name in kind.__struct_fields__ if name in table.c]
    system, customer = names.index("system"), names.index("customer_key")
    where = _in_system(table, scope) + ([table.c.company_code == scope.company] if scope.company else [])
    where += [_of_customer(table, scope.customer, numbers)] if scope.customer else []
    rows = conn.execute(select(*(table.c[name] for name in names)).where(*where).order_by(table.c.system, table.c.key))
    return [
        kind(customer=numbers.get((row[system], row[customer]), row[customer]), **dict(zip(names, row, strict=True)))
        for row in rows.tuples().all()
    ]


def _of_customer(table: Table, customer: str, numbers: dict[tuple[str, str], str]) -> ColumnElement[bool]:
    """His documents: those of every ERP customer that is linked to his number."""
    linked = [and_(table.c.system == system, table.c.customer_key == key) for system, key in numbers]
    return or_(*linked) if linked else table.c.customer_key == customer


def _applications(conn: Connection, scope: Scope, documents: Sequence[Any]) -> list[Application]:
    """Those of one customer touch his items or payments with either side; without one, all are read."""
    table = schema.application
    if not scope.customer:
        return list(_structs(conn, table, Application, _in_system(table, scope)))
    found: dict[tuple[str, str], Application] = {}
    for start in range(0, len(documents), _CHUNK):
        some = documents[start : start + _CHUNK]
        for system in sorted({document.system for document in some}):
            keys = [document.key for document in some if document.system == system]
            for side in (table.c.source_key, table.c.target_key):
                rows = _structs(conn, table, Application, [table.c.system == system, side.in_(keys)])
                found |= {(row.system, row.key): row for row in rows}
    return list(found.values())


def _structs(conn: Connection, table: Table, kind: type[msgspec.Struct], where: list[Any]) -> Iterable[Any]:
    names = [name for name in kind.__struct_fields__ if name in table.c]
    order = list(table.primary_key)
    query = select(*(table.c[name] for name in names)).where(*where).order_by(*order)
    for row in conn.execute(query).tuples().all():
        yield kind(**dict(zip(names, row, strict=True)))


def _in_system(table: Table, scope: Scope) -> list[Any]:
    return [table.c.system == scope.system] if scope.system else []
