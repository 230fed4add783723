"""`crosstie up` and the demo as a person starts them, in a home of their own, and what can be seen of them outside."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from commands import ports
from tests.conftest import ROOT

START_S, BACK_S, END_S = 240, 120, 90
"""Limits: until everything answers, until it answers again after a kill, until it has ended."""


@dataclass
class House:
    """One home with its ports."""

    folder: Path
    console_port: int = field(default_factory=ports.any_free)
    prefect_port: int = field(default_factory=ports.any_free)

    @property
    def home(self) -> Path:
        return self.folder / "var"

    @property
    def env(self) -> dict[str, str]:
        own = {"CROSSTIE_CONFIG": str(self.folder / "config"), "CROSSTIE_HOME": str(self.home), "LANG": "C.UTF-8"}
        return {**os.environ, **own}

    def crosstie(self, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "cli.py", *arguments],
            cwd=ROOT,
            env=env or self.env,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=200,
            check=False,
        )

    def answer(self, *arguments: str) -> Any:
        done = self.crosstie(*arguments, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def start(self, *arguments: str) -> Front:
        return Front(self, arguments)

    def up(self, *more: str) -> Front:
        return self.start("up", "--port", str(self.console_port), "--prefect-port", str(self.prefect_port), *more)

    def processes(self) -> list[psutil.Process]:
        """Whatever works for this folder, by environment or command line, but for what the test itself runs."""
        return [one for one in psutil.process_iter() if one.pid != os.getpid() and self._works_here(one)]

    def _works_here(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error, OSError):
            texts = [*process.cmdline(), *process.environ().values()]
            return process.status() != psutil.STATUS_ZOMBIE and any(str(self.folder) in text for text in texts)
        return False

    def end(self) -> None:
        """Whatever a failed test left."""
        for process in self.processes():
            with suppress(psutil.Error):
                process.kill()


class Front:
    """A command in front, and what it has said so far."""

    def __init__(self, house: House, arguments: tuple[str, ...]) -> None:
        self.house, self.said = house, ""
        self.process = subprocess.Popen(
            [sys.executable, "cli.py", *arguments],
            cwd=ROOT,
            env=house.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.said += line

    def wait_for(self, text: str, seconds: float = START_S) -> None:
        until(lambda: text in self.said or self.process.poll() is not None, seconds, lambda: self.said)
        assert text in self.said, self.said

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.gone()

    def gone(self) -> int:
        code = self.process.wait(END_S)
        self._reader.join(END_S)
        assert self.process.stdout
        self.process.stdout.close()
        return code


@dataclass
class Api:
    """Prefect's API of a home, as its own client speaks to it."""

    port: int
    home: Path

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        auth = base64.b64encode((self.home / "secrets" / "prefect-auth").read_bytes().strip()).decode()
        headers = {"Authorization": f"Basic {auth}", "Content-Type": "application/json"}
        if body is not None:
            token = self.ask("csrf-token?client=tests")
            headers |= {"Prefect-Csrf-Token": token["token"], "Prefect-Csrf-Client": "tests"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/{path}", data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def deployments(self) -> list[str]:
        return sorted(one["name"] for one in self.ask("deployments/filter", {}))

    def runs(self, state: str = "") -> set[str]:
        found = self.ask("flow_runs/filter", {"limit": 200})
        return {one["id"] for one in found if state in ("", one["state_type"])}


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError, urllib.error.HTTPError):
        return False


def until(condition: Callable[[], object], seconds: float, told: Callable[[], object] = lambda: "") -> float:
    """Wait for it; returns how long that took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, told()
        time.sleep(0.2)
    return time.monotonic() - began


def houses(folder: Path) -> Iterator[House]:
    house = House(folder)
    yield house
    house.end()
