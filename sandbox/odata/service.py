"""One OData service: reads, writes, function imports."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from xml.sax.saxutils import escape

from sandbox.front import Caller
from sandbox.http import NO_TWEAKS, Response, split_path
from sandbox.odata.answers import JSON, error_answer, json_answer, text_answer, with_messages
from sandbox.odata.atom import AtomWriter, plain_text
from sandbox.odata.backend import Backend, ODataError, ReadRow, Row
from sandbox.odata.edmx import metadata_document, service_document
from sandbox.odata.errors import (
    key_not_found,
    not_allowed,
    not_implemented,
    precondition_failed,
    precondition_required,
)
from sandbox.odata.etags import etag_text, require_match, same_etag
from sandbox.odata.functions import written_result
from sandbox.odata.http import Request
from sandbox.odata.json_values import to_json
from sandbox.odata.links import read_links
from sandbox.odata.literals import initial
from sandbox.odata.metadata import EntitySet, Function, Service
from sandbox.odata.paths import Resource, check_addressable, resolve
from sandbox.odata.payload import read_body, read_parameters, read_values, sent_shape
from sandbox.odata.query import Pages, Results, next_link, parse_options, search
from sandbox.odata.render import Renderer, Shape, parse_shape


class ServiceHandler:
    """Answers requests whose path is relative to the service; every refusal becomes Gateway's error answer."""

    def __init__(self, service: Service, backend: Backend) -> None:
        self.service = service
        self.backend = backend
        self._results = Results()
        self._pages = Pages()
        self._metadata = metadata_document(service)
        self._metadata_etag = f'W/"{hashlib.sha256(self._metadata).hexdigest()[:32]}"'

    def handle(self, request: Request, path: str) -> Response:
        """path: what follows the service's own, percent-encoded, without the query."""
        self.backend.begin(Caller(request.request_id, request.user, request.language))
        point = self.backend.savepoint() if request.is_write else None
        try:
            response = self._dispatch(request, split_path(path))
        except ODataError as error:
            if request.is_write:
                self.backend.rollback(point)
            response = self.refusal(error, request)
        response.headers.setdefault("dataserviceversion", "2.0")
        return response

    def refusal(self, error: ODataError, request: Request) -> Response:
        name, version = self.service.name, self.service.version
        return error_answer(error, request, at=self.backend.now(), service=name, version=version)

    def _dispatch(self, request: Request, segments: list[str]) -> Response:
        if not segments:
            return self._service_document(request)
        if segments == ["$metadata"]:
            return self._metadata_document(request)
        if function := self.service.functions.get(segments[0].removesuffix("()")):
            return self._call(request, function)
        if request.verb == "POST":
            return self._create(request, segments)
        resource = resolve(self.service, self.backend, segments)
        match request.verb:
            case "GET":
                return self._read(request, resource)
            case "PATCH" | "MERGE" | "PUT":
                return self._update(request, resource)
            case "DELETE":
                return self._delete(request, resource)
        raise not_allowed(f"Method '{request.verb}' is not allowed")

    def _root(self, request: Request) -> str:
        return request.base + self.service.path

    # --- documents ---------------------------------------------------------------------------------------------------

    def _service_document(self, request: Request) -> Response:
        if request.verb != "GET":
            raise not_allowed(f"Method '{request.verb}' is not allowed for the service document")
        if request.wants_json:
            body = json.dumps({"d": {"EntitySets": list(self.service.sets)}}).encode()
            return Response(200, {"content-type": JSON}, body)
        return Response(
            200, {"content-type": "application/atomsvc+xml"}, service_document(self.service, self._root(request))
        )

    def _metadata_document(self, request: Request) -> Response:
        if request.verb != "GET":
            raise not_allowed(f"Method '{request.verb}' is not allowed for the metadata document")
        if request.headers.get("if-none-match") == self._metadata_etag:
            return Response(304, {"etag": self._metadata_etag})
        return Response(200, {"content-type": "application/xml", "etag": self._metadata_etag}, self._metadata)

    # --- reading -----------------------------------------------------------------------------------------------------

    def _read(self, request: Request, resource: Resource) -> Response:
        if resource.tail:
            return self._read_tail(request, resource)
        if resource.is_collection:
            check_addressable(resource)
            return self._read_collection(request, resource)
        return self._read_entity(request, resource)

    def _read_collection(self, request: Request, resource: Resource) -> Response:
        if not request.wants_json or request.tweaks != NO_TWEAKS:
            return self._collection(request, resource)
        address = (request.base, request.path, request.query)
        body = self._pages.get(address, (self.backend.version(), self.service.page_size))
        if body is not None:
            return Response(200, {"content-type": JSON}, body)
        response = self._collection(request, resource)
        self._pages.put(address, response.body)
        return response

    def _collection(self, request: Request, resource: Resource) -> Response:
        options, entity_set = request.options, resource.entity_set
        query = parse_options(options)
        shape = parse_shape(self.service, entity_set, options.get("$select"), options.get("$expand"))
        page = self._results.page(
            query,
            entity_set,
            resource.rows,
            scope=request.path,
            state=self.backend.version(),
            limit=self.service.page_size,
            tweaks=request.tweaks,
        )
        following = next_link(request.base + request.path, options, page.next_token) if page.next_token else None
        count = page.count if query.count else None
        if not request.wants_json:
            body = self._atom(request).feed(entity_set, shape, page.rows, count=count, following=following)
            return Response(200, {"content-type": "application/atom+xml;type=feed;charset=utf-8"}, body)
        render = self._renderer(request).entity(entity_set, shape)
        d: dict[str, Any] = {"__count": str(count)} if count is not None else {}
        d["results"] = [render(row) for row in page.rows]
        if following:
            d["__next"] = following
        return json_answer(200, d)

    def _read_entity(self, request: Request, resource: Resource) -> Response:
        options, entity_set = request.options, resource.entity_set
        parse_options(options)
        shape = parse_shape(self.service, entity_set, options.get("$select"), options.get("$expand"))
        if resource.row is None:
            return json_answer(200, None)
        etag = self._etag(entity_set, resource.row)
        if etag and same_etag(request.headers.get("if-none-match", ""), etag):
            return Response(304, {"etag": etag})
        return self._entity(200, request, entity_set, shape, resource.row)

    def _entity(self, status: int, request: Request, entity_set: EntitySet, shape: Shape, row: ReadRow) -> Response:
        if request.wants_json:
            response = json_answer(status, self._renderer(request).entity(entity_set, shape)(row))
        else:
            body = self._atom(request).entry(entity_set, shape, row)
            response = Response(status, {"content-type": "application/atom+xml;type=entry;charset=utf-8"}, body)
        if etag := self._etag(entity_set, row):
            response.headers["etag"] = etag
        return response

    def _read_tail(self, request: Request, resource: Resource) -> Response:
        match resource.tail:
            case ["$links", *_]:
                return self._links(request, resource)
            case ["$count"]:
                return text_answer(str(self._count(request, resource)))
            case [name] if name in resource.entity_set.properties:
                return self._property(request, resource, name)
            case [name, "$value"] if name in resource.entity_set.properties:
                prop = resource.entity_set.properties[name]
                return text_answer(plain_text(prop, self._row(resource).get(name, initial(prop))))
        raise not_implemented(f"'{'/'.join(resource.tail)}' is not supported")

    def _links(self, request: Request, resource: Resource) -> Response:
        uris = self._renderer(request).uri
        return read_links(self.service, self.backend, resource, uris, as_json=request.wants_json)

    def _count(self, request: Request, resource: Resource) -> int:
        if not resource.is_collection:
            return 0 if resource.absent else 1
        check_addressable(resource)
        return len(search(parse_options(request.options), resource.entity_set, resource.rows()))

    def _property(self, request: Request, resource: Resource, name: str) -> Response:
        prop = resource.entity_set.properties[name]
        value = self._row(resource).get(name, initial(prop))
        if not request.wants_json:
            text = escape(plain_text(prop, value)) if value is not None else ""
            namespace = 'xmlns="http://schemas.microsoft.com/ado/2007/08/dataservices"'
            return Response(200, {"content-type": "application/xml"}, f"<{name} {namespace}>{text}</{name}>".encode())
        return json_answer(200, {name: to_json(prop, value)})

    def _row(self, resource: Resource) -> ReadRow:
        if resource.row is None:
            raise key_not_found(resource.entity_set.type_name)
        return resource.row

    def _renderer(self, request: Request) -> Renderer:
        return Renderer(self.backend, self.service, self._root(request), dict(request.tweaks.rename))

    def _atom(self, request: Request) -> AtomWriter:
        return AtomWriter(self.backend, self.service, self._root(request), self.backend.now())

    # --- writing -----------------------------------------------------------------------------------------------------

    def _create(self, request: Request, segments: list[str]) -> Response:
        resource = resolve(self.service, self.backend, segments)
        entity_set = resource.entity_set
        if resource.tail or not resource.is_collection:
            raise not_allowed("Method 'POST' is not allowed for this resource")
        if not entity_set.allows("creatable"):
            raise not_allowed(f"Method 'POST' is not allowed: entity set '{entity_set.name}' is not creatable")
        values = read_values(self.service, entity_set, read_body(request), creating=True)
        if resource.parent:
            source, parent, _ = resource.parent
            values |= {key.name: parent[key.name] for key in source.keys if key.name in entity_set.properties}
        shape = sent_shape(self.service, entity_set, values)
        created = self.backend.create(entity_set.name, values)
        response = self._entity(201, request, entity_set, shape, created.row)
        response.headers["location"] = self._renderer(request).uri(entity_set)(created.row)
        return with_messages(response, created.messages, request)

    def _update(self, request: Request, resource: Resource) -> Response:
        entity_set, row = resource.entity_set, self._one(request, resource)
        if not entity_set.allows("updatable"):
            raise not_allowed(
                f"Method '{request.verb}' is not allowed: entity set '{entity_set.name}' is not updatable"
            )
        self._check_version(request, entity_set, row)
        values = read_values(self.service, entity_set, read_body(request), creating=False)
        key = _key(entity_set, row)
        messages = self.backend.update(entity_set.name, key, values, request.verb == "PUT")
        response = Response(204)
        after = self.backend.get(entity_set.name, key)
        if after is not None and (etag := self._etag(entity_set, after)):
            response.headers["etag"] = etag
        return with_messages(response, messages, request)

    def _delete(self, request: Request, resource: Resource) -> Response:
        entity_set, row = resource.entity_set, self._one(request, resource)
        if not entity_set.allows("deletable"):
            raise not_allowed(f"Method 'DELETE' is not allowed: entity set '{entity_set.name}' is not deletable")
        self._check_version(request, entity_set, row)
        self.backend.delete(entity_set.name, _key(entity_set, row))
        return Response(204)

    def _one(self, request: Request, resource: Resource) -> ReadRow:
        if resource.is_collection or resource.tail:
            raise not_allowed(f"Method '{request.verb}' is allowed for a single entity only")
        return self._row(resource)

    def _check_version(self, request: Request, entity_set: EntitySet, row: ReadRow) -> None:
        """428 without If-Match, 412 with a stale one; children without a version of their own follow their parent's."""
        current = self._guard(entity_set, row)
        require_match(request, current, missing=precondition_required(), stale=precondition_failed())

    def _guard(self, entity_set: EntitySet, row: ReadRow) -> str | None:
        if not entity_set.guarded_by:
            return self._etag(entity_set, row)
        parent_set = self.service.sets[entity_set.guarded_by]
        parent = self.backend.get(parent_set.name, _key(parent_set, row))
        return self._etag(parent_set, parent) if parent is not None else None

    def _etag(self, entity_set: EntitySet, row: ReadRow) -> str | None:
        if entity_set.version is None:
            return None
        version = self.backend.etag(entity_set.name, row)
        return etag_text(version) if version is not None else None

    # --- function imports --------------------------------------------------------------------------------------------

    def _call(self, request: Request, function: Function) -> Response:
        if request.method != function.method:
            raise not_allowed(
                f"Method '{request.method}' is not allowed: function '{function.name}' needs {function.method}"
            )
        result = self.backend.call(function.name, read_parameters(function, request.options))
        return json_answer(200, written_result(self.service, function, result, self._renderer(request)))


def _key(entity_set: EntitySet, row: ReadRow) -> Row:
    return {key.name: row[key.name] for key in entity_set.keys}
