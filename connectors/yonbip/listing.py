"""One read through a list whose pages are counted from its beginning, while its rows move.

A changed record gets a new stamp and leaves its place, and what stood behind it moves up: the next page would pass over
rows. So we never ask for a second page where stamps tell how far we came: the next question begins at the last stamp
read. Only what one second holds, or a list without stamps, is read by page numbers; it begins anew when it moved.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.base import Page, Position, Record, Wire
from connectors.errors import PermanentError, TransientError
from connectors.pace import Deadline
from connectors.yonbip.answer import Reply
from connectors.yonbip.client import Client
from connectors.yonbip.descriptor import Detail
from connectors.yonbip.rows import Shape, grouped

FOREVER = "2099-12-31 23:59:59"
ATTEMPTS = 8
"""How often a list that moves while it is read is begun anew."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The rows of one page, how many the whole question has (None: not said), and the ERP's clock."""

    rows: list[Wire]
    count: int | None
    erp_time: datetime


@dataclass(frozen=True, slots=True)
class Span:
    """From-to in the ERP's own stamps, both included; empty: unbounded."""

    first: str = ""
    last: str = ""


class MovedError(Exception):
    """What was to be the next page is not."""


class Listing:
    """`conditions` narrow the list: (field, value) pairs that must be equal."""

    def __init__(
        self,
        client: Client,
        shape: Shape,
        cursor: str,
        conditions: tuple[tuple[str, str], ...] = (),
        *,
        thin: bool = False,
        keys: Collection[str] = (),
    ) -> None:
        """`thin`: headers will do. `keys`: no other documents are wanted."""
        self._client, self._shape, self._cursor = client, shape, cursor
        self._resource, self._conditions, self._thin = shape.resource, conditions, thin
        self._keys = frozenset(keys)

    def pages(self, start: str, at: Position) -> Iterator[Page]:
        """From the ERP's stamp `start` on (empty: from the beginning); without a cursor everything."""
        first, going = start, True
        while going:
            span = Span(first, FOREVER if first else "")
            answered = self._ask(span, 1) if self._cursor else None
            rows = self._within(answered, span) if answered else []
            cut = self._stamped(rows[-1]) if rows else ""
            if answered is None or not self._tells(answered, rows, cut):
                yield from self._counted(span, at, last=True)
                return
            going = self._goes_on(answered, len(answered.rows))
            if going and cut == self._stamped(rows[0]) and not self._is_bounded:
                yield from self._counted(span, at, last=True)
                return
            kept = [row for row in rows if self._stamped(row) < cut] if going else rows
            at = self._behind(kept or rows, at)
            if kept or not going:
                yield self._page(kept, at, answered, last=not going)
                first = cut
            else:
                yield from self._counted(Span(cut, cut), at, last=False)
                first = self._shape.local(at.stamp, earlier_s=-1)

    @property
    def _is_bounded(self) -> bool:
        """Whether one second can be asked for alone."""
        return self._resource.query.window != "after"

    def _tells(self, answered: Answered, rows: list[Wire], cut: str) -> bool:
        """Whether the page shows how far it goes: the list obeys the window, and the order of stamps."""
        stamps = [self._stamped(row) for row in rows]
        return bool(cut or not answered.rows) and stamps == sorted(stamps)

    def _counted(self, span: Span, at: Position, *, last: bool) -> Iterator[Page]:
        """By page numbers. The position stays where it is until the end: an earlier one proves nothing."""
        for _ in range(ATTEMPTS):
            try:
                yield from self._pass(span, at, last=last)
            except MovedError:
                continue
            return
        raise TransientError("list-moves", system=self._client.system.name, path=self._resource.path)

    def _pass(self, span: Span, at: Position, *, last: bool) -> Iterator[Page]:
        """The pages of a span; MovedError when its length changes, or a page shows what was there before."""
        held: list[Wire] = []
        seen: set[str] = set()
        end, number, count, more = at, 0, None, True
        while more:
            number += 1
            answered = self._ask(span, number)
            names = {self._shape.line_key(row) for row in answered.rows}
            moved = bool(names & seen) or (number > 1 and answered.count != count)
            seen |= names
            count = answered.count
            more = self._goes_on(answered, len(seen))
            if moved or (not more and len(seen) < (count or 0)):
                raise MovedError
            rows = [*held, *self._within(answered, span)]
            done, held = self._held_back(rows) if more else (rows, [])
            end = self._behind(done, end)
            yield self._page(done, at if more else end, answered, last=last and not more)

    def _held_back(self, rows: list[Wire]) -> tuple[list[Wire], list[Wire]]:
        """The last document of a page may go on in the next one."""
        last = self._shape.key(rows[-1]) if rows else ""
        return [r for r in rows if self._shape.key(r) != last], [r for r in rows if self._shape.key(r) == last]

    def _within(self, answered: Answered, span: Span) -> list[Wire]:
        return [row for row in answered.rows if not span.first or self._stamped(row) >= span.first]

    def _ask(self, span: Span, number: int) -> Answered:
        reply = self._client.ask(self._resource.path, self._question(span, number))
        data = reply.data
        rows = data if isinstance(data, list) else data.get("recordList") if isinstance(data, dict) else None
        if rows is None and (data is None or isinstance(data, dict)):
            rows = self._nothing(reply)
        if not isinstance(rows, list):
            what = "data.recordList"
            raise PermanentError("answer-shape", system=self._client.system.name, path=self._resource.path, what=what)
        count = str(data.get("recordCount") or "") if isinstance(data, dict) else ""
        return Answered(
            [row for row in rows if self._shape.is_record(row)], int(count) if count.isdigit() else None, reply.erp_time
        )

    def _nothing(self, reply: Reply) -> list[Wire] | None:
        """No list is an empty one where the ERP says that there is nothing."""
        said = isinstance(reply.data, dict) and str(reply.data.get("recordCount") or "") == "0"
        return [] if said or reply.code != "200" else None

    def _question(self, span: Span, number: int) -> dict[str, Any]:
        how, size = self._resource.query, self._resource.paging.size
        order = [*([self._cursor] if self._cursor else []), self._resource.key[0]]
        body: dict[str, Any] = {"pageIndex": number, "pageSize": size, **how.body}
        if self._thin and "isSum" in how.body:
            body["isSum"] = True
        body["queryOrders"] = [{"field": field, "order": "asc"} for field in order]
        conditions: list[dict[str, str]] = []
        simple: dict[str, str] = {}
        for field, value in self._conditions:
            if how.equal == "condition":
                conditions.append({"field": field, "op": "eq", "value1": value})
            elif how.equal == "simple":
                simple[field] = value
            else:
                body[field] = value
        if span.first:
            self._bound(span, body, conditions, simple)
        return {
            **body,
            **({"simpleVOs": conditions} if conditions else {}),
            **({"simple": simple} if simple else {}),
        }

    def _bound(
        self, span: Span, body: dict[str, Any], conditions: list[dict[str, str]], simple: dict[str, str]
    ) -> None:
        match self._resource.query.window:
            case "between":
                bounds = {"value1": span.first, "value2": span.last}
                conditions.append({"field": self._cursor, "op": "between", **bounds})
            case "range":
                simple[f"open_{self._cursor}_begin"] = span.first
                simple[f"open_{self._cursor}_end"] = span.last
            case "after":
                body[self._cursor] = span.first

    def _goes_on(self, answered: Answered, taken: int) -> bool:
        """Whether rows can follow. A full page may have a next; where nobody says how many there are, any page may."""
        full = len(answered.rows) >= self._resource.paging.size
        return bool(answered.rows) and (full or answered.count is None or taken < answered.count)

    def _stamped(self, row: Wire) -> str:
        return self._shape.written(row, self._cursor)

    def _behind(self, rows: list[Wire], at: Position) -> Position:
        newest = max(rows, key=self._stamped, default={})
        stamp = self._shape.stamp(newest, self._cursor)
        return Position(stamp) if stamp > at.stamp else at

    def _page(self, rows: list[Wire], at: Position, answered: Answered, *, last: bool) -> Page:
        return Page([*self._records(rows)], at, answered.erp_time, last)

    def _records(self, rows: list[Wire]) -> Iterator[Record]:
        """Documents of these rows; where the list shows too little of one, it is asked for whole."""
        groups = [g for g in grouped(rows, self._shape) if not self._keys or self._shape.key(g[0]) in self._keys]
        for document in self._whole([self._shape.folded(group) for group in groups]):
            if self._shape.is_ours(document):
                yield self._shape.record(document)

    def _added(self, detail: Detail, asked: list[str]) -> dict[str, Wire]:
        """What is shown of these; one that is not is gone, but hardly all at once."""
        shown = self._client.documents(detail, asked)
        if not shown:
            raise PermanentError("answer-shape", system=self._client.system.name, path=detail.path, what="data[].id")
        return shown

    def _whole(self, documents: list[Wire]) -> Iterator[Wire]:
        detail = self._resource.detail
        asked = [self._shape.key(d) for d in documents if detail and not self._thin and not self._shape.is_whole(d)]
        shown = self._added(detail, asked) if detail and detail.batch and asked else {}
        for document in documents:
            key = self._shape.key(document)
            if key not in asked:
                yield document
            elif detail and detail.batch:
                yield from ({**document, **more} for more in (shown.get(key),) if more is not None)
            elif (whole := shown_whole(self._client, self._shape, key)) is not None:
                yield whole


def shown_whole(client: Client, shape: Shape, key: str, deadline: Deadline | None = None) -> Wire | None:
    """The document as its own API shows it; None when it does not exist.

    The ERP refuses a document that is gone in the same words as one that it cannot show now: the list tells.
    """
    resource = shape.resource
    if resource.detail is None:
        return None
    try:
        return client.document(resource.detail, key, deadline)
    except PermanentError as exc:
        if exc.code != "refused":
            raise
        listed = Listing(client, shape, "", ((resource.key[0], key),), thin=True).pages("", Position())
        if any(record.key == key for page in listed for record in page.records):
            raise
        return None
