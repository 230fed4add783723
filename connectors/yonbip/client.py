"""One tenant's APIs: calls within their quota, a refused token renewed once, lists and documents."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from connectors.base import Quota, System, Wire
from connectors.descriptor import Limits
from connectors.errors import AccessError, RateLimitedError, TransientError
from connectors.http import Http
from connectors.pace import Deadline
from connectors.words import Words
from connectors.yonbip.answer import EMPTY, GONE, Judge, Reply
from connectors.yonbip.auth import SignedToken
from connectors.yonbip.descriptor import Detail, Product, Resource, Write
from connectors.yonbip.quota import OwnQuota

T = TypeVar("T")
JSON = {"Content-Type": "application/json", "Accept": "application/json"}
PER_MINUTE = "calls_per_minute"
SLOWER_S = 1.0
"""How long to wait where the gateway asks for fewer calls and does not say for how long."""
encode = msgspec.json.Encoder(decimal_format="number").encode


class Client(Words[Resource, Write]):
    def __init__(
        self,
        product: Product,
        system: System,
        limits: Limits,
        quota: Quota | None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(product, system, product.resources)
        self.words = product
        self.http = Http(system, limits, headers={}, auth=SignedToken(system, product.gateway), sleep=sleep)
        self.judge = Judge(system.name, system.username, product.texts)
        self._quota, self._retry_s = quota or OwnQuota(), limits.retry_s
        self.sleep = sleep

    def ask(self, path: str, body: Mapping[str, Any]) -> Reply:
        """A question by POST."""
        url, content = self._url(path), encode(body)
        return self._call(path, None, lambda: self.http.ask(url, content, JSON, use=self.judge.read))

    def document(self, detail: Detail, key: str, deadline: Deadline | None = None) -> Wire | None:
        """A document shown whole; None when the ERP has no data for it.

        PermanentError for a refusal, which can also mean that it does not exist.
        """
        url = f"{self._url(detail.path)}?{urlencode({'id': key})}"
        reply = self._call(detail.path, deadline, lambda: self.http.read(url, use=self.judge.read, deadline=deadline))
        return reply.data if reply.code not in (GONE, EMPTY) and isinstance(reply.data, dict) else None

    def send(self, path: str, body: Mapping[str, Any], deadline: Deadline, obj: str = "", key: str = "") -> Reply:
        """A write, sent once; again only where the gateway turned it away because of too many calls."""
        url, content = self._url(path), encode(body)

        def once() -> Reply:
            return self.judge.written(self.http.write("POST", url, content, JSON, deadline), obj, key)

        budget = Deadline(min(self._retry_s, deadline.left()))
        while True:
            try:
                return self._call(path, deadline, once)
            except RateLimitedError as exc:
                pause = exc.retry_after_s or SLOWER_S
                if budget.left() <= pause:
                    raise
                self.sleep(pause)

    def _url(self, path: str) -> str:
        return f"{self.http.base}{path}"

    def _call(self, path: str, deadline: Deadline | None, call: Callable[[], T]) -> T:
        """Within the API's quota; a token that is refused is fetched anew, once."""
        self._wait(path, deadline)
        try:
            return call()
        except TransientError as exc:
            if exc.code != "token-expired":
                raise
        self.http.renew()
        self._wait(path, deadline)
        try:
            return call()
        except TransientError as exc:
            if exc.code != "token-expired":
                raise
            facts: dict[str, Any] = {"text": "a fresh token is refused", "erp": exc.erp_code or "none"}
            raise AccessError("token-refused", system=self.system.name, **facts) from None

    def _wait(self, path: str, deadline: Deadline | None) -> None:
        per_minute = self.words.quotas.get(path, 0)
        if not per_minute:
            return
        wait = self._quota.take(path, int(self.system.options.get(PER_MINUTE) or per_minute))
        if deadline is not None and wait > deadline.left():
            where: dict[str, Any] = {"system": self.system.name, "method": "POST", "path": path}
            raise RateLimitedError("rate-limited", retry_after_s=wait, **where)
        if wait:
            self.sleep(wait)

    def close(self) -> None:
        self.http.close()
