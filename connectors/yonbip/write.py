"""Writing to a YonBIP tenant: save once under a check key, then steps; change and cancel by the state."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.base import Ack, Record, Wire
from connectors.errors import ConnectorError, OutcomeUnknownError, RecordRejectedError
from connectors.pace import Deadline
from connectors.rows import matches, text
from connectors.yonbip.answer import DONE, Reply, RunningError
from connectors.yonbip.client import Client, encode
from connectors.yonbip.descriptor import Change, Write
from connectors.yonbip.diff import at, changed, differences
from connectors.yonbip.read import Reader
from connectors.yonbip.steps import act, due, left, take, wanted

CHECK_KEY_DIGITS = 32
SAVES = 2
"""How often a document is saved of which the gateway tells an id that does not exist any more."""


class Writer:
    def __init__(self, client: Client, reader: Reader) -> None:
        self._client, self._reader, self._system = client, reader, client.system.name

    def push(self, obj: str, wire: Wire, key: str, deadline: Deadline) -> Ack:
        """Save the document with our key in its carrier, then take the steps that fit the deadline."""
        write, carrier = self._client.write_spec(obj, "push"), self._client.carrier(obj)
        data = _inserted({**wire, carrier: key})
        try:
            saved = self._created(obj, write, data, key, deadline)
        except RecordRejectedError:
            hits = self._reader.find(obj, key) if write.key_carrier.unique else []
            if len(hits) != 1:
                raise
            return Ack(hits[0].external_id, changed=False, done=hits[0].done)
        return self._onward(obj, saved, deadline)

    def finish(self, obj: str, external_id: str, deadline: Deadline, known: Wire | None = None) -> Ack:
        """`known`: what the answer to a save said of the document's state."""
        write = self._client.write_spec(obj, "finish")
        steps = wanted(self._client, write)
        if not steps:
            return Ack(external_id, changed=False)
        taken = take(self._client, obj, steps, lambda: self._document(obj, external_id, deadline), deadline, known)
        if steps[-1].name in taken:
            return Ack(external_id)
        record = self._document(obj, external_id, deadline) if taken else None
        return Ack(external_id, changed=bool(taken), done=record is None or not left(self._client, write, record.data))

    def change(self, obj: str, external_id: str, wire: Wire, deadline: Deadline) -> Ack:
        """One save that says the whole document anew, where anything differs."""
        write = self._client.write_spec(obj, "change")
        assert write.change is not None
        record = self._document(obj, external_id, deadline)
        self._refuse_fixed(obj, record, wire, write.change.fixed)
        body, differ = changed(record.data, wire, write.change, write.numbers)
        if not differ:
            return self.finish(obj, external_id, deadline)
        try:
            take(self._client, obj, write.change.reopen, lambda: self._document(obj, external_id, deadline), deadline)
            self._updated(obj, write, write.change, external_id, body, deadline)
        except RecordRejectedError:
            self._put_back(obj, write, record, deadline)
            raise
        saved = self._document(obj, external_id, deadline)
        _, ignored = changed(saved.data, wire, write.change, write.numbers)
        return self._onward(obj, saved, deadline, [f"not taken over: {', '.join(ignored)}"] if ignored else [])

    def cancel(self, obj: str, external_id: str, wire: Wire, deadline: Deadline) -> Ack:
        """By the document's state; one that is cancelled already stays as it is. A refused way leaves the next one."""
        write = self._client.write_spec(obj, "cancel")
        gone, steps, acted = write.ended or write.find.cancelled, list(write.cancel or ()), False
        refused: ConnectorError = self._client.judge.refusal(write.path, "", "its state allows no cancellation")
        while True:
            record = self._document(obj, external_id, deadline)
            if gone is not None and matches(record.data, gone):
                return Ack(external_id, changed=acted)
            step = next((step for step in steps if due(step, record.data)), None)
            if step is None:
                raise refused
            steps.remove(step)
            try:
                act(self._client, obj, step, record, deadline)
                acted = True
            except RecordRejectedError as exc:
                refused = exc

    def _onward(self, obj: str, saved: Record, deadline: Deadline, said: Sequence[str] = ()) -> Ack:
        """The steps after a save. The document is there now: what does not succeed is finished later.

        Who may not take a step (AccessError) is told so then: raised here it would say that nothing was sent.
        """
        try:
            return Ack(saved.key, warnings=said, done=self.finish(obj, saved.key, deadline, saved.data).done)
        except ConnectorError as exc:
            return Ack(saved.key, warnings=[*said, str(exc)], done=False)

    def _created(self, obj: str, write: Write, data: Wire, key: str, deadline: Deadline) -> Record:
        """The document saved, as it now is.

        For an hour the gateway repeats its first answer to a check key, though the document was deleted since: then it
        is saved under another one, which is the same for every attempt too.
        """
        version = text(data, write.version)
        for _ in range(SAVES):
            saved = self._saved(write.path, write, data, self._check_key(obj, key, version), deadline, obj)
            if (found := self._seen(obj, saved.key, write.path, deadline)) is not None:
                return found
            version = f"{version} in place of {saved.key}"
        raise RecordRejectedError("document-gone", system=self._system, obj=obj, key=saved.key)

    def _seen(self, obj: str, external_id: str, path: str, deadline: Deadline) -> Record | None:
        """What was just saved; who cannot look does not know what became of it."""
        try:
            return self._reader.document(obj, external_id, deadline)
        except ConnectorError as exc:
            where: dict[str, Any] = {"system": self._system, "method": "POST", "path": path}
            raise OutcomeUnknownError("outcome-unknown", erp_code=exc.erp_code, reason=str(exc), **where) from None

    def _updated(self, obj: str, write: Write, rule: Change, external_id: str, body: Wire, deadline: Deadline) -> None:
        data = _inserted({**body, "id": external_id, "_status": "Update"})
        told = hashlib.sha256(encode({name: data[name] for name in sorted(data)})).hexdigest()
        checked = self._check_key(obj, external_id, f"{text(body, write.version)} {told}")
        self._saved(rule.path or write.path, write, data, checked, deadline, obj, external_id, bare=rule.bare)

    def _put_back(self, obj: str, write: Write, before: Record, deadline: Deadline) -> None:
        """Take the steps again that led to the state before a refused change, as far as the ERP lets us."""
        with suppress(ConnectorError):
            for step in write.steps:
                now = self._document(obj, before.key, deadline)
                if text(now.data, step.due.field) == text(before.data, step.due.field):
                    return
                if due(step, now.data):
                    act(self._client, obj, step, now, deadline)

    def _saved(
        self,
        path: str,
        write: Write,
        data: Wire,
        checked: str,
        deadline: Deadline,
        obj: str,
        key: str = "",
        *,
        bare: bool = False,
    ) -> Record:
        """Send it, again under the same check key while the gateway does not say what became of it."""
        if write.check_key:
            data = {**data, write.check_key: checked}
        sent = _numbered(data, frozenset(write.numbers))
        body = sent if bare else {"data": sent}
        while True:
            try:
                return self._told(self._client.send(path, body, deadline, obj, key), path, key)
            except (RunningError, OutcomeUnknownError) as exc:
                pause = self._client.words.resend_after_s
                if not write.check_key or not exc.erp_code or deadline.left() <= 2 * pause:
                    where: dict[str, Any] = {"system": self._system, "method": "POST", "path": path}
                    reason = f"code {exc.erp_code}" if exc.erp_code else str(exc.params.get("reason", ""))
                    raise OutcomeUnknownError(
                        "outcome-unknown", erp_code=exc.erp_code, reason=reason, **where
                    ) from None
                self._client.sleep(pause)

    def _told(self, reply: Reply, path: str, key: str) -> Record:
        """What the answer says of the document; of a repeated one only its id, for what else it says is old."""
        data = reply.data[0] if isinstance(reply.data, list) and reply.data else reply.data
        infos = data.get("infos") if isinstance(data, Mapping) else None
        data = infos[0] if isinstance(infos, list) and infos else data
        told: Wire = dict(data) if isinstance(data, Mapping) else {}
        found = text(told, "id") or key
        if not found:
            where: dict[str, Any] = {"system": self._system, "method": "POST", "path": path}
            raise OutcomeUnknownError("outcome-unknown", reason="answer without id", **where)
        return Record(found, told if reply.code == DONE else {})

    def _check_key(self, obj: str, key: str, version: str) -> str:
        """The same for every attempt at one version of one decision, 32 hex digits."""
        told = "\n".join((self._client.system.client, obj, key, version))
        return hashlib.sha256(told.encode()).hexdigest()[:CHECK_KEY_DIGITS]

    def _document(self, obj: str, external_id: str, deadline: Deadline) -> Record:
        record = self._reader.document(obj, external_id, deadline)
        if record is None:
            raise RecordRejectedError("document-gone", system=self._system, obj=obj, key=external_id)
        return record

    def _refuse_fixed(self, obj: str, record: Record, wire: Wire, fixed: list[str]) -> None:
        for name in differences(record.data, wire, fixed, ()):
            facts: dict[str, Any] = {"field": name, "have": at(record.data, name) or "empty", "want": text(wire, name)}
            raise RecordRejectedError("field-fixed", system=self._system, obj=obj, key=record.key, **facts)


def _inserted(data: Wire) -> Wire:
    """Header and every line with its `_status`; what has one keeps it."""
    marked = {
        name: [_inserted(line) if isinstance(line, dict) else line for line in value]
        if isinstance(value, list)
        else value
        for name, value in data.items()
    }
    return {"_status": "Insert", **marked}


def _numbered(value: Any, numbers: frozenset[str], name: str = "") -> Any:
    """Amounts and quantities as exact JSON numbers; nothing and empty text are left out: they would empty the field."""
    if isinstance(value, Mapping):
        return {k: _numbered(v, numbers, k) for k, v in value.items() if v not in (None, "")}
    if isinstance(value, list):
        return [_numbered(item, numbers, name) for item in value]
    if name in numbers and isinstance(value, str):
        try:
            return Decimal(value)
        except InvalidOperation:
            return value
    return value
