"""What goes into an expression and what comes out of it: plain values in, values of the target's type out."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from mappings.analysis import EXACT_DIGITS
from mappings.errors import ValueProblem, shown

Rule = Callable[[Any], Any]

_DECIMAL = re.compile(r"-?\d+(\.\d+)?").fullmatch
_INTEGER = re.compile(r"-?\d{1,18}").fullmatch
_LONG = 10**EXACT_DIGITS
_KINDS = {"dict": "an object", "list": "a list", "JList": "a list", "bool": "true/false"}


def plain_record(data: Mapping[str, Any]) -> dict[str, Any]:
    """A copy without nulls (null is the same as absent), whole numbers that JSONata would round as text.

    Raises ValueProblem for floats and foreign types.
    """
    record = {}
    for name, value in data.items():
        kind = type(value)
        if kind is str or kind is bool or (kind is int and -_LONG < value < _LONG):
            record[name] = value
        elif value is not None:
            record[name] = _plain_part(name, value)
    return record


def _plain_part(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return plain_record(value)
    if isinstance(value, list):
        return [_plain_item(name, item) for item in value if item is not None]
    if isinstance(value, str):
        return value
    if type(value) is int:
        return str(value) if abs(value) >= _LONG else value
    if isinstance(value, float):
        raise ValueProblem("float-refused", field=name)
    raise ValueProblem("value-type", field=name, type=type(value).__name__)


def _plain_item(name: str, item: Any) -> Any:
    return item if type(item) in (str, bool) else _plain_part(name, item)


# -- one value of a target type; missing is None -------------------------------------------------------------------


def text(value: Any) -> str | None:
    if type(value) is str:
        return value or None
    return wire(value)  # type: ignore[no-any-return]  # a bool is refused below


def number(value: Any) -> str | None:
    """Money, quantity or rate: decimal text, no exponent, no plus."""
    if type(value) is str:
        if _DECIMAL(value):
            return value
        if not value:
            return None
    if type(value) is int:
        return str(value)
    if isinstance(value, list):
        raise _several(value)
    if isinstance(value, float):
        raise ValueProblem("float-refused")
    raise ValueProblem("not-a-number", value=shown(value))


def day(value: Any) -> str | None:
    """A calendar date as YYYY-MM-DD."""
    if value == "":
        return None
    try:
        if len(value) == 10 and value[4] == value[7] == "-":
            date.fromisoformat(value)
            return str(value)
    except (TypeError, ValueError):
        pass  # said below, for every kind of wrong value
    raise ValueProblem("not-a-date", value=shown(value))


def moment(value: Any) -> str | None:
    """A point in time: ISO text with zone."""
    if value == "":
        return None
    try:
        if datetime.fromisoformat(value).tzinfo is not None:
            return str(value)
    except (TypeError, ValueError):
        pass  # said below, for every kind of wrong value
    raise ValueProblem("not-a-time", value=shown(value))


def boolean(value: Any) -> bool | None:
    if type(value) is bool:
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    if value == "":
        return None
    raise ValueProblem("not-a-bool", value=shown(value))


def integer(value: Any) -> int | None:
    if type(value) is int:
        return value
    if value == "":
        return None
    if isinstance(value, str) and _INTEGER(value):
        return int(value)
    raise ValueProblem("not-a-number", value=shown(value))


def wire(value: Any) -> Any:
    """A value for the ERP: text as it is (also empty: it may mean 'clear this'), true/false, whole numbers as text."""
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    if isinstance(value, float):
        raise ValueProblem("float-refused")
    if isinstance(value, list):
        raise _several(value)
    raise ValueProblem("not-text", value=shown(value), type=_KINDS.get(type(value).__name__, type(value).__name__))


def wire_or_bool(value: Any) -> Any:
    return value if type(value) is bool else wire(value)


def custom_text(rule: Rule) -> Rule:
    """A custom field is kept as text, whatever its type."""

    def as_text(value: Any) -> str | None:
        kept = rule(value)
        return ("true" if kept else "false") if type(kept) is bool else kept

    return as_text


def _several(value: list[Any]) -> ValueProblem:
    return ValueProblem("not-one", count=str(len(value)))


TYPES: dict[str, Rule] = {
    "text": text, "money": number, "quantity": number, "rate": number, "date": day, "datetime": moment,
    "bool": boolean, "int": integer,
}  # fmt: skip
NUMBERS = {"money", "quantity", "rate"}


class Shape:
    """What becomes of an object that an expression built: each value by its rule, defaults, required fields.

    Missing values are left out; an empty list stays if `keep_empty`. A `required` field that is missing (or empty text)
    raises ValueProblem.
    """

    def __init__(
        self,
        rules: Mapping[str, Rule | Shape],
        required: Iterable[str] = (),
        defaults: Mapping[str, Any] | None = None,
        *,
        lists: Collection[str] = (),
        keep_empty: bool = True,
    ) -> None:
        self.required, self.defaults, self.keep_empty = tuple(required), dict(defaults or {}), keep_empty
        self.rules = {name: self._rule(rule, name in lists) for name, rule in rules.items()}

    def _rule(self, rule: Rule | Shape, many: bool) -> Rule:
        if not isinstance(rule, Shape):
            return rule
        apply = rule.apply
        if not many:
            return lambda values: apply(values) or None
        if self.keep_empty:
            return lambda values: _each(apply, values)
        return lambda values: _each(apply, values) or None

    def apply(self, values: dict[str, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        rules = self.rules
        name = ""
        try:
            for name, value in values.items():
                result = rules[name](value)
                if result is not None:
                    kept[name] = result
        except ValueProblem as problem:
            inner = problem.params.get("field", "")
            problem.params["field"] = name + (inner if not inner or inner.startswith("[") else f".{inner}")
            raise
        for name, value in self.defaults.items():
            if kept.get(name) in (None, ""):
                kept[name] = value
        for name in self.required:
            if kept.get(name) in (None, ""):
                raise ValueProblem("missing-field", field=name)
        return kept


def _each(apply: Callable[[dict[str, Any]], dict[str, Any]], values: list[Any]) -> list[dict[str, Any]]:
    kept = []
    for index, value in enumerate(values):
        try:
            kept.append(apply(value))
        except ValueProblem as problem:
            problem.params["field"] = f"[{index}].{problem.params.get('field', '')}"
            raise
    return kept
