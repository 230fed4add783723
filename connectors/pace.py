"""How fast and how many at once: shared by all threads that call one ERP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Pace:
    """Spaces calls `1 / per_second` seconds apart (0: no limit) and lets at most `concurrency` run at once."""

    def __init__(self, per_second: float, concurrency: int, sleep: Callable[[float], None] = time.sleep) -> None:
        self._gap = 1 / per_second if per_second else 0.0
        self._slots = threading.BoundedSemaphore(concurrency)
        self._lock = threading.Lock()
        self._next = 0.0
        self._sleep = sleep

    @contextmanager
    def turn(self) -> Iterator[None]:
        with self._slots:
            if self._gap:
                self._sleep(self._wait())
            yield

    def _wait(self) -> float:
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            self._next = start + self._gap
            return start - now


class Deadline:
    """A moment by which a call must have ended; `left` is never negative."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        return max(0.0, self._end - time.monotonic())
