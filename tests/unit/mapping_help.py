"""A small mapping to try things on, and the shipped one's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mappings.engine import MappingSet, load_mapping

ROOT = Path(__file__).resolve().parents[2]
S4 = ROOT / "mappings" / "sap" / "s4.yaml"

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
