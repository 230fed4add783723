"""The ASGI application of a sandbox: one lock around the books, faults on the way in and out, the control plane beside.

A dropped answer is a closed TCP connection: the server's transport is closed under the client, no byte of HTTP is sent.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from sandbox.control import PREFIX, Control
from sandbox.faults import Faults
from sandbox.front import Front
from sandbox.http import Request, Response, Tweaks
from sandbox.wire import Connections, Receive, Scope, Send, read_request, wait_for_disconnect

Hit = dict[str, dict[str, Any]]

_HOLD_SECONDS = 300
_PLAIN = {"rate_limited": 429, "unavailable": 503, "refused_200": 200, "locked": 409}
"""The status of a fault that the product has no words for; 500 for the others."""


@dataclass(frozen=True)
class Reply:
    """What goes back: an answer, the first half of one, or nothing but a closed connection."""

    response: Response | None
    half: bool = False
    skew_seconds: int = 0
    hold: bool = False


class App:
    """The ASGI application of one sandbox."""

    def __init__(self, product: str, front: Front, *, real_dates: bool = False) -> None:
        """real_dates: the Date header shows this machine's clock in place of the ERP's simulated one."""
        self.front = front
        self.faults = Faults()
        self.timers: set[threading.Timer] = set()
        self.connections: Connections = {}
        self._control = Control(product, front, self.faults)
        self._real_dates = real_dates
        self.lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await read_request(scope, receive, self.front.user)
        if request.path.startswith(PREFIX):
            reply = Reply(await asyncio.to_thread(self._locked, request, self._control.handle, request))
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
        hit = self.faults.pick(request, self.front)
        if "latency" in hit:
            await asyncio.sleep(hit["latency"]["ms"] / 1000)
        skew = hit.get("clock_skew", {}).get("seconds", 0)
        if (early := self._before_sign_on(request, hit)) is not None:
            return replace(early, skew_seconds=skew)
        request = replace(request, tweaks=_tweaks(hit))
        if refusal := await asyncio.to_thread(self._locked, request, self._admit, request, hit):
            return Reply(refusal, skew_seconds=skew)
        if late := hit.get("late_commit"):
            self._commit_later(request, late["seconds"])
            return self._dropped(request, late, hold=late["hold"])
        response = await asyncio.to_thread(self._locked, request, self.front.serve, request)
        if lost := hit.get("dropped_after_commit"):
            return self._dropped(request, lost)
        if hit.get("internal_error", {}).get("when") == "after":
            response = self._worded("internal_error", hit["internal_error"], request)
        return Reply(response, half="half_answer" in hit, skew_seconds=skew)

    def _before_sign_on(self, request: Request, hit: Hit) -> Reply | None:
        """What a proxy or a full dispatcher does to a request that the ERP never sees."""
        if lost := hit.get("dropped_before_commit"):
            return self._dropped(request, lost)
        for name in ("rate_limited", "unavailable"):
            if name in hit:
                response, wait = self._worded(name, hit[name], request), hit[name]["retry_after"]
                if wait or name == "rate_limited":
                    response.headers.setdefault("retry-after", str(wait))
                return Reply(response)
        return Reply(self._worded("refused_200", {}, request)) if "refused_200" in hit else None

    def _dropped(self, request: Request, parameters: dict[str, Any], *, hold: bool = False) -> Reply:
        """No answer, or that of a gateway before the ERP which got none."""
        status = parameters["status"]
        return Reply(self._worded("gateway_timeout", parameters, request) if status else None, hold=hold)

    def _admit(self, request: Request, hit: Hit) -> Response | None:
        for what in ("session", "token"):
            if f"expired_{what}" in hit:
                self.front.expire(what)
        if refusal := self.front.admit(request):
            return refusal
        for name in ("locked", "lookup_fails"):
            if name in hit:
                return self._worded(name, hit[name], request)
        if hit.get("internal_error", {}).get("when") == "before":
            return self._worded("internal_error", hit["internal_error"], request)
        return None

    def _worded(self, name: str, parameters: dict[str, Any], request: Request) -> Response:
        """The fault as the product words it, else as plain HTTP does."""
        if response := self.front.fault(name, parameters, request):
            return response
        return _plain(parameters.get("status") or _PLAIN.get(name, 500))

    def _commit_later(self, request: Request, seconds: float) -> None:
        """The client never hears of it; the fault log shows the status once it has happened."""
        entry = next(e for e in reversed(self.faults.log) if e["fault"] == "late_commit")

        def commit() -> None:
            entry["status"] = self._locked(request, self.front.serve, request).status
            self.timers.discard(timer)

        timer = threading.Timer(seconds, commit)
        timer.daemon = True
        self.timers.add(timer)
        timer.start()

    def _locked(self, request: Request, work: Callable[..., Any], *arguments: Any) -> Any:
        """One request at a time, as if the ERP had one work process; a bug of ours is its internal error."""
        with self.lock:
            try:
                return work(*arguments)
            except Exception:  # whatever it is: the client of an ERP sees an error, not a closed line
                traceback.print_exc(file=sys.stderr)
                return self._worded("internal_error", {}, request)

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
        now = datetime.now(UTC) if self._real_dates else self.front.backend.now()
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


def _plain(status: int) -> Response:
    body = f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>".encode()
    return Response(status, {"content-type": "text/html; charset=utf-8"}, body)
