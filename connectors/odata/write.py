"""Writing OData: create once, bring to a wanted state, cancel. Who calls decides whether to call again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from connectors.answer import Answer
from connectors.base import Ack, Wire
from connectors.descriptor import Change, Children
from connectors.errors import ConfigurationError, ConflictError, OutcomeUnknownError, RecordRejectedError
from connectors.odata.batch import Operation
from connectors.odata.client import Client, Selection
from connectors.odata.diff import Step, TwoLinesError, cancel_steps, differences, header_step, line_steps
from connectors.odata.encode import Encoder
from connectors.odata.metadata import Entity, Metadata
from connectors.odata.send import Sender
from connectors.odata.types import join_key, key_predicate, split_key, strip_zeros
from connectors.pace import Deadline
from connectors.product_yaml import nearest

ROUNDS = 200
"""Most writes of one change, each followed by a look at what it did."""

Plan = Callable[[Selection, Wire], Iterator[Step]]


class Writer:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._sender, self._system = Sender(client), client.system.name

    def push(self, obj: str, wire: Wire, key: str, deadline: Deadline) -> Ack:
        """One POST of header and lines with our key in its carrier field."""
        resource, carrier = self._client.resource(obj), self._client.carrier(obj)
        entity, metadata = self._client.entity(resource), self._client.metadata(resource.service)
        self._check_fits(entity, carrier, key)
        body = Encoder(self._system, obj, metadata).encode(entity, {**wire, carrier: key})
        operation = Operation("POST", resource.set, body, self._client.dialect.json)
        answer = self._sender.send(resource.service, operation, deadline)
        self._client.judge.write(answer, obj)
        created = self._client.judge.created(answer)
        where: dict[str, Any] = {"system": self._system, "method": answer.method, "path": answer.path}
        try:
            parts = [str(created[name]) for name in resource.key]
        except (KeyError, TypeError):
            raise OutcomeUnknownError("outcome-unknown", reason="answer without key", **where) from None
        strip = resource.strip_zeros
        external_id = join_key([strip_zeros(v) if n in strip else v for n, v in zip(resource.key, parts, strict=True)])
        return Ack(external_id, warnings=self._client.dialect.warnings(answer.headers))

    def _check_fits(self, entity: Entity, carrier: str, key: str) -> None:
        prop = entity.properties.get(carrier)
        facts: dict[str, Any] = {"system": self._system, "carrier": carrier}
        if prop is None:
            near = (nearest(carrier, entity.properties) or ["nothing like it"])[0]
            raise ConfigurationError("target-field-missing", obj=entity.set, field=carrier, nearest=near, **facts)
        if prop.max_length is not None and len(key) > prop.max_length:
            raise ConfigurationError("key-too-long", key=key, max=str(prop.max_length), **facts)

    def change(self, obj: str, external_id: str, wire: Wire, deadline: Deadline) -> Ack:
        spec = self._client.write_spec(obj, "change").change or Change()
        metadata = self._client.metadata(self._client.resource(obj).service)
        named = [n for n in (*spec.fields, *spec.fixed) if n in wire]
        fields = [*named, *_paths(wire, spec.children)]

        def plan(selection: Selection, row: Wire) -> Iterator[Step]:
            self._refuse_fixed(obj, external_id, selection.entity, row, {n: wire[n] for n in spec.fixed if n in wire})
            yield from header_step(selection.entity, row, wire, spec.fields)
            yield from line_steps(metadata, selection.entity, row, wire, spec.children)

        return self._bring(obj, external_id, fields, plan, spec.changeset, deadline)

    def cancel(self, obj: str, external_id: str, wire: Wire, deadline: Deadline) -> Ack:
        """`wire` may give its own values for the fields that cancel a line (another reason)."""
        write = self._client.write_spec(obj, "cancel")
        assert write.cancel is not None
        nav = write.cancel.nav
        values = {name: str(wire.get(name) or value) for name, value in write.cancel.values.items()}
        metadata = self._client.metadata(self._client.resource(obj).service)

        def plan(selection: Selection, row: Wire) -> Iterator[Step]:
            return cancel_steps(metadata, selection.entity, row, nav, values)

        together = write.change is not None and write.change.changeset
        return self._bring(obj, external_id, [f"{nav}.{name}" for name in values], plan, together, deadline)

    def _refuse_fixed(self, obj: str, key: str, entity: Entity, row: Wire, fixed: Wire) -> None:
        for name, value in differences(entity, row, fixed).items():
            facts: dict[str, Any] = {
                "obj": obj,
                "key": key,
                "field": name,
                "have": str(row.get(name) or "empty"),
                "want": str(value),
            }
            raise RecordRejectedError("field-fixed", system=self._system, **facts)

    def _bring(
        self, obj: str, external_id: str, fields: Sequence[str], plan: Plan, together: bool, deadline: Deadline
    ) -> Ack:
        """Read, write what differs, read again, until nothing does. What the ERP does not take becomes a warning."""
        said: list[str] = []
        sent: list[Step] = []
        stale = False
        for _ in range(ROUNDS):
            selection, row = self._document(obj, external_id, fields, deadline)
            try:
                steps = list(plan(selection, row))
            except TwoLinesError as exc:
                facts: dict[str, Any] = {"obj": obj, "key": external_id, "count": str(exc.count), "match": exc.match}
                raise RecordRejectedError("line-ambiguous", system=self._system, **facts) from None
            kept = [step for step in steps if _done_before(step, sent)]
            steps = [step for step in steps if step not in kept]
            if not steps:
                said += [f"not taken over: {step.path} {', '.join(step.body)}" for step in kept]
                return Ack(external_id, changed=bool(sent), warnings=said)
            try:
                done, messages, together = self._apply(obj, external_id, selection, steps, together, deadline)
            except ConflictError:
                if stale:
                    raise
                stale = True
                continue
            sent += done
            said += messages
        return Ack(external_id, changed=True, warnings=said)

    def _document(
        self, obj: str, external_id: str, fields: Sequence[str], deadline: Deadline
    ) -> tuple[Selection, Wire]:
        resource = self._client.resource(obj)
        selection = self._client.selection(obj, fields or resource.key)
        types = [selection.entity.properties[name].type for name in resource.key]
        parts = list(zip(resource.key, types, split_key(external_id, len(resource.key)), strict=True))
        row = self._client.one(
            self._client.url(resource) + key_predicate(parts, selection.entity.types.literal) + selection.query(),
            deadline,
        )
        if row is None:
            raise RecordRejectedError("document-gone", system=self._system, obj=obj, key=external_id)
        self._client.dialect.keep_etags(row)
        selection.plain(row)
        return selection, row

    def _apply(
        self, obj: str, key: str, selection: Selection, steps: list[Step], together: bool, deadline: Deadline
    ) -> tuple[list[Step], list[str], bool]:
        """Send all steps in one changeset, or the first of them; (what was sent, its messages, whether to go on so)."""
        service = selection.resource.service
        metadata = self._client.metadata(service)
        operations = [self._operation(obj, metadata, step) for step in steps]
        if together and len(steps) > 1:
            inner = self._sender.send_changeset(service, operations, deadline)
            if not any(self._client.judge.refuses_several(answer) for answer in inner):
                for answer in inner:
                    self._client.judge.write(answer, obj, key)
                return steps, self._said(inner), True
            together = False
        answer = self._sender.send(service, operations[0], deadline)
        self._client.judge.write(answer, obj, key)
        return steps[:1], self._said([answer]), together

    def _operation(self, obj: str, metadata: Metadata, step: Step) -> Operation:
        json = self._client.dialect.json
        headers = {**json, "If-Match": step.etag} if step.etag else json
        return Operation(
            step.method, step.path, Encoder(self._system, obj, metadata).encode(step.entity, step.body), headers
        )

    def _said(self, inner: Sequence[Answer]) -> list[str]:
        return [text for answer in inner for text in self._client.dialect.warnings(answer.headers)]


def _done_before(step: Step, sent: Sequence[Step]) -> bool:
    """The same write was sent already and the ERP keeps its own value: once more would change nothing."""
    return any((step.path, step.method, step.body) == (old.path, old.method, old.body) for old in sent)


def _paths(wanted: Mapping[str, Any], children: Mapping[str, Children], prefix: str = "") -> Iterator[str]:
    """Source paths needed to compare: every field of the wanted lines, and what identifies or removes a line."""
    for nav, rule in children.items():
        if nav not in wanted:
            continue
        lines = wanted[nav] if isinstance(wanted[nav], list) else [wanted[nav]]
        names = {name for line in lines for name in line if name not in rule.children}
        yield from (f"{prefix}{nav}.{name}" for name in sorted({*names, *rule.match, *rule.remove}))
        for line in lines:
            yield from _paths(line, rule.children, f"{prefix}{nav}.")
