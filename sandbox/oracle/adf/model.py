"""What a resource is: its attributes, how their values come from a document of the books, and what can be done to it.

A document is whatever the books hold; a column takes one and gives a plain value. Dates are calendar dates, timestamps
aware. Attributes without a column are always null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Value = str | int | Decimal | bool | date | datetime | None
Column = Callable[[Any], Value]
Row = dict[str, Any]

JSON_TYPES = {"date": "string", "timestamp": "string"}


@dataclass(frozen=True)
class View:
    """Who looks, and through which finder: business units (None: all), and variables that shape the children too."""

    units: frozenset[str] | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    def sees(self, company: str) -> bool:
        return self.units is None or company in self.units


@dataclass(frozen=True)
class Finder:
    """Variables by name and type. A variable filters the attribute of its own name, or the one in `attributes`; one in
    `shaping` filters nothing here and is handed to the children. `needed` must be given."""

    variables: Mapping[str, str]
    attributes: Mapping[str, str] = field(default_factory=dict)
    shaping: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()


Create = Callable[[View, Row, Any], Any]
Update = Callable[[View, Any, Row], Any]
Delete = Callable[[View, Any], None]
Act = Callable[[View, Any, Row], Any]
Whole = Callable[[Any, Iterable[str] | None], Row]


@dataclass(frozen=True, kw_only=True)
class Resource:
    """`rows(view, parent)` gives the documents in order of their key, those the user may see; parent is None on top.

    `find(view, key, parent)` looks one up by the key of its path; without it the rows are searched by the key's column.
    `create(view, values, parent)` and `update` return the document; without them the method is not supported.
    """

    name: str
    key: str
    attributes: Mapping[str, str]
    """string, integer, number, boolean, date or timestamp"""

    columns: Mapping[str, Column]
    rows: Callable[[View, Any], Iterable[Any]]
    queryable: frozenset[str] = frozenset()
    finders: Mapping[str, Finder] = field(default_factory=dict)
    children: Mapping[str, Resource] = field(default_factory=dict)
    find: Callable[[View, str, Any], Any] | None = None
    create: Create | None = None
    update: Update | None = None
    delete: Delete | None = None
    actions: Mapping[str, Act] = field(default_factory=dict)
    collection_actions: Mapping[str, Act] = field(default_factory=dict)
    existing: Callable[[View, Row], Any] | None = None
    """The document that a payload's keys name, for Upsert-Mode; without it the resource has no such mode."""
    versioned: bool = True
    """Has a change indicator."""
    path_key: Column | None = None
    """What stands in a path, where that is no attribute."""
    whole: Whole | None = None
    """The values of a document at once (all, or those of the names), where they are more than the columns give."""

    def value(self, document: Any, attribute: str) -> Value:
        column = self.columns.get(attribute)
        return None if column is None else column(document)

    def row(self, document: Any, names: Iterable[str] | None = None) -> Row:
        """The values of these attributes, or of all; what is absent is null."""
        if self.whole is not None:
            return self.whole(document, names)
        columns = self.columns
        if names is not None:
            return {name: columns[name](document) for name in names if name in columns}
        return {name: column(document) for name, column in columns.items()}

    def path_of(self, document: Any) -> str:
        column = self.path_key or self.columns[self.key]
        return str(column(document))

    def get(self, view: View, key: str, parent: Any) -> Any:
        """None where there is no such document, or none that the user may see."""
        if self.find is not None:
            return self.find(view, key, parent)
        return next((document for document in self.rows(view, parent) if self.path_of(document) == key), None)


def kinds(types: Mapping[str, str]) -> dict[str, str]:
    """The reference calls dates and timestamps strings: their names tell which is which."""
    return {name: _kind(name, kind) for name, kind in types.items()}


def _kind(name: str, kind: str) -> str:
    if kind != "string":
        return kind
    if name in ("CreationDate", "LastUpdateDate") or name.endswith(("DateTime", "ShipDate")) or name == "TransactionOn":
        return "timestamp"
    return "date" if name.endswith(("Date", "DueDate")) else kind
