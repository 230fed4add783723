"""$batch: several requests in one multipart body, writes gathered in all-or-nothing changesets."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field, replace
from email.message import Message
from http import HTTPStatus
from urllib.parse import urlsplit

from sandbox.http import Response
from sandbox.odata.backend import ODataError
from sandbox.odata.errors import bad_request, not_allowed
from sandbox.odata.http import Request
from sandbox.odata.service import ServiceHandler

_ONE_OPERATION = "Default changeset implementation allows only one operation"


@dataclass
class _Part:
    """One request, or a changeset of several."""

    operations: list[_Operation] = field(default_factory=list)
    is_changeset: bool = False


@dataclass(frozen=True)
class _Operation:
    request: Request
    path: str
    """Relative to the service."""
    content_id: str


def answer_batch(handler: ServiceHandler, request: Request) -> Response:
    """202 with one part for each part sent; a failed changeset is answered by a single error part.

    Raises ODataError when the batch as a whole cannot be read, or the service takes none.
    """
    if not handler.service.batch:
        raise not_allowed("Batch requests are not supported by this service")
    if request.method != "POST":
        raise not_allowed("$batch needs POST")
    boundary = f"ejjeeffe{len(request.body) % 10}-{uuid.uuid4().hex}"
    parts = [_answer_part(handler, part) for part in _parts(handler, request)]
    body = b"".join(_delimited(boundary, part) for part in parts) + f"--{boundary}--\r\n".encode()
    return Response(202, {"content-type": f"multipart/mixed; boundary={boundary}"}, body)


# --- answering -------------------------------------------------------------------------------------------------------


def _answer_part(handler: ServiceHandler, part: _Part) -> bytes:
    if not part.is_changeset:
        operation = part.operations[0]
        return _http_part(handler.handle(operation.request, operation.path), operation.content_id)
    return _answer_changeset(handler, part)


def _answer_changeset(handler: ServiceHandler, part: _Part) -> bytes:
    point = handler.backend.savepoint()
    if problem := _changeset_problem(handler, part):
        first = part.operations[0]
        return _http_part(handler.refusal(problem, first.request), first.content_id)
    answers: list[bytes] = []
    created: dict[str, str] = {}
    for operation in part.operations:
        path = _refer(operation.path, created)
        response = handler.handle(operation.request, path)
        if response.status >= 400:
            handler.backend.rollback(point)
            return _http_part(response, operation.content_id)
        if "location" in response.headers:
            created[operation.content_id] = _relative(handler, response.headers["location"])
        answers.append(_http_part(response, operation.content_id))
    boundary = f"changeset-{uuid.uuid4().hex}"
    inner = b"".join(_delimited(boundary, answer) for answer in answers) + f"--{boundary}--\r\n".encode()
    head = f"Content-Type: multipart/mixed; boundary={boundary}\r\nContent-Length: {len(inner)}\r\n\r\n"
    return head.encode() + inner


def _changeset_problem(handler: ServiceHandler, part: _Part) -> ODataError | None:
    if any(not operation.request.is_write for operation in part.operations):
        return bad_request("A changeset must hold changing requests only")
    if len(part.operations) > 1 and handler.service.one_operation_changesets:
        return bad_request(_ONE_OPERATION, "/IWBEP/CM_MGW_RT/022")
    return None


def _refer(path: str, created: dict[str, str]) -> str:
    """`$1/to_Item` with the address of what the request with Content-ID 1 has created."""
    found = re.match(r"\$([^/?]+)", path)
    if not found or found[1] not in created:
        return path
    return created[found[1]] + path[found.end() :]


def _http_part(response: Response, content_id: str) -> bytes:
    headers = response.headers | {"content-length": str(len(response.body))}
    if content_id:
        headers["content-id"] = content_id
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    http = f"HTTP/1.1 {response.status} {_reason(response.status)}\r\n{lines}\r\n".encode() + response.body
    own = f"Content-ID: {content_id}\r\n" if content_id else ""
    head = f"Content-Type: application/http\r\nContent-Length: {len(http)}\r\n"
    head += f"content-transfer-encoding: binary\r\n{own}\r\n"
    return head.encode() + http


def _reason(status: int) -> str:
    return HTTPStatus(status).phrase


def _delimited(boundary: str, part: bytes) -> bytes:
    return f"--{boundary}\r\n".encode() + part + b"\r\n"


# --- reading what was sent -------------------------------------------------------------------------------------------


def _parts(handler: ServiceHandler, request: Request) -> list[_Part]:
    parts = []
    for headers, body in _split(request.headers.get("content-type", ""), request.body):
        kind = headers.get("content-type", "")
        if kind.lower().startswith("multipart/mixed"):
            operations = [_operation(handler, request, h, b) for h, b in _split(kind, body)]
            if operations:
                parts.append(_Part(operations, is_changeset=True))
        else:
            parts.append(_Part([_operation(handler, request, headers, body)]))
    return parts


def _split(content_type: str, body: bytes) -> list[tuple[dict[str, str], bytes]]:
    boundary = _boundary(content_type)
    if not boundary:
        raise bad_request(f"A batch needs the content type multipart/mixed with a boundary, not '{content_type}'")
    pieces = re.split(rb"(?:^|\r?\n)--" + re.escape(boundary.encode()) + rb"(?:--)?[ \t]*(?=\r?\n|$)", body)
    return [_headed(piece.lstrip(b"\r\n")) for piece in pieces[1:] if piece.strip()]


def _boundary(content_type: str) -> str:
    message = Message()
    message["content-type"] = content_type
    return str(message.get_param("boundary") or "")


def _headed(piece: bytes) -> tuple[dict[str, str], bytes]:
    """Headers with lower-case names, and what follows the empty line."""
    head, _, body = _partition_blank(piece)
    return _headers(head), body


def _partition_blank(piece: bytes) -> tuple[bytes, bytes, bytes]:
    found = re.search(rb"\r?\n\r?\n", piece)
    if not found:
        return piece, b"", b""
    return piece[: found.start()], found[0], piece[found.end() :]


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("utf-8", "replace").splitlines()
    return {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if value}


def _operation(handler: ServiceHandler, outer: Request, part: dict[str, str], body: bytes) -> _Operation:
    head, _, payload = _partition_blank(body)
    first, _, rest = head.partition(b"\n")
    words = first.decode("utf-8", "replace").split()
    if len(words) < 2:
        raise bad_request("A part of the batch has no request line")
    headers = _headers(rest)
    try:
        address = urlsplit(words[1])
    except ValueError as problem:
        raise bad_request(f"A part of the batch has no address but '{words[1][:60]}'") from problem
    path = _relative(handler, address.path)
    request = replace(
        outer,
        method=words[0].upper(),
        path=f"{handler.service.path}/{path}",
        query=address.query,
        headers={"accept": outer.headers.get("accept", "")} | headers,
        body=payload.rstrip(b"\r\n"),
    )
    return _Operation(request, path, part.get("content-id") or headers.get("content-id", ""))


def _relative(handler: ServiceHandler, address: str) -> str:
    """A path as clients write it (relative, from the root, a full address) as one relative to the service."""
    path = urlsplit(address).path
    own = re.escape(f"{handler.service.root}/{handler.service.name}")
    found = re.match(rf"{own}(?:;v=\d+)?/", path)
    return path[found.end() :] if found else path.lstrip("/")
