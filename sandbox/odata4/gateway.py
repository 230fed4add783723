"""A Gateway hub with V4 services beside those of V2: one sign-on, the same sessions and tokens, the same books."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sandbox.http import Request as Plain
from sandbox.http import Response
from sandbox.odata.backend import Backend, ODataError
from sandbox.odata.batch import answer_batch
from sandbox.odata.gateway import Gateway
from sandbox.odata.http import Request, read
from sandbox.odata.metadata import Service
from sandbox.odata.session import Door
from sandbox.odata4.errors import error_json, service_not_found
from sandbox.odata4.service import ServiceHandler4

ROOT = "/sap/opu/odata4/sap"
_SERVICE = re.compile(rf"{ROOT}/((\w+)/srvd_a2x/sap/\w+/\d+)(/.*)?", re.IGNORECASE)


class Gateway4(Gateway):
    def __init__(
        self, backend: Backend, services: Sequence[Service], door: Door, more: Backend, services4: Sequence[Service]
    ) -> None:
        """`more`: the books as the V4 services show them."""
        super().__init__(backend, services, door)
        for service in services4:
            service.root = ROOT
        self._handlers4 = {service.name.lower(): ServiceHandler4(service, more) for service in services4}

    def serve(self, request: Plain) -> Response:
        if not (found := _SERVICE.fullmatch(request.path)):
            return super().serve(request)
        response = self._serve4(read(request), found)
        self.door.hand_out_token(request, response)
        return response

    def fault(self, name: str, parameters: Mapping[str, Any], request: Plain) -> Response | None:
        if name == "locked" and request.path.startswith(ROOT):
            text = f"The document is currently being processed by {parameters['user']}"
            return self._refusal4(ODataError(409, "V1/042", text))
        return super().fault(name, parameters, request)

    def _serve4(self, request: Request, found: re.Match[str]) -> Response:
        handler, path = self._handlers4.get(found[1].lower()), found[3] or ""
        if handler is None:
            return self._refusal4(service_not_found(found[2]))
        if request.method == "HEAD":
            return Response(200, {"odata-version": "4.0"})
        if path.strip("/") != "$batch":
            return handler.handle(request, path)
        try:
            response = answer_batch(handler, request)
        except ODataError as error:
            return handler.refusal(error, request)
        return replace(response, status=200, headers={**response.headers, "odata-version": "4.0"})

    def _refusal4(self, error: ODataError) -> Response:
        body = error_json(error, at=self.backend.now())
        return Response(error.status, {"content-type": "application/json", "odata-version": "4.0"}, body)
