"""Data centres and tokens: where a tenant's gateway is, and what its apps prove themselves with.

Codes of a wrong signature and of an old timestamp are not published: 10019 and 10020 are this sandbox's own. A new
token leaves the old one good; a token is the app's for 7200 s of the sandbox's clock.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from sandbox.http import Response
from sandbox.yonyou.envelope import RefusalError, reply
from sandbox.yonyou.wire import Row

LIFETIME_SECONDS = 7200
STALE_SECONDS = 600
GATEWAY, AUTH = "/iuap-api-gateway", "/iuap-api-auth"
_DISCOVERY = "/open-auth/dataCenter/getGatewayAddress"
_SELF = ("/open-auth/selfAppAuth/getAccessToken", "/open-auth/selfAppAuth/base/v1/getAccessToken")
_SUITE = ("/open-auth/suiteApp/getAccessToken", "/open-auth/suiteApp/base/v1/getAccessToken")


class TokenService:
    """One app of one tenant, as a self-built app (appKey) and as a suite app (suiteKey and tenantId)."""

    def __init__(self, key: str, secret: str, tenant: str, now: Callable[[], datetime]) -> None:
        self.key, self.secret, self.tenant = key, secret, tenant
        self._now = now
        self._tokens: dict[str, datetime] = {}

    def covers(self, path: str) -> bool:
        return path.removeprefix(AUTH).startswith("/open-auth/")

    def serve(self, path: str, options: Mapping[str, str], base: str) -> Response:
        """The answer to a GET below open-auth, with or without the service's prefix."""
        path = path.removeprefix(AUTH)
        if path == _DISCOVERY:
            return self._address(options.get("tenantId", ""), base)
        if path in _SELF:
            return self._token(options, {"appKey": self.key}, long="/base/v1/" in path)
        if path in _SUITE:
            return self._token(options, {"suiteKey": self.key, "tenantId": self.tenant}, long="/base/v1/" in path)
        raise RefusalError("310404", f"网关上没有注册此API[{path}]", status=404)

    def is_good(self, token: str) -> bool:
        until = self._tokens.get(token)
        return until is not None and self._now() < until

    def expire(self) -> None:
        self._tokens.clear()

    def _address(self, tenant: str, base: str) -> Response:
        if tenant != self.tenant:
            raise RefusalError("500", "根据租户id获取网关地址出现异常")
        where = {"gatewayUrl": base + GATEWAY, "tokenUrl": base + AUTH}
        return reply({"code": "00000", "message": "成功！", "data": where})

    def _token(self, options: Mapping[str, str], app: Mapping[str, str], *, long: bool) -> Response:
        if any(options.get(name) != value for name, value in app.items()):
            raise RefusalError("10018", "应用不存在或appKey已停用")
        signed = {name: options.get(name, "") for name in (*app, "timestamp")}
        if not hmac.compare_digest(signature(signed, self.secret).encode(), options.get("signature", "").encode()):
            raise RefusalError("10019", "签名错误")
        if not signed["timestamp"].isdigit() or _age(int(signed["timestamp"])) > STALE_SECONDS:
            raise RefusalError("10020", "时间戳已失效")
        granted: Row = {"access_token": self._issue(long), "expire": LIFETIME_SECONDS}
        return reply({"code": "00000", "message": "成功！", "data": granted})

    def _issue(self, long: bool) -> str:
        """The older path gives 32 hexadecimal digits, the newer one a longer text with `+`, `/` and `=` in it."""
        token = base64.b64encode(secrets.token_bytes(92)).decode() + "+/==" if long else secrets.token_hex(16)
        self._tokens[token] = self._now() + timedelta(seconds=LIFETIME_SECONDS)
        return token


def signature(parameters: Mapping[str, str], secret: str) -> str:
    """base64 of HMAC-SHA256 over names and values, sorted by name; not yet encoded for a URL."""
    message = "".join(f"{name}{value}" for name, value in sorted(parameters.items()))
    return base64.b64encode(hmac.new(secret.encode(), message.encode(), hashlib.sha256).digest()).decode()


def _age(milliseconds: int) -> float:
    """Seconds between a client's clock and ours, either way."""
    return abs(time.time() - milliseconds / 1000)
