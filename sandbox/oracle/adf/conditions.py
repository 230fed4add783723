"""One comparison of an attribute with a literal, whichever grammar it was written in."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.oracle.adf.errors import AdfError
from sandbox.oracle.adf.model import Resource, Value

Test = Callable[[Any], bool]
OPERATORS = ("<=", ">=", "<>", "!=", "=", "<", ">")
_FLAGS = {"true": True, "y": True, "yes": True, "1": True, "false": False, "n": False, "no": False, "0": False}


def comparison(resource: Resource, attribute: str, operator: str, literal: str) -> Test:
    column, wanted = column_of(resource, attribute), typed(resource, attribute, literal)
    compare = _COMPARE[operator]

    def test(document: Any) -> bool:
        value = column(document)
        return value is not None and bool(compare(value, wanted))

    return test


def likeness(resource: Resource, attribute: str, pattern: re.Pattern[str]) -> Test:
    column = column_of(resource, attribute)

    def test(document: Any) -> bool:
        value = column(document)
        return value is not None and pattern.fullmatch(_text(value)) is not None

    return test


def emptiness(resource: Resource, attribute: str) -> Test:
    column = column_of(resource, attribute)
    return lambda document: column(document) in (None, "")


def column_of(resource: Resource, attribute: str) -> Callable[[Any], Value]:
    """Raises AdfError for an attribute that a query may not use: 400, not an empty list."""
    if attribute not in resource.attributes:
        raise AdfError(400, f"The attribute {attribute} is not defined in {resource.name}.", "27007", f"/{attribute}")
    if attribute not in resource.queryable:
        raise AdfError(400, f"The attribute {attribute} of {resource.name} is not queryable.", "27008", f"/{attribute}")
    return resource.columns.get(attribute, _nothing)


def _nothing(document: Any) -> None:
    return None


def typed(resource: Resource, attribute: str, literal: str) -> Any:
    kind = resource.attributes[attribute]
    try:
        return _TYPES[kind](literal.strip() if kind != "string" else literal)
    except (ValueError, InvalidOperation, KeyError):
        text = f"{literal!r} is no {kind} and cannot be compared with {attribute}."
        raise AdfError(400, text, "27018", f"/{attribute}") from None


def pattern_of(text: str, wildcards: str) -> re.Pattern[str]:
    """A backslash takes the meaning of the character that follows."""
    parts, at = [], 0
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
            parts.append(re.escape(text[at]))
        else:
            parts.append(".*" if text[at] in wildcards else re.escape(text[at]))
        at += 1
    return re.compile("".join(parts), re.DOTALL)


def moment(text: str) -> datetime:
    """A date alone is its midnight in UTC, as is a time without zone."""
    value = datetime.fromisoformat(text)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _text(value: Value) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _day(text: str) -> date:
    return moment(text).date()


def _flag(text: str) -> bool:
    return _FLAGS[text.lower()]


_TYPES: dict[str, Callable[[str], Any]] = {
    "string": str, "integer": int, "number": Decimal, "boolean": _flag, "date": _day, "timestamp": moment,
}  # fmt: skip
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
