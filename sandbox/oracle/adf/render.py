"""Documents as JSON: values, children, links and the change indicator."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import msgspec

from sandbox.oracle.adf.model import Resource, Row, Value, View
from sandbox.oracle.adf.query import MOST, Selection

COLLECTION_OBJECTS_SINCE = 3
encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True)
class Place:
    """Where a document or collection is found: its URL, and where the same document stands by itself."""

    href: str
    canonical: str

    def item(self, key: str) -> Place:
        part = quote(key, safe=":")
        return Place(f"{self.href}/{part}", f"{self.canonical}/{part}")

    def child(self, accessor: str) -> Place:
        return Place(f"{self.href}/child/{accessor}", f"{self.canonical}/child/{accessor}")


@dataclass(frozen=True)
class Renderer:
    version: int
    view: View
    links: frozenset[str] | None
    rename: dict[str, str]

    def collection(
        self, resource: Resource, documents: Sequence[Any], selection: Selection, place: Place, page: Row
    ) -> Row:
        """`page` holds limit, offset, hasMore and perhaps totalResults."""
        items = [self.item(resource, document, selection, place) for document in documents]
        return {
            **({"totalResults": page["totalResults"]} if "totalResults" in page else {}),
            "items": items, "count": len(items), "hasMore": page["hasMore"],
            "limit": page["limit"], "offset": page["offset"],
            "links": [{"rel": "self", "href": place.href, "name": resource.name, "kind": "collection"}],
        }  # fmt: skip

    def item(self, resource: Resource, document: Any, selection: Selection, place: Place) -> Row:
        """`place` is the collection's."""
        row = self.values(resource, document, selection.attributes)
        here = place.item(resource.path_of(document))
        for accessor, chosen in selection.children.items():
            row[accessor] = self._children(resource.children[accessor], document, chosen, here.child(accessor))
        if self.links is None or self.links:
            row["links"] = self._links(resource, document, here)
        return row

    def values(self, resource: Resource, document: Any, chosen: Sequence[str] | None) -> Row:
        """All attributes, or those chosen, in the resource's order or the one asked for."""
        get = resource.row(document, chosen).get
        row = {name: shown(get(name)) for name in (resource.attributes if chosen is None else chosen)}
        return {self.rename.get(name, name): value for name, value in row.items()} if self.rename else row

    def _children(self, resource: Resource, document: Any, selection: Selection, place: Place) -> list[Row] | Row:
        rows = list(resource.rows(self.view, document))
        if self.version < COLLECTION_OBJECTS_SINCE:
            return [self.item(resource, row, selection, place) for row in rows]
        page = {"hasMore": len(rows) > MOST, "limit": MOST, "offset": 0}
        return self.collection(resource, rows[:MOST], selection, place, page)

    def _links(self, resource: Resource, document: Any, here: Place) -> list[Row]:
        own: Row = {"rel": "self", "href": here.href, "name": resource.name, "kind": "item"}
        if resource.versioned:
            own = {**own, "properties": {"changeIndicator": indicator(resource, document)}}
        canonical = {"rel": "canonical", "href": here.canonical, "name": resource.name, "kind": "item"}
        children = [
            {"rel": "child", "href": f"{here.href}/child/{name}", "name": name, "kind": "collection"}
            for name in resource.children
        ]
        actions = [
            {"rel": "action", "href": f"{here.href}/action/{name}", "name": name, "kind": "other"}
            for name in resource.actions
        ]
        every: list[Row] = [own, canonical, *children, *actions]
        return [link for link in every if self.links is None or link["rel"] in self.links]


def indicator(resource: Resource, document: Any) -> str:
    """Another text whenever an attribute of the document itself has changed; its children may change without."""
    values = repr(sorted(resource.row(document).items()))
    return "ACED0005" + hashlib.blake2b(values.encode(), digest_size=20).hexdigest().upper()


def shown(value: Value) -> Any:
    """Numbers without trailing zeros, as the database keeps them; timestamps in milliseconds with their offset."""
    if isinstance(value, Decimal):
        return _plain(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    return value


def _plain(value: Decimal) -> Decimal | int:
    short = value.normalize()
    if short.as_tuple().exponent >= 0:  # type: ignore[operator]  # no NaN or infinity in the books
        return int(short)
    return Decimal(f"{short:f}")
