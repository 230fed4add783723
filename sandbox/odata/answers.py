"""What the answers of a V2 service are made of: JSON, text, messages, and the refusal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from sandbox.http import Response
from sandbox.odata.backend import Message, ODataError
from sandbox.odata.errors import error_json, error_xml, sap_message
from sandbox.odata.http import Request

JSON = "application/json;charset=utf-8"


def json_answer(status: int, d: Any) -> Response:
    return Response(status, {"content-type": JSON}, msgspec.json.encode({"d": d}))


def text_answer(text: str) -> Response:
    return Response(200, {"content-type": "text/plain;charset=utf-8"}, text.encode())


def with_messages(response: Response, messages: list[Message], request: Request) -> Response:
    if messages:
        response.headers["sap-message"] = sap_message(messages, as_json=request.wants_json)
    return response


def error_answer(
    error: ODataError, request: Request, *, at: datetime, service: str = "", version: str = ""
) -> Response:
    """`service`, `version`: whose refusal it is; empty for the hub's own."""
    if not request.wants_json:
        return Response(error.status, {"content-type": "application/xml"}, error_xml(error, language=request.language))
    body = error_json(error, service=service, version=version, language=request.language, at=at)
    return Response(error.status, {"content-type": JSON}, body)
