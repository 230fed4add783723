"""What clients send: JSON with exact numbers, coerced to the attributes' types as the server does it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from sandbox.http import Request
from sandbox.oracle.adf.conditions import moment
from sandbox.oracle.adf.errors import AdfError
from sandbox.oracle.adf.model import Resource, Row

ACCEPTED = ("application/json", "resourceitem+json", "action+json", "batch+json", "+json")
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_FLAGS = {"true": True, "y": True, "false": False, "n": False}


def body(request: Request) -> Row:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if request.body and not kind.endswith(ACCEPTED):
        raise AdfError(415, f"The media type {kind or 'of the request'} is not supported.", "415")
    try:
        values = _decode(request.body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise AdfError(400, f"The request body is not valid JSON: {problem}", "27540") from None
    if not isinstance(values, dict):
        raise AdfError(400, "The request body must be one JSON object.", "27540")
    return values


def coerced(resource: Resource, values: Mapping[str, Any]) -> Row:
    """Texts become what the attribute is ("true", "3000…"), children too; unknown names are refused."""
    row: Row = {}
    for name, value in values.items():
        if name in resource.children:
            row[name] = [coerced(resource.children[name], child) for child in _children(name, value)]
        elif name in resource.attributes:
            row[name] = _value(name, resource.attributes[name], value)
        elif name != "links":
            text = f"The attribute {name} is not defined in {resource.name}."
            raise AdfError(400, text, "27007", f"/{name}")
    return row


def _children(name: str, value: Any) -> list[Mapping[str, Any]]:
    """An array, one object, or a collection as a read gave it."""
    if isinstance(value, Mapping):
        value = value.get("items", [value])
    if not isinstance(value, list) or not all(isinstance(child, Mapping) for child in value):
        raise AdfError(400, f"{name} must be an array of objects.", "27540", f"/{name}")
    return value


def _value(name: str, kind: str, value: Any) -> Any:
    if value is None or value == "":
        return None
    try:
        return _TYPES[kind](value)
    except (TypeError, ValueError, KeyError, InvalidOperation):
        text = f"JBO-27018: {value!r} cannot be converted to the type {kind} of the attribute {name}."
        raise AdfError(400, text, "27018", f"/{name}") from None


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        raise TypeError
    return str(value).lower() if isinstance(value, bool) else str(value)


def _integer(value: Any) -> int:
    number = Decimal(_text(value))
    if number != int(number):
        raise ValueError
    return int(number)


def _flag(value: Any) -> bool:
    return value if isinstance(value, bool) else _FLAGS[str(value).lower()]


def _number(value: Any) -> Decimal:
    number = Decimal(_text(value))
    if not number.is_finite():
        raise ValueError
    return number


def _day(value: Any) -> date:
    return moment(_text(value)).date()


def _moment(value: Any) -> datetime:
    return moment(_text(value))


_TYPES = {
    "string": _text, "integer": _integer, "number": _number, "boolean": _flag, "date": _day, "timestamp": _moment,
}  # fmt: skip
