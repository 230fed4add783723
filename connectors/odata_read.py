"""Reading OData V2: pages in (stamp, key) order, look-ups by key, search by our key, raw amounts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.base import Hit, Page, Position, RawAmount, Record, Wire
from connectors.descriptor import Match, Raw, ReadSpec
from connectors.errors import ConnectorError, PermanentError, TransientError
from connectors.odata_client import Client, Rows, Selection
from connectors.odata_query import Order, both, compare, key_filters, one_of
from connectors.odata_types import shifted

FIND_AT_MOST = 50


class Reader:
    def __init__(self, client: Client) -> None:
        self._client = client

    def pull(self, obj: str, read: str, since: str, after: Position, fields: Iterable[str]) -> Iterator[Page]:
        """See `Connector.pull`. A complete read always starts at the beginning: half of one proves nothing."""
        spec = self._client.read_spec(obj, read)
        selection = self._client.selection(obj, fields, filter(None, [spec.cursor, spec.when_null]))
        order = _order(selection, spec, since)
        bounds = both(spec.filter, self._companies(selection))
        yield from Listing(self._client, selection, order, bounds).pages(Position() if spec.complete else after)

    def _companies(self, selection: Selection) -> str:
        field, companies = selection.resource.company, sorted(self._client.system.companies)
        return one_of(selection.entity, field, companies) if field and companies else ""

    def lookup(self, obj: str, keys: Sequence[str], fields: Iterable[str]) -> Iterator[Page]:
        selection = self._client.selection(obj, fields)
        names, entity = selection.resource.key, selection.entity
        filters = list(key_filters(entity, names, dict.fromkeys(keys)))
        for number, text in enumerate(filters, 1):
            url = self._client.url(selection.resource) + selection.query(filter=text, orderby=",".join(names))
            for rows in self._client.pages(url):
                records = [_record(self._client, selection, row) for row in rows.rows]
                yield Page(records, Position(), rows.erp_time, last=number == len(filters) and not rows.next)

    def find(self, obj: str, key: str) -> list[Hit]:
        """Documents whose key carrier says exactly `key`. Raises when the ERP's search cannot be trusted."""
        spec, carrier = self._client.write_spec(obj, "find").find, self._client.carrier(obj)
        named = [carrier, spec.customer, spec.currency, spec.total, spec.state, spec.cancelled.field if spec.cancelled else ""]
        selection = self._client.selection(obj, filter(None, named))
        asked = compare(selection.entity, carrier, "eq", key)
        order = ",".join(selection.resource.key)
        url = self._client.url(selection.resource) + selection.query(filter=asked, orderby=order, top=FIND_AT_MOST)
        rows = [row for page in self._client.pages(url) for row in page.rows]
        if any(str(row.get(carrier) or "").strip() != key for row in rows):
            raise TransientError("lookup-not-filtered", system=self._client.system.name, carrier=carrier)
        return [
            Hit(
                external_id=_record(self._client, selection, row).key,
                customer=_text(row, spec.customer),
                currency=_text(row, spec.currency),
                total=Decimal(_text(row, spec.total) or 0),
                state=_text(row, spec.state),
                cancelled=spec.cancelled is not None and _matches(row, spec.cancelled),
            )
            for row in rows
        ]

    def raw_amounts(self, obj: str) -> Iterator[RawAmount]:
        raw = self._client.resource(obj).raw
        parts = [raw.amount, raw.currency, raw.company, raw.customer, raw.on, *raw.fields]
        named = filter(None, [*parts, *(rule.field for rule in (raw.open, raw.sign) if rule)])
        selection = self._client.selection(obj, [*named, *self._client.resource(obj).key])
        order = Order(selection.entity, tuple(selection.resource.key))
        bounds = both(raw.filter, self._companies(selection))
        for page in Listing(self._client, selection, order, bounds).pages(Position()):
            for record in page.records:
                yield self._raw(obj, raw, record)

    def _raw(self, obj: str, raw: Raw, record: Record) -> RawAmount:
        row = record.data
        sign = 1
        if raw.sign:
            value = _text(row, raw.sign.field)
            if value not in raw.sign.values:
                facts = {"system": self._client.system.name, "obj": obj, "key": record.key, "field": raw.sign.field}
                raise PermanentError("unknown-sign", value=value or "nothing", **facts)
            sign = raw.sign.values[value]
        on = _text(row, raw.on)[:10]
        return RawAmount(
            key=record.key,
            company=_text(row, raw.company),
            customer=_text(row, raw.customer),
            currency=_text(row, raw.currency),
            amount=sign * Decimal(_text(row, raw.amount) or 0),
            on=date.fromisoformat(on) if on else None,
            open=raw.open is None or _matches(row, raw.open),
            fields={name: _text(row, name) for name in raw.fields},
        )


