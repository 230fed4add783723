"""ERP documents that bear our keys, held against what the CRM knows: after a restore or a move it may lack some.

`judge` only looks; what follows from it is done document by document, so it can be stopped and run again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, insert, select, update

from crm_core import (
    access,
    audit,
    companies,
    doubt,
    installation,
    order_decisions,
    outbox_desk,
    outbox_entry,
    quote_rows,
    schema,
)
from crm_core.access import Actor
from crm_core.database import Database
from crm_core.errors import RefusedError
from crm_core.outbox import Found
from crm_core.outbox_entry import Entry

Verdict = Literal["known", "found", "lacking", "changed", "review", "foreign"]
"""What a document is to the CRM: `known` as it was sent · `found`: its entry was not known to be sent · `lacking`: no
entry · `changed`: other than what was sent · `review`: a person must look · `foreign`: its key is none that we make.
"""
Same = Callable[[Any, Entry], bool]
"""Whether a document found is what an entry meant."""
_NUMBER = re.compile(r"([QC])(\d+)(\.\d+)?")
_QUOTE = schema.quote
_SIXTH = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Judged:
    """A key of ours with the documents that bear it; `entry` is the one to be settled, `why` a code of the reason."""

    key: str
    hits: Sequence[Found]
    verdict: Verdict
    entry: Entry | None = None
    why: str = ""

    @property
    def external_id(self) -> str:
        return self.hits[0].external_id

    @property
    def done(self) -> bool:
        """Whether the document waits for no further steps of ours."""
        return getattr(self.hits[0], "done", True)


def judge(db: Database, obj: str, found: Mapping[str, Sequence[Found]], same: Same) -> list[Judged]:
    """Say of each key what its documents are to us."""
    with db.read() as conn:
        return [_judged(conn, obj, key, hits, same) for key, hits in found.items()]


def _judged(conn: Connection, obj: str, key: str, hits: Sequence[Found], same: Same) -> Judged:
    entries = [load for row in outbox_entry.versions(conn, key) if (load := outbox_entry.load(conn, key, row.version))]
    creates = [entry for entry in entries if entry.action == "create"]
    if not creates:
        ours = obj != "orders" or re.fullmatch(r"Q\d+", installation.decision_of(conn, key))
        if len(hits) > 1:
            return Judged(key, hits, "review", why="several-documents")
        return Judged(key, hits, "lacking" if ours else "foreign")
    unsettled = next((entry for entry in entries if entry.state != "sent"), None)
    if len(hits) > 1:
        return Judged(key, hits, "review", unsettled, "several-documents")
    if not any(entry.state == "sent" for entry in entries) or not (creates[-1].step or creates[-1].state == "sent"):
        agrees = same(hits[0], creates[-1]) and creates[-1].external_id in ("", hits[0].external_id)
        return Judged(key, hits, "found" if agrees else "review", creates[-1], "" if agrees else "document-differs")
    if getattr(hits[0], "cancelled", False) and _called_off(conn, obj, creates[-1].crm_id):
        return Judged(key, hits, "known")
    return _after_its_create(key, hits, entries, creates[-1], same)


def _called_off(conn: Connection, obj: str, crm_id: str) -> bool:
    """Whether the CRM too knows the order as cancelled."""
    state = select(_QUOTE.c.state).where(_QUOTE.c.number == crm_id)
    return obj == "orders" and conn.execute(state).scalar() == "cancelled"


def _after_its_create(key: str, hits: Sequence[Found], entries: list[Entry], create: Entry, same: Same) -> Judged:
    """A document whose creation we know: have later versions of it arrived, or has somebody else changed it?"""
    hit = hits[0]
    if create.external_id != hit.external_id:
        return Judged(key, hits, "review", why="other-document")
    waiting = [entry for entry in entries if entry.state in ("pending", "unknown") and entry.action == "change"]
    if waiting and same(hit, waiting[-1]):
        return Judged(key, hits, "found", waiting[-1])
    sent = [entry for entry in entries if entry.state == "sent"]
    if not getattr(hit, "cancelled", False) and (not sent[-1].document or same(hit, sent[-1])):
        return Judged(key, hits, "known")
    if waiting:
        return Judged(key, hits, "review", waiting[-1], "document-differs")
    return Judged(key, hits, "changed", why="document-changed")


def settle(db: Database, actor: Actor, now: datetime, judged: Judged, why: str) -> None:
    """Do what the verdict says to the entry: it is sent, or a person must look at it. Its later changes wait on."""
    access.require(actor, "outbox.settle")
    entry = judged.entry
    if entry is None:
        return
    with db.write() as conn:
        if judged.verdict == "found":
            outbox_desk.bind(conn, entry, judged.external_id, now, actor.name, done=judged.done)
        elif judged.verdict == "review":
            outbox_desk.set_aside(conn, entry, judged.hits, judged.why)
        became = {"found": "sent" if judged.done else "pending", "review": "review"}[judged.verdict]
        state, number = [entry.state, became], judged.external_id
        outbox_entry.note(conn, entry, now, actor.name, "adopt", state=state, external_id=number, why=why)


def reserve_numbers(db: Database, keys: Iterable[str]) -> None:
    """No number that a document bears is given out again."""
    newest: dict[str, int] = {}
    with db.write() as conn:
        for key in keys:
            if match := _NUMBER.fullmatch(installation.decision_of(conn, key)):
                name = doubt.SEQUENCES[match[1]]
                newest[name] = max(newest.get(name, 0), int(match[2]))
        for name, value in newest.items():
            doubt.reserve(conn, name, value)


def unlinked_customers(db: Database, system: str, erp_keys: Iterable[str]) -> list[str]:
    """ERP customers that are no CRM customer yet."""
    refs = schema.external_ref
    linked = select(refs.c.erp_key).where(refs.c.system == system, refs.c.obj == "customers")
    with db.read() as conn:
        return sorted(set(erp_keys) - set(conn.execute(linked).scalars()))


def adopt_customer(
    db: Database, actor: Actor, now: datetime, system: str, key: str, erp_key: str, why: str, *, done: bool = True
) -> str:
    """An entry for an ERP customer of ours that was pulled meanwhile; returns the CRM's number of him."""
    access.require(actor, "outbox.settle")
    refs = schema.external_ref
    mine = (refs.c.system == system, refs.c.obj == "customers", refs.c.erp_key == erp_key)
    with db.read() as conn:
        number = conn.execute(select(refs.c.crm_id).where(*mine)).scalar()
    if number is None:
        raise RefusedError("adopt-not-taken", key=key, external_id=erp_key)
    document = {"system": system, "obj": "customers", "key": key, "crm_id": number, "external_id": erp_key}
    outbox_desk.adopt(db, actor, now, **document, why=why, done=done)
    return str(number)


