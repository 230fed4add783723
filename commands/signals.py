"""Being told to end: Ctrl-C, SIGTERM and a closed terminal, all the same."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Not every system has all of them; one that is ignored (nohup) stays so."""


@contextmanager
def told_to_stop() -> Iterator[threading.Event]:
    """An event that is set by any of them meanwhile, again and again: what is being ended is ended to the end."""
    stop, before = threading.Event(), dict[Any, Any]()
    for name in NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, lambda *_: stop.set())
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
