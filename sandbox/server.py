"""Runs a sandbox over HTTP: one lock around the books, faults on the way in and out, the control plane beside.

A dropped answer is a closed TCP connection: the server's transport is closed under the client, no byte of HTTP is sent.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import uvicorn

from sandbox.control import PREFIX, Control
from sandbox.faults import Faults
from sandbox.keeping import Keeper, load
from sandbox.odata.backend import Backend
from sandbox.odata.gateway import Gateway
from sandbox.odata.http import Request, Response, Tweaks
from sandbox.odata.metadata import Service, load_services
from sandbox.odata.session import Door, logon_page, token_required
from sandbox.wire import Connections, Receive, Scope, Send, listed_protocol, read_request, wait_for_disconnect

Hit = dict[str, dict[str, Any]]

USER, PASSWORD = "CROSSTIE", "sandbox"
PRODUCTS = {"sap/s4": ("sandbox.sap.s4", Path(__file__).parent / "sap" / "metadata")}
_HOLD_SECONDS = 300
_SHORT_DUMP = b"<html><head><title>Error</title></head><body><h1>500 SAP Internal Server Error</h1></body></html>"
_UNAVAILABLE = b"<html><head><title>Error</title></head><body><h1>503 Service Unavailable</h1></body></html>"
_RATE_LIMIT = b'{"fault":{"faultstring":"Rate limit quota violation. Quota limit exceeded"}}'


@dataclass(frozen=True)
class Reply:
    """What goes back: an answer, the first half of one, or nothing but a closed connection."""

    response: Response | None
    half: bool = False
    skew_seconds: int = 0
    hold: bool = False


class App:
    """The ASGI application of one sandbox."""

    def __init__(self, product: str, gateway: Gateway, *, real_dates: bool = False) -> None:
        """real_dates: the Date header shows this machine's clock in place of the ERP's simulated one."""
        self.gateway = gateway
        self.faults = Faults()
        self.timers: set[threading.Timer] = set()
        self.connections: Connections = {}
        self._control = Control(product, gateway.backend, self.faults, gateway.door)
        self._real_dates = real_dates
        self.lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await read_request(scope, receive, self.gateway.door.user)
        if request.path.startswith(PREFIX):
            reply = Reply(await asyncio.to_thread(self._locked, self._control.handle, request))
        else:
            reply = await self._reply(request)
        if reply.hold:
            await wait_for_disconnect(receive, _HOLD_SECONDS)
        if reply.response is None:
            await self._hang_up(scope, receive)
        else:
            await self._send(scope, receive, send, reply, reply.response)

    # --- faults on the way in and out --------------------------------------------------------------------------------

    async def _reply(self, request: Request) -> Reply:
        hit = self.faults.pick(request)
        if "latency" in hit:
            await asyncio.sleep(hit["latency"]["ms"] / 1000)
        skew = hit.get("clock_skew", {}).get("seconds", 0)
        if (early := self._before_sign_on(hit)) is not None:
            return replace(early, skew_seconds=skew)
        request = replace(request, tweaks=_tweaks(hit))
        if refusal := await asyncio.to_thread(self._locked, self._admit, request, hit):
            return Reply(refusal, skew_seconds=skew)
        if "late_commit" in hit:
            self._commit_later(request, hit["late_commit"]["seconds"])
            return Reply(None, hold=hit["late_commit"]["hold"])
        response = await asyncio.to_thread(self._locked, self.gateway.serve, request)
        if "dropped_after_commit" in hit:
            return Reply(None)
        if hit.get("internal_error", {}).get("when") == "after":
            response = _html(500, _SHORT_DUMP)
        return Reply(response, half="half_answer" in hit, skew_seconds=skew)

    def _before_sign_on(self, hit: Hit) -> Reply | None:
        """What a proxy or a full dispatcher does to a request that the ERP never sees."""
        if "dropped_before_commit" in hit:
            return Reply(None)
        if "rate_limited" in hit:
            retry = {"retry-after": str(hit["rate_limited"]["retry_after"]), "content-type": "application/json"}
            return Reply(Response(429, retry, _RATE_LIMIT))
        if "unavailable" in hit:
            response, wait = _html(503, _UNAVAILABLE), hit["unavailable"]["retry_after"]
            if wait:
                response.headers["retry-after"] = str(wait)
            return Reply(response)
        return Reply(logon_page(200)) if "refused_200" in hit else None

    def _admit(self, request: Request, hit: Hit) -> Response | None:
        door = self.gateway.door
        if "expired_session" in hit:
            door.expire_sessions()
        if "expired_token" in hit:
            door.expire_tokens()
            return door.sign_on(request) or token_required()
        if refusal := self.gateway.admit(request):
            return refusal
        if "locked" in hit:
            return self._locked_document(request, hit["locked"]["user"])
        if "lookup_fails" in hit or hit.get("internal_error", {}).get("when") == "before":
            return _html(500, _SHORT_DUMP)
        return None

    def _locked_document(self, request: Request, user: str) -> Response:
        return self.gateway.refuse(request, 400, "V1/042", f"The document is currently being processed by {user}")

    def _commit_later(self, request: Request, seconds: float) -> None:
        """The client never hears of it; the fault log shows the status once it has happened."""
        entry = next(e for e in reversed(self.faults.log) if e["fault"] == "late_commit")

        def commit() -> None:
            entry["status"] = self._locked(self.gateway.serve, request).status
            self.timers.discard(timer)

        timer = threading.Timer(seconds, commit)
        timer.daemon = True
        self.timers.add(timer)
        timer.start()

    def _locked(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """One request at a time, as if the ERP had one work process; a bug of ours is a short dump."""
        with self.lock:
            try:
                return work(*arguments)
            except Exception:
                traceback.print_exc(file=sys.stderr)
                return _html(500, _SHORT_DUMP)

    # --- the wire ----------------------------------------------------------------------------------------------------

    async def _send(self, scope: Scope, receive: Receive, send: Send, reply: Reply, response: Response) -> None:
        await send(
            {"type": "http.response.start", "status": response.status, "headers": self._headers(reply, response)}
        )
        if reply.half:
            await send(
                {"type": "http.response.body", "body": response.body[: len(response.body) // 2], "more_body": True}
            )
            await self._hang_up(scope, receive)
            return
        body = b"" if scope["method"] == "HEAD" else response.body
        await send({"type": "http.response.body", "body": body})

    def _headers(self, reply: Reply, response: Response) -> list[tuple[bytes, bytes]]:
        now = datetime.now(UTC) if self._real_dates else self.gateway.backend.now()
        shown = (now + timedelta(seconds=reply.skew_seconds)).replace(microsecond=0)
        headers = {"date": format_datetime(shown, usegmt=True)} | response.headers
        if response.status not in (204, 304):
            headers["content-length"] = str(len(response.body))
        pairs = [*headers.items(), *(("set-cookie", cookie) for cookie in response.cookies)]
        return [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in pairs]

    async def _hang_up(self, scope: Scope, receive: Receive) -> None:
        transport = self.connections.get((scope["client"], scope["server"]))
        if transport is not None:
            transport.close()
        await wait_for_disconnect(receive, 5)


def _tweaks(hit: Hit) -> Tweaks:
    renamed = hit.get("field_renamed", {})
    return Tweaks(
        page_limit=hit.get("page_limit", {}).get("n"),
        repeat=hit.get("duplicate_answer", {}).get("repeat", ""),
        move=hit.get("rows_move", {}).get("rows", 0),
        rename=((renamed["from"], renamed["to"]),) if renamed else (),
    )


def _html(status: int, body: bytes) -> Response:
    return Response(status, {"content-type": "text/html; charset=utf-8"}, body)


# --- starting and stopping -------------------------------------------------------------------------------------------


@dataclass
class Sandbox:
    """A running sandbox."""

    product: str
    url: str
    user: str
    password: str
    info: dict[str, Any]
    backend: Backend
    _app: App = field(repr=False)
    _server: uvicorn.Server = field(repr=False)
    _thread: threading.Thread = field(repr=False)
    _keeper: Keeper | None = field(default=None, repr=False)

    def stop(self) -> None:
        """What was to be committed late is not committed any more."""
        for timer in list(self._app.timers):
            timer.cancel()
        self._server.should_exit = True
        self._thread.join(timeout=10)
        if self._keeper:
            self._keeper.stop()

    def keep(self, file: Path) -> None:
        """From here on the books are kept in `file`."""
        self._keeper = Keeper(file, self.product, self.backend, self.info, self._app.lock)
        self._keeper.start()

    def announcement(self) -> str:
        """The line on standard output that tells the caller where and what we are."""
        head = {"product": self.product, "url": self.url, "user": self.user, "password": self.password}
        return json.dumps(head | self.info | {"clock": self.backend.now().isoformat()}, ensure_ascii=False, default=str)


def start(
    product: str,
    *,
    data: Path | None = None,
    rows: int | None = None,
    date: date | None = None,
    seed: int = 7,
    port: int = 0,
    user: str = USER,
    password: str = PASSWORD,
    tolerant_clock: bool = False,
    state: Path | None = None,
) -> Sandbox:
    """Run a product's sandbox in a thread of its own until `stop`; port 0 takes a free one.

    With `state` the books are kept in that file; where it exists they are read from it, and data, rows, date and seed
    mean nothing. Raises ValueError for an unknown product or data the product cannot read, OSError for a port in use.
    """
    if product not in PRODUCTS:
        raise ValueError(f"there is no sandbox for {product}; there is {', '.join(PRODUCTS)}")
    module, metadata = PRODUCTS[product]
    if state and state.exists():
        backend, info = load(state, product)
    else:
        backend, info = importlib.import_module(module).open_backend(data=data, rows=rows, date=date, seed=seed)
    sandbox = serve(
        product,
        backend,
        load_services(metadata),
        info=info,
        port=port,
        door=Door(user, password),
        real_dates=tolerant_clock,
    )
    if state:
        sandbox.keep(state)
    return sandbox


def serve(
    product: str,
    backend: Backend,
    services: Sequence[Service],
    *,
    info: dict[str, Any] | None = None,
    port: int = 0,
    door: Door | None = None,
    real_dates: bool = False,
) -> Sandbox:
    """Serve these books; returns when requests are answered."""
    door = door or Door(USER, PASSWORD)
    app = App(product, Gateway(backend, services, door), real_dates=real_dates)
    listening = _listen(port)
    config = uvicorn.Config(
        app,
        http=listed_protocol(app.connections),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=60,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listening]}, name=f"sandbox {product}", daemon=True
    )
    thread.start()
    _wait_until_started(server, thread)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    return Sandbox(product, url, door.user, door.password, info or {}, backend, app, server, thread)


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as problem:
        why = os.strerror(problem.errno) if problem.errno else str(problem)
        taken = f"port {port} of 127.0.0.1 cannot be used ({why}); name another one with --port, or 0 for a free one"
        raise OSError(taken) from problem


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    while not server.started:
        if not thread.is_alive():
            raise OSError("the sandbox's server did not start")
        thread.join(timeout=0.01)
