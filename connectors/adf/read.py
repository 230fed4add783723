"""Reading ADF REST: pages in (stamp, id) order, look-ups by key, search by our key, raw amounts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from connectors.adf.client import Client
from connectors.adf.descriptor import Write
from connectors.adf.listing import Listing
from connectors.adf.rows import View, view_of
from connectors.adf.shape import Shaper, batched
from connectors.adf.source import Source
from connectors.adf.types import begins, both, compare, fits, local_day, one_of, query, shifted, split_key
from connectors.base import WHOLE, Hit, Keyed, Page, Part, Position, RawAmount, Wire
from connectors.descriptor import Partition
from connectors.errors import PermanentError, TransientError
from connectors.rows import hit_of, raw_fields, raw_of, text

ZONE_TABLE = "time_zone"
"""The system's table from a company code to its time zone."""


class Reader:
    def __init__(self, client: Client) -> None:
        self._client = client

    def pull(
        self, obj: str, read: str, since: str, after: Position, fields: Iterable[str], part: Part
    ) -> Iterator[Page]:
        """See `Connector.pull`. A complete read always starts at the beginning: half of one proves nothing."""
        spec, resource = self._client.read_spec(obj, read), self._client.resource(obj)
        source = resource.source_of(read)
        view = view_of(source, fields, [spec.cursor])
        start = after if spec.keeps_watermark else Position()
        if since and not start.stamp:
            overlap = max(spec.overlap_s, self._client.product.longest_transaction_s)
            start = Position(shifted(since, source.queryable[spec.cursor], overlap))
        bounds = both(spec.filter, self._client.bounds(source), _share(source, resource.partition, part))
        listing = Listing(self._client, view, resource.paging.size, bounds, spec.cursor)
        yield from Shaper(self._client, view).pages(listing.pages(start))

    def lookup(self, obj: str, keys: Sequence[str], fields: Iterable[str]) -> Iterator[Page]:
        named = list(fields)
        left, size = list(dict.fromkeys(keys)), self._client.resource(obj).paging.size
        for source in self._client.resource(obj).sources:
            for page in self._lookup(source, left, view_of(source, named), size) if left else ():
                found = {record.key for record in page.records}
                left = [key for key in left if key not in found]
                yield page

    def _lookup(self, source: Source, keys: Sequence[str], view: View, size: int) -> Iterator[Page]:
        """The parents of these keys, and of what they give the records that were asked for."""
        wanted, name = set(keys), source.key[0]
        shaper = Shaper(self._client, view)
        parents = list(dict.fromkeys(split_key(key, len(source.key) + len(source.rows))[0] for key in keys))
        asked = [""]  # all are read where that key part cannot be asked for
        if kind := source.queryable.get(name):
            asked = [one_of(name, kind, chunk) for chunk in batched(key for key in parents if fits(kind, key))]
        for condition in asked:
            listing = Listing(self._client, view, size, both(condition, self._client.bounds(source)))
            for page in shaper.pages(listing.pages(Position())):
                found = [record for record in page.records if record.key in wanted]
                yield Page(found, Position(), page.erp_time)

    def find(self, obj: str, key: str) -> list[Hit]:
        """The documents that bear our key. A 404 for the document is believed only when the collection agrees."""
        write, view = self._bearers(obj)
        row = self._client.item(self.address(obj, write, key) + query(**view.options)) if write.address else None
        rows = [row] if row else list(self._searched(obj, write, view, key))
        shaper = Shaper(self._client, view)
        return [hit_of(write.find, record) for row in rows for record in shaper.records([row])]

    def address(self, obj: str, write: Write, key: str) -> str:
        """The path of the document that bears our key: its key fields joined by colons."""
        parts = [self._client.us if name == write.us else key for name in write.address]
        return f"{self._client.url(self._client.resource(obj).sources[0].path)}/{quote(':'.join(parts), safe=':')}"

    def _searched(self, obj: str, write: Write, view: View, key: str) -> Iterator[Wire]:
        source = view.source
        asked = compare(write.search, "=", source.queryable[write.search], key)
        for part in Listing(self._client, view, self._client.resource(obj).paging.size, asked).pages(Position()):
            for row in part.rows:
                if text(row, write.search) != key:
                    raise self._not_filtered(write.search)
                if self._is_ours(source, write, row):
                    yield row

    def bearing(self, obj: str, prefix: str) -> Iterator[Keyed]:
        """Documents whose key begins with `prefix`. Raises when the ERP's search cannot be trusted."""
        write, view = self._bearers(obj)
        shaper, size = Shaper(self._client, view), self._client.resource(obj).paging.size
        for part in Listing(self._client, view, size, begins(write.search, prefix)).pages(Position()):
            for record in shaper.records(part.rows):
                key = text(record.data, write.search)
                if not key.startswith(prefix):
                    raise self._not_filtered(write.search)
                if self._is_ours(view.source, write, record.data):
                    yield Keyed(key, hit_of(write.find, record))

    def _bearers(self, obj: str) -> tuple[Write, View]:
        write, source = self._client.write_spec(obj, "find"), self._client.resource(obj).sources[0]
        find = write.find
        cancelled = find.cancelled.field if find.cancelled else ""
        named = [write.search, write.us, find.customer, find.currency, find.total, find.state, cancelled]
        return write, view_of(source, filter(None, named))

    def _is_ours(self, source: Source, write: Write, row: Wire) -> bool:
        """A key counts where it stands beside our name; another source may use the same text.

        PermanentError where the ERP does not show whose it is: to pass over it would say that nothing bears our key.
        """
        if write.us and write.us not in row:
            facts: dict[str, Any] = {"path": source.path, "what": write.us}
            raise PermanentError("answer-shape", system=self._client.system.name, **facts)
        return not write.us or text(row, write.us) == self._client.us

    def _not_filtered(self, carrier: str) -> TransientError:
        return TransientError("lookup-not-filtered", system=self._client.system.name, carrier=carrier)

    def raw_amounts(self, obj: str) -> Iterator[RawAmount]:
        resource = self._client.resource(obj)
        for source in resource.sources:
            raw = source.raw
            view = view_of(source, raw_fields(raw))
            bounds = both(raw.filter, self._client.bounds(source))
            listing = Listing(self._client, view, resource.paging.size, bounds)
            for page in Shaper(self._client, view).pages(listing.pages(Position())):
                for record in page.records:
                    found = self._dated(raw_of(obj, raw, record, self._client.system), text(record.data, raw.date))
                    yield found if source.signs == "stated" else _negative(found)

    def _dated(self, found: RawAmount, at: str) -> RawAmount:
        """With the day in the company's zone, where the system has one."""
        zone = self._client.system.tables.get(ZONE_TABLE, {}).get(found.company, "UTC")
        return replace(found, on=local_day(at, zone)) if at else found


def _share(source: Source, fields: Partition | None, part: Part) -> str:
    """The condition for a part of the first read, by days of UTC; no record is without the date."""
    if fields is None or not fields.date or part == WHOLE:
        return ""
    kind = source.queryable[fields.date]
    bounds = ((">=", part.first), ("<", part.before))
    moments = ((op, f"{day}T00:00:00.000" if kind == "time" else day) for op, day in bounds if day)
    return both(*(compare(fields.date, op, kind, moment) for op, moment in moments))


def _negative(found: RawAmount) -> RawAmount:
    balance = None if found.balance is None else -abs(found.balance)
    return replace(found, amount=-abs(found.amount), balance=balance)
