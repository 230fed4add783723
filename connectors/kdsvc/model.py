"""The Model of a Save: keys in the product file's order, numbers as numbers, checked against the form's metadata.

The ERP ignores a key that it does not know without a word; so each is looked up before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.base import Wire
from connectors.kdsvc.descriptor import Form, Write
from connectors.kdsvc.metadata import Field, Metadata

_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(T00:00:00)?")


class UnknownKeyError(Exception):
    """The form has no such key; `known` are those at its place."""

    def __init__(self, key: str, known: list[str]) -> None:
        self.key, self.known = key, known
        super().__init__(key)


class NoNumberError(Exception):
    """A key that takes a number was given something else."""

    def __init__(self, key: str, value: str) -> None:
        self.key, self.value = key, value
        super().__init__(key)


@dataclass(frozen=True, slots=True)
class Modeller:
    """Makes Models of one form; raises UnknownKeyError and NoNumberError."""

    write: Write
    form: Form
    metadata: Metadata
    optional: Sequence[str] = ()

    def model(self, wire: Mapping[str, Any]) -> Wire:
        """The whole document as it is sent: without what the ERP computes or is told in another way."""
        kept = self._kept(wire, "", [*self.write.computed, self.write.allocate])
        return dict(self._ordered({name: self._part(name, value) for name, value in kept.items()}))

    def line(self, entity: str, line: Mapping[str, Any]) -> Wire:
        kept = self._kept(line, entity, self.write.computed)
        return dict(self._ordered({name: self._value(name, value, entity) for name, value in kept.items()}))

    def _kept(self, wire: Mapping[str, Any], entity: str, left_out: Sequence[str]) -> Wire:
        """Without `left_out`, and without optional fields that this tenant does not have."""
        kept = {name: value for name, value in wire.items() if name not in left_out}
        return {n: v for n, v in kept.items() if n not in self.optional or self._known(n, entity) is not None}

    def _part(self, name: str, value: Any) -> Any:
        if isinstance(value, list):
            self._require_entity(name)
            return [self.line(name, line) for line in value]
        if name in self.write.subheads:
            self._require_entity(name)
            return self.line(name, value)
        return self._value(name, value, "")

    def _require_entity(self, name: str) -> None:
        if name.lower() not in self.metadata.entities:
            raise UnknownKeyError(name, [*self.metadata.entities.values()])

    def _value(self, name: str, value: Any, entity: str) -> Any:
        own = name in (self.form.id, self.write.entries.get(entity))
        if not own and self._known(name, entity) is None:
            raise UnknownKeyError(name, self.metadata.names(entity))
        if name not in self.write.numbers or value in (None, ""):
            return value
        try:
            return Decimal(str(value))
        except InvalidOperation:
            raise NoNumberError(name, str(value)) from None

    def _known(self, name: str, entity: str) -> Field | None:
        return self.metadata.field(name, entity) if entity else self.metadata.header(name, self.form.heads)

    def _ordered(self, model: Wire) -> Iterator[tuple[str, Any]]:
        """Header, then sub-heads, then entries; inside each as the product file lists them."""
        order = {name: place for place, name in enumerate(self.write.order)}
        names = list(model)

        def rank(name: str) -> tuple[int, int, int]:
            kind = 2 if isinstance(model[name], list) else 1 if name in self.write.subheads else 0
            return kind, order.get(name, len(order)), names.index(name)

        return ((name, model[name]) for name in sorted(names, key=rank))


def without_empty(wire: Mapping[str, Any]) -> Wire:
    """What a new document is made of: an empty value would keep the ERP from filling in its own."""
    kept: Wire = {}
    for name, value in wire.items():
        full = without_empty(value) if isinstance(value, Mapping) else value
        if isinstance(value, list):
            full = [without_empty(line) if isinstance(line, Mapping) else line for line in value]
        if full not in (None, "", {}):
            kept[name] = full
    return kept


def flat(wire: Mapping[str, Any], subheads: Sequence[str]) -> dict[str, Any]:
    """Header values by the path under which a query gives them: sub-heads vanish, references keep their key."""
    found: dict[str, Any] = {}
    for name, value in wire.items():
        if isinstance(value, Mapping) and name in subheads:
            found |= flat(value, ())
        elif isinstance(value, Mapping):
            found |= {f"{name}.{key}": inner for key, inner in value.items()}
        elif not isinstance(value, list):
            found[name] = value
    return found


def at(record: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path of a record."""
    value: Any = record
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def same(path: str, have: Any, want: Any, numbers: Collection[str]) -> bool:
    """Equal as values: a midnight is its day, nothing is "", true is "true", and 5.0 is 5 where the field is a number.

    Numbers of references are the same in capitals and small letters, as the ERP's database has it; 0100 is not 100.
    """
    if have in (None, "") or want in (None, ""):
        return have in (None, "") and want in (None, "")
    if isinstance(have, bool) or isinstance(want, bool):
        return str(have).lower() == str(want).lower()
    left, right = str(have).strip(), str(want).strip()
    if path in numbers:
        return left == right or _number(left) == _number(right) is not None
    alike = left.casefold() == right.casefold() if "." in path else left == right
    return alike or _day(left) == _day(right) != ""


def _day(value: str) -> str:
    found = _DAY.fullmatch(value)
    return found[1] if found else ""


def _number(value: str) -> Decimal | None:
    try:
        return Decimal(value)
    except InvalidOperation:
        return None
