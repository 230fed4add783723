"""Payment terms: when the parts of an invoice fall due."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sandbox.office.money import ZERO, rounded


@dataclass(frozen=True)
class Part:
    """One instalment: per cent of the gross amount, days after the baseline; a retention waits for acceptance."""

    percent: Decimal
    days: int
    end_of_month: bool = False
    retention: bool = False


@dataclass(frozen=True)
class Terms:
    parts: tuple[Part, ...]
    discount_days: int = 0
    discount_percent: Decimal = ZERO


@dataclass(frozen=True)
class Due:
    amount: Decimal
    on: date | None
    retention: bool = False


def _net(days: int, **options: bool) -> Terms:
    return Terms((Part(Decimal(100), days, **options),))


TERMS = {
    "NT00": _net(0),
    "FIX": _net(0),
    "N30": _net(30),
    "N45": _net(45),
    "N60": _net(60),
    "EOM30": _net(30, end_of_month=True),
    "EOM3": _net(30, end_of_month=True),
    "D210": Terms((Part(Decimal(100), 30),), 10, Decimal(2)),
    "T3": Terms(tuple(Part(Decimal(100) / 3, days) for days in (30, 60, 90))),
    "P361": Terms((Part(Decimal(30), 0), Part(Decimal(60), 60), Part(Decimal(10), 0, retention=True))),
}
DEFAULT = TERMS["N30"]


def instalments(code: str, baseline: date, gross: Decimal, currency: str) -> list[Due]:
    """The parts of a gross amount; all but the last are rounded, the last takes what is left."""
    parts = TERMS.get(code, DEFAULT).parts
    amounts = [rounded(gross * part.percent / 100, currency) for part in parts[:-1]]
    amounts.append(gross - sum(amounts, ZERO))
    return [Due(amount, _due(part, baseline), part.retention) for part, amount in zip(parts, amounts, strict=True)]


def _due(part: Part, baseline: date) -> date | None:
    if part.retention:
        return None
    day = baseline + timedelta(days=part.days)
    return day.replace(day=calendar.monthrange(day.year, day.month)[1]) if part.end_of_month else day
