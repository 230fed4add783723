"""An ERP that books what it is sent, answers as a list of faults says, and takes duplicates: its book is the oracle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.base import Ack, Hit
from connectors.errors import OutcomeUnknownError, RecordRejectedError, TransientError

FAULTS = (
    "fine",
    "refused_connection",
    "dropped_before",
    "dropped_after",
    "late",
    "slow_late",
    "crash_before",
    "crash_after",
    "slow_late_crash",
    "blind",
    "copied",
    "altered",
)
TOUCHED_BY_HAND = ("copied", "altered")
"""Somebody at the ERP made a second document of ours, or changed it, before we saw it: only a person can tell."""
LATE = timedelta(seconds=40)
"""How long after the client gave up a late commit appears: shorter than the horizon, or no promise can be kept."""

SLOW_S = 50
"""How long a send can be held up before it leaves (a refused connection, a rate limit): less than its deadline."""


class Crash(BaseException):
    """The process dies here."""


@dataclass
class Clock:
    """Time that moves only when told to."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class FlakyErp:
    """Writes and look-ups each use up one fault of the list; when it is used up everything works."""

    clock: Clock
    faults: list[str]
    booked: list[tuple[datetime, str, dict[str, Any]]] = field(default_factory=list)
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    by_hand: set[str] = field(default_factory=set)
    """Keys whose documents somebody at the ERP copied or changed."""

    @property
    def sends(self) -> int:
        return len(self.sent)

    def push(self, obj: str, wire: dict[str, Any], key: str, *, deadline_s: float) -> Ack:
        self.sent.append((key, wire))
        fault = self.faults.pop(0) if self.faults else "fine"
        if fault == "refused_connection":
            raise TransientError("unreachable", system="s4", reason="connection refused")
        if fault == "crash_before":
            raise Crash
        if "slow" in fault:
            self.clock.advance(SLOW_S)
        if fault not in ("dropped_before", "blind"):
            self._book(fault, key, wire)
        if "crash" in fault:
            raise Crash
        if fault != "fine":
            raise OutcomeUnknownError("outcome-unknown", system="s4", method="POST", path="orders", reason="dropped")
        return Ack(external_id=str(len(self.booked)))

    def _book(self, fault: str, key: str, wire: dict[str, Any]) -> None:
        if fault in TOUCHED_BY_HAND:
            self.by_hand.add(key)
        if fault == "altered":
            wire = {**wire, "total": str(Decimal(wire["total"]) + 1)}
        at = self.clock() + (LATE if "late" in fault else timedelta(0))
        self.booked += [(at, key, wire)] * (2 if fault == "copied" else 1)

    def find(self, obj: str, key: str) -> list[Hit]:
        fault = self.faults.pop(0) if self.faults else "fine"
        if fault == "blind":
            raise TransientError("timed-out", system="s4", method="GET", path="orders")
        if "crash" in fault:
            raise Crash
        found = [
            (number, wire) for number, (at, own, wire) in enumerate(self.booked, 1) if own == key and at <= self.clock()
        ]
        return [Hit(str(n), wire["customer"], wire["currency"], Decimal(wire["total"])) for n, wire in found]

    def change(self, obj: str, external_id: str, wire: dict[str, Any], *, deadline_s: float) -> Ack:
        if wire.get("total") == "0":
            raise RecordRejectedError("rejected", system="s4", method="PATCH", path="orders", text="no", erp="V1/1")
        at, key, _ = self.booked[int(external_id) - 1]
        self.booked[int(external_id) - 1] = (at, key, wire)
        return Ack(external_id)

    def of(self, key: str) -> list[dict[str, Any]]:
        """What is in the books under a key, late commits included."""
        return [wire for _, own, wire in self.booked if own == key]

    def sent_under(self, key: str) -> list[dict[str, Any]]:
        """Every payload that left for this key, arrived or not."""
        return [wire for own, wire in self.sent if own == key]


@dataclass
class SteppedErp(FlakyErp):
    """A document is saved first, then waits for further steps (submit, approve); each of those uses up a fault too.

    `at_once` of them the push takes itself. `refused` steps are refused with these words. A step is never taken twice.
    """

    steps: int = 2
    at_once: int = 0
    refused: str = ""
    taken: Counter[str] = field(default_factory=Counter)
    told: list[dict[str, Any]] = field(default_factory=list)
    """What `finish` was told of the document, each time."""

    def push(self, obj: str, wire: dict[str, Any], key: str, *, deadline_s: float) -> Ack:
        ack = super().push(obj, wire, key, deadline_s=deadline_s)
        self.taken[ack.external_id] += self.at_once
        return replace(ack, done=self._done(ack.external_id), warnings=["V1/1: saved"])

    def find(self, obj: str, key: str) -> list[Hit]:
        return [replace(hit, done=self._done(hit.external_id)) for hit in super().find(obj, key)]

    def change(self, obj: str, external_id: str, wire: dict[str, Any], *, deadline_s: float) -> Ack:
        ack = super().change(obj, external_id, wire, deadline_s=deadline_s)
        return replace(ack, done=self._done(external_id))

    def finish(self, obj: str, external_id: str, wire: dict[str, Any], *, deadline_s: float) -> Ack:
        self.told.append(wire)
        while not self._done(external_id):
            fault = self.faults.pop(0) if self.faults else "fine"
            if fault == "crash_before":
                raise Crash
            if fault in ("refused_connection", "blind"):
                raise TransientError("unreachable", system="s4", reason="connection refused")
            if self.refused:
                facts = {"system": "s4", "method": "POST", "path": "audit", "erp": "V1/9"}
                raise RecordRejectedError("rejected", **facts, text=self.refused)
            if fault != "dropped_before":
                self.taken[external_id] += 1
            if "crash" in fault:
                raise Crash
            if fault == "slow_late":
                return Ack(external_id, done=False)
            if fault != "fine":
                raise OutcomeUnknownError("outcome-unknown", system="s4", method="POST", path="audit", reason="dropped")
        return Ack(external_id, warnings=["V1/2: approved"])

    def _done(self, external_id: str) -> bool:
        return self.taken[external_id] == self.steps


@dataclass(frozen=True)
class PlainSection:
    """The decision as it is: the mapping is not what these tests are about."""

    version: str

    def apply(self, document: dict[str, Any], key: str) -> dict[str, Any]:
        return {
            "customer": document["customer"]["erp_key"],
            "currency": document["currency"],
            "total": document["total"],
            "mapped_by": self.version,
        }


@dataclass(frozen=True)
class PlainMapping:
    version: str = "m1"

    def section(self, obj: str, direction: str) -> PlainSection:
        return PlainSection(self.version)


def keys(count: int) -> Iterable[str]:
    return (f"CT7-Q{number:06d}" for number in range(1, count + 1))
