"""The tenant's forms, read from metadata/galaxy.yaml: what QueryBusinessInfo tells and everything else obeys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from sandbox.kingdee.envelope import FAILED, NO_FIELD, NO_FORM, Answer, GalaxyError

FILE = Path(__file__).parent / "metadata" / "galaxy.yaml"
HEAD = "FBillHead"
PLAIN = frozenset({"text", "long", "id", "int", "bool", "date", "time", "decimal"})
_TYPES = {"text": 1, "long": 2, "id": 127, "int": 59, "bool": 173, "date": 61, "time": 61, "decimal": 106}
_ELEMENTS = {"text": 1, "long": 29, "id": 21, "int": 21, "bool": 8, "date": 4, "time": 19, "decimal": 2}
_LIST, _REFERENCE = 9, 13


@dataclass(frozen=True)
class Field:
    key: str
    caption: str
    kind: str
    """One of PLAIN, "list", or "ref"."""

    target: str = ""
    """The list's name, or the form a reference leads to."""
    must: bool = False
    read_only: bool = False

    @property
    def view_key(self) -> str:
        return self.key[1:] if self.key[:1] == "F" else self.key


@dataclass(frozen=True)
class Entity:
    key: str
    fields: Mapping[str, Field]
    """By lower-case key."""

    @property
    def id_key(self) -> str:
        """The key of the entry's id; "" for the header and its sub-heads."""
        found = self.fields.get("fentryid") if self.key != HEAD else None
        return found.key if found else ""

    @property
    def view_key(self) -> str:
        return self.key[1:] if self.key[:1] == "F" and self.key[1:2].isupper() else self.key


@dataclass(frozen=True)
class Form:
    id: str
    name: str
    key: str
    number: str
    prefix: str
    org: str
    table: str
    writes: str
    """What saves it: order, customer, bill; "" where this user may only read."""

    operations: Mapping[str, str]
    bill_types: Mapping[str, str]
    fixed_numbers: frozenset[str]
    """Bill types whose coding rule gives the number, whatever is sent."""
    entities: Mapping[str, Entity]
    """By lower-case key, the header first."""

    def find(self, name: str) -> tuple[Entity, Field] | None:
        """A field by key, by entity.key, or an entry's id by entity_FEntryID."""
        lower = name.lower()
        for key, entity in self.entities.items():
            if lower in (f"{key}_fentryid", f"{key}.fentryid") and entity.id_key:
                return entity, entity.fields["fentryid"]
            short = lower.removeprefix(f"{key}.")
            if short in entity.fields and (short != lower or lower in entity.fields):
                return entity, entity.fields[short]
        return None

    def field(self, name: str) -> tuple[Entity, Field]:
        if found := self.find(name):
            return found
        raise GalaxyError(f"元数据中标识为{name}的字段不存在", NO_FIELD)

    def operation(self, number: str) -> str:
        """Its own spelling, by any; "" when the form has none."""
        return next((name for name in self.operations if name.lower() == number.lower()), "")


class Metadata:
    def __init__(self, forms: Mapping[str, Form], lists: Mapping[str, Mapping[str, str]]) -> None:
        self.forms, self.lists = forms, lists
        self._by_lower = {key.lower(): form for key, form in forms.items()}

    def form(self, form_id: str) -> Form:
        if not form_id:
            raise GalaxyError("业务对象标识不能为空", NO_FORM)
        if form := self._by_lower.get(form_id.lower()):
            return form
        raise GalaxyError(f"标识为“{form_id}”的业务对象不存在，或者被删除", FAILED)

    def business_info(self, form: Form) -> Answer:
        entries = [
            {
                "Key": entity.key, "ParentKey": None, "Name": _named(entity.key),
                "Fields": [_field_info(field) for field in entity.fields.values()],
            }
            for entity in form.entities.values()
        ]  # fmt: skip
        return {
            "Id": form.id, "Name": _named(form.name), "PkFieldName": form.key, "Entrys": entries,
            "Operations": [
                {"OperationNumber": number, "OperationName": _named(name)} for number, name in form.operations.items()
            ],
        }  # fmt: skip


@cache
def load_metadata() -> Metadata:
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    lists = content["lists"]
    return Metadata({key: _form(key, form, lists) for key, form in content["forms"].items()}, lists)


def _form(form_id: str, given: Mapping[str, Any], lists: Mapping[str, Any]) -> Form:
    entities = {
        key.lower(): Entity(key, {name.lower(): _field(name, text, lists) for name, text in fields.items()})
        for key, fields in given["entities"].items()
    }
    return Form(
        form_id, given["name"], given["key"], given["number"], given.get("prefix", ""), given.get("org", ""),
        given.get("table", ""), given.get("writes", ""), given.get("operations", {}), given.get("bill_types", {}),
        frozenset(given.get("fixed_numbers", ())), entities,
    )  # fmt: skip


def _field(key: str, text: str, lists: Mapping[str, Any]) -> Field:
    caption, target, *flags = text.split()
    kind = target if target in PLAIN else "list" if target in lists else "ref"
    return Field(key, caption, kind, "" if target in PLAIN else target, "must" in flags, "ro" in flags)


def _field_info(field: Field) -> Answer:
    return {
        "Key": field.key, "Name": _named(field.caption),
        "FieldType": _TYPES.get(field.kind, 167 if field.kind == "list" else 56),
        "ElementType": _ELEMENTS.get(field.kind, _LIST if field.kind == "list" else _REFERENCE),
        "MustInput": 1 if field.must else 0, "LookUpObjectFormId": field.target if field.kind == "ref" else None,
    }  # fmt: skip


def _named(text: str) -> list[Answer]:
    return [{"Key": 2052, "Value": text}]
