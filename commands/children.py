"""The processes of one installation: how each is started, known again by whoever comes after us, and ended.

A process is known by two variables in its environment (the home it works for, and its name), which also its own child
processes inherit. So nothing has to be written down at the right moment, and nothing is overlooked at the end.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from config.errors import ConfigError
from config.settings import INSTALLATION, Settings, shown

HOME, NAME = "CROSSTIE_SUPERVISED", "CROSSTIE_CHILD"
LOOPBACK = "127.0.0.1,localhost"
LOG_BYTES = 10_000_000
ANSWER_S = 5
KILL_S = 5
RAISED = re.compile(r"[\w.]+(Error|Exception): .")


@dataclass(frozen=True)
class Child:
    """What runs under a name.

    `health` is an address that answers 2xx when it is ready; `after` names what must be ready before it starts; `once`
    is a step that ends by itself; the offspring of one that `leaves_offspring` may outlive it and goes on.
    """

    name: str
    command: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    health: str = ""
    after: tuple[str, ...] = ()
    once: bool = False
    leaves_offspring: bool = False
    patience_s: float = 120
    keeps_output: bool = True
    """False where standard output shows what no log may hold."""


def python(module: str, *arguments: object) -> tuple[str, ...]:
    """The command that runs a module with this Python."""
    return (sys.executable, "-m", module, *map(str, arguments))


def log_file(settings: Settings, name: str) -> Path:
    return settings.home / "logs" / f"{name}.log"


def start(settings: Settings, child: Child) -> psutil.Popen:
    """Start it apart from our terminal: it must not see a Ctrl-C before we do, and may outlive us."""
    with _open_log(log_file(settings, child.name)) as output:
        return psutil.Popen(
            child.command,
            cwd=INSTALLATION,
            env=environment(settings, child.name, child.variables),
            stdin=subprocess.DEVNULL,
            stdout=output if child.keeps_output else subprocess.DEVNULL,
            stderr=output,
            **apart(),
        )


def _open_log(log: Path) -> IO[bytes]:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("ab")
    except OSError as exc:
        raise ConfigError("file-unwritable", place=shown(log), why=exc.strerror or str(exc)) from exc


def environment(settings: Settings, name: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Ours without a Prefect of the user's own; no proxy for loopback; our modules are found from any folder."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    for key in ("NO_PROXY", "no_proxy"):
        env[key] = ",".join(filter(None, [LOOPBACK, env.get(key, "")]))
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(INSTALLATION), env.get("PYTHONPATH", "")]))
    env |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary(settings)))
    return {**env, "PYTHONUNBUFFERED": "1", **settings.variables(), **variables, HOME: home_mark(settings), NAME: name}


def temporary(settings: Settings) -> Path:
    """Where our processes put what they forget when they are killed: Prefect a folder or two for each run."""
    return settings.home / "tmp"


def make_temporary(settings: Settings, *, empty: bool) -> None:
    """Have that folder; `empty`, when nobody is at work, without what earlier ones forgot."""
    folder = temporary(settings)
    if empty:
        shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # then it is the machine's own
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def apart(*, detached: bool = False) -> dict[str, Any]:
    """A session (on Windows a process group) of its own; detached, also without our console."""
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | (subprocess.DETACHED_PROCESS if detached else 0)
        return {"creationflags": flags}
    return {"start_new_session": True}


def home_mark(settings: Settings) -> str:
    return os.path.realpath(settings.home)


def found(settings: Settings) -> Iterator[tuple[str, psutil.Process]]:
    """Every process but ourselves that was started for this home, and by which name; offspring bear their parent's."""
    mark = home_mark(settings)
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            env = process.environ() if process.pid != os.getpid() else {}
            if env.get(HOME) == mark and alive(process):
                yield env.get(NAME, ""), process


def runs_as(process: psutil.Process, settings: Settings, child: Child) -> bool:
    """Whether the child's own command, with its variables, started it; the interpreter's path may be written otherwise.

    The variables say which database and which Prefect a worker serves: a command alone does not.
    """
    wanted = {**settings.variables(), **child.variables}
    try:
        return tuple(process.cmdline()[1:]) == child.command[1:] and wanted.items() <= process.environ().items()
    except (psutil.Error, OSError):
        return False


def is_offspring(process: psutil.Process, child: Child) -> bool:
    """Whether it was started by the child, not as the child itself in another form; both bear its name."""
    try:
        return tuple(process.cmdline()[1:3]) != child.command[1:3]
    except psutil.Error:
        return False


def alive(process: psutil.Process) -> bool:
    """Whether it still works: one that ended but was never waited for does not."""
    with suppress(psutil.TimeoutExpired):
        process.wait(0)
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def end(processes: Iterable[psutil.Process], grace_s: float) -> None:
    """Ask them to end, all at once, and after `grace_s` seconds end those that did not."""
    kept = list(processes)
    for process in kept:
        with suppress(psutil.Error):
            process.terminate()
    for process in _wait(kept, grace_s):
        with suppress(psutil.Error):
            process.kill()
    _wait(kept, KILL_S)


def _wait(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that are alive when the time is over."""
    until = time.monotonic() + seconds
    while (left := [one for one in processes if alive(one)]) and time.monotonic() < until:
        time.sleep(0.05)
    return left


def answers(url: str) -> bool:
    """Whether the address answers 2xx; asked without any proxy, since it is on this machine."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=ANSWER_S):
            return True
    except (OSError, ValueError, urllib.error.HTTPError):
        return False


def last_line(log: Path) -> str:
    """The last line that says something; empty where there is none."""
    return next((line.strip() for line in reversed(_tail(log)) if line.strip()), "")


def last_error(log: Path) -> str:
    """The last line that names an exception: what follows it is often a farewell alone."""
    return next((line.strip() for line in reversed(_tail(log)) if RAISED.match(line)), "")


def _tail(log: Path) -> list[str]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            return file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []


def turn_log(log: Path) -> None:
    """Begin a fresh log; the last one stays beside it."""
    with suppress(OSError):
        if log.exists() and log.stat().st_size:
            log.replace(log.with_name(f"{log.name}.1"))


def bound_log(log: Path) -> None:
    """Keep a log that somebody writes to within bounds: its process keeps the file open, so it is emptied in place."""
    with suppress(OSError):
        if log.stat().st_size > LOG_BYTES:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)
