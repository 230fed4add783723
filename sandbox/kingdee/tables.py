"""Forms over the trade book: where a form's documents come from, and what stands in each of its fields.

A form's source is written in shapes_*.py. A field that no shape binds shows what was saved in it (the document's
`extra`), or its type's empty value: 0, "", false, or null for dates and references.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.kingdee.metadata import HEAD, Entity, Field, Form, Metadata
from sandbox.office.trade import Office

Get = Callable[[Any], Any]
CHINA = timedelta(hours=8)
FIRST_ID = 100000
EMPTY: Mapping[str, Any] = {"text": "", "long": "", "int": 0, "bool": False, "decimal": Decimal(0), "id": 0, "list": ""}


@dataclass(frozen=True)
class Base:
    """A record of base data that nobody changes."""

    id: int
    number: str
    name: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """The documents of a form."""

    docs: Callable[[], Iterable[Any]]
    fields: Mapping[str, Mapping[str, Get]]
    """By entity and field key, as metadata spells them."""
    entries: Mapping[str, Callable[[Any], list[Any]]] = field(default_factory=dict)
    """The rows of an entity of a document."""
    by_id: Callable[[int], Any] | None = None
    by_number: Callable[[str], list[Any]] | None = None
    """By the case-folded number."""


class Table:
    """A form with its source: values by key."""

    def __init__(self, form: Form, source: Source) -> None:
        self.form, self.source = form, source
        self.id_of = self.getter(*form.field(form.key))
        self.number_of = self.getter(*form.field(form.number))

    def docs(self) -> Iterable[Any]:
        return self.source.docs()

    def rows(self, entity: Entity, doc: Any) -> list[Any]:
        find = self.source.entries.get(entity.key)
        return find(doc) if find else []

    def getter(self, entity: Entity, wanted: Field) -> Get:
        bound = self.source.fields.get(entity.key, {}).get(wanted.key)
        return bound or _saved(wanted)

    def by_id(self, wanted: Any) -> Any:
        """None when there is none; ids are compared as text."""
        text = str(wanted).strip()
        if not text.isdigit():
            return None
        if self.source.by_id:
            return self.source.by_id(int(text))
        return next((doc for doc in self.docs() if str(self.id_of(doc)) == text), None)

    def by_number(self, wanted: Any) -> list[Any]:
        """All that bear a number: base data stand once for each organisation that uses them."""
        text = str(wanted).strip().casefold()
        if self.source.by_number:
            return self.source.by_number(text)
        return [doc for doc in self.docs() if str(self.number_of(doc)).casefold() == text]


class Tenant:
    """One account set: its metadata, its books, its forms' tables."""

    def __init__(self, office: Office, metadata: Metadata) -> None:
        self.office, self.metadata = office, metadata
        self.resets_are_deleted = False
        """A write-off that is taken back goes from the log, as in some releases."""
        self.tables: dict[str, Table] = {}

    def bind(self, sources: Mapping[str, Source]) -> None:
        for form_id, source in sources.items():
            self.tables[form_id] = Table(self.metadata.forms[form_id], source)

    def table(self, form_id: str) -> Table:
        return self.tables[self.metadata.form(form_id).id]

    def base(self, form_id: str, number: str) -> Base | None:
        """A record of fixed base data; None for an empty number."""
        found = self.tables[form_id].by_number(number) if number else []
        return found[0] if found else None


def _saved(wanted: Field) -> Get:
    key, empty = wanted.key, EMPTY.get(wanted.kind)
    return lambda row: row.extra.get(key, empty) if hasattr(row, "extra") else empty


def local(moment: datetime) -> datetime:
    """Server-local time, China's, of a moment in UTC: without zone, to the millisecond."""
    shown = moment + CHINA
    return shown.replace(microsecond=shown.microsecond // 1000 * 1000, tzinfo=None)


def at_midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day)  # noqa: DTZ001  (server-local, without zone)


def head(fields: Mapping[str, Get]) -> Mapping[str, Mapping[str, Get]]:
    return {HEAD: fields}


def constant(value: Any) -> Get:
    return lambda row: value
