"""Who may come in: Basic, or a bearer token of the identity domain's token endpoint (client_credentials, one hour).

A user NAME.COMPANY, with the same password, has the rights of that one business unit.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from urllib.parse import parse_qs

import msgspec

from sandbox.http import Request, Response
from sandbox.oracle.adf.model import View

TOKEN_PATH = "/oauth2/v1/token"
LIFETIME_S = 3600
_HTML = "text/html; charset=utf-8"
_REFUSED = b"<html><head><title>401 Authorization Required</title></head><body><h1>Unauthorized</h1></body></html>"


class Door:
    def __init__(self, user: str, password: str, companies: Collection[str], now: Callable[[], datetime]) -> None:
        self.user, self.password = user, password
        self._companies = companies
        self._now = now
        self._tokens: dict[str, tuple[str, datetime]] = {}

    def view(self, request: Request) -> View | None:
        """What the caller may see; None for somebody unknown."""
        kind, _, proof = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            user, until = self._tokens.get(proof.strip(), ("", self._now()))
            return self._of(user) if user and self._now() < until else None
        return self._of(self._basic(proof)) if kind.lower() == "basic" else None

    def token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        kind, _, proof = request.headers.get("authorization", "").partition(" ")
        user = self._basic(proof) if kind.lower() == "basic" else ""
        if not user and form.get("client_secret") == self.password:
            user = form.get("client_id", "")
        if form.get("grant_type") != "client_credentials":
            return _oauth_error(400, "unsupported_grant_type")
        if self._of(user) is None:
            return _oauth_error(401, "invalid_client")
        token = secrets.token_urlsafe(48)
        self._tokens[token] = (user, self._now() + timedelta(seconds=LIFETIME_S))
        body = {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME_S}
        return Response(
            200, {"content-type": "application/json", "cache-control": "no-store"}, msgspec.json.encode(body)
        )

    def expire(self) -> None:
        self._tokens.clear()

    def _basic(self, proof: str) -> str:
        """The user, when the password is right."""
        try:
            user, _, password = base64.b64decode(proof, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return ""
        return user if secrets.compare_digest(password.encode(), self.password.encode()) else ""

    def _of(self, user: str) -> View | None:
        if user == self.user:
            return View()
        company = user.removeprefix(f"{self.user}.")
        return View(frozenset({company})) if user != company and company in self._companies else None


def unauthorized() -> Response:
    return Response(401, {"content-type": _HTML, "www-authenticate": 'Basic realm="Fusion"'}, _REFUSED)


def _oauth_error(status: int, code: str) -> Response:
    return Response(status, {"content-type": "application/json"}, msgspec.json.encode({"error": code}))
