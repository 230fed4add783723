"""What runs under `crosstie up`: Prefect's server, the deployments, workers, the console, sandboxes, a standby."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from commands.texts import language
from config.settings import Settings

if TYPE_CHECKING:
    from commands.children import Child

HOST = "127.0.0.1"
RUNS_AT_ONCE, URGENT_AT_ONCE = 3, 2
"""Flow runs of one worker, and of the one for what is urgent: SQLite bears few, and each is a Python of its own."""


@dataclass(frozen=True)
class SupervisedSandbox:
    """A sandbox that keeps its books in the home."""

    name: str
    product: str
    port: int


@dataclass(frozen=True)
class Options:
    """What was asked for; the standby gets it as text."""

    port: int
    prefect_port: int
    workers: int = 1
    sandboxes: Sequence[SupervisedSandbox] = field(default_factory=tuple)

    @property
    def console_url(self) -> str:
        return f"http://{HOST}:{self.port}/"

    @property
    def prefect_url(self) -> str:
        return f"http://{HOST}:{self.prefect_port}/"

    def facts(self) -> dict[str, str]:
        return {"console": self.console_url, "prefect": self.prefect_url}

    def text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Options:
        data = json.loads(text)
        data["sandboxes"] = tuple(SupervisedSandbox(**one) for one in data["sandboxes"])
        return cls(**data)


def plan(settings: Settings, options: Options) -> list[Child]:
    """In the order of start; they are ended the other way round, the standby first."""
    from commands.children import Child, python
    from flows.prefect_env import embedded_variables

    env = {**embedded_variables(settings, options.prefect_port), "CROSSTIE_LANG": language()}
    server = ("flows.prefect_server", "--host", HOST, "--port", options.prefect_port)
    workers: dict[str, tuple[object, ...]] = {"worker-urgent": ("--urgent", "--limit", URGENT_AT_ONCE)}
    workers |= {f"worker-{number}": ("--limit", RUNS_AT_ONCE) for number in range(1, options.workers + 1)}
    return [
        Child("prefect", python(*server), env, health=f"{options.prefect_url}api/health"),
        *(sandbox_child(settings, sandbox) for sandbox in options.sandboxes),
        Child(
            "console",
            python("console", "--host", HOST, "--port", options.port),
            {**env, "CROSSTIE_PREFECT_UI": options.prefect_url},
            health=f"{options.console_url}health",
        ),
        Child("deployments", python("flows.deploy"), env, after=("prefect",), once=True),
        *(_worker(name, arguments, env) for name, arguments in workers.items()),
        Child("standby", python("commands.standby", options.text()), {"CROSSTIE_LANG": language()}),
    ]


def _worker(name: str, arguments: Sequence[object], env: Mapping[str, str]) -> Child:
    from commands.children import Child, python

    command = python("flows.worker", "--name", name, *arguments)
    return Child(name, command, env, after=("prefect", "deployments"), leaves_offspring=True)


def sandbox_child(settings: Settings, sandbox: SupervisedSandbox) -> Child:
    """Started again it goes on at the same address, from the books it kept. Its output shows a password."""
    from commands.children import Child, python

    command = ("sandbox", "up", sandbox.product, "--port", sandbox.port, "--state", books_file(settings, sandbox.name))
    health = f"http://{HOST}:{sandbox.port}/_sandbox/health"
    return Child(f"sandbox-{sandbox.name}", python(*command), health=health, keeps_output=False)


def books_file(settings: Settings, name: str) -> Path:
    return settings.home / "sandboxes" / f"{name}.books"
