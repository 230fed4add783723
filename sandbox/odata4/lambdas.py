"""Filters of V4 with any and all: tests over what a navigation leads to.

SAP's services say in their metadata what a filter may hold (Capabilities.FilterFunctions): these two, and no `not`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

from sandbox.odata.backend import Backend, ReadRow
from sandbox.odata.errors import bad_expression, not_filterable, unknown_property
from sandbox.odata.filters import Grammar, Parser, Test, Token, finished
from sandbox.odata.metadata import EntitySet, Property, Service
from sandbox.odata4.literals import V4


def grammar(service: Service, backend: Backend) -> Grammar:
    """V4's, for the rows of this service."""
    return replace(V4, parser=partial(_LambdaParser, service=service, backend=backend))


class _LambdaParser(Parser):
    """Inside a lambda every path begins with its variable."""

    def __init__(
        self,
        tokens: list[Token],
        entity_set: EntitySet,
        grammar: Grammar,
        *,
        service: Service,
        backend: Backend,
        variable: str = "",
    ) -> None:
        super().__init__(tokens, entity_set, grammar)
        self._service, self._backend, self._variable = service, backend, variable

    def _negation(self) -> Test:
        token = self._peek()
        if token and token.text == "not":
            raise bad_expression(f"Operator 'not' is not supported at position {token.position}")
        return self._comparison()

    def _property(self, name: str) -> Property:
        return super()._property(self._local(name))

    def _local(self, path: str) -> str:
        start = f"{self._variable}/" if self._variable else ""
        if not path.startswith(start):
            raise unknown_property(path, self._set.type_name)
        return path.removeprefix(start)

    def _call(self) -> Test:
        token = self._peek()
        if token is None or not token.text.endswith(("/any", "/all")):
            return super()._call()
        self._next += 1
        name, _, quantifier = self._local(token.text).rpartition("/")
        target, members = self._members(name)
        self._take("(")
        if quantifier == "any" and self._closes():
            return lambda row: bool(members(row))
        test = self._body(target)
        self._take(")")
        every = all if quantifier == "all" else any
        return lambda row: every(test(member) for member in members(row))

    def _closes(self) -> bool:
        token = self._peek()
        if token is None or token.text != ")":
            return False
        self._next += 1
        return True

    def _body(self, target: EntitySet) -> Test:
        variable = self._advance()
        if variable.kind != "word" or not variable.text.isidentifier():
            raise bad_expression(f"A variable is expected at position {variable.position}")
        self._take(":")
        more: dict[str, Any] = {"service": self._service, "backend": self._backend, "variable": variable.text}
        inner = _LambdaParser(self._tokens, target, self._grammar, **more)
        inner._next = self._next
        test = finished(inner.disjunction())
        self._next = inner._next
        return test

    def _members(self, name: str) -> tuple[EntitySet, Callable[[ReadRow], Sequence[ReadRow]]]:
        """The set that a navigation leads to, and how to get there from a row."""
        nav, source = self._set.navigations.get(name), self._set.name
        if nav is None or not nav.many:
            raise unknown_property(name, self._set.type_name)
        if not nav.filterable:
            raise not_filterable(name)
        navigate = self._backend.navigate
        return self._service.sets[nav.target], lambda row: cast(Sequence[ReadRow], navigate(source, row, name) or [])
