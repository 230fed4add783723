"""From source paths to the keys of a query, and from its rows back to records: worked out once per read.

A query answers rows of bare values in the order of its keys. Keys of an entity are asked for without the entity's name,
and multiply the rows; so every list of a document is a query of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from connectors.base import Record, Wire
from connectors.kdsvc.descriptor import FORM, Form, Group
from connectors.kdsvc.metadata import Metadata

NO_MOMENT = "0001-01-01"


class UnknownFieldError(Exception):
    """A path that the form does not have: the path, and the names there are at its place."""

    def __init__(self, path: str, known: list[str]) -> None:
        self.path, self.known = path, known
        super().__init__(path)


@dataclass(frozen=True, slots=True)
class Column:
    """`path`: where the value stands in the record; `key`: what is asked for."""

    path: tuple[str, ...]
    key: str
    plain: Callable[[Any], Any]


class Columns:
    """The columns of one query; `record` turns the cells of a row into nested fields."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.keys = [column.key for column in columns]
        self._columns = [(column.path[:-1], column.path[-1], column.plain) for column in columns]

    def record(self, cells: Sequence[Any]) -> Wire:
        record: Wire = {}
        for (above, name, plain), cell in zip(self._columns, cells, strict=True):
            place = record
            for part in above:
                place = place.setdefault(part, {})
            place[name] = plain(cell)
        return record


@dataclass(slots=True)
class Selection:
    """What to ask of one form: its own columns, those of each list below it, and those of each row of a group."""

    form: Form
    key: Sequence[str]
    head: Columns
    lines: Mapping[str, Columns] = field(default_factory=dict)
    rows: Columns | None = None
    lacking: Sequence[str] = ()

    def fixed(self, record: Wire) -> Wire:
        """The record with what the form's product file says of it; fields that only other forms have are empty."""
        for path in self.lacking:
            place(record, path.split("."), None)
        record[FORM] = self.form.form
        for path, value in self.form.values.items():
            place(record, path.split("."), value)
        return record


def place(record: Wire, path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        record = record.setdefault(part, {})
    record[path[-1]] = value


class Shaper:
    """Selections of one form, with the form's metadata and the server's zone; `beside` are those of other forms."""

    def __init__(
        self,
        form: Form,
        group: Group | None,
        metadata: Metadata,
        zone: ZoneInfo,
        moments: Iterable[str],
        beside: Mapping[str, Shaper] = MappingProxyType({}),
    ):
        self._form, self._group, self._metadata, self._zone = form, group, metadata, zone
        self._moments, self._beside = {name.lower() for name in moments}, beside

    def selection(self, key: Sequence[str], fields: Iterable[str], *, skip: Callable[[str], bool]) -> Selection:
        """Columns for `fields`. UnknownFieldError for one that the form lacks, unless `skip` says that this is fine."""
        own: dict[str, Column] = {}
        lacking: list[str] = []
        lists: dict[str, dict[str, Column]] = {}
        for path in fields:
            inside, rest = self._inside(path)
            if path == FORM or path in self._form.values or (inside and not rest):
                continue
            try:
                column = self._find(path)
            except UnknownFieldError:
                if not skip(path):
                    raise
                first = path.partition(".")[0]
                lacking += [] if inside else [first if first in self._form.lacks else path]
                continue
            (lists.setdefault(inside, {}) if inside else own)[path] = column
        listed = {*self._form.lines, *self._beside}
        below = {name: Columns([*found.values()]) for name, found in lists.items() if name in listed}
        group = lists.get(self._group.into) if self._group else None
        rows = Columns([*group.values()]) if group is not None else None
        return Selection(self._form, key, Columns([*own.values()]), below, rows, lacking)

    def _inside(self, path: str) -> tuple[str, str]:
        """(the list that a path leads into, the path in it); both empty for a field of the record itself."""
        first, _, rest = path.partition(".")
        listed = [*self._form.lines, *self._beside, *([self._group.into] if self._group else [])]
        found = next((name for name in listed if name.lower() == first.lower()), "")
        return found, rest if found else ""

    def _find(self, path: str) -> Column:
        """The column of a path, for the list that it leads into or for the record itself."""
        inside, rest = self._inside(path)
        if inside in self._beside:
            return self._beside[inside].column(rest)
        return self._column(rest if inside else path, inside if inside in self._form.lines else "")

    def has(self, path: str) -> bool:
        try:
            self._find(path)
        except UnknownFieldError:
            return False
        return True

    def column(self, path: str) -> Column:
        return self._column(path, "")

    def _column(self, path: str, entity: str) -> Column:
        parts = self._named(path).split(".")
        if not entity and len(parts) > 1 and self._is_subhead(parts[0]):
            parts = parts[1:]
        name = self._spelt(parts[0], entity, path)
        plain = self._moment if name.lower() in self._moments else plain_cell
        return Column(tuple(path.split(".")), ".".join([name, *parts[1:]]), plain)

    def _is_subhead(self, name: str) -> bool:
        """A sub-head's fields are asked for as the header's are; in a Model they stand inside it."""
        return name.lower() in {head.lower() for head in self._form.heads}

    def _named(self, path: str) -> str:
        """What this form calls it."""
        names = self._form.names
        first, dot, rest = path.partition(".")
        return names.get(path) or f"{names.get(first, first)}{dot}{rest}"

    def _spelt(self, name: str, entity: str, path: str) -> str:
        """The form's own spelling of a field; ids are no fields of its metadata. A record that is an entry has the
        fields of its bill's head and sub-heads too, never those of another list: they would multiply the rows."""
        form, owner = self._form, entity or self._form.entity
        if name in (form.id, form.entry, *form.lines.values()) or name.startswith(f"{owner}_"):
            return name
        found = self._metadata.field(name, owner) if owner else None
        if found is None and not entity:
            found = self._metadata.header(name, form.heads)
        if found is None:
            raise UnknownFieldError(self._named(path), self._metadata.names(entity))
        return found.name

    def _moment(self, value: Any) -> str:
        return to_utc(str(value), self._zone) if value else ""


def plain_cell(value: Any) -> Any:
    """Numbers and ids become text; the single blank that stands for no text at all becomes that."""
    if value.__class__ is str:
        return "" if value == " " else value
    return str(value) if value.__class__ is int else value


@lru_cache(maxsize=10_000)
def to_utc(text: str, zone: ZoneInfo) -> str:
    """A time of the server's zone as change stamps are kept: UTC with microseconds. No time at all is empty."""
    if text.startswith(NO_MOMENT):
        return ""
    local = datetime.fromisoformat(text)
    aware = local if local.tzinfo else local.replace(tzinfo=zone)
    return f"{aware.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def to_local(stamp: str, zone: ZoneInfo, earlier_s: int = 0) -> str:
    """A UTC stamp, or what was `earlier_s` seconds before it, as the server's filters take it: in its own zone."""
    local = (datetime.fromisoformat(stamp) - timedelta(seconds=earlier_s)).astimezone(zone)
    return local.replace(tzinfo=None).isoformat(timespec="milliseconds")


def record_of(selection: Selection, data: Wire, join: Callable[[Sequence[str]], str]) -> Record:
    """The record with its full key; KeyError when a part of that is missing."""
    parts = [_at(data, name.split(".")) for name in selection.key]
    if not all(parts):
        raise KeyError(selection.key)
    return Record(join(parts), data)


def _at(data: Any, path: Sequence[str]) -> str:
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return str(data) if data is not None else ""
