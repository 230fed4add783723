"""One read through a whole set, page by page.

Where a server ends its page early we do not follow its `__next` but ask for what lies behind the last record: such
links mostly count rows, and rows that change meanwhile would be passed over. Links are followed, verbatim, where the
server does not understand our way: it ignores `$top` or `$filter`.
"""

from __future__ import annotations

from collections.abc import Iterator

from connectors.base import Page, Position, Record, Wire
from connectors.errors import ConnectorError, PermanentError, TransientError
from connectors.odata.client import Client, Rows, Selection
from connectors.odata.query import Order, behind_key, both
from connectors.odata.shape import CutLinesError


def records_of(client: Client, selection: Selection, rows: list[Wire]) -> list[Record]:
    """The records, made plain in place; PermanentError when a part of a key or some lines of one are missing."""
    plain, key = selection.plain, selection.key
    records = []
    try:
        for row in rows:
            plain(row)
            records.append(Record(key(row), row))
    except (KeyError, AttributeError, TypeError):
        raise _lacking(client, selection, "its key") from None
    except CutLinesError:
        raise _lacking(client, selection, "some lines of a record (the server pages them)") from None
    return records


def _lacking(client: Client, selection: Selection, what: str) -> ConnectorError:
    return PermanentError("answer-shape", system=client.system.name, path=selection.resource.path, what=what)


class Listing:
    """`pages` reads from a position on, `$top` records a request.

    Stamps come in milliseconds but may be finer inside the ERP, so records of the last stamp can come twice; they are
    handed out once. Where more of them share a millisecond than a page holds, that millisecond is read by key.
    """

    def __init__(self, client: Client, selection: Selection, order: Order, bounds: str) -> None:
        self._client, self._selection, self._order, self._bounds = client, selection, order, bounds
        self._top = selection.resource.paging.size
        self._links = False  # follow the server's links: our own way does not work here
        self._began = ""  # when the first page of a chain of links was answered
        self._passed: set[str] = set()
        self._first_key = ""
        self._stamp, self._seen = "", set[str]()
        self._unstamped_first = False  # this server was seen to sort records without a stamp before the others
        self._born = ""  # the newest day on which a record without a stamp was created

    def pages(self, start: Position) -> Iterator[Page]:
        at, link = start, ""
        self._stamp = start.stamp
        alone = start == Position()  # one request answers the whole read
        url = self._address(at)
        while url:
            rows, records = self._ask(url)
            if again := self._first_again(records, at):
                self._links, url, link = bool(link), link, ""
                if url:
                    continue
            fresh, at = ([], at) if again else self._take(records, at)
            link, url = rows.next, "" if again else self._onward(rows, at)
            if records and not fresh and url and not self._links:
                yield from self._by_key(self._order.instant(at.stamp), Position(at.stamp))
                at = Position(self._order.next_instant(at.stamp))
                link, url, fresh = "", self._address(at), []
            alone = alone and not url
            rest = not url and not alone and self._may_miss_unstamped
            yield self._page(fresh, at, rows, last=not (url or rest))
        if not alone and self._may_miss_unstamped:
            self._seen.clear()
            yield from self._by_key(self._order.unstamped(), at, last=True)

    def _ask(self, url: str) -> tuple[Rows, list[Record]]:
        rows = self._client.page(url, self._selection.decode)
        return rows, records_of(self._client, self._selection, rows.rows)

    def _address(self, at: Position) -> str:
        return self._url(self._order.behind(at), self._order.orderby)

    def _url(self, text: str, orderby: str) -> str:
        options = self._selection.query(filter=both(self._bounds, text), orderby=orderby, top=self._top)
        return self._client.url(self._selection.resource) + options

    def _first_again(self, records: list[Record], at: Position) -> bool:
        """The read's first record where only later ones were asked for: the server ignores `$filter`."""
        if self._links or not self._first_key or not records or records[0].key != self._first_key:
            return False
        stamp = self._stamp_of(records[0])
        return not stamp or stamp < at.stamp

    def _onward(self, rows: Rows, at: Position) -> str:
        """The address of what follows this answer; empty at the end."""
        full = len(rows.rows) >= self._top
        if rows.next and (self._links or full):
            self._links, self._began = True, self._began or rows.erp_time.isoformat()
            return self._linked(rows.next)
        return self._address(at) if (rows.next or full) and not self._links else ""

    def _linked(self, link: str) -> str:
        if link in self._passed:
            raise TransientError("repeated-page", system=self._client.system.name, path=self._selection.resource.path)
        self._passed.add(link)
        return link

    def _take(self, records: list[Record], at: Position) -> tuple[list[Record], Position]:
        """The records not handed out yet, and the position behind them.

        In a chain of links a record stamped since the chain began has moved while we read: its new stamp does not say
        how far the page goes.
        """
        if not self._order.cursor:
            self._seen.clear()
        if not self._first_key and records:
            self._first_key = records[0].key
        fresh = []
        for number, record in enumerate(records):
            stamp = self._stamp_of(record)
            if stamp != self._stamp:
                self._unstamped_first = self._unstamped_first or bool(number and not self._stamp)
                self._stamp = stamp
                self._seen.clear()
            elif record.key in self._seen:
                continue
            self._seen.add(record.key)
            fresh.append(record)
            if not stamp:
                self._note_born(record)
            if not self._began or stamp < self._began[: len(stamp)]:
                at = Position(stamp, record.key)
        return fresh, at

    def _by_key(self, text: str, at: Position, *, last: bool = False) -> Iterator[Page]:
        """Everything that `text` means, in key order; `at` is the position however far it got."""
        order, key, more = self._order, "", True
        while more:
            behind = behind_key(order.entity, order.keys, key) if key else ""
            rows, records = self._ask(self._url(both(text, behind), ",".join(order.keys)))
            before, key = key, records[-1].key if records else key
            more = key != before and bool(rows.next or len(records) >= self._top)
            fresh = [record for record in records if record.key not in self._seen]
            for record in fresh:
                self._seen.add(record.key)
                if not self._stamp_of(record):
                    self._note_born(record)
            yield self._page(fresh, at, rows, last=last and not more)

    @property
    def _may_miss_unstamped(self) -> bool:
        """After several requests: records without a stamp that a server sorts last are not in them."""
        return bool(self._order.cursor and self._order.unstamped()) and not self._unstamped_first

    def _note_born(self, record: Record) -> None:
        if self._order.born:
            self._born = max(self._born, record.data.get(self._order.born) or "")

    def _page(self, records: list[Record], at: Position, rows: Rows, *, last: bool) -> Page:
        """At the end of a read the position also covers the records without a stamp, by the day they were created."""
        covers = last and self._born > at.stamp
        return Page(records, Position(self._born) if covers else at, rows.erp_time, last)

    def _stamp_of(self, record: Record) -> str:
        if not self._order.cursor:
            return ""
        try:
            return record.data[self._order.cursor] or ""
        except KeyError:
            raise _lacking(self._client, self._selection, self._order.cursor) from None
