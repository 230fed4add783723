"""Values in JSON V2: written from typed Python values, and read into them with every check."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from sandbox.odata.errors import invalid_value
from sandbox.odata.literals import duration, parse_duration, parse_moment, shown
from sandbox.odata.metadata import Property

_JSON_DATE = re.compile(r"/Date\((-?\d+)([+-]\d{1,4})?\)/")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()


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


def to_json(prop: Property, value: Any) -> Any:
    write = json_writer(prop)
    return value if write is None or value is None else write(value)


def from_json(prop: Property, raw: Any) -> Any:
    """A value of a request body, typed and checked against length, precision and scale; ODataError 400."""
    if raw is None:
        if not prop.nullable:
            raise invalid_value(prop.name, "null", "it must not be null")
        return None
    try:
        return _READERS[prop.edm](prop, raw)
    except (ValueError, TypeError, ArithmeticError) as problem:
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
    whole_digits = value.adjusted() + 1 if abs(value) >= 1 else 0
    if prop.precision is not None and whole_digits > prop.precision - (prop.scale or 0):
        raise ValueError("it has too many digits")


def _read_moment(raw: Any) -> datetime:
    if not isinstance(raw, str):
        raise TypeError("a date is expected")
    if found := _JSON_DATE.fullmatch(raw):
        return _EPOCH + timedelta(milliseconds=int(found[1]))
    return parse_moment(raw)


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
