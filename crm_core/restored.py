"""A database taken back to what a snapshot says: in one transaction, so that a killed restore leaves it as it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, inspect

from crm_core import access, audit, doubt, schema, snapshot
from crm_core.access import Actor
from crm_core.database import Database, head_version, versions
from crm_core.errors import RefusedError, StoreError


def restore(
    db: Database,
    actor: Actor,
    now: datetime,
    version: str,
    tables: Mapping[str, Iterable[bytes]],
    *,
    replace: bool,
    name: str,
) -> dict[str, int]:
    """Replace every row by those of a snapshot of `version`, bring the tables to this program's, and doubt them.

    `name` is the backup's, for the audit. Returns how many rows, unknown entries and interrupted runs there are. Raises
    RefusedError when the database is not empty (without `replace`) or somebody is at work on it; StoreError for a
    snapshot that a newer program made, or that is not whole, and for tables that a newer program made.
    """
    access.require(actor, "installation.restore")
    _check(version, tables)
    if (found := db.version()) and found not in versions():
        raise StoreError("snapshot-over-newer", place=str(db.place), found=found, needed=head_version())
    with db.write() as conn:
        _refuse(conn, now, str(db.place), replace=replace)
        if db.is_sqlite:
            conn.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        snapshot.start_over(conn, version)
        order = [one.name for one in schema.metadata.sorted_tables if one.name in tables]
        rows = sum(snapshot.load(conn, one, tables[one]) for one in order)
        snapshot.migrate(conn, head_version())
        detail = {"backup": name, "version": version, "rows": rows, "replaced": replace}
        audit.append(conn, at=now, actor=actor.name, action="installation.restore", obj="installation", detail=detail)
        return {"rows": rows, **doubt.begin(conn, now, "restored", actor.name)}


def _check(version: str, tables: Mapping[str, Iterable[bytes]]) -> None:
    if version not in versions():
        raise StoreError("snapshot-newer", found=version, needed=head_version())
    unknown = sorted(set(tables) - set(schema.metadata.tables))
    lacking = sorted({"installation", "audit", "outbox"} - set(tables))
    if unknown or lacking:
        raise StoreError("snapshot-tables", tables=", ".join(unknown or lacking))


def _refuse(conn: Connection, now: datetime, place: str, *, replace: bool) -> None:
    if not replace and not snapshot.is_empty(conn):
        raise RefusedError("database-not-empty", place=place)
    inspector = inspect(conn)
    current = inspector.has_table("run") and "lease_until" in {part["name"] for part in inspector.get_columns("run")}
    if current and (owners := doubt.live_runs(conn, now)):
        raise RefusedError("database-at-work", place=place, owners=", ".join(owners))
