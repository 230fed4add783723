"""What Prefect runs: thin shells over the plain flows. Parameters are names, never records, and nothing secret.

Prefect retries nothing and keeps no results: our own tables say where to go on. A run shows its counts in one artifact,
which is kept up to date while it works; what stops a run is told in one line, with its code and cure.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from prefect import flow, runtime
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Failed

from config.failures import describe, told
from config.logs import log_to, safe_traceback
from config.redaction import redacted
from config.settings import load_settings
from config.wiring import open_context
from crm_core.errors import LeaseLostError
from flows import lost_runs, sweeping
from flows.automations import STARTS
from flows.backfill import work as work_on_parts
from flows.errors import AlreadyRunningError, HeldError
from flows.pull import pull as run_pull
from flows.push import push as run_push
from flows.reconcile import reconcile as run_reconcile
from flows.run_artifact import RunArtifact
from flows.runs import LEASE_S

BUSY = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING]
STAY_S = 30
"""How long a push stays for entries that fall due soon: starting another run takes as long."""
log = logging.getLogger("crosstie.flow")


def _name() -> str:
    """What the run does and to what: its flow and its parameters."""
    words = [str(runtime.flow_run.flow_name), *map(str, runtime.flow_run.parameters.values())]
    return " ".join(word for word in words if word)


@flow(name="pull", flow_run_name=_name, retries=0, persist_result=False)
def pull(system: str, obj: str) -> State:
    """Read what changed of one object of a system."""

    def work(artifact: RunArtifact) -> State:
        with open_context(load_settings(), system) as ctx:
            report = run_pull(ctx, [obj], progress=artifact.progress)
        for exc in [*report.held.values(), *report.busy.values()]:
            raise exc
        return artifact.completed(report.counts[obj].as_dict() if obj in report.counts else {})

    return _run(f"pull-{system}-{obj}", work)


@flow(name="backfill", flow_run_name=_name, retries=0, persist_result=False)
def backfill(system: str) -> State:
    """Take parts of a system's open backfills, beside whoever else does, until none is left."""

    def work(artifact: RunArtifact) -> State:
        with open_context(load_settings(), system) as ctx:
            report = work_on_parts(ctx, progress=artifact.progress)
        for exc in report.held.values():
            raise exc
        return artifact.completed({obj: counts.read for obj, counts in report.counts.items()})

    return _run(f"backfill-{system}", work)


@flow(name="push", flow_run_name=_name, retries=0, persist_result=False)
def push(system: str) -> State:
    """Send what is due in a system's outbox."""

    def work(artifact: RunArtifact) -> State:
        with open_context(load_settings(), system) as ctx:
            report = run_push(ctx, wait_s=STAY_S, progress=artifact.progress)
        return artifact.completed(report.outcomes)

    return _run(f"push-{system}", work)


@flow(name="reconcile", flow_run_name=_name, retries=0, persist_result=False)
def reconcile(system: str) -> State:
    """Compare the books of CRM and ERP, in money."""

    def work(artifact: RunArtifact) -> State:
        with open_context(load_settings(), system) as ctx:
            report = run_reconcile(ctx, progress=artifact.progress)
        return artifact.completed({**report.compared, "differences": len(report.differences)})

    return _run(f"reconcile-{system}", work)


@flow(name="sweep", flow_run_name=_name, retries=0, persist_result=False)
def sweep() -> State:
    """Start the pushes of systems with something due; close runs whose process is gone, and start them again."""

    def work(artifact: RunArtifact) -> State:
        again = lost_runs.start_again()
        found = sweeping.sweep(load_settings(), start_push, lost_runs.end_lost)
        counts = {"closed": found.closed, "started": len(found.started), "lost": found.lost, "again": again}
        return artifact.completed({name: count for name, count in counts.items() if count})

    return _run("sweep", work)


def start_push(system: str) -> bool:
    """Ask for a run of push/SYSTEM unless one waits or works, or there is none to start; whether it was asked for."""
    with get_client(sync_client=True) as client:
        try:
            deployment = client.read_deployment_by_name(f"push/{system}")
        except ObjectNotFound:
            log.warning("push/%s is not deployed", system)
            return False
        if deployment.paused or _busy(client, deployment.id):
            return False
        client.create_flow_run_from_deployment(deployment.id)
        return True


def _busy(client: SyncPrefectClient, deployment_id: object) -> bool:
    mine = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId.model_validate({"any_": [deployment_id]}),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=BUSY)),
    )
    return bool(client.read_flow_runs(flow_run_filter=mine, limit=1))


def _run(key: str, work: Callable[[RunArtifact], State]) -> State:
    """How the run ended, in Prefect's words; whatever went wrong is told without what it happened to."""
    logging.getLogger("prefect.flow_runs").addFilter(_is_news)
    if runtime.flow_run.run_count > STARTS:
        return Failed(message=f"Given up: it was killed {STARTS} times. The worker's log and memory say why.")
    with log_to(load_settings()):
        try:
            return _once_it_is_free(lambda: work(RunArtifact(key)))
        except (AlreadyRunningError, LeaseLostError) as exc:
            return Cancelled(message=told(exc))
        except Exception as exc:  # a flow never raises: Prefect would keep the traceback with the values in it
            return _failed(exc)


def _is_news(record: logging.LogRecord) -> bool:
    """Prefect raises a state that we returned once more and logs that with a traceback of its own: all is said then."""
    return not record.getMessage().startswith("Engine execution exited with unexpected exception")


def _once_it_is_free(work: Callable[[], State]) -> State:
    """A run that is started again may find the place of its dead self, which another machine only trusts to time."""
    patience_s = LEASE_S + 5 if runtime.flow_run.run_count > 1 else 0
    until = time.monotonic() + patience_s
    while True:
        try:
            return work()
        except AlreadyRunningError:
            if time.monotonic() >= until:
                raise
        time.sleep(2)


def _failed(exc: Exception) -> State:
    failure = describe(exc)
    if failure is None:
        log.error("bug\n%s", redacted("".join(safe_traceback(exc))))
        return Failed(message=f"An error of the program itself ({type(exc).__name__}): the log says where.")
    log.warning("%s", failure.code)
    return Failed(name="Held" if isinstance(exc, HeldError) else None, message=f"{failure.code}: {told(exc)}")
