"""What a Save says: the Model by the form's own keys, typed. Keys the form does not have are ignored in silence."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, DecimalException
from typing import Any

from sandbox.kingdee.envelope import PARAMETER, Answer, GalaxyError, lower_keys, truth
from sandbox.kingdee.metadata import HEAD, Entity, Field, Form
from sandbox.kingdee.tables import Table, Tenant


@dataclass
class Given:
    """Header values (those of sub-heads among them), and the rows of each entity that was sent.

    References are numbers; one that leads nowhere is there as None. `fentryid` of a row is 0 for a new one.
    """

    id: str = ""
    header: dict[str, Any] = field(default_factory=dict)
    entries: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def limit(self, names: Collection[str]) -> None:
        """Only what NeedUpDateFields names is to change."""
        wanted = {name.lower() for name in names}
        self.header = {key: value for key, value in self.header.items() if key.lower() in wanted}
        self.entries = {key: rows for key, rows in self.entries.items() if key.lower() in wanted}


class Reader:
    def __init__(self, tenant: Tenant, form: Form, *, verify: bool) -> None:
        """verify: a reference that leads nowhere is an error, and no empty value."""
        self.tenant, self.form, self.verify = tenant, form, verify

    def read(self, model: Mapping[str, Any]) -> Given:
        given, head = Given(), self.form.entities[HEAD.lower()]
        for key, value in model.items():
            entity = self.form.entities.get(key.lower())
            if key.lower() == self.form.key.lower():
                given.id = "" if str(value or "0") == "0" else str(value)
            elif entity and entity.id_key:
                given.entries[entity.key] = [self._row(entity, row) for row in _rows(value)]
            elif entity:
                for row in _rows(value)[:1]:
                    given.header |= self._values(entity, row)
            else:
                given.header |= self._values(head, {key: value})
        return given

    def _row(self, entity: Entity, row: Mapping[str, Any]) -> dict[str, Any]:
        number = str(lower_keys(row).get(entity.id_key.lower()) or "0")
        return {"fentryid": int(number) if number.isdigit() else 0, **self._values(entity, row)}

    def _values(self, entity: Entity, row: Mapping[str, Any]) -> dict[str, Any]:
        known = ((entity.fields.get(key.lower()), value) for key, value in row.items())
        return {
            found.key: self._value(found, value)
            for found, value in known
            if found and not found.read_only and found.kind != "id"
        }

    def _value(self, wanted: Field, value: Any) -> Any:
        if wanted.kind == "ref":
            return self._number(wanted, value)
        if value is None or (value == "" and wanted.kind not in ("text", "long", "list")):
            return None
        try:
            return _TYPES.get(wanted.kind, str)(value)
        except (ValueError, DecimalException):
            raise GalaxyError(f"字段[{wanted.caption}]的值“{value}”不正确", PARAMETER, wanted.key) from None

    def _number(self, wanted: Field, value: Any) -> str | None:
        """References are objects; the name of the number in them is not minded for case."""
        parts = lower_keys(value) if isinstance(value, Mapping) else {}
        target = self.tenant.table(wanted.target)
        found = find_reference(target, parts)
        if found is None and self.verify and parts:
            raise GalaxyError(f"字段[{wanted.caption}]的基础资料不存在：{next(iter(parts.values()))}", field=wanted.key)
        return None if found is None else str(target.number_of(found))


def find_reference(target: Table, parts: Answer) -> Any:
    if number := parts.get("fnumber") or parts.get("number"):
        return next(iter(target.by_number(number)), None)
    if name := parts.get("fname"):
        get = target.getter(*target.form.field("FName"))
        return next((doc for doc in target.docs() if get(doc) == name), None)
    wanted = parts.get(target.form.key.lower()) or parts.get("id")
    return target.by_id(wanted) if wanted else None


def check_needed(form: Form, given: Given) -> None:
    """Every field that must be filled is: of the header, its sub-heads, and each row."""
    for entity in form.entities.values():
        rows = given.entries.get(entity.key, []) if entity.id_key else [given.header]
        for row in rows:
            for wanted in entity.fields.values():
                if wanted.must and not wanted.read_only and row.get(wanted.key) in (None, ""):
                    raise GalaxyError(f"字段[{wanted.caption}]是必录字段", field=wanted.key)


def _rows(value: Any) -> list[Mapping[str, Any]]:
    rows = value if isinstance(value, list) else [value]
    return [row for row in rows if isinstance(row, Mapping)]


def _day(value: Any) -> datetime:
    return datetime.fromisoformat(str(value).replace("/", "-")).replace(tzinfo=None)


_TYPES: dict[str, Callable[[Any], Any]] = {
    "decimal": lambda value: Decimal(str(value)), "int": lambda value: int(str(value)), "bool": truth, "date": _day,
    "time": _day,
}  # fmt: skip
