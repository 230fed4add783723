"""Published mappings: which text a system's runs use, who published it and why; every record names its version.

The version is the hash of the content, so publishing the same text again makes it current and adds nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from crm_core import access, audit, schema
from crm_core.access import Actor
from crm_core.database import Database
from crm_core.errors import NotFoundError, RefusedError
from crm_core.upserts import upsert

_TABLE = schema.mapping_version


def publish(
    db: Database,
    actor: Actor,
    now: datetime,
    *,
    system: str,
    product: str,
    version: str,
    content: Mapping[str, Any],
    reason: str,
) -> bool:
    """Make `content` (base and overlay texts, lookups) the current mapping of `system`; False when it was already."""
    access.require(actor, "mappings.publish")
    if not reason.strip():
        raise RefusedError("reason-needed", what=f"mapping {version}")
    with db.write() as conn:
        before = _current(conn, system)
        if before and before["version"] == version:
            return False
        row = {"system": system, "version": version, "product": product, "content": dict(content), "current": False}
        upsert(conn, _TABLE, [{**row, "published_at": now, "published_by": actor.name, "reason": reason}], change=False)
        _make_current(conn, actor, now, system, version, "mapping.publish", reason)
    return True


def current(db: Database, system: str) -> dict[str, Any] | None:
    """The mapping that runs of `system` use, whole; None before the first is published."""
    with db.read() as conn:
        row = _current(conn, system)
    return None if row is None else dict(row)


def get(db: Database, system: str, version: str) -> dict[str, Any]:
    """One version, whole; its first characters are enough. Raises NotFoundError."""
    with db.read() as conn:
        return dict(_one(conn, system, version))


def history(db: Database, actor: Actor, system: str) -> list[dict[str, Any]]:
    """Every version ever published, newest first, without the texts."""
    access.require(actor, "mappings.read")
    columns = [column for column in _TABLE.c if column.name != "content"]
    query = select(*columns).where(_TABLE.c.system == system).order_by(_TABLE.c.published_at.desc(), _TABLE.c.version)
    with db.read() as conn:
        return [dict(row) for row in conn.execute(query).mappings()]


def diff(db: Database, actor: Actor, system: str, old: str, new: str = "") -> list[str]:
    """Unified diff of two versions, part by part; `new` empty means the current one."""
    access.require(actor, "mappings.read")
    with db.read() as conn:
        before = _one(conn, system, old)
        after = _one(conn, system, new) if new else _current(conn, system) or before
    return unified(before["content"], after["content"], before["version"][:12], after["version"][:12])


def unified(before: Mapping[str, Any], after: Mapping[str, Any], old: str, new: str) -> list[str]:
    """Unified diff of two contents, part by part."""
    lines: list[str] = []
    for part in sorted({*before, *after}):
        one, other = (str(content.get(part) or "").splitlines() for content in (before, after))
        lines += difflib.unified_diff(one, other, f"{part}@{old}", f"{part}@{new}", lineterm="")
    return lines


def rollback(db: Database, actor: Actor, now: datetime, system: str, version: str, *, reason: str) -> str:
    """Make an earlier version current again; returns its full name."""
    access.require(actor, "mappings.publish")
    if not reason.strip():
        raise RefusedError("reason-needed", what=f"mapping {version}")
    with db.write() as conn:
        target = str(_one(conn, system, version)["version"])
        _make_current(conn, actor, now, system, target, "mapping.rollback", reason)
    return target


def _make_current(
    conn: Connection, actor: Actor, now: datetime, system: str, version: str, action: str, reason: str
) -> None:
    before = _current(conn, system)
    conn.execute(update(_TABLE).where(_TABLE.c.system == system).values(current=_TABLE.c.version == version))
    detail = {"version": [before["version"] if before else "", version], "reason": reason}
    audit.append(
        conn,
        at=now,
        actor=actor.name,
        action=action,
        obj="mapping",
        system=system,
        mapping_version=version,
        detail=detail,
    )


def _current(conn: Connection, system: str) -> RowMapping | None:
    query = select(_TABLE).where(_TABLE.c.system == system, _TABLE.c.current.is_(True))
    return conn.execute(query).mappings().first()


def _one(conn: Connection, system: str, version: str) -> RowMapping:
    query = select(_TABLE).where(_TABLE.c.system == system, _TABLE.c.version.startswith(version, autoescape=True))
    rows = conn.execute(query).mappings().all()
    exact = [row for row in rows if row["version"] == version] or rows
    if not version or len(exact) != 1:
        raise NotFoundError("no-mapping-version", version=version, system=system, found=str(len(exact)))
    return exact[0]
