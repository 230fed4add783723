"""The tenant's gateway, found once, and the access token that goes with every call as a query parameter."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from connectors.address import checked_url
from connectors.auth import refuse_passing, reveal, within
from connectors.base import System
from connectors.errors import AccessError, ConnectorError, TransientError
from connectors.yonbip.answer import parsed
from connectors.yonbip.descriptor import Gateway
from connectors.yonbip.sign import signature

EARLY_S = 300.0
"""A token is renewed this long before it ends, so that none ends on the way."""
DONE = "00000"


@dataclass(frozen=True, slots=True)
class Addresses:
    api: httpx.URL
    auth: httpx.URL


class SignedToken:
    """See `connectors.auth.Auth`. One token for all threads; `prove` also leads the call to the tenant's gateway."""

    def __init__(self, system: System, words: Gateway, clock: Callable[[], float] = time.monotonic) -> None:
        self._system, self._words, self._clock = system, words, clock
        self._base = checked_url(system)
        self._lock = threading.Lock()
        self._addresses: Addresses | None = None
        self._token, self._ends = "", 0.0
        self._sent = threading.local()

    def prove(self, request: httpx.Request, client: httpx.Client) -> None:
        with self._lock:
            if self._addresses is None:
                self._addresses = self._found(request, client)
            if not self._token or self._clock() >= self._ends:
                self._fetch(request, client, self._addresses.auth)
            at, token = self._addresses.api, self._token
        self._sent.token = token
        path = request.url.path.removeprefix(self._base.path.rstrip("/"))
        query = request.url.params.set("access_token", token)
        request.url = at.copy_with(path=at.path.rstrip("/") + path, params=query)
        request.headers["Host"] = request.url.netloc.decode("ascii")

    def renew(self) -> bool:
        """Forget the token that this thread sent last; one that another thread has fetched since stays."""
        with self._lock:
            if self._token == getattr(self._sent, "token", ""):
                self._token = ""
        return True

    def _found(self, request: httpx.Request, client: httpx.Client) -> Addresses:
        """Ask the discovery host; an address with a path is the gateway itself."""
        words, system = self._words, self._system
        if self._base.path.strip("/") or not system.client:
            api = self._base if self._base.path.strip("/") else self._base.copy_with(path=words.api)
            return Addresses(api, httpx.URL(system.token_url or self._base.copy_with(path=words.auth)))
        url = self._base.copy_with(path=words.discovery, params={"tenantId": system.client})
        code, text, data = self._ask(request, client, url)
        if code != DONE or not isinstance(data, Mapping) or not data.get("gatewayUrl"):
            raise AccessError("tenant-unknown", system=system.name, tenant=system.client, text=text, erp=code or "none")
        told = str(data.get("tokenUrl") or "")
        return Addresses(self._trusted(str(data["gatewayUrl"])), self._trusted(system.token_url or told))

    def _trusted(self, address: str) -> httpx.URL:
        """AccessError for a host that is neither the configured one nor in the vendor's domains, or not encrypted."""
        url = httpx.URL(address.rstrip("/"))
        known = url.host == self._base.host or any(url.host.endswith(f".{name}") for name in self._words.domains)
        if not known or (url.scheme != "https" and not self._system.allow_http):
            target = f"{url.scheme}://{url.netloc.decode('ascii')}"
            raise AccessError("foreign-link", system=self._system.name, target=target, origin=str(self._base))
        return url

    def _fetch(self, request: httpx.Request, client: httpx.Client, auth: httpx.URL) -> None:
        asked = {"appKey": self._system.username, "timestamp": str(time.time_ns() // 1_000_000)}
        asked["signature"] = signature(asked, reveal(self._system.password))
        url = auth.copy_with(path=auth.path.rstrip("/") + self._words.token, params=asked)
        code, text, data = self._ask(request, client, url)
        token = str(data.get("access_token") or "") if isinstance(data, Mapping) else ""
        if code != DONE or not token:
            raise AccessError("token-refused", system=self._system.name, text=text or "no text", erp=code or "none")
        lasts = float(data["expire"]) if str(data.get("expire", "")).isdigit() else 0.0
        self._token, self._ends = token, self._clock() + max(lasts / 2, lasts - EARLY_S)

    def _ask(self, request: httpx.Request, client: httpx.Client, url: httpx.URL) -> tuple[str, str, Any]:
        """(code, text, data) of a GET that needs no token, in the time of the request that needs what it tells."""
        where: dict[str, Any] = {"system": self._system.name, "method": "GET", "path": url.path}
        try:
            answer = client.get(url, follow_redirects=False, extensions=within(request))
        except httpx.TransportError as exc:
            raise TransientError("unreachable", system=self._system.name, reason=type(exc).__name__) from None
        refuse_passing(self._system.name, answer)
        try:
            body = parsed(answer.content)
        except ValueError:
            body = None
        if not isinstance(body, Mapping):
            raise self._unreadable(answer, where)
        return str(body.get("code") or ""), str(body.get("message") or ""), body.get("data")

    def _unreadable(self, answer: httpx.Response, where: dict[str, Any]) -> ConnectorError:
        if answer.status_code == 404:
            return AccessError("service-missing", **where)
        kind = answer.headers.get("content-type", "").partition(";")[0] or "no type"
        if kind == "text/html":
            return AccessError("logon-page", type=kind, **where)
        return TransientError("broken-answer", **where)
