"""An outbox entry: one decision that must become (or change) exactly one ERP document.

States: pending -> sent | unknown | review | dead. *unknown*: it may have reached the ERP, so it is looked up before it
is sent again. *review*: what the look-up found is not plainly ours. *dead*: refused, or given up by a person.

Where an ERP needs further steps of ours (submit, audit ...), the entry whose document is there keeps its number and
waits as *pending* with step `finish`: it is never sent again. One whose step was refused is dead, but its document
stays linked, and later versions change that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, FromClause, Row, func, insert, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from crm_core import audit, doubt, schema
from crm_core.database import Database
from crm_core.upserts import upsert

TABLE = schema.outbox
ATTEMPT = schema.outbox_attempt
SURELY_NOT_BOOKED = ("not-sent", "refused")
"""Outcomes of an attempt after which nothing of it can be in the ERP; every other one, also none yet, may be booked."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the outbox as it was claimed; `lease_token` is the fence: it grows with every claim.

    `step` is what comes next: `finish` when the document is there and steps of ours are left, else empty.

    `external_id` is the ERP document: of a change or cancellation the one its earlier version made.
    `last_sent_at` is the start of the newest attempt that may have reached the ERP.
    """

    key: str
    version: int
    system: str
    obj: str
    action: str
    crm_id: str
    after_key: str
    state: str
    document: dict[str, Any]
    wire: dict[str, Any] | None
    mapping_version: str
    external_id: str
    attempts: int
    last_sent_at: datetime | None
    due_at: datetime
    lease_owner: str
    lease_token: int
    lease_until: datetime | None
    reason: dict[str, Any] | None
    created_at: datetime
    created_by: str
    settled_at: datetime | None
    step: str = ""


def at(key: str, version: int) -> tuple[ColumnElement[bool], ...]:
    """The WHERE of one entry."""
    return (TABLE.c.key == key, TABLE.c.version == version)


def load(conn: Connection, key: str, version: int) -> Entry | None:
    """An entry with what the rows around it know: the ERP document of earlier versions, the ERP key of its customer."""
    row = conn.execute(select(TABLE).where(*at(key, version))).first()
    return None if row is None else _entry(conn, row)


def enqueue(
    conn: Connection,
    *,
    key: str,
    version: int,
    system: str,
    obj: str,
    action: str,
    crm_id: str,
    document: Mapping[str, Any],
    now: datetime,
    by: str,
    after_key: str = "",
) -> str:
    """Add an entry in the transaction of the decision itself: both are stored, or neither. Returns its action.

    A change of what never became an ERP document (its create is dead) is a create; a cancellation of that is nothing,
    and adds no entry: the action returned is empty. What was there when a doubt began is looked up before it is sent.
    """
    row: dict[str, Any] = {
        "key": key,
        "version": version,
        "system": system,
        "obj": obj,
        "action": action,
        "crm_id": crm_id,
        "after_key": after_key if action == "create" else key,
        "state": "pending",
        "document": dict(document),
        "mapping_version": "",
        "external_id": "",
        "attempts": 0,
        "due_at": now,
        "lease_owner": "",
        "lease_token": 0,
        "created_at": now,
        "created_by": by,
    }
    dead = _dead_create(versions(conn, key)) if action != "create" else None
    if dead and action == "cancel":
        return ""
    row |= _in_place_of(dead) if dead else {}
    if row["action"] == "create" and not row["attempts"] and doubt.covers(conn, crm_id):
        row["attempts"] = 1
        doubt.note_attempt(conn, key, version, now)
    conn.execute(insert(TABLE).values(**row))
    return str(row["action"])


def _dead_create(rows: Sequence[Row[Any]]) -> Row[Any] | None:
    """The newest create of a key when every one of them is dead, and none has a document that a step left behind."""
    creates = [row for row in rows if row.action == "create"]
    return creates[-1] if creates and all(row.state == "dead" and not row.step for row in creates) else None


def _in_place_of(dead: Any) -> dict[str, Any]:
    """What a create takes over from the dead one before it, so that it too is looked up before it is sent."""
    taken = ("attempts", "last_sent_at", "after_key")
    return {"action": "create", **{name: getattr(dead, name) for name in taken}}


def versions(conn: Connection, key: str) -> list[Row[Any]]:
    """Every entry of a key, oldest first."""
    return list(conn.execute(select(TABLE).where(TABLE.c.key == key).order_by(TABLE.c.version)))


@cache
def blockers(entry: FromClause) -> ColumnElement[bool]:
    """SQL: whether another entry must be settled before `entry` (the table or an alias of it).

    Earlier versions of its key, and every entry of the key it comes after. A dead change holds nobody up, for the next
    version says everything anew; nor does a dead create whose place a later one took. One whose document lacks a step
    holds up what comes after that key, but not its own later versions, which change the document.
    """
    other, later = TABLE.alias("other"), TABLE.alias("later")
    successor = (later.c.key == other.c.key) & (later.c.version > other.c.version) & (later.c.action == "create")
    taken_over = select(later.c.key).where(successor).correlate(other).exists()
    replaced = (other.c.state == "dead") & or_(other.c.action == "change", taken_over)
    lacks_step = (other.c.state == "dead") & (other.c.step != "")
    earlier = (other.c.key == entry.c.key) & (other.c.version < entry.c.version) & ~lacks_step
    awaited = (other.c.key == entry.c.after_key) & (entry.c.after_key != entry.c.key)
    unsettled = (other.c.state != "sent", ~replaced, or_(earlier, awaited))
    return select(other.c.key).where(*unsettled).correlate(entry).exists()


def waiting(db: Database, system: str, *, blocked: bool = False) -> list[Entry]:
    """Entries not settled yet that nothing but time holds up, due or not; with `blocked` also those behind others."""
    where = [TABLE.c.system == system, TABLE.c.state.in_(("pending", "unknown"))]
    where += [] if blocked else [~blockers(TABLE)]
    query = select(TABLE).where(*where).order_by(TABLE.c.due_at, TABLE.c.created_at, TABLE.c.key, TABLE.c.version)
    with db.read() as conn:
        return [_entry(conn, row) for row in conn.execute(query)]


def due_systems(db: Database, now: datetime) -> list[str]:
    """Systems that have an entry to be sent or looked up now, which nobody has leased."""
    free = or_(TABLE.c.lease_until.is_(None), TABLE.c.lease_until <= now)
    waiting = (TABLE.c.state.in_(("pending", "unknown")), TABLE.c.due_at <= now, free, ~blockers(TABLE))
    query = select(TABLE.c.system).where(*waiting).distinct().order_by(TABLE.c.system)
    with db.read() as conn:
        return list(conn.execute(query).scalars())


def maybe_sent_at(conn: Connection, key: str, version: int, action: str) -> datetime | None:
    """When an attempt last began that may have reached the ERP. A create inherits those of the creates before it."""
    mine = ATTEMPT.c.version <= version if action == "create" else ATTEMPT.c.version == version
    doubtful = ATTEMPT.c.outcome.not_in(SURELY_NOT_BOOKED)
    query = select(func.max(ATTEMPT.c.started_at)).where(ATTEMPT.c.key == key, mine, doubtful)
    return conn.execute(query).scalar()


def link(conn: Connection, entry: Entry, external_id: str, now: datetime, by: str) -> None:
    """Bind the ERP document to our row. Whoever else was linked to that document gives way: it bears our key."""
    row = {"system": entry.system, "obj": entry.obj, "erp_key": external_id, "crm_id": entry.crm_id}
    upsert(conn, schema.external_ref, [{**row, "linked_at": now, "linked_by": by}])


def steps_left(external_id: str, warnings: Sequence[str] = ()) -> dict[str, Any]:
    """Why an entry waits whose document is there."""
    return {"code": "steps-left", "params": {"document": external_id}, "warnings": list(warnings)}


def take_place(conn: Connection, dead: Entry, now: datetime, *, refused: bool) -> None:
    """A create died. The next version of its key, if it waits, creates the document itself.

    It inherits the attempts, so it is looked up before it is sent. A waiting cancellation is done when the ERP
    `refused` the create: there is nothing to cancel; when a person gave the create up, he decides about that too.
    """
    query = select(TABLE).where(TABLE.c.key == dead.key, TABLE.c.version > dead.version, TABLE.c.state != "sent")
    following = conn.execute(query.order_by(TABLE.c.version).limit(1)).first()
    if following is None or following.attempts:
        return
    if following.action == "change":
        conn.execute(update(TABLE).where(*at(dead.key, following.version)).values(**_in_place_of(dead)))
    elif following.action == "cancel" and refused:
        done = {
            "state": "sent",
            "settled_at": now,
            "reason": {"code": "nothing-to-cancel", "params": {"key": dead.key}},
        }
        conn.execute(update(TABLE).where(*at(dead.key, following.version)).values(**done))


def note(conn: Connection, entry: Entry, now: datetime, by: str, action: str, run_id: str = "", **detail: Any) -> None:
    """Leave the audit entry of what became of an outbox entry."""
    audit.append(
        conn,
        at=now,
        actor=by,
        action=f"outbox.{action}",
        obj=entry.obj,
        system=entry.system,
        run_id=run_id,
        mapping_version=entry.mapping_version,
        detail={"key": entry.key, "version": entry.version, **detail},
    )


def _entry(conn: Connection, row: Row[Any]) -> Entry:
    values = dict(row._mapping)
    if row.action != "create" and not row.external_id:
        values["external_id"] = _document_of(conn, row.key, row.version)
    values["document"] = _with_customer(conn, row.system, row.document)
    return Entry(**values)


def _document_of(conn: Connection, key: str, version: int) -> str:
    earlier = (TABLE.c.key == key, TABLE.c.version < version, TABLE.c.external_id != "")
    query = select(TABLE.c.external_id).where(*earlier).order_by(TABLE.c.version.desc()).limit(1)
    return conn.execute(query).scalar() or ""


def _with_customer(conn: Connection, system: str, document: dict[str, Any]) -> dict[str, Any]:
    """The ERP key of a customer who was created after the decision is known only now."""
    customer = document.get("customer")
    if not customer or customer.get("erp_key"):
        return document
    refs = schema.external_ref
    mine = (refs.c.system == system, refs.c.obj == "customers", refs.c.crm_id == customer["number"])
    erp_key = conn.execute(select(refs.c.erp_key).where(*mine).order_by(refs.c.erp_key).limit(1)).scalar()
    return {**document, "customer": {**customer, "erp_key": erp_key or ""}}
