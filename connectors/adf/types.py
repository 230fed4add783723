"""ADF REST values between the wire, a `q` expression and plain text.

Numbers never become floats, nor ids integers of a fixed size: both are text from the moment they are decoded. Stamps
are compared as UTC text with microseconds, days as ISO text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec

MILLISECOND = timedelta(milliseconds=1)
_NUMBERS = {"integer": re.compile(r"-?[0-9]+"), "number": re.compile(r"-?[0-9]+(\.[0-9]+)?")}


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def decode(body: bytes) -> Any:
    """JSON with numbers as the text they were written in; ValueError for anything else."""
    return json.loads(body, parse_int=str, parse_float=str, parse_constant=_no_number)


def stamp_text(value: str) -> str:
    """A point in time as UTC text that sorts: 2026-05-02T15:23:11.000000Z; one without zone is UTC."""
    at = datetime.fromisoformat(value)
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def shifted(value: str, kind: str, seconds: float) -> str:
    """The stamp or day `value`, so many seconds (of a day: whole days, at least) earlier."""
    if kind == "date":
        days = -(-int(seconds) // 86_400)
        return (date.fromisoformat(value[:10]) - timedelta(days=days)).isoformat()
    return stamp_text((datetime.fromisoformat(value) - timedelta(seconds=seconds)).isoformat())


def following(value: str, kind: str) -> str:
    """The next day, or the next millisecond: the wire shows no more, the ERP may hold more."""
    if kind == "date":
        return (date.fromisoformat(value) + timedelta(days=1)).isoformat()
    floor = datetime.fromisoformat(value)
    floor = floor.replace(microsecond=floor.microsecond // 1000 * 1000)
    return stamp_text((floor + MILLISECOND).isoformat())


def fits(kind: str, value: str) -> bool:
    """Whether a value can be of this kind at all; one that cannot names nothing at the ERP, so nobody need ask."""
    return kind not in _NUMBERS or bool(_NUMBERS[kind].fullmatch(value))


def local_day(value: str, zone: str) -> date:
    """The day of a point in time in a zone; midnight of UTC is how the ERP keeps a day that has no time of day."""
    if len(value) == len("2026-05-02"):
        return date.fromisoformat(value)
    at = datetime.fromisoformat(stamp_text(value))
    return (at if at.time() == time() else at.astimezone(ZoneInfo(zone))).date()


def literal(kind: str, value: str) -> str:
    """A value as it stands in `q`. ValueError for one that is none of its kind."""
    if not fits(kind, value):
        raise ValueError(f"{value!r} is no {kind}")
    if kind in _NUMBERS:
        return value
    if kind == "time":
        return f"'{value[:23]}Z'"
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def compare(name: str, operator: str, kind: str, value: str) -> str:
    return f"{name} {operator} {literal(kind, value)}"


def one_of(name: str, kind: str, values: Iterable[str]) -> str:
    return f"{name} in ({','.join(literal(kind, value) for value in values)})"


def both(*parts: str) -> str:
    """The conditions that are there, all of which must hold."""
    kept = [part for part in parts if part]
    return kept[0] if len(kept) == 1 else " and ".join(f"({part})" for part in kept)


def begins(name: str, prefix: str) -> str:
    return f"{name} like {literal('text', prefix + '*')}"


def finder(name: str, variables: dict[str, str]) -> str:
    """`Name;A=1,B=x`. ValueError for a value that holds what separates variables: it could not be told apart."""
    for value in variables.values():
        if set(value) & {",", ";", "="}:
            raise ValueError(f"{value!r} cannot be a finder's variable")
    return f"{name};" + ",".join(f"{variable}={value}" for variable, value in variables.items())


def query(**options: str | int) -> str:
    """`?q=...&limit=...` of the options that have a value."""
    return "?" + "&".join(f"{name}={quote(str(value), safe='')}" for name, value in options.items() if value != "")


def join_key(parts: Sequence[str]) -> str:
    """Parts joined by '/', a '/' inside a part as %2F."""
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts) if len(parts) > 1 else parts[0]


def split_key(key: str, parts: int) -> list[str]:
    if parts == 1:
        return [key]
    return [part.replace("%2F", "/").replace("%25", "%") for part in key.split("/")]


def encoded(plain: Any, numbers: Iterable[str], flags: Iterable[str]) -> bytes:
    """JSON of a plain record: fields in `numbers` as numbers digit by digit, those in `flags` as true or false.

    ValueError names a field whose value is none.
    """
    return msgspec.json.encode(_wire(plain, frozenset(numbers), frozenset(flags), ""))


def _wire(value: Any, numbers: frozenset[str], flags: frozenset[str], name: str) -> Any:
    if isinstance(value, dict):
        return {key: _wire(item, numbers, flags, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_wire(item, numbers, flags, name) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if name in numbers:
        return msgspec.Raw(_number(name, str(value)).encode("ascii"))
    if name in flags:
        if value not in ("true", "false"):
            raise ValueError(name)
        return value == "true"
    return str(value)


def _number(name: str, text: str) -> str:
    whole, _, fraction = text.removeprefix("-").partition(".")
    if not (whole.isascii() and whole.isdecimal()) or (fraction and not fraction.isdecimal()):
        raise ValueError(name)
    sign = "-" if text.startswith("-") else ""
    return f"{sign}{whole.lstrip('0') or '0'}" + (f".{fraction}" if fraction else "")
