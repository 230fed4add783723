"""Answers that mean the same in every protocol, because HTTP gives them their meaning."""

from __future__ import annotations

from typing import Any

from connectors.answer import Answer
from connectors.errors import AccessError, RateLimitedError

UNSUPPORTED = {405, 406, 415, 501}


def place(system: str, answer: Answer) -> dict[str, Any]:
    """What every message says of where it happened."""
    return {"system": system, "method": answer.method, "path": answer.path}


def coded(code: str) -> dict[str, Any]:
    """The ERP's own code, as a fact of the error and as its text shows it."""
    return {"erp_code": code, "erp": code or "none"}


def rate_limited(system: str, answer: Answer) -> RateLimitedError:
    return RateLimitedError("rate-limited", retry_after_s=answer.retry_after_s, **place(system, answer))


def refuse_access(system: str, user: str, answer: Answer, said: str = "", code: str = "") -> None:
    """AccessError for a status that concerns the connection and not one record; `said`, `code`: the ERP's own words."""
    where, status = place(system, answer), answer.status
    if status == 401:
        raise AccessError("unauthorised", **where)
    if status == 403:
        raise AccessError("forbidden", erp_code=code, user=user, text=said or "no reason given", **where)
    if status == 404:
        raise AccessError("service-missing", erp_code=code, **where)
    if status in UNSUPPORTED:
        raise AccessError("not-supported", status=str(status), **where)
    if 300 <= status < 400:
        raise AccessError("redirected", target=answer.headers.get("location", "").partition("?")[0], **where)
