"""Filters of ExecuteBillQuery, which reach the ERP's SQL: every value is quoted here and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

IN_AT_MOST = 500
"""Values of one `in (...)`."""
_WILD = re.compile(r"[\[%_]")


def literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def number(value: str) -> str:
    """An internal id as it may stand bare; ValueError for anything else."""
    if not value.isascii() or not value.isdigit():
        raise ValueError(value)
    return value


def compare(field: str, operator: str, value: str) -> str:
    return f"{field} {operator} {literal(value)}"


def begins(field: str, prefix: str) -> str:
    """`field` begins with exactly `prefix`: wildcards in it stand for themselves."""
    return f"{field} like {literal(_WILD.sub(lambda wild: f'[{wild[0]}]', prefix) + '%')}"


def both(*terms: str) -> str:
    """The terms that are not empty, all of them; an `or` inside one stays together."""
    kept = [term for term in terms if term]
    return kept[0] if len(kept) == 1 else " and ".join(f"({term})" for term in kept)


def one_of(field: str, values: Iterable[str], *, ids: bool = False) -> str:
    quoted = [number(value) if ids else literal(value) for value in values]
    return f"{field} = {quoted[0]}" if len(quoted) == 1 else f"{field} in ({','.join(quoted)})"


def batches(values: Collection[str], size: int = IN_AT_MOST) -> Iterator[list[str]]:
    listed = list(dict.fromkeys(values))
    yield from (listed[start : start + size] for start in range(0, len(listed), size))


def behind(fields: Sequence[str], values: Sequence[str]) -> str:
    """Rows that come after these values in the order of `fields`; the values are literals already."""
    terms = []
    for place, field in enumerate(fields):
        equal = [f"{name} = {value}" for name, value in zip(fields[:place], values, strict=False)]
        terms.append(" and ".join([*equal, f"{field} > {values[place]}"]))
    return terms[0] if len(terms) == 1 else " or ".join(f"({term})" for term in terms)


def ascending(fields: Sequence[str]) -> str:
    return ",".join(f"{field} ASC" for field in fields)


def bill_query(form: str, keys: Sequence[str], where: str, order: Sequence[str], limit: int) -> dict[str, Any]:
    """The data of ExecuteBillQuery. Its order ends in a unique key: without that, rows repeat or are passed over."""
    return {
        "FormId": form,
        "FieldKeys": ",".join(keys),
        "FilterString": where,
        "OrderString": ascending(order),
        "TopRowCount": 0,
        "StartRow": 0,
        "Limit": limit,
        "SubSystemId": "",
    }
