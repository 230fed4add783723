"""Runs that Prefect takes for running though nobody works on them, and those that its automations leave crashed.

Prefect keeps an event back for a quarter of an hour where it never saw the one before: that of a run which was planned
less than five minutes before it began (just after it was deployed), or that came before the server was started anew
(measured with 3.8.8). Automations sleep so long; the sweep looks at the runs themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

import psutil
from prefect import runtime
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterId,
    FlowRunFilterStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Crashed, Scheduled

from flows.automations import AGAIN, BEGIN_S, KILLED, LAST_START, SILENT, VANISHED
from flows.deployments import TAG
from flows.runs import LEASE_S

WORKER = "prefect.worker.name"
"""The label that a worker gives a run that it took."""
OURS = FlowRunFilterTags(all_=[TAG])
YOUNG_S = LEASE_S + 15
"""A run that began less than so long ago may not have its lease yet: it starts up, or waits for its dead self's."""
REACTED_S, WAITED_S = 10, 40
"""By when an automation has acted: one that acts at once, and one that waits ten seconds."""
NAMED_S = 30
"""A run that was taken so long ago and bears no worker's name belongs to one that died while it took it."""
NOT_BEFORE = timedelta(hours=1)
"""A run that was planned longer ago stays as it is: its schedule had others since."""


def take_up(worker: str) -> int:
    """Plan anew the runs that a worker of this name took and on which no process of this machine works; how many."""
    held = FlowRunFilter(state=_in(StateType.PENDING, StateType.RUNNING), tags=OURS)
    with get_client(sync_client=True) as client:
        named = [run for run in client.read_flow_runs(flow_run_filter=held) if run.labels.get(WORKER) == worker]
        here = _at_work_here() if named else set()
        return _plan_anew(client, [run for run in named if str(run.id) not in here])


def end_lost(alive: set[str]) -> int:
    """Plan anew the runs that hold no lease any more, and those that were taken and never began; how many."""
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
        idle = [run for run in client.read_flow_runs(flow_run_filter=taken) if _age_s(run, now) > _patience_s(run)]
        return _plan_anew(client, silent + idle)


def start_again(now: datetime | None = None) -> int:
    """Plan crashed runs anew that an automation should have, and did not; what cannot start at all stays as it is."""
    at = now or datetime.now(UTC)
    crashed = FlowRunFilter(
        state=_in(StateType.CRASHED),
        expected_start_time=FlowRunFilterExpectedStartTime.model_validate({"after_": at - NOT_BEFORE}),
        tags=OURS,
    )
    with get_client(sync_client=True) as client:
        return _plan_anew(client, [run for run in client.read_flow_runs(flow_run_filter=crashed) if _is_left(run, at)])


def _plan_anew(client: SyncPrefectClient, runs: Sequence[FlowRun]) -> int:
    """Before whatever waits for a place, and that is not older; not those that were started too often."""
    for run in runs:
        state: State = Scheduled(message=AGAIN, scheduled_time=datetime.now(UTC) - NOT_BEFORE)
        if run.run_count >= LAST_START:
            state = Crashed(message=f"{SILENT}: it was started {run.run_count} times")
        client.set_flow_run_state(run.id, state, force=True)
    return len(runs)


def _at_work_here() -> set[str]:
    """Ids of the runs for which a process of this machine lives, as Prefect tells it to each."""
    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            found.add(process.environ().get("PREFECT__FLOW_RUN_ID", ""))
    return found


def _patience_s(run: FlowRun) -> float:
    return BEGIN_S + REACTED_S if WORKER in run.labels else NAMED_S


def _is_left(run: FlowRun, at: datetime) -> bool:
    message, age_s = (run.state and run.state.message) or "", _age_s(run, at)
    late = [*(VANISHED if age_s > REACTED_S else ()), *(KILLED if age_s > WAITED_S and run.run_count else ())]
    return run.run_count < LAST_START and any(fnmatchcase(message, pattern) for pattern in late)


def _in(*states: StateType) -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states)))


def _age_s(run: FlowRun, at: datetime) -> float:
    """How long it has been in its state."""
    return (at - run.state.timestamp).total_seconds() if run.state else 0
