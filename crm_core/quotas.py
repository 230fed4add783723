"""Calls that all workers together may make to a resource of an ERP in a minute, counted in the database.

Each call is reserved in order: the moment it may be sent is kept, nobody waits inside. Who would have to wait too long
reserves nothing. The database's own clock counts, so workers on several machines agree.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, DateTime, cast, func, select, update

from crm_core import schema
from crm_core.database import Database, done_anew, utc_now
from crm_core.upserts import upsert

WINDOW = 61_000_000
"""Microseconds that a call counts for: a minute, and a second for calls that travel faster than those before them."""
FARTHEST = 900_000_000
"""Microseconds ahead that nobody may reserve: a call beyond was reserved by a clock that was set back since."""
_SECOND = 1_000_000
_TABLE = schema.call_quota


class CallQuota:
    """The quotas of one system; every worker has one of its own, they meet in the table."""

    def __init__(self, db: Database, system: str, clock: Callable[[], datetime] | None = None) -> None:
        self.db, self.system, self._clock = db, system, clock

    @done_anew
    def take(self, name: str, per_minute: int, longest_s: float) -> float:
        """Reserve one call of `name`; the seconds to wait before it may be sent (0: at once).

        More than `longest_s` of them: nothing is reserved.
        """
        row = {"system": self.system, "name": name}
        mine = (_TABLE.c.system == self.system, _TABLE.c.name == name)
        with self.db.write(alone=False) as conn:
            upsert(conn, _TABLE, [{**row, "taken": []}], change=False)
            taken = conn.execute(select(_TABLE.c.taken).where(*mine).with_for_update()).scalar_one()
            now = self._now(conn)
            at = _turn(taken, per_minute, now)
            if at - now <= min(longest_s * _SECOND, FARTHEST):
                conn.execute(update(_TABLE).where(*mine).values(taken=[*taken, at][-per_minute:]))
        return (at - now) / _SECOND

    def _now(self, conn: Connection) -> int:
        """Microseconds since 1970."""
        if self._clock is None and conn.dialect.name != "sqlite":
            return _micros(conn.execute(select(cast(func.clock_timestamp(), DateTime(timezone=True)))).scalar_one())
        return _micros((self._clock or utc_now)())


def _turn(taken: list[int], per_minute: int, now: int) -> int:
    """When the next call may be sent: not before those reserved, nor while `per_minute` of them count."""
    if not taken or taken[-1] > now + FARTHEST:
        return now
    latest = max(now, taken[-1])
    return max(latest, taken[-per_minute] + WINDOW) if len(taken) >= per_minute else latest


def _micros(at: datetime) -> int:
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * _SECOND + since.microseconds
