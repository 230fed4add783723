"""The life of a run: noted before it works, alive by its heartbeat, ended in one place whatever happens to it.

A process that dies leaves a run that nobody renews: whoever needs its place next, or the sweep, marks it interrupted.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm_core import sync_state
from crm_core.errors import CrmError, LeaseLostError, StoreError
from crm_core.run_lease import Holder, Lease
from flows.context import Context
from flows.errors import AlreadyRunningError, HeldError
from flows.tracing import traced

LEASE_S, BEAT_S = 45.0, 10.0
"""A run shows every BEAT_S that it lives; after LEASE_S without it counts as dead. Clocks may differ by the rest."""
log = logging.getLogger("crosstie.run")


@dataclass(slots=True)
class Run:
    """A run under way; `counts` and `erp_time` are what is noted of it at its end."""

    lease: Lease
    counts: Mapping[str, int] = field(default_factory=dict)
    erp_time: datetime | None = None

    @property
    def id(self) -> str:
        return self.lease.run_id


@contextmanager
def running(ctx: Context, obj: str, direction: str, *, part: str = "", exclusive: bool = False) -> Iterator[Run]:
    """Note a run for as long as the block works. AlreadyRunningError when an exclusive one has the object already.

    LeaseLostError when another run took over meanwhile: this one is noted as interrupted then, whatever it did.
    """
    run = Run(_begun(ctx, obj, direction, part, exclusive))
    with traced(run=run.id, system=ctx.system, obj=obj), _heartbeat(ctx, run.lease):
        log.info("%s %s began", direction, obj, extra={"part": part})
        try:
            yield run
        except BaseException as exc:
            with suppress(LeaseLostError, StoreError):  # what stopped it is the news, not that nobody can note it
                _end(ctx, run, _state(exc), exc)
            raise
        _end(ctx, run, "done", None)
        log.info("%s %s done", direction, obj, extra={"part": part, "counts": dict(run.counts)})


def _begun(ctx: Context, obj: str, direction: str, part: str, exclusive: bool) -> Lease:
    sync_state.interrupt_stale_runs(ctx.database, ctx.clock())  # without Prefect there is no sweep to do it
    prefect_run = os.environ.get("PREFECT__FLOW_RUN_ID", "")
    started = sync_state.Started(ctx.system, obj, direction, ctx.owner, LEASE_S, part, exclusive, prefect_run)
    found = sync_state.begin_run(ctx.database, started, ctx.clock(), gone)
    if isinstance(found, Holder):
        since = f"{found.since:%Y-%m-%d %H:%M:%S} UTC"
        raise AlreadyRunningError(
            "already-running",
            system=ctx.system,
            object=obj,
            owner=found.owner or "-",
            since=since,
            seconds=f"{LEASE_S:.0f}",
        )
    return found


def gone(owner: str) -> bool:
    """Whether the process of `owner` (host:pid:...) was of this machine and is no more: nobody need wait for its lease.

    A wrong answer does no harm: what it still writes is refused.
    """
    host, _, rest = owner.rpartition(":")[0].rpartition(":")
    if host != socket.gethostname() or not rest.isdecimal():
        return False
    import psutil

    try:
        return bool(psutil.Process(int(rest)).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


@contextmanager
def _heartbeat(ctx: Context, lease: Lease) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=_beat, args=(ctx, lease, stop), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _beat(ctx: Context, lease: Lease, stop: threading.Event) -> None:
    while not stop.wait(BEAT_S):
        try:
            if not sync_state.renew_run(ctx.database, lease, ctx.clock(), LEASE_S):
                return
        except CrmError as exc:  # busy or away for a moment: the next beat tries again
            log.warning("run %s: %s", lease.run_id, exc.code)


def _state(exc: BaseException) -> str:
    if isinstance(exc, HeldError):
        return "held"
    return "failed" if isinstance(exc, Exception) and not isinstance(exc, LeaseLostError) else "interrupted"


def _end(ctx: Context, run: Run, state: str, exc: BaseException | None) -> None:
    error: dict[str, Any] | None = None
    if state in ("failed", "held"):
        error = {"code": getattr(exc, "code", "bug"), "params": getattr(exc, "params", {})}
    sync_state.end_run(ctx.database, run.lease, state, run.counts, ctx.clock(), erp_time=run.erp_time, error=error)
