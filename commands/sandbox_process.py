"""Sandboxes as child processes: start one and read its ready line, write its system file, find it again, stop it.

The program shares no code with `sandbox/`: it runs `python -m sandbox` and speaks HTTP to its control plane.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from config.files import write_text
from config.settings import INSTALLATION, Settings
from config.system_writer import write_secret, write_system
from config.yaml_file import read_yaml

HORIZON_S = 2.0
"""A sandbox answers or forgets at once, so what is not found two seconds later was not booked."""
TIMEOUT_S = 30
SAID = ("auth", "token_url", "time_zone", "options", "lookups", "key_carrier")
"""What a system file takes over as the sandbox says it, where it says anything."""


@dataclass(slots=True)
class Sandbox:
    """A running sandbox and the system that stands for it."""

    name: str
    product: str
    url: str
    pid: int
    process: subprocess.Popen[str] | None = None

    def control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask the control plane; raises OSError when nobody answers."""
        request = urllib.request.Request(
            f"{self.url}/_sandbox/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it is on this machine: never a proxy
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            return dict(json.loads(answer.read()))

    def alive(self) -> bool:
        """Whether it answers as the product it is."""
        try:
            return self.control("GET", "health").get("product") == self.product
        except (OSError, ValueError):
            return False

    def stop(self) -> None:
        """End it; waits for one that we started ourselves."""
        if self.process is None:
            self._end_noted()
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()

    def _end_noted(self) -> None:
        """The process whose id was noted, unless that id is another one's by now."""
        import psutil

        with suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if "sandbox" in process.cmdline():
                process.terminate()


def start(settings: Settings, name: str, product: str, options: Sequence[str], *, background: bool) -> Sandbox:
    """Start `python -m sandbox up`, write the system file NAME for it and note that it runs.

    One in the foreground ends with us, however we end. Raises ConfigError with what it said when it does not start.
    """
    options = options if background else [*options, "--with-parent"]
    command = [sys.executable, "-m", "sandbox", "up", product, *options]
    return launch(settings, name, product, command, detached=background)


def launch(
    settings: Settings,
    name: str,
    product: str,
    command: Sequence[str],
    *,
    detached: bool = False,
    env: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Sandbox:
    """`start` by its whole command; `more` are further keys of the system file."""
    from commands.children import apart

    log = settings.home / "logs" / f"sandbox-{name}.log"
    write_text(log, "")
    with log.open("a", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command,
            cwd=INSTALLATION,
            env=env,
            stdin=subprocess.PIPE if "--with-parent" in command else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
            **apart(detached=detached),
        )
    sandbox = Sandbox(name, product, "", process.pid, process)
    try:
        ready = _ready(sandbox, log)
        sandbox.url = str(ready["url"]).rstrip("/")
        write_system(settings, name, {**system_data(settings, name, ready), **(more or {})}, replace=True)
        remember(settings, sandbox)
    except BaseException:
        sandbox.stop()
        raise
    return sandbox


def _ready(sandbox: Sandbox, log: Path) -> dict[str, Any]:
    """What it says of itself once it listens."""
    process = sandbox.process
    line = process.stdout.readline() if process and process.stdout else ""
    if process and not line.startswith("{"):
        process.wait(10)
        why = _last_line(log) or f"exit code {process.returncode}"
        raise ConfigError("sandbox-failed", product=sandbox.product, why=why)
    return dict(json.loads(line))


@contextmanager
def ended_by_a_signal() -> Iterator[None]:
    """Told to terminate, or its terminal closed, a command ends as by Ctrl-C: what it started is stopped first."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]  # nohup ignores one
    before = {number: signal.signal(number, signal.default_int_handler) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("sandbox: ") if lines else ""


def system_data(settings: Settings, name: str, ready: Mapping[str, Any]) -> dict[str, Any]:
    """The system file for what a sandbox said of itself; its password goes to the home, not into the file."""
    said = {key: ready[key] for key in SAID if ready.get(key)}
    return {
        "name": name,
        "product": ready["product"],
        "url": str(ready["url"]).rstrip("/"),
        "username": ready["user"],
        "password": write_secret(settings, name, str(ready["password"])),
        "client": str(ready.get("client", "100")),
        "language": str(ready.get("language", "EN")),
        "environment": settings.environment,
        "allow_http": True,
        "commit_horizon_s": HORIZON_S,
        "timeout_s": TIMEOUT_S,
        **said,
        "companies": {code: _company(facts) for code, facts in ready["companies"].items()},
    }


def _company(facts: Mapping[str, Any]) -> dict[str, Any]:
    area = facts.get("sales_area") or ({"organization": facts["sales_org"]} if facts.get("sales_org") else None)
    known = ("name", "currency", "time_zone", "country", "fiscal_year_start_month")
    return {**{key: facts[key] for key in known if key in facts}, **({"sales_area": area} if area else {})}


def move(settings: Settings, name: str, url: str) -> None:
    """Its system file names another address from now on."""
    data = read_yaml(settings.systems / f"{name}.yaml").data
    write_system(settings, name, {**data, "url": url}, replace=True)


def _pid_file(settings: Settings, name: str) -> Path:
    return settings.home / "run" / f"sandbox-{name}.json"


def remember(settings: Settings, sandbox: Sandbox) -> None:
    """Note it in the home, so that `sandbox list` and `down` find it; pid 0 is one that a supervisor keeps up."""
    facts = {"name": sandbox.name, "product": sandbox.product, "url": sandbox.url, "pid": sandbox.pid}
    write_text(_pid_file(settings, sandbox.name), json.dumps(facts))


def end(settings: Settings, sandbox: Sandbox) -> None:
    """Stop it and forget it; its system file stays."""
    sandbox.stop()
    forget(settings, sandbox)


def forget(settings: Settings, sandbox: Sandbox) -> None:
    _pid_file(settings, sandbox.name).unlink(missing_ok=True)


def known(settings: Settings) -> list[Sandbox]:
    """Every sandbox noted in the home, running or not."""
    found = []
    for file in sorted((settings.home / "run").glob("sandbox-*.json")):
        try:
            found.append(Sandbox(**json.loads(file.read_text(encoding="utf-8"))))
        except (ValueError, TypeError):  # half-written by a process that was killed
            file.unlink(missing_ok=True)
    return found
