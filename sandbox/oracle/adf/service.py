"""Requests to resources, items, children, actions, describe and batch; answers by the framework version asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sandbox.http import Request, Response, split_path
from sandbox.oracle.adf import describe, versions
from sandbox.oracle.adf.errors import AdfError, not_found, refusal
from sandbox.oracle.adf.model import Resource, Row, View
from sandbox.oracle.adf.paging import page_of
from sandbox.oracle.adf.payload import body, coerced
from sandbox.oracle.adf.query import Query
from sandbox.oracle.adf.render import Place, Renderer, encode, indicator

MEDIA = "application/vnd.oracle.adf."
KEPT_RESULTS = 8


@dataclass(frozen=True)
class Target:
    """Where a path leads: a collection, or one of its documents; `place` is the collection's."""

    resource: Resource
    place: Place
    parent: Any = None
    document: Any = None
    rest: tuple[str, ...] = ()
    """action and its name, or describe"""


class Service:
    """The resources of one product, by context."""

    def __init__(
        self,
        contexts: Mapping[str, Mapping[str, Resource]],
        releases: tuple[str, ...],
        moment: Callable[[], Hashable],
    ) -> None:
        """`moment` is another one whenever the books show anything else: results are kept for their next page."""
        self.contexts = contexts
        self.releases = releases
        self._moment = moment
        self._results: dict[Hashable, list[Any]] = {}

    def answer(self, request: Request, view: View) -> Response:
        """Raises nothing for what a client does wrong: the refusal is the answer."""
        version = versions.DEFAULT
        try:
            version = versions.asked(request)
            response = self._route(request, view, version)
        except AdfError as error:
            response = refusal(error, version)
        response.headers.setdefault("rest-framework-version", str(version))
        return response

    def call(self, request: Request, view: View, version: int) -> Response:
        """The same, for a part of a batch: raises AdfError."""
        return self._route(request, view, version)

    def _route(self, request: Request, view: View, version: int) -> Response:
        context, segments = self._context(request)
        if not segments:
            return _json(versions.listing(request, self.releases))
        release, names = segments[0], segments[1:]
        if release not in (*self.releases, "latest"):
            raise not_found(release)
        root = f"{request.base}/{context}/resources/{release}"
        if not names or names == ["describe"]:
            return _json(describe.catalogue(self.contexts[context], root, bool(names)))
        target = self._target(self.contexts[context], names, root, view)
        return self._act(target, Call(request, view, version, self._kept))

    def _kept(self, key: Hashable, make: Callable[[], list[Any]]) -> list[Any]:
        key = (self._moment(), key)
        if key not in self._results:
            found = make()
            while len(self._results) >= KEPT_RESULTS:
                self._results.pop(next(iter(self._results)))
            self._results[key] = found
        return self._results[key]

    def _context(self, request: Request) -> tuple[str, list[str]]:
        segments = split_path(request.path)
        if len(segments) < 2 or segments[0] not in self.contexts or segments[1] != "resources":
            raise not_found(request.path)
        return segments[0], segments[2:]

    def _target(self, resources: Mapping[str, Resource], names: list[str], root: str, view: View) -> Target:
        resource = resources.get(names[0])
        if resource is None:
            raise not_found(names[0])
        target = Target(resource, Place(f"{root}/{names[0]}", f"{root}/{names[0]}"))
        rest = names[1:]
        while rest and rest[0] not in ("action", "describe"):
            if target.document is not None:
                target, rest = _child(target, rest), rest[2:]
            else:
                target, rest = _item(target, rest[0], view), rest[1:]
        return replace(target, rest=tuple(rest))

    def _act(self, target: Target, call: Call) -> Response:
        if target.rest[:1] == ("describe",):
            return _json(describe.document(target.resource, target.place.href))
        if target.rest:
            return call.action(target)
        verb = call.request.verb
        if verb in ("GET", "HEAD"):
            return call.one(target) if target.document is not None else call.many(target)
        if verb == "POST" and target.document is None:
            return call.create(target)
        if verb in ("PATCH", "PUT") and target.document is not None:
            return call.update(target)
        if verb == "DELETE" and target.document is not None:
            return call.delete(target)
        raise not_supported(verb)


