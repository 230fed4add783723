"""Our worker on Prefect's: what it does otherwise."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import anyio
import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.workers.base import BaseWorker
from prefect.workers.process import ProcessWorker

from flows.worker import Worker


def given(kind: type[ProcessWorker]) -> tuple[int, float]:
    """A worker with three places that has a run is given it again: how many it took, and how many places it fills."""

    async def give() -> tuple[int, float]:
        worker = kind(work_pool_name="crosstie", limit=3)
        worker._limiter = anyio.CapacityLimiter(3)
        run = FlowRun(flow_id=uuid4())
        worker.limiter.acquire_on_behalf_of_nowait(run.id)
        again = WorkerFlowRunResponse(work_pool_id=uuid4(), work_queue_id=uuid4(), flow_run=run)
        return len(await worker._submit_scheduled_flow_runs([again])), worker.limiter.borrowed_tokens

    return asyncio.run(give())


def test_a_worker_passes_by_a_run_that_it_has_not_let_go_of() -> None:
    assert given(Worker) == (0, 1)


def test_prefects_own_worker_ends_with_an_error() -> None:
    """Should this fail with a newer Prefect, our worker is not needed any more."""
    with pytest.raises(RuntimeError, match="already holding"):
        given(ProcessWorker)


def test_it_is_the_one_that_prefect_starts() -> None:
    assert BaseWorker.get_worker_class_from_type("process") is Worker
