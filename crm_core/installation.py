"""Which environment this database belongs to: the prefix of the keys it gives out, and whether it may write to ERPs.

A copy or a restored backup must not push again what its original pushed: it starts disarmed.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from crm_core import access, audit, schema
from crm_core.access import Actor
from crm_core.database import Database
from crm_core.errors import RefusedError

KEY_LENGTH = 30
"""The shortest ERP field that can carry a key decides."""
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_PREFIX = re.compile(r"[A-Z][A-Z0-9]{1,7}")


@dataclass(frozen=True, slots=True)
class Installation:
    """`environment` must equal that of the system files; `prefix` starts every key, e.g. CT7."""

    environment: str
    prefix: str
    armed: bool


def ensure(db: Database, now: datetime, *, environment: str, prefix: str = "") -> Installation:
    """The installation; a new database becomes one, armed, with the given or a drawn prefix."""
    with db.write() as conn:
        if _row(conn) is None:
            prefix = _checked(prefix or "CT" + "".join(secrets.choice(_LETTERS) for _ in range(3)))
            row = {"id": 1, "environment": environment, "prefix": prefix, "armed": True, "created_at": now}
            conn.execute(insert(schema.installation).values(**row))
            _audit(conn, now, access.PROGRAM, "installation.create", {"environment": environment, "prefix": prefix})
        return current(conn)


def current(conn: Connection) -> Installation:
    """Raises RefusedError on a database that no installation has claimed yet."""
    found = _row(conn)
    if found is None:
        raise RefusedError("no-installation")
    return found


def read(db: Database, actor: Actor) -> Installation:
    """What this database is."""
    access.require(actor, "installation.read")
    with db.read() as conn:
        return current(conn)


def arm(db: Database, actor: Actor, now: datetime, *, on: bool) -> Installation:
    """Allow (or forbid) this database to write to ERPs."""
    access.require(actor, "installation.write")
    with db.write() as conn:
        before = current(conn)
        conn.execute(update(schema.installation).values(armed=on))
        if before.armed != on:
            _audit(conn, now, actor, "installation.arm", {"armed": [before.armed, on]})
        return current(conn)


def armed(db: Database) -> bool:
    """Whether this database may write to ERPs; one that no installation has claimed may not."""
    with db.read() as conn:
        found = _row(conn)
    return found is not None and found.armed


def require_armed(conn: Connection, environment: str) -> None:
    """Refuse to write to an ERP from a disarmed database, or from one of another environment than the system file's."""
    here = current(conn)
    if here.environment != environment:
        raise RefusedError("other-environment", database=here.environment, system=environment)
    if not here.armed:
        raise RefusedError("disarmed", environment=here.environment)


def entry_key(conn: Connection, decision: str) -> str:
    """What the ERP document will bear: prefix and decision. Raises RefusedError where an ERP field cannot carry it."""
    key = f"{current(conn).prefix}-{decision}"
    if len(key) > KEY_LENGTH or not re.fullmatch(r"[!-~]+", key):
        raise RefusedError("key-unfit", key=key, limit=str(KEY_LENGTH))
    return key


def _checked(prefix: str) -> str:
    if not _PREFIX.fullmatch(prefix):
        raise RefusedError("prefix-unfit", prefix=prefix)
    return prefix


def _row(conn: Connection) -> Installation | None:
    table = schema.installation
    row = conn.execute(select(table.c.environment, table.c.prefix, table.c.armed)).first()
    return None if row is None else Installation(row.environment, row.prefix, row.armed)


def _audit(conn: Connection, now: datetime, actor: Actor, action: str, detail: dict[str, object]) -> None:
    audit.append(conn, at=now, actor=actor.name, action=action, obj="installation", detail=detail)
