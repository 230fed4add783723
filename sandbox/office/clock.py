"""The ERP's simulated clock: a start that the books choose, plus the real time since then, plus what was advanced."""

from __future__ import annotations

import time as _time
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

NOON = time(12, 0, tzinfo=UTC)
"""A sandbox starts at noon UTC: the business date is then the same from Hawaii to Tokyo."""

MORNING = time(10, 0, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


class Clock:
    """Never goes back: every stamp is later than the last one, and `now` is never before a stamp it gave."""

    def __init__(self) -> None:
        self._base = datetime.min.replace(tzinfo=UTC)
        self._since: float | None = None
        self._last = self._base

    def __getstate__(self) -> dict[str, Any]:
        """As it shows now, and when that was by this machine's clock."""
        return {"now": self.now(), "last": self._last, "ran": self._since is not None, "kept": _time.time()}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        """A clock that ran has run on meanwhile: an ERP lives on while nobody looks."""
        meanwhile = max(0.0, _time.time() - kept["kept"]) if kept["ran"] else 0.0
        self._base, self._last = kept["now"] + timedelta(seconds=meanwhile), kept["last"]
        self._since = _time.monotonic() if kept["ran"] else None

    def move_to(self, moment: datetime) -> None:
        """Stand still at this moment until `run`; a moment already passed changes nothing."""
        self._base = max(moment, self._last)
        self._since = None

    def run(self) -> None:
        """From here on, pass as real time does."""
        self._base = self.now()
        self._since = _time.monotonic()

    def now(self) -> datetime:
        elapsed = 0.0 if self._since is None else _time.monotonic() - self._since
        return max(self._base + timedelta(seconds=elapsed), self._last)

    def today(self) -> date:
        """The system's business date; the system's time zone is UTC."""
        return self.now().date()

    def stamp(self) -> datetime:
        """A time for a change: unique, and later than all before it."""
        self._last = max(self.now(), self._last + _TICK)
        return self._last

    def advance(self, days: int) -> None:
        self._base += timedelta(days=days)


def morning_of(day: date) -> datetime:
    return datetime.combine(day, MORNING)


def noon_of(day: date) -> datetime:
    return datetime.combine(day, NOON)
