"""FilterString in its array form: rows of {Left, FieldName, Compare, Value, Right, Logic}."""

from __future__ import annotations

from typing import Any

from sandbox.kingdee.envelope import FAILED, GalaxyError

_ARRAY_COMPARE = {
    "statusequalto": "=", "equal": "=", "67": "=", "=": "=", "statusnotequalto": "<>", "notequal": "<>", "<>": "<>",
    "greater": ">", "greaterthan": ">", ">": ">", "greaterequal": ">=", "greaterthanorequal": ">=", ">=": ">=",
    "less": "<", "lessthan": "<", "<": "<", "lessequal": "<=", "lessthanorequal": "<=", "<=": "<=",
    "like": "like", "contain": "like", "17": "like", "in": "in", "statusin": "in", "isnull": "isnull", "null": "isnull",
}  # fmt: skip


def bad(text: str) -> GalaxyError:
    """What the server says of a condition that it cannot read."""
    return GalaxyError(f"GetRealExpress error: 过滤条件不正确：{text[:120]}", FAILED)


def as_text(rows: list[Any]) -> str:
    """The same condition as text; Logic "0" is and, "1" or, between a row and the next."""
    text, logic = "", ""
    for row in rows:
        if not isinstance(row, dict):
            raise bad(str(row))
        given = {str(key).lower(): "" if value is None else str(value) for key, value in row.items()}
        compare = _ARRAY_COMPARE.get(given.get("compare", "=").lower())
        if compare is None:
            raise bad(f"比较符 {given.get('compare')}")
        text += f" {logic} {given.get('left', '')}{_one(given, compare)}{given.get('right', '')}"
        logic = "or" if given.get("logic", "0").lower() in ("1", "or") else "and"
    return text


def _one(given: dict[str, str], compare: str) -> str:
    name, value = given.get("fieldname", ""), given.get("value", "")
    if compare == "isnull":
        return f"{name} is null"
    if compare == "in":
        return f"{name} in ({','.join(_quoted(part.strip()) for part in value.split(','))})"
    return f"{name} {compare} {_quoted(f'%{value}%' if compare == 'like' and '%' not in value else value)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
