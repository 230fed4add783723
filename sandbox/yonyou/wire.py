"""JSON, dates and times as YonBIP writes them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec

Row = dict[str, Any]

CHINA = timezone(timedelta(hours=8))
_ZERO, _ONE = Decimal(0), Decimal(1)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def decode(body: bytes) -> Any:
    """The value of a body, numbers with a fraction as Decimal; ValueError when it is no JSON."""
    return json.loads(body, parse_float=Decimal, parse_constant=_no_constant)


def encode(value: Any) -> bytes:
    """Decimals become JSON numbers, digit by digit."""
    return _ENCODER.encode(value)


def number(value: Decimal) -> Decimal:
    """Without trailing zeros, never with an exponent, and no -0: 1130, 12.345."""
    if not value:
        return _ZERO
    return value.quantize(_ONE) if value == value.to_integral_value() else value.normalize()


def moment(at: datetime | None) -> str | None:
    """A time as the product shows it: China's wall clock, cut to the second, without a zone."""
    return at.astimezone(CHINA).isoformat(" ", "seconds")[:19] if at else None


def day(on: date | None) -> str | None:
    return f"{on.isoformat()} 00:00:00" if on else None


def parse_day(text: Any) -> date:
    """A date sent to us, with or without a time; ValueError for anything else."""
    return datetime.fromisoformat(str(text).strip()).date()


def parse_moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA).astimezone(UTC)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
