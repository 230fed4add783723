"""$select and $expand: which properties of which row are written, as JSON V2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast
from urllib.parse import quote

from sandbox.odata.backend import Backend, ReadRow
from sandbox.odata.errors import bad_request, unknown_property
from sandbox.odata.etags import etag_text
from sandbox.odata.json_values import json_writer
from sandbox.odata.literals import initial, uri_literal
from sandbox.odata.metadata import EntitySet, Property, Service

Rendered = dict[str, Any]


@dataclass
class Shape:
    """What one level of $select and $expand asks for; no select means everything."""

    selected: set[str] | None = None
    children: dict[str, Shape] = field(default_factory=dict)


def parse_shape(service: Service, entity_set: EntitySet, select: str | None, expand: str | None) -> Shape:
    """ODataError 400 for a name the set does not have."""
    shape = Shape()
    for path in _paths(expand):
        _expand(service, entity_set, shape, path)
    for path in _paths(select):
        _select(service, entity_set, shape, path)
    return shape


def _paths(text: str | None) -> list[list[str]]:
    return [part.strip().split("/") for part in text.split(",") if part.strip()] if text else []


def _expand(service: Service, entity_set: EntitySet, shape: Shape, path: list[str]) -> None:
    name, *rest = path
    nav = entity_set.navigations.get(name)
    if nav is None:
        raise bad_request(f"Invalid navigation property '{name}' in $expand of '{entity_set.type_name}'")
    child = shape.children.setdefault(name, Shape())
    if rest:
        _expand(service, service.sets[nav.target], child, rest)


def _select(service: Service, entity_set: EntitySet, shape: Shape, path: list[str]) -> None:
    name, *rest = path
    if shape.selected is None:
        shape.selected = set()
    if nav := entity_set.navigations.get(name):
        shape.selected.add(name)
        if rest and name in shape.children:
            _select(service, service.sets[nav.target], shape.children[name], rest)
        return
    if name != "*" and name not in entity_set.properties:
        raise unknown_property(name, entity_set.type_name)
    shape.selected.add(name)


class Renderer:
    """Writes rows of one set in one shape. Made once a request, so that a row costs a loop over ready columns."""

    def __init__(self, backend: Backend, service: Service, root: str, rename: dict[str, str] | None = None) -> None:
        """root: absolute address of the service, without a slash at the end."""
        self._backend = backend
        self._service = service
        self._root = root
        self._rename = rename or {}

    def entity(self, entity_set: EntitySet, shape: Shape) -> Callable[[ReadRow], Rendered]:
        wanted = [prop for prop in entity_set.properties.values() if is_wanted(shape, prop)]
        columns = [("__metadata", "", None), *(self._column(prop) for prop in wanted)]
        written = [(self._shown(prop.name), write) for prop in wanted if (write := json_writer(prop))]
        expanded, deferred = self._navigations(entity_set, shape)
        metadata = self._metadata(entity_set)

        def render(row: ReadRow) -> Rendered:
            get = row.get
            out: Rendered = {shown: get(name, blank) for shown, name, blank in columns}
            out["__metadata"] = head = metadata(row)
            for shown, write in written:
                if (value := out[shown]) is not None:
                    out[shown] = write(value)
            for shown, read in expanded:
                out[shown] = read(row)
            for shown, name in deferred:
                out[shown] = {"__deferred": {"uri": f"{head['uri']}/{name}"}}
            return out

        return render

    def uri(self, entity_set: EntitySet) -> Callable[[ReadRow], str]:
        start = f"{self._root}/{entity_set.name}("
        if len(entity_set.keys) == 1 and entity_set.keys[0].edm == "Edm.String":
            name = entity_set.keys[0].name
            return lambda row: f"{start}'{_plain(row[name])}')"
        keys = entity_set.keys
        if len(keys) == 2 and all(key.edm == "Edm.String" for key in keys):
            first, second = (key.name for key in keys)
            return lambda row: f"{start}{first}='{_plain(row[first])}',{second}='{_plain(row[second])}')"
        return lambda row: start + ",".join(f"{key.name}={uri_literal(key, row[key.name])}" for key in keys) + ")"

    def _column(self, prop: Property) -> tuple[str, str, Any]:
        return self._shown(prop.name), prop.name, initial(prop)

    def _shown(self, name: str) -> str:
        return self._rename.get(name, name)

    def _navigations(
        self, entity_set: EntitySet, shape: Shape
    ) -> tuple[list[tuple[str, Callable[[ReadRow], Any]]], list[tuple[str, str]]]:
        expanded, deferred = [], []
        for nav in entity_set.navigations.values():
            if shape.selected is not None and nav.name not in shape.selected:
                continue
            shown = self._shown(nav.name)
            if nav.name in shape.children:
                expanded.append((shown, self._expansion(entity_set, nav.name, shape.children[nav.name])))
            else:
                deferred.append((shown, nav.name))
        return expanded, deferred

    def _expansion(self, entity_set: EntitySet, name: str, shape: Shape) -> Callable[[ReadRow], Any]:
        nav = entity_set.navigations[name]
        render = self.entity(self._service.sets[nav.target], shape)
        navigate, source = self._backend.navigate, entity_set.name
        if nav.many:
            return lambda row: {"results": [render(r) for r in cast(Sequence[ReadRow], navigate(source, row, name))]}
        return lambda row: render(cast(ReadRow, found)) if (found := navigate(source, row, name)) is not None else None

    def _metadata(self, entity_set: EntitySet) -> Callable[[ReadRow], Rendered]:
        uri, kind = self.uri(entity_set), f"{self._service.name}.{entity_set.type_name}"
        if entity_set.version is None:
            return lambda row: {"id": (at := uri(row)), "uri": at, "type": kind}
        etag, name = self._backend.etag, entity_set.name

        def metadata(row: ReadRow) -> Rendered:
            at = uri(row)
            head = {"id": at, "uri": at, "type": kind}
            if (version := etag(name, row)) is not None:
                head["etag"] = etag_text(version)
            return head

        return metadata


def is_wanted(shape: Shape, prop: Property) -> bool:
    return shape.selected is None or "*" in shape.selected or prop.name in shape.selected


@lru_cache(maxsize=50_000)
def _plain(text: str) -> str:
    """A key value inside the quotes of a URI."""
    return text if text.isalnum() and text.isascii() else quote(text.replace("'", "''"), safe="'")
