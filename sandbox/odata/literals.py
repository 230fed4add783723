"""Literals in a URI, to and from typed Python values; initial values, and zeros before numeric keys."""

from __future__ import annotations

import binascii
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from uuid import UUID

from sandbox.odata.metadata import Property

_INITIAL: dict[str, Any] = {"Edm.String": "", "Edm.Decimal": Decimal(0), "Edm.Boolean": False, "Edm.Double": 0.0}
_INITIAL |= {"Edm.Int16": 0, "Edm.Int32": 0, "Edm.Int64": 0, "Edm.Time": time()}
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


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
            return prefix, parse_moment(body).replace(tzinfo=None)
        case "datetimeoffset":
            moment = parse_moment(body)
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


def parse_moment(text: str) -> datetime:
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


def duration(value: time) -> str:
    return f"PT{value.hour:02}H{value.minute:02}M{value.second:02}S"


def _iso_text(value: date | datetime) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat() if value.tzinfo else value.isoformat()
    return f"{value.isoformat()}T00:00:00"
