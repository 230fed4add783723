"""Calls a minute, API by API, counted over the last sixty seconds of real time; what was refused does not count."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable

from sandbox.front import ControlError
from sandbox.yonyou.envelope import RefusalError

_WINDOW_SECONDS = 60.0


class Quotas:
    """`only` sets one number for every API that has a quota."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.on = True
        self.only: int | None = None
        self._clock = clock
        self._calls: dict[str, deque[float]] = defaultdict(deque)

    def set(self, word: str) -> None:
        """on, off (for load tests), or the calls a minute that every API with a quota is to have."""
        if word not in ("on", "off") and not word.isdigit():
            raise ControlError(f"quotas are on, off or a number of calls a minute, not {word!r}")
        self.on, self.only = word != "off", int(word) if word.isdigit() else None
        self._calls.clear()

    def take(self, api: str, per_minute: int | None) -> None:
        """Count one call, or refuse it: no header says when the next one may come."""
        if not self.on or per_minute is None:
            return
        now, calls = self._clock(), self._calls[api]
        while calls and calls[0] <= now - _WINDOW_SECONDS:
            calls.popleft()
        if len(calls) >= (self.only if self.only is not None else per_minute):
            raise RefusalError("310046", "API访问频率超出限制，请稍后再试")
        calls.append(now)
