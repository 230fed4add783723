"""OData V4 values between the wire, an address and plain text (what plain is: `connectors.odata.types`)."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any
from uuid import UUID

from connectors.odata import types as odata_types
from connectors.odata.metadata import Types
from connectors.odata.types import INTEGERS, NUMBERS, moment, naive

TEXTS = NUMBERS | {"Edm.TimeOfDay"}
"""Types whose values may come otherwise than as the plain text: numbers in JSON, fractions of a second."""


class Moments(dict[str, str]):
    """ISO text of an Edm.DateTimeOffset → the plain one, remembered. What is none stays as it is."""

    LIMIT = 5_000

    def __missing__(self, raw: str) -> str:
        if len(self) > self.LIMIT:
            self.clear()
        try:
            text = _utc(moment(raw))
        except ValueError:
            text = raw
        self[raw] = text
        return text


def _utc(value: datetime) -> str:
    return value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def literal(edm: str, value: str) -> str:
    """`value` as an OData V4 literal of the type `edm`, not yet percent-encoded; ValueError for no such value."""
    match edm:
        case "Edm.Date":
            return naive(value).date().isoformat()
        case "Edm.DateTimeOffset":
            return moment(value).replace(tzinfo=None).isoformat() + "Z"
        case "Edm.TimeOfDay":
            return time.fromisoformat(value).isoformat()
        case "Edm.Guid":
            return str(UUID(value))
        case _ if edm in NUMBERS:
            return odata_types.literal("Edm.Double", value)
        case _:
            return odata_types.literal(edm, value)


def to_wire(edm: str, value: Any) -> Any:
    """A plain value as a JSON V4 request with IEEE754Compatible states it; ValueError when it is none of that type."""
    if value is None or (value == "" and edm != "Edm.String"):
        return None
    match edm:
        case "Edm.Date":
            return naive(str(value)).date().isoformat()
        case "Edm.DateTimeOffset":
            return literal(edm, str(value))
        case "Edm.TimeOfDay":
            return time.fromisoformat(str(value)).isoformat()
        case "Edm.Int64":
            return str(int(value))
        case _ if edm in INTEGERS:
            return int(value)
        case _:
            return odata_types.to_wire(edm, value)


def plain(edm: str, raw: Any) -> Any:
    """A number or a time of day as plain text."""
    return str(raw).partition(".")[0] if edm == "Edm.TimeOfDay" else str(raw)


MOMENTS_PLAIN = Moments()
V4_TYPES = Types(literal, to_wire)
