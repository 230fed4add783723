"""Runs that Prefect takes for running though nobody works on them, and those that its automations leave crashed.

Prefect keeps an event back for a quarter of an hour where it never saw the one before: that of a run which was planned
less than five minutes before it began (just after it was deployed), or that came before the server was started anew
(measured with 3.8.8). Automations sleep so long; the sweep looks at the runs themselves.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterId,
    FlowRunFilterStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Crashed, Scheduled

from flows.automations import AGAIN, BEGIN_S, KILLED, LAST_START, SILENT, VANISHED
from flows.deployments import TAG
from flows.runs import LEASE_S

OURS = FlowRunFilterTags(all_=[TAG])
YOUNG_S = LEASE_S + 15
"""A run that began less than so long ago may not have its lease yet: it starts up, or waits for its dead self's."""
REACTED_S, WAITED_S = 10, 40
"""By when an automation has acted: one that acts at once, and one that waits ten seconds."""
NOT_BEFORE = timedelta(hours=1)
"""A run that was planned longer ago stays as it is: its schedule had others since."""


def end_lost(alive: set[str]) -> int:
    """Tell Prefect of the runs that hold no lease any more, and plan those anew that were taken and never began.

    Both give up their place by that; the former are started again by an automation, or by `start_again`.
    """
    now = datetime.now(UTC)
    ours = [*alive, *filter(None, [runtime.flow_run.id])]
    working = FlowRunFilter(
        id=FlowRunFilterId.model_validate({"not_any_": ours}),
        state=_in(StateType.RUNNING),
        start_time=FlowRunFilterStartTime.model_validate({"before_": now - timedelta(seconds=YOUNG_S)}),
        tags=OURS,
    )
    taken = FlowRunFilter(state=_in(StateType.PENDING), tags=OURS)
    with get_client(sync_client=True) as client:
        silent = [run for run in client.read_flow_runs(flow_run_filter=working) if _age_s(run, now) > YOUNG_S]
        idle = [run for run in client.read_flow_runs(flow_run_filter=taken) if _age_s(run, now) > BEGIN_S + REACTED_S]
        for run in silent:
            client.set_flow_run_state(run.id, Crashed(message=f"{SILENT}: it holds no lease"), force=True)
        for run in idle:
            client.set_flow_run_state(run.id, Scheduled(message=AGAIN), force=True)
    return len(silent) + len(idle)


def start_again(now: datetime | None = None) -> int:
    """Plan crashed runs anew that an automation should have, and did not; what cannot start at all stays as it is."""
    at = now or datetime.now(UTC)
    crashed = FlowRunFilter(
        state=_in(StateType.CRASHED),
        expected_start_time=FlowRunFilterExpectedStartTime.model_validate({"after_": at - NOT_BEFORE}),
        tags=OURS,
    )
    with get_client(sync_client=True) as client:
        found = [run for run in client.read_flow_runs(flow_run_filter=crashed) if _is_left(run, at)]
        for run in found:
            client.set_flow_run_state(run.id, Scheduled(message=AGAIN), force=True)
    return len(found)


def _is_left(run: FlowRun, at: datetime) -> bool:
    message, age_s = (run.state and run.state.message) or "", _age_s(run, at)
    late = [*(VANISHED if age_s > REACTED_S else ()), *(KILLED if age_s > WAITED_S and run.run_count else ())]
    return run.run_count < LAST_START and any(fnmatchcase(message, pattern) for pattern in late)


def _in(state: StateType) -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=[state]))


def _age_s(run: FlowRun, at: datetime) -> float:
    """How long it has been in its state."""
    return (at - run.state.timestamp).total_seconds() if run.state else 0
