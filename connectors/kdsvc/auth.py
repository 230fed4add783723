"""Two ways to log on: every request signed, or a session opened by a login call. One session a thread."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any, Literal

import httpx
import msgspec

from connectors.auth import refuse_passing, reveal, within
from connectors.base import System
from connectors.errors import AccessError, ConfigurationError, TransientError
from connectors.kdsvc.sign import Identity, headers, login_sign

Logon = Literal["signed", "password", "app_secret", "login_sign"]
SESSION = "kdservice-sessionid"
SERVICE = "Kingdee.BOS.WebApi.ServicesStub.AuthService"
LOGGED_IN = 1
UNKNOWN_ACCOUNT = "Fail to verify thirty passport"
EXCEPTION = "response_error:"


def identity_of(system: System, lcid: str, organisation: str) -> Identity:
    app_id, secret = system.options.get("app_id", ""), reveal(system.password)
    return Identity(system.client, system.username, app_id, secret, lcid, organisation)


class SignedAuth:
    """Nothing to log in and nothing to renew: a refusal means that the credentials are wrong."""

    def __init__(self, identity: Identity, clock: Callable[[], float] = time.time) -> None:
        self._identity, self._clock = identity, clock

    def prove(self, request: httpx.Request, client: httpx.Client) -> None:
        path = request.url.raw_path.decode("ascii").partition("?")[0]
        request.headers.update(headers(self._identity, path, str(int(self._clock())), uuid.uuid4().hex))

    def renew(self) -> bool:
        return False


class SessionAuth:
    """Logs in where the thread's cookie jar holds no session; `Http.renew` empties the jar."""

    def __init__(self, identity: Identity, method: str, base: str, system: str) -> None:
        self._identity, self._method, self._system = identity, method, system
        self._url = f"{base}/{SERVICE}.{method}.common.kdsvc"

    def prove(self, request: httpx.Request, client: httpx.Client) -> None:
        if any(cookie.name == SESSION for cookie in client.cookies.jar):
            return
        session = self._login(request, client)
        request.headers["Cookie"] = f"{SESSION}={session}"

    def renew(self) -> bool:
        return True

    def _login(self, request: httpx.Request, client: httpx.Client) -> str:
        body = msgspec.json.encode({"parameters": self._parameters()})
        try:
            kind = {"Content-Type": "application/json"}
            answer = client.post(self._url, content=body, headers=kind, extensions=within(request))
        except httpx.TransportError as exc:
            raise TransientError("unreachable", system=self._system, reason=type(exc).__name__) from None
        where: dict[str, Any] = {"system": self._system, "path": answer.request.url.path}
        if UNKNOWN_ACCOUNT in answer.text:
            raise AccessError("account-unknown", **where)
        refuse_passing(self._system, answer)
        if answer.text.startswith(EXCEPTION):
            raise TransientError("unavailable", status=str(answer.status_code), method="POST", **where)
        return self._session(answer, client, where)

    def _session(self, answer: httpx.Response, client: httpx.Client, where: dict[str, Any]) -> str:
        """The id of the session that was opened, also kept in the jar; AccessError unless the login says so."""
        try:
            said = answer.json()
            opened = said["LoginResultType"] == LOGGED_IN and said["KDSVCSessionId"]
        except (ValueError, KeyError, TypeError):
            raise AccessError("unauthorised", **where) from None
        if not opened:
            raise AccessError("logon-refused", text=str(said.get("Message") or said["LoginResultType"])[:200], **where)
        if not any(cookie.name == SESSION for cookie in client.cookies.jar):
            client.cookies.set(SESSION, str(opened), domain=answer.request.url.host, path="/")
        return str(opened)

    def _parameters(self) -> list[str | int]:
        who, lcid = self._identity, int(self._identity.lcid)
        match self._method:
            case "ValidateUser":
                return [who.account, who.user, who.app_secret, lcid]
            case "LoginByAppSecret":
                return [who.account, who.user, who.app_id, who.app_secret, lcid]
        stamp = str(int(time.time()))
        return [who.account, who.user, who.app_id, stamp, login_sign(who, stamp), lcid]


METHODS = {"password": "ValidateUser", "app_secret": "LoginByAppSecret", "login_sign": "LoginBySign"}


def make_auth(system: System, kind: str, base: str, lcid: str) -> SignedAuth | SessionAuth:
    """ConfigurationError when the way to log on needs an account set or an app id that the system file lacks."""
    facts: dict[str, Any] = {"system": system.name, "product": f"auth {kind}"}
    if not system.client:
        raise ConfigurationError("client-missing", **facts)
    if kind != "password" and not system.options.get("app_id"):
        raise ConfigurationError("option-missing", option="app_id", **facts)
    identity = identity_of(system, lcid, system.options.get("organisation", "0"))
    if kind == "signed":
        return SignedAuth(identity)
    return SessionAuth(identity, METHODS[kind], base, system.name)