def adopt_order(
    db: Database, actor: Actor, now: datetime, system: str, key: str, erp_key: str, why: str, *, done: bool = True
) -> str:
    """Make the accepted quote that an ERP order of ours, pulled meanwhile, must have come from; returns its number.

    The order was read without tax, payment plan, validity and seller: the quote has none, and `actor` owns it. The tax
    is not known until a seller states it with the first change. A draft of the same number and total is taken as what
    was accepted. Raises RefusedError.
    """
    access.require(actor, "outbox.settle")
    with db.write() as conn:
        if outbox_entry.versions(conn, key):
            raise RefusedError("key-known", key=key)
        number = installation.decision_of(conn, key)
        order, lines = _order(conn, system, key, erp_key)
        _store_quote(conn, actor, now, number, order, lines)
        quote = quote_rows.load(conn, number)
        quote_rows.keep_version(conn, quote, now, actor.name)
        order_decisions.put(conn, quote, "create", now, actor.name)
        entry = outbox_entry.load(conn, key, quote.head["version"])
        assert entry is not None
        outbox_desk.bind(conn, entry, erp_key, now, actor.name, done=done)
        outbox_entry.note(conn, entry, now, actor.name, "adopt", external_id=erp_key, why=why)
        detail = {"number": number, "version": quote.head["version"], "state": quote.head["state"], "why": why}
        audit.append(conn, at=now, actor=actor.name, action="quote.adopt", obj="quotes", system=system, detail=detail)
    return number


