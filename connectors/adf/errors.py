"""What an answer of ADF REST means: which error to raise for a refusal, and the ERP's own words for it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.adf.descriptor import Refusal
from connectors.adf.types import decode
from connectors.answer import Answer
from connectors.errors import (
    AccessError,
    ConflictError,
    ConnectorError,
    OutcomeUnknownError,
    PermanentError,
    RecordRejectedError,
    TransientError,
)
from connectors.refusals import coded, place, refuse_read, refuse_unheard, refuse_write, unshown
from connectors.rows import text

CONFLICTS = {409, 412, 428}
STALE = "JBO-25014"
"""Another user has changed the row: Oracle says so with status 400."""
LONGEST = 500
_CODE = re.compile(r"JBO-\d+")


def refusal(answer: Answer) -> tuple[str, str]:
    """(code, text) of an error body: framework 4's JSON, the plain text of older ones; empty for a web page."""
    if answer.content_type == "text/html":
        return "", ""
    body = _json(answer)
    details = body.get("o:errorDetails") if body else None
    found = [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
    said = "; ".join(str(detail.get("detail") or "") for detail in found) if found else str(body.get("title") or "")
    said = said if body else answer.body.decode("utf-8", "replace")
    said = " ".join(said.split())[:LONGEST]
    code = _CODE.search(said)
    return code[0] if code else str(found[0].get("o:errorCode") or "") if found else "", said


def _json(answer: Answer) -> Mapping[str, Any]:
    try:
        body = decode(answer.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


class Judge:
    """Turns answers into errors for one system; `locked` and `duplicate` are the product's text patterns."""

    def __init__(self, system: str, user: str, locked: Sequence[str], duplicate: Sequence[str]) -> None:
        self._system, self._user = system, user
        self._locked = [re.compile(p, re.IGNORECASE) for p in locked]
        self._duplicate = [re.compile(p, re.IGNORECASE) for p in duplicate]

    def read(self, answer: Answer, *, absent_ok: bool = False) -> None:
        """Raise for a read that did not give data."""
        if answer.status == 200 or (answer.status == 404 and absent_ok):
            return
        code, said = refusal(answer)
        refuse_read(self._system, self._user, answer, said, code)

    def data(self, answer: Answer) -> dict[str, Any]:
        """The object of a JSON answer. AccessError for a web page, TransientError for half an answer."""
        where = place(self._system, answer)
        if not answer.content_type.endswith("json"):
            raise AccessError("logon-page", type=answer.content_type or "no type", **where)
        try:
            body = decode(answer.body)
        except ValueError:
            raise TransientError("broken-answer", **where) from None
        if not isinstance(body, dict):
            raise PermanentError("answer-shape", what="an object", **where)
        return body

    def write(self, answer: Answer, obj: str, key: str = "") -> None:
        """Raise for a write that was not accepted, or of which nobody knows."""
        code, said = refusal(answer)
        if 200 <= answer.status < 300:
            self._accepted(answer, said)
            return
        refuse_unheard(self._system, answer, code)
        self._later(answer, obj, key, code, said)
        refuse_write(self._system, self._user, answer, obj, key, said, code)

    def _accepted(self, answer: Answer, said: str) -> None:
        """A web page tells nothing; an error body under a good status is a refusal all the same."""
        where = place(self._system, answer)
        if answer.content_type == "text/html":
            raise OutcomeUnknownError("outcome-unknown", reason="a web page", **where)
        if "o:errorDetails" in _json(answer):
            raise RecordRejectedError("rejected", text=said or "no text", **where, **coded(refusal(answer)[0]))

    def _later(self, answer: Answer, obj: str, key: str, code: str, said: str) -> None:
        """Raise for what another try, or a look, can settle."""
        if answer.status == 423 or any(p.search(said) for p in self._locked):
            wait = answer.retry_after_s
            raise TransientError("locked", system=self._system, text=said or "locked", retry_after_s=wait)
        if answer.status in CONFLICTS or code == STALE:
            raise ConflictError("conflict", system=self._system, obj=obj, key=key, erp_code=code)
        if any(p.search(said) for p in self._duplicate):
            reason = "the ERP has our key already"
            raise OutcomeUnknownError("outcome-unknown", reason=reason, erp_code=code, **place(self._system, answer))

    def created(self, answer: Answer, rule: Refusal | None) -> dict[str, Any]:
        """The document an accepted write shows. RecordRejectedError when it says that it was refused;
        OutcomeUnknownError when the answer does not show what was booked.
        """
        try:
            body = self.data(answer)
        except ConnectorError:
            raise unshown(self._system, answer) from None
        if rule and text(body, rule.field) not in ("", *rule.accepted):
            said = " ".join(text(body, rule.text).split())[:LONGEST]
            code = text(body, rule.field)
            where = place(self._system, answer)
            raise RecordRejectedError("rejected", text=said or code, **where, **coded(code))
        return body
