"""Pulls and backfills in processes of their own whose leases are as short as a test can wait."""

from __future__ import annotations

from collections.abc import Sequence

import flows.backfill
import flows.runs
from config.settings import Settings
from flows.backfill import work
from flows.context import Context
from flows.pull import pull
from tests.flows import processes
from tests.flows.processes import Child, Stop

LEASE_S, BEAT_S = 1.5, 0.3


def start_short_lived_pull(settings: Settings, objects: Sequence[str], *, stop: Stop | None = None) -> Child:
    """`crosstie pull s4`; its result is how many records it read, by object."""
    return processes._start(_pull, settings, stop, tuple(objects))


def start_worker(settings: Settings, objects: Sequence[str], *, stop: Stop | None = None) -> Child:
    """`crosstie backfill s4` beside others; its result is how many records it read, by object."""
    return processes._start(_work, settings, stop, tuple(objects))


def _shorten() -> None:
    flows.runs.LEASE_S, flows.runs.BEAT_S, flows.backfill.WAIT_S = LEASE_S, BEAT_S, 0.2


def _pull(ctx: Context, objects: Sequence[str]) -> dict[str, int]:
    _shorten()
    report = pull(ctx, objects)
    assert not report.held and not report.busy, (report.held, report.busy)
    return {obj: counts.read for obj, counts in report.counts.items()}


def _work(ctx: Context, objects: Sequence[str]) -> dict[str, int]:
    _shorten()
    report = work(ctx, objects)
    assert not report.held, report.held
    return {obj: counts.read for obj, counts in report.counts.items()}
