"""Dated events of a data set, applied in order as the books' clock passes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sandbox.office.clock import morning_of
from sandbox.office.dataset import DataError
from sandbox.office.journal import Journal


@dataclass(order=True)
class Event:
    on: date
    phase: int
    order: int
    kind: str
    name: str
    """The source's record, for messages."""

    run: Callable[[], None]


class Timeline:
    """`refusals`: what an event raises that does not fit the books."""

    def __init__(self, events: Iterable[Event], journal: Journal, refusals: tuple[type[Exception], ...]) -> None:
        self.events = sorted(events, key=lambda event: (event.on, event.phase, event.order))
        self._journal = journal
        self._refusals = refusals
        self._at = 0

    @property
    def last_day(self) -> date | None:
        return self.events[-1].on if self.events else None

    def eve(self, start: date) -> datetime:
        """The morning before `start` and before the first event: when master data is entered."""
        first = min([start, *(event.on for event in self.events[:1])])
        return morning_of(first - timedelta(days=1))

    def run_to(self, day: date, *, strict: bool, on_day: Callable[[date], None] | None = None) -> dict[str, int]:
        """Apply what happens up to and including `day`; returns how many events of each kind.

        An event that no longer fits the books (somebody has changed them by hand) is counted as refused; when
        `strict` it is an error of the data.
        """
        counts: dict[str, int] = defaultdict(int)
        while self._at < len(self.events) and self.events[self._at].on <= day:
            event = self.events[self._at]
            self._at += 1
            if on_day:
                on_day(event.on)
            counts[event.kind if self._fits(event, strict) else "refused"] += 1
        return dict(counts)

    def _fits(self, event: Event, strict: bool) -> bool:
        point = self._journal.savepoint()
        try:
            event.run()
        except self._refusals as error:
            if strict:
                raise DataError(
                    f"{event.name} does not fit what was booked before it: {error}; correct the amounts or dates"
                ) from None
            self._journal.rollback(point)
            return False
        return True
