"""The attributes, queryable attributes and finders of Fusion's resources, from catalogue.json.

What that file says of receivables*, standardReceipts, hubOrganizations and subscriptionProducts is the published
reference; the other resources' attributes are general knowledge of the product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from sandbox.oracle.adf.model import Column, Finder, Resource, Row, View, kinds

Rows = Callable[[View, Any], Iterable[Any]]


@cache
def _file() -> dict[str, Any]:
    content: dict[str, Any] = msgspec.json.decode((Path(__file__).parent / "catalogue.json").read_bytes())
    return content


def resource(
    name: str,
    key: str,
    columns: Mapping[str, Column],
    rows: Rows,
    *,
    children: Mapping[str, Resource] | None = None,
    **more: Any,
) -> Resource:
    """A top-level resource; `more` are fields of Resource, `finders` among them where they are not plain."""
    entry = _file()[name]
    _check(name, columns, entry["fields"])
    finders = {finder: Finder(variables) for finder, variables in entry["finders"].items()}
    finders.update(more.pop("finders", {}))
    return Resource(
        name=name, key=key, attributes=kinds(entry["fields"]), columns=columns, rows=rows,
        queryable=frozenset(entry["queryable"]), finders=finders, children=children or {}, **more,
    )  # fmt: skip


def child(
    path: str,
    key: str,
    columns: Mapping[str, Column],
    rows: Rows,
    *,
    children: Mapping[str, Resource] | None = None,
    **more: Any,
) -> Resource:
    """A child by its path in the catalogue: resource/accessor, resource/accessor/accessor."""
    entry = _entry(path)
    _check(path, columns, entry["fields"])
    return Resource(
        name=path.rpartition("/")[2], key=key, attributes=kinds(entry["fields"]), columns=columns, rows=rows,
        queryable=frozenset(entry["fields"]), children=children or {}, **more,
    )  # fmt: skip


def finder_variables(name: str, finder: str) -> dict[str, str]:
    variables: dict[str, str] = _file()[name]["finders"][finder]
    return variables


def row_columns(path: str) -> dict[str, Column]:
    """Columns of documents that are rows themselves."""
    return {name: _getter(name) for name in _entry(path)["fields"]}


def _entry(path: str) -> dict[str, Any]:
    top, *accessors = path.split("/")
    entry = _file()[top]
    for accessor in accessors:
        entry = entry["children"][accessor]
    return dict(entry)


def _getter(name: str) -> Column:
    def get(row: Row) -> Any:
        return row.get(name)

    return get


def _check(path: str, columns: Mapping[str, Column], known: Mapping[str, str]) -> None:
    if unknown := columns.keys() - known.keys():
        raise ValueError(f"{path} has no attribute {', '.join(sorted(unknown))}")
