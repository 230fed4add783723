"""JSON whose numbers stay as they are written: 7.50 is not 7.5.

>>> dumps(loads('{"amount": 7.50, "rate": [1e3, -0.10], "name": "阀门"}'))
'{"amount":7.50,"rate":[1e3,-0.10],"name":"阀门"}'
"""

from __future__ import annotations

import json
from typing import Any

LINE = 1000


class Number(str):
    """A number's own text."""

    __slots__ = ()


def loads(text: str) -> Any:
    return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=Number)


def dumps(value: Any) -> str:
    """Without any blank."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_name(name)}:{dumps(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    return str(value) if isinstance(value, Number) else json.dumps(value, ensure_ascii=False)


def pretty(value: Any, indent: str = "") -> str:
    """Lists of large things and what holds them are broken into lines; a record stands on one."""
    if not _has_large_lists(value):
        return dumps(value)
    inner = f"\n{indent} "
    if isinstance(value, list):
        return f"[{inner}" + f",{inner}".join(pretty(one, f"{indent} ") for one in value) + f"\n{indent}]"
    parts = (f"{_name(name)}: {pretty(part, f'{indent} ')}" for name, part in value.items())
    return "{" + inner + f",{inner}".join(parts) + f"\n{indent}" + "}"


def _name(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _has_large_lists(value: Any) -> bool:
    """Whether it holds a list of objects that would make a long line."""
    if isinstance(value, list):
        return any(isinstance(one, dict) for one in value) and len(dumps(value)) > LINE
    return isinstance(value, dict) and any(map(_has_large_lists, value.values()))
