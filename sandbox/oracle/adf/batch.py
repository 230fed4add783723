"""Several requests in one POST to the version root: all or nothing, in their order."""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from sandbox.http import Request, Response
from sandbox.oracle.adf import versions
from sandbox.oracle.adf.errors import AdfError, refusal
from sandbox.oracle.adf.model import Row, View
from sandbox.oracle.adf.payload import body
from sandbox.oracle.adf.render import encode
from sandbox.oracle.adf.service import MEDIA, Service

_VERBS = {"get": "GET", "create": "POST", "update": "PATCH", "replace": "PUT", "delete": "DELETE", "upsert": "POST"}


class Undo(Protocol):
    def savepoint(self) -> Any: ...
    def rollback(self, point: Any) -> None: ...


def is_batch(request: Request) -> bool:
    return request.method == "POST" and "adf.batch+json" in request.headers.get("content-type", "")


def run(service: Service, request: Request, view: View, books: Undo) -> Response:
    """The first part that fails undoes the ones before it, and is the only one reported."""
    version, point = versions.DEFAULT, books.savepoint()
    try:
        version = versions.asked(request)
        done = [_part(service, request, part, view, version) for part in _parts(request)]
    except AdfError as error:
        books.rollback(point)
        return refusal(error, version)
    return Response(200, {"content-type": f"{MEDIA}batch+json"}, encode({"parts": done}))


def _parts(request: Request) -> list[Row]:
    parts = body(request).get("parts")
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise AdfError(400, "A batch needs an array of parts.", "27560")
    return parts


def _part(service: Service, request: Request, part: Row, view: View, version: int) -> Row:
    shown = {name: part.get(name) for name in ("id", "path", "operation")}
    operation, path = str(part.get("operation", "")), urlsplit(str(part.get("path", "")))
    verb = _VERBS.get(operation, "POST")
    address = path.path if operation in _VERBS else f"{path.path}/action/{operation}"
    headers = {**request.headers, "content-type": "application/json"}
    headers.pop("x-http-method-override", None)
    if operation == "upsert":
        headers["upsert-mode"] = "true"
    inner = Request(
        verb, f"{request.path.rstrip('/')}/{address.lstrip('/')}", path.query, headers,
        encode(part.get("payload") or {}), request.base, request.user, request.request_id,
    )  # fmt: skip
    try:
        response = service.call(inner, view, version)
    except AdfError as error:
        text = f"Part {part.get('id')}: {error.detail}"
        raise AdfError(error.status, text, error.code, error.path) from error
    if response.body and "resourceitem+json;q=0" not in request.headers.get("accept", "").replace(" ", ""):
        shown["payload"] = msgspec.Raw(response.body)
    return shown
