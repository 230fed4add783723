"""The database server as such: its version and its clock. SQLite has neither.

Leases, horizons and due times are compared by several workers, so all of them go by the server's clock.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from crm_core.database import Clock, Database, utc_now

ASKED_AGAIN_S, JUMP_S = 300.0, 1.0


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
    return Server(str(version).split()[0], (_server_time(db) - utc_now()).total_seconds())


def clock_of(db: Database) -> Clock:
    """The clock that all who share this database go by: the server's, or this machine's own where it is a file."""
    return utc_now if db.is_sqlite else _ServerClock(db)


class _ServerClock:
    """Asks the server now and then, and whenever our clock was set or the machine slept; counts on in between."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._ask()

    def __call__(self) -> datetime:
        passed = time.monotonic() - self._ticks
        jumped = abs((utc_now() - self._ours).total_seconds() - passed) > JUMP_S
        if jumped or passed > ASKED_AGAIN_S:
            self._ask()
            passed = time.monotonic() - self._ticks
        return self._theirs + timedelta(seconds=passed)

    def _ask(self) -> None:
        self._theirs = _server_time(self._db)
        self._ours, self._ticks = utc_now(), time.monotonic()


def _server_time(db: Database) -> datetime:
    with db.read() as conn:
        at: datetime = conn.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return at.astimezone(UTC)
