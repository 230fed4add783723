"""Values of a property made comparable, and $orderby."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

from sandbox.odata.backend import ODataError, ReadRow
from sandbox.odata.errors import bad_expression, unknown_property
from sandbox.odata.literals import fill_zeros, initial
from sandbox.odata.metadata import EntitySet, Property


def reader(prop: Property) -> Callable[[ReadRow], Any]:
    """Null texts read as empty, a missing property as its initial value, dates as comparable moments."""
    name, blank = prop.name, initial(prop)
    match prop.edm:
        case "Edm.String":
            return lambda row: row.get(name) or ""
        case "Edm.DateTime" | "Edm.DateTimeOffset":
            return lambda row: None if (value := row.get(name)) is None else comparable(prop, value)
    return lambda row: row.get(name, blank)


def comparable(prop: Property, value: Any) -> Any:
    """One kind of value per type: days for dates at midnight, moments in UTC else."""
    if prop.is_date and isinstance(value, datetime):
        return value.date() if value.time() == time() else value
    if prop.edm == "Edm.DateTime" and not prop.is_date and not isinstance(value, datetime) and isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if prop.edm == "Edm.DateTime" and isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def sort_value(prop: Property, value: Any) -> Any:
    if prop.zero_filled and isinstance(value, str):
        return fill_zeros(value, prop.length or 0)
    if prop.is_date and isinstance(value, date):
        value = comparable(prop, value)
        return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return comparable(prop, value)


def sort_reader(prop: Property) -> Callable[[ReadRow], Any]:
    if prop.zero_filled or prop.is_date:
        read = reader(prop)
        return lambda row: None if (value := read(row)) is None else sort_value(prop, value)
    return reader(prop)


def compile_orderby(text: str, entity_set: EntitySet) -> list[tuple[Property, bool]]:
    """Property and whether it descends, in the order given; ODataError 400."""
    return [_order(part.split(), entity_set) for part in text.split(",")]


def _order(words: list[str], entity_set: EntitySet) -> tuple[Property, bool]:
    if not words or len(words) > 2 or (len(words) == 2 and words[1] not in ("asc", "desc")):
        raise bad_expression(f"Invalid order by expression '{' '.join(words)}'")
    prop = entity_set.properties.get(words[0])
    if prop is None:
        raise unknown_property(words[0], entity_set.type_name)
    if not prop.sortable:
        raise ODataError(400, "005056A509B11ED1BFD3D3C2E1B30D8F", f"Property '{prop.name}' cannot be used for sorting")
    return prop, words[-1] == "desc"


def is_key_order(order: list[tuple[Property, bool]], entity_set: EntitySet) -> bool:
    names = [prop.name for prop, _ in order]
    return names == [key.name for key in entity_set.keys[: len(names)]] and not any(down for _, down in order)


def sort_rows(rows: list[ReadRow], order: list[tuple[Property, bool]]) -> None:
    """In place, stable; null before everything."""
    for prop, descending in reversed(order):
        read = sort_reader(prop)
        # mypy cannot infer the type of a default argument in a lambda
        rows.sort(key=lambda row, read=read: ((value := read(row)) is not None, value), reverse=descending)  # type: ignore[misc]