def _order(conn: Connection, system: str, key: str, erp_key: str) -> tuple[RowMapping, list[RowMapping]]:
    table, children = schema.erp_order, schema.erp_order_line
    order = conn.execute(select(table).where(table.c.system == system, table.c.key == erp_key)).mappings().first()
    if order is None:
        raise RefusedError("adopt-not-taken", key=key, external_id=erp_key)
    mine = (children.c.system == system, children.c.parent == erp_key)
    lines = conn.execute(select(children).where(*mine).order_by(children.c.seq)).mappings().all()
    return order, [line for line in lines if not line["rejected"] or order["status"] == "cancelled"]


def _store_quote(
    conn: Connection, actor: Actor, now: datetime, number: str, order: RowMapping, lines: Sequence[RowMapping]
) -> None:
    have = conn.execute(select(_QUOTE).where(_QUOTE.c.number == number)).mappings().first()
    if have is not None and have["state"] != "draft":
        raise RefusedError("quote-state", number=number, state=have["state"], needed="draft")
    accepted = _accepted(conn, actor, now, order)
    if have is not None and (have["net_total"], have["currency"]) == (order["net_amount"], order["currency"]):
        conn.execute(update(_QUOTE).where(_QUOTE.c.number == number).values(**accepted))
        return
    rows = _line_rows(lines)
    head = {**_head(conn, order, actor), **quote_rows.totals(rows, order["currency"]), **accepted}
    if have is None:
        conn.execute(insert(_QUOTE).values(number=number, version=1, created_at=now, **head))
    else:
        quote_rows.keep_version(conn, quote_rows.load(conn, number), now, actor.name)
        version = have["version"] + 1
        conn.execute(update(_QUOTE).where(_QUOTE.c.number == number).values(version=version, **head))
    quote_rows.replace_children(conn, number, rows, [])


def _accepted(conn: Connection, actor: Actor, now: datetime, order: RowMapping) -> dict[str, Any]:
    """Accepted at noon of the order's own day, in its company."""
    zone = companies.zones(conn, order["system"]).get(order["company_code"], now.tzinfo)
    state = "cancelled" if order["status"] == "cancelled" else "accepted"
    at = datetime.combine(order["order_date"], time(12), zone)
    return {"state": state, "accepted_at": at, "accepted_by": actor.name, "updated_at": now}


def _head(conn: Connection, order: RowMapping, actor: Actor) -> dict[str, Any]:
    refs = schema.external_ref
    buyer = (refs.c.system == order["system"], refs.c.obj == "customers", refs.c.erp_key == order["customer_key"])
    number = conn.execute(select(refs.c.crm_id).where(*buyer)).scalar()
    if number is None:
        raise RefusedError("adopt-no-customer", key=order["our_key"], customer=order["customer_key"])
    same = ("system", "company_code", "customer_po", "currency", "payment_terms", "requested_on")
    return {
        **{name: order[name] for name in same},
        "customer_number": number,
        "quoted_on": order["order_date"],
        "valid_until": None,
        "owner": actor.name,
        "note": f"{order['system']} {order['number']}",
        "custom": {},
    }


def _line_rows(lines: Sequence[RowMapping]) -> list[dict[str, Any]]:
    """Lines under our own numbers; one that somebody added at the ERP keeps the ERP's."""
    names = [line["our_line"] or line["line"] for line in lines]
    if len(set(names)) != len(names):
        names = [line["line"] for line in lines]
    return [_line_row(name, line) for name, line in zip(names, lines, strict=True)]


def _line_row(name: str, line: RowMapping) -> dict[str, Any]:
    net = line["net_amount"] or Decimal(0)
    price, per = _price(net, line["quantity"])
    amounts = {"net_amount": net, "tax_amount": Decimal(0), "gross_amount": net, "tax_rate": None}
    same = {part: line[part] for part in ("product_key", "text", "quantity", "unit", "requested_on")}
    return {"line": name, **same, "price": price, "per": per, "price_includes_tax": False, **amounts}


def _price(net: Decimal, quantity: Decimal) -> tuple[Decimal, Decimal]:
    """The price for one, or where that has no end, for the whole quantity.

    >>> _price(Decimal("25.00"), Decimal(2)), _price(Decimal("10.00"), Decimal(3))
    ((Decimal('12.500000'), Decimal('1')), (Decimal('10.00'), Decimal('3')))
    """
    if quantity <= 0:
        return net, Decimal(1)
    price = (net / quantity).quantize(_SIXTH)
    return (price, Decimal(1)) if price * quantity == net else (net, quantity)
