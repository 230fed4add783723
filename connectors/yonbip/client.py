"""One tenant's APIs: calls within their quota, a refused token renewed once, lists and documents."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from connectors.base import Quota, System, Wire
from connectors.descriptor import Limits
from connectors.errors import AccessError, RateLimitedError, TransientError
from connectors.http import Http
from connectors.pace import Deadline
from connectors.rows import text
from connectors.words import Words
from connectors.yonbip.answer import EMPTY, GONE, Judge, Reply
from connectors.yonbip.auth import SignedToken
from connectors.yonbip.descriptor import Detail, Product, Resource, Write
from connectors.yonbip.quota import OwnQuota

T = TypeVar("T")
JSON = {"Content-Type": "application/json", "Accept": "application/json"}
PER_MINUTE = "calls_per_minute"
LONGEST_S = 600.0
"""How long a read waits for a place in the quota, at most."""
CALL_S = 30.0
"""What is kept of a deadline for the call itself; of a short one half."""
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

    def ask(self, path: str, body: Any, deadline: Deadline | None = None) -> Reply:
        """A question by POST."""
        url, content, wait = self._url(path), encode(body), self._turn(path, deadline)
        return self._call(
            lambda: self.http.ask(url, content, JSON, use=self.judge.read, deadline=deadline, before=wait)
        )

    def document(self, detail: Detail, key: str, deadline: Deadline | None = None) -> Wire | None:
        """A document shown whole; None when the ERP has no data for it.

        PermanentError for a refusal, which can also mean that it does not exist.
        """
        if detail.batch:
            return self.documents(detail, [key], deadline).get(key)
        url, wait = f"{self._url(detail.path)}?{urlencode({'id': key})}", self._turn(detail.path, deadline)
        reply = self._call(lambda: self.http.read(url, use=self.judge.read, deadline=deadline, before=wait))
        return reply.data if reply.code not in (GONE, EMPTY) and isinstance(reply.data, dict) else None

    def documents(self, detail: Detail, keys: Sequence[str], deadline: Deadline | None = None) -> dict[str, Wire]:
        """By id those of these documents that there are, shown whole."""
        found: dict[str, Wire] = {}
        for first in range(0, len(keys), detail.batch):
            reply = self.ask(detail.path, [{"id": key} for key in keys[first : first + detail.batch]], deadline)
            rows = reply.data if isinstance(reply.data, list) else []
            found |= {text(row, "id"): row for row in rows if isinstance(row, dict)}
        return found

    def send(self, path: str, body: Mapping[str, Any], deadline: Deadline, obj: str = "", key: str = "") -> Reply:
        """A write, sent once; again only where the gateway turned it away because of too many calls."""
        url, content, wait = self._url(path), encode(body), self._turn(path, deadline)

        def once() -> Reply:
            return self.judge.written(self.http.write("POST", url, content, JSON, deadline, before=wait), obj, key)

        budget = Deadline(min(self._retry_s, deadline.left()))
        while True:
            try:
                return self._call(once)
            except RateLimitedError as exc:
                pause = exc.retry_after_s or SLOWER_S
                if exc.code == "quota-used" or budget.left() <= pause:
                    raise
                self.sleep(pause)

    def _url(self, path: str) -> str:
        return f"{self.http.base}{path}"

    def _call(self, call: Callable[[], T]) -> T:
        """A token that is refused is fetched anew, once."""
        try:
            return call()
        except TransientError as exc:
            if exc.code != "token-expired":
                raise
        self.http.renew()
        try:
            return call()
        except TransientError as exc:
            if exc.code != "token-expired":
                raise
            facts: dict[str, Any] = {"text": "a fresh token is refused", "erp": exc.erp_code or "none"}
            raise AccessError("token-refused", system=self.system.name, **facts) from None

    def _turn(self, path: str, deadline: Deadline | None) -> Callable[[], None]:
        """What every attempt at a call begins with: wait for a place in the API's quota.

        RateLimitedError where that would leave the call too little of its time; then no place is taken.
        """
        per_minute = self.words.quotas.get(path, 0)
        if not per_minute:
            return lambda: None
        per_minute = int(self.system.options.get(PER_MINUTE) or per_minute)

        def wait() -> None:
            longest = LONGEST_S if deadline is None else deadline.left() - min(CALL_S, deadline.left() / 2)
            wait_s = self._quota.take(path, per_minute, longest)
            if wait_s > longest:
                where = {"system": self.system.name, "path": path, "seconds": f"{wait_s:.0f}"}
                raise RateLimitedError("quota-used", retry_after_s=wait_s, **where)
            if wait_s:
                self.sleep(wait_s)

        return wait

    def close(self) -> None:
        self.http.close()
