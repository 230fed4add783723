"""From a part of a plan to the shape of its results, and to the source paths that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mappings.facts import Path
from mappings.plan import Part
from mappings.values import TYPES, Rule, Shape, custom_text, wire_or_bool


def shape_of(part: Part, target: Mapping[str, Any] | None) -> Shape:
    """With a target (ours) values are checked by its types; without one (the ERP's) they stay text and true/false."""
    fields: Mapping[str, Any] = target["fields"] if target else {}
    children: Mapping[str, Any] = target.get("children", {}) if target else {}
    rules: dict[str, Rule | Shape] = {}
    for name, value in part.fields.items():
        if isinstance(value, Part):
            rules[name] = shape_of(value, children.get(name))
        else:
            rules[name] = rule_of(fields, name)
    if part.custom:
        rules["custom"] = Shape({n: custom_text(TYPES[kind]) for n, (kind, _) in part.custom.items()}, (), {})
    required = [*part.required, *(n for n, spec in fields.items() if spec.get("required") and n not in part.required)]
    defaults = {name: rule_of(fields, name)(scalar.text) for name, scalar in part.defaults.items()}
    return Shape(rules, required, defaults, lists=lists_of(part), keep_empty=target is not None)


def rule_of(fields: Mapping[str, Any], name: str) -> Rule:
    return TYPES.get(fields.get(name, {}).get("type", ""), wire_or_bool)


def lists_of(part: Part) -> set[str]:
    return {name for name, value in part.fields.items() if isinstance(value, Part) and value.source is not None}


_EMPTY: tuple[Any, ...] = (None, "", [])


class Branch:
    """A source path that is read, or that leads to some: `leaves` are the full paths that are read at or under it."""

    __slots__ = ("inner", "leaves", "name")

    def __init__(self, name: str, path: Path, paths: Iterable[Path]) -> None:
        under = [p for p in paths if p[: len(path)] == path and p != path]
        names = dict.fromkeys(p[len(path)] for p in under)
        self.name = name
        self.inner = [Branch(next_name, (*path, next_name), under) for next_name in names]
        self.leaves = frozenset(".".join(p) for p in under) or frozenset({".".join(path)})

    def fill(self, data: Mapping[str, Any], found: set[str]) -> None:
        """Add to `found` what has a value in `data`: not null, not empty text; of a list, in any of its items."""
        for branch in self.inner:
            value = data.get(branch.name)
            if value in _EMPTY:
                continue
            if not branch.inner:
                found |= branch.leaves
            elif isinstance(value, dict):
                branch.fill(value, found)
            elif isinstance(value, list):
                branch.fill_any(value, found)

    def fill_any(self, items: list[Any], found: set[str]) -> None:
        records = [item for item in items if isinstance(item, dict)]
        for branch in self.inner:
            if branch.inner:
                below = [record.get(branch.name) for record in records]
                branch.fill_any([i for value in below for i in (value if isinstance(value, list) else [value])], found)
            elif any(record.get(branch.name) not in _EMPTY for record in records):
                found |= branch.leaves
