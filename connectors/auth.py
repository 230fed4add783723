"""Proving who we are: Basic, OAuth 2.0 client credentials, or a client certificate alone (TLS does it)."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import httpx

from connectors.base import Secret, System
from connectors.errors import AccessError, ConfigurationError, TransientError
from connectors.refusals import ON_THE_WAY

EARLY_S = 60.0
"""A token is renewed this long before it ends, so that none ends on the way."""


class Auth(Protocol):
    def prove(self, request: httpx.Request, client: httpx.Client) -> None:
        """Add to the request what proves who we are; may fetch a token with `client`, in the time the request has."""

    def renew(self) -> bool:
        """Forget what was refused; True where a new attempt can differ."""


def reveal(secret: Secret | str) -> str:
    return secret if isinstance(secret, str) else secret.get_secret_value()


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")


class BasicAuth:
    def __init__(self, system: System) -> None:
        self._system = system

    def prove(self, request: httpx.Request, client: httpx.Client) -> None:
        request.headers["Authorization"] = basic(self._system.username, reveal(self._system.password))

    def renew(self) -> bool:
        return False


class CertificateAuth:
    def prove(self, request: httpx.Request, client: httpx.Client) -> None:
        return

    def renew(self) -> bool:
        return False


class ClientCredentials:
    """One token for all threads, kept until shortly before it ends."""

    def __init__(self, system: System, clock: Callable[[], float] = time.monotonic) -> None:
        if not system.token_url:
            raise ConfigurationError("token-url-missing", system=system.name)
        self._system, self._clock = system, clock
        self._lock = threading.Lock()
        self._token, self._ends = "", 0.0

    def prove(self, request: httpx.Request, client: httpx.Client) -> None:
        with self._lock:
            if not self._token or self._clock() >= self._ends:
                self._fetch(request, client)
            request.headers["Authorization"] = f"Bearer {self._token}"

    def renew(self) -> bool:
        with self._lock:
            self._token = ""
        return True

    def _fetch(self, request: httpx.Request, client: httpx.Client) -> None:
        system = self._system
        proof = {"Authorization": basic(system.username, reveal(system.password)), "Accept": "application/json"}
        form = {"grant_type": "client_credentials"}
        try:
            answer = client.post(
                system.token_url, data=form, headers=proof, follow_redirects=False, extensions=within(request)
            )
        except httpx.TransportError as exc:
            raise TransientError("unreachable", system=system.name, reason=type(exc).__name__) from None
        refuse_passing(system.name, answer)
        self._keep(answer)

    def _keep(self, answer: httpx.Response) -> None:
        path = answer.request.url.path
        try:
            body = answer.json() if answer.status_code == 200 else {}
            self._token = str(body["access_token"])
            self._ends = self._clock() + max(0.0, float(body.get("expires_in", 0)) - EARLY_S)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise AccessError("unauthorised", system=self._system.name, path=path) from None


def within(request: httpx.Request) -> dict[str, Any]:
    """The time limits of the call that a token is fetched for, its deadline among them, for the fetching call."""
    return {"timeout": request.extensions["timeout"]}


def refuse_passing(system: str, answer: httpx.Response) -> None:
    """Raise for an answer to a logon that says nothing of the credentials: a proxy's, or that of a busy server."""
    status = answer.status_code
    if status == 407:
        raise AccessError("proxy-refused", system=system)
    if status >= 500 or status == 429 or status in ON_THE_WAY:
        where: dict[str, Any] = {"method": answer.request.method, "path": answer.request.url.path}
        raise TransientError("unavailable", system=system, status=str(status), **where)


def make_auth(system: System, kind: str) -> Auth:
    match kind:
        case "oauth2":
            return ClientCredentials(system)
        case "certificate":
            return CertificateAuth()
        case _:
            return BasicAuth(system)
