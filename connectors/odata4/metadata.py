"""What a V4 service's own $metadata says, in the form that V2's is read into."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from connectors.odata.metadata import Entity, Metadata, Navigation, Property, keys_of, length_of, schemas_of, sets_of
from connectors.odata4.types import V4_TYPES

UPPER = ("IsUpperCase", "IsDigitSequence")
"""Terms (of com.sap.vocabularies.Common, whatever its alias) of texts that are kept in upper case or zero-filled."""


def parse_metadata(text: bytes) -> Metadata:
    """Read a CSDL document; ValueError when it is none."""
    schemas = schemas_of(text)
    names = _Names(schemas)
    sets = {name: names.full(kind) for name, kind in sets_of(schemas).items()}
    holders = {type_name: set_name for set_name, type_name in sets.items()}
    upper = set(_upper(schemas, names))
    entities = {}
    for schema in schemas:
        for node in schema.findall("{*}EntityType"):
            name = f"{schema.get('Namespace')}.{node.get('Name')}"
            entities[name] = _entity(node, name, holders.get(name, ""), names, upper)
    return Metadata(entities, sets)


class _Names:
    """Names of types, which may begin with a schema's alias in place of its namespace."""

    def __init__(self, schemas: list[etree._Element]) -> None:
        self._spaces = {s.get("Alias", ""): s.get("Namespace", "") for s in schemas if s.get("Alias")}

    def full(self, name: str) -> str:
        space, _, last = name.rpartition(".")
        return f"{self._spaces.get(space, space)}.{last}"


def _upper(schemas: list[etree._Element], names: _Names) -> Iterator[str]:
    """`type/property` of texts that are kept in upper case; annotations stand inside the property or apart."""
    for schema in schemas:
        for node in schema.iter("{*}Annotations"):
            owner, _, member = node.get("Target", "").partition("/")
            if member and _has(node):
                yield f"{names.full(owner)}/{member}"


def _has(node: etree._Element) -> bool:
    terms = [annotation.get("Term", "").rpartition(".")[2] for annotation in node.findall("{*}Annotation")]
    return any(term in UPPER for term in terms)


def _entity(node: etree._Element, name: str, held_by: str, names: _Names, upper: set[str]) -> Entity:
    found = [_property(p, f"{name}/{p.get('Name')}" in upper) for p in node.findall("{*}Property")]
    properties = {p.name: p for p in found if p.type.startswith("Edm.")}
    navigations = {n.name: n for n in (_navigation(one, names) for one in node.findall("{*}NavigationProperty"))}
    return Entity(name, held_by, keys_of(node), properties, navigations, V4_TYPES)


def _navigation(node: etree._Element, names: _Names) -> Navigation:
    kind = node.get("Type", "")
    many = kind.startswith("Collection(")
    return Navigation(node.get("Name", ""), names.full(kind[len("Collection(") : -1] if many else kind), many)


def _property(node: etree._Element, upper: bool) -> Property:
    kind = node.get("Type", "")
    return Property(
        name=node.get("Name", ""),
        type=kind,
        max_length=length_of(node),
        date_only=kind == "Edm.Date",
        upper=upper or _has(node),
    )
