"""Customers as sales works with them: what we know of each, and prospects of our own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, or_, select, update

from crm_core import access, audit, customer_checks, customer_joins, ownership, schema
from crm_core.access import Actor
from crm_core.database import Database
from crm_core.errors import NotFoundError, RefusedError
from crm_core.upserts import next_value

_TABLE = schema.customer
_REFS = schema.external_ref


@dataclass(frozen=True, slots=True)
class CustomerDraft:
    """What is known of a prospect; `country` is an ISO code, `category` organisation or person."""

    name: str
    name_en: str = ""
    category: str = "organisation"
    tax_id: str = ""
    language: str = ""
    email: str = ""
    phone: str = ""
    website: str = ""
    street: str = ""
    city: str = ""
    postal_code: str = ""
    region: str = ""
    country: str = ""
    owner: str = ""


def create(db: Database, actor: Actor, now: datetime, draft: CustomerDraft) -> str:
    """Store a prospect and return its number. Raises RefusedError for a wrong tax id, phone or address of mail."""
    access.require(actor, "customers.write")
    values = customer_checks.checked(asdict(draft))
    with db.write() as conn:
        number = _free_number(conn)
        row = {"number": number, "origin": "crm", "blocked": False, "created_at": now, "updated_at": now, "custom": {}}
        conn.execute(insert(_TABLE).values(**row, **{**values, "owner": draft.owner or actor.name}))
        audit.append(
            conn, at=now, actor=actor.name, action="customer.create", obj="customers", detail={"created": [number]}
        )
    return number


def edit(db: Database, actor: Actor, now: datetime, number: str, changes: Mapping[str, str]) -> list[str]:
    """Change fields that the CRM owns; returns those that changed. Raises RefusedError for a field an ERP owns."""
    access.require(actor, "customers.write")
    known = set(CustomerDraft.__dataclass_fields__)
    with db.write() as conn:
        row = one(conn, number)
        for name in changes:
            if name not in known:
                raise RefusedError("unknown-field", field=name, known=", ".join(sorted(known)))
            if not ownership.may_write("customers", name, "crm", origin=row["origin"]):
                raise RefusedError("field-of-erp", field=name, number=number, system=row["origin"])
        values = customer_checks.checked(changes, {name: row[name] for name in known})
        changed = {name: value for name, value in values.items() if value != row[name]}
        if changed:
            conn.execute(update(_TABLE).where(_TABLE.c.number == number).values(**changed, updated_at=now))
            detail = {"updated": {number: {name: [row[name], value] for name, value in changed.items()}}}
            audit.append(conn, at=now, actor=actor.name, action="customer.edit", obj="customers", detail=detail)
    return sorted(changed)


def listing(db: Database, actor: Actor, *, text: str = "", system: str = "", limit: int = 500) -> list[dict[str, Any]]:
    """Customers by number; `text` is looked for in number, names and ERP keys."""
    access.require(actor, "customers.read")
    where = []
    if text:
        in_erp = select(_REFS.c.crm_id).where(_REFS.c.obj == "customers", _REFS.c.erp_key == text)
        fields = (_TABLE.c.number, _TABLE.c.name, _TABLE.c.name_en)
        where.append(or_(*(field.icontains(text, autoescape=True) for field in fields), _TABLE.c.number.in_(in_erp)))
    if system:
        linked = select(_REFS.c.crm_id).where(_REFS.c.obj == "customers", _REFS.c.system == system)
        where.append(_TABLE.c.number.in_(linked))
    with db.read() as conn:
        rows = conn.execute(select(_TABLE).where(*where).order_by(_TABLE.c.number).limit(limit)).mappings()
        return [dict(row) for row in rows]


def show(db: Database, actor: Actor, number: str) -> dict[str, Any]:
    """A customer with its links, accounts per system and company, contacts, and who may be the same (by tax number).

    Raises NotFoundError.
    """
    access.require(actor, "customers.read")
    with db.read() as conn:
        row = one(conn, number)
        people = select(*schema.contact.c["name", "role", "email", "phone"])
        own = conn.execute(people.where(schema.contact.c.customer_number == number)).mappings()
        return {
            **row,
            "links": [{"system": system, "erp_key": key} for system, key in links(conn, number)],
            "accounts": accounts(conn, number),
            "contacts": [*map(dict, own), *_erp_contacts(conn, number)],
            "perhaps_same": customer_joins.proposals(conn, number, row["tax_id"]),
        }


def one(conn: Connection, number: str) -> RowMapping:
    """The row of a customer; raises NotFoundError."""
    row = conn.execute(select(_TABLE).where(_TABLE.c.number == number)).mappings().first()
    if row is None:
        raise NotFoundError("no-customer", number=number)
    return row


def links(conn: Connection, number: str, system: str = "") -> list[tuple[str, str]]:
    """(system, ERP key) of every ERP customer that is this customer."""
    mine = [_REFS.c.obj == "customers", _REFS.c.crm_id == number]
    mine += [_REFS.c.system == system] if system else []
    query = select(_REFS.c.system, _REFS.c.erp_key).where(*mine).order_by(_REFS.c.system, _REFS.c.erp_key)
    return [(found, key) for found, key in conn.execute(query)]


def accounts(conn: Connection, number: str, system: str = "") -> list[dict[str, Any]]:
    """The customer's account in each company of each system, with what the ERP says of the ERP customer itself."""
    account, erp = schema.customer_account, schema.erp_customer
    query = (
        select(account, erp.c.blocked.label("customer_blocked"), erp.c.archived.label("customer_archived"))
        .join(_REFS, (_REFS.c.system == account.c.system) & (_REFS.c.erp_key == account.c.parent))
        .join(erp, (erp.c.system == account.c.system) & (erp.c.key == account.c.parent))
        .where(_REFS.c.obj == "customers", _REFS.c.crm_id == number)
        .order_by(account.c.system, account.c.company_code, account.c.parent)
    )
    found = conn.execute(query.where(account.c.system == system) if system else query).mappings()
    return [
        {**{name: row[name] for name in row if name not in ("seq", "parent")}, "erp_key": row["parent"]}
        for row in found
    ]


def _erp_contacts(conn: Connection, number: str) -> list[dict[str, Any]]:
    table = schema.erp_customer_contact
    query = (
        select(*table.c["name", "role", "email", "phone"], table.c.system)
        .join(_REFS, (_REFS.c.system == table.c.system) & (_REFS.c.erp_key == table.c.parent))
        .where(_REFS.c.obj == "customers", _REFS.c.crm_id == number)
        .order_by(table.c.system, table.c.parent, table.c.seq)
    )
    return [dict(row) for row in conn.execute(query).mappings()]


def _free_number(conn: Connection) -> str:
    """The next number of our own; one that an ERP customer happens to bear is passed over."""
    while True:
        number = f"C{next_value(conn, 'customer'):06d}"
        if conn.execute(select(_TABLE.c.number).where(_TABLE.c.number == number)).first() is None:
            return number
