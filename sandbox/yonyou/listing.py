"""One page of a list: rows chosen, cut and counted; kept while the books stand still."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sandbox.office.listing import cut
from sandbox.yonyou.apis import Call
from sandbox.yonyou.query import Entry, Pair, Shape, headers_only, page_of, select
from sandbox.yonyou.wire import Row, encode, number

Entries = Callable[[], list[Entry]]
TOTAL = "合计"


class Lists:
    """`version` tells whether the books have changed since the rows were made."""

    def __init__(self, version: Callable[[], int], pubts: Callable[[], str]) -> None:
        self._version, self._pubts = version, pubts
        self._at = -1
        self._kept: dict[Any, Any] = {}

    def page(self, call: Call, shape: Shape, name: str, entries: Entries) -> Row:
        index, size = page_of(shape, call.body)
        found = self._found(call.body, shape, name, entries, index)
        size = min(size, call.tweaks.page_limit or size)
        page = cut(found, (index - 1) * size, size, call.tweaks)
        rows = [flat(entry.header, entry.row(at)) for entry, at in page.rows]
        pages = -(-len(found) // size)
        return {
            "pageIndex": index,
            "pageSize": size,
            "recordCount": len(found),
            "recordList": rows,
            "sumRecordList": [],
            "pageCount": pages,
            "beginPageIndex": 1 if pages else 0,
            "endPageIndex": pages,
            "pubts": self._pubts(),
        }

    def rows(self, call: Call, shape: Shape, name: str, entries: Entries) -> list[Row]:
        """A page of a list that is answered bare, without any count."""
        rows: list[Row] = self.page(call, shape, name, entries)["recordList"]
        return rows

    def entries(self, name: str, entries: Entries) -> list[Entry]:
        return self._keep(("entries", name), entries)  # type: ignore[no-any-return]

    def _found(self, body: Row, shape: Shape, name: str, entries: Entries, index: int) -> list[Pair]:
        asked = encode({key: value for key, value in body.items() if key not in ("pageIndex", "pageSize")})
        return self._keep(  # type: ignore[no-any-return]
            (name, asked, index % 2), lambda: select(shape, body, self.entries(name, entries))
        )

    def _keep(self, key: Any, make: Callable[[], Any]) -> Any:
        if self._version() != self._at:
            self._at, self._kept = self._version(), {}
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


def flat(header: Row, line: Row) -> Row:
    """A header with one of its lines, without what is empty: keys come and go from row to row."""
    return {name: value for name, value in {**header, **line}.items() if value is not None}


def with_total(page: Row, shape: Shape, body: Row, sums: tuple[str, ...]) -> Row:
    """A last row of totals on the last page of lines, as the order list has it; it is not counted."""
    rows = page["recordList"]
    if rows and not headers_only(shape, body) and page["pageIndex"] == page["pageCount"]:
        totals = {name: number(sum((row.get(name) or Decimal(0) for row in rows), Decimal(0))) for name in sums}
        page["recordList"] = [*rows, {"code": TOTAL, "vouchdate": TOTAL, **totals}]
    return page
