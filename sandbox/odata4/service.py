"""One OData V4 service: what differs from V2's in reading, writing and refusing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from sandbox.http import Response
from sandbox.odata.backend import Backend, Message, ODataError, ReadRow, Row
from sandbox.odata.errors import bad_request, invalid_value, not_allowed, not_implemented, unknown_property
from sandbox.odata.etags import require_match, same_etag
from sandbox.odata.http import Request
from sandbox.odata.literals import initial
from sandbox.odata.metadata import EntitySet, Service
from sandbox.odata.paths import Resource, resolve
from sandbox.odata.payload import read_body
from sandbox.odata.query import Query, Results, next_link, search
from sandbox.odata.service import ServiceHandler
from sandbox.odata4.edmx import metadata_document
from sandbox.odata4.errors import error_json, not_acceptable, precondition_failed, precondition_required, sap_messages
from sandbox.odata4.lambdas import grammar
from sandbox.odata4.literals import etag_text, from_json, json_writer
from sandbox.odata4.render import Renderer, Shape, parse_shape

EXACT = "ieee754compatible=true"
_KNOWN = {"$filter", "$select", "$expand", "$orderby", "$top", "$skip", "$count", "$format", "$skiptoken"}
_SERVED = {"application/json", "application/*", "*/*", "multipart/mixed"}
_NUMBERS = msgspec.json.Encoder(decimal_format="number")


def exact(header: str) -> bool:
    return EXACT in header.lower().replace(" ", "")


class ServiceHandler4(ServiceHandler):
    """Answers requests whose path is relative to the service; every refusal becomes Gateway's error answer."""

    def __init__(self, service: Service, backend: Backend) -> None:
        super().__init__(service, backend)
        self._grammar = grammar(service, backend)
        self._results = Results(self._grammar)
        self._metadata = metadata_document(service)
        self._metadata_etag = f'W/"{hashlib.sha256(self._metadata).hexdigest()[:32]}"'

    def handle(self, request: Request, path: str) -> Response:
        response = super().handle(request, path)
        response.headers.pop("dataserviceversion", None)
        response.headers["odata-version"] = "4.0"
        return response

    def refusal(self, error: ODataError, request: Request) -> Response:
        body = error_json(error, at=self.backend.now())
        return Response(error.status, {"content-type": "application/json", "odata-version": "4.0"}, body)

    def _dispatch(self, request: Request, segments: list[str]) -> Response:
        if request.verb != "DELETE" and segments != ["$metadata"] and not _acceptable(request, segments):
            raise not_acceptable()
        return super()._dispatch(request, segments)

    def _service_document(self, request: Request) -> Response:
        if request.verb != "GET":
            raise not_allowed(f"Method '{request.verb}' is not allowed for the service document")
        sets = [{"name": name, "kind": "EntitySet", "url": name} for name in self.service.sets]
        return self._json(request, 200, {"@odata.context": "$metadata", "value": sets})

    # --- reading -----------------------------------------------------------------------------------------------------

    def _read_collection(self, request: Request, resource: Resource) -> Response:
        return self._collection(request, resource)

    def _collection(self, request: Request, resource: Resource) -> Response:
        options, entity_set = request.options, resource.entity_set
        query = parse_options(options)
        shape = parse_shape(self.service, entity_set, options.get("$select"), options.get("$expand"))
        page = self._results.page(
            query, entity_set, resource.rows, scope=request.path, state=self.backend.version(),
            limit=self.service.page_size, tweaks=request.tweaks,
        )  # fmt: skip
        render = self._writer(request).entity(entity_set, shape)
        body: dict[str, Any] = {"@odata.context": f"$metadata#{entity_set.name}"}
        if query.count:
            body["@odata.count"] = page.count
        body["value"] = [render(row) for row in page.rows]
        if page.next_token:
            own = f"{self.service.root}/{self.service.name}/"
            body["@odata.nextLink"] = next_link(request.path.removeprefix(own), options, page.next_token)
        return self._json(request, 200, body)

    def _read_entity(self, request: Request, resource: Resource) -> Response:
        options, entity_set = request.options, resource.entity_set
        parse_options(options)
        shape = parse_shape(self.service, entity_set, options.get("$select"), options.get("$expand"))
        if resource.row is None:
            return Response(204)
        etag = self._etag(entity_set, resource.row)
        if etag and same_etag(request.headers.get("if-none-match", ""), etag):
            return Response(304, {"etag": etag})
        return self._one_entity(200, request, entity_set, shape, resource.row)

    def _one_entity(self, status: int, request: Request, entity_set: EntitySet, shape: Shape, row: ReadRow) -> Response:
        context = {"@odata.context": f"$metadata#{entity_set.name}/$entity"}
        response = self._json(request, status, context | self._writer(request).entity(entity_set, shape)(row))
        if etag := self._etag(entity_set, row):
            response.headers["etag"] = etag
        return response

    def _links(self, request: Request, resource: Resource) -> Response:
        raise not_implemented("'$links' is not one of OData V4")

    def _count(self, request: Request, resource: Resource) -> int:
        if not resource.is_collection:
            return 0 if resource.absent else 1
        return len(search(parse_options(request.options), resource.entity_set, resource.rows(), self._grammar))

    def _property(self, request: Request, resource: Resource, name: str) -> Response:
        prop = resource.entity_set.properties[name]
        value, write = self._row(resource).get(name, initial(prop)), json_writer(prop, exact=self._exact(request))
        shown = value if write is None or value is None else write(value)
        return self._json(request, 200, {"@odata.context": "$metadata", "value": shown})

    def _writer(self, request: Request) -> Renderer:
        rename = dict(request.tweaks.rename)
        return Renderer(self.backend, self.service, self._etag, exact=self._exact(request), rename=rename)

    def _exact(self, request: Request) -> bool:
        return exact(request.headers.get("accept", ""))

    def _json(self, request: Request, status: int, body: Any) -> Response:
        kind = "application/json;odata.metadata=minimal"
        if self._exact(request):
            kind += ";IEEE754Compatible=true"
        return Response(status, {"content-type": kind}, _NUMBERS.encode(body))

    # --- writing -----------------------------------------------------------------------------------------------------

    def _create(self, request: Request, segments: list[str]) -> Response:
        resource = self._target(segments)
        entity_set = resource.entity_set
        values = self._values(request, entity_set, creating=True)
        if resource.parent:
            source, parent, _ = resource.parent
            self._check_version(request, source, parent)
            values |= {key.name: parent[key.name] for key in source.keys if key.name in entity_set.properties}
        created = self.backend.create(entity_set.name, values)
        shape = _sent(entity_set, values, self.service)
        response = self._one_entity(201, request, entity_set, shape, created.row)
        response.headers["location"] = f"{self._root(request)}/{entity_path(entity_set, created.row)}"
        return _with_messages(response, created.messages)

    def _target(self, segments: list[str]) -> Resource:
        """Items and the like are made below their parent only."""
        resource = resolve(self.service, self.backend, segments)
        if resource.tail or not resource.is_collection:
            raise not_allowed("Method 'POST' is not allowed for this resource")
        if resource.parent is None and not resource.entity_set.allows("creatable"):
            raise not_allowed(f"Entity set '{resource.entity_set.name}' is not creatable")
        return resource

    def _update(self, request: Request, resource: Resource) -> Response:
        if request.verb == "MERGE":
            raise not_implemented("Method 'MERGE' is not one of OData V4")
        entity_set, row = resource.entity_set, self._one(request, resource)
        if not entity_set.allows("updatable"):
            raise not_allowed(f"Entity set '{entity_set.name}' is not updatable")
        self._check_version(request, entity_set, row)
        values = self._values(request, entity_set, creating=False)
        key = {prop.name: row[prop.name] for prop in entity_set.keys}
        messages = self.backend.update(entity_set.name, key, values, request.verb == "PUT")
        after = self.backend.get(entity_set.name, key)
        if after is None:
            return _with_messages(Response(204), messages)
        return _with_messages(self._one_entity(200, request, entity_set, Shape(), after), messages)

    def _values(self, request: Request, entity_set: EntitySet, *, creating: bool) -> Row:
        plain = exact(request.headers.get("content-type", ""))
        return read_values(self.service, entity_set, read_body(request), creating=creating, exact=plain)

    def _check_version(self, request: Request, entity_set: EntitySet, row: ReadRow) -> None:
        """428 without If-Match, 412 with a stale one. A new item below a document needs no version."""
        if request.verb == "POST" and "if-match" not in request.headers:
            return
        current = self._etag(entity_set, row)
        require_match(request, current, missing=precondition_required(), stale=precondition_failed())

    def _etag(self, entity_set: EntitySet, row: ReadRow) -> str | None:
        """Children have their document's version."""
        holder: ReadRow | None = row
        if entity_set.guarded_by:
            parent = self.service.sets[entity_set.guarded_by]
            holder = self.backend.get(parent.name, {key.name: row[key.name] for key in parent.keys})
            entity_set = parent
        version = self.backend.etag(entity_set.name, holder) if holder is not None else None
        return etag_text(version) if version is not None else None


