"""A look at a real ERP, a page of every object, for `crosstie doctor`: nothing is written there or here.

What is found names fields, counts and codes; no customer, no text, no amount.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from connectors.base import Connector, Position, Record
from crm_core.model import PULLED
from mappings.engine import MappingSet, Section
from mappings.errors import RecordMappingError


@dataclass(frozen=True, slots=True)
class Look:
    """The first page of an object by one way of reading it. `empty`: mapped fields that no record of it filled.

    `refused`: why records could not be mapped, by code; `doubles`: keys that came more than once. `error`: what the
    read raised, in place of all that.
    """

    obj: str
    read: str
    records: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    doubles: int = 0
    empty: tuple[str, ...] = ()
    error: Exception | None = None

    @property
    def mapped(self) -> int:
        return self.records - self.refused.total()


def looks(connector: Connector, mapping: MappingSet) -> Iterator[Look]:
    for obj in PULLED:
        if "pull" in mapping.sections(obj):
            for read in connector.reads(obj):
                yield look(connector, mapping.section(obj, "pull"), obj, read.name)


def look(connector: Connector, section: Section, obj: str, read: str) -> Look:
    try:
        pages = connector.pull(obj, read, since="", after=Position(), fields=section.fields)
        records = [record for page in islice(pages, 1) for record in page.records]
    except Exception as exc:  # whatever it is: it is told, and the next object is looked at
        return Look(obj, read, error=exc)
    filled: set[str] = set().union(*(section.filled_paths(record.data) for record in records))
    return Look(
        obj,
        read,
        len(records),
        Counter(filter(None, (_refusal(section, record) for record in records))),
        len(records) - len({record.key for record in records}),
        tuple(sorted(section.fields - filled)) if records else (),
    )


def _refusal(section: Section, record: Record) -> str:
    try:
        section.apply(record.data, record.key)
    except RecordMappingError as exc:
        return exc.code
    return ""
