"""What an answer of the WebAPI means. HTTP 200 says nothing: refusals, errors and lost sessions all come with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from connectors.answer import Answer
from connectors.errors import (
    AccessError,
    ConnectorError,
    OutcomeUnknownError,
    PermanentError,
    RecordRejectedError,
    TransientError,
)
from connectors.kdsvc.auth import EXCEPTION, UNKNOWN_ACCOUNT
from connectors.kdsvc.descriptor import Texts
from connectors.refusals import ON_THE_WAY, place, rate_limited, refuse_access

SUCCESS = (200, 206)
TEXT_AT_MOST = 500
LOST, FORBIDDEN, DATABASE, LICENCE, CONTROL, CALLS, ADMINISTRATOR = 1, 2, 6, 7, 13, 14, 15
"""MsgCode: context lost, no permission, database error, licence, network-control conflict, call limit, no admin."""


class SessionLostError(Exception):
    """The ERP does not know (or no longer knows) who is asking; nothing was done."""

    def __init__(self, where: dict[str, Any]) -> None:
        self.where = where
        super().__init__("session lost")


@dataclass(frozen=True, slots=True)
class Status:
    """The ResponseStatus of an answer; `text` is all its error messages."""

    ok: bool
    code: int
    text: str
    entities: Sequence[dict[str, Any]]


def _plain(digits: str) -> str:
    """The number as text, without exponent or needless zeros."""
    full = format(Decimal(digits), "f") if "e" in digits.lower() else digits
    return full.rstrip("0").rstrip(".") if "." in full else full


decode = msgspec.json.Decoder(Any, float_hook=_plain).decode
"""JSON without floats: a number with decimals becomes text, without needless zeros."""


def status_of(body: Any) -> Status | None:
    """The status in any of its places: in `Result`, or as the first cell of the only row of a query that failed."""
    while isinstance(body, list) and len(body) == 1:
        body = body[0]
    result = body.get("Result") if isinstance(body, dict) else None
    said = result.get("ResponseStatus") if isinstance(result, dict) else None
    if not isinstance(said, dict):
        return None
    errors = [str(error.get("Message") or "") for error in said.get("Errors") or [] if isinstance(error, dict)]
    done = [entity for entity in said.get("SuccessEntitys") or [] if isinstance(entity, dict)]
    return Status(_true(said.get("IsSuccess")), _number(said.get("MsgCode")), _short("; ".join(errors)), done)


def _true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def _number(value: Any) -> int:
    return int(value) if str(value).isdigit() else 0


def _short(text: str) -> str:
    return " ".join(text.split())[:TEXT_AT_MOST]


class Judge:
    """Turns answers into errors for one system; `texts` are the product's patterns of messages."""

    def __init__(self, system: str, user: str, texts: Texts) -> None:
        self._system, self._user = system, user
        self._texts = {
            name: [re.compile(p, re.IGNORECASE) for p in getattr(texts, name)] for name in Texts.model_fields
        }

    def says(self, kind: str, text: str) -> bool:
        return any(pattern.search(text) for pattern in self._texts[kind])

    def read(self, answer: Answer) -> Any:
        """The body of a question's answer; raises for one that is no data."""
        self._transport(answer)
        body = self._body(answer)
        status = status_of(body)
        if status is not None and not status.ok:
            raise self._refused_read(answer, status)
        return body

    def write(self, answer: Answer, obj: str, key: str) -> tuple[dict[str, Any], Status]:
        """(`Result`, status) of an accepted write; raises for a refusal, and where nobody knows."""
        where = place(self._system, answer)
        if answer.status == 429:
            raise rate_limited(self._system, answer)
        if answer.status >= 500 or answer.status in {*SUCCESS, *ON_THE_WAY}:
            self._readable(answer, where)
        self._access(answer)
        if answer.status not in SUCCESS:
            facts: dict[str, Any] = {"text": f"status {answer.status}", "erp": str(answer.status)}
            raise RecordRejectedError("rejected", **facts, **where)
        body = self._body(answer)
        status = status_of(body)
        if status is None:
            raise OutcomeUnknownError("outcome-unknown", reason="answer without status", **where)
        if not status.ok:
            raise self._refused_write(answer, status)
        return body["Result"], status

    def _readable(self, answer: Answer, where: dict[str, Any]) -> None:
        """OutcomeUnknownError for an answer to a write that does not say what became of it."""
        shown = self._exception(answer)
        if answer.status not in SUCCESS or shown:
            raise OutcomeUnknownError("outcome-unknown", reason=shown or f"status {answer.status}", **where)
        try:
            decode(answer.body)
        except msgspec.DecodeError:
            raise OutcomeUnknownError("outcome-unknown", reason="unreadable answer", **where) from None

    def _transport(self, answer: Answer) -> None:
        where, status = place(self._system, answer), str(answer.status)
        if answer.status == 429:
            raise rate_limited(self._system, answer)
        self._access(answer)
        if answer.status in {502, 503, 504, *ON_THE_WAY}:
            raise TransientError("unavailable", retry_after_s=answer.retry_after_s, status=status, **where)
        if text := self._exception(answer) or (answer.status >= 500 and "no text"):
            code = "unavailable" if self.says("busy", text) else "server-error"
            raise TransientError(code, status=status, text=text, request_id=answer.request_id, **where)
        if answer.status not in SUCCESS:
            raise PermanentError("refused", status=status, text="no text", erp="none", **where)
        if answer.content_type == "text/html":
            raise AccessError("logon-page", type=answer.content_type, **where)

    def _access(self, answer: Answer) -> None:
        where = place(self._system, answer)
        if answer.status not in SUCCESS and UNKNOWN_ACCOUNT.encode() in answer.body:
            raise AccessError("account-unknown", **where)
        refuse_access(self._system, self._user, answer)

    def _exception(self, answer: Answer) -> str:
        """What an unhandled exception of the server says; empty where there was none."""
        if not answer.body.startswith(EXCEPTION.encode()):
            return ""
        return _short(answer.body.decode("utf-8", "replace").removeprefix(EXCEPTION)) or "no text"

    def _body(self, answer: Answer) -> Any:
        try:
            return decode(answer.body)
        except msgspec.DecodeError:
            raise TransientError("broken-answer", **place(self._system, answer)) from None

    def _refused_read(self, answer: Answer, status: Status) -> Exception:
        where, text = place(self._system, answer), status.text or "no text"
        if status.code in (DATABASE, CONTROL) or self.says("busy", text):
            return TransientError("unavailable", status=f"MsgCode {status.code}", erp_code=str(status.code), **where)
        if status.code == CALLS:
            return rate_limited(self._system, answer)
        facts: dict[str, Any] = {"status": str(answer.status), "text": text, "erp": str(status.code)}
        return self._of_access(status, where) or PermanentError("refused", erp_code=str(status.code), **facts, **where)

    def _refused_write(self, answer: Answer, status: Status) -> Exception:
        """A refusal changed nothing, but for one by the database: that may have come after the change."""
        where, text = place(self._system, answer), status.text or "no text"
        if status.code == DATABASE:
            return OutcomeUnknownError("outcome-unknown", reason=text, erp_code=str(status.code), **where)
        if status.code == CONTROL or self.says("locked", text):
            return TransientError("locked", system=self._system, text=text)
        if status.code == CALLS:
            return rate_limited(self._system, answer)
        if self.says("duplicate", text):
            return DuplicateError(text, str(status.code), where)
        code = str(status.code)
        return self._of_access(status, where) or RecordRejectedError(
            "rejected", erp_code=code, text=text, erp=code, **where
        )

    def _of_access(self, status: Status, where: dict[str, Any]) -> Exception | None:
        if status.code == LOST:
            return SessionLostError(where)
        if status.code == FORBIDDEN:
            return AccessError("forbidden", erp_code="2", user=self._user, text=status.text or "no text", **where)
        if status.code in (LICENCE, ADMINISTRATOR):
            return AccessError("logon-refused", erp_code=str(status.code), text=status.text or "no text", **where)
        return None


class DuplicateError(RecordRejectedError):
    """The number is taken: perhaps by the document that this very write made before."""

    def __init__(self, text: str, erp: str, where: dict[str, Any]) -> None:
        super().__init__("rejected", erp_code=erp, text=text, erp=erp, **where)


def lost(exc: SessionLostError) -> ConnectorError:
    """What a lost session means to who cannot open another: the credentials are not accepted."""
    facts = {name: exc.where[name] for name in ("system", "path")}
    return AccessError("credentials-refused", **facts)
