"""Reading a YonBIP tenant: changes in order of their stamps, look-ups by id, search by our key, raw amounts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.base import Hit, Keyed, Page, Part, Position, RawAmount, Record
from connectors.descriptor import ReadSpec
from connectors.errors import PermanentError, TransientError
from connectors.pace import Deadline
from connectors.rows import hit_of, raw_fields, raw_of, text
from connectors.yonbip.client import Client
from connectors.yonbip.listing import Listing, shown_whole
from connectors.yonbip.rows import Shape
from connectors.yonbip.steps import left


class Reader:
    def __init__(self, client: Client) -> None:
        self._client = client

    def pull(
        self, obj: str, read: str, since: str, after: Position, fields: Iterable[str], part: Part
    ) -> Iterator[Page]:
        """See `Connector.pull`. A complete read always starts at the beginning: half of one proves nothing.

        `part` is always the whole: no list of the gateway can be shared out (no resource has a `partition`).
        """
        spec = self._client.read_spec(obj, read)
        shape = self._shape(obj, [*fields])
        at = Position() if spec.complete else after
        yield from Listing(self._client, shape, spec.cursor).pages(self._start(shape, spec, since, at), at)

    def _start(self, shape: Shape, spec: ReadSpec, since: str, at: Position) -> str:
        """The ERP's stamp to begin at: before `since` by the overlap, or at the position; a second is read whole."""
        overlap = max(spec.overlap_s, self._client.product.longest_transaction_s)
        begun = [shape.local(since, overlap)] if since else []
        return max([*begun, *([shape.local(at.stamp)] if at.stamp else [])], default="")

    def lookup(self, obj: str, keys: Sequence[str], fields: Iterable[str]) -> Iterator[Page]:
        """Each document whole where the product has an API for that alone, else out of the list."""
        shape, wanted = self._shape(obj, [*fields]), [*dict.fromkeys(keys)]
        if not wanted:
            return
        if shape.resource.detail is None or shape.resource.detail.batch:
            for page in Listing(self._client, shape, "", keys=wanted).pages("", Position()):
                yield dataclasses.replace(page, position=Position())
            return
        found = [shown_whole(self._client, shape, key) for key in wanted]
        records = [shape.record(document) for document in found if document is not None and shape.is_ours(document)]
        yield Page(records, Position(), datetime.now(UTC), last=True)

    def find(self, obj: str, key: str) -> list[Hit]:
        """Documents whose key carrier says exactly `key`. Raises when the ERP's search cannot be trusted."""
        carrier = self._client.carrier(obj)
        hits = []
        for listed in self._listed(obj, (carrier, key)):
            for record in self.whole(obj, listed):  # a list does not show all that a hit says
                if text(record.data, carrier).strip() != key:
                    raise self._not_filtered(obj)
                hits.append(self.hit(obj, record))
        return hits

    def bearing(self, obj: str, prefix: str) -> Iterator[Keyed]:
        """Documents whose key carrier begins with `prefix`, out of the whole list: no search by a beginning is sure."""
        carrier = self._client.carrier(obj)
        for listed in self._beginning(obj, carrier, prefix):
            for record in self.whole(obj, listed):
                if (key := text(record.data, carrier).strip()).startswith(prefix):
                    yield Keyed(key, self.hit(obj, record))

    def _beginning(self, obj: str, carrier: str, prefix: str) -> Iterator[Record]:
        """Rows whose carrier begins so. A row leaves out what is empty; where no row has the carrier, the list may not
        show it at all: then all of them.
        """
        silent: list[str] | None = []
        for record in self._listed(obj):
            if carrier in record.data:
                silent = None
            elif silent is not None:
                silent.append(record.key)
            if text(record.data, carrier).strip().startswith(prefix):
                yield record
        if silent and self._client.resource(obj).detail is None:
            facts: dict[str, Any] = {"path": self._client.resource(obj).path, "what": carrier}
            raise PermanentError("answer-shape", system=self._client.system.name, **facts)
        yield from (Record(key, {}) for key in silent or ())

    def _listed(self, obj: str, *conditions: tuple[str, str]) -> Iterator[Record]:
        self._client.write_spec(obj, "find")
        for page in Listing(self._client, self._shape(obj, []), "", conditions, thin=True).pages("", Position()):
            yield from page.records

    def whole(self, obj: str, record: Record, deadline: Deadline | None = None) -> Iterator[Record]:
        """The record as its own API shows it, or as the list does where there is none; nothing when it is gone."""
        shape = self._shape(obj, [])
        if shape.resource.detail is None:
            yield record
        elif (document := shown_whole(self._client, shape, record.key, deadline)) is not None:
            yield shape.record(document)

    def document(self, obj: str, key: str, deadline: Deadline | None = None) -> Record | None:
        """One document by its id."""
        if self._client.resource(obj).detail is not None:
            return next(self.whole(obj, Record(key, {}), deadline), None)
        pages = self.lookup(obj, [key], [])
        return next((record for page in pages for record in page.records), None)

    def hit(self, obj: str, record: Record) -> Hit:
        write = self._client.write_spec(obj, "find")
        hit = hit_of(write.find, record)
        return dataclasses.replace(hit, done=hit.cancelled or not left(self._client, write, record.data))

    def raw_amounts(self, obj: str) -> Iterator[RawAmount]:
        raw, fields = self._client.resource(obj).raw, [*raw_fields(self._client.resource(obj).raw)]
        shape = self._shape(obj, [*fields, *self._client.resource(obj).key])
        for page in Listing(self._client, shape, "").pages("", Position()):
            for record in page.records:
                yield raw_of(obj, raw, record, self._client.system)

    def _shape(self, obj: str, fields: list[str]) -> Shape:
        return Shape(self._client.words, self._client.resource(obj), self._client.system, fields)

    def _not_filtered(self, obj: str) -> TransientError:
        facts: dict[str, Any] = {"carrier": self._client.carrier(obj)}
        return TransientError("lookup-not-filtered", system=self._client.system.name, **facts)
