"""From the rows of a list, or a document shown whole, to plain records of what is asked for.

Times are written without a zone: those that the product file calls moments become UTC, all others are calendar dates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connectors.base import Record, System, Wire
from connectors.rows import matches, text
from connectors.yonbip.descriptor import Detail, Product, Resource, Rows

_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(\.\d+)?")
_TOTALS = ("合计", "小计")
Tree = dict[str, Any]
"""Names that are wanted and, below each, what of it; nothing below: all of it."""
ALL: Tree = {}


def tree_of(paths: Iterable[str]) -> Tree:
    """The dotted paths as a tree; none at all is everything."""
    tree: Tree = {}
    whole: set[int] = set()
    for path in paths:
        node, parts = tree, path.split(".")
        for part in parts[:-1]:
            node = node.setdefault(part, {})
            if id(node) in whole:
                break
        else:
            leaf = node.setdefault(parts[-1], {})
            leaf.clear()
            whole.add(id(leaf))
    return tree


class Shape:
    """Makes records of one resource; `fields` are the source paths that are wanted, none: all."""

    def __init__(self, product: Product, resource: Resource, system: System, fields: Iterable[str]) -> None:
        self.resource, self._moments = resource, frozenset(product.moments)
        self._zone, self._turned = ZoneInfo(product.time_zone), dict[str, str]()
        self._codes = {field: (rule.beside, _reversed(system, rule.table)) for field, rule in product.codes.items()}
        self._companies = frozenset(system.companies)
        named = [*fields]
        self._tree = tree_of([*named, *_own(resource)]) if named else ALL

    def key(self, row: Wire) -> str:
        """The full key: its parts joined by '/'; empty where the row has no id."""
        parts = [text(row, name) for name in self.resource.key]
        return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts) if parts[0] else ""

    def line_key(self, row: Wire) -> str:
        """What tells a row of a list from all others."""
        how = self.resource.rows
        line = (text(row, how.key) or str(row)) if how else ""
        return f"{self.key(row)} {line}"

    def is_record(self, row: Any) -> bool:
        """Not the row of totals that some lists end with."""
        return isinstance(row, dict) and bool(self.key(row)) and text(row, "code") not in _TOTALS

    def folded(self, rows: list[Wire]) -> Wire:
        """One document from its rows of a list; a line that comes twice is one line."""
        how = self.resource.rows
        if how is None or isinstance(rows[0].get(how.lines), list):
            return rows[0]
        lines = {text(row, how.key) or str(row): _line(row, how) for row in rows}
        return {**rows[0], how.lines: list(lines.values())}

    def is_whole(self, document: Wire) -> bool:
        """Whether nothing lacks that is needed and wanted, and the lines add up to the document's own sum."""
        resource, detail = self.resource, self.resource.detail
        if detail and (detail.always or any(not all(values(document, path)) for path in self._needed(detail))):
            return False
        total = resource.rows.total if resource.rows else None
        said = text(document, total.header) if total else ""
        return not total or not said or added(document, total.line) == Decimal(said)

    def _needed(self, detail: Detail) -> list[str]:
        return [path for path in detail.needs if not self._tree or path.partition(".")[0] in self._tree]

    def is_ours(self, document: Wire) -> bool:
        """Whether it counts, and its company is one of the system file's; one whose code nobody knows may be."""
        if self.resource.only and not matches(document, self.resource.only):
            return False
        company = self._code(document, self.resource.company)
        return not (company and self._companies) or company in self._companies

    def _code(self, row: Mapping[str, Any], field: str) -> str:
        """The code for the id in a field; empty where it is not known."""
        if field not in self._codes:
            return ""
        beside, table = self._codes[field]
        found = next((row[name] for name in beside if row.get(name)), None)
        return str(found) if found else table.get(text(row, field), "")

    def record(self, document: Wire) -> Record:
        data = self._plain(document, self._tree)
        for name, path in self.resource.sums.items():
            data[name] = format(added(data, path), "f")
        for name, paths in self.resource.either.items():
            data[name] = next(filter(None, (text(data, path) for path in paths)), "")
        return Record(self.key(document), data)

    def stamp(self, row: Wire, cursor: str) -> str:
        """The change stamp of a row as positions state it; empty where it has none."""
        return self._moment(text(row, cursor)) if cursor else ""

    def written(self, row: Wire, cursor: str) -> str:
        """The change stamp of a row as the ERP writes it, to the second."""
        return text(row, cursor)[:19].replace("T", " ")

    def local(self, stamp: str, earlier_s: float = 0) -> str:
        """A position's stamp as the ERP writes it: its own zone, whole seconds."""
        moment = datetime.fromisoformat(stamp) - timedelta(seconds=earlier_s)
        return moment.astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S")

    def _moment(self, value: str) -> str:
        """The same times come again and again: each is turned once."""
        if value not in self._turned:
            found = _TIME.fullmatch(value)
            at = datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=self._zone) if found else None
            self._turned[value] = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z") if at else ""
        return self._turned[value]

    def _plain(self, data: Mapping[str, Any], tree: Tree) -> Wire:
        """A list leaves out what is empty; what is wanted and not there is None."""
        names = tree.keys() or data.keys()
        plain = {name: self._value(name, data.get(name), tree.get(name) or ALL) for name in names}
        for name in names & self._codes.keys():
            plain[name] = self._code(data, name) or plain[name]
        return plain

    def _value(self, name: str, value: Any, tree: Tree) -> Any:
        if isinstance(value, dict):
            return self._plain(value, tree)
        if isinstance(value, list):
            return [self._value(name, item, tree) for item in value if item is not None]
        if not isinstance(value, str):
            return value
        if name in self._moments:
            return self._moment(value) or value
        found = _TIME.fullmatch(value) if len(value) >= 19 else None
        return found[1] if found else value


def _reversed(system: System, table: str) -> dict[str, str]:
    return {erp_id: code for code, erp_id in system.tables.get(table, {}).items()}


def _line(row: Wire, how: Rows) -> Wire:
    own = row.get(how.lines)
    return {**row, **(own if isinstance(own, dict) else {}), "id": text(row, how.key)}


def _own(resource: Resource) -> list[str]:
    """Source paths that the connector itself needs of a record."""
    either = [path for paths in resource.either.values() for path in paths]
    return [*resource.key, *filter(None, [resource.company]), *resource.sums.values(), *either]


def values(data: Any, path: str) -> list[Any]:
    """What stands at a dotted path, in every item of the lists on the way; None where there is nothing."""
    if isinstance(data, list):
        return [found for item in data for found in values(item, path)]
    if not path:
        return [data]
    name, _, rest = path.partition(".")
    return values(data.get(name), rest) if isinstance(data, Mapping) else [None]


def added(data: Wire, path: str) -> Decimal:
    """The exact sum of the amounts at a path."""
    return sum((Decimal(str(value)) for value in values(data, path) if value not in (None, "")), Decimal(0))


def grouped(rows: Iterable[Wire], shape: Shape) -> Iterator[list[Wire]]:
    """Rows of one document, wherever in the page they stand, in the order of each document's first."""
    found: dict[str, list[Wire]] = {}
    for row in rows:
        if shape.is_record(row):
            found.setdefault(shape.key(row), []).append(row)
    yield from found.values()