@dataclass(frozen=True)
class Call:
    """One request to one target."""

    request: Request
    view: View
    version: int
    kept: Callable[[Hashable, Callable[[], list[Any]]], list[Any]]

    @property
    def query(self) -> Query:
        return Query(self.version, self.request.options)

    def renderer(self, view: View | None = None) -> Renderer:
        return Renderer(self.version, view or self.view, self.query.links, dict(self.request.tweaks.rename))

    def many(self, target: Target) -> Response:
        query, resource = self.query, target.resource
        selection = query.selection(resource)
        view, _ = query.finder(resource, self.view)
        found = self._found(target, query)
        documents, page = page_of(found, query, self.request.tweaks)
        row = self.renderer(view).collection(resource, documents, selection, target.place, page)
        return self._answer(row, "resourcecollection")

    def _found(self, target: Target, query: Query) -> list[Any]:
        """The whole result; of a collection on top it is kept."""

        def find() -> list[Any]:
            return query.found(target.resource, self.view, target.parent)

        if target.parent is not None:
            return find()
        options = tuple(query.options.get(name, "") for name in ("q", "finder", "orderBy"))
        return self.kept((target.resource.name, self.version, self.view.units, options), find)

    def one(self, target: Target) -> Response:
        resource, document = target.resource, target.document
        headers = _etag(resource, document)
        unless = self.request.headers.get("if-none-match", "")
        if headers and unless and headers["etag"].strip('"') in _tags(unless):
            return Response(304, headers)
        return self._item(target, 200, headers)

    def create(self, target: Target) -> Response:
        resource = target.resource
        if resource.create is None:
            raise not_supported("POST")
        values = coerced(resource, body(self.request))
        existing = self._existing(target, values)
        if existing is not None:
            return self._changed(replace(target, document=existing), values)
        document = resource.create(self.view, values, target.parent)
        made = replace(target, document=document)
        headers = {**_etag(resource, document), "location": target.place.item(resource.path_of(document)).href}
        return self._item(made, 201, headers)

    def update(self, target: Target) -> Response:
        self._unchanged(target)
        return self._changed(target, coerced(target.resource, body(self.request)))

    def delete(self, target: Target) -> Response:
        if target.resource.delete is None:
            raise not_supported("DELETE")
        self._unchanged(target)
        target.resource.delete(self.view, target.document)
        return Response(204)

    def action(self, target: Target) -> Response:
        resource, name = target.resource, target.rest[1] if len(target.rest) == 2 else ""
        known = resource.actions if target.document is not None else resource.collection_actions
        if name not in known:
            raise not_found(f"action {name}")
        if self.request.verb != "POST":
            raise not_supported(self.request.verb)
        self._unchanged(target)
        result = known[name](self.view, target.document, body(self.request))
        return self._answer({"result": result}, "actionresult")

    # -- parts -----------------------------------------------------------------------------------------------------

    def _existing(self, target: Target, values: Row) -> Any:
        """What Upsert-Mode updates in place of creating another one."""
        if self.request.headers.get("upsert-mode", "").lower() != "true":
            return None
        if target.resource.existing is None:
            raise AdfError(400, f"Upsert mode is not supported by {target.resource.name}.", "27541")
        return target.resource.existing(self.view, values)

    def _changed(self, target: Target, values: Row) -> Response:
        if target.resource.update is None:
            raise not_supported("PATCH")
        document = target.resource.update(self.view, target.document, values)
        return self._item(replace(target, document=document), 200, _etag(target.resource, document))

    def _unchanged(self, target: Target) -> None:
        wanted = self.request.headers.get("if-match", "")
        if target.document is None or not wanted or "*" in wanted:
            return
        if indicator(target.resource, target.document) not in _tags(wanted):
            text = "JBO-25014: Another user has changed the row with the same primary key."
            raise AdfError(412, text, "25014")

    def _item(self, target: Target, status: int, headers: dict[str, str]) -> Response:
        selection = self.query.selection(target.resource)
        if status == 201 and not self.request.options.get("fields"):
            selection = Query(self.version, {"expand": "all"}).selection(target.resource)
        row = self.renderer().item(target.resource, target.document, selection, target.place)
        response = self._answer(row, "resourceitem")
        response.status = status
        response.headers.update(headers)
        return response

    def _answer(self, row: Row, kind: str) -> Response:
        plain = "application/json" in self.request.headers.get("accept", "").split(",")[0]
        return Response(200, {"content-type": "application/json" if plain else f"{MEDIA}{kind}+json"}, encode(row))


def not_supported(verb: str) -> AdfError:
    return AdfError(405, f"The method {verb} is not supported by this resource.", "405")


def _item(target: Target, key: str, view: View) -> Target:
    document = target.resource.get(view, key, target.parent)
    if document is None:
        raise not_found(f"{target.resource.name} {key}")
    return replace(target, document=document)


def _child(target: Target, names: list[str]) -> Target:
    if names[0] != "child" or len(names) < 2 or names[1] not in target.resource.children:
        raise not_found("/".join(names[:2]))
    place = target.place.item(target.resource.path_of(target.document)).child(names[1])
    return Target(target.resource.children[names[1]], place, target.document)


def _etag(resource: Resource, document: Any) -> dict[str, str]:
    return {"etag": f'"{indicator(resource, document)}"'} if resource.versioned else {}


def _tags(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")]


def _json(row: Row) -> Response:
    return Response(200, {"content-type": "application/json"}, encode(row))
