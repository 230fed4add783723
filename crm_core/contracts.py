"""Contracts as the ERPs hold them: what a subscription is there."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from crm_core import access, schema
from crm_core.access import Actor
from crm_core.database import Database

_CONTRACT, _LINE, _REFS = schema.erp_contract, schema.erp_contract_line, schema.external_ref


def listing(
    db: Database, actor: Actor, *, system: str = "", customer: str = "", status: str = "", limit: int = 500
) -> list[dict[str, Any]]:
    """Contracts with their customer and lines, the one that ends first first."""
    access.require(actor, "orders.read")
    wanted = ((_CONTRACT.c.system, system), (_CONTRACT.c.status, status), (_REFS.c.crm_id, customer))
    linked = (_REFS.c.system == _CONTRACT.c.system) & (_REFS.c.erp_key == _CONTRACT.c.customer_key)
    columns = [column for column in _CONTRACT.c if column.name not in ("row_hash", "mapping_version")]
    query = (
        select(*columns, _REFS.c.crm_id.label("customer"), schema.customer.c.name.label("customer_name"))
        .outerjoin(_REFS, linked & (_REFS.c.obj == "customers"))
        .outerjoin(schema.customer, schema.customer.c.number == _REFS.c.crm_id)
        .where(*(column == value for column, value in wanted if value))
        .order_by(_CONTRACT.c.end_date.is_(None), _CONTRACT.c.end_date, _CONTRACT.c.system, _CONTRACT.c.key)
    )
    with db.read() as conn:
        rows = list(conn.execute(query.limit(limit)).mappings())
        lines = _lines(conn, rows)
    return [{**row, "lines": lines[row["system"], row["key"]]} for row in rows]


def _lines(conn: Connection, rows: list[RowMapping]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for system in sorted({row["system"] for row in rows}):
        keys = [row["key"] for row in rows if row["system"] == system]
        mine = (_LINE.c.system == system, _LINE.c.parent.in_(keys))
        for line in conn.execute(select(_LINE).where(*mine).order_by(_LINE.c.parent, _LINE.c.seq)).mappings():
            names = [name for name in line if name not in ("system", "parent", "seq")]
            found[system, line["parent"]].append({name: line[name] for name in names})
    return found
