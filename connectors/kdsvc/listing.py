"""One read through a form, page by page: behind the last row's stamp and ids, never by counting rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.base import Position, Record, Wire
from connectors.errors import ConnectorError, PermanentError, TransientError
from connectors.kdsvc.client import Client, Rows
from connectors.kdsvc.query import batches, behind, both, literal, number, one_of
from connectors.kdsvc.shape import Columns, Selection, plain_cell, record_of, to_local, to_utc
from connectors.odata.types import join_key
from connectors.pace import Deadline

MARK = "|"
NO_ENTRY = (None, 0, "", "0")
REPEATED_AT_MOST = 2


@dataclass(frozen=True, slots=True)
class Part:
    """Records of one answer, the position behind them, and whether they were the form's last."""

    records: list[Record]
    position: Position
    erp_time: datetime
    last: bool


class Listing:
    """A read of one form in the order of `cursor` (empty: none) and its ids, at most `size` rows a request."""

    def __init__(
        self, client: Client, selection: Selection, by: str = "", *, cursor: str = "", size: int, bounds: str = ""
    ) -> None:
        self._client, self._selection, self._by = client, selection, by
        self._size = min(size, selection.form.page or size, client.file.query_limit)
        self._bounds, self._cursor = bounds, cursor
        form = selection.form
        self._ids = [form.id, *([form.entry] if form.entry else [])]
        self._order = [*([cursor] if cursor else []), *self._ids]
        self._deadline: Deadline | None = None

    def within(self, deadline: Deadline) -> Listing:
        self._deadline = deadline
        return self

    # pages

    def pages(self, start: Position, since: str = "") -> Iterator[Part]:
        """From behind `start` on, or from `since` (text of the server's own time), to the first empty answer.

        A short answer is not the end: a server may give fewer rows than it is asked for.
        """
        bound = f"{self._cursor} >= {literal(since)}" if self._cursor and since else ""
        at, rest, repeated = start, self._behind(start) or bound, 0
        passed: set[tuple[Any, ...]] = set()
        while True:
            answer = self._ask(rest)
            fresh, passed = self._fresh(answer.rows, passed)
            repeated = 0 if fresh else repeated + 1
            if answer.rows and repeated > REPEATED_AT_MOST:
                raise TransientError("repeated-page", system=self._client.system.name, path=self._selection.form.form)
            if answer.rows and not fresh:
                continue
            at = self._position(fresh[-1]) if fresh else at
            yield Part(self._records(fresh), at, answer.erp_time, not fresh)
            if not fresh:
                return
            rest = self._behind(at)

    def _ask(self, rest: str) -> Rows:
        keys = [*self._order, *([self._by] if self._by else self._selection.head.keys)]
        where = both(self._selection.form.filter, self._bounds, rest)
        form = self._selection.form.form
        return self._client.rows(form, keys, where, self._order, limit=self._size, deadline=self._deadline)

    def _fresh(
        self, rows: list[list[Any]], passed: set[tuple[Any, ...]]
    ) -> tuple[list[list[Any]], set[tuple[Any, ...]]]:
        """Rows that the answer before did not show, each once; and the places that this one shows."""
        places = {tuple(row[: len(self._order)]): row for row in rows}
        return [row for place, row in places.items() if place not in passed], set(places)

    def _behind(self, at: Position) -> str:
        form, _, ids = at.key.partition(MARK)
        if form != self._selection.form.form or (self._cursor and not at.stamp):
            return ""
        stamp = [literal(to_local(at.stamp, self._client.zone))] if self._cursor else []
        return behind(self._order, [*stamp, *map(number, ids.split(MARK))])

    def _position(self, row: Sequence[Any]) -> Position:
        ids = [str(cell) for cell in row[len(self._order) - len(self._ids) : len(self._order)]]
        if not self._cursor:
            return Position("", MARK.join([self._selection.form.form, *ids]))
        if not row[0]:
            raise self._lacking(self._cursor)
        return Position(to_utc(str(row[0]), self._client.zone), MARK.join([self._selection.form.form, *ids]))

    # records

    def _records(self, rows: list[list[Any]]) -> list[Record]:
        skip, form = len(self._order), self._selection.form
        if self._by:
            return self.group([str(plain_cell(row[skip])) for row in rows])
        head, first = self._selection.head, skip - len(self._ids)
        kept = [row for row in rows if not form.entry or row[skip - 1] not in NO_ENTRY]  # without entries: still a row
        found = [(str(row[first]), head.record(row[skip:])) for row in kept]
        lists = [*form.lines, *form.beside]  # what stands beside may refer to a line
        for name in sorted(self._selection.lines, key=lists.index):
            fill = self._set_beside if name in form.beside else self._set_lines
            fill(name, self._selection.lines[name], found)
        return [record for _, data in found for record in self.records(data)]

    def records(self, data: Wire) -> Iterator[Record]:
        """The record, or those that the form's hook makes of it; PermanentError when a part of a key is missing."""
        hook = self._client.hook(self._selection.form)
        whole = self._selection.fixed(data)
        try:
            for each in hook(whole) if hook else (whole,):
                yield record_of(self._selection, each, join_key)
        except KeyError:
            raise self._lacking("its key") from None

    def _set_lines(self, entity: str, columns: Columns, found: Sequence[tuple[str, Wire]]) -> None:
        form = self._selection.form
        order = [form.id, form.lines[entity]]
        lines = self._gathered(form.form, order, form.id, columns, [document for document, _ in found])
        for document, data in found:
            data[entity] = lines.get(document, [])

    def _set_beside(self, name: str, columns: Columns, found: Sequence[tuple[str, Wire]]) -> None:
        other = self._selection.form.beside[name]
        named = [[value for value in _all_at(data, other.of.split(".")) if value not in NO_ENTRY] for _, data in found]
        wanted, order = [value for values in named for value in values], [other.id, other.entry]
        lines = self._gathered(other.form, order, other.by, columns, wanted, other.filter)
        for (_, data), values in zip(found, named, strict=True):
            data[name] = [line for value in dict.fromkeys(values) for line in lines.get(value, [])]

    def _gathered(
        self, form: str, order: Sequence[str], by: str, columns: Columns, ids: Sequence[str], where: str = ""
    ) -> dict[str, list[Wire]]:
        """Entries in the order of their ids, by the id in their field `by`, which is one of these."""
        found, first = defaultdict[str, list[Wire]](list), [*order, *([] if by in order else [by])]
        for chosen in batches(ids):
            bounds = both(where, one_of(by, chosen, ids=True))
            for row in self._all([*first, *columns.keys], bounds, order, form):
                if row[1] not in NO_ENTRY:
                    found[str(row[first.index(by)])].append(columns.record(row[len(first) :]))
        return found

    def group(self, values: Collection[str]) -> list[Record]:
        """One record for each of these values of the group's field: its main row, with every row listed in it."""
        records = []
        for chosen in batches([value for value in values if value]):
            records += list(self._grouped(chosen))
        return records

    def _grouped(self, chosen: list[str]) -> Iterator[Record]:
        resource = next(r for r in self._client.resources.values() if self._selection.form in r.forms)
        group, form = resource.group, self._selection.form
        assert group is not None
        head, rows = self._selection.head, self._selection.rows
        extra = [self._by, *(self._client.shaper(resource, form).column(name).key for name in group.main)]
        keys = [form.id, *extra, *head.keys, *(rows.keys if rows else [])]
        by_value = defaultdict[str, list[list[Any]]](list)
        for row in self._all(keys, both(form.filter, self._bounds, one_of(self._by, chosen)), [form.id], form.form):
            by_value[str(plain_cell(row[1]))].append(row)
        width = 1 + len(extra)
        for found in by_value.values():
            main = next((row for row in found if row[2] == row[3]), found[0])
            data = head.record(main[width : width + len(head.keys)])
            data[group.into] = [rows.record(row[width + len(head.keys) :]) for row in found] if rows else []
            yield from self.records(data)

    def _all(self, keys: Sequence[str], where: str, order: Sequence[str], form: str) -> Iterator[list[Any]]:
        """Every row of a query whose first columns are `order`, all of them ids; each once."""
        rest, seen = "", set[tuple[str, ...]]()
        while True:
            answer = self._client.rows(form, keys, both(where, rest), order, deadline=self._deadline)
            places = {tuple(str(cell or 0) for cell in row[: len(order)]): row for row in answer.rows}
            yield from (row for place, row in places.items() if place not in seen)
            if places.keys() <= seen:
                return
            seen |= places.keys()
            rest = behind(order, [number(part) for part in max(places, key=_by_ids)])

    def _lacking(self, what: str) -> ConnectorError:
        facts: dict[str, Any] = {"path": self._selection.form.form, "what": what}
        return PermanentError("answer-shape", system=self._client.system.name, **facts)


def _all_at(data: Any, path: Sequence[str]) -> Iterator[str]:
    """Every value at a path, through lists."""
    if isinstance(data, list):
        for each in data:
            yield from _all_at(each, path)
    elif isinstance(data, dict) and path:
        yield from _all_at(data.get(path[0]), path[1:])
    elif data is not None:
        yield str(data)


def _by_ids(place: tuple[str, ...]) -> list[int]:
    return [int(part) for part in place]
