"""The Gateway hub: which service a path means, who may call it, and the catalogue of services."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.front import Front
from sandbox.http import WRITES, Response
from sandbox.http import Request as Plain
from sandbox.odata.answers import JSON, error_answer
from sandbox.odata.backend import Backend, ODataError
from sandbox.odata.batch import answer_batch
from sandbox.odata.catalogue import Catalogue, catalogue_service
from sandbox.odata.errors import service_not_found
from sandbox.odata.http import Request, read
from sandbox.odata.metadata import Service
from sandbox.odata.service import ServiceHandler
from sandbox.odata.session import Door, logon_page

_SERVICE = re.compile(r"(/sap/opu/odata/(?:sap|iwfnd))/([^/;]+)(?:;v=(\d+))?(/.*)?", re.IGNORECASE)


_SHORT_DUMP = b"<html><head><title>Error</title></head><body><h1>500 SAP Internal Server Error</h1></body></html>"
_UNAVAILABLE = b"<html><head><title>Error</title></head><body><h1>503 Service Unavailable</h1></body></html>"
_RATE_LIMIT = b'{"fault":{"faultstring":"Rate limit quota violation. Quota limit exceeded"}}'


class Gateway(Front):
    def __init__(self, backend: Backend, services: Sequence[Service], door: Door) -> None:
        self.backend = backend
        self.door = door
        self.user, self.password = door.user, door.password
        self._handlers = {self._name(s): ServiceHandler(s, backend) for s in services}
        catalogue = catalogue_service()
        self._handlers[self._name(catalogue)] = ServiceHandler(catalogue, Catalogue(services, backend))

    def admit(self, request: Plain) -> Response | None:
        """None lets the request in; else the answer that turns it away: 401, or 403 for a write without its token."""
        if refusal := self.door.sign_on(request):
            return refusal
        return self.door.check_token(request) if self.is_write(request) else None

    def serve(self, request: Plain) -> Response:
        """The answer to an admitted request. HEAD is answered on every path, for clients that fetch their token so."""
        found = _SERVICE.fullmatch(request.path)
        if not found:
            return (
                Response(200) if request.method == "HEAD" else logon_page(404, "The requested resource does not exist")
            )
        response = self._serve_service(read(request), found)
        self.door.hand_out_token(request, response)
        return response

    # -- faults ------------------------------------------------------------------------------------------------------

    def is_write(self, request: Plain) -> bool:
        return request.method in WRITES

    def is_lookup(self, request: Plain) -> bool:
        return "$filter" in request.options and not self.is_write(request)

    def needs_token(self, request: Plain) -> bool:
        return self.is_write(request)

    def expire(self, what: str) -> None:
        if what == "session":
            self.door.expire_sessions()
        else:
            self.door.expire_tokens()

    def unlock(self) -> None:
        self.door.unlock()

    def fault(self, name: str, parameters: Mapping[str, Any], request: Plain) -> Response | None:
        match name:
            case "rate_limited":
                return Response(429, {"content-type": "application/json"}, _RATE_LIMIT)
            case "unavailable":
                return _html(503, _UNAVAILABLE)
            case "refused_200":
                return logon_page(200)
            case "locked":
                text = f"The document is currently being processed by {parameters['user']}"
                return error_answer(ODataError(400, "V1/042", text), read(request), at=self.backend.now())
            case "internal_error" | "lookup_fails":
                return _html(500, _SHORT_DUMP)
        return None

    # -- services ----------------------------------------------------------------------------------------------------

    def _serve_service(self, request: Request, found: re.Match[str]) -> Response:
        root, name, version, path = found[1], found[2], (found[3] or "1").zfill(4), found[4] or ""
        handler = self._handlers.get((root.rsplit("/", 1)[1].lower(), name.upper(), version))
        if handler is None:
            return error_answer(service_not_found(name, version), request, at=self.backend.now())
        if request.method == "HEAD":
            return Response(200, {"dataserviceversion": "2.0", "content-type": JSON})
        if path.strip("/") == "$batch":
            return self._batch(handler, request)
        return handler.handle(request, path)

    def _batch(self, handler: ServiceHandler, request: Request) -> Response:
        try:
            response = answer_batch(handler, request)
        except ODataError as error:
            response = handler.refusal(error, request)
        response.headers.setdefault("dataserviceversion", "2.0")
        return response

    @staticmethod
    def _name(service: Service) -> tuple[str, str, str]:
        return service.root.rsplit("/", 1)[1].lower(), service.name.upper(), service.version


def _html(status: int, body: bytes) -> Response:
    return Response(status, {"content-type": "text/html; charset=utf-8"}, body)
