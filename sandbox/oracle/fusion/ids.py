"""Fusion's ids: integers of 18 digits, beyond what a double can hold, made of the trade book's serial numbers."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

_BASE = 300_000_000_000_000_000
_ROOM = 1_000_000_000_000
_HOURS = (time(23, 10), time(1, 20), time(9, 45), time(16, 5))
_KINDS = (
    "order", "line", "fulfilment", "invoice", "invoice line", "instalment", "receipt", "application", "reversal",
    "party", "account", "site use", "unit", "item", "price list", "price", "subscription", "subscription product",
    "ledger", "adjustment", "hold", "tax line", "address",
)  # fmt: skip


def big(kind: str, serial: int) -> int:
    return _BASE + (_KINDS.index(kind) + 1) * _ROOM + serial


def serial_of(kind: str, text: str) -> int | None:
    """The serial number in an id of this kind; None for any other text."""
    if not text.isdigit():
        return None
    serial = int(text) - big(kind, 0)
    return serial if 0 < serial < _ROOM else None


def ms(moment: datetime) -> datetime:
    """As precise as it is shown: what a client has read is equal to what it asks for."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def moment(day: date | None, zone: str, serial: int) -> datetime | None:
    """That day there at one of several times, in UTC: the day of UTC is often another."""
    return None if day is None else datetime.combine(day, _HOURS[serial % len(_HOURS)], ZoneInfo(zone)).astimezone(UTC)


def midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(0, tzinfo=UTC))
