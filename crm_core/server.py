"""The database server as such: its version and its clock. SQLite has neither."""

from __future__ import annotations

from dataclasses import dataclass

from crm_core.database import Database, utc_now


@dataclass(frozen=True, slots=True)
class Server:
    """`clock_offset_s`: how far its clock is ahead of ours."""

    version: str
    clock_offset_s: float


def server(db: Database) -> Server | None:
    """None where the database is a file. Raises StoreError."""
    if db.is_sqlite:
        return None
    with db.read() as conn:
        version = conn.exec_driver_sql("SHOW server_version").scalar_one()
        offset = conn.exec_driver_sql("SELECT clock_timestamp()").scalar_one() - utc_now()
    return Server(str(version).split()[0], offset.total_seconds())
