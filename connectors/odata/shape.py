"""Which fields are asked for, and how each answered record is made plain: worked out once per read, run per record.

This is the hot path: a record pays only for its fields that need changing (dates, times, numbers) and its lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypedDict

import msgspec

from connectors.base import Wire
from connectors.odata.metadata import Entity, Metadata
from connectors.odata.types import DAYS, INTEGERS, MOMENTS, decode, time_of_day

Tree = dict[str, "Tree"]
"""Field names, with what is wanted below each navigation; a navigation with nothing below it means all its fields."""

TABLES = {"Edm.DateTime": DAYS, "Edm.DateTimeOffset": MOMENTS}

ETAG = "@etag"
"""Where a record read for a change keeps its version."""


class UnknownFieldError(Exception):
    """A path the service does not have: the path, and the names there are at its place."""

    def __init__(self, path: str, known: list[str]) -> None:
        self.path, self.known = path, known
        super().__init__(path)


class CutLinesError(Exception):
    """The server ended a record's lines early; what is missing would be taken for deleted."""


def tree_of(paths: Iterable[str]) -> Tree:
    tree: Tree = {}
    for path in paths:
        node = tree
        for part in path.split("."):
            node = node.setdefault(part, {})
    return tree


def with_keys(tree: Tree, entity: Entity, metadata: Metadata) -> Tree:
    """`tree` and the key fields of every entity in it that names any field; UnknownFieldError for a name nobody has."""
    return _checked(tree, entity, metadata, "")


def _checked(tree: Tree, entity: Entity, metadata: Metadata, prefix: str) -> Tree:
    found: Tree = {key: {} for key in entity.keys} if tree else {}
    for name, below in tree.items():
        if name in entity.navigations:
            target = metadata.target(entity.navigations[name])
            found[name] = _checked(below, target, metadata, f"{prefix}{name}.")
        elif name in entity.properties and not below:
            found[name] = {}
        else:
            raise UnknownFieldError(prefix + name, [*entity.properties, *entity.navigations])
    return found


def select(tree: Tree, entity: Entity, metadata: Metadata) -> str:
    """`$select` for `tree`: names joined by commas, paths by slashes; empty when everything is wanted."""
    return ",".join(_select(tree, entity, metadata, ""))


def _select(tree: Tree, entity: Entity, metadata: Metadata, prefix: str) -> Iterator[str]:
    for name, below in tree.items():
        if name in entity.navigations and below:
            target = metadata.target(entity.navigations[name])
            yield from _select(below, target, metadata, f"{prefix}{name}/")
        else:
            yield prefix + name


def expand(tree: Tree, entity: Entity, metadata: Metadata, prefix: str = "") -> list[str]:
    """`$expand` for `tree`: every navigation in it, the outer before the inner."""
    found = []
    for name, below in tree.items():
        if name in entity.navigations:
            found.append(prefix + name)
            found += expand(below, metadata.target(entity.navigations[name]), metadata, f"{prefix}{name}/")
    return found


Decode = Callable[[bytes], Any]


def decoder(tree: Tree, entity: Entity, metadata: Metadata) -> Decode:
    """Decodes an answer and passes over what `tree` does not name, most of all the `__metadata` of every record.

    An answer of any other form is decoded whole, for others to judge.
    """
    row = _row_type(tree, entity, metadata)
    page = typed_dict("Page", {"results": list[row], "__next": Any})  # type: ignore[valid-type]  # a type made here
    # types made at run time
    return lenient(typed_dict("Answer", {"d": list[row] | page}))  # type: ignore[valid-type]  # made here


def lenient(form: Any) -> Decode:
    """Decodes what has this form, anything else whole."""
    typed = msgspec.json.Decoder(form, float_hook=str).decode

    def decode_page(body: bytes) -> Any:
        try:
            return typed(body)
        except msgspec.ValidationError:
            return decode(body)

    return decode_page


def _row_type(tree: Tree, entity: Entity, metadata: Metadata) -> Any:
    if not tree:
        return dict[str, Any]
    fields: dict[str, Any] = dict.fromkeys(tree, Any)
    for name, below in tree.items():
        navigation = entity.navigations.get(name)
        if navigation is not None and navigation.many and below:
            line = _row_type(below, metadata.target(navigation), metadata)
            lines = list[line]  # type: ignore[valid-type]  # a type made at run time
            fields[name] = lines | typed_dict("Lines", {"results": lines, "__next": Any}) | None
    return typed_dict("Row", fields)


def typed_dict(name: str, fields: dict[str, Any]) -> Any:
    return TypedDict(name, fields, total=False)  # type: ignore[operator]  # made at run time


class Shape:
    """Makes records of one entity plain, in place: see `plain`."""

    __slots__ = ("_dated", "_many", "_others", "_single", "_stray")

    def __init__(self, tree: Tree, entity: Entity, metadata: Metadata) -> None:
        wanted = [p for name, p in entity.properties.items() if name in tree or not tree]
        self._dated = tuple((p.name, TABLES[p.type]) for p in wanted if p.type in TABLES)
        self._others: tuple[tuple[str, Callable[[Any], str]], ...] = tuple(
            (p.name, time_of_day if p.type == "Edm.Time" else str)
            for p in wanted
            if p.type in INTEGERS or p.type in ("Edm.Time", "Edm.Double", "Edm.Single")
        )
        navs = [n for n in entity.navigations.values() if n.name in tree]
        below = {n.name: Shape(tree[n.name], metadata.target(n), metadata) for n in navs}
        self._many = tuple((n.name, below[n.name].maker) for n in navs if n.many)
        self._single = tuple((n.name, below[n.name].plain) for n in navs if not n.many)
        self._stray = () if tree else tuple(entity.navigations)

    @property
    def maker(self) -> Callable[[Wire], None] | None:
        """`plain`, or None where only the metadata has to go."""
        return self.plain if self._dated or self._others or self._many or self._single or self._stray else None

    def plain(self, row: Wire) -> None:
        """Dates and numbers become text, `results` wrappers lists; metadata and unexpanded navigations go."""
        get = row.get
        row.pop("__metadata", None)
        for name, table in self._dated:
            if raw := get(name):
                row[name] = table[raw]
        for name, convert in self._others:
            if (raw := get(name)) is not None:
                row[name] = convert(raw)
        for name, plain in self._many:
            row[name] = lines = _lines(get(name))
            if plain is None:
                for line in lines:
                    line.pop("__metadata", None)
            else:
                for line in lines:
                    plain(line)
        for name, plain in self._single:
            child = get(name)
            if child is not None:
                plain(child)
        for name in self._stray:
            row.pop(name, None)


def _lines(value: Any) -> list[Wire]:
    """Expanded to-many parts come as a list or wrapped in `results`; deferred or missing ones are no lines."""
    if value.__class__ is list:
        return value
    if not value:
        return []
    if "__next" in value:
        raise CutLinesError
    # what is nested under a relation is a list in this shape
    return value.get("results", [])  # type: ignore[no-any-return]


def keep_etags(row: Wire) -> None:
    """Move each record's version to `@etag`, also in its lines, before `plain` throws the metadata away."""
    meta = row.get("__metadata")
    if isinstance(meta, dict) and meta.get("etag"):
        row[ETAG] = meta["etag"]
    for name, value in row.items():
        if name != "__metadata" and isinstance(value, (dict, list)):
            for line in value if isinstance(value, list) else value.get("results", [value]):
                keep_etags(line)
