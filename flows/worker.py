"""`python -m flows.worker`: a worker of Prefect's that first takes up what an earlier one of its name left behind.

A worker that is killed leaves runs that Prefect believes to be taken or at work, for minutes if its automations are
blind (flows.lost_runs). Whoever bears the name next knows better, so a name belongs to one worker at a time.
"""

from __future__ import annotations

import argparse
import socket
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prefect.cli import app
from prefect.workers.process import ProcessWorker

from flows.lost_runs import take_up
from flows.prefect_env import POOL, URGENT

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import WorkerFlowRunResponse

with warnings.catch_warnings(action="ignore"):  # that it takes the place of Prefect's own, which is what we want

    class Worker(ProcessWorker):
        """Passes by a run that it has not let go of yet: Prefect's own (3.8, with a limit) ends with an error then, and
        its other runs with it. A run comes back so soon when it was planned anew while its process ends.
        """

        async def _submit_scheduled_flow_runs(self, flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
            held = set(self.limiter.statistics().borrowers)
            free = [one for one in flow_run_response if one.flow_run.id not in held]
            return await super()._submit_scheduled_flow_runs(free)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m flows.worker", description="Work on the runs of the pool.")
    parser.add_argument("--name", default=socket.gethostname(), help="no other worker has it (default: this machine's)")
    parser.add_argument("--limit", type=int, default=2, help="runs beside each other (default: 2)")
    parser.add_argument("--urgent", action="store_true", help="only pushes and the sweep: long pulls never delay them")
    asked = parser.parse_args(arguments)
    _take_up(asked.name)
    queue = ["--work-queue", URGENT] if asked.urgent else []
    limit = ["--limit", str(asked.limit)]
    sys.argv = ["prefect", "worker", "start", "--pool", POOL, "--type", "process", "--name", asked.name, *limit, *queue]
    app()


def _take_up(name: str) -> None:
    """Where Prefect does not answer the worker starts all the same: it waits for Prefect, the sweep does the rest."""
    try:
        found = take_up(name)
    except Exception as exc:  # whatever Prefect's client raises: a worker that does not start helps nobody
        print(f"{name}: what it left behind could not be asked for ({type(exc).__name__})", file=sys.stderr, flush=True)
    else:
        print(f"{name}: {found} runs taken up again", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
