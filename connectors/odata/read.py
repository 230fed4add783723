"""Reading OData: pages in (stamp, key) order, look-ups by key, search by our key, raw amounts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from connectors.base import WHOLE, Hit, Keyed, Page, Part, Position, RawAmount
from connectors.descriptor import Find, ReadSpec
from connectors.errors import TransientError
from connectors.odata.client import Client, Selection
from connectors.odata.listing import Listing, records_of
from connectors.odata.query import Order, any_of, both, compare, key_filters, one_of
from connectors.odata.types import literal, shifted
from connectors.rows import hit_of, raw_fields, raw_of, text

FIND_AT_MOST = 50
DAY_S = 86_400


class Reader:
    def __init__(self, client: Client) -> None:
        self._client = client

    def pull(
        self, obj: str, read: str, since: str, after: Position, fields: Iterable[str], part: Part
    ) -> Iterator[Page]:
        """See `Connector.pull`. A complete read always starts at the beginning: half of one proves nothing."""
        spec = self._client.read_spec(obj, read)
        split = self._client.resource(obj).partition
        also = [spec.cursor, spec.when_null, *([split.company, split.date] if split and part != WHOLE else [])]
        selection = self._client.selection(obj, fields, filter(None, also))
        order = _order(selection, spec, since, self._client.product.longest_transaction_s)
        bounds = both(spec.filter, self._companies(selection), _share(selection, part))
        yield from Listing(self._client, selection, order, bounds).pages(Position() if spec.complete else after)

    def _companies(self, selection: Selection) -> str:
        field, companies = selection.resource.company, sorted(self._client.system.companies)
        return one_of(selection.entity, field, companies) if field and companies else ""

    def lookup(self, obj: str, keys: Sequence[str], fields: Iterable[str]) -> Iterator[Page]:
        selection = self._client.selection(obj, fields)
        names, entity = selection.resource.key, selection.entity
        filters = list(key_filters(entity, names, dict.fromkeys(keys)))
        for number, chosen in enumerate(filters, 1):
            url = self._client.url(selection.resource) + selection.query(filter=chosen, orderby=",".join(names))
            for rows in self._client.pages(url, selection.decode):
                records = records_of(self._client, selection, rows.rows)
                yield Page(records, Position(), rows.erp_time, last=number == len(filters) and not rows.next)

    def find(self, obj: str, key: str) -> list[Hit]:
        """Documents whose key carrier says exactly `key`. Raises when the ERP's search cannot be trusted."""
        spec, carrier, selection = self._bearers(obj)
        asked = compare(selection.entity, carrier, "eq", key)
        order = ",".join(selection.resource.key)
        url = self._client.url(selection.resource) + selection.query(filter=asked, orderby=order, top=FIND_AT_MOST)
        rows = [row for page in self._client.pages(url, selection.decode) for row in page.rows]
        if any(str(row.get(carrier) or "").strip() != key for row in rows):
            raise self._not_filtered(carrier)
        return [hit_of(spec, record) for record in records_of(self._client, selection, rows)]

    def bearing(self, obj: str, prefix: str) -> Iterator[Keyed]:
        """Documents whose key carrier begins with `prefix`. Raises when the ERP's search cannot be trusted."""
        spec, carrier, selection = self._bearers(obj)
        order = Order(selection.entity, tuple(selection.resource.key))
        begins = f"startswith({carrier},{literal('Edm.String', prefix)})"
        for page in Listing(self._client, selection, order, begins).pages(Position()):
            for record in page.records:
                key = text(record.data, carrier).strip()
                if not key.startswith(prefix):
                    raise self._not_filtered(carrier)
                yield Keyed(key, hit_of(spec, record))

    def _bearers(self, obj: str) -> tuple[Find, str, Selection]:
        """What to read of documents that bear our key, the field that bears it, and how the product words a hit."""
        spec, carrier = self._client.write_spec(obj, "find").find, self._client.carrier(obj)
        cancelled = spec.cancelled.field if spec.cancelled else ""
        named = [carrier, spec.customer, spec.currency, spec.total, spec.state, cancelled]
        return spec, carrier, self._client.selection(obj, filter(None, named))

    def _not_filtered(self, carrier: str) -> TransientError:
        return TransientError("lookup-not-filtered", system=self._client.system.name, carrier=carrier)

    def raw_amounts(self, obj: str) -> Iterator[RawAmount]:
        raw = self._client.resource(obj).raw
        selection = self._client.selection(obj, [*raw_fields(raw), *self._client.resource(obj).key])
        order = Order(selection.entity, tuple(selection.resource.key))
        bounds = both(raw.filter, self._companies(selection))
        for page in Listing(self._client, selection, order, bounds).pages(Position()):
            for record in page.records:
                yield raw_of(obj, raw, record, self._client.system)


def _share(selection: Selection, part: Part) -> str:
    """The filter for a part: parts that only differ in their bounds have no record in common and leave none out."""
    entity, fields = selection.entity, selection.resource.partition
    if fields is None or part == WHOLE:
        return ""
    if part.others:
        return both(*(compare(entity, fields.company, "ne", value) for value in part.companies))
    if part.companies:
        return one_of(entity, fields.company, part.companies)
    first = compare(entity, fields.date, "ge", part.first) if part.first else ""
    before = compare(entity, fields.date, "lt", part.before) if part.before else ""
    return both(first, before) if first else any_of([before, f"{fields.date} eq null"])


def _order(selection: Selection, spec: ReadSpec, since: str, longest_s: int) -> Order:
    """The order of this read, from before `since` on: stamps of long transactions become visible late."""
    keys = tuple(selection.resource.key)
    if not spec.cursor:
        return Order(selection.entity, keys)
    if not since:
        return Order(selection.entity, keys, spec.cursor, spec.when_null)
    start = shifted(since, max(spec.overlap_s, longest_s), day=spec.grain == "day")
    born = shifted(start, DAY_S, day=True)  # creation days are days of the ERP's zone, which may lag behind UTC
    return Order(selection.entity, keys, spec.cursor, spec.when_null, start, born)
