"""The scaled topology of docker-compose.yml as processes of this machine: same commands and variables, other addresses.

PostgreSQL and Redis are this machine's own programs. Instead of the proxy, a worker knows one of the API servers, in
turns. What dies is started again, as its container would be.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import psutil
import yaml

from config.settings import Settings
from tests.conftest import ROOT
from tests.postgres import Cluster, temporary_cluster

READY_S = 180
COMPOSE = ROOT / "docker-compose.yml"
API_SERVERS = ("prefect-api-1", "prefect-api-2")
PASSWORDS = ("CROSSTIE_DB_PASSWORD", "PREFECT_DB_PASSWORD", "PREFECT_PASSWORD", "REDIS_PASSWORD")


@dataclass
class Process:
    """A service; its command and variables start it anew."""

    name: str
    command: Sequence[str]
    variables: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            variables = {**os.environ, **self.variables}
            self.process = subprocess.Popen(self.command, cwd=ROOT, env=variables, stdout=log, stderr=log)

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> int:
        """SIGKILL it and whatever it started, as the end of its container would; how many processes those were."""
        assert self.process is not None
        family = [psutil.Process(self.process.pid)]
        family += family[0].children(recursive=True)
        for member in family:
            try:
                member.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait()
        return len(family)

    def stop(self) -> None:
        if self.process is None or not self.alive():
            return
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()


@dataclass
class Scaled:
    """What runs. `settings` is the installation that all share; logs are in `folder`."""

    settings: Settings
    folder: Path
    processes: list[Process] = field(default_factory=list)

    @property
    def workers(self) -> list[Process]:
        return [process for process in self.processes if process.name.startswith("worker")]

    def start(self, name: str, command: Sequence[str], variables: Mapping[str, str]) -> None:
        process = Process(name, command, variables, self.folder / f"{name}.log")
        process.start()
        self.processes.append(process)

    def run(self, name: str, command: Sequence[str], variables: Mapping[str, str]) -> None:
        """A job that must end well before what follows it starts."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as out:
            done = subprocess.run(
                command, cwd=ROOT, env={**os.environ, **variables}, stdout=out, stderr=out, check=False
            )
        assert done.returncode == 0, f"{name} ended with {done.returncode}: {log.read_text(encoding='utf-8')[-2000:]}"

    def start_dead_ones(self) -> None:
        for process in self.processes:
            if not process.alive():
                process.start()

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.stop()


class Compose:
    """The services of docker-compose.yml, with this machine's addresses in place of the containers' names."""

    def __init__(self, addresses: Mapping[str, str], values: Mapping[str, str], variables: Mapping[str, str]) -> None:
        self._services: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
        self._addresses, self._values, self._variables = addresses, values, variables

    def replicas(self, service: str) -> int:
        return int(self._services[service]["deploy"]["replicas"])

    def variables(self, service: str) -> dict[str, str]:
        """The service's own, and those of its image and of the folders that containers mount."""
        named = self._services[service]["environment"]
        return {**{name: self._here(str(value)) for name, value in named.items()}, **self._variables}

    def command(self, service: str) -> list[str]:
        program, *words = [self._here(str(word)) for word in self._services[service]["command"]]
        assert program == "python", service
        return [sys.executable, *words]

    def _here(self, text: str) -> str:
        text = re.sub(r"\$\{(\w+)(?::([-?])([^}]*))?\}", self._value, text)
        for name, address in self._addresses.items():
            text = text.replace(name, address)
        return text

    def _value(self, found: re.Match[str]) -> str:
        name, kind, otherwise = found.groups()
        return self._values[name] if kind == "?" else self._values.get(name, otherwise or "")


@contextmanager
def topology(folder: Path, config: Path, workers: int | None = None) -> Iterator[Scaled]:
    """All that docker-compose.yml starts, with system files from `config` and as many workers as it says."""
    values = {name: secrets.token_urlsafe(12) for name in PASSWORDS} | {"CROSSTIE_ENVIRONMENT": "local"}
    with ExitStack() as stack:
        cluster = stack.enter_context(temporary_cluster())
        cluster.run("CREATE ROLE prefect LOGIN")
        for name in ("crosstie", "prefect"):
            cluster.run(f"CREATE DATABASE {name} OWNER {name}")
        redis_port = stack.enter_context(_redis(folder, values["REDIS_PASSWORD"]))
        addresses = {"postgres:5432": f"127.0.0.1:{cluster.port}", "redis:6379": f"127.0.0.1:{redis_port}"}
        scaled = Scaled(_settings(folder, config, cluster), folder)
        stack.callback(scaled.stop)
        urls = _start_servers(scaled, addresses, values)
        _start_workers(scaled, addresses, values, urls, workers)
        yield scaled


def _settings(folder: Path, config: Path, cluster: Cluster) -> Settings:
    url = f"postgresql+psycopg://crosstie@127.0.0.1:{cluster.port}/crosstie"
    return Settings(config, folder / "home", url, "local")


def _start_servers(scaled: Scaled, addresses: Mapping[str, str], values: Mapping[str, str]) -> list[str]:
    """The jobs that make the tables, the API servers and the services; the addresses of the API servers."""
    variables = {"PREFECT_HOME": str(scaled.folder / "prefect")}
    compose = Compose(addresses, values, {**variables, **scaled.settings.variables()})
    for job in ("migrate-crm", "migrate-prefect"):
        scaled.run(job, compose.command(job), compose.variables(job))
    found = []
    for name in API_SERVERS:
        port = _free_port()
        here = Compose({**addresses, "0.0.0.0": "127.0.0.1", "4200": str(port)}, values, variables)
        scaled.start(name, here.command(name), here.variables(name))
        found.append(f"127.0.0.1:{port}")
        _wait_for(f"http://{found[-1]}/api/health")
    scaled.start("prefect-services", compose.command("prefect-services"), compose.variables("prefect-services"))
    return found


def _start_workers(
    scaled: Scaled, addresses: Mapping[str, str], values: Mapping[str, str], urls: Sequence[str], workers: int | None
) -> None:
    variables = {"PREFECT_HOME": str(scaled.folder / "prefect"), **scaled.settings.variables()}
    here = {**addresses, "/opt/venv/bin/python": sys.executable}
    clients = [Compose({**here, "prefect-proxy:4200": url}, values, variables) for url in urls]
    scaled.run("deploy", clients[0].command("deploy"), clients[0].variables("deploy"))
    count = clients[0].replicas("worker") if workers is None else workers
    services = {**{f"worker-{number}": "worker" for number in range(1, count + 1)}, "worker-urgent": "worker-urgent"}
    for client, (name, service) in zip(cycle(clients), services.items(), strict=False):
        scaled.start(name, [*client.command(service), "--name", name], client.variables(service))


@contextmanager
def _redis(folder: Path, password: str) -> Iterator[int]:
    """A Redis that keeps nothing; its port."""
    program = shutil.which("redis-server")
    assert program, "needs redis-server: apt-get install redis-server"
    port = _free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--requirepass", password]
    with (folder / "redis.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield port
        finally:
            process.terminate()


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str) -> None:
    """Until it answers with a good status."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + READY_S
    while True:
        try:
            opener.open(url, timeout=5).close()
        except OSError:
            assert time.monotonic() < end, f"{url} does not answer"
            time.sleep(0.5)
        else:
            return


def note(text: str) -> None:
    """Progress, to whoever watches."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
