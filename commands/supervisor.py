"""Keeps the processes of an installation up: starts them in order, restarts what falls, ends them all in order.

One supervisor works for a home, the one that holds its lock. It takes over processes that an earlier one left alive.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from commands import children as processes
from commands.children import Child
from commands.texts import N_, say
from config.errors import ConfigError
from config.files import write_text
from config.settings import Settings, shown
from crm_core.engines import address

TICK_S = 0.3
SETTLED_S = 2
"""A process without an address to ask is taken as ready when it has lived so long."""
STEADY_S = 60
"""After so long without a fall the next restart does not wait longer than the first one did."""
LONGEST_PAUSE_S = 30
TRIES = 3
LOOK_S = 10
SILENT_S = 120
"""A process that was ready and does not answer for so long is ended and started anew."""
GRACE_S = 10


@dataclass(slots=True)
class Watch:
    """A child and how it does; times are monotonic seconds."""

    child: Child
    process: psutil.Process | None = None
    ready: bool = False
    was_ready: bool = False
    since: float = 0
    heard: float = 0
    looked: float = 0
    falls: int = 0
    again_at: float = 0
    again: bool = False

    @property
    def name(self) -> str:
        return self.child.name

    def repeat(self) -> None:
        """A step is to run again: at once, or when the run under way has ended."""
        self.ready, self.falls, self.again_at, self.again = False, 0, 0, self.process is not None


class Supervisor:
    """`tell` says what happens, `facts` are noted for others; `patient`: nobody waits for the start."""

    def __init__(
        self,
        settings: Settings,
        children: Sequence[Child],
        *,
        tell: Callable[[str], None],
        facts: Mapping[str, Any] | None = None,
        patient: bool = False,
    ) -> None:
        self._settings, self._teller, self._facts, self._patient = settings, tell, facts or {}, patient
        self._watches = [Watch(child) for child in children]
        self._files = _digest(settings)
        self._looked = time.monotonic()

    def run(self, stop: threading.Event, on_ready: Callable[[], None] | None = None) -> None:
        """Until `stop` is set or `crosstie down` asks; then everything ends.

        Raises ConfigError when something does not come up at the first start.
        """
        try:
            self._adopt()
            while not (stop.is_set() or stop_file(self._settings).exists()):
                self._tick()
                if on_ready and all(watch.was_ready for watch in self._watches):
                    on_ready()
                    on_ready = None
                stop.wait(TICK_S)
        finally:
            self.end()

    def _tell(self, text: str) -> None:
        with suppress(OSError):  # a reader who is gone (`up | tee`, a closed terminal) or a full disk ends nothing
            self._teller(text)

    # --- one look at everything ---------------------------------------------------------------------------------------

    def _tick(self) -> None:
        for watch in self._watches:
            if watch.process is None:
                if self._is_due(watch):
                    self._start(watch)
            elif not processes.alive(watch.process):
                self._ended(watch, watch.process)
            elif not watch.ready:
                self._wait_for(watch, watch.process)
            else:
                self._listen_to(watch, watch.process)
        if time.monotonic() - self._looked > LOOK_S / 2:
            self._looked = time.monotonic()
            self._deploy_changed_files()

    def _is_due(self, watch: Watch) -> bool:
        others = [other for other in self._watches if other.name in watch.child.after]
        return not watch.ready and time.monotonic() >= watch.again_at and all(other.ready for other in others)

    def _start(self, watch: Watch) -> None:
        if not watch.falls and not watch.child.once:
            self._tell(say(N_("Starting {name} ..."), name=watch.name))
        try:
            watch.process = processes.start(self._settings, watch.child)
        except (ConfigError, OSError) as exc:
            if not (self._patient or watch.was_ready):
                raise
            self._fell(watch, exc.params["why"] if isinstance(exc, ConfigError) else exc.strerror or str(exc))
            return
        watch.since = time.monotonic()
        for other in self._watches:  # what was set up in a process that had to be started anew may be gone with it
            if other.child.once and watch.name in other.child.after:
                other.repeat()
        self._note()

    def _wait_for(self, watch: Watch, process: psutil.Process) -> None:
        now = time.monotonic()
        lived = now - watch.since
        if watch.child.once or not (processes.answers(watch.child.health) if watch.child.health else lived > SETTLED_S):
            if lived > watch.child.patience_s:
                processes.end([process], GRACE_S)
                self._fell(watch, say(N_("it was not ready after {seconds} s"), seconds=round(lived)))
            return
        watch.ready = watch.was_ready = True
        watch.since = watch.heard = watch.looked = now

    def _listen_to(self, watch: Watch, process: psutil.Process) -> None:
        now = time.monotonic()
        if now - watch.since > STEADY_S:
            watch.falls = 0
        if now - watch.looked < LOOK_S:
            return
        watch.looked = now
        processes.bound_log(processes.log_file(self._settings, watch.name))
        if not watch.child.health or processes.answers(watch.child.health):
            watch.heard = now
        elif now - watch.heard > SILENT_S:
            processes.end([process], GRACE_S)
            self._fell(watch, say(N_("it did not answer for {seconds} s"), seconds=round(now - watch.heard)))

    def _ended(self, watch: Watch, process: psutil.Process) -> None:
        if not watch.child.once or _exit_code(process) != 0:
            self._fell(watch, self._last_words(watch))
            return
        watch.process, watch.ready, watch.was_ready, watch.falls = None, not watch.again, True, 0
        watch.again = False
        for system, why in self._report(watch).get("broken", {}).items():
            self._tell(say(N_("{name} keeps the deployments it has: {why}"), name=system, why=why))

    def _fell(self, watch: Watch, why: str) -> None:
        """Try again after a pause; at a first start that somebody waits for, give up after a few tries."""
        watch.process, watch.ready, watch.falls = None, False, watch.falls + 1
        if not self._patient and not watch.was_ready and watch.falls >= TRIES:
            log = shown(processes.log_file(self._settings, watch.name))
            raise ConfigError("child-failed", name=watch.name, why=why, log=log)
        pause = min(LONGEST_PAUSE_S, 2 ** (watch.falls - 1))
        watch.again_at = time.monotonic() + pause
        self._tell(
            say(N_("{name} ended ({why}); starting it again in {pause} s."), name=watch.name, why=why, pause=pause)
        )

    def _last_words(self, watch: Watch) -> str:
        log = processes.log_file(self._settings, watch.name)
        error = "" if watch.was_ready else processes.last_error(log)
        return str(self._report(watch).get("error", "")) or error or processes.last_line(log) or "-"

    def _report(self, watch: Watch) -> dict[str, Any]:
        """What a step says at its end, as one JSON line: `error` when it failed, `broken` systems and why."""
        try:
            report = json.loads(processes.last_line(processes.log_file(self._settings, watch.name)))
        except ValueError:
            return {}
        return report if isinstance(report, dict) else {}

    def _deploy_changed_files(self) -> None:
        digest = _digest(self._settings)
        if digest != self._files:
            self._files = digest
            self._tell(say(N_("System files or mappings changed; deploying anew.")))
            for watch in self._watches:
                if watch.child.once:
                    watch.repeat()

    # --- taking over and ending ---------------------------------------------------------------------------------------

    def _adopt(self) -> None:
        """Take over what still runs for this home by the very command we would start; end what nobody needs."""
        strangers, found = [], list(processes.found(self._settings))
        processes.make_temporary(self._settings, empty=not found)
        for name, process in found:
            watch = next((one for one in self._watches if one.name == name), None)
            wanted = watch and not watch.process and not watch.child.once
            if watch and wanted and processes.runs_as(process, self._settings, watch.child):
                watch.process, watch.since = process, time.monotonic()
                self._tell(say(N_("{name} is running already (process {pid})."), name=name, pid=process.pid))
            elif not (watch and watch.child.leaves_offspring and processes.is_offspring(process, watch.child)):
                strangers.append(process)
        processes.end(strangers, GRACE_S)
        self._note()

    def end(self) -> None:
        """End everything: the last one started first, so that nobody starts anything again; then what they left."""
        for watch in reversed(self._watches):
            if watch.process is not None:
                self._tell(say(N_("Ending {name} ..."), name=watch.name))
                processes.end([watch.process], GRACE_S)
            if watch.child.leaves_offspring:
                named = [process for name, process in processes.found(self._settings) if name == watch.name]
                processes.end(named, GRACE_S)
        processes.end([process for _name, process in processes.found(self._settings)], GRACE_S)
        for file in (state_file(self._settings), stop_file(self._settings)):
            with suppress(OSError):
                file.unlink(missing_ok=True)

    def _note(self) -> None:
        """Who supervises and what runs, for people and for `crosstie down`."""
        me = psutil.Process()
        facts = {
            "pid": me.pid,
            "created": me.create_time(),
            "since": datetime.fromtimestamp(me.create_time(), UTC).isoformat(timespec="seconds"),
            **self._facts,
            "database": address(self._settings.database_url),
            "children": {watch.name: watch.process.pid for watch in self._watches if watch.process},
        }
        with suppress(ConfigError):  # a full disk: nothing hangs on the note
            write_text(state_file(self._settings), json.dumps(facts))


def state_file(settings: Settings) -> Path:
    return settings.home / "run" / "up.json"


def stop_file(settings: Settings) -> Path:
    """Where it exists, whoever supervises the home ends everything."""
    return settings.home / "run" / "up.stop"


def lock_file(settings: Settings) -> Path:
    return settings.home / "run" / "up.lock"


def noted(settings: Settings) -> dict[str, Any]:
    """What the supervisor last wrote of itself; empty where that cannot be read."""
    try:
        facts = json.loads(state_file(settings).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _exit_code(process: psutil.Process) -> int | None:
    try:
        return process.wait(0)
    except (psutil.Error, ValueError):
        return None


def _digest(settings: Settings) -> str:
    """Another text whenever a system file or a site's mapping changes, comes or goes."""
    digest = hashlib.blake2b(digest_size=16)
    for file in (file for folder in (settings.systems, settings.overlays) for file in sorted(folder.glob("*.yaml"))):
        with suppress(OSError):
            digest.update(str(file).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
