"""From a part of a plan to the shape of its results, and to the tree of source paths that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mappings.analysis import Path
from mappings.plan import Part
from mappings.values import TYPES, Rule, Shape, custom_text, wire_or_bool

Tree = dict[str, "Tree"]


def shape_of(part: Part, target: Mapping[str, Any] | None) -> Shape:
    """With a target (of ours) values are checked by its types; without one (the ERP's) they stay text and true/false."""
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


def tree_of(paths: Iterable[Path]) -> Tree:
    root: Tree = {}
    for path in paths:
        node = root
        for name in path:
            node = node.setdefault(name, {})
    return root


def filled(tree: Tree, data: Any, prefix: str, found: set[str]) -> None:
    """Add to `found` the paths of `tree` that have a value in `data`: not null, not empty text, in any item of a list."""
    for name, inner in tree.items():
        value = data.get(name)
        if value is None or value == "":
            continue
        if not inner:
            if value != []:
                found.add(prefix + name)
        elif isinstance(value, dict):
            filled(inner, value, f"{prefix}{name}.", found)
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, dict):
                    filled(inner, item, f"{prefix}{name}.", found)
