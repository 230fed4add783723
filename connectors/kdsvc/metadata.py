"""What QueryBusinessInfo says of a form: its entities and their fields, found by name whatever the case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

HEAD = "FBillHead"


@dataclass(frozen=True, slots=True)
class Field:
    """`refers_to`: the form that a reference leads to; empty for a plain value."""

    name: str
    entity: str
    refers_to: str
    type: str
    required: bool


class Metadata:
    """`fields` of one form by entity; names keep the form's own spelling."""

    def __init__(self, form: str, fields: Iterable[Field], entities: Iterable[str], operations: Iterable[str]) -> None:
        self.form = form
        self.entities = {name.lower(): name for name in entities}
        self.operations = {name.lower() for name in operations}
        self._fields = {(field.entity.lower(), field.name.lower()): field for field in fields}

    def field(self, name: str, entity: str) -> Field | None:
        return self._fields.get((entity.lower(), name.lower()))

    def header(self, name: str, heads: Iterable[str]) -> Field | None:
        """A field of the bill's head or of one of its sub-heads."""
        return next((found for entity in (HEAD, *heads) if (found := self.field(name, entity))), None)

    def names(self, entity: str = "") -> list[str]:
        """Names of the fields of `entity`, or of all."""
        return [f.name for (key, _), f in self._fields.items() if not entity or key == entity.lower()]

    def all(self) -> Iterator[Field]:
        yield from self._fields.values()


def parse_metadata(form: str, data: Any) -> Metadata:
    """Read `NeedReturnData`; ValueError when it is none."""
    try:
        entries = data["Entrys"]
        fields = [_field(entry["Key"], each) for entry in entries for each in entry.get("Fields") or []]
        entities = [str(entry["Key"]) for entry in entries]
        operations = [str(each.get("OperationNumber", "")) for each in data.get("Operations") or []]
    except (KeyError, TypeError, AttributeError):
        raise ValueError(f"no entities in the answer for {form}") from None
    if not fields:
        raise ValueError(f"no fields in the answer for {form}")
    return Metadata(form, fields, entities, operations)


def _field(entity: str, data: Any) -> Field:
    kind = data.get("ElementType")
    required = str(data.get("MustInput", "")).lower() in ("1", "true")
    return Field(str(data["Key"]), str(entity), str(data.get("LookUpObjectFormId") or ""), str(kind or ""), required)
