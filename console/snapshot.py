"""What all pages show: one look at database, settings and Prefect, kept for seconds so that many readers cost one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

import anyio
from anyio import to_thread

from config.failures import Failure, describe
from config.health import Health, health
from config.prefect_api import prefect_api
from config.settings import Settings
from config.wiring import existing_database
from crm_core.access import Actor
from crm_core.database import Clock, head_version
from crm_core.errors import StoreError

KEPT_S = 2.0
LIMIT_S = 10.0
VIEWER = Actor("console", frozenset({"it"}))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`health` is None where the database could not be read: `failure` says why. `prefect`: why it does not answer,
    None when it does or when none is configured.
    """

    at: datetime
    health: Health | None
    failure: Failure | None
    version: str
    uses_prefect: bool
    prefect: Failure | None

    @property
    def ready(self) -> bool:
        return self.failure is None and self.prefect is None


class Watch:
    """Takes a snapshot when one is asked for and the last is too old."""

    def __init__(self, settings: Settings, clock: Clock, *, kept_s: float = KEPT_S, limit_s: float = LIMIT_S) -> None:
        self._settings, self._clock, self._kept_s, self._limit_s = settings, clock, kept_s, limit_s
        self._lock = anyio.Lock()
        self._threads = anyio.CapacityLimiter(4)
        self._last: Snapshot | None = None
        self._until = 0.0

    async def snapshot(self) -> Snapshot:
        """At most `kept_s` old; a database that does not answer within `limit_s` counts as busy."""
        async with self._lock:
            if self._last is None or time.monotonic() >= self._until:
                self._last = await self._taken()
                self._until = time.monotonic() + self._kept_s
            return self._last

    async def _taken(self) -> Snapshot:
        try:
            with anyio.fail_after(self._limit_s):
                return await to_thread.run_sync(self._take, abandon_on_cancel=True, limiter=self._threads)
        except TimeoutError:
            busy = StoreError("database-busy", place="-", seconds=f"{self._limit_s:.0f}")
            return Snapshot(self._clock(), None, describe(busy), head_version(), prefect_api() is not None, None)

    def _take(self) -> Snapshot:
        now, api = self._clock(), prefect_api()
        found = failure = prefect = None
        try:
            with existing_database(self._settings) as database:
                found = health(self._settings, database, VIEWER, now)
        except Exception as exc:
            failure = _described(exc)
        try:
            if api:
                api.ready()
        except Exception as exc:
            prefect = _described(exc)
        return Snapshot(now, found, failure, head_version(), api is not None, prefect)


def _described(exc: Exception) -> Failure:
    """An error of an island says place and cure; any other is a bug and goes on."""
    failure = describe(exc)
    if failure is None:
        raise exc
    return failure
