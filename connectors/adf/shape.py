"""Records of the rows of one read: children in full, rows of a list by themselves, and what other resources add."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from connectors.adf.client import Client
from connectors.adf.listing import Listing, Slice
from connectors.adf.rows import (
    COMPANIES,
    OUR_SYSTEM,
    CutError,
    View,
    add_groups,
    add_sums,
    counts,
    plain,
    records,
    values,
)
from connectors.adf.source import Finder, Join, Source
from connectors.adf.types import finder, one_of, query
from connectors.base import Page, Position, Record, Wire
from connectors.errors import PermanentError
from connectors.rows import text

MANY = 100
"""Values in one `in (...)`: the address stays short enough for every proxy."""


def batched(values: Iterable[str]) -> Iterator[list[str]]:
    left = iter(values)
    while chunk := list(islice(left, MANY)):
        yield chunk


class Shaper:
    """Makes records of the rows of one read; what its joins bring is asked for once."""

    def __init__(self, client: Client, view: View) -> None:
        self._client, self._view, self._source = client, view, view.source
        self._joined: dict[str, dict[str, list[Wire]]] = {join.into: {} for join in view.joins}

    def pages(self, parts: Iterable[Slice]) -> Iterator[Page]:
        for part in parts:
            yield Page(self.records(part.rows), part.position, part.erp_time, part.last)

    def records(self, rows: Sequence[Wire]) -> list[Record]:
        """PermanentError when a part of a key is missing."""
        try:
            found = [record for row in rows for record in self._of(row)]
        except KeyError as exc:
            raise self._lacking(str(exc.args[0])) from None
        except CutError as exc:
            raise self._lacking(f"some of {exc} (the ERP pages them)") from None
        for join in self._view.joins:
            self._join(join, found)
        if hook := self._client.hook(self._source):
            hook([record.data for record in found])
        ours = {COMPANIES: sorted(self._client.system.companies), OUR_SYSTEM: self._client.us}
        for record in found if self._view.own else ():
            record.data.update({name: value for name, value in ours.items() if name in self._view.own})
        return [record for record in found if counts(self._source, record.data, self._client.units)]

    def _of(self, row: Wire) -> Iterator[Record]:
        if self._source.skip and text(row, self._source.skip.field) in self._source.skip.values:
            return
        whole = plain(self._client.whole(self._source, row))
        if self._source.finder:
            self._add_found(whole)
        for record in records(self._source, whole):
            add_sums(self._source.sums, record.data)
            if self._source.group:
                add_groups(self._source.group, record.data)
            yield record

    def _add_found(self, row: Wire) -> None:
        """The rows that the source's finder shows of this record, of all its variants, each once."""
        rule = self._source.finder
        assert rule is not None
        for accessor in (rows.accessor for rows in self._source.rows):
            row[accessor] = []
        for variant in rule.variants:
            asked = self._finder(rule, text(row, rule.attribute), variant)
            url = self._client.url(self._source.path)
            answer = self._client.rows(url + query(finder=asked, limit=MANY, **self._view.options))
            for found in answer.rows:
                self._merge(row, found)

    def _finder(self, rule: Finder, value: str, variant: Mapping[str, str]) -> str:
        """PermanentError for a value that cannot be asked for: to leave its rows out would take them for gone."""
        try:
            return finder(rule.name, {rule.variable: value, **variant})
        except ValueError:
            facts: dict[str, Any] = {"path": self._source.path, "field": rule.attribute, "value": value}
            raise PermanentError("finder-value", system=self._client.system.name, **facts) from None

    def _merge(self, row: Wire, found: Wire) -> None:
        if text(found, self._source.id) != text(row, self._source.id):
            return
        plain(found)
        for rows in self._source.rows:
            have = {text(line, rows.key) for line in row[rows.accessor]}
            row[rows.accessor] += [line for line in found.get(rows.accessor) or [] if text(line, rows.key) not in have]

    def _join(self, join: Join, found: Sequence[Record]) -> None:
        known = self._joined[join.into]
        wanted = {value for record in found for value in _joining(join, record.data)} - known.keys()
        for chunk in batched(sorted(wanted)):
            known.update({value: [] for value in chunk})
            for row in self._joinable(join, chunk):
                known.setdefault(text(row, join.by), []).append(row)
        for record in found:
            record.data[join.into] = [row for value in _joining(join, record.data) for row in known[value]]

    def _joinable(self, join: Join, chunk: Sequence[str]) -> Iterator[Wire]:
        options = {"onlyData": "true", "fields": ",".join(dict.fromkeys([join.id, join.by, *join.fields]))}
        source = Source(path=join.path, id=join.id, key=[join.id], queryable={join.id: "integer", join.by: join.kind})
        listing = Listing(self._client, View(source, options, ()), MANY, one_of(join.by, join.kind, chunk))
        for part in listing.pages(Position()):
            yield from map(plain, part.rows)

    def _lacking(self, what: str) -> PermanentError:
        facts: dict[str, Any] = {"path": self._source.path, "what": what}
        return PermanentError("answer-shape", system=self._client.system.name, **facts)


def _joining(join: Join, row: Wire) -> list[str]:
    """Our values that a join goes by, each once."""
    return list(dict.fromkeys(value for path in join.of for value in values(row, path)))
