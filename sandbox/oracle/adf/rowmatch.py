"""The q of framework versions from 2 on: a row match expression.

`A = 'x' and (B > 5 or C like 'SA*') and D in (1, 2) and E between 1 and 9 and F is not null and upper(G) = 'X'`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sandbox.oracle.adf.conditions import OPERATORS, Test, comparison, emptiness, likeness, pattern_of
from sandbox.oracle.adf.errors import AdfError
from sandbox.oracle.adf.model import Resource

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>'(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|""|\\.)*")|(?P<number>[-+]?\d[\w.:+-]*)"""
    r"""|(?P<operator><=|>=|<>|!=|=|<|>)|(?P<mark>[(),])|(?P<word>[A-Za-z_][\w.]*))"""
)
Token = tuple[str, str]
_END: Token = ("end", "")


def parse(resource: Resource, query: str) -> list[Test]:
    """Raises AdfError 400 for what the grammar does not have, such as the semicolons of version 1."""
    return [_Parser(resource, query).whole()]


class _Parser:
    def __init__(self, resource: Resource, query: str) -> None:
        self.resource, self.query = resource, query
        self.tokens = _tokens(query)
        self.at = 0

    def whole(self) -> Test:
        test = self._either()
        if self._next() != _END:
            raise self._wrong()
        return test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._word("or"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda document: any(test(document) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._word("and"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda document: all(test(document) for test in tests)

    def _one(self) -> Test:
        if self._word("not"):
            return _negated(self._one())
        if self._mark("("):
            test = self._either()
            self._expect(")")
            return test
        return self._predicate(*self._attribute())

    def _attribute(self) -> tuple[Resource, str]:
        """The attribute, and the resource with its column in upper case where the query asks for that."""
        kind, name = self._next()
        if kind != "word":
            raise self._wrong()
        if name.lower() not in ("upper", "lower") or not self._mark("("):
            return self.resource, name
        change = str.upper if name.lower() == "upper" else str.lower
        _, inner = self._next()
        self._expect(")")
        return _changed(self.resource, inner, change), inner

    def _predicate(self, resource: Resource, name: str) -> Test:
        if self._word("is"):
            negated = self._word("not")
            if not self._word("null"):
                raise self._wrong()
            test = emptiness(resource, name)
            return _negated(test) if negated else test
        if self._word("not"):
            empty, test = emptiness(resource, name), self._set_or_pattern(resource, name)
            return lambda document: not empty(document) and not test(document)
        kind, operator = self._peek()
        if kind == "operator" and operator in OPERATORS:
            self._next()
            return comparison(resource, name, operator, self._literal())
        return self._set_or_pattern(resource, name)

    def _set_or_pattern(self, resource: Resource, name: str) -> Test:
        if self._word("like"):
            return likeness(resource, name, pattern_of(self._literal(raw=True), "*%"))
        if self._word("in"):
            tests = [comparison(resource, name, "=", literal) for literal in self._list()]
            return lambda document: any(test(document) for test in tests)
        if self._word("between"):
            low = comparison(resource, name, ">=", self._literal())
            if not self._word("and"):
                raise self._wrong()
            high = comparison(resource, name, "<=", self._literal())
            return lambda document: low(document) and high(document)
        raise self._wrong()

    def _list(self) -> list[str]:
        self._expect("(")
        literals = [self._literal()]
        while self._mark(","):
            literals.append(self._literal())
        self._expect(")")
        return literals

    def _literal(self, *, raw: bool = False) -> str:
        """`raw` keeps the escapes, which a pattern needs."""
        kind, text = self._next()
        if kind == "string":
            inner = text[1:-1].replace(text[0] * 2, text[0])
            return inner if raw else re.sub(r"\\(.)", r"\1", inner)
        if kind == "number" or (kind == "word" and text.lower() in ("true", "false")):
            return text
        raise self._wrong()

    # -- tokens ----------------------------------------------------------------------------------------------------

    def _peek(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else _END

    def _next(self) -> Token:
        token = self._peek()
        self.at += 1
        return token

    def _word(self, word: str) -> bool:
        return self._take(("word", word), lambda token: (token[0], token[1].lower()))

    def _mark(self, mark: str) -> bool:
        return self._take(("mark", mark), lambda token: token)

    def _take(self, wanted: Token, of: Callable[[Token], Token]) -> bool:
        if of(self._peek()) != wanted:
            return False
        self.at += 1
        return True

    def _expect(self, mark: str) -> None:
        if not self._mark(mark):
            raise self._wrong()

    def _wrong(self) -> AdfError:
        return _wrong(self.query)


def _tokens(query: str) -> list[Token]:
    tokens, at = [], 0
    while query[at:].strip():
        found = _TOKEN.match(query, at)
        if found is None:
            raise _wrong(query)
        tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
        at = found.end()
    return tokens


def _changed(resource: Resource, name: str, change: Callable[[str], str]) -> Resource:
    column = resource.columns.get(name)
    if column is None:
        return resource

    def changed(document: Any) -> Any:
        value = column(document)
        return change(value) if isinstance(value, str) else value

    return replace(resource, columns={**resource.columns, name: changed})


def _negated(test: Test) -> Test:
    return lambda document: not test(document)


def _wrong(query: str) -> AdfError:
    return AdfError(400, f"URL request parameter q is not valid: {query}", "27520")
