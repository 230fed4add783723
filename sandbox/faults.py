"""Faults on order: which requests go wrong, and how.

A schedule is a list of `{"fault": name, "match": {...}, ...parameters}`. All of `match` must hold:
method "POST" or a list · path, query, body: regular expressions searched in the decoded path or query, or in the body ·
nth: the n-th request that fits so far (a number or a list, from 1) · every: each k-th · probability: by the schedule's
seed, so runs repeat · times: at most so often. A fault without a method in its match meets the requests it makes sense
for (see KINDS): what is a write, a look-up or bears a token is the product's word. The control plane is never hit.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, unquote_plus

from sandbox.front import ControlError, Front
from sandbox.http import WRITES, Request

_METHODS = frozenset({"GET", *WRITES})


@dataclass(frozen=True)
class Kind:
    meets: str
    """any, writes, reads, lookups or tokens."""

    parameters: dict[str, Any]
    """Name and default; a number also sets the type that is expected."""


KINDS: dict[str, Kind] = {
    "latency": Kind("any", {"ms": 1000}),
    "rate_limited": Kind("any", {"retry_after": 1}),
    "unavailable": Kind("any", {"retry_after": 0}),
    "dropped_before_commit": Kind("writes", {"status": 0}),
    "dropped_after_commit": Kind("writes", {"status": 0}),
    "late_commit": Kind("writes", {"seconds": 2, "hold": False, "status": 0}),
    "half_answer": Kind("any", {}),
    "expired_token": Kind("tokens", {}),
    "expired_session": Kind("any", {}),
    "refused_200": Kind("any", {}),
    "duplicate_answer": Kind("reads", {"repeat": "row"}),
    "rows_move": Kind("reads", {"rows": 1}),
    "field_renamed": Kind("reads", {"from": "", "to": ""}),
    "clock_skew": Kind("any", {"seconds": 300}),
    "locked": Kind("writes", {"user": "MUELLERK"}),
    "lookup_fails": Kind("lookups", {}),
    "page_limit": Kind("reads", {"n": 10}),
    "internal_error": Kind("any", {"when": "before"}),
}
"""`status` of a dropped answer: a gateway answers with this HTTP status in place of a closed connection."""

_CHOICES = {"repeat": ("row", "page"), "when": ("before", "after")}
_MATCH = frozenset({"method", "path", "query", "body", "nth", "every", "probability", "times"})


@dataclass
class Fault:
    name: str
    parameters: dict[str, Any]
    methods: frozenset[str]
    """Empty: those the fault makes sense for."""
    path: re.Pattern[str]
    query: re.Pattern[str]
    body: re.Pattern[str]
    nth: frozenset[int]
    every: int
    probability: float
    times: int | None
    seen: int = 0
    fired: int = 0

    def meets(self, request: Request, front: Front, dice: random.Random) -> bool:
        """Counts the requests it fits; true when this one is to go wrong."""
        if not self._fits(request, front):
            return False
        self.seen += 1
        if self.times is not None and self.fired >= self.times:
            return False
        if (self.nth and self.seen not in self.nth) or self.seen % self.every:
            return False
        if self.probability < 1 and dice.random() >= self.probability:
            return False
        self.fired += 1
        return True

    def _fits(self, request: Request, front: Front) -> bool:
        if self.methods and not self.methods & {request.verb, request.method}:
            return False
        if not _meets(KINDS[self.name].meets, bool(self.methods), request, front):
            return False
        if not self.path.search(unquote(request.path)) or not self.query.search(unquote_plus(request.query)):
            return False
        return not self.body.pattern or bool(self.body.search(request.body.decode("utf-8", "replace")))

    def report(self) -> dict[str, Any]:
        return {"fault": self.name, **self.parameters, "seen": self.seen, "fired": self.fired}


@dataclass
class Faults:
    armed: list[Fault] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)
    """What went wrong for which request, in order."""
    _dice: random.Random = field(default_factory=random.Random)

    def arm(self, order: Mapping[str, Any]) -> None:
        """Replaces what was armed before; ControlError names what is wrong with the order."""
        schedule = order.get("schedule")
        if not isinstance(schedule, list):
            raise ControlError('a schedule is expected: {"seed": 7, "schedule": [{"fault": "latency", "ms": 200}]}')
        self.armed = [parse_fault(entry) for entry in schedule]
        self.log = []
        self._dice = random.Random(order.get("seed", 7))

    def disarm(self) -> None:
        self.armed = []

    def pick(self, request: Request, front: Front) -> dict[str, dict[str, Any]]:
        """Parameters of the faults that hit this request, by name."""
        hit = {fault.name: fault.parameters for fault in self.armed if fault.meets(request, front, self._dice)}
        for name in hit:
            self.log.append(
                {"fault": name, "method": request.method, "path": unquote(request.path), "request": request.request_id}
            )
        return hit

    def report(self) -> dict[str, Any]:
        return {"armed": [fault.report() for fault in self.armed], "fired": self.log}


def parse_fault(entry: Any) -> Fault:
    if not isinstance(entry, Mapping) or entry.get("fault") not in KINDS:
        raise ControlError(f"unknown fault {entry!r:.80}; known are {', '.join(KINDS)}")
    name, kind = entry["fault"], KINDS[entry["fault"]]
    match = entry.get("match", {})
    unknown = (entry.keys() - {"fault", "match"} - kind.parameters.keys()) | (match.keys() - _MATCH)
    if unknown:
        known = f"parameters: {', '.join(kind.parameters) or 'none'}; match: {', '.join(sorted(_MATCH))}"
        raise ControlError(f"fault {name}: unknown {', '.join(sorted(unknown))}; {known}")
    parameters = {
        key: _parameter(name, key, entry.get(key, default), default) for key, default in kind.parameters.items()
    }
    return Fault(
        name,
        parameters,
        _methods(match.get("method")),
        _pattern(match.get("path", "")),
        _pattern(match.get("query", "")),
        _pattern(match.get("body", "")),
        frozenset(_numbers(match.get("nth", []))),
        _number("every", match.get("every", 1), least=1),
        float(_number("probability", match.get("probability", 1))),
        match.get("times"),
    )


def _meets(what: str, has_methods: bool, request: Request, front: Front) -> bool:
    """Methods that were asked for decide alone, except that a look-up stays one."""
    if what == "lookups":
        return front.is_lookup(request)
    if has_methods:
        return True
    if what == "tokens":
        return front.needs_token(request)
    return request.method in _METHODS and (what == "any" or front.is_write(request) == (what == "writes"))


def _parameter(fault: str, name: str, value: Any, default: Any) -> Any:
    if name in _CHOICES and value not in _CHOICES[name]:
        raise ControlError(f"fault {fault}: {name} is one of {', '.join(_CHOICES[name])}")
    if isinstance(default, bool) or not isinstance(default, int):
        return value
    return _number(f"fault {fault}: {name}", value)


def _methods(value: Any) -> frozenset[str]:
    return frozenset(str(method).upper() for method in ([value] if isinstance(value, str) else value or []))


def _pattern(text: Any) -> re.Pattern[str]:
    try:
        return re.compile(str(text))
    except re.error as problem:
        raise ControlError(f"{text!r} is no regular expression: {problem}") from problem


def _numbers(value: Any) -> list[int]:
    return [_number("nth", number, least=1) for number in (value if isinstance(value, list) else [value])]


def _number(name: str, value: Any, least: int | None = None) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or (least is not None and value < least):
        raise ControlError(f"{name} must be a number{'' if least is None else f' of at least {least}'}, not {value!r}")
    return value
