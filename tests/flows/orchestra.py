"""A real Prefect server, the deployments and a worker for an installation of its own, and what can be seen of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import psutil
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from commands import ports
from config.settings import Settings
from flows.prefect_env import embedded_variables
from tests.conftest import ROOT
from tests.e2e.house import Api, answers, until

READY_S, DONE_S = 180, 150
WORKER = "worker-1"
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@dataclass
class Orchestra:
    """`variables` are those of `crosstie up`, or of processes set up by hand; output goes into `log`."""

    settings: Settings
    port: int
    log: Path
    worker: psutil.Popen | None = None
    supervised: bool = True

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """As Prefect's own client does: a server whose database is busy is asked again."""
        tries = Retrying(
            retry=retry_if_exception(_is_busy), stop=stop_after_delay(60), wait=wait_fixed(1), reraise=True
        )
        return tries(Api(self.port, self.settings.home).ask, path, body)

    @property
    def variables(self) -> dict[str, str]:
        marked = {"CROSSTIE_SUPERVISED": str(self.settings.home)} if self.supervised else {}
        own = {**self.settings.variables(), **embedded_variables(self.settings, self.port), **marked}
        return {**os.environ, **own, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1,localhost"}

    def start(self, *command: str) -> psutil.Popen:
        with self.log.open("ab") as log:
            return psutil.Popen(
                [sys.executable, "-m", *command], cwd=self.log.parent, env=self.variables, stdout=log, stderr=log
            )

    def run_module(self, *command: str) -> subprocess.CompletedProcess[str]:
        return self.run_python("-m", *command)

    def run_python(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command],
            cwd=self.log.parent,
            env=self.variables,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=DONE_S,
            check=False,
        )

    def deploy(self) -> dict[str, Any]:
        done = self.run_module("flows.deploy")
        assert done.returncode == 0, done.stdout + done.stderr
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def start_worker(self) -> None:
        self.worker = self.start("flows.worker", "--name", WORKER, "--limit", "4")

    def kill_worker(self) -> None:
        """SIGKILL it and every flow run that it started."""
        assert self.worker is not None
        for process in [self.worker, *self.worker.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.worker.wait()

    def process_of(self, run: str) -> psutil.Process:
        """The one in which a flow run works."""
        assert self.worker is not None
        for process in self.worker.children(recursive=True):
            with suppress(psutil.Error):
                if process.environ().get("PREFECT__FLOW_RUN_ID") == run:
                    return process
        raise AssertionError(f"no process works on {run}")

    def deployment(self, name: str) -> dict[str, Any]:
        return dict(self.ask(f"deployments/name/{name}"))

    def begin(self, name: str) -> str:
        """Ask for a run of a deployment (flow/name); its id."""
        return str(self.ask(f"deployments/{self.deployment(name)['id']}/create_flow_run", {})["id"])

    def run(self, run: str) -> dict[str, Any]:
        return dict(self.ask(f"flow_runs/{run}"))

    def wait(self, run: str, states: Sequence[str] = FINAL, seconds: float = DONE_S) -> dict[str, Any]:
        """The run once it is in one of these states."""
        until(lambda: self.run(run)["state_type"] in states, seconds, lambda: self.run(run)["state"])
        return self.run(run)

    def runs_of(self, name: str) -> list[dict[str, Any]]:
        """Every run of a deployment, future ones too."""
        wanted = {"deployments": {"id": {"any_": [self.deployment(name)["id"]]}}, "limit": 200}
        return list(self.ask("flow_runs/filter", wanted))

    @contextmanager
    def unscheduled(self, name: str) -> Iterator[None]:
        """Meanwhile no run of this deployment begins by itself and takes the place of one that a test begins."""
        path = f"deployments/{self.deployment(name)['id']}"
        self.ask(f"{path}/pause_deployment", {})
        try:
            yield
        finally:
            self.ask(f"{path}/resume_deployment", {})

    def take(self, run: str) -> None:
        """Prefect believes now that a worker took the run."""
        self.ask(f"flow_runs/{run}/set_state", {"state": {"type": "PENDING", "name": "Submitting"}, "force": True})

    def artifact(self, run: str) -> str:
        wanted = {"artifacts": {"flow_run_id": {"any_": [run]}}}
        (found,) = self.ask("artifacts/filter", wanted)
        return str(found["data"])

    def log_of(self, run: str) -> list[str]:
        """What Prefect's UI shows of a run, INFO and above."""
        wanted = {"logs": {"flow_run_id": {"any_": [run]}, "level": {"ge_": 20}}, "sort": "TIMESTAMP_ASC"}
        return [f"{line['name']} {line['message']}" for line in self.ask("logs/filter", wanted)]


def _is_busy(exc: BaseException) -> bool:
    return isinstance(exc, TimeoutError) or (isinstance(exc, HTTPError) and exc.code == 503)


@contextmanager
def open_orchestra(settings: Settings, folder: Path) -> Iterator[Orchestra]:
    """The server, in its own folder; nothing is deployed and no worker runs yet."""
    orchestra = Orchestra(settings, ports.any_free(), folder / "orchestra.log")
    server = orchestra.start("flows.prefect_server", "--host", "127.0.0.1", "--port", str(orchestra.port))
    try:
        url = f"http://127.0.0.1:{orchestra.port}/api/health"
        until(lambda: answers(url), READY_S, lambda: orchestra.log.read_text(encoding="utf-8"))
        yield orchestra
    finally:
        if orchestra.worker is not None and orchestra.worker.is_running():
            orchestra.kill_worker()
        server.kill()
        server.wait()
