"""Who may write which field of a row that both sides know: read from config/ownership.yaml.

A rule is `crm` (people here only), `erp` (any system the row is linked to), `origin` (the side the row came from) or a
list of systems. `"*"` is the rule of every field not named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from crm_core import schema
from crm_core.errors import RefusedError

Rule = str | Sequence[str]
Rules = Mapping[str, Mapping[str, Rule]]
WORDS = ("crm", "erp", "origin")
TABLES = {"customers": schema.customer}
SHIPPED: Rules = {"customers": {"*": "origin", "owner": "crm", "blocked": "erp"}}
_active: dict[str, Mapping[str, Rule]] = dict(SHIPPED)


def use(rules: Rules) -> None:
    """Make these the rules of this process; objects they do not name keep the shipped ones."""
    _active.clear()
    _active.update({**SHIPPED, **rules})


def may_write(obj: str, field: str, writer: str, *, origin: str) -> bool:
    """Whether `writer` (a system, or crm) may write `field` of a row that came from `origin` (a system, or crm)."""
    fields = _active.get(obj, {})
    rule = fields.get(field, fields.get("*", "origin"))
    if rule == "origin":
        return writer == origin
    if rule == "erp":
        return writer != "crm"
    if rule == "crm":
        return writer == "crm"
    return writer in rule


def load(path: Path, systems: Sequence[str] = ()) -> Rules:
    """Rules from a file. Raises RefusedError naming file and entry for an unknown object, field, rule or system."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as exc:
        raise RefusedError("ownership-yaml", file=path.name, why=str(exc).replace("\n", " ")) from exc
    if not isinstance(content, dict):
        raise RefusedError("ownership-yaml", file=path.name, why="not a mapping of objects")
    for obj, fields in content.items():
        for field, rule in _fields(path, obj, fields).items():
            _check(path, obj, field, rule, systems)
    return content


def _fields(path: Path, obj: Any, fields: Any) -> dict[str, Rule]:
    if obj not in TABLES or not isinstance(fields, dict):
        raise RefusedError("ownership-entry", file=path.name, entry=str(obj), known=", ".join(TABLES))
    return fields


def _check(path: Path, obj: str, field: str, rule: Any, systems: Sequence[str]) -> None:
    columns = [*TABLES[obj].columns.keys(), "*"]
    if field not in columns:
        raise RefusedError("ownership-entry", file=path.name, entry=f"{obj}.{field}", known=", ".join(columns))
    named = [rule] if isinstance(rule, str) else rule
    words = WORDS if isinstance(rule, str) else (*systems, "crm")
    if not isinstance(named, list) or any(word not in words for word in named):
        raise RefusedError("ownership-entry", file=path.name, entry=f"{obj}.{field}: {rule}", known=", ".join(words))
