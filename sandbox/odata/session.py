"""Who may come in: Basic sign-on, security sessions with their cookies, CSRF tokens."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie

from sandbox.http import Request, Response

SYSTEM, CLIENT = "S4H", "100"
SESSION_COOKIE = f"SAP_SESSIONID_{SYSTEM}_{CLIENT}"
XSRF_COOKIE = f"sap-XSRF_{SYSTEM}_{CLIENT}"
_WRONG_TRIES = 5
_HTML = {"content-type": "text/html; charset=utf-8"}
_LOGON = "<html><head><title>{title}</title></head><body><h1>{title}</h1><p>{text}</p></body></html>"


@dataclass
class _Session:
    token: str
    xsrf: str
    used_at: float


@dataclass
class Door:
    """One communication user. Its password locks after five wrong tries, until `unlock`."""

    user: str
    password: str
    session_seconds: float = 1800
    clock: Callable[[], float] = time.monotonic
    wrong_tries: int = 0
    _sessions: dict[str, _Session] = field(default_factory=dict)

    def sign_on(self, request: Request) -> Response | None:
        """None for a known caller, else the 401 that Gateway answers: HTML, whatever the client accepts."""
        client = request.options.get("sap-client") or request.headers.get("sap-client") or CLIENT
        if client != CLIENT:
            return _unauthorized(f"Client {client} is not available in this system")
        header = request.headers.get("authorization")
        if header is None:
            return None if self._session(request) else _unauthorized("Anmeldung fehlgeschlagen / Logon failed")
        if self.wrong_tries >= _WRONG_TRIES or not self._is_right(header):
            self.wrong_tries += 1
            return _unauthorized("Name or password is incorrect, or the user is locked")
        self.wrong_tries = 0
        return None

    def unlock(self) -> None:
        self.wrong_tries = 0

    def hand_out_token(self, request: Request, response: Response) -> None:
        """Answers `x-csrf-token: Fetch` with the session's token, and sets its cookies when the session is new."""
        if request.headers.get("x-csrf-token", "").lower() != "fetch":
            return
        session = self._session(request)
        if session is None:
            session = _Session(secrets.token_urlsafe(18) + "==", secrets.token_urlsafe(16), self.clock())
            name = secrets.token_urlsafe(24)
            self._sessions[name] = session
            response.cookies += [
                f"sap-usercontext=sap-client={CLIENT}; path=/",
                f"{SESSION_COOKIE}={name}; path=/; HttpOnly",
                f"{XSRF_COOKIE}={session.xsrf}; path=/; HttpOnly",
            ]
        response.headers["x-csrf-token"] = session.token

    def check_token(self, request: Request) -> Response | None:
        """None when token and cookies belong to one living session, else 403 with `x-csrf-token: Required`."""
        session = self._session(request)
        sent = request.headers.get("x-csrf-token", "")
        if (
            session
            and hmac.compare_digest(sent.encode(), session.token.encode())
            and _cookies(request).get(XSRF_COOKIE) == session.xsrf
        ):
            return None
        return token_required()

    def expire_tokens(self) -> None:
        """The sessions live on with new tokens."""
        for session in self._sessions.values():
            session.token = secrets.token_urlsafe(18) + "=="

    def expire_sessions(self) -> None:
        self._sessions.clear()

    def _session(self, request: Request) -> _Session | None:
        name = _cookies(request).get(SESSION_COOKIE, "")
        session = self._sessions.get(name)
        if session is None:
            return None
        if self.clock() - session.used_at > self.session_seconds:
            del self._sessions[name]
            return None
        session.used_at = self.clock()
        return session

    def _is_right(self, header: str) -> bool:
        scheme, _, coded = header.partition(" ")
        try:
            sent = base64.b64decode(coded, validate=True)
        except binascii.Error:
            return False
        right = f"{self.user}:{self.password}".encode()
        name, colon, password = sent.partition(b":")
        return scheme.lower() == "basic" and hmac.compare_digest(name.upper() + colon + password, _upper_name(right))


def _upper_name(credentials: bytes) -> bytes:
    """User names do not distinguish upper and lower case, passwords do."""
    name, colon, password = credentials.partition(b":")
    return name.upper() + colon + password


def token_required() -> Response:
    return Response(
        403, {"content-type": "text/plain; charset=utf-8", "x-csrf-token": "Required"}, b"CSRF token validation failed"
    )


def logon_page(status: int, text: str = "Please log on") -> Response:
    return Response(status, dict(_HTML), _LOGON.format(title="Logon", text=text).encode())


def _unauthorized(text: str) -> Response:
    response = logon_page(401, text)
    response.headers["www-authenticate"] = f'Basic realm="SAP NetWeaver Application Server [{SYSTEM}/{CLIENT}]"'
    return response


def _cookies(request: Request) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(request.headers.get("cookie", "")).items()}
    except CookieError:
        return {}
