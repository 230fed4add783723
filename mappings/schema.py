"""JSON Schema of mapping files and overlays, for editors: completion and first errors while typing."""

from __future__ import annotations

from typing import Any

from mappings.plan import CUSTOM_TYPES, EXAMPLE_KEYS, SECTIONS

_TEXT = {"type": ["string", "number", "boolean"]}
_CLEARED = {"type": "null", "description": "in an overlay: remove what the shipped file has"}


def json_schema() -> dict[str, Any]:
    """Draft 2020-12; allows overlays too (null removes, `base_hash:` pins), so nothing but `product` is required."""
    part_keys = {
        "fields": {"$ref": "#/$defs/fields"},
        "defaults": _table(_TEXT, "for fields that the expression leaves empty: {field: text}"),
        "required": _or_null({"type": "array", "items": {"type": "string"}, "description": "beyond the target's own"}),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Crosstie mapping",
        "description": "left the field to fill (pull: ours, else the ERP's), right JSONata over the other side",
        "required": ["product"],
        **_object(
            product={"type": "string", "description": "the product file this belongs to, such as sap/s4"},
            codes=_table(_table(_TEXT, "{their code: our word}"), "code tables for $code('table', value), both ways"),
            lookups=_table(_TEXT, "tables that the system file lists under `lookups:`, and what they hold"),
            objects=_table({"$ref": "#/$defs/object"}, "orders, customers, invoices ..."),
            base_hash=_table(_TEXT, "in an overlay: hash of the shipped text that each path was written against"),
        ),
        "$defs": {
            "object": _or_null(
                _object(
                    pull=_section(
                        {**part_keys, "custom": _table({"$ref": "#/$defs/custom"}, "this site's own fields")}
                    ),
                    **{name: _section(part_keys) for name in SECTIONS if name != "pull"},
                    examples=_or_null({"type": "array", "items": {"$ref": "#/$defs/example"}}),
                )
            ),
            "fields": _table({"oneOf": [_TEXT, {"$ref": "#/$defs/part"}, _CLEARED]}, "{target field: JSONata or part}"),
            "part": _object(**part_keys, **{"from": {**_TEXT, "description": "JSONata that gives a list's items"}}),
            "custom": _or_null(_object(type={"enum": list(CUSTOM_TYPES)}, value=_TEXT)),
            "example": _object(
                **{name: {} for name in sorted(EXAMPLE_KEYS - {"section", "given"})},
                section={"enum": list(SECTIONS)},
                given={"type": "object"},
            ),
        },
    }


def _section(keys: dict[str, Any]) -> dict[str, Any]:
    same = {"enum": list(SECTIONS), "description": "the same as this section of the object"}
    return {"oneOf": [same, _object(**keys), _CLEARED]}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _table(values: dict[str, Any], description: str) -> dict[str, Any]:
    return {"type": ["object", "null"], "additionalProperties": _or_null(values), "description": description}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, _CLEARED]}
