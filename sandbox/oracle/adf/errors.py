"""How an ADF service refuses: plain text up to framework version 3, structured JSON from 4 on."""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from sandbox.http import Response

ERROR_TYPE = "application/vnd.oracle.adf.error+json"
STRUCTURED_SINCE = 4


class AdfError(Exception):
    """A refusal: HTTP status, text, Oracle's code for it, and the attribute it is about."""

    def __init__(self, status: int, detail: str, code: str = "", path: str = "") -> None:
        super().__init__(f"{status} {detail}")
        self.status = status
        self.detail = detail
        self.code = code
        self.path = path


def missing(attribute: str, entity: str) -> AdfError:
    return AdfError(400, f"JBO-27014: Attribute {attribute} in {entity} is required.", "27014", f"/{attribute}")


def invalid(attribute: str, text: str) -> AdfError:
    return AdfError(400, f"JBO-27024: {text}", "27024", f"/{attribute}")


def duplicate(text: str) -> AdfError:
    return AdfError(400, f"JBO-25013: Too many objects match the primary key {text}.", "25013")


def not_found(what: str = "") -> AdfError:
    return AdfError(404, f"The resource {what} was not found." if what else "Not Found", "404")


def refusal(error: AdfError, version: int) -> Response:
    if version < STRUCTURED_SINCE:
        return Response(error.status, {"content-type": "text/plain;charset=utf-8"}, error.detail.encode())
    return Response(error.status, {"content-type": ERROR_TYPE}, msgspec.json.encode(structured(error)))


def structured(error: AdfError) -> dict[str, object]:
    detail = {"detail": error.detail, "o:errorCode": error.code or str(error.status)}
    if error.path:
        detail["o:errorPath"] = error.path
    title = HTTPStatus(error.status).phrase
    return {"title": title, "status": str(error.status), "o:errorDetails": [detail]}
