"""Flows in processes of their own that can be killed: each opens the installation for itself, as the command does.

A process can be told to stand still at a *stop*: the k-th time it comes to a place that matters. There it is killed
from outside, as a power cut or an operator would.
"""

from __future__ import annotations

import multiprocessing
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import flows.push
from config.settings import Settings
from config.wiring import open_context
from connectors.http import Http
from crm_core.outbox import Outbox
from crm_core.store import Store
from flows.context import Context
from flows.pull import pull
from flows.push import PushReport, push

# A forked server that has everything loaded makes a process cheap; where there is none (Windows), each loads anew.
FORKED = "forkserver" in multiprocessing.get_all_start_methods()
PROCESSES = multiprocessing.get_context("forkserver" if FORKED else "spawn")
if FORKED:
    PROCESSES.set_forkserver_preload([__name__, "config.mapping_files", "connectors.odata.connector"])
PATIENCE_S = 150
LEASE_MARGIN_S, LONGEST_WAIT_S = 1.0, 4.0
"""How long a lease outlasts a send's deadline, and the longest wait between two tries: as short as a test can wait."""


class Stop(NamedTuple):
    """Stand still the `count`-th time (from 1) that the process comes to `place`."""

    place: str
    count: int = 1


@dataclass(frozen=True)
class Place:
    """Around which call: `after` it is done, or before it begins."""

    owner: type
    call: str
    after: bool


PLACES = {
    "page written, not committed": Place(Store, "_write", after=True),
    "page stored": Place(Store, "store_page", after=True),
    "claimed, no attempt noted": Place(Outbox, "begin_attempt", after=False),
    "attempt noted, not sent": Place(Outbox, "begin_attempt", after=True),
    "answered, not settled": Place(Outbox, "settle", after=False),
    "written, answer not read": Place(Http, "write", after=True),
}


@dataclass
class Child:
    """A flow under way in a process of its own."""

    process: Any
    pipe: Connection

    def wait_for_stop(self) -> bool:
        """Whether it stands at its stop; false when it ended without coming there."""
        kind, what = self._next()
        if kind == "failed":
            raise AssertionError(what)
        return bool(kind == "stands")

    def go_on(self) -> None:
        """Let it pass its stop."""
        self.pipe.send("go on")

    def kill(self) -> None:
        """SIGKILL; on Windows TerminateProcess."""
        self.process.kill()
        self.process.join(PATIENCE_S)
        assert not self.process.is_alive()

    def result(self) -> Any:
        """What the flow returned; raises AssertionError with its traceback when it failed."""
        kind, what = self._next()
        self.process.join(PATIENCE_S)
        assert kind == "done", what
        return what

    def _next(self) -> tuple[str, Any]:
        assert self.pipe.poll(PATIENCE_S), "the process said nothing for too long"
        message: tuple[str, Any] = self.pipe.recv()
        return message


def start_pull(settings: Settings, objects: Sequence[str] = (), *, stop: Stop | None = None) -> Child:
    """`crosstie pull s4`; its result is how many pages it stored."""
    return _start(_pull, settings, stop, tuple(objects))


def start_push(
    settings: Settings, *, wait_s: float = 0, stop: Stop | None = None, margin_s: float = LEASE_MARGIN_S
) -> Child:
    """`crosstie push s4`; its result is (outcomes by state, every entry with its outcome)."""
    return _start(_push, settings, stop, wait_s, margin_s)


@contextmanager
def killed_after(children: Sequence[Child]) -> Iterator[Sequence[Child]]:
    """No process outlives its test, however that ends."""
    try:
        yield children
    finally:
        for child in children:
            if child.process.is_alive():
                child.kill()
            child.pipe.close()


def kill_at(child: Child) -> bool:
    """Wait until it stands, kill it there; false when it ended before."""
    with killed_after([child]):
        stands = child.wait_for_stop()
        if stands:
            child.kill()
        return stands


def run(child: Child) -> Any:
    """Let it come to its end."""
    with killed_after([child]):
        return child.result()


def _start(work: Callable[..., Any], settings: Settings, stop: Stop | None, *arguments: Any) -> Child:
    ours, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=_work, args=(work, settings, stop, theirs, *arguments))
    process.start()
    theirs.close()
    return Child(process, ours)


# --- inside the process ----------------------------------------------------------------------------------------------


def _work(work: Callable[..., Any], settings: Settings, stop: Stop | None, pipe: Connection, *arguments: Any) -> None:
    if stop is not None:
        _stand_at(stop, pipe)
    try:
        with open_context(settings, "s4") as ctx:
            pipe.send(("done", work(ctx, *arguments)))
    except Exception:
        pipe.send(("failed", traceback.format_exc()))


def _stand_at(stop: Stop, pipe: Connection) -> None:
    place = PLACES[stop.place]
    call = getattr(place.owner, place.call)
    times = iter(range(1, 10**9))
    lock = threading.Lock()

    def arrive() -> None:
        with lock:
            if next(times) == stop.count:
                pipe.send(("stands", stop.place))
                pipe.recv()

    def stopping(*args: Any, **kwargs: Any) -> Any:
        if not place.after:
            arrive()
        answer = call(*args, **kwargs)
        if place.after:
            arrive()
        return answer

    setattr(place.owner, place.call, stopping)


def _pull(ctx: Context, objects: Sequence[str]) -> int:
    pages: list[str] = []
    report = pull(ctx, objects, progress=lambda obj, read: pages.append(obj))
    assert not report.held, report.held
    return len(pages)


def _push(ctx: Context, wait_s: float, margin_s: float) -> tuple[dict[str, int], list[tuple[str, int, str]]]:
    flows.push.LEASE_MARGIN, flows.push.LONGEST_WAIT_S = timedelta(seconds=margin_s), LONGEST_WAIT_S
    report: PushReport = push(ctx, wait_s=wait_s)
    return dict(report.outcomes), report.entries
