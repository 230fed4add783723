"""Which fields of a V4 service are asked for, and how each answered record is made plain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connectors.base import Wire
from connectors.odata.metadata import Entity, Metadata
from connectors.odata.shape import ETAG, CutLinesError, Decode, Tree, lenient, typed_dict
from connectors.odata4.types import MOMENTS_PLAIN, TEXTS, plain


def select(tree: Tree, entity: Entity) -> str:
    return ",".join(name for name in tree if name in entity.properties)


def expand(tree: Tree, entity: Entity, metadata: Metadata) -> str:
    """`$expand` with the options of each navigation in brackets: `_Item($select=Product;$expand=_Text)`."""
    return ",".join(_expanded(tree, entity, metadata))


def _expanded(tree: Tree, entity: Entity, metadata: Metadata) -> Iterator[str]:
    for name, below in tree.items():
        if name in entity.navigations:
            target = metadata.target(entity.navigations[name])
            inner = {"$select": select(below, target), "$expand": expand(below, target, metadata)}
            options = ";".join(f"{option}={value}" for option, value in inner.items() if value)
            yield f"{name}({options})" if options else name


def decoder(tree: Tree, entity: Entity, metadata: Metadata) -> Decode:
    """Decodes a page and passes over what `tree` does not name. An answer of any other form is decoded whole."""
    fields = {"value": list[_row_type(tree, entity, metadata)], NEXT: Any}  # type: ignore[misc]  # made at run time
    return lenient(typed_dict("Answer", fields))


NEXT = "@odata.nextLink"


def _row_type(tree: Tree, entity: Entity, metadata: Metadata) -> Any:
    if not tree:
        return dict[str, Any]
    fields: dict[str, Any] = dict.fromkeys(tree, Any)
    for name, below in tree.items():
        navigation = entity.navigations.get(name)
        if navigation is not None and navigation.many:
            line = _row_type(below, metadata.target(navigation), metadata)
            fields[name] = list[line] | None  # type: ignore[valid-type]  # made at run time
            fields[name + NEXT] = Any
    return typed_dict("Row", fields)


class Shape:
    """Makes records of one entity plain, in place: see `plain`."""

    __slots__ = ("_many", "_moments", "_single", "_stray", "_texts")

    def __init__(self, tree: Tree, entity: Entity, metadata: Metadata) -> None:
        wanted = [p for name, p in entity.properties.items() if name in tree or not tree]
        self._moments = tuple(p.name for p in wanted if p.type == "Edm.DateTimeOffset")
        self._texts = tuple((p.name, p.type) for p in wanted if p.type in TEXTS)
        navs = [n for n in entity.navigations.values() if n.name in tree]
        below = {n.name: Shape(tree[n.name], metadata.target(n), metadata).plain for n in navs}
        self._many = tuple((n.name, below[n.name]) for n in navs if n.many)
        self._single = tuple((n.name, below[n.name]) for n in navs if not n.many)
        self._stray = () if tree else tuple(entity.navigations)

    def plain(self, row: Wire) -> None:
        """Moments in one form, numbers as text; annotations go. CutLinesError where lines are paged."""
        get = row.get
        for name in self._moments:
            if raw := get(name):
                row[name] = MOMENTS_PLAIN[raw]
        for name, edm in self._texts:
            if (raw := get(name)) is not None:
                row[name] = plain(edm, raw)
        for name, make in self._many:
            if row.get(name + NEXT):
                raise CutLinesError
            row[name] = lines = get(name) or []
            for line in lines:
                make(line)
        for name, make in self._single:
            if (child := get(name)) is not None:
                make(child)
        for name in (*self._stray, *(name for name in row if _annotates(name))):
            row.pop(name, None)


def _annotates(name: str) -> bool:
    return ("@" in name and name != ETAG) or name == "SAP__Messages"


def keep_etags(row: Wire) -> None:
    """Move each record's version to `@etag`, also in its lines."""
    if version := row.pop("@odata.etag", ""):
        row[ETAG] = version
    for value in list(row.values()):
        for line in value if isinstance(value, list) else [value]:
            if isinstance(line, dict):
                keep_etags(line)
