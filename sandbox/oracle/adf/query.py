"""The options of a read: q, finder, orderBy, fields, expand, limit, offset, totalResults, onlyData, links."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

from sandbox.oracle.adf import qbe, rowmatch
from sandbox.oracle.adf.conditions import Test, comparison
from sandbox.oracle.adf.errors import AdfError
from sandbox.oracle.adf.model import Finder, Resource, View

DEFAULT_LIMIT = 25
MOST = 500
ROWMATCH_SINCE = 2
_VARIABLE = re.compile(r"(?:^|,)\s*([A-Za-z_]\w*)\s*=")


@dataclass
class Selection:
    """What of a document is shown: all attributes where `attributes` is None."""

    attributes: tuple[str, ...] | None = None
    children: dict[str, Selection] = field(default_factory=dict)


@dataclass(frozen=True)
class Query:
    version: int
    options: Mapping[str, str]

    # -- which documents -------------------------------------------------------------------------------------------

    def tests(self, resource: Resource) -> list[Test]:
        text = self.options.get("q", "")
        if not text.strip():
            return []
        return rowmatch.parse(resource, text) if self.version >= ROWMATCH_SINCE else qbe.parse(resource, text)

    def found(self, resource: Resource, view: View, parent: Any) -> list[Any]:
        """Documents that finder and q let through, in the order asked for."""
        view, tests = self.finder(resource, view)
        tests = tests + self.tests(resource)
        rows: Iterable[Any] = resource.rows(view, parent)
        found = [document for document in rows if all(test(document) for test in tests)]
        return self._ordered(resource, found)

    def finder(self, resource: Resource, view: View) -> tuple[View, list[Test]]:
        """The view that the finder's shaping variables make, and the tests of all others."""
        text = self.options.get("finder", "")
        if not text:
            return view, []
        name, _, rest = text.partition(";")
        finder = resource.finders.get(name.strip())
        if finder is None:
            raise AdfError(400, f"The finder {name} is not defined in {resource.name}.", "27521")
        given = _variables(name, finder, rest)
        shaping = {key: value for key, value in given.items() if key in finder.shaping}
        tests = [
            _equality(resource, finder.attributes.get(key, key), finder.variables[key], value)
            for key, value in given.items()
            if key not in finder.shaping
        ]
        return replace(view, variables={**view.variables, **shaping}), tests

    def _ordered(self, resource: Resource, found: list[Any]) -> list[Any]:
        for part in reversed([part for part in self.options.get("orderBy", "").split(",") if part.strip()]):
            name, _, way = part.strip().partition(":")
            if name not in resource.attributes or way.strip().lower() not in ("", "asc", "desc"):
                raise AdfError(400, f"URL request parameter orderBy is not valid: {part}", "27522")
            column = resource.columns.get(name, lambda document: None)
            keyed: list[tuple[Any, Any]] = [(column(document), document) for document in found]
            filled = [pair for pair in keyed if pair[0] is not None]
            filled.sort(key=itemgetter(0), reverse=way.strip().lower() == "desc")
            found = [document for _, document in filled] + [document for value, document in keyed if value is None]
        return found

    # -- how many --------------------------------------------------------------------------------------------------

    @property
    def limit(self) -> int:
        return min(self._number("limit", DEFAULT_LIMIT) or DEFAULT_LIMIT, MOST)

    @property
    def offset(self) -> int:
        return self._number("offset", 0)

    @property
    def wants_total(self) -> bool:
        return self._flag("totalResults")

    # -- what of them ----------------------------------------------------------------------------------------------

    @property
    def only_data(self) -> bool:
        return self._flag("onlyData")

    @property
    def links(self) -> frozenset[str] | None:
        """The relations to show; None: all of them."""
        if self.only_data:
            return frozenset()
        names = [name.strip() for name in self.options.get("links", "").split(",") if name.strip()]
        return frozenset(names) if names else None

    def selection(self, resource: Resource) -> Selection:
        """`fields` wins over `expand`."""
        if "fields" in self.options:
            return _fields(resource, self.options["fields"])
        selection = Selection()
        for path in filter(None, (path.strip() for path in self.options.get("expand", "").split(","))):
            _expand(resource, selection, path.split("."))
        return selection

    def _number(self, name: str, default: int) -> int:
        text = self.options.get(name, "")
        if not text.strip():
            return default
        if not text.strip().isdigit():
            raise AdfError(400, f"URL request parameter {name} is not valid: {text}", "27523")
        return int(text)

    def _flag(self, name: str) -> bool:
        return self.options.get(name, "").strip().lower() == "true"


def _expand(resource: Resource, selection: Selection, path: list[str]) -> None:
    names = list(resource.children) if path[0] == "all" else [path[0]]
    for name in names:
        child = _child(resource, name, "expand")
        inner = selection.children.setdefault(name, Selection())
        if path[1:]:
            _expand(child, inner, path[1:])


def _fields(resource: Resource, text: str) -> Selection:
    """`A,B;child:C,D;child.nested:E`"""
    selection = Selection(())
    for part in filter(None, (part.strip() for part in text.split(";"))):
        path, _, names = part.rpartition(":")
        at, target = resource, selection
        for accessor in filter(None, path.split(".")):
            at = _child(at, accessor, "fields")
            target = target.children.setdefault(accessor, Selection(()))
        for name in filter(None, (name.strip() for name in names.split(","))):
            _show(at, target, name)
    return selection


def _show(resource: Resource, selection: Selection, name: str) -> None:
    if name in resource.children:
        selection.children.setdefault(name, Selection())
    elif name in resource.attributes:
        selection.attributes = (*(selection.attributes or ()), name)
    else:
        raise AdfError(400, f"URL request parameter fields is not valid: {name} is not in {resource.name}.", "27524")


def _child(resource: Resource, name: str, option: str) -> Resource:
    if name not in resource.children:
        raise AdfError(400, f"URL request parameter {option} is not valid: {name} is not in {resource.name}.", "27524")
    return resource.children[name]


def _variables(name: str, finder: Finder, text: str) -> dict[str, str]:
    """`A=1,B=x`: a comma parts two variables only where another name and = follow, so a name may hold one."""
    starts = list(_VARIABLE.finditer(text))
    if text.strip() and (not starts or text[: starts[0].start()].strip()):
        raise AdfError(400, f"URL request parameter finder is not valid: {text}", "27521")
    ends = [start.start() for start in starts[1:]] + [len(text)]
    given = {start[1]: _unquoted(text[start.end() : end].strip()) for start, end in zip(starts, ends, strict=True)}
    if unknown := [variable for variable in given if variable not in finder.variables]:
        raise AdfError(400, f"The finder {name} has no variable {unknown[0]}.", "27521", f"/{unknown[0]}")
    if absent := sorted(finder.needed - given.keys()):
        raise AdfError(400, f"The finder {name} needs the variable {absent[0]}.", "27521", f"/{absent[0]}")
    return given


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] in "'\"" and text[-1] == text[0]:
        return text[1:-1].replace(text[0] * 2, text[0])
    return re.sub(r"\\(.)", r"\1", text)


def _equality(resource: Resource, attribute: str, kind: str, literal: str) -> Test:
    """A finder reaches attributes that q does not."""
    known = {**resource.attributes, attribute: resource.attributes.get(attribute, kind)}
    open_ = replace(resource, queryable=resource.queryable | {attribute}, attributes=known)
    return comparison(open_, attribute, "=", literal)
