"""$select and $expand of V4, nested with their options, and rows written by them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sandbox.odata.backend import Backend, ReadRow
from sandbox.odata.errors import bad_expression, bad_request, unknown_property
from sandbox.odata.literals import initial
from sandbox.odata.metadata import EntitySet, Service
from sandbox.odata.query import Query, search, whole
from sandbox.odata4.lambdas import grammar
from sandbox.odata4.literals import json_writer

Rendered = dict[str, Any]
Etag = Callable[[EntitySet, ReadRow], str | None]
_INNER = {"$select", "$expand", "$filter", "$orderby", "$top", "$skip"}


@dataclass
class Shape:
    """What one level of $select and $expand asks for; no select means everything."""

    selected: set[str] | None = None
    children: dict[str, Shape] = field(default_factory=dict)
    query: Query | None = None
    """Which lines of an expanded navigation."""


def parse_shape(service: Service, entity_set: EntitySet, select: str | None, expand: str | None) -> Shape:
    """ODataError 400 for a name the set does not have."""
    shape = Shape()
    for name in _split(select, ","):
        if name != "*" and name not in entity_set.properties and name not in entity_set.navigations:
            raise unknown_property(name, entity_set.type_name)
        shape.selected = (shape.selected or set()) | {name}
    for item in _split(expand, ","):
        name, options = _expand_item(item)
        nav = entity_set.navigations.get(name)
        if nav is None:
            raise bad_request(f"Invalid navigation property '{name}' in $expand of '{entity_set.type_name}'")
        child = parse_shape(service, service.sets[nav.target], options.get("$select"), options.get("$expand"))
        child.query = _query(options)
        shape.children[name] = child
    return shape


def _expand_item(item: str) -> tuple[str, dict[str, str]]:
    found = re.fullmatch(r"(\w+)(?:\((.*)\))?", item, re.DOTALL)
    if not found:
        raise bad_expression(f"Invalid $expand item '{item}'")
    options = dict(part.partition("=")[::2] for part in _split(found[2], ";"))
    if stray := options.keys() - _INNER:
        raise bad_request(f"System query option '{min(stray)}' is not supported in $expand")
    return found[1], options


def _query(options: dict[str, str]) -> Query | None:
    if not options.keys() & {"$filter", "$orderby", "$top", "$skip"}:
        return None
    return Query(
        options.get("$filter"), options.get("$orderby"), whole(options, "$top"), whole(options, "$skip") or 0,
        False, None,
    )  # fmt: skip


def _split(text: str | None, by: str) -> Iterator[str]:
    """Parts between separators that stand in no bracket and no quotes."""
    depth, quoted, part = 0, False, ""
    for sign in text or "":
        quoted ^= sign == "'"
        depth += 0 if quoted else (sign == "(") - (sign == ")")
        if sign == by and not depth and not quoted:
            yield part.strip()
            part = ""
        else:
            part += sign
    if part.strip():
        yield part.strip()


class Renderer:
    """Writes rows of one set in one shape."""

    def __init__(
        self, backend: Backend, service: Service, etag: Etag, *, exact: bool, rename: dict[str, str] | None = None
    ) -> None:
        self._backend, self._service, self._etag = backend, service, etag
        self._exact, self._rename = exact, rename or {}
        self._grammar = grammar(service, backend)

    def entity(self, entity_set: EntitySet, shape: Shape) -> Callable[[ReadRow], Rendered]:
        wanted = [
            (self._shown(prop.name), prop.name, initial(prop), json_writer(prop, exact=self._exact))
            for prop in entity_set.properties.values()
            if shape.selected is None or {"*", prop.name} & shape.selected
        ]
        expanded = [(self._shown(name), self._expansion(entity_set, name, shape.children[name]))
                    for name in entity_set.navigations if name in shape.children]  # fmt: skip
        etag = self._etag

        def render(row: ReadRow) -> Rendered:
            version = etag(entity_set, row)
            out: Rendered = {"@odata.etag": version} if version else {}
            for shown, name, blank, write in wanted:
                value = row.get(name, blank)
                out[shown] = value if write is None or value is None else write(value)
            for shown, read in expanded:
                out[shown] = read(row)
            return out

        return render

    def _shown(self, name: str) -> str:
        return self._rename.get(name, name)

    def _expansion(self, entity_set: EntitySet, name: str, shape: Shape) -> Callable[[ReadRow], Any]:
        nav = entity_set.navigations[name]
        target = self._service.sets[nav.target]
        render, navigate, source = self.entity(target, shape), self._backend.navigate, entity_set.name
        if nav.many:
            return lambda row: [render(r) for r in self._lines(shape, target, navigate(source, row, name))]
        return lambda row: render(cast(ReadRow, found)) if (found := navigate(source, row, name)) is not None else None

    def _lines(self, shape: Shape, target: EntitySet, rows: Any) -> Sequence[ReadRow]:
        if shape.query is None:
            return cast(Sequence[ReadRow], rows or [])
        found = search(shape.query, target, rows or [], self._grammar)
        end = None if shape.query.top is None else shape.query.skip + shape.query.top
        return found[shape.query.skip : end]
