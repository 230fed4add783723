"""Resource paths: which set, which entity, which navigation, and what of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

from sandbox.odata.backend import Backend, ReadRow, Row
from sandbox.odata.errors import bad_request, invalid_value, key_not_found, not_implemented, segment_not_found
from sandbox.odata.literals import fits, parse_literal, shown
from sandbox.odata.metadata import EntitySet, Navigation, Service

_SEGMENT = re.compile(r"([A-Za-z_]\w*)(?:\((.*)\))?", re.DOTALL)
_PREDICATE = re.compile(r"\s*(?:([A-Za-z_]\w*)\s*=)?\s*((?:[a-zA-Z]+)?'(?:[^']|'')*'|[^,'()]+)\s*(?:,|$)")


@dataclass
class Resource:
    """A collection (row is None), an entity (row is given), or a missing to-one (`absent`); tail is what follows."""

    entity_set: EntitySet
    rows: Callable[[], Sequence[ReadRow]]
    row: ReadRow | None = None
    absent: bool = False
    parent: tuple[EntitySet, ReadRow, Navigation] | None = None
    tail: list[str] = field(default_factory=list)

    @property
    def is_collection(self) -> bool:
        return self.row is None and not self.absent


def resolve(service: Service, backend: Backend, segments: list[str]) -> Resource:
    """ODataError 404 for an unknown segment or key, 400 for a malformed key."""
    name, predicate = _split(segments[0])
    entity_set = service.sets.get(name)
    if entity_set is None:
        raise segment_not_found(name)
    resource = Resource(entity_set, lambda: backend.rows(name))
    if predicate is not None:
        _pick(resource, predicate, lambda key: backend.get(name, key))
    for position, segment in enumerate(segments[1:], start=1):
        if _is_tail(resource, segment):
            resource.tail = segments[position:]
            return resource
        resource = _navigate(service, backend, resource, segment)
    return resource


def check_addressable(resource: Resource) -> None:
    """Some sets are reached only by navigation or by key."""
    if resource.parent is None and resource.is_collection and not resource.entity_set.allows("addressable"):
        name = resource.entity_set.name.upper()
        raise not_implemented(f"Method '{name}_GET_ENTITYSET' not implemented in data provider class")


def parse_key(entity_set: EntitySet, predicate: str) -> Row:
    """`'1'` or `SalesOrder='1',SalesOrderItem='10'`; numeric values come back without leading zeros."""
    parts = _predicates(predicate)
    names = [key.name for key in entity_set.keys]
    if len(parts) == 1 and parts[0][0] == "" and len(names) == 1:
        parts = [(names[0], parts[0][1])]
    if sorted(name for name, _ in parts) != sorted(names):
        raise bad_request(
            f"Invalid key predicate ({predicate}): the key of '{entity_set.type_name}' is {', '.join(names)}"
        )
    return {name: _key_value(entity_set, name, literal) for name, literal in parts}


def _predicates(predicate: str) -> list[tuple[str, str]]:
    parts, position = [], 0
    while position < len(predicate):
        found = _PREDICATE.match(predicate, position)
        if not found:
            raise bad_request(f"Invalid key predicate ({predicate})")
        parts.append((found[1] or "", found[2].strip()))
        position = found.end()
    return parts


def _key_value(entity_set: EntitySet, name: str, literal: str) -> object:
    prop = entity_set.properties[name]
    try:
        kind, value = parse_literal(literal)
    except ValueError as problem:
        raise invalid_value(name, literal, str(problem)) from problem
    if not fits(prop, kind) or value is None:
        raise invalid_value(name, literal, f"a literal of type {prop.edm} is expected")
    return value.date() if prop.is_date else shown(prop, value)


def _split(segment: str) -> tuple[str, str | None]:
    found = _SEGMENT.fullmatch(segment)
    if not found:
        raise segment_not_found(segment)
    return found[1], found[2]


def _is_tail(resource: Resource, segment: str) -> bool:
    if segment in ("$count", "$value", "$links"):
        return True
    return not resource.is_collection and segment in resource.entity_set.properties


def _navigate(service: Service, backend: Backend, resource: Resource, segment: str) -> Resource:
    name, predicate = _split(segment)
    nav = resource.entity_set.navigations.get(name)
    if nav is None or resource.row is None:
        raise segment_not_found(name)
    source, row = resource.entity_set, resource.row
    target = service.sets[nav.target]
    reached = Resource(target, lambda: cast(Sequence[ReadRow], backend.navigate(source.name, row, name)))
    reached.parent = (source, row, nav)
    if not nav.many:
        reached.row = cast("ReadRow | None", backend.navigate(source.name, row, name))
        reached.absent = reached.row is None
    elif predicate is not None:
        _pick(reached, predicate, lambda key: _member(reached.rows(), key))
    return reached


def _pick(resource: Resource, predicate: str, get: Callable[[Row], ReadRow | None]) -> None:
    resource.row = get(parse_key(resource.entity_set, predicate))
    if resource.row is None:
        raise key_not_found(resource.entity_set.type_name)


def _member(rows: Sequence[ReadRow], key: Row) -> ReadRow | None:
    return next((row for row in rows if all(row.get(name) == value for name, value in key.items())), None)
