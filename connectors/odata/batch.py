"""$batch of OData V2: one changeset, all or nothing, as multipart text and back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email import message_from_bytes

import httpx

from connectors.answer import Answer


@dataclass(frozen=True, slots=True)
class Operation:
    """One write below the service root; `path` without a leading slash, `body` is JSON."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]


def changeset(operations: Sequence[Operation]) -> tuple[str, bytes]:
    """(content type, body) of a $batch with one changeset."""
    batch, inner = f"batch_{uuid.uuid4().hex}", f"changeset_{uuid.uuid4().hex}"
    lines = [f"--{batch}", f"Content-Type: multipart/mixed; boundary={inner}", ""]
    body = bytearray("\r\n".join(lines).encode() + b"\r\n")
    for number, operation in enumerate(operations, 1):
        body += _part(inner, number, operation)
    body += f"--{inner}--\r\n--{batch}--\r\n".encode()
    return f"multipart/mixed; boundary={batch}", bytes(body)


def _part(boundary: str, number: int, operation: Operation) -> bytes:
    headers = {**operation.headers, "Content-Length": str(len(operation.body))}
    lines = [
        f"--{boundary}",
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        f"Content-ID: {number}",
        "",
        f"{operation.method} {operation.path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + operation.body + b"\r\n"


def answers(outer: Answer) -> list[Answer]:
    """The inner answers of a $batch; ValueError when it is no multipart. A failed changeset has a single one."""
    head = f"Content-Type: {outer.headers.get('content-type', '')}\r\n\r\n".encode()
    message = message_from_bytes(head + outer.body)
    if not message.is_multipart():
        raise ValueError("not multipart")
    parts = [part for part in message.walk() if part.get_content_type() == "application/http"]
    return [_inner(outer, part.get_payload(decode=True)) for part in parts]


def _inner(outer: Answer, payload: object) -> Answer:
    if not isinstance(payload, bytes):
        raise ValueError("part without content")
    head, _, body = payload.lstrip().partition(b"\r\n\r\n")
    first, _, rest = head.partition(b"\r\n")
    words = first.split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise ValueError("part without a status line")
    pairs = [line.split(b":", 1) for line in rest.split(b"\r\n") if b":" in line]
    headers = httpx.Headers([(name.strip(), value.strip()) for name, value in pairs])
    return Answer(outer.method, outer.path, int(words[1]), headers, body, outer.request_id)
