"""The fields of one request of POST /_sandbox/mutate, checked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.front import ControlError, Row
from sandbox.office.clock import Clock
from sandbox.office.company import Company


class Fields:
    """Every accessor's error names the field and what it may be."""

    def __init__(self, change: Row, clock: Clock, companies: Mapping[str, Company]) -> None:
        self.change = change
        self._clock = clock
        self._companies = companies

    def text(self, name: str, default: str | None = None) -> str:
        value = self.change.get(name, default)
        if not isinstance(value, str | int) or (value == "" and default is None):
            raise ControlError(f"{name} is missing")
        return str(value)

    def mapping(self, name: str) -> Row:
        value = self.change.get(name)
        if not isinstance(value, dict):
            raise ControlError(f"{name} must be an object")
        return value

    def decimal(self, name: str) -> Decimal:
        try:
            return Decimal(self.text(name))
        except InvalidOperation:
            raise ControlError(f"{name} must be a number as text; got {self.change[name]!r}") from None

    def day(self, name: str, default: date | None = None) -> date:
        if name not in self.change:
            return default or self._clock.today()
        try:
            return date.fromisoformat(self.text(name))
        except ValueError:
            raise ControlError(f"{name} must be an ISO date; got {self.change[name]!r}") from None

    def company(self) -> Company:
        return self._companies.get(self.text("company")) or self.missing("company", self.text("company"))

    def missing(self, kind: str, number: str) -> Any:
        raise ControlError(f"there is no {kind} {number}")
