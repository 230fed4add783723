"""Calls that failed: what each failure leaves open, which are worth another try, and when."""

from __future__ import annotations

import random
from typing import Any

import httpx
import tenacity

from connectors.address import untrusted
from connectors.errors import (
    AccessError,
    ConfigurationError,
    ConnectorError,
    OutcomeUnknownError,
    PermanentError,
    TransientError,
)

REPEATABLE = {"rate-limited", "unavailable", "unreachable", "connection-lost", "timed-out", "broken-answer"}


def failed(exc: httpx.RequestError, system: str, method: str, path: str, *, harmless: bool) -> ConnectorError:
    """The error that says what may be done next; `unreachable` means that nothing was sent.

    `harmless`: the call changes nothing, so a lost answer leaves no doubt.
    """
    where: dict[str, Any] = {"system": system, "method": "GET" if harmless else method, "path": path}
    reason = type(exc).__name__
    if isinstance(exc, httpx.ConnectError) and (trust := untrusted(exc)):
        return AccessError("certificate", reason=trust, **where)
    if isinstance(exc, httpx.ProxyError) and str(exc).startswith("407"):  # a tunnel is refused by an exception
        return AccessError("proxy-refused", system=system)
    if isinstance(exc, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)):
        return TransientError("unreachable", reason=str(exc) or reason, **where)
    if isinstance(exc, httpx.UnsupportedProtocol):
        return ConfigurationError("bad-url", url=path, **where)
    if not harmless:
        return OutcomeUnknownError("outcome-unknown", reason=reason, **where)
    return TransientError(
        "timed-out" if isinstance(exc, httpx.TimeoutException) else "connection-lost", reason=reason, **where
    )


def too_large(request: httpx.Request, system: str, megabytes: float, *, harmless: bool) -> ConnectorError:
    where: dict[str, Any] = {"system": system, "method": request.method, "path": request.url.path}
    if not harmless:
        return OutcomeUnknownError("outcome-unknown", reason="answer too large", **where)
    return PermanentError("too-large", megabytes=f"{megabytes:g}", **where)


def may_repeat(exc: BaseException) -> bool:
    """Whether a call that changes nothing may do better."""
    return isinstance(exc, TransientError) and exc.code in REPEATABLE


def may_resend(exc: BaseException) -> bool:
    """Whether a write surely did not arrive."""
    return isinstance(exc, TransientError) and exc.code in ("unreachable", "rate-limited")


def wait(state: tenacity.RetryCallState) -> float:
    """What the ERP asked for, else 0.5, 1, 2 ... 8 seconds; with up to as much jitter again, so that workers part."""
    exc = state.outcome.exception() if state.outcome else None
    asked: float | None = exc.retry_after_s if isinstance(exc, ConnectorError) else None
    if asked is not None:
        return asked + random.uniform(0, 0.25)
    step = min(8.0, 0.5 * 2.0 ** (state.attempt_number - 1))
    return step / 2 + random.uniform(0, step / 2)
