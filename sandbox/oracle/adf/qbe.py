"""The q of framework version 1: query by example.

`A=1;B>=10 and <= 30;C!=NY;D LIKE '*x*'`: semicolons mean AND; after `and` or `or` comes another comparison of the same
attribute; a value may stand without quotes; `*` is a wildcard in an equality too; a backslash takes
a character as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.oracle.adf.conditions import Test, comparison, emptiness, likeness, pattern_of
from sandbox.oracle.adf.errors import AdfError
from sandbox.oracle.adf.model import Resource

_OPERATOR = re.compile(r"\s*(<=|>=|<>|!=|=|<|>|(?i:not\s+like|like)\b)\s*")
_NULL = re.compile(r"\s*(?i:is(\s+not)?\s+null)\s*")
_NAME = re.compile(r"\s*([A-Za-z_][\w.]*)")
_LINK = re.compile(r"\s+(?i:(and|or))\s+(?=[<>=!]|(?i:not\s+like\b|like\b))")


@dataclass
class _Value:
    text: str
    """With its escapes, for a pattern."""
    plain: str
    end: int


def parse(resource: Resource, query: str) -> list[Test]:
    """All of the tests must hold. Raises AdfError 400 for what the grammar does not have."""
    return [_expression(resource, part) for part in _split(query) if part.strip()]


def _expression(resource: Resource, text: str) -> Test:
    name = _NAME.match(text)
    if name is None:
        raise _wrong(text)
    if null := _NULL.fullmatch(text, name.end()):
        empty = emptiness(resource, name[1])
        return (lambda document: not empty(document)) if null[1] else empty
    any_of: list[list[Test]] = [[]]
    for link, test in _tests(resource, name[1], text, name.end()):
        if link == "or":
            any_of.append([])
        any_of[-1].append(test)
    return lambda document: any(all(test(document) for test in tests) for tests in any_of)


def _tests(resource: Resource, name: str, text: str, at: int) -> Iterator[tuple[str, Test]]:
    link = ""
    while True:
        operator = _OPERATOR.match(text, at)
        if operator is None:
            raise _wrong(text)
        value = _value(text, operator.end())
        yield link, _test(resource, name, " ".join(operator[1].lower().split()), value)
        rest = _LINK.match(text, value.end)
        if rest is None:
            if text[value.end :].strip():
                raise _wrong(text)
            return
        link, at = rest[1].lower(), rest.end()


def _test(resource: Resource, name: str, operator: str, value: _Value) -> Test:
    is_pattern = bool(re.search(r"(?<!\\)[*%]", value.text))
    if operator.endswith("like") or (is_pattern and operator in ("=", "!=", "<>")):
        test = likeness(resource, name, pattern_of(value.text, "*%"))
        empty = emptiness(resource, name)
        return test if operator in ("like", "=") else lambda document: not empty(document) and not test(document)
    return comparison(resource, name, operator, value.plain)


def _value(text: str, at: int) -> _Value:
    if at < len(text) and text[at] in "'\"":
        return _quoted(text, at)
    link = _LINK.search(text, at)
    end = link.start() if link else len(text)
    raw = text[at:end].strip()
    if not raw or raw[0] in "<>=":
        raise _wrong(text)
    return _Value(raw, re.sub(r"\\(.)", r"\1", raw), end)


def _quoted(text: str, at: int) -> _Value:
    quote, shown, plain, n = text[at], "", "", at + 1
    while n < len(text):
        if text[n] == "\\" and n + 1 < len(text):
            shown, plain, n = shown + text[n : n + 2], plain + text[n + 1], n + 2
        elif text[n] == quote and text[n + 1 : n + 2] == quote:
            shown, plain, n = shown + quote, plain + quote, n + 2
        elif text[n] == quote:
            return _Value(shown, plain, n + 1)
        else:
            shown, plain, n = shown + text[n], plain + text[n], n + 1
    raise _wrong(text)


def _split(query: str) -> Iterator[str]:
    """At semicolons outside quotes."""
    part, quote, n = "", "", 0
    while n < len(query):
        letter = query[n]
        if letter == "\\":
            part, n = part + query[n : n + 2], n + 2
            continue
        if letter == ";" and not quote:
            yield part
            part = ""
        else:
            part += letter
            if letter == quote:
                quote = ""
            elif letter in "'\"" and not quote and re.search(r"([<>=]|like)\s*$", part[:-1], re.I):
                quote = letter
        n += 1
    yield part


def _wrong(text: str) -> AdfError:
    return AdfError(400, f"URL request parameter q is not valid: {text.strip()}", "27520")
