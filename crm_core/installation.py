"""Which environment this database belongs to: the prefix of the keys it gives out, and whether it may write to ERPs.

A copy or a restored backup must not push again what its original pushed: it is found out when it is opened, and is
disarmed (`crm_core.doubt` says what else becomes doubtful).
"""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, inspect, select, update

from crm_core import access, audit, doubt, place, schema
from crm_core.access import Actor
from crm_core.database import Database
from crm_core.errors import RefusedError
from crm_core.upserts import upsert

KEY_LENGTH = 30
"""The shortest ERP field that can carry a key decides."""
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_PREFIX = re.compile(r"[A-Z][A-Z0-9]{1,7}")
_TABLE, _AUDIT = schema.installation, schema.audit


@dataclass(frozen=True, slots=True)
class Installation:
    """`environment` must equal that of the system files; `prefix` starts every key, e.g. CT7.

    `doubt` (restored, copied, put-back; empty: none) says since `doubted_at` why it is not to be trusted; `uid` is
    drawn anew when such a one is armed; `place` marks where the database lives.
    """

    environment: str
    prefix: str
    armed: bool
    uid: str = ""
    place: str = ""
    doubt: str = ""
    doubted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest audit entry that somebody outside of the database remembers of it; ids rise, hashes never change.

    Not `original`: the note of it is a copy that was put back, and so is a database file beside it.
    """

    uid: str
    audit_id: int
    audit_hash: str
    original: bool = True


def ensure(
    db: Database, now: datetime, *, environment: str, prefix: str = "", seen: Seen | None = None
) -> Installation:
    """The installation; a new database becomes one, armed, with the given or a drawn prefix.

    One that lives elsewhere than it did, or lacks what was `seen` in it, is disarmed and doubted from now on.
    """
    with db.read() as conn:
        here = _row(conn)
        if here is not None and here.uid and not _changed(conn, here, seen):
            return here
    with db.write() as conn:
        if _row(conn) is None:
            _create(conn, now, environment, prefix)
        here = _stored(conn)
        if not here.uid:  # of a program that knew no copies yet
            conn.execute(update(_TABLE).values(uid=uuid.uuid4().hex, place=place.of(conn)))
        elif changed := _changed(conn, here, seen):
            doubt.begin(conn, now, changed, access.PROGRAM.name)
        return current(conn)


def _create(conn: Connection, now: datetime, environment: str, prefix: str) -> None:
    """Make the row; somebody else may do the same this moment, then theirs stays."""
    prefix = _checked(prefix or "CT" + "".join(secrets.choice(_LETTERS) for _ in range(3)))
    whose = {"uid": uuid.uuid4().hex, "place": place.of(conn)}
    row = {"id": 1, "environment": environment, "prefix": prefix, "armed": True, "created_at": now, **whose}
    upsert(conn, _TABLE, [row], change=False)
    if _stored(conn).uid == whose["uid"]:
        _audit(conn, now, access.PROGRAM, "installation.create", {"environment": environment, "prefix": prefix})


def _changed(conn: Connection, here: Installation, seen: Seen | None) -> doubt.Why | None:
    """Why this is not the database that it was; None when it is, or when that was noticed already."""
    if here.doubt:
        return None
    if here.place != place.of(conn):
        return "copied"
    if seen is None or seen.uid != here.uid:
        return None
    if not seen.original and conn.dialect.name == "sqlite":
        return "put-back"
    known = conn.execute(select(_AUDIT.c.hash).where(_AUDIT.c.id == seen.audit_id)).scalar()
    return None if known == seen.audit_hash else "put-back"


def newest(db: Database) -> Seen | None:
    """What to remember of this database outside of it; None where it is in doubt or has no entry yet."""
    with db.read() as conn:
        here = _row(conn)
        last = conn.execute(select(_AUDIT.c.id, _AUDIT.c.hash).order_by(_AUDIT.c.id.desc()).limit(1)).first()
    return Seen(here.uid, last.id, last.hash) if here and last and not here.doubt else None


def current(conn: Connection) -> Installation:
    """What this database is; a copy is one in doubt, also before `ensure` noted that.

    Raises RefusedError on a database that no installation has claimed yet.
    """
    here = _stored(conn)
    if here.place and not here.doubt and here.place != place.of(conn):
        return replace(here, armed=False, doubt="copied")
    return here


def _stored(conn: Connection) -> Installation:
    found = _row(conn)
    if found is None:
        raise RefusedError("no-installation")
    return found


def read(db: Database, actor: Actor) -> Installation:
    """What this database is."""
    access.require(actor, "installation.read")
    with db.read() as conn:
        return current(conn)


def peek(db: Database, actor: Actor) -> Installation | None:
    """What this database is; None when it has no tables, or those of another version, or nobody claimed it."""
    access.require(actor, "installation.read")
    with db.read() as conn:
        there = inspect(conn).has_table(schema.adoption.name) and _row(conn)
        return current(conn) if there else None


def arm(db: Database, actor: Actor, now: datetime, *, systems: Iterable[str] = (), unchecked: str = "") -> Installation:
    """Allow this database to write to ERPs, and end the doubt about it.

    After a copy or a restore every one of `systems` must have been asked for documents of ours (`flows.adopt`), unless
    a person says in `unchecked` why that is not needed. Raises RefusedError.
    """
    access.require(actor, "installation.write")
    with db.write() as conn:
        before = _stored(conn)
        if before.doubt and not unchecked.strip():
            doubt.require_asked(conn, systems)
        conn.execute(update(_TABLE).values(armed=True))
        if before.doubt:
            trusted = {"doubt": "", "doubted_at": None, "uid": uuid.uuid4().hex, "place": place.of(conn)}
            conn.execute(update(_TABLE).values(**trusted))
        if before.doubt or not before.armed:
            detail = {"armed": [before.armed, True], "doubt": [before.doubt, ""], "unchecked": unchecked.strip()}
            _audit(conn, now, actor, "installation.arm", detail)
        return current(conn)


def disarm(db: Database, actor: Actor, now: datetime) -> Installation:
    """Forbid this database to write to any ERP, also a push that is at work."""
    access.require(actor, "installation.write")
    with db.write() as conn:
        before = _stored(conn)
        conn.execute(update(_TABLE).values(armed=False))
        if before.armed:
            _audit(conn, now, actor, "installation.disarm", {"armed": [True, False]})
        return current(conn)


def armed(db: Database) -> bool:
    """Whether this database may write to ERPs; one that no installation has claimed may not."""
    with db.read() as conn:
        return _row(conn) is not None and current(conn).armed


def require_armed(conn: Connection, environment: str = "") -> None:
    """Refuse to write to an ERP from a disarmed database, or from one of another environment than the system file's."""
    here = current(conn)
    if environment and here.environment != environment:
        raise RefusedError("other-environment", database=here.environment, system=environment)
    if here.doubt:
        raise RefusedError(f"disarmed-{here.doubt}", environment=here.environment)
    if not here.armed:
        raise RefusedError("disarmed", environment=here.environment)


def entry_key(conn: Connection, decision: str) -> str:
    """What the ERP document will bear: prefix and decision. Raises RefusedError where an ERP field cannot carry it."""
    key = f"{current(conn).prefix}-{decision}"
    if len(key) > KEY_LENGTH or not re.fullmatch(r"[!-~]+", key):
        raise RefusedError("key-unfit", key=key, limit=str(KEY_LENGTH))
    return key


def decision_of(conn: Connection, key: str) -> str:
    """The decision behind a key that we gave out (CT7-Q000123: Q000123); empty where it is none of ours."""
    here = _row(conn)
    prefix, _, rest = key.partition("-")
    return rest if here and prefix == here.prefix else ""


def _checked(prefix: str) -> str:
    if not _PREFIX.fullmatch(prefix):
        raise RefusedError("prefix-unfit", prefix=prefix)
    return prefix


def _row(conn: Connection) -> Installation | None:
    row = conn.execute(select(*_TABLE.c[Installation.__slots__])).first()
    return None if row is None else Installation(*row)


def _audit(conn: Connection, now: datetime, actor: Actor, action: str, detail: dict[str, object]) -> None:
    audit.append(conn, at=now, actor=actor.name, action=action, obj="installation", detail=detail)
