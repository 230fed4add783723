"""$filter: from its text to a function over rows."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.odata.backend import ReadRow
from sandbox.odata.compare import comparable, reader, sort_reader, sort_value
from sandbox.odata.errors import bad_expression, not_filterable, unknown_property, wrong_parameter_type
from sandbox.odata.literals import fits, parse_literal, strip_zeros
from sandbox.odata.metadata import EntitySet, Property

Test = Callable[[ReadRow], bool]
_TOKEN = re.compile(
    r"\s*(?:(?P<literal>(?:datetimeoffset|datetime|time|guid|binary|X)?'(?:[^']|'')*'|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?[mMdDfFlL]?(?![\w]))"
    r"|(?P<word>[A-Za-z_][\w/]*)|(?P<sign>[(),]))"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_SWAPPED = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
_FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "substringof": lambda value, part: part in value,
    "startswith": lambda value, part: value.startswith(part),
    "endswith": lambda value, part: value.endswith(part),
}


@dataclass(frozen=True)
class Grammar:
    """What one version of OData writes its own way: tokens (groups literal, word, sign), literals, functions.

    A function takes a property and a text; `text_first` are those that name the text before the property.
    """

    token: re.Pattern[str]
    literal: Callable[[str], tuple[str, Any]]
    functions: Mapping[str, Callable[[str, str], bool]]
    text_first: frozenset[str] = frozenset()
    parser: Callable[..., Parser] | None = None
    """Another one than Parser, for a version that has more or less."""


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    position: int


@dataclass(frozen=True)
class _Literal:
    kind: str
    value: Any


@dataclass(frozen=True)
class _Equals:
    """Kept apart until the whole is known: many of them joined by `or` become one set look-up."""

    prop: Property
    values: frozenset[Any]

    def __call__(self, row: ReadRow) -> bool:
        return reader(self.prop)(row) in self.values


V2 = Grammar(_TOKEN, parse_literal, _FUNCTIONS, frozenset(["substringof"]))


def compile_filter(text: str, entity_set: EntitySet, grammar: Grammar = V2) -> Test:
    """Raises ODataError 400 for a syntax error, an unknown or unfilterable property, a literal of the wrong type."""
    parser = (grammar.parser or Parser)(_tokens(text, grammar), entity_set, grammar)
    test = parser.disjunction()
    parser.expect_end()
    return finished(test)


def _tokens(text: str, grammar: Grammar) -> list[Token]:
    tokens, position = [], 0
    while position < len(text.rstrip()):
        found = grammar.token.match(text, position)
        if not found or not found.lastgroup:
            raise bad_expression(f"Invalid token '{text[position : position + 20].strip()}' at position {position}")
        tokens.append(Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup)))
        position = found.end()
    return tokens


class Parser:
    def __init__(self, tokens: list[Token], entity_set: EntitySet, grammar: Grammar) -> None:
        self._tokens = tokens
        self._grammar = grammar
        self._next = 0
        self._set = entity_set

    def disjunction(self) -> Test:
        tests = [self._conjunction()]
        while self._accept("or"):
            tests.append(self._conjunction())
        return _any_of(tests)

    def expect_end(self) -> None:
        if token := self._peek():
            raise bad_expression(f"Unexpected '{token.text}' at position {token.position}")

    def _conjunction(self) -> Test:
        tests = [self._negation()]
        while self._accept("and"):
            tests.append(self._negation())
        return tests[0] if len(tests) == 1 else _all_of([finished(test) for test in tests])

    def _negation(self) -> Test:
        if not self._accept("not"):
            return self._comparison()
        test = finished(self._negation())
        return lambda row: not test(row)

    def _comparison(self) -> Test:
        """A comparison, or a bracket, function or boolean property, which may be compared with true or false."""
        start = self._peek()
        if start is None:
            raise bad_expression("The filter expression ends too early")
        if start.text == "(" or self._is_call():
            return self._maybe_equals_bool(self._bracket() if start.text == "(" else self._call())
        left = self._operand()
        operation = self._peek()
        if operation is None or operation.text not in _COMPARE:
            return self._bare(left, start)
        self._next += 1
        return _comparison(left, operation, self._operand())

    def _bare(self, operand: Property | _Literal, start: Token) -> Test:
        if isinstance(operand, Property) and operand.edm == "Edm.Boolean":
            return _Equals(operand, frozenset([True]))
        raise bad_expression(f"A comparison is expected at position {start.position}")

    def _bracket(self) -> Test:
        self._take("(")
        test = self.disjunction()
        self._take(")")
        return test

    def _maybe_equals_bool(self, test: Test) -> Test:
        operation = self._peek()
        if operation is None or operation.text not in ("eq", "ne"):
            return test
        self._next += 1
        right = self._operand()
        if not isinstance(right, _Literal) or right.kind != "bool":
            raise wrong_parameter_type(operation.text, operation.position)
        wanted, inner = right.value == (operation.text == "eq"), finished(test)
        return lambda row: inner(row) is wanted

    def _call(self) -> Test:
        name = self._advance()
        if name.text not in self._grammar.functions:
            raise bad_expression(f"Function '{name.text}' is not supported at position {name.position}")
        self._take("(")
        first = self._operand()
        self._take(",")
        second = self._operand()
        self._take(")")
        part, prop = (first, second) if name.text in self._grammar.text_first else (second, first)
        if not isinstance(prop, Property) or not isinstance(part, _Literal) or not _texts(prop, part):
            raise wrong_parameter_type(name.text, name.position)
        read, function, value = reader(prop), self._grammar.functions[name.text], part.value
        return lambda row: function(read(row), value)

    def _operand(self) -> Property | _Literal:
        token = self._advance()
        if token.kind == "word" and token.text not in ("true", "false", "null"):
            return self._property(token.text)
        if token.kind == "sign":
            raise bad_expression(f"Unexpected '{token.text}' at position {token.position}")
        try:
            return _Literal(*self._grammar.literal(token.text))
        except ValueError as problem:
            raise bad_expression(f"Invalid literal {token.text} at position {token.position}: {problem}") from problem

    def _property(self, name: str) -> Property:
        prop = self._set.properties.get(name)
        if prop is None:
            raise unknown_property(name, self._set.type_name)
        if not prop.filterable:
            raise not_filterable(name)
        return prop

    def _is_call(self) -> bool:
        following = self._tokens[self._next + 1 : self._next + 2]
        return self._tokens[self._next].kind == "word" and bool(following) and following[0].text == "("

    def _peek(self) -> Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _advance(self) -> Token:
        token = self._peek()
        if token is None:
            raise bad_expression("The filter expression ends too early")
        self._next += 1
        return token

    def _accept(self, word: str) -> bool:
        token = self._peek()
        if token is None or token.kind != "word" or token.text != word:
            return False
        self._next += 1
        return True

    def _take(self, sign: str) -> None:
        token = self._advance()
        if token.text != sign:
            raise bad_expression(f"'{sign}' is expected at position {token.position}")


def _texts(prop: Property, part: _Literal) -> bool:
    return prop.edm == "Edm.String" and part.kind == "string"


def _comparison(left: Property | _Literal, operation: Token, right: Property | _Literal) -> Test:
    if isinstance(left, _Literal) and isinstance(right, Property):
        left, right, name = right, left, _SWAPPED.get(operation.text, operation.text)
    else:
        name = operation.text
    if not isinstance(left, Property) or not isinstance(right, _Literal) or not fits(left, right.kind):
        raise wrong_parameter_type(operation.text, operation.position)
    if name in ("eq", "ne"):
        equals = _Equals(left, _equal_values(left, right.value))
        return equals if name == "eq" else lambda row: not equals(row)
    return _ordered(left, name, right.value)


def _equal_values(prop: Property, value: Any) -> frozenset[Any]:
    """Every stored form that means this literal: null and initial are one for texts, upper case, stripped zeros."""
    if prop.edm == "Edm.String":
        text = strip_zeros(value) if prop.zero_filled and value else value or ""
        return frozenset([text, text.upper()] if prop.upper else [text])
    return frozenset([comparable(prop, value)])


def _ordered(prop: Property, name: str, value: Any) -> Test:
    """gt, ge, lt, le; zero-filled texts by their stored form; null is neither before nor after anything."""
    if value is None:
        return lambda row: False
    read, compare, wanted = sort_reader(prop), _COMPARE[name], sort_value(prop, value)

    def test(row: ReadRow) -> bool:
        current = read(row)
        return current is not None and compare(current, wanted)

    return test


def _any_of(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    if all(isinstance(t, _Equals) for t in tests):
        equals = [t for t in tests if isinstance(t, _Equals)]
        if len({t.prop.name for t in equals}) == 1:
            return _Equals(equals[0].prop, frozenset().union(*(t.values for t in equals)))
    ready = [finished(test) for test in tests]
    return lambda row: any(test(row) for test in ready)


def _all_of(tests: list[Test]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda row: first(row) and second(row)
    return lambda row: all(test(row) for test in tests)


def finished(test: Test) -> Test:
    """A closure without a detour for the commonest test."""
    if not isinstance(test, _Equals):
        return test
    read, values = reader(test.prop), test.values
    if len(values) == 1:
        (value,) = values
        return lambda row: bool(read(row) == value)
    return lambda row: read(row) in values
