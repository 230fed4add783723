"""Values on the V4 wire: URI literals, JSON values and ETags. The properties are typed as V2's (see metadata)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from sandbox.odata import json_values as json_v2
from sandbox.odata import literals as uri_v2
from sandbox.odata.errors import invalid_value
from sandbox.odata.filters import Grammar
from sandbox.odata.metadata import Property

_DATE = r"\d{4}-\d{2}-\d{2}"
_TIME = r"\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?"
_MOMENT = rf"{_DATE}T{_TIME}(?:Z|[+-]\d{{2}}:\d{{2}})"
_GUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_TOKEN = re.compile(
    rf"\s*(?:(?P<literal>'(?:[^']|'')*'|(?:{_GUID}|{_MOMENT}|{_DATE}|{_TIME}|{_NUMBER})(?![\w:.-]))"
    r"|(?P<word>[A-Za-z_][\w/]*)|(?P<sign>[(),:]))"
)
_FORMS = {"Edm.DateTime": _DATE, "Edm.DateTimeOffset": _MOMENT, "Edm.Time": _TIME}
"""What a request body may say for a type."""


def parse_literal(text: str) -> tuple[str, Any]:
    """Kind (as V2's literals are called) and value; ValueError when it is none."""
    if text.startswith("'") or text in ("true", "false", "null"):
        return uri_v2.parse_literal(text)
    if re.fullmatch(_GUID, text):
        return "guid", UUID(text)
    if re.fullmatch(_MOMENT, text):
        return "datetimeoffset", datetime.fromisoformat(text)
    if re.fullmatch(_DATE, text):
        return "datetime", datetime.fromisoformat(text)
    if re.fullmatch(_TIME, text):
        return "time", time.fromisoformat(text)
    if re.fullmatch(_NUMBER, text):
        return ("int", int(text)) if text.lstrip("-").isdigit() else ("decimal", Decimal(text))
    raise ValueError(f"{text} is no literal")


V4 = Grammar(
    _TOKEN,
    parse_literal,
    {
        "contains": lambda value, part: part in value,
        "startswith": lambda value, part: value.startswith(part),
        "endswith": lambda value, part: value.endswith(part),
    },
)


def edm(prop: Property) -> str:
    """The V4 name of a type."""
    names = {"Edm.DateTime": "Edm.Date", "Edm.Time": "Edm.TimeOfDay"}
    return names.get(prop.edm, prop.edm)


def json_writer(prop: Property, *, exact: bool) -> Callable[[Any], Any] | None:
    """What turns a value other than None into its JSON form; None where it goes as it is.

    Decimals are numbers, and texts only for a client that asks for IEEE754Compatible (`exact`).
    """
    writers: dict[str, Callable[[Any], Any]] = {
        "Edm.DateTime": date.isoformat,
        "Edm.DateTimeOffset": moment_text,
        "Edm.Time": time.isoformat,
        "Edm.Guid": str,
    }
    if prop.edm == "Edm.Decimal" and exact:
        return json_v2.json_decimal
    return writers.get(prop.edm)


def moment_text(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


def from_json(prop: Property, raw: Any, *, exact: bool) -> Any:
    """A value of a request body; ODataError 400 for another form than V4's."""
    form = _FORMS.get(prop.edm)
    if raw is not None and form and not (isinstance(raw, str) and re.fullmatch(form, raw)):
        raise invalid_value(prop.name, raw, f"a value of type {edm(prop)} is expected")
    if prop.edm == "Edm.Decimal" and isinstance(raw, str) and not exact:
        raise invalid_value(prop.name, raw, "a decimal as text needs IEEE754Compatible=true")
    if raw is not None and prop.edm == "Edm.Time":
        return time.fromisoformat(raw)
    return json_v2.from_json(prop, raw)


def etag_text(version: datetime | str) -> str:
    """Opaque to clients; another whenever the version is."""
    shown = f"{version.astimezone(UTC):%Y%m%d%H%M%S.%f}0" if isinstance(version, datetime) else version
    return f'W/"SADL-{shown.replace(".", "")}C~{shown}"'
