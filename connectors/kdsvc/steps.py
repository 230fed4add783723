"""The steps of a document at the ERP: submit, audit, take back, cancel. Before each one its state is looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.base import Position, Record, Wire
from connectors.errors import AccessError, ConnectorError, OutcomeUnknownError, RecordRejectedError, TransientError
from connectors.kdsvc.client import Client
from connectors.kdsvc.descriptor import Step, Write
from connectors.kdsvc.errors import SessionLostError, Status, lost
from connectors.kdsvc.listing import Listing
from connectors.kdsvc.query import compare
from connectors.kdsvc.read import done_at
from connectors.pace import Deadline
from connectors.rows import text

_BEGINNING = Position()
ROUNDS = 12
"""Most steps of one document, each followed by a look at what it did."""


@dataclass(slots=True)
class Course:
    """Where a document stands after its steps; `said` are the ERP's words for a step it refused."""

    state: str
    done: bool
    said: list[str] = field(default_factory=list)
    moved: bool = False


class Steps:
    def __init__(self, client: Client) -> None:
        self._client = client

    def look(self, obj: str, external_id: str, fields: Sequence[str], deadline: Deadline) -> Record:
        """The document as it stands; RecordRejectedError when it is gone."""
        client, resource = self._client, self._client.resource(obj)
        form, write = resource.forms[0], client.write_spec(obj, "find")
        selection = client.selection(obj, form, dict.fromkeys([form.id, write.state, *fields]))
        key = client.shaper(resource, form).column(resource.key[0]).key
        by = client.shaper(resource, form).column(resource.group.by).key if resource.group else ""
        listing = Listing(client, selection, by, size=2, bounds=compare(key, "=", external_id)).within(deadline)
        for page in listing.pages(_BEGINNING):
            for record in page.records:
                return record
        raise RecordRejectedError("document-gone", system=client.system.name, obj=obj, key=external_id)

    def send(
        self, method: str, body: Wire, obj: str, key: str, deadline: Deadline, unsent: Callable[[], bool]
    ) -> tuple[dict[str, Any], Status]:
        """One write. After a lost session it is sent once more, if `unsent` finds that it had no effect."""
        try:
            return self._client.write(method, body, obj, key, deadline)
        except SessionLostError as exc:
            if not self._client.http.renew():
                raise lost(exc) from None
            if not unsent():
                raise OutcomeUnknownError(
                    "outcome-unknown", reason="session lost", method=method, **_place(exc)
                ) from None
        try:
            return self._client.write(method, body, obj, key, deadline)
        except SessionLostError as exc:
            raise lost(exc) from None

    def operate(self, operation: str, obj: str, record: Record, deadline: Deadline, **more: str) -> None:
        """One operation on one document, which must be among those that the answer lists as done."""
        form = self._client.resource(obj).forms[0]
        write, internal = self._client.write_spec(obj, "find"), text(record.data, form.id)
        state = text(record.data, write.state)
        body = {"formid": form.form, **more, "data": {"Ids": internal}}

        def unsent() -> bool:
            return text(self.look(obj, record.key, (), deadline).data, write.state) == state

        _, status = self.send(operation, body, obj, record.key, deadline, unsent)
        if status.entities and not any(str(entity.get("Id")) == internal for entity in status.entities):
            facts: dict[str, Any] = {"method": operation, "path": form.form, "erp": "none"}
            words = "the answer does not list the document as done"
            raise RecordRejectedError("rejected", system=self._client.system.name, text=words, **facts)

    def advance(self, obj: str, external_id: str, deadline: Deadline, stop_at: str = "") -> Course:
        """Take the document the steps that are left. A step that waits for people at the ERP ends it: that is done.

        RecordRejectedError for a step that was refused for another reason, unless somebody took it meanwhile.
        """
        write, course = self._client.write_spec(obj, "find"), Course("", done=False)
        wanted, refusal = stop_at or self._client.stop_at, None
        for _ in range(ROUNDS):
            record = self.look(obj, external_id, (), deadline)
            state = text(record.data, write.state)
            step = _next(write, state)
            if done_at(write, state, wanted) or step is None:
                return Course(state, True, [], course.moved)
            if course.state == state:  # the last step did not move it
                return self._halted(course, step, refusal)
            course.state = state
            refusal = self._refusal(step, obj, record, deadline)
            course.moved = course.moved or refusal is None
        return course

    def _refusal(self, step: Step, obj: str, record: Record, deadline: Deadline) -> RecordRejectedError | None:
        """Take a step; a missing permission for it concerns this document and not the whole connection."""
        try:
            self.operate(step.operation, obj, record, deadline)
        except RecordRejectedError as exc:
            return exc
        except AccessError as exc:
            if exc.code != "forbidden":
                raise
            facts = {name: exc.params[name] for name in ("system", "method", "path", "text")}
            return RecordRejectedError("rejected", erp_code=exc.erp_code, retry_after_s=None, erp=exc.erp_code, **facts)
        return None

    def _halted(self, course: Course, step: Step, refusal: RecordRejectedError | None) -> Course:
        if refusal is not None and not self._client.judge.says("workflow", refusal.params["text"]):
            raise refusal
        words = refusal.params["text"] if refusal else f"the state is still {course.state}"
        return Course(course.state, True, [f"{step.name}: {words}"], course.moved)

    def reopen(self, obj: str, external_id: str, deadline: Deadline) -> Record:
        """The document, made editable where it was not."""
        write = self._client.write_spec(obj, "find")
        for _ in range(ROUNDS):
            record = self.look(obj, external_id, (), deadline)
            operation = write.reopen.get(text(record.data, write.state))
            if operation is None:
                return record
            self.operate(operation, obj, record, deadline)
        facts: dict[str, Any] = {"obj": obj, "key": external_id}
        raise TransientError("locked", system=self._client.system.name, text=text(record.data, write.state), **facts)


def _next(write: Write, state: str) -> Step | None:
    return next((step for step in write.steps if state in step.before), None)


def _place(exc: SessionLostError) -> dict[str, Any]:
    return {name: exc.where[name] for name in ("system", "path")}


def waits(exc: ConnectorError) -> bool:
    """Whether a step that failed so may be taken later."""
    return isinstance(exc, (TransientError, OutcomeUnknownError))
