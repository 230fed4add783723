"""The outbox as a person sees and settles it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from crm_core import access, outbox_entry
from crm_core.access import Actor
from crm_core.database import Database
from crm_core.errors import NotFoundError, RefusedError
from crm_core.outbox import Found, doubtful
from crm_core.outbox_entry import ATTEMPT, TABLE, Entry, at

_HIDDEN = ("document", "wire", "lease_token")


def listing(
    db: Database,
    actor: Actor,
    *,
    system: str = "",
    obj: str = "",
    states: Sequence[str] = ("pending", "unknown", "review", "dead"),
    limit: int = 500,
) -> list[dict[str, Any]]:
    """Entries, oldest first; `waits_for` is the entry that must be settled before, if any, with state and reason."""
    access.require(actor, "outbox.read")
    wanted = [TABLE.c[name] == value for name, value in (("system", system), ("obj", obj)) if value]
    columns = [column for column in TABLE.c if column.name not in _HIDDEN]
    query = (
        select(*columns)
        .where(*wanted, TABLE.c.state.in_(states))
        .order_by(TABLE.c.created_at, TABLE.c.key, TABLE.c.version)
    )
    with db.read() as conn:
        return [{**row, "waits_for": _waits_for(conn, row)} for row in conn.execute(query.limit(limit)).mappings()]


def show(db: Database, actor: Actor, key: str, version: int | None = None) -> list[dict[str, Any]]:
    """The versions of a key (or one), each with its document, frozen wire and attempts."""
    access.require(actor, "outbox.read")
    with db.read() as conn:
        found = [row for row in outbox_entry.versions(conn, key) if version in (None, row.version)]
        if not found:
            raise NotFoundError("no-entry", key=key, version=str(version or "-"))
        return [
            {**row._mapping, "waits_for": _waits_for(conn, row._mapping), "tries": _tries(conn, key, row.version)}
            for row in found
        ]


def settle_by_hand(
    db: Database,
    actor: Actor,
    now: datetime,
    key: str,
    version: int,
    *,
    why: str,
    external_id: str = "",
    resend: bool = False,
    dead: bool = False,
) -> Entry:
    """A person decides: it is that ERP document, or send it (after asking the ERP again), or give it up.

    Exactly one of `external_id`, `resend` and `dead`. Whoever held the entry loses it. A resend of a dead entry is
    mapped anew, so that a corrected mapping takes effect. Raises RefusedError when the entry is sent, or a later
    version already says everything.
    """
    access.require(actor, "outbox.settle")
    if sum((bool(external_id), resend, dead)) != 1:
        raise RefusedError("settle-choice", key=key)
    if not why.strip():
        raise RefusedError("reason-needed", what=key)
    with db.write() as conn:
        entry = _unsettled(conn, key, version)
        if resend:
            _resend(conn, entry, now)
        elif dead:
            _give_up(conn, entry, now, why)
        else:
            bind(conn, entry, external_id, now, actor.name)
        after = _one(conn, key, version)
        became = [entry.state, after.state]
        outbox_entry.note(
            conn, entry, now, actor.name, "settle_by_hand", state=became, why=why, external_id=external_id
        )
    return after


def adopt(
    db: Database,
    actor: Actor,
    now: datetime,
    *,
    system: str,
    obj: str,
    key: str,
    crm_id: str,
    external_id: str,
    why: str,
    done: bool = True,
) -> Entry:
    """Take an ERP document that bears our key and that we do not know (after a restore): link it, so that later
    versions of the decision change it instead of making a second one. Raises RefusedError when the key is known.
    """
    access.require(actor, "outbox.settle")
    with db.write() as conn:
        if outbox_entry.versions(conn, key):
            raise RefusedError("key-known", key=key)
        outbox_entry.enqueue(
            conn,
            key=key,
            version=1,
            system=system,
            obj=obj,
            action="create",
            crm_id=crm_id,
            document={},
            now=now,
            by=actor.name,
        )
        entry = _one(conn, key, 1)
        bind(conn, entry, external_id, now, actor.name, done=done)
        outbox_entry.note(conn, entry, now, actor.name, "adopt", external_id=external_id, why=why)
        return _one(conn, key, 1)


def probe(db: Database, actor: Actor, key: str, version: int) -> Entry:
    """The entry whose key is to be looked up at the ERP without sending anything."""
    access.require(actor, "outbox.read")
    with db.read() as conn:
        return _one(conn, key, version)


def _unsettled(conn: Connection, key: str, version: int) -> Entry:
    entry = _one(conn, key, version)
    if entry.state == "sent":
        raise RefusedError("entry-sent", key=key, version=str(version), external_id=entry.external_id)
    return entry


def _one(conn: Connection, key: str, version: int) -> Entry:
    entry = outbox_entry.load(conn, key, version)
    if entry is None:
        raise NotFoundError("no-entry", key=key, version=str(version))
    return entry


def _write(conn: Connection, entry: Entry, **values: Any) -> None:
    """Write past any lease: it ends, so a holder that is still at work can write no more."""
    fence = {"lease_owner": "", "lease_until": None}
    conn.execute(update(TABLE).where(*at(entry.key, entry.version)).values(**fence, **values))


def _resend(conn: Connection, entry: Entry, now: datetime) -> None:
    for later in outbox_entry.versions(conn, entry.key):
        replaced = later.state == "sent" or (later.action != "cancel" and later.state != "dead")
        if later.version > entry.version and replaced:
            raise RefusedError("entry-replaced", key=entry.key, version=str(entry.version), later=str(later.version))
    sent_at = outbox_entry.maybe_sent_at(conn, entry.key, entry.version, entry.action)
    anew = {"wire": None, "mapping_version": ""} if entry.state == "dead" else {}
    state = "unknown" if sent_at and not entry.step else "pending"
    _write(conn, entry, state=state, due_at=now, last_sent_at=sent_at, reason=None, settled_at=None, **anew)


def _give_up(conn: Connection, entry: Entry, now: datetime, why: str) -> None:
    _write(conn, entry, state="dead", settled_at=now, reason={"code": "given-up", "params": {"why": why}})
    if entry.action == "create" and not entry.step:
        outbox_entry.take_place(conn, entry, now, refused=False)


def bind(conn: Connection, entry: Entry, external_id: str, now: datetime, by: str, *, done: bool = True) -> None:
    """The entry is that ERP document, whoever holds it; if that is not `done`, the next push takes the steps left."""
    if done:
        _write(conn, entry, state="sent", step="", external_id=external_id, settled_at=now, reason=None)
    else:
        waits = {"state": "pending", "step": "finish", "due_at": now, "settled_at": None}
        _write(conn, entry, **waits, external_id=external_id, reason=outbox_entry.steps_left(external_id))
    outbox_entry.link(conn, entry, external_id, now, by)


def set_aside(conn: Connection, entry: Entry, hits: Sequence[Found], code: str) -> None:
    """A person must look at the entry: these documents bear its key, and `code` says what is wrong with that."""
    _write(conn, entry, state="review", reason=doubtful(entry.key, code, hits))


def _waits_for(conn: Connection, row: Any) -> dict[str, Any] | None:
    """The first entry in the way, with why it does not move itself; None when the entry is free (or settled)."""
    if row["state"] not in ("pending", "unknown"):
        return None
    if not conn.execute(
        select(TABLE.c.key).where(*at(row["key"], row["version"]), outbox_entry.blockers(TABLE))
    ).first():
        return None
    keys = {row["key"], row["after_key"]} - {""}
    others = (
        TABLE.c.key.in_(keys),
        TABLE.c.state != "sent",
        ~((TABLE.c.key == row["key"]) & (TABLE.c.version >= row["version"])),
    )
    query = select(TABLE.c.key, TABLE.c.version, TABLE.c.state, TABLE.c.reason).where(*others)
    blocker = conn.execute(query.order_by(TABLE.c.key != row["after_key"], TABLE.c.version).limit(1)).mappings().first()
    return None if blocker is None else dict(blocker)


def _tries(conn: Connection, key: str, version: int) -> list[dict[str, Any]]:
    mine = (ATTEMPT.c.key == key, ATTEMPT.c.version == version)
    rows: Sequence[Row[Any]] = conn.execute(select(ATTEMPT).where(*mine).order_by(ATTEMPT.c.id)).all()
    return [dict(row._mapping) for row in rows]
