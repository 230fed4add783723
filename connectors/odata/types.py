"""OData V2 values between the wire, an address and plain text.

Plain is what mappings see: `2024-04-01` for a day, `2024-04-01T10:20:30.123000Z` for a moment (always UTC), `10:30:00`
for a time of day, amounts and numbers as text, booleans as booleans. JSON numbers never become floats.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  calendar days have no zone; moments get theirs as text
DAY_MS = 86_400_000
INTEGERS = {"Edm.Byte", "Edm.SByte", "Edm.Int16", "Edm.Int32", "Edm.Int64"}
NUMBERS = INTEGERS | {"Edm.Decimal", "Edm.Double", "Edm.Single"}
_TIME = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?")
_DATE = re.compile(r"/Date\((-?\d+)(?:[+-]\d+)?\)/")

decode = msgspec.json.Decoder(float_hook=str).decode
"""JSON → plain data; a number with a fraction or exponent stays text."""


class _Dates(dict[str, str | None]):
    """`/Date(ms)/` → ISO text, remembered: the same days come back in every record. Not a date of ours: None."""

    LIMIT = 50_000

    def __missing__(self, raw: str) -> str | None:
        if len(self) > self.LIMIT:
            self.clear()
        text = self[raw] = self._read(raw)
        return text

    def _read(self, raw: str) -> str | None:
        try:
            if raw.endswith("+0000)/"):
                return self._text(int(raw[6:-7]))
            found = _DATE.fullmatch(raw)
            return self._text(int(found[1])) if found else raw
        except OverflowError:  # year 0 and the like stand for no date
            return None
        except ValueError:
            return raw

    def _text(self, ms: int) -> str:
        raise NotImplementedError


class _Days(_Dates):
    """An Edm.DateTime: a calendar day; with a time part only where the value has one. Never shifted by a zone."""

    def _text(self, ms: int) -> str:
        moment = EPOCH + timedelta(milliseconds=ms)
        return moment.date().isoformat() if ms % DAY_MS == 0 else moment.isoformat(timespec="seconds")


class _Moments(_Dates):
    """An Edm.DateTimeOffset: milliseconds are UTC whatever offset follows (that only says where the writer was)."""

    LIMIT = 5_000

    def _text(self, ms: int) -> str:
        return (EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="microseconds") + "Z"


DAYS: Mapping[str, str | None] = _Days()
MOMENTS: Mapping[str, str | None] = _Moments()


def time_of_day(raw: str) -> str:
    """`PT10H30M00S` → `10:30:00`; anything else stays."""
    found = _TIME.fullmatch(raw)
    return raw if found is None else ":".join(f"{int(part or 0):02d}" for part in found.groups())


def literal(edm: str, value: str) -> str:
    """`value` as an OData V2 literal of the type `edm`, not yet percent-encoded; ValueError for no such value."""
    match edm:
        case "Edm.DateTime":
            return f"datetime'{naive(value).isoformat()}'"
        case "Edm.DateTimeOffset":
            return f"datetimeoffset'{moment(value).replace(tzinfo=None).isoformat()}Z'"
        case "Edm.Time":
            return f"time'{_duration(value)}'"
        case "Edm.Guid":
            return f"guid'{UUID(value)}'"
        case "Edm.Boolean":
            return _boolean(value)
        case "Edm.Decimal":
            return f"{_decimal(value):f}M"
        case "Edm.Int64":
            return f"{int(value)}L"
        case _ if edm in NUMBERS:
            return f"{_decimal(value):f}"
        case _:
            return "'" + value.replace("'", "''") + "'"


def naive(text: str) -> datetime:
    """A day or a day with time, without zone; what follows a zoned moment's day is kept as it is written."""
    return datetime.fromisoformat(text).replace(tzinfo=None)


def moment(text: str) -> datetime:
    """An aware UTC moment from ISO text; a day stands for its first moment, no zone for UTC."""
    value = datetime.fromisoformat(text)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _duration(text: str) -> str:
    value = time.fromisoformat(text)
    return f"PT{value.hour:02d}H{value.minute:02d}M{value.second:02d}S"


def _boolean(value: str) -> str:
    if value.lower() not in ("true", "false"):
        raise ValueError(value)
    return value.lower()


def _decimal(value: str) -> Decimal:
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(value) from None
    if not number.is_finite():
        raise ValueError(value)
    return number


def to_wire(edm: str, value: Any) -> Any:
    """A plain value as a JSON V2 request states it; None stays. ValueError when it is none of that type."""
    if value is None or (value == "" and edm != "Edm.String"):
        return None
    match edm:
        case "Edm.DateTime":
            return f"/Date({_ms(naive(str(value)))})/"
        case "Edm.DateTimeOffset":
            return f"/Date({_ms(moment(str(value)).replace(tzinfo=None))}+0000)/"
        case "Edm.Time":
            return _duration(str(value))
        case "Edm.Boolean":
            return _boolean(str(value)) == "true"
        case "Edm.Decimal" | "Edm.Double" | "Edm.Single":
            return f"{_decimal(str(value)):f}"
        case "Edm.Int64":
            return str(int(value))
        case _ if edm in INTEGERS:
            return int(value)
        case _:
            return str(value)


def _ms(value: datetime) -> int:
    return (value - EPOCH) // timedelta(milliseconds=1)


def key_predicate(parts: Sequence[tuple[str, str, str]], worded: Callable[[str, str], str] = literal) -> str:
    """`('1')` or `(A='1',B='2')` for (name, type, value) parts, percent-encoded for a path."""
    quoted = [(name, quote(worded(edm, value), safe="'")) for name, edm, value in parts]
    if len(quoted) == 1:
        return f"({quoted[0][1]})"
    return "(" + ",".join(f"{name}={value}" for name, value in quoted) + ")"


def strip_zeros(value: str) -> str:
    """Numeric keys are stored zero-filled and shown without: `0017100001` → `17100001`; other text stays."""
    return value.lstrip("0") or "0" if value[:1] == "0" and value.isascii() and value.isdigit() else value


def join_key(parts: Sequence[str]) -> str:
    """The full key: parts joined by `/`; a `/` inside a part of several is written `%2F`."""
    if len(parts) == 1:
        return parts[0]
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)


def split_key(key: str, count: int) -> list[str]:
    """The parts that `join_key` joined; ValueError when there are not `count` of them."""
    parts = [key] if count == 1 else [p.replace("%2F", "/").replace("%25", "%") for p in key.split("/")]
    if len(parts) != count:
        raise ValueError(f"{key} has {len(parts)} parts, not {count}")
    return parts


def shifted(stamp: str, seconds: int, *, day: bool) -> str:
    """`stamp` (a moment or a day, ISO) so many seconds earlier; as a day where the cursor has days only."""
    earlier = moment(stamp) - timedelta(seconds=seconds)
    return earlier.date().isoformat() if day else earlier.isoformat().replace("+00:00", "Z")


def next_instant(stamp: str, *, day: bool) -> str:
    """The next day, or the next millisecond: stamps on the wire are no finer. Written as stamps are."""
    if day:
        return (moment(stamp) + timedelta(days=1)).date().isoformat()
    later = moment(stamp).replace(tzinfo=None) + timedelta(milliseconds=1)
    return later.isoformat(timespec="microseconds") + "Z"
