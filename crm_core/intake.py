"""From a mapping's output to a record of ours, or to the reason why not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from crm_core import model
from crm_core.money import is_currency


class Reject(NamedTuple):
    """A record that could not be taken: it becomes a dead letter, the page goes on. `payload` is the ERP's record."""

    key: str
    code: str
    params: dict[str, str]
    payload: dict[str, Any]


class Mapped(NamedTuple):
    """A record in our words, not checked yet: what a mapping made of `payload`, the ERP's record."""

    key: str
    values: dict[str, Any]
    payload: dict[str, Any]


class Taken(NamedTuple):
    """A checked record as the store writes it; `digest` tells whether it equals what is stored."""

    key: str
    record: model.Record
    digest: str


class IntakeError(Exception):
    """This record breaks a rule of the CRM; `code` and `params` as in `crm_core.messages`."""

    def __init__(self, code: str, **params: str) -> None:
        self.code, self.params = code, params
        super().__init__(code)


_CURRENCY_FIELDS = ("currency", "local_currency")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`")


def taker(obj: str) -> Callable[[dict[str, Any]], model.Record]:
    """The function that turns a mapped dict of `obj` into its record; it raises IntakeError."""
    kind = model.PULLED[obj]
    currencies = [name for name in _CURRENCY_FIELDS if name in kind.__struct_fields__]
    convert, encode = msgspec.convert, msgspec.json.Encoder().encode

    def take(mapped: dict[str, Any]) -> model.Record:
        try:
            record = convert(mapped, kind)
        except msgspec.ValidationError as exc:
            raise _intake_error(str(exc), mapped) from exc
        if b"\\u0000" in encode(record):
            refuse_unstorable(mapped)
        for name in currencies:
            if not is_currency(getattr(record, name)):
                raise IntakeError("unknown-currency", field=name, value=getattr(record, name))
        return record

    return take


def refuse_unstorable(mapped: dict[str, Any]) -> None:
    """Raise IntakeError for the first text that cannot be kept: with a NUL (PostgreSQL) or half a pair (UTF-8)."""
    for field, value in _texts(mapped, ""):
        if found := _UNSTORABLE.search(value):
            raise IntakeError("unstorable-text", field=field, character=f"U+{ord(found[0]):04X}")


def storable(text: str) -> str:
    """The text with what cannot be kept written as escapes, such as \\x00."""
    return _UNSTORABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _texts(part, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from _texts(part, f"{path}[{place}]")


def _intake_error(text: str, mapped: dict[str, Any]) -> IntakeError:
    match = _PATH.search(text)
    path = match["path"] if match else ""
    missing = re.search(r"missing required field `(\w+)`", text)
    if missing:
        return IntakeError("missing-field", field=".".join(filter(None, (path, missing[1]))))
    return IntakeError("invalid-value", field=path or "?", value=_shown(mapped, path), why=text.split(" - at")[0])


def _shown(mapped: Any, path: str) -> str:
    for part in re.findall(r"\w+|\[\d+\]", path):
        try:
            mapped = mapped[int(part[1:-1])] if part.startswith("[") else mapped[part]
        except (KeyError, IndexError, TypeError):
            return ""
    return str(mapped)[:40]
