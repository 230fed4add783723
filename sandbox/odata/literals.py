"""Values on the wire: URI literals, JSON V2 values and ETags, to and from typed Python values."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID

from sandbox.odata.errors import invalid_value
from sandbox.odata.metadata import Property

_INITIAL: dict[str, Any] = {"Edm.String": "", "Edm.Decimal": Decimal(0), "Edm.Boolean": False, "Edm.Double": 0.0}
_INITIAL |= {"Edm.Int16": 0, "Edm.Int32": 0, "Edm.Int64": 0, "Edm.Time": time()}
_JSON_DATE = re.compile(r"/Date\((-?\d+)([+-]\d{1,4})?\)/")
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()


def initial(prop: Property) -> Any:
    """What an ABAP field holds before anybody filled it; null for dates and stamps."""
    return _INITIAL.get(prop.edm)


# --- zero-filled texts -----------------------------------------------------------------------------------------------


def strip_zeros(value: str) -> str:
    return value.lstrip("0") or "0" if value.isdigit() else value


def fill_zeros(value: str, length: int) -> str:
    return value.zfill(length) if value.isdigit() else value


def shown(prop: Property, value: Any) -> Any:
    """The value as SAP shows it: numeric keys without leading zeros."""
    return strip_zeros(value) if prop.zero_filled and isinstance(value, str) else value


# --- URI literals ----------------------------------------------------------------------------------------------------

_KINDS = {
    "Edm.String": ("string",),
    "Edm.DateTime": ("datetime",),
    "Edm.DateTimeOffset": ("datetimeoffset",),
    "Edm.Time": ("time",),
    "Edm.Guid": ("guid",),
    "Edm.Boolean": ("bool",),
    "Edm.Decimal": ("int", "decimal", "double"),
    "Edm.Double": ("int", "decimal", "double"),
    "Edm.Int16": ("int",),
    "Edm.Int32": ("int",),
    "Edm.Int64": ("int",),
    "Edm.Binary": ("binary",),
}


def fits(prop: Property, kind: str) -> bool:
    return kind == "null" or kind in _KINDS[prop.edm]


def parse_literal(text: str) -> tuple[str, Any]:
    """Kind and value of a literal as it stands in a URI; ValueError when it is none."""
    if text.startswith("'"):
        return "string", text[1:-1].replace("''", "'")
    if text in ("true", "false"):
        return "bool", text == "true"
    if text == "null":
        return "null", None
    if text.endswith("'"):
        return _prefixed(text)
    return _numeric(text)


def _prefixed(text: str) -> tuple[str, Any]:
    prefix, _, body = text[:-1].partition("'")
    match prefix:
        case "datetime":
            return prefix, _iso(body).replace(tzinfo=None)
        case "datetimeoffset":
            moment = _iso(body)
            return prefix, moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        case "time":
            return prefix, parse_duration(body)
        case "guid":
            return prefix, UUID(body)
        case "binary" | "X":
            return "binary", binascii.unhexlify(body)
    raise ValueError(f"unknown literal prefix {prefix}")


def _numeric(text: str) -> tuple[str, Any]:
    bare = text.rstrip("mMdDfFlL")
    if not _NUMBER.fullmatch(bare):
        raise ValueError(f"{text} is no literal")
    suffix = text[len(bare) :].lower()
    kind = {"m": "decimal", "d": "double", "f": "double"}.get(
        suffix, "int" if bare.lstrip("-").isdigit() else "decimal"
    )
    return kind, int(bare) if kind == "int" else Decimal(bare)


def _iso(text: str) -> datetime:
    """ISO date and time; more than six digits of a second are cut."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))


def parse_duration(text: str) -> time:
    found = _DURATION.fullmatch(text)
    if not found:
        raise ValueError(f"{text} is no time of day")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return time(hours, minutes, seconds)


def uri_literal(prop: Property, value: Any) -> str:
    match prop.edm:
        case "Edm.String":
            return f"'{_quoted(str(value))}'"
        case "Edm.DateTime":
            return f"datetime'{quote(_iso_text(value))}'"
        case "Edm.DateTimeOffset":
            return f"datetimeoffset'{quote(_iso_text(value))}Z'"
        case "Edm.Guid":
            return f"guid'{value}'"
        case "Edm.Time":
            return f"time'{duration(value)}'"
        case "Edm.Boolean":
            return "true" if value else "false"
        case "Edm.Decimal":
            return f"{value}M"
    return str(value)


def _quoted(text: str) -> str:
    return text if text.isalnum() and text.isascii() else quote(text.replace("'", "''"), safe="'")


def _iso_text(value: date | datetime) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat() if value.tzinfo else value.isoformat()
    return f"{value.isoformat()}T00:00:00"


# --- JSON ------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=20_000)
def json_day(value: date) -> str:
    return f"/Date({(value.toordinal() - _EPOCH_DAY) * 86_400_000})/"


def _millis(value: datetime) -> int:
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(milliseconds=1)


def json_datetime(value: date | datetime) -> str:
    return f"/Date({_millis(value)})/" if isinstance(value, datetime) else json_day(value)


