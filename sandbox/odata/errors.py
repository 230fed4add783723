"""How Gateway words what it refuses, and how the refusal looks on the wire."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from xml.sax.saxutils import escape, quoteattr

from sandbox.odata.backend import Detail, Message, ODataError

BUSINESS_EXCEPTION = "/IWBEP/CX_MGW_BUSI_EXCEPTION"
_METADATA_NS = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"


def segment_not_found(segment: str) -> ODataError:
    return ODataError(404, "005056A509B11EE1B9A8FEC11C21D78E", f"Resource not found for the segment '{segment}'.")


def key_not_found(type_name: str) -> ODataError:
    return ODataError(404, "/IWBEP/CM_MGW_RT/020", f"Resource not found for segment '{type_name}'")


def unknown_property(name: str, type_name: str) -> ODataError:
    text = f"Property '{name}' is invalid: entity type '{type_name}' has no such property"
    return ODataError(400, "005056A509B11EE1B9A8FEC11C23778E", text)


def wrong_parameter_type(operation: str, position: int) -> ODataError:
    text = f"Invalid parametertype used at function '{operation}' (Position: {position})"
    return ODataError(400, "005056A509B11EE1B9A8FEC11C23378E", text)


def bad_expression(text: str) -> ODataError:
    return ODataError(400, "005056A509B11EE1B9A8FEC11C22B78E", text)


def not_filterable(name: str) -> ODataError:
    return ODataError(
        400, "005056A509B11ED1BFD3D3C2E1B30D8E", f"Property '{name}' cannot be used in a filter expression"
    )


def bad_request(text: str, code: str = "005056A509B11EE1B9A8FEC11C22D78E") -> ODataError:
    return ODataError(400, code, text)


def invalid_value(name: str, value: object, why: str) -> ODataError:
    shown = str(value)[:60]
    return ODataError(400, "005056A509B11EE3AEB5A4D5D2B5E41B", f"Property '{name}' has invalid value '{shown}': {why}")


def not_allowed(text: str) -> ODataError:
    return ODataError(405, "005056A509B11EE1B9A8FEC11C23D78E", text)


def not_implemented(text: str) -> ODataError:
    return ODataError(501, "/IWBEP/CM_MGW_RT/021", text)


def service_not_found(name: str, version: str) -> ODataError:
    return ODataError(403, "/IWFND/MED/170", f"No service found for namespace '', name '{name}', version '{version}'")


def precondition_required() -> ODataError:
    return ODataError(428, "SADL_ENTITY_RUNTIME/004", "The request must be conditional: header If-Match is missing")


def precondition_failed() -> ODataError:
    return ODataError(412, "/IWBEP/CM_MGW_RT/019", "Precondition failed: the object has been changed in the meantime")


def error_json(error: ODataError, *, service: str, version: str, language: str, at: datetime) -> bytes:
    """The V2 error envelope, with innererror and errordetails as Gateway sends them."""
    inner = {
        "application": {
            "component_id": "",
            "service_namespace": "/SAP/",
            "service_id": service,
            "service_version": version,
        },
        "transactionid": uuid.uuid4().hex.upper(),
        "timestamp": f"{at:%Y%m%d%H%M%S}.{at:%f}0",
        "Error_Resolution": {"SAP_Transaction": "", "SAP_Note": ""},
        "errordetails": [_detail(detail) for detail in _details(error)],
    }
    message = {"lang": language.lower(), "value": error.message}
    body = {"error": {"code": error.code, "message": message, "innererror": inner}}
    return json.dumps(body, ensure_ascii=False).encode()


def error_xml(error: ODataError, *, language: str) -> bytes:
    details = "".join(
        f"<errordetail><code>{escape(d.code)}</code><message>{escape(d.message)}</message>"
        f"<severity>{d.severity}</severity></errordetail>"
        for d in _details(error)
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?><error xmlns="{_METADATA_NS}"><code>{escape(error.code)}</code>'
        f"<message xml:lang={quoteattr(language.lower())}>{escape(error.message)}</message>"
        f"<innererror><errordetails>{details}</errordetails></innererror></error>"
    ).encode()


def _details(error: ODataError) -> list[Detail]:
    """Business refusals list their messages and end with the generic exception; protocol errors list nothing."""
    if not error.details or error.details[-1].code == BUSINESS_EXCEPTION:
        return list(error.details)
    return [*error.details, Detail(BUSINESS_EXCEPTION, error.message)]


def _detail(detail: Detail) -> dict[str, object]:
    return {
        "code": detail.code,
        "message": detail.message,
        "longtext_url": "",
        "propertyref": "",
        "severity": detail.severity,
        "target": detail.target,
        "transition": False,
    }


def sap_message(messages: Sequence[Message], *, as_json: bool) -> str:
    """The header sap-message: the first message, the others as its details."""
    first, *others = messages
    if as_json:
        return json.dumps({**_message(first), "details": [_message(other) for other in others]})
    details = "".join(f"<detail>{_notification(other)}</detail>" for other in others)
    xml = f"<notification>{_notification(first)}<details>{details}</details></notification>"
    return xml.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _message(message: Message) -> dict[str, str]:
    return {"code": message.code, "message": message.message, "target": message.target, "severity": message.severity}


def _notification(message: Message) -> str:
    return (
        f"<code>{escape(message.code)}</code><message>{escape(message.message)}</message>"
        f"<severity>{message.severity}</severity><target>{escape(message.target)}</target>"
    )
