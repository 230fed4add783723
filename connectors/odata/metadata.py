"""What a service's own $metadata says: sets, keys, properties with their types, and where navigations lead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree

from connectors.odata import types as odata_types

SAP = "{http://www.sap.com/Protocols/SAPData}"


@dataclass(frozen=True, slots=True)
class Types:
    """How a version of OData writes a value of a type: in an address (not percent-encoded yet), and in a body."""

    literal: Callable[[str, str], str]
    to_wire: Callable[[str, Any], Any]


V2_TYPES = Types(odata_types.literal, odata_types.to_wire)


@dataclass(frozen=True, slots=True)
class Property:
    """`date_only`: an Edm.DateTime that is a calendar day. `upper`: kept in upper case, numbers zero-filled (codes)."""

    name: str
    type: str
    max_length: int | None = None
    date_only: bool = False
    upper: bool = False


@dataclass(frozen=True, slots=True)
class Navigation:
    name: str
    target: str
    many: bool


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity type and the set that holds it (`set` is empty when only a navigation leads to it)."""

    name: str
    set: str
    keys: tuple[str, ...]
    properties: dict[str, Property]
    navigations: dict[str, Navigation]
    types: Types = V2_TYPES


class Metadata:
    def __init__(self, entities: dict[str, Entity], sets: dict[str, str]) -> None:
        self._entities, self._sets = entities, sets

    def of_set(self, name: str) -> Entity | None:
        return self._entities.get(self._sets.get(name, ""))

    def target(self, navigation: Navigation) -> Entity:
        return self._entities[navigation.target]

    def paths(self, entity: Entity, depth: int = 3) -> Iterator[tuple[str, str]]:
        """Dotted paths below `entity` with types: `depth` navigations far, never back to a type passed on the way."""
        yield from self._paths(entity, "", (entity.name,), depth)

    def _paths(self, entity: Entity, prefix: str, passed: tuple[str, ...], depth: int) -> Iterator[tuple[str, str]]:
        for prop in entity.properties.values():
            yield prefix + prop.name, prop.type
        for nav in entity.navigations.values():
            if depth and nav.target not in passed and nav.target in self._entities:
                yield prefix + nav.name, "collection" if nav.many else "entity"
                below = f"{prefix}{nav.name}."
                yield from self._paths(self._entities[nav.target], below, (*passed, nav.target), depth - 1)


def schemas_of(text: bytes) -> list[etree._Element]:
    """The schemas of a metadata document; ValueError when it is none. Nothing outside of it is ever resolved."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        schemas = list(etree.fromstring(text, parser).iter("{*}Schema"))
    except etree.XMLSyntaxError as exc:
        raise ValueError(str(exc)) from None
    if not schemas:
        raise ValueError("no Schema element")
    return schemas


def sets_of(schemas: Iterable[etree._Element]) -> dict[str, str]:
    """The type of each entity set."""
    return {s.get("Name", ""): s.get("EntityType", "") for schema in schemas for s in schema.iter("{*}EntitySet")}


def keys_of(node: etree._Element) -> tuple[str, ...]:
    """The key of an entity type."""
    return tuple(ref.get("Name", "") for ref in node.iterfind("{*}Key/{*}PropertyRef"))


def length_of(node: etree._Element) -> int | None:
    """The most characters of a property; None where none are stated, or any number ("Max")."""
    length = node.get("MaxLength", "")
    return int(length) if length.isdigit() else None


def parse_metadata(text: bytes) -> Metadata:
    """Read an EDMX document; ValueError when it is none."""
    schemas = schemas_of(text)
    sets = sets_of(schemas)
    holders = {type_name: set_name for set_name, type_name in sets.items()}
    ends = _association_ends(schemas)
    found = [
        _entity(t, schema.get("Namespace", ""), holders, ends)
        for schema in schemas
        for t in schema.findall("{*}EntityType")
    ]
    return Metadata({entity.name: entity for entity in found}, sets)


def _association_ends(schemas: list[etree._Element]) -> dict[tuple[str, str], tuple[str, bool]]:
    """(association, role) → (entity type, whether many)."""
    ends = {}
    for schema in schemas:
        for association in schema.findall("{*}Association"):
            name = f"{schema.get('Namespace')}.{association.get('Name')}"
            for end in association.findall("{*}End"):
                ends[name, end.get("Role", "")] = (end.get("Type", ""), end.get("Multiplicity") == "*")
    return ends


def _entity(
    node: etree._Element, namespace: str, holders: dict[str, str], ends: dict[tuple[str, str], tuple[str, bool]]
) -> Entity:
    name = f"{namespace}.{node.get('Name')}"
    properties = {p.name: p for p in map(_property, node.findall("{*}Property"))}
    navigations = {}
    for nav in node.findall("{*}NavigationProperty"):
        target, many = ends.get((nav.get("Relationship", ""), nav.get("ToRole", "")), ("", False))
        navigations[nav.get("Name", "")] = Navigation(nav.get("Name", ""), target, many)
    return Entity(name, holders.get(name, ""), keys_of(node), properties, navigations)


def _property(node: etree._Element) -> Property:
    shown = node.get(f"{SAP}display-format", "")
    return Property(
        name=node.get("Name", ""),
        type=node.get("Type", ""),
        max_length=length_of(node),
        date_only=node.get("Type") == "Edm.DateTime" and shown == "Date",
        upper=shown == "UpperCase",
    )
