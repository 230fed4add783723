"""Which CRM customer an ERP customer is, and which of its fields the ERP may write.

An ERP customer that bears our number or key (or was linked before) is that customer; any other becomes a new one,
numbered after its system and ERP key. Several ERP customers may be one: the first linked gives the master data, each
keeps its accounts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from crm_core import installation, model, ownership, schema


def link_customers(conn: Connection, system: str, records: Mapping[str, model.Customer], now: datetime) -> None:
    """Link and update the CRM customers of these ERP records, inside the page's transaction."""
    if not records:
        return
    refs = _refs(conn, system)
    for key, record in sorted(records.items()):  # the order in which `_refs` tells those of one page
        ours = _our_number(conn, record.number)
        number = refs.get(key) or ours or record.number or f"{system.upper()}-{key}"
        have = conn.execute(select(schema.customer).where(schema.customer.c.number == number)).mappings().first()
        if have is None:
            new = _new("crm" if ours else system, record, now)
            conn.execute(insert(schema.customer).values(number=number, **new))
        elif _is_home(refs, key, number, have["origin"], system):
            _update(conn, dict(have), system, record, now)
        if key not in refs:
            refs[key] = number
            conn.execute(
                insert(schema.external_ref).values(
                    system=system, obj="customers", erp_key=key, crm_id=number, linked_at=now, linked_by="pull"
                )
            )


def _refs(conn: Connection, system: str) -> dict[str, str]:
    """ERP key -> our number, in the order in which they were linked."""
    table = schema.external_ref
    query = select(table.c.erp_key, table.c.crm_id).where(table.c.system == system, table.c.obj == "customers")
    return dict(conn.execute(query.order_by(table.c.linked_at, table.c.erp_key)).tuples().all())


def _is_home(refs: Mapping[str, str], key: str, number: str, origin: str, system: str) -> bool:
    """Whether this record may speak for the customer: a customer of ours by ownership, else the first linked key."""
    if origin != system:
        return origin == "crm"
    return key == next((erp for erp, crm in refs.items() if crm == number), key)


def _update(conn: Connection, have: dict[str, Any], system: str, record: model.Customer, now: datetime) -> None:
    values = _fields(record)
    allowed = {name for name in values if ownership.may_write("customers", name, system, origin=have["origin"])}
    changed = {name: values[name] for name in allowed if values[name] != have[name]}
    if changed:
        query = update(schema.customer).where(schema.customer.c.number == have["number"])
        conn.execute(query.values(**changed, updated_at=now))


def _our_number(conn: Connection, text: str) -> str:
    """The customer of ours whom the ERP customer was made from: his key (CT7-C000123, CT7-C000123.2) names him."""
    return re.sub(r"\.\d+$", "", installation.decision_of(conn, text)) if "-" in text else ""


def _new(origin: str, record: model.Customer, now: datetime) -> dict[str, Any]:
    return {**_fields(record), "owner": "", "origin": origin, "created_at": now, "updated_at": now}


def _fields(record: model.Customer) -> dict[str, Any]:
    plain = ("name", "name_en", "category", "tax_id", "language", "email", "phone", "website", "custom")
    address = record.addresses[0] if record.addresses else model.Address()
    return {
        **{name: getattr(record, name) for name in plain},
        "street": " ".join(filter(None, (address.street, address.house_number))),
        "city": address.city,
        "postal_code": address.postal_code,
        "region": address.region,
        "country": address.country,
        "blocked": record.blocked or record.archived,
    }
