"""Reading forms: pages in (stamp, id) order, look-ups by key, search by our key, raw amounts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from connectors.base import WHOLE, Hit, Keyed, Page, Part, Position, RawAmount, Record
from connectors.descriptor import ReadSpec
from connectors.errors import OutcomeUnknownError, TransientError
from connectors.kdsvc.client import Client
from connectors.kdsvc.descriptor import FORM, Form, Resource, Write
from connectors.kdsvc.listing import MARK, Listing
from connectors.kdsvc.query import begins, both, compare, number, one_of
from connectors.kdsvc.shape import Selection, to_local
from connectors.odata.types import split_key
from connectors.pace import Deadline
from connectors.rows import hit_of, raw_fields, raw_of, text


class Reader:
    def __init__(self, client: Client) -> None:
        self._client = client

    def pull(
        self, obj: str, read: str, since: str, after: Position, fields: Iterable[str], part: Part
    ) -> Iterator[Page]:
        """See `Connector.pull`. Forms are read one after the other; a complete read always starts at the beginning."""
        resource, spec, named = self._client.resource(obj), self._client.read_spec(obj, read), list(fields)
        at = Position() if spec.complete else after
        forms, reached = _from(resource, at), at
        for form in forms:
            selection = self._client.selection(obj, form, named)
            bounds = both(spec.filter, self._companies(resource, form), self._share(resource, form, part))
            listing = self._listing(resource, form, selection, spec, bounds)
            for found in listing.pages(at, self._start(spec, since)):
                reached = found.position if _is_of(form, found.position) else reached
                yield Page(found.records, reached, found.erp_time, found.last and form is forms[-1])

    def _listing(
        self, resource: Resource, form: Form, selection: Selection, spec: ReadSpec | None, bounds: str
    ) -> Listing:
        cursor = self._key(resource, form, spec.cursor) if spec and spec.cursor else ""
        by = self._key(resource, form, resource.group.by) if resource.group else ""
        return Listing(self._client, selection, by, cursor=cursor, size=resource.paging.size, bounds=bounds)

    def _start(self, spec: ReadSpec, since: str) -> str:
        """Earlier than asked for: stamps of long transactions become visible late."""
        if not since:
            return ""
        return to_local(since, self._client.zone, max(spec.overlap_s, self._client.product.longest_transaction_s))

    def _key(self, resource: Resource, form: Form, path: str) -> str:
        return self._client.shaper(resource, form).column(path).key

    def _companies(self, resource: Resource, form: Form) -> str:
        companies = sorted(self._client.system.companies)
        if not resource.company or not companies:
            return ""
        return one_of(self._key(resource, form, resource.company), companies)

    def _share(self, resource: Resource, form: Form, part: Part) -> str:
        """The filter for a part: parts that only differ in their bounds share no record and leave none out."""
        fields = resource.partition
        if fields is None or part == WHOLE:
            return ""
        if part.companies:
            company = self._key(resource, form, fields.company)
            if part.others:
                return both(*(compare(company, "<>", value) for value in part.companies))
            return one_of(company, part.companies)
        day = self._key(resource, form, fields.date)
        return both(
            compare(day, ">=", part.first) if part.first else "", compare(day, "<", part.before) if part.before else ""
        )

    def lookup(self, obj: str, keys: Sequence[str], fields: Iterable[str]) -> Iterator[Page]:
        resource, named = self._client.resource(obj), list(fields)
        wanted, last = set(keys), resource.forms[-1]
        for form in resource.forms:
            place = _lookup_place(resource, form)
            values = [parts[place] for key in wanted if (parts := self._parts(resource, form, key))]
            if not values and form is not last:
                continue
            selection = self._client.selection(obj, form, named)
            for page in self._found(resource, form, selection, sorted(set(values))):
                records = [record for record in page.records if record.key in wanted]
                yield Page(records, Position(), page.erp_time, page.last and form is last)

    def _found(self, resource: Resource, form: Form, selection: Selection, values: Sequence[str]) -> Iterator[Page]:
        """Records by one part of their keys: an entry's id, else the first field."""
        field = form.entry or self._key(resource, form, resource.key[_lookup_place(resource, form)])
        size = self._client.file.query_limit // 4
        for start in range(0, max(len(values), 1), size):
            chosen = values[start : start + size] or ["0"]
            bounds = one_of(field, chosen, ids=bool(form.entry))
            listing = self._listing(resource, form, selection, None, bounds)
            for page in listing.pages(Position()):
                last = page.last and start + size >= len(values)
                yield Page(page.records, Position(), page.erp_time, last)

    def _parts(self, resource: Resource, form: Form, key: str) -> list[str]:
        """The parts of a key of this form; none for a key of another, or one that no entry can have."""
        try:
            parts = split_key(key, len(resource.key))
            if form.entry:
                number(parts[-1])
        except ValueError:
            return []
        return parts if resource.key[0] != FORM or parts[0] == form.form else []

    # search by our key

    def find(self, obj: str, key: str, deadline: Deadline | None = None) -> list[Hit]:
        """Documents whose key carrier says exactly `key`. Raises when the ERP's search cannot be trusted."""
        carrier = self._client.carrier(obj)
        hits: dict[str, Hit] = {}
        for record in self._bearers(obj, carrier, "=", key, deadline):
            found = text(record.data, carrier).strip()
            if found.casefold() != key.casefold():
                raise self._not_filtered(carrier)
            if found == key:  # the ERP's database does not tell capitals from small letters
                hits[record.key] = self._hit(obj, record)
        return [*hits.values()]

    def by_id(self, obj: str, internal: str, fields: Iterable[str], deadline: Deadline) -> Record:
        """The document with this id; OutcomeUnknownError when it cannot be seen."""
        resource = self._client.resource(obj)
        form = resource.forms[0]
        selection = self._client.selection(obj, form, dict.fromkeys(fields))
        bounds = one_of(form.id, [number(internal)], ids=True)
        listing = Listing(self._client, selection, size=2, bounds=bounds).within(deadline)
        for page in listing.pages(Position()):
            for record in page.records:
                return record
        facts: dict[str, Any] = {
            "method": "ExecuteBillQuery",
            "path": form.form,
            "reason": "the document is not to be seen",
        }
        raise OutcomeUnknownError("outcome-unknown", system=self._client.system.name, **facts)

    def bearing(self, obj: str, prefix: str) -> Iterator[Keyed]:
        """Documents whose key carrier begins with `prefix`. Raises when the ERP's search cannot be trusted."""
        carrier = self._client.carrier(obj)
        for record in self._bearers(obj, carrier, "like", prefix, None):
            key = text(record.data, carrier).strip()
            if not key.casefold().startswith(prefix.casefold()):
                raise self._not_filtered(carrier)
            if key.startswith(prefix):
                yield Keyed(key, self._hit(obj, record))

    def _bearers(
        self, obj: str, carrier: str, operator: str, value: str, deadline: Deadline | None
    ) -> Iterator[Record]:
        write, resource = self._client.write_spec(obj, "find"), self._client.resource(obj)
        form, spec = resource.forms[0], write.find
        cancelled = [rule.field for rule in (spec.cancelled,) if rule]
        named = [carrier, spec.customer, spec.currency, spec.total, spec.state, write.state, *cancelled]
        selection = self._client.selection(obj, form, dict.fromkeys(filter(None, named)))
        field = self._key(resource, form, carrier)
        bounds = begins(field, value) if operator == "like" else compare(field, operator, value)
        listing = self._listing(resource, form, selection, None, bounds)
        for page in (listing.within(deadline) if deadline else listing).pages(Position()):
            yield from page.records

    def _hit(self, obj: str, record: Record) -> Hit:
        """References are numbers as they stand: 001 is not 1. Who else is to use it only `finish` is told."""
        write = self._client.write_spec(obj, "find")
        hit = hit_of(write.find, record)
        reached = done_at(write, text(record.data, write.state), self._client.stop_at)
        done = hit.cancelled or (reached and not write.allocate)
        return replace(hit, customer=text(record.data, write.find.customer), done=done)

    def _not_filtered(self, carrier: str) -> TransientError:
        return TransientError("lookup-not-filtered", system=self._client.system.name, carrier=carrier)

    # reconciliation

    def raw_amounts(self, obj: str) -> Iterator[RawAmount]:
        resource = self._client.resource(obj)
        raw = resource.raw
        for form in resource.forms:
            selection = self._client.selection(obj, form, raw_fields(raw))
            bounds = both(raw.filter, self._companies(resource, form))
            listing = self._listing(resource, form, selection, None, bounds)
            seen: set[str] = set()
            for page in listing.pages(Position()):
                for record in page.records:
                    if record.key not in seen:
                        seen.add(record.key)
                        customer = text(record.data, raw.customer)
                        yield replace(raw_of(obj, raw, record, self._client.system), customer=customer)


def _lookup_place(resource: Resource, form: Form) -> int:
    """Which part of a key finds its record: the entry's id, which is the last, else the first but for the form."""
    return len(resource.key) - 1 if form.entry else int(resource.key[0] == FORM)


def done_at(write: Write, state: str, stop_at: str) -> bool:
    """Whether a document in this state has been taken as far as the system wants it."""
    states = [write.steps[0].before, *([step.after] for step in write.steps)] if write.steps else []
    wanted = next((n for n, step in enumerate(write.steps, 1) if step.name == stop_at), 0)
    reached = max((n for n, names in enumerate(states) if state in names), default=0)
    return reached >= wanted


def _is_of(form: Form, at: Position) -> bool:
    return at.key.partition(MARK)[0] == form.form


def _from(resource: Resource, at: Position) -> list[Form]:
    """The forms that are still to be read: those before the one where a read stopped were read to their end."""
    start = next((n for n, form in enumerate(resource.forms) if _is_of(form, at)), 0)
    return resource.forms[start:]
