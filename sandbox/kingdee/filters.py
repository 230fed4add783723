"""FilterString: the SQL-like language, and the array form; both become one test of a row.

A comparison with nothing is false, as in SQL. Texts compare without regard to case and trailing blanks (the server's
collation). Keys may be added, subtracted, multiplied and divided.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, DecimalException
from typing import Any

from sandbox.kingdee.envelope import FAILED, GalaxyError, truth
from sandbox.kingdee.filter_rows import as_text, bad

Row = tuple[Any, ...]
Test = Callable[[Row], bool]
_TOKEN = re.compile(
    r"\s*(?:(?P<ts>\{ts\s*'[^']*'\})|(?P<text>[nN]?'(?:[^']|'')*')|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_][\w.]*)|(?P<op><>|!=|>=|<=|[=<>()+\-*/,]))"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "<>": operator.ne, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt,
    "<=": operator.le,
}  # fmt: skip
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip


@dataclass(frozen=True)
class Value:
    """An operand, a key's value or a literal's; `kind`: text, number, time, bool, "" for a literal not yet typed."""

    get: Callable[[Row], Any]
    kind: str
    slots: frozenset[int] = frozenset()
    literal: Any = None


@dataclass(frozen=True)
class Condition:
    test: Test
    slots: frozenset[int]
    parts: tuple[Condition, ...] = ()
    """What it is the conjunction of."""

    def conjuncts(self) -> Iterator[Condition]:
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.conjuncts()


Lookup = Callable[[str], Value]
"""The value of a key; GalaxyError when there is no such key."""


def compile_filter(given: Any, lookup: Lookup) -> Condition | None:
    """A text, or a list of {Left, FieldName, Compare, Value, Right, Logic}; None where there is no condition."""
    text = as_text(given) if isinstance(given, list) else str(given or "")
    return _Parser(text, lookup).whole() if text.strip() else None


def normal(value: Any, kind: str) -> Any:
    """As values of a kind are compared; None stays."""
    if value is None:
        return None
    if kind == "text":
        return str(value).casefold().rstrip()
    if kind == "time" and not isinstance(value, datetime):
        return datetime.combine(value, time()) if isinstance(value, date) else _moment(str(value))
    return value


# --- the language -----------------------------------------------------------------------------------------------------


class _Parser:
    def __init__(self, text: str, lookup: Lookup) -> None:
        self.text, self.lookup = text, lookup
        self.tokens = list(_tokens(text))
        self.at = 0

    def whole(self) -> Condition:
        condition = self._either()
        if self.at < len(self.tokens):
            raise bad(self.text)
        return condition

    def _peek(self, ahead: int = 0) -> str:
        at = self.at + ahead
        kind, text = self.tokens[at] if at < len(self.tokens) else ("", "")
        return text.lower() if kind in ("name", "op") else kind

    def _take(self, *expected: str) -> bool:
        if self._peek() not in expected or not self._peek():
            return False
        self.at += 1
        return True

    def _need(self, expected: str) -> None:
        if not self._take(expected):
            raise bad(self.text)

    def _either(self) -> Condition:
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        if len(parts) == 1:
            return parts[0]
        tests = [part.test for part in parts]
        return Condition(lambda row: any(test(row) for test in tests), _slots(parts))

    def _all(self) -> Condition:
        parts = [self._single()]
        while self._take("and"):
            parts.append(self._single())
        if len(parts) == 1:
            return parts[0]
        tests = [part.test for part in parts]
        return Condition(lambda row: all(test(row) for test in tests), _slots(parts), tuple(parts))

    def _single(self) -> Condition:
        if self._take("not"):
            inner = self._single()
            return Condition(lambda row: not inner.test(row), inner.slots)
        if self._peek() == "(":
            start = self.at
            try:
                return self._comparison()
            except GalaxyError as error:
                if error.code != FAILED:
                    raise
                self.at = start + 1
                inner = self._either()
                self._need(")")
                return inner
        return self._comparison()

    def _comparison(self) -> Condition:
        left = self._sum()
        negated = self._take("not")
        if self._take("in"):
            return self._in(left, negated)
        if self._take("like"):
            return self._like(left, negated)
        if self._take("is"):
            negated = self._take("not")
            self._need("null")
            return Condition(lambda row: (left.get(row) is None) != negated, left.slots)
        sign = self._peek()
        if negated or sign not in _COMPARE:
            raise bad(self.text)
        self.at += 1
        return _compared(left, _COMPARE[sign], self._sum())

    def _in(self, left: Value, negated: bool) -> Condition:
        self._need("(")
        values = [self._sum()]
        while self._take(","):
            values.append(self._sum())
        self._need(")")
        among = {_typed(value, left.kind).literal for value in values}

        def test(row: Row) -> bool:
            value = normal(left.get(row), left.kind)
            return value is not None and (value in among) != negated

        return Condition(test, left.slots)

    def _like(self, left: Value, negated: bool) -> Condition:
        pattern = _like_pattern(str(self._sum().literal))

        def test(row: Row) -> bool:
            value = left.get(row)
            return value is not None and bool(pattern.fullmatch(str(value))) != negated

        return Condition(test, left.slots)

    def _sum(self) -> Value:
        value = self._product()
        while (sign := self._peek()) in ("+", "-"):
            self.at += 1
            value = _joined(value, _ARITHMETIC[sign], self._product())
        return value

    def _product(self) -> Value:
        value = self._operand()
        while (sign := self._peek()) in ("*", "/"):
            self.at += 1
            value = _joined(value, _ARITHMETIC[sign], self._operand())
        return value

    def _operand(self) -> Value:
        if self._take("-"):
            return _joined(_constant(Decimal(0), "number"), operator.sub, self._operand())
        if self._take("("):
            inner = self._sum()
            self._need(")")
            return inner
        if self.at >= len(self.tokens):
            raise bad(self.text)
        kind, text = self.tokens[self.at]
        self.at += 1
        match kind:
            case "text":
                return _constant(text.lstrip("nN")[1:-1].replace("''", "'"), "")
            case "ts":
                return _constant(text.split("'")[1], "")
            case "number":
                return _constant(Decimal(text), "number")
            case "name":
                return self.lookup(text)
        raise bad(self.text)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if not found or found.lastgroup is None:
            raise bad(text[at:])
        yield found.lastgroup, found[found.lastgroup]
        at = found.end()


def _slots(parts: list[Condition]) -> frozenset[int]:
    return frozenset().union(*(part.slots for part in parts))


def _constant(value: Any, kind: str) -> Value:
    return Value(lambda row: value, kind, literal=value)


def _joined(left: Value, how: Callable[[Any, Any], Any], right: Value) -> Value:
    left, right = _typed(left, "number"), _typed(right, "number")

    def get(row: Row) -> Any:
        a, b = left.get(row), right.get(row)
        return None if a is None or b is None or (how is operator.truediv and not b) else how(Decimal(a), Decimal(b))

    return Value(get, "number", left.slots | right.slots)


def _compared(left: Value, compare: Callable[[Any, Any], bool], right: Value) -> Condition:
    kind = left.kind if left.literal is None else right.kind
    left, right = _typed(left, kind), _typed(right, kind)
    get_left, get_right = left.get, right.get

    def test(row: Row) -> bool:
        a, b = normal(get_left(row), kind), normal(get_right(row), kind)
        return a is not None and b is not None and compare(a, b)

    return Condition(test, left.slots | right.slots)


def _typed(value: Value, kind: str) -> Value:
    """A literal as the kind it is compared with; anything else as it is."""
    if value.literal is None:
        return value
    literal = value.literal
    try:
        if kind == "number":
            literal = Decimal(str(literal).strip())
        elif kind == "bool":
            literal = truth(literal)
        elif kind in ("text", "time", ""):
            literal = normal(str(literal), kind or "text")
    except DecimalException:
        raise bad(f"{value.literal} 不是数值") from None
    return _constant(literal, kind)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip().replace("/", "-")).replace(tzinfo=None)
    except ValueError:
        raise bad(f"{text} 不是日期") from None


def _like_pattern(text: str) -> re.Pattern[str]:
    """% any text, _ any character, [abc] one of them, so that [%] is a per cent sign."""
    parts = []
    for part in re.findall(r"\[[^\]]+\]|.", text, re.DOTALL):
        if len(part) > 1:
            parts.append("[" + re.escape(part[1:-1]).replace(r"\-", "-").replace(r"\^", "^") + "]")
        else:
            parts.append({"%": ".*", "_": "."}.get(part, re.escape(part)))
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
