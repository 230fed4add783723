"""Between the HTTP server and the engine: requests read in, connections that can be closed without an answer."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox.http import Request

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Connections = dict[tuple[Any, Any], asyncio.Transport]
"""Open connections by client and server address."""


async def read_request(scope: Scope, receive: Receive, user: str) -> Request:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    host, port = scope["server"]
    return Request(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=body,
        base=f"{scope['scheme']}://{headers.get('host', f'{host}:{port}')}",
        user=user,
        request_id=headers.get("x-request-id") or uuid.uuid4().hex,
    )


async def wait_for_disconnect(receive: Receive, seconds: float) -> None:
    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(gone(), seconds)
    except TimeoutError:
        return


def listed_protocol(connections: Connections) -> type[H11Protocol]:
    """uvicorn's HTTP protocol, with its transports listed by client and server address.

    It also sends without delay: asyncio does so only where the listening socket names its protocol, and head and body
    are written apart, so each answer would wait 40 ms for an acknowledgement.
    """

    class ListedProtocol(H11Protocol):
        # asyncio types the transport wider than a server ever gets it
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connections[self.client, self.server] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            connections.pop((self.client, self.server), None)
            super().connection_lost(exc)

    return ListedProtocol