def _acceptable(request: Request, segments: list[str]) -> bool:
    """Whether the client takes JSON, the one format there is; bare values are text. $format goes before Accept."""
    form = request.options.get("$format", "")
    asked = ("application/json" if form == "json" else form) or request.headers.get("accept", "")
    kinds = {part.partition(";")[0].strip().lower() for part in asked.split(",")} - {""}
    served = {"text/plain"} if segments[-1:] in (["$count"], ["$value"]) else set()
    return not kinds or bool(kinds & (served | _SERVED))


def parse_options(options: Mapping[str, str]) -> Query:
    """ODataError 400 for an option with $ that does not exist, or a number that is none."""
    if stray := sorted(name for name in options if name.startswith("$") and name not in _KNOWN):
        raise bad_request(f"System query option '{stray[0]}' is not supported")
    for name in ("$top", "$skip"):
        if name in options and not options[name].isdecimal():
            raise bad_request(f"Invalid value '{options[name]}' for {name}: a whole number is expected")
    if options.get("$count", "false") not in ("true", "false"):
        raise bad_request("Invalid value for $count: true or false is expected")
    return Query(
        options.get("$filter") or None,
        options.get("$orderby") or None,
        int(options["$top"]) if "$top" in options else None,
        int(options.get("$skip", 0)),
        options.get("$count") == "true",
        options.get("$skiptoken"),
    )


