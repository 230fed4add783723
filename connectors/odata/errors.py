"""What an OData answer means: which error to raise for a refusal, and the ERP's own words for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from lxml import etree

from connectors.answer import Answer
from connectors.errors import (
    AccessError,
    ConflictError,
    ConnectorError,
    OutcomeUnknownError,
    PermanentError,
    TransientError,
)
from connectors.odata.types import decode
from connectors.refusals import place, refuse_read, refuse_unheard, refuse_write, unshown

WRAPPERS = {"/IWBEP/CX_MGW_BUSI_EXCEPTION", "/IWBEP/CX_MGW_TECH_EXCEPTION"}
"""Codes Gateway adds around the application's own messages; they say nothing."""
SEVERITIES = {"1": "success", "2": "info", "3": "warning", "4": "error"}
CONFLICTS = {409, 412, 428}


def refusal(body: bytes) -> tuple[str, str]:
    """(code, text) of an error body: the first message of severity error, else the first message, else empty."""
    error = _json_error(body) or _xml_error(body)
    details = [d for d in error.get("details", []) if d["code"] not in WRAPPERS]
    errors = [d for d in details if d["severity"] in ("error", "abort")]
    best = (errors or details or [error])[0]
    return best.get("code", "") or error.get("code", ""), best.get("message", "") or error.get("message", "")


def _json_error(body: bytes) -> dict[str, Any]:
    try:
        error = msgspec.json.decode(body)["error"]
        inner = error.get("innererror") or {}
        top = {"code": str(error.get("code", "")), "message": _text(error.get("message"))}
        more = [top | {"severity": "error"}] if error.get("details") else []
        raw = inner.get("errordetails") or error.get("details") or []
        return top | {"details": more + [_detail(detail) for detail in raw]}
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        return {}


def _detail(detail: Any) -> dict[str, str]:
    """V4 states the severity in an annotation, whose namespace may have any alias."""
    severity = next((value for name, value in detail.items() if name.endswith(("severity", "Severity"))), "")
    return {
        "code": str(detail.get("code", "")),
        "message": str(detail.get("message", "")),
        "severity": SEVERITIES.get(str(severity), str(severity)),
    }


def _text(message: Any) -> str:
    return str(message.get("value", "")) if isinstance(message, dict) else str(message or "")


def _xml_error(body: bytes) -> dict[str, Any]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        return {}
    if not str(root.tag).endswith("}error"):
        return {}
    return {name: root.findtext(f"{{*}}{name}", "") for name in ("code", "message")}


class Judge:
    """Turns answers into errors for one system; `locked` and `single_write` are the product's text patterns."""

    def __init__(self, system: str, user: str, locked: Sequence[str], single_write: Sequence[str]) -> None:
        self._system, self._user = system, user
        self._locked = [re.compile(p, re.IGNORECASE) for p in locked]
        self._single = [re.compile(p, re.IGNORECASE) for p in single_write]

    def refuses_several(self, answer: Answer) -> bool:
        """True when the service takes only one operation in a changeset: nothing of it was done."""
        return answer.status >= 400 and any(p.search(refusal(answer.body)[1]) for p in self._single)

    def read(self, answer: Answer, *, absent_ok: bool = False) -> None:
        """Raise for a read that did not give data."""
        if answer.status == 200 or (answer.status == 404 and absent_ok):
            return
        code, text = refusal(answer.body)
        refuse_read(self._system, self._user, answer, text, code)

    def write(self, answer: Answer, obj: str = "", key: str = "") -> None:
        """Raise for a write that was not accepted, or of which nobody knows."""
        if 200 <= answer.status < 300:
            if answer.content_type == "text/html":
                raise OutcomeUnknownError("outcome-unknown", reason="a web page", **place(self._system, answer))
            return
        code, text = refusal(answer.body)
        refuse_unheard(self._system, answer, code)
        if answer.status == 423 or any(p.search(text) for p in self._locked):
            raise TransientError(
                "locked", system=self._system, text=text or "locked", retry_after_s=answer.retry_after_s
            )
        if answer.status in CONFLICTS:
            raise ConflictError("conflict", system=self._system, obj=obj, key=key, erp_code=code)
        refuse_write(self._system, self._user, answer, obj, key, text, code)

    def refuse_web_page(self, answer: Answer) -> None:
        if answer.content_type == "text/html":
            raise AccessError("logon-page", type=answer.content_type, **place(self._system, answer))

    def data(self, answer: Answer, decode: Callable[[bytes], Any] = decode) -> Any:
        """What a JSON answer is about. AccessError for a web page, TransientError for half an answer."""
        where = place(self._system, answer)
        if answer.content_type != "application/json":
            raise AccessError("logon-page", type=answer.content_type or "no type", **where)
        try:
            body = decode(answer.body)
        except msgspec.DecodeError:
            raise TransientError("broken-answer", **where) from None
        found = self._inside(body) if isinstance(body, dict) else None
        if not isinstance(found, (dict, list)):
            raise PermanentError("answer-shape", what="data", **where)
        return found

    def _inside(self, body: dict[str, Any]) -> Any:
        """What a JSON answer is about, without its wrapper."""
        return body.get("d")

    def created(self, answer: Answer) -> Any:
        """What an accepted write answers; OutcomeUnknownError when the answer does not show what was booked."""
        try:
            return self.data(answer)
        except ConnectorError:
            raise unshown(self._system, answer) from None


def warnings(header: str) -> list[str]:
    """The messages of a `sap-message` header that are more than a success, `code: text` each."""
    return [f"{code}: {text}" for code, severity, text in _messages(header) if severity not in ("success", "")]


def _messages(header: str) -> Iterator[tuple[str, str, str]]:
    try:
        top = msgspec.json.decode(header.encode())
    except msgspec.DecodeError:
        yield from _xml_messages(header)
        return
    for message in [top, *(top.get("details") or [])] if isinstance(top, dict) else []:
        yield str(message.get("code", "")), str(message.get("severity", "")), str(message.get("message", ""))


def _xml_messages(header: str) -> Iterator[tuple[str, str, str]]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(header.encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return
    for node in [root, *root.iter("{*}detail")]:
        yield node.findtext("{*}code", ""), node.findtext("{*}severity", ""), node.findtext("{*}message", "")