def _text(row: Wire, name: str) -> str:
    value = row.get(name) if name else None
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _matches(row: Wire, rule: Match) -> bool:
    return _text(row, rule.field) in rule.values


def _order(selection: Selection, spec: ReadSpec, since: str) -> Order:
    """The order of this read, from its overlap before `since` on."""
    keys = tuple(selection.resource.key)
    if not spec.cursor:
        return Order(selection.entity, keys)
    start = shifted(since, spec.overlap_s, day=spec.grain == "day") if since else ""
    return Order(selection.entity, keys, spec.cursor, spec.when_null, start, start[:10])


def _record(client: Client, selection: Selection, row: Wire) -> Record:
    selection.shape.plain(row)
    try:
        return Record(selection.key(row), row)
    except (KeyError, AttributeError, TypeError):
        raise _lacking(client, selection, "its key") from None


def _lacking(client: Client, selection: Selection, what: str) -> ConnectorError:
    return PermanentError("answer-shape", system=client.system.name, path=selection.resource.path, what=what)


class Listing:
    """One read through a whole set, `$top` records a request, from a position on; see `odata_query` for why no `$skip`.

    Stamps come in milliseconds but may be finer inside the ERP, so the records at the last stamp can come twice:
    they are handed out once. A request that brings nothing new is repeated with twice the `$top`.
    """

    def __init__(self, client: Client, selection: Selection, order: Order, bounds: str) -> None:
        self._client, self._selection, self._order, self._bounds = client, selection, order, bounds
        self._size = selection.resource.paging.size
        self._seen: set[str] = set()
        self._stamp = ""
        self._fresh = 0
        self._unstamped_first = False

    def pages(self, start: Position) -> Iterator[Page]:
        at, top, resumed = start, self._size, start != Position()
        self._stamp, self._unstamped_first = start.stamp, bool(start.key and not start.stamp)
        more = True
        while more:
            self._fresh, came, began = 0, 0, ""
            for rows in self._request(self._order.behind(at), self._order.orderby, top):
                came += len(rows.rows)
                records, at = self._take(rows, at, began)
                began = began or rows.erp_time.isoformat()
                more = came == top
                rest = (resumed or more) and self._may_miss_unstamped
                yield Page(records, at, rows.erp_time, last=not (rows.next or more or rest))
            resumed, top = resumed or more, self._size if self._fresh else top * 2
        if resumed and self._may_miss_unstamped:
            yield from self._unstamped(at)

    @property
    def _may_miss_unstamped(self) -> bool:
        """After several requests: records without a stamp that a server sorts last are not in them."""
        return bool(self._order.cursor and self._order.unstamped()) and not self._unstamped_first

    def _request(self, text: str, orderby: str, top: int) -> Iterator[Rows]:
        options = self._selection.query(filter=both(self._bounds, text), orderby=orderby, top=top)
        return self._client.pages(self._client.url(self._selection.resource) + options)

    def _take(self, rows: Rows, at: Position, began: str) -> tuple[list[Record], Position]:
        """New records of one answer, and the position behind it.

        Of a later page of one answer (`began`: when its first page came, else empty) a record stamped since then has
        moved while we read; its new stamp says nothing of how far the page goes.
        """
        cursor, records = self._order.cursor, []
        if not cursor:
            self._seen.clear()
        if rows.rows and not at.key and not at.stamp:
            self._unstamped_first = bool(cursor) and not self._stamp_of(rows.rows[0])
        for row in rows.rows:
            raw = self._stamp_of(row) if cursor else ""
            record = _record(self._client, self._selection, row)
            stamp = (row[cursor] or "") if raw else ""
            if stamp != self._stamp:
                self._stamp = stamp
                self._seen.clear()
            if record.key in self._seen:
                continue
            self._seen.add(record.key)
            records.append(record)
            if not began or stamp < began:
                at = Position(stamp, record.key)
        self._fresh += len(records)
        return records, at

    def _stamp_of(self, row: Wire) -> Any:
        try:
            return row[self._order.cursor]
        except KeyError:
            raise _lacking(self._client, self._selection, self._order.cursor) from None

    def _unstamped(self, at: Position) -> Iterator[Page]:
        """Records without a stamp, by key; a position among them is never handed out, so a resumed read repeats them."""
        key, more, orderby = "", True, ",".join(self._order.keys)
        self._seen.clear()
        while more:
            came = 0
            for rows in self._request(self._order.unstamped(key), orderby, self._size):
                came += len(rows.rows)
                records = [_record(self._client, self._selection, row) for row in rows.rows]
                key = records[-1].key if records else key
                more = came == self._size
                yield Page(records, at, rows.erp_time, last=not (rows.next or more))
