"""Read one page ahead: the next is fetched while this one is stored."""

from __future__ import annotations

import contextvars
import gc
import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")
COLLECT_EVERY = 100_000


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Let Python look for cyclic garbage after so many new containers only: records hold none, and at its usual 700 the
    looking costs half as much again as decoding a page. Of pulls in several threads the first one sets it back.
    """
    usual = gc.get_threshold()
    if not 0 < usual[0] < COLLECT_EVERY:
        yield
        return
    gc.set_threshold(COLLECT_EVERY, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


class Prefetched(Generic[T]):
    """Iterate `source` in a thread of its own, at most one item ahead. Leaving the `with` stops the thread."""

    def __init__(self, source: Iterable[T]) -> None:
        self._source = source
        self._queue: queue.Queue[tuple[str, T | BaseException | None]] = queue.Queue(maxsize=1)
        self._stop = threading.Event()
        names = contextvars.copy_context()  # the run's id goes with every request, also of this thread
        self._thread = threading.Thread(target=names.run, args=(self._run,), name="prefetch", daemon=True)

    def __enter__(self) -> Iterator[T]:
        self._thread.start()
        return self._items()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        while self._thread.is_alive():
            self._drain()
            self._thread.join(0.05)

    def _items(self) -> Iterator[T]:
        while True:
            kind, item = self._queue.get()
            if kind == "item":
                yield item  # type: ignore[misc]  # kind says which of the three it is
            elif kind == "error":
                raise item  # type: ignore[misc]
            else:
                return

    def _run(self) -> None:
        try:
            for item in self._source:
                if not self._put("item", item):
                    return
        except BaseException as exc:  # handed to the consumer, who raises it
            self._put("error", exc)
        else:
            self._put("end", None)

    def _put(self, kind: str, item: T | BaseException | None) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put((kind, item), timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def _drain(self) -> None:
        try:
            self._queue.get_nowait()
        except queue.Empty:
            return
