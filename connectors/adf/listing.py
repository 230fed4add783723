"""One read through a whole collection, page by page, each asked for by what lies behind the last row.

Never by offset: there is no snapshot behind it, and a row that changes meanwhile would push another one past us. Rows
are read by (cursor, id) or by id alone. The wire shows stamps in milliseconds and several rows may share one, so the
last stamp is asked for again and its rows are handed out once; where more share it than a page holds, they are read by
their ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.adf.client import Client, Rows
from connectors.adf.rows import View
from connectors.adf.types import both, compare, following, query, stamp_text
from connectors.base import Position, Wire
from connectors.errors import PermanentError, TransientError
from connectors.rows import text


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows not handed out before, and the position behind them."""

    rows: list[Wire]
    position: Position
    erp_time: datetime
    last: bool


class Listing:
    """`bounds`: conditions on all rows. Where a finder shows the children, they are left out here."""

    def __init__(self, client: Client, view: View, size: int, bounds: str = "", cursor: str = "") -> None:
        self._client, self._source, self._size, self._bounds = client, view.source, size, bounds
        self._options = {"onlyData": "true"} if view.source.finder else view.options
        self._cursor, self._kind = cursor, view.source.queryable.get(cursor, "text")
        self._seen: set[str] = set()
        self._stamp = ""

    def pages(self, start: Position) -> Iterator[Slice]:
        return self._by_stamp(start.stamp) if self._cursor else self._by_id(self._bounds, start.key, "")

    def _by_stamp(self, stamp: str) -> Iterator[Slice]:
        self._stamp, more = stamp, True
        while more:
            asked = self._stamp
            since = compare(self._cursor, ">=", self._kind, asked) if asked else ""
            page = self._ask(both(self._bounds, since), f"{self._cursor}:asc,{self._source.id}:asc")
            fresh, more = self._take(page.rows), page.more
            if more and self._stamp <= asked and not fresh:
                yield from self._crowded()
            else:
                yield Slice(fresh, Position(self._stamp), page.erp_time, not more)

    def _crowded(self) -> Iterator[Slice]:
        """All rows of the stamp that fills more than a page, by id; the read goes on behind that stamp."""
        at, behind = self._stamp, following(self._stamp, self._kind)
        since, before = (compare(self._cursor, op, self._kind, value) for op, value in ((">=", at), ("<", behind)))
        for part in self._by_id(both(self._bounds, since, before), "", at):
            kept = [row for row in part.rows if self._id(row) not in self._seen]
            yield Slice(kept, part.position, part.erp_time, last=False)
        self._stamp = behind
        self._seen.clear()

    def _by_id(self, bounds: str, key: str, stamp: str) -> Iterator[Slice]:
        name, more = self._source.id, True
        while more:
            behind = compare(name, ">", self._source.queryable[name], key) if key else ""
            page = self._ask(both(bounds, behind), f"{name}:asc")
            if page.more and (not page.rows or self._id(page.rows[-1]) == key):
                raise self._repeated()
            key, more = self._id(page.rows[-1]) if page.rows else key, page.more
            yield Slice(page.rows, Position(stamp, "" if stamp else key), page.erp_time, not more)

    def _ask(self, condition: str, order: str) -> Rows:
        url = self._client.url(self._source.path)
        return self._client.rows(url + query(q=condition, orderBy=order, limit=self._size, **self._options))

    def _take(self, rows: list[Wire]) -> list[Wire]:
        fresh = []
        for row in rows:
            stamp, own = self._stamp_of(row), self._id(row)
            if stamp < self._stamp or (stamp == self._stamp and own in self._seen):
                continue
            if stamp != self._stamp:
                self._stamp = stamp
                self._seen.clear()
            self._seen.add(own)
            fresh.append(row)
        return fresh

    def _stamp_of(self, row: Wire) -> str:
        found = text(row, self._cursor)
        if not found:
            raise self._lacking(self._cursor)
        return found[:10] if self._kind == "date" else stamp_text(found)

    def _id(self, row: Wire) -> str:
        found = text(row, self._source.id)
        if not found:
            raise self._lacking(self._source.id)
        return found

    def _lacking(self, name: str) -> PermanentError:
        return PermanentError("answer-shape", system=self._client.system.name, path=self._source.path, what=name)

    def _repeated(self) -> TransientError:
        facts: dict[str, Any] = {"path": self._source.path}
        return TransientError("repeated-page", system=self._client.system.name, **facts)
