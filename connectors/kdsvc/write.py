"""Writing documents: save once and read back, bring to a wanted state, cancel. Who calls decides on a repetition."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from connectors.base import Ack, Record, Wire
from connectors.errors import (
    ConfigurationError,
    ConnectorError,
    OutcomeUnknownError,
    RecordRejectedError,
)
from connectors.kdsvc.allocate import allocate
from connectors.kdsvc.client import Client
from connectors.kdsvc.descriptor import Form, Write
from connectors.kdsvc.diff import Difference, TwoLinesError, difference, fixed, paths
from connectors.kdsvc.errors import DuplicateError, Status
from connectors.kdsvc.model import Modeller, NoNumberError, UnknownKeyError, at, flat, same, without_empty
from connectors.kdsvc.query import number
from connectors.kdsvc.read import Reader
from connectors.kdsvc.site import own_names
from connectors.kdsvc.steps import Steps, waits
from connectors.pace import Deadline
from connectors.product_yaml import nearest
from connectors.rows import matches, text

SAVE = "Save"
SAFE: Wire = {"IsVerifyBaseDataField": "true"}
"""References that lead nowhere are refused, not left empty."""


class Writer:
    def __init__(self, client: Client, reader: Reader) -> None:
        self._client, self._reader = client, reader
        self._steps, self._system = Steps(client), client.system.name

    def push(self, obj: str, wire: Wire, key: str, deadline: Deadline) -> Ack:
        """One Save with our key in its carrier, read back, then its steps as far as the deadline allows."""
        form, carrier = self._form(obj), self._client.carrier(obj)
        wire = own_names(form, wire)
        model = self._modelled(obj, {**without_empty(wire), carrier: key})
        body = {"formid": form.form, "data": {"Model": model, **SAFE}}
        try:
            result, status = self._steps.send(
                SAVE, body, obj, "", deadline, lambda: not self._reader.find(obj, key, deadline)
            )
        except DuplicateError as exc:
            raise self._taken(obj, key, exc, deadline) from None
        internal = self._internal(obj, result, status)
        record = self._read_back(obj, internal, wire, carrier, key, deadline)
        try:
            ack = self.finish(obj, record.key, wire, deadline)
        except ConnectorError as exc:  # the document is there, whatever hinders its steps
            return Ack(record.key, warnings=[str(exc)], done=False)
        return Ack(record.key, warnings=ack.warnings, done=ack.done)

    def finish(self, obj: str, external_id: str, wire: Wire, deadline: Deadline, stop_at: str = "") -> Ack:
        """The steps that are left, then the organisations that `wire` says shall use it."""
        moved = False
        try:
            course = self._steps.advance(obj, external_id, deadline, stop_at)
            moved = course.moved
            said = [*course.said, *(self._allocated(obj, external_id, wire, deadline) if course.done else [])]
        except ConnectorError as exc:
            if not waits(exc):
                raise
            return Ack(external_id, changed=moved, warnings=[str(exc)], done=False)
        return Ack(external_id, changed=moved, warnings=said, done=course.done)

    # after a Save

    def _taken(self, obj: str, key: str, exc: DuplicateError, deadline: Deadline) -> ConnectorError:
        """Our number exists: where it is ours, the one who asked compares the document with what he meant."""
        if not self._reader.find(obj, key, deadline):
            return exc
        return self._unknown(obj, "the number exists")

    def _internal(self, obj: str, result: Mapping[str, Any], status: Status) -> str:
        found = result.get("Id") or next((entity.get("Id") for entity in status.entities), "")
        try:
            return number(str(found))
        except ValueError:
            raise self._unknown(obj, "answer without id") from None

    def _read_back(self, obj: str, internal: str, wire: Wire, carrier: str, key: str, deadline: Deadline) -> Record:
        """The document as the ERP has it. A key that was not kept is an error of the system file: it is taken out
        again. OutcomeUnknownError where it holds something else than we sent: a look-up by our key then compares."""
        write, form = self._write(obj), self._form(obj)
        checked = _checked(write)
        expected = {p: v for p, v in flat(wire, write.subheads).items() if p.partition(".")[0] in checked}
        named = [carrier, form.id, write.state, *expected]
        try:
            record = self._reader.by_id(obj, internal, named, deadline)
        except ConnectorError as exc:
            raise self._unknown(obj, exc.code) from None
        if text(record.data, carrier).strip() != key:
            raise self._withdrawn(obj, record, carrier, deadline)
        numbers = write.compared_as_numbers
        other = [path for path, value in expected.items() if not same(path, at(record.data, path), value, numbers)]
        if other:
            raise self._unknown(obj, f"other {', '.join(other)}")
        return record

    def _unknown(self, obj: str, reason: str) -> OutcomeUnknownError:
        facts: dict[str, Any] = {"method": SAVE, "path": self._form(obj).form, "reason": reason}
        return OutcomeUnknownError("outcome-unknown", system=self._system, **facts)

    def _withdrawn(self, obj: str, record: Record, carrier: str, deadline: Deadline) -> ConnectorError:
        """Every document would end so; one that cannot be deleted must not be followed by another."""
        facts: dict[str, Any] = {"system": self._system, "carrier": carrier, "key": record.key}
        try:
            self._steps.operate("Delete", obj, record, deadline)
        except ConnectorError:
            return RecordRejectedError("carrier-not-kept-document", **facts)
        return ConfigurationError("carrier-not-kept", **facts)

    def _allocated(self, obj: str, key: str, wire: Wire, deadline: Deadline) -> list[str]:
        """What hinders the organisations that shall use it; nothing where all of them do. Raises what can wait."""
        field = self._write(obj).allocate
        wanted = [str(used.get("FNumber", "")) for used in wire.get(field) or []] if field else []
        if not wanted:
            return []
        try:
            return allocate(self._client, self._steps, obj, key, wanted, deadline)
        except ConnectorError as exc:
            if waits(exc):
                raise
            return [str(exc)]

    # change and cancel

    def change(self, obj: str, external_id: str, wire: Wire, deadline: Deadline) -> Ack:
        write, form = self._client.write_spec(obj, "change"), self._form(obj)
        wire = own_names(form, wire)
        fields = paths(write, form, wire)
        record, found = self._compared(obj, external_id, wire, fields, deadline)
        before = text(record.data, write.state)
        stop_at = next((step.name for step in write.steps if step.after == before), "")
        said: list[str] = []
        if found.model:
            try:
                said += self._rewritten(obj, external_id, wire, fields, found, deadline)
            except RecordRejectedError:
                self._put_back(obj, external_id, stop_at, deadline)
                raise
        ack = self.finish(obj, external_id, wire, deadline, _later(write, stop_at, self._client.stop_at))
        return Ack(external_id, bool(found.model) or ack.changed, [*said, *ack.warnings], ack.done)

    def _rewritten(
        self, obj: str, external_id: str, wire: Wire, fields: list[str], found: Difference, deadline: Deadline
    ) -> list[str]:
        """Make the document editable, write what differs, and say what the ERP did not take over."""
        form = self._form(obj)
        part = self._modelled(obj, found.model)
        record = self._steps.reopen(obj, external_id, deadline)
        model = {form.id: text(record.data, form.id), **part}
        options = {"NeedUpDateFields": found.names, "IsDeleteEntry": "true" if found.deletes else "false"}
        body = {"formid": form.form, "data": {"Model": model, **options, **SAFE}}

        def unsent() -> bool:
            return self._compared(obj, external_id, wire, fields, deadline)[1].model == found.model

        self._steps.send(SAVE, body, obj, external_id, deadline, unsent)
        left = self._compared(obj, external_id, wire, fields, deadline)[1]
        return [f"not taken over: {', '.join(left.names)}"] if left.names else []

    def _put_back(self, obj: str, external_id: str, stop_at: str, deadline: Deadline) -> None:
        """Take the steps again that led to the state before a refused change, as far as the ERP lets us."""
        if stop_at:
            with suppress(ConnectorError):
                self._steps.advance(obj, external_id, deadline, stop_at)

    def _compared(
        self, obj: str, external_id: str, wire: Wire, fields: list[str], deadline: Deadline
    ) -> tuple[Record, Difference]:
        write = self._write(obj)
        record = self._steps.look(obj, external_id, fields, deadline)
        for path, (have, want) in fixed(write, record.data, wire).items():
            facts: dict[str, Any] = {"obj": obj, "key": external_id, "field": path}
            raise RecordRejectedError("field-fixed", system=self._system, have=have or "empty", want=want, **facts)
        try:
            return record, difference(write, self._form(obj), record.data, wire)
        except TwoLinesError as exc:
            facts = {"obj": obj, "key": external_id, "count": str(exc.count), "match": exc.match}
            raise RecordRejectedError("line-ambiguous", system=self._system, **facts) from None

    def cancel(self, obj: str, external_id: str, wire: Wire, deadline: Deadline) -> Ack:
        """Cancelled where the ERP allows it; what was delivered from already is closed, and a warning says so."""
        rule = self._client.write_spec(obj, "cancel").cancel
        assert rule is not None
        looked = [rule.field, *([rule.closed.field] if rule.closed else [])]
        record = self._steps.look(obj, external_id, looked, deadline)
        if text(record.data, rule.field) in rule.values or (rule.closed and matches(record.data, rule.closed)):
            return Ack(external_id, changed=False)
        try:
            editable = self._steps.reopen(obj, external_id, deadline)
        except RecordRejectedError as exc:
            if not rule.otherwise:
                raise
            self._steps.operate("ExecuteOperation", obj, record, deadline, opNumber=rule.otherwise)
            return Ack(external_id, warnings=[f"closed, not cancelled: {exc.params.get('text', '')}"])
        self._steps.operate("ExecuteOperation", obj, editable, deadline, opNumber=rule.operation)
        return Ack(external_id)

    # words

    def _write(self, obj: str) -> Write:
        return self._client.write_spec(obj, "find")

    def _form(self, obj: str) -> Form:
        return self._client.resource(obj).forms[0]

    def _modeller(self, obj: str) -> Modeller:
        form, optional = self._form(obj), self._client.resource(obj).optional
        return Modeller(self._write(obj), form, self._client.metadata(form.form), optional)

    def _modelled(self, obj: str, wire: Wire) -> Wire:
        facts: dict[str, Any] = {"system": self._system, "obj": obj}
        try:
            return self._modeller(obj).model(wire)
        except UnknownKeyError as exc:
            near = (nearest(exc.key, exc.known) or ["nothing like it"])[0]
            raise ConfigurationError("target-field-missing", field=exc.key, nearest=near, **facts) from None
        except NoNumberError as exc:
            words: dict[str, Any] = {"field": exc.key, "value": exc.value, "type": "number"}
            raise ConfigurationError("bad-value", **words, **facts) from None


def _checked(write: Write) -> set[str]:
    """Fields that must be in the document as we sent them: who buys, the currency, and what the ERP worked out."""
    named = (write.find.customer, write.find.currency, write.find.total, *write.computed)
    return {path.partition(".")[0] for path in named if path}


def _later(write: Write, one: str, other: str) -> str:
    """The later one of two steps."""
    names = ["", *(step.name for step in write.steps)]
    return max(one, other, key=lambda name: names.index(name) if name in names else 0)
