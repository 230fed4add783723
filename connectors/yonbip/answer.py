"""What a YonBIP answer means: the envelope, and the gateway's codes by what must be done about them.

Nearly every failure comes with HTTP 200, so the code in the body decides; codes are compared as text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.answer import Answer
from connectors.errors import (
    AccessError,
    ConnectorError,
    OutcomeUnknownError,
    PermanentError,
    RateLimitedError,
    RecordRejectedError,
    TransientError,
)
from connectors.refusals import ON_THE_WAY, place, rate_limited
from connectors.yonbip.descriptor import Texts

DONE, RUNNING, EMPTY, GONE = "200", "202", "118001", "1002"
REPEATED = {"10004", "100004"}  # the gateway has sent this check key through before
STALE_TOKEN = {"310036"}
SLOWER = {"310032", "310039", "310042", "310046"}
CIRCUIT_OPEN = {"310043"}
NO_ANSWER = {"310071", "310072", "310504", "315001"}  # the back end failed, or nobody knows what it did
NO_TOKEN = {"310001", "310003", "310005", "310006"}
NOT_ALLOWED = {"310031", "310037", "310038", "310041", "310047"}
NO_SUCH_API = {"310404": "service-missing", "310405": "not-supported"}


def parsed(body: bytes) -> Any:
    """JSON with every number as the text that it is, so that neither ids nor amounts lose a digit; ValueError."""
    return json.loads(body, parse_float=_number, parse_int=str, parse_constant=str)


def _number(text: str) -> str:
    return format(Decimal(text), "f") if "e" in text or "E" in text else text


@dataclass(frozen=True, slots=True)
class Reply:
    """A readable answer: `data` is plain with all numbers as text."""

    code: str
    text: str
    data: Any
    erp_time: datetime

    @property
    def failed(self) -> list[str]:
        """What a batch says of those it did not do; empty where all is done."""
        told = self.data if isinstance(self.data, Mapping) else {}
        if str(told.get("failCount") or "0") in ("", "0"):
            return []
        texts = [_said(message) for message in told.get("messages") or []]
        return [text for text in texts if text] or [self.text or "failed"]


class RunningError(TransientError):
    """The first call under this check key is still at work."""


class Judge:
    """Turns answers into replies or errors for one system; `texts` are the product's patterns."""

    def __init__(self, system: str, user: str, texts: Texts) -> None:
        self._system, self._user = system, user
        self._locked = [re.compile(p, re.IGNORECASE) for p in texts.locked]
        self._unclear = [re.compile(p, re.IGNORECASE) for p in texts.unclear]

    def read(self, answer: Answer) -> Reply:
        """The reply to a question; raises for everything but an answer (or the ERP's word that there is none)."""
        reply = self._reply(answer, written=False)
        if self._no_answer(reply) or reply.code == RUNNING:
            raise TransientError("unavailable", erp_code=reply.code, status=reply.code, **place(self._system, answer))
        if reply.code not in (DONE, EMPTY, GONE):
            self._access(answer, reply)
            if self._busy(reply.text):
                raise TransientError("locked", erp_code=reply.code, system=self._system, text=reply.text)
            facts: dict[str, Any] = {
                "status": str(answer.status),
                "text": reply.text or "no text",
                "erp": reply.code or "none",
            }
            raise PermanentError("refused", erp_code=reply.code, **facts, **place(self._system, answer))
        return reply

    def written(self, answer: Answer, obj: str = "", key: str = "") -> Reply:
        """The reply to a write that was accepted, now or before."""
        reply = self._reply(answer, written=True)
        where = place(self._system, answer)
        if reply.code == RUNNING:
            raise RunningError("unavailable", erp_code=reply.code, status=reply.code, **where)
        if self._no_answer(reply):
            raise OutcomeUnknownError("outcome-unknown", erp_code=reply.code, reason=f"code {reply.code}", **where)
        if reply.code == GONE and key:
            raise RecordRejectedError("document-gone", system=self._system, obj=obj, key=key)
        if reply.code not in (DONE, *REPEATED):
            self._access(answer, reply)
            raise self.refusal(answer.path, reply.code, reply.text)
        if reply.failed:
            raise self.refusal(answer.path, reply.code, reply.failed[0])
        return reply

    def refusal(self, path: str, code: str, text: str) -> ConnectorError:
        if self._busy(text):
            return TransientError("locked", erp_code=code, system=self._system, text=text)
        facts: dict[str, Any] = {"method": "POST", "path": path, "text": text or "no text", "erp": code or "none"}
        return RecordRejectedError("rejected", erp_code=code, system=self._system, **facts)

    def _reply(self, answer: Answer, *, written: bool) -> Reply:
        """Raise for what the gateway or the way to it says; the rest is the caller's to judge."""
        if answer.status == 429:
            raise rate_limited(self._system, answer)
        if answer.status == 407:
            raise AccessError("proxy-refused", system=self._system)
        try:
            body = parsed(answer.body)
        except ValueError:
            raise self._unreadable(answer, written) from None
        if not isinstance(body, Mapping):
            raise self._unreadable(answer, written)
        reply = Reply(_code(body), str(body.get("message") or ""), body.get("data"), answer.erp_time)
        where: dict[str, Any] = {"erp_code": reply.code, **place(self._system, answer)}
        if reply.code in STALE_TOKEN or answer.status == 401:
            raise TransientError("token-expired", erp_code=reply.code, system=self._system)
        if reply.code in SLOWER:
            raise RateLimitedError("rate-limited", retry_after_s=answer.retry_after_s, **where)
        if reply.code in CIRCUIT_OPEN:
            raise TransientError("unavailable", status=reply.code, retry_after_s=answer.retry_after_s, **where)
        if answer.status >= 500 or answer.status in ON_THE_WAY:
            raise self._server_error(answer, written, reply.code)
        return reply

    def _unreadable(self, answer: Answer, written: bool) -> ConnectorError:
        """No JSON: a refused token as plain text, a server's error page, a logon page, or half an answer."""
        where = place(self._system, answer)
        if answer.status >= 500 or answer.status in ON_THE_WAY:
            return self._server_error(answer, written, "")
        if answer.status == 401 or (answer.content_type == "text/plain" and b"token" in answer.body[:200].lower()):
            return TransientError("token-expired", system=self._system)
        if answer.status == 404:
            return AccessError("service-missing", **where)
        if written:
            return OutcomeUnknownError("outcome-unknown", reason="unreadable answer", **where)
        if answer.content_type == "text/html":
            return AccessError("logon-page", type=answer.content_type, **where)
        return TransientError("broken-answer", **where)

    def _server_error(self, answer: Answer, written: bool, code: str) -> ConnectorError:
        where: dict[str, Any] = {"erp_code": code, **place(self._system, answer)}
        if written:
            return OutcomeUnknownError("outcome-unknown", reason=f"status {answer.status}", **where)
        after = answer.retry_after_s
        return TransientError("unavailable", status=str(answer.status), retry_after_s=after, **where)

    def _access(self, answer: Answer, reply: Reply) -> None:
        """Raise for what concerns the connection and not this record."""
        where: dict[str, Any] = {"erp_code": reply.code, **place(self._system, answer)}
        text = reply.text or "no text"
        if reply.code in NO_TOKEN:
            raise AccessError("token-refused", erp_code=reply.code, system=self._system, text=text, erp=reply.code)
        if reply.code in NOT_ALLOWED or answer.status == 403:
            raise AccessError("forbidden", user=self._user, text=text, **where)
        if reply.code in NO_SUCH_API or answer.status in (404, 405):
            name = NO_SUCH_API.get(reply.code, "service-missing" if answer.status == 404 else "not-supported")
            more: dict[str, Any] = {"status": reply.code} if name == "not-supported" else {}
            raise AccessError(name, **more, **where)

    def _no_answer(self, reply: Reply) -> bool:
        """Whether the reply leaves open what the back end did."""
        failed = reply.code not in (DONE, RUNNING, EMPTY, GONE, *REPEATED)
        return reply.code in NO_ANSWER or (failed and any(pattern.search(reply.text) for pattern in self._unclear))

    def _busy(self, text: str) -> bool:
        return any(pattern.search(text) for pattern in self._locked)


def _code(body: Mapping[str, Any]) -> str:
    """The code as text. Some APIs say 0 or nothing for success; without data, or with success false, it is none."""
    code = "" if body.get("code") is None else str(body["code"])
    if body.get("success") is False:
        return code if code not in (DONE, "") else "999"
    return DONE if code in ("0", "", "00000") and body.get("data") is not None else code


def _said(message: Any) -> str:
    if isinstance(message, Mapping):
        return str(message.get("message") or message.get("errorMsg") or "")
    return str(message or "")