def json_datetimeoffset(value: datetime) -> str:
    return f"/Date({_millis(value)}+0000)/"


def json_decimal(value: Decimal) -> str:
    """Never cached by value: 1.5 and 1.50 are equal, and written differently."""
    text = str(value)
    return format(value, "f") if "E" in text else text


def duration(value: time) -> str:
    return f"PT{value.hour:02}H{value.minute:02}M{value.second:02}S"


_WRITERS: dict[str, Callable[[Any], Any]] = {
    "Edm.Decimal": json_decimal,
    "Edm.DateTime": json_datetime,
    "Edm.DateTimeOffset": json_datetimeoffset,
    "Edm.Time": duration,
    "Edm.Guid": str,
    "Edm.Int64": str,
    "Edm.Double": str,
    "Edm.Binary": lambda value: base64.b64encode(value).decode("ascii"),
}


def json_writer(prop: Property) -> Callable[[Any], Any] | None:
    """What turns a value other than None into its JSON form; None where it goes as it is."""
    return _WRITERS.get(prop.edm)


def from_json(prop: Property, raw: Any) -> Any:
    """A value of a request body, typed and checked against length, precision and scale; ODataError 400."""
    if raw is None:
        if not prop.nullable:
            raise invalid_value(prop.name, "null", "it must not be null")
        return None
    try:
        return _READERS[prop.edm](prop, raw)
    except (ValueError, TypeError, InvalidOperation, OverflowError) as problem:
        raise invalid_value(prop.name, raw, str(problem) or f"no {prop.edm}") from problem


def _read_string(prop: Property, raw: Any) -> str:
    if not isinstance(raw, str):
        raise TypeError("a text is expected")
    text = raw.upper() if prop.upper else raw
    text = shown(prop, text)
    if prop.length is not None and len(text) > prop.length:
        raise ValueError(f"it is longer than {prop.length} characters")
    return str(text)


def _read_decimal(prop: Property, raw: Any) -> Decimal:
    if isinstance(raw, bool) or not isinstance(raw, str | int | Decimal):
        raise TypeError("a decimal number is expected")
    value = Decimal(raw)
    if not value.is_finite():
        raise ValueError("a decimal number is expected")
    _check_digits(prop, value)
    return value


def _check_digits(prop: Property, value: Decimal) -> None:
    exponent = value.normalize().as_tuple().exponent
    scale = max(0, -exponent) if isinstance(exponent, int) else 0
    if prop.scale is not None and scale > prop.scale:
        raise ValueError(f"it has more than {prop.scale} decimal places")
    whole_digits = len(str(abs(int(value)))) if abs(value) >= 1 else 0
    if prop.precision is not None and whole_digits > prop.precision - (prop.scale or 0):
        raise ValueError("it has too many digits")


def _read_moment(raw: Any) -> datetime:
    if not isinstance(raw, str):
        raise TypeError("a date is expected")
    if found := _JSON_DATE.fullmatch(raw):
        return _EPOCH + timedelta(milliseconds=int(found[1]))
    return _iso(raw)


def _read_datetime(prop: Property, raw: Any) -> date | datetime:
    moment = _read_moment(raw)
    return moment.date() if prop.is_date else moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _read_datetimeoffset(prop: Property, raw: Any) -> datetime:
    moment = _read_moment(raw)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _read_boolean(prop: Property, raw: Any) -> bool:
    if not isinstance(raw, bool):
        raise TypeError("true or false is expected")
    return raw


def _read_int(prop: Property, raw: Any) -> int:
    if isinstance(raw, bool) or not isinstance(raw, str | int):
        raise TypeError("a whole number is expected")
    return int(raw)


_READERS: dict[str, Callable[[Property, Any], Any]] = {
    "Edm.String": _read_string,
    "Edm.Decimal": _read_decimal,
    "Edm.DateTime": _read_datetime,
    "Edm.DateTimeOffset": _read_datetimeoffset,
    "Edm.Boolean": _read_boolean,
    "Edm.Time": lambda prop, raw: parse_duration(raw),
    "Edm.Guid": lambda prop, raw: UUID(raw),
    "Edm.Double": lambda prop, raw: float(raw),
    "Edm.Int16": _read_int,
    "Edm.Int32": _read_int,
    "Edm.Int64": _read_int,
    "Edm.Binary": lambda prop, raw: base64.b64decode(raw, validate=True),
}


# --- ETags -----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=50_000)
def etag_text(version: datetime | str) -> str:
    """A weak ETag as Gateway writes it, seven digits of a second, percent-encoded inside."""
    if isinstance(version, datetime):
        stamp = f"{version.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"
        return f"W/\"datetimeoffset'{quote(stamp, safe='')}'\""
    return f"W/\"'{quote(version, safe='')}'\""


def same_etag(sent: str, current: str) -> bool:
    """If-Match may list several; the percent-encoding inside does not matter."""
    return any(tag.strip() == "*" or unquote(tag.strip()) == unquote(current) for tag in sent.split(","))
