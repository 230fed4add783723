"""How a V4 refusal looks on the wire, and what goes with a success."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sandbox.odata.backend import Detail, Message, ODataError
from sandbox.odata.errors import BUSINESS_EXCEPTION

_LEVELS = {"success": 1, "info": 2, "warning": 3, "error": 4, "abort": 4}


def service_not_found(group: str) -> ODataError:
    return ODataError(404, "/IWBEP/CM_V4_COS/014", f"Service group '{group}' is not published")


def precondition_required() -> ODataError:
    return ODataError(428, "/IWBEP/CM_V4_APPS/017", "The request must be conditional: header If-Match is missing")


def precondition_failed() -> ODataError:
    return ODataError(412, "/IWBEP/CM_V4_RUNTIME/102", "Precondition failed: the entity has been changed meanwhile")


def not_acceptable() -> ODataError:
    """No public source gives SAP's code for it."""
    return ODataError(
        406, "/IWBEP/CM_V4_RUNTIME/406", "The requested format is not supported; supported is application/json"
    )


def error_json(error: ODataError, *, at: datetime) -> bytes:
    """Code and text are the first message's own; the others stand in `details`."""
    found = [detail for detail in error.details if detail.code != BUSINESS_EXCEPTION]
    first, others = (found[0], found[1:]) if found else (Detail(error.code, error.message), [])
    body: dict[str, Any] = {"code": first.code, "message": first.message}
    if first.target:
        body["target"] = first.target
    body["@SAP__common.ExceptionCategory"] = "Client_Error" if error.status < 500 else "Server_Error"
    if others:
        body["details"] = [_detail(detail) for detail in others]
    inner = {"TransactionId": uuid.uuid4().hex.upper(), "Timestamp": f"{at:%Y%m%d%H%M%S}.{at:%f}0"}
    body["innererror"] = {"ErrorDetails": inner}
    return json.dumps({"error": body}, ensure_ascii=False).encode()


def _detail(detail: Detail) -> dict[str, Any]:
    shown: dict[str, Any] = {"code": detail.code, "message": detail.message}
    if detail.target:
        shown["target"] = detail.target
    return shown | {
        "@SAP__common.Severity": detail.severity,
        "@SAP__common.numericSeverity": _LEVELS[detail.severity],
    }


def sap_messages(messages: Sequence[Message]) -> str:
    """The header sap-messages."""
    return json.dumps(
        [
            {"code": m.code, "message": m.message, "numericSeverity": _LEVELS[m.severity], "target": m.target}
            for m in messages
        ]
    )
