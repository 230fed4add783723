"""Targets as the product builds them from the CRM's model, and a small mapping to try things on."""

from __future__ import annotations

import types
import typing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from crm_core.model import PULLED
from mappings.engine import MappingSet, load_mapping

ROOT = Path(__file__).resolve().parents[2]
S4 = ROOT / "mappings" / "sap" / "s4.yaml"
_TYPES = {str: "text", Decimal: "money", date: "date", datetime: "datetime", bool: "bool", int: "int"}
_QUANTITIES, _RATES = {"quantity", "per"}, {"rate"}


def target_of(struct: type[Any]) -> dict[str, Any]:
    target: dict[str, Any] = {"fields": {}, "children": {}}
    hints = typing.get_type_hints(struct)
    for field in msgspec.structs.fields(struct):
        if field.name == "custom":
            continue
        kind = hints[field.name]
        if typing.get_origin(kind) in (types.UnionType, typing.Union):
            kind = next(k for k in typing.get_args(kind) if k is not type(None))
        if typing.get_origin(kind) is list:
            target["children"][field.name] = target_of(typing.get_args(kind)[0])
            continue
        name = "quantity" if field.name in _QUANTITIES else "rate" if field.name in _RATES else _TYPES[kind]
        target["fields"][field.name] = {"type": name, "required": field.required}
    return target


TARGETS = {obj: target_of(struct) for obj, struct in PULLED.items()}

LINE = {
    "fields": {"line": {"type": "text", "required": True}, "quantity": {"type": "quantity", "required": False},
               "net": {"type": "money", "required": False}},
    "children": {},
}  # fmt: skip
THING = {
    "fields": {
        "number": {"type": "text", "required": True}, "status": {"type": "text"}, "amount": {"type": "money"},
        "currency": {"type": "text"}, "on": {"type": "date"}, "at": {"type": "datetime"}, "blocked": {"type": "bool"},
        "count": {"type": "int"}, "rate": {"type": "rate"},
    },
    "children": {"lines": LINE},
}  # fmt: skip


def mapping_of(text: str, **more: Any) -> MappingSet:
    return load_mapping("x/y", text, source="x/y.yaml", targets={"things": THING}, **more)


def thing(body: str, codes: str = "", section: str = "pull") -> str:
    """A mapping file with one section of one object; `body` are its field lines."""
    lines = "\n".join(f"        {line}" for line in body.strip("\n").splitlines())
    return f"product: x/y\n{codes}objects:\n  things:\n    {section}:\n      fields:\n{lines}\n"


def apply(body: str, data: dict[str, Any], codes: str = "", section: str = "pull", **more: Any) -> dict[str, Any]:
    return mapping_of(thing(body, codes, section), **more).section("things", section).apply(data, "K1")
