"""One HTTP client for every protocol: bounded, polite, silent about secrets, and honest about writes.

A read is repeated here for seconds (429, 502, 503, 504, a broken connection). A write is repeated only when it surely
did not arrive: the connection failed, or the answer was 429. Everything else about a write is left to the caller.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import tenacity

from connectors.address import checked_url, origin, tls, valid_until
from connectors.answer import Answer
from connectors.auth import Auth
from connectors.base import System
from connectors.descriptor import Limits
from connectors.errors import AccessError, TransientError
from connectors.failures import failed, may_repeat, may_resend, too_large, wait
from connectors.pace import Deadline, Pace
from connectors.refusals import rate_limited
from connectors.trace import trace

log = logging.getLogger("crosstie.erp")
for noisy in ("httpx", "httpcore"):  # httpx logs whole addresses, httpcore logs headers with cookies
    logging.getLogger(noisy).setLevel(logging.WARNING)

T = TypeVar("T")
MAX_REDIRECTS = 3
CONNECT_S = 10.0
DRIP_S = 2.0
"""How long the next piece of an answer may take when the call has a deadline: by so much it can end late."""


def _at_once() -> None:
    """An attempt that need not wait for its turn."""


class _Timeouts(dict[str, float]):
    """What httpcore asks before each phase of a call: the time limit, or what is left of the deadline."""

    def __init__(self, seconds: float, deadline: Deadline | None) -> None:
        super().__init__()
        self.seconds, self._deadline = seconds, deadline

    # stands in for httpx's dict of timeouts, read by this one call
    def get(self, phase: str, default: float | None = None) -> float:  # type: ignore[override]
        limit = min(self.seconds, CONNECT_S) if phase == "connect" else self.seconds
        return limit if self._deadline is None else max(0.001, min(limit, self._deadline.left()))


class Session:
    """What one thread has to itself: its connection, its cookies and what goes with them (CSRF tokens)."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.notes: dict[str, str] = {}

    def forget(self) -> None:
        self.client.cookies.clear()
        self.notes.clear()


