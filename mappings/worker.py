"""Evaluation in a process of its own, for expressions that nothing else can stop: patterns, ranges, padding.

One process serves the whole program, started at the first such record. When a record takes longer than it may, the
process is killed, that record is refused, and the next one gets a new process.
"""

from __future__ import annotations

import multiprocessing
import threading
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from mappings.errors import ValueProblem
from mappings.script import Script

_START_S = 60.0  # until a new process has loaded; slow machines and virus scanners included
_MOST_SCRIPTS = 200  # a long-running program that loads mappings again and again starts afresh
_GRACE_S = 1.0  # beyond the expression's own bound, which ends all but patterns more gently


class Apart:
    """A script that is evaluated in the worker process; same call, same ValueProblem as `engine.Evaluator`."""

    def __init__(self, script: Script, seconds: float) -> None:
        self.script, self.seconds = script, seconds

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        code, answer = _WORKER.ask(self.script, data, self.seconds)
        if code:
            raise ValueProblem(code, **answer)
        return answer


class _Worker:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._known: dict[int, Script] = {}  # what the process has; kept here too, so that an id stays one script's

    def ask(self, script: Script, data: dict[str, Any], seconds: float) -> tuple[str, dict[str, Any]]:
        """("", result), or an error's code and params."""
        with self._lock:
            try:
                pipe = self._ready()
                new = id(script) not in self._known
                self._known[id(script)] = script
                pipe.send((id(script), script if new else None, data, seconds))
                if pipe.poll(seconds + _GRACE_S):
                    answer: tuple[str, dict[str, Any]] = pipe.recv()
                    return answer
            except (OSError, EOFError):
                self.stop()
                return "worker-lost", {}
            self.stop()
            return "expression-timeout", {"seconds": f"{seconds:g}"}

    def _ready(self) -> Connection:
        full = len(self._known) > _MOST_SCRIPTS
        if self._pipe is None or self._process is None or not self._process.is_alive() or full:
            self.stop()
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=serve, args=(theirs,), daemon=True, name="crosstie-mapping")
            self._process.start()
            theirs.close()
            if not self._pipe.poll(_START_S):
                raise EOFError
            self._pipe.recv()
        return self._pipe

    def stop(self) -> None:
        self._known.clear()
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None


_WORKER = _Worker()


def serve(pipe: Connection) -> None:
    """The worker process: evaluate what comes until the other end is gone."""
    from mappings.engine import Evaluator  # here: the engine itself imports this module

    evaluators: dict[int, Evaluator] = {}
    pipe.send("ready")
    while True:
        try:
            number, script, data, seconds = pipe.recv()
        except (EOFError, OSError):
            return
        if script is not None:
            evaluators[number] = Evaluator(script, seconds)
        try:
            answer: tuple[str, dict[str, Any]] = ("", evaluators[number](data))
        except ValueProblem as problem:
            answer = (problem.code, problem.params)
        pipe.send(answer)
