"""The decision that a customer of ours shall be a customer of an ERP, in given companies: an outbox entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping

from crm_core import access, audit, customers, outbox_entry
from crm_core.access import Actor
from crm_core.database import Database
from crm_core.errors import RefusedError
from crm_core.installation import entry_key

_COPIED = (
    "number",
    "name",
    "name_en",
    "category",
    "language",
    "country",
    "city",
    "street",
    "postal_code",
    "region",
    "tax_id",
    "email",
    "phone",
)
NEEDED = ("name", "country", "city")
"""Without these no ERP makes a usable customer."""


@dataclass(frozen=True, slots=True)
class CompanyTerms:
    """On what terms a company of the ERP deals with the customer."""

    company_code: str
    currency: str
    payment_terms: str = ""


def queue(
    db: Database, actor: Actor, now: datetime, number: str, system: str, companies: Sequence[CompanyTerms]
) -> tuple[str, int]:
    """Make the customer an ERP customer in `system` for these companies; returns key and version of the entry.

    Raises RefusedError when facts are missing that an ERP needs, or when he is an ERP customer in all of them already.
    """
    access.require(actor, "customers.write")
    with db.write() as conn:
        key, version = put(conn, actor, now, number, system, companies)
    return key, version


def put(
    conn: Connection, actor: Actor, now: datetime, number: str, system: str, companies: Sequence[CompanyTerms]
) -> tuple[str, int]:
    """As `queue`, in the caller's transaction. A second company of the same system is a change of the same entry."""
    row = customers.one(conn, number)
    lacking = missing(row)
    if lacking:
        raise RefusedError("customer-incomplete", number=number, fields=", ".join(lacking))
    key, before = _entries(conn, number, system)
    linked = customers.links(conn, number, system)
    known = _known_companies(conn, number, system, before)
    new = [terms for terms in companies if terms.company_code not in known]
    if not new or (linked and not before):
        raise RefusedError("customer-in-erp", number=number, system=system, erp_key=linked[0][1] if linked else key)
    version = before[-1].version + 1 if before else 1
    document = _document(row, key, version, [*known.values(), *map(asdict, new)])
    outbox_entry.enqueue(
        conn,
        key=key,
        version=version,
        system=system,
        obj="customers",
        action="change" if before else "create",
        crm_id=number,
        document=document,
        now=now,
        by=actor.name,
    )
    detail = {"key": key, "version": version, "number": number, "companies": [terms.company_code for terms in new]}
    audit.append(
        conn, at=now, actor=actor.name, action="customer.to_erp", obj="customers", system=system, detail=detail
    )
    return key, version


def pending_key(conn: Connection, number: str, system: str, company_code: str) -> str:
    """The key of an entry that will make him a customer of this company; empty when there is none (alive)."""
    key, before = _entries(conn, number, system)
    return key if company_code in _known_companies(conn, number, system, before) and before else ""


def missing(row: RowMapping) -> list[str]:
    """Facts that an ERP needs and we lack."""
    return [name for name in NEEDED if not row[name]]


def _entries(conn: Connection, number: str, system: str) -> tuple[str, list[Any]]:
    """The key of this customer in this system, with its living entries. One customer may go to several systems."""
    base, turn = entry_key(conn, number), 1
    while True:
        key = base if turn == 1 else f"{base}.{turn}"
        rows = outbox_entry.versions(conn, key)
        if not rows or rows[0].system == system:
            return key, rows
        turn += 1


def _known_companies(conn: Connection, number: str, system: str, before: Sequence[Any]) -> dict[str, dict[str, str]]:
    """By company code what the ERP, or an entry on its way, has already."""
    fields = ("company_code", "currency", "payment_terms")
    found = {
        row["company_code"]: {name: row[name] for name in fields} for row in customers.accounts(conn, number, system)
    }
    for row in before:
        if row.state != "dead":
            found.update({company["company_code"]: company for company in row.document.get("companies", [])})
    return found


def _document(row: RowMapping, key: str, version: int, companies: list[dict[str, str]]) -> dict[str, Any]:
    facts = {name: row[name] for name in _COPIED}
    return {"kind": "customer", "key": key, "version": version, **facts, "companies": companies}