class Http:
    """Calls to one system. Threads share the pace and the token, never a cookie jar."""

    def __init__(
        self,
        system: System,
        limits: Limits,
        *,
        headers: Mapping[str, str],
        auth: Auth,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.system = system
        self.base = checked_url(system)
        self._limits, self._sleep = limits, sleep
        self._headers = {"Accept": "application/json", "User-Agent": "crosstie", **headers}
        shared = getattr(system, "pace", None)  # several protocols of one system: see connectors.mixed
        self._pace = shared if isinstance(shared, Pace) else Pace(limits.requests_per_s, limits.concurrency, sleep)
        self._auth = auth
        self._verify = tls(system)
        self.certificate_until: datetime | None = None  # of the server, as it showed it last
        self._local = threading.local()
        self._sessions: list[Session] = []
        self._lock = threading.Lock()

    @property
    def session(self) -> Session:
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = Session(self._client())
            with self._lock:
                self._sessions.append(session)
        return session

    def _client(self) -> httpx.Client:
        return httpx.Client(
            headers=self._headers,
            verify=self._verify,
            proxy=self.system.proxy or None,
            timeout=self.system.timeout_s,
            trust_env=False,
            follow_redirects=False,
        )

    def close(self) -> None:
        with self._lock:
            for session in self._sessions:
                session.client.close()
            self._sessions.clear()
            self._local = threading.local()

    def read(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        use: Callable[[Answer], T],
        deadline: Deadline | None = None,
        before: Callable[[], None] = _at_once,
    ) -> T:
        """GET, repeated while that can help, until `use` has made sense of the answer.

        `use` raises TransientError (broken-answer, unavailable ...) where the same call may do better. `before` goes
        before every attempt; what it raises ends them.
        """

        def once() -> T:
            before()
            return use(self._get(url, headers, deadline))

        return self._repeat(once, self._budget(deadline), may_repeat)

    def ask(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        use: Callable[[Answer], T],
        deadline: Deadline | None = None,
        before: Callable[[], None] = _at_once,
    ) -> T:
        """POST of a question, which changes nothing at the ERP: repeated as `read` is."""

        def once() -> T:
            before()
            return use(self._send("POST", url, headers, body, deadline, asks=True))

        return self._repeat(once, self._budget(deadline), may_repeat)

    def _budget(self, deadline: Deadline | None) -> float:
        return self._limits.retry_s if deadline is None else min(self._limits.retry_s, deadline.left())

    def renew(self) -> bool:
        """Forget a token or session that the ERP did not take; True where a new attempt can differ."""
        self.session.forget()
        return self._auth.renew()

    def write(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        deadline: Deadline,
        before: Callable[[], None] = _at_once,
    ) -> Answer:
        """Send once, and again only after a failed connect or a 429; any other answer is returned as it is.

        Raises OutcomeUnknownError when no whole answer came, TransientError when nothing was sent.
        """

        def once() -> Answer:
            before()
            self._require_time(deadline, method, url)
            answer = self._send(method, url, headers, body, deadline)
            if answer.status == 429:
                raise rate_limited(self.system.name, answer)
            if answer.status == 401 and self._auth.renew():
                raise TransientError("token-expired", system=self.system.name)
            return answer

        return self._repeat(once, min(self._limits.retry_s, deadline.left()), may_resend)

    def _require_time(self, deadline: Deadline, method: str, url: str) -> None:
        if not deadline.left():
            raise TransientError("no-time-left", system=self.system.name, method=method, path=_path(url))

    def _repeat(self, call: Callable[[], T], budget: float, again: Callable[[BaseException], bool]) -> T:
        return tenacity.Retrying(
            stop=tenacity.stop_before_delay(budget),
            wait=wait,
            retry=tenacity.retry_if_exception(again),
            sleep=self._sleep,
            reraise=True,
        )(call)

    def _get(self, url: str, headers: Mapping[str, str] | None, deadline: Deadline | None) -> Answer:
        """One GET, following redirects inside the same origin; a refused OAuth token is renewed once."""
        renewed = False
        for _ in range(MAX_REDIRECTS + 2):
            answer = self._send("GET", url, headers or {}, None, deadline)
            if answer.status == 401 and not renewed and self._auth.renew():
                renewed = True
            elif answer.status in (301, 302, 303, 307, 308):
                url = self.same_origin(answer.headers.get("location", ""), url, "redirected", answer.path)
            else:
                return answer
        raise AccessError("redirected", system=self.system.name, path=answer.path, target=_path(url))

    def same_origin(self, target: str, base: str, code: str = "foreign-link", path: str = "") -> str:
        """`target` as a whole address; AccessError when it leads to another host, port or scheme."""
        try:
            url = httpx.URL(base).join(target)
        except httpx.InvalidURL:
            url = httpx.URL("")
        if origin(url) != origin(self.base):
            place: dict[str, Any] = {"origin": str(self.base), "path": path}
            raise AccessError(
                code, system=self.system.name, target=f"{url.scheme}://{url.netloc.decode('ascii')}", **place
            )
        return str(url)

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        deadline: Deadline | None,
        *,
        asks: bool = False,
    ) -> Answer:
        """`asks`: a POST that changes nothing, so a lost answer leaves no doubt."""
        names, started, status = trace(), time.monotonic(), 0
        request_id = names["X-Request-ID"]
        session = self.session
        with self._pace.turn():
            try:
                timeouts = _Timeouts(self.system.timeout_s, deadline)
                request = session.client.build_request(
                    method, url, headers={**headers, **names}, content=body, extensions={"timeout": timeouts}
                )
                self._auth.prove(request, session.client)
                if deadline is not None and not (asks or method == "GET"):
                    self._require_time(deadline, method, url)  # the turn and the token may have taken it all
                response = session.client.send(request, stream=True)
                status = response.status_code
                self.certificate_until = valid_until(response) or self.certificate_until
                timeouts.seconds = self.system.timeout_s if deadline is None else DRIP_S
                content = self._body(response, deadline, asks or method == "GET")
                return Answer(method, request.url.path, status, response.headers, content, request_id)
            except httpx.RequestError as exc:
                raise failed(exc, self.system.name, method, _path(url), harmless=asks or method == "GET") from None
            finally:
                self._note(method, _path(url), status, started, request_id)

    def _body(self, response: httpx.Response, deadline: Deadline | None, harmless: bool) -> bytes:
        """The whole body; refuses one that is too large, or that drips until the deadline."""
        parts, size, limit = [], 0, self._limits.response_mb * 1_000_000
        try:
            for part in response.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > limit:
                    raise too_large(response.request, self.system.name, self._limits.response_mb, harmless=harmless)
                if deadline is not None and not deadline.left():
                    raise httpx.ReadTimeout("deadline", request=response.request)
        finally:
            response.close()
        return b"".join(parts)

    def _note(self, method: str, path: str, status: int, started: float, request_id: str) -> None:
        facts: dict[str, Any] = {
            "system": self.system.name,
            "method": method,
            "path": path,
            "status": status,
            "seconds": round(time.monotonic() - started, 3),
            "request_id": request_id,
        }
        log.info("%s %s %s", method, path, status or "no answer", extra=facts)


def _path(url: str) -> str:
    return urlsplit(url).path
