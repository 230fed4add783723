"""Answers that mean the same in every protocol, because HTTP gives them their meaning."""

from __future__ import annotations

from typing import Any, NoReturn

from connectors.answer import Answer
from connectors.errors import (
    AccessError,
    OutcomeUnknownError,
    PermanentError,
    RateLimitedError,
    RecordRejectedError,
    TransientError,
)

UNSUPPORTED = {405, 406, 415, 501}
ON_THE_WAY = {408, 421, 425, 499}
"""Answers of what stands before the ERP, which gave up on a call: of a write nobody knows whether it went through."""


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
    if status == 407:
        raise AccessError("proxy-refused", system=system)
    if status in UNSUPPORTED:
        raise AccessError("not-supported", status=str(status), **where)
    if 300 <= status < 400:
        raise AccessError("redirected", target=answer.headers.get("location", "").partition("?")[0], **where)


def refuse_read(system: str, user: str, answer: Answer, said: str, code: str) -> NoReturn:
    """Raise for a read whose status is that of a refusal; `said`, `code`: the ERP's own words."""
    where, status = place(system, answer), str(answer.status)
    if answer.status == 429:
        raise rate_limited(system, answer)
    if answer.status in {502, 503, 504, *ON_THE_WAY}:
        raise TransientError("unavailable", retry_after_s=answer.retry_after_s, status=status, **where)
    if answer.status >= 500:
        facts: dict[str, Any] = {"status": status, "text": said or "no text", "request_id": answer.request_id}
        raise TransientError("server-error", erp_code=code, **facts, **where)
    refuse_access(system, user, answer, said, code)
    raise PermanentError("refused", status=status, text=said or "no text", **where, **coded(code))


def refuse_unheard(system: str, answer: Answer, code: str) -> None:
    """Raise for a write that surely was not taken up (429), and for one of which nobody knows."""
    if answer.status == 429:
        raise rate_limited(system, answer)
    if answer.status in ON_THE_WAY or (answer.status >= 500 and answer.status != 501):
        reason = f"status {answer.status}"
        raise OutcomeUnknownError("outcome-unknown", reason=reason, erp_code=code, **place(system, answer))


def refuse_write(system: str, user: str, answer: Answer, obj: str, key: str, said: str, code: str) -> NoReturn:
    """Raise for a write that was refused for good: its document, the connection, or this record."""
    if answer.status == 404 and key:
        raise RecordRejectedError("document-gone", system=system, obj=obj, key=key)
    refuse_access(system, user, answer, said, code)
    text = said or f"status {answer.status}"
    raise RecordRejectedError("rejected", text=text, **place(system, answer), **coded(code))


def unshown(system: str, answer: Answer) -> OutcomeUnknownError:
    """An accepted write whose answer does not show what was booked."""
    return OutcomeUnknownError("outcome-unknown", reason="unreadable answer", **place(system, answer))
