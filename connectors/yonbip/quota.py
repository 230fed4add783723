"""Our own count of calls a minute, for a connector that shares no count with other workers."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable

MINUTE_S = 60.0


class OwnQuota:
    """See `connectors.base.Quota`: never more than so many calls of one name within any 60 seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._starts: defaultdict[str, deque[float]] = defaultdict(deque)

    def take(self, name: str, per_minute: int, longest_s: float) -> float:
        with self._lock:
            now, starts = self._clock(), self._starts[name]
            while starts and starts[0] <= now - MINUTE_S:
                starts.popleft()
            start = now if len(starts) < per_minute else starts[-per_minute] + MINUTE_S
            if start - now <= longest_s:
                starts.append(start)
            return start - now