def read_values(
    service: Service, entity_set: EntitySet, body: Mapping[str, Any], *, creating: bool, exact: bool
) -> Row:
    """Typed values of a body; what the client may not set is passed over, as Gateway does."""
    values: Row = {}
    for name, raw in body.items():
        if nav := entity_set.navigations.get(name):
            if not creating:
                raise bad_request(f"Navigation '{name}': a deep update is not supported, update the child by itself")
            target, lines = service.sets[nav.target], raw if nav.many else [raw]
            if not isinstance(lines, list) or not all(isinstance(line, Mapping) for line in lines):
                raise bad_request(f"A list of '{name}' is expected" if nav.many else f"One '{name}' is expected")
            found = [read_values(service, target, line, creating=True, exact=exact) for line in lines]
            values[name] = found if nav.many else found[0]
        elif prop := entity_set.properties.get(name):
            if raw is None and not prop.nullable:
                raise invalid_value(name, "null", "it must not be null")
            value = from_json(prop, raw, exact=exact)
            if prop.creatable if creating else prop.updatable and prop not in entity_set.keys:
                values[name] = value
        elif "@" not in name and name != "SAP__Messages":
            raise unknown_property(name, entity_set.type_name)
    return values


def entity_path(entity_set: EntitySet, row: ReadRow) -> str:
    keys = [(key.name, str(row[key.name]).replace("'", "''")) for key in entity_set.keys]
    shown = ",".join(f"{name}='{value}'" for name, value in keys) if len(keys) > 1 else f"'{keys[0][1]}'"
    return f"{entity_set.name}({shown})"


def _sent(entity_set: EntitySet, values: Row, service: Service) -> Shape:
    """A create answers with the children that were sent, expanded."""
    shape = Shape()
    for name, nav in entity_set.navigations.items():
        for member in values.get(name) or []:
            child = shape.children.setdefault(name, Shape())
            child.children |= _sent(service.sets[nav.target], member, service).children
    return shape


def _with_messages(response: Response, messages: list[Message]) -> Response:
    if messages:
        response.headers["sap-messages"] = sap_messages(messages)
    return response
