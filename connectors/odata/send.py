"""Sending writes: the CSRF token that goes with this thread's session, single operations and changesets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.answer import Answer
from connectors.errors import AccessError, OutcomeUnknownError
from connectors.odata.batch import Operation, answers, changeset
from connectors.odata.client import Client
from connectors.pace import Deadline


class Sender:
    def __init__(self, client: Client) -> None:
        self._client = client

    def send(self, service: str, operation: Operation, deadline: Deadline) -> Answer:
        """Send with a CSRF token of this thread's session; a refused token is fetched anew once."""
        url = f"{self._client.root(service)}/{operation.path}"
        for fresh in (False, True):
            headers = {**operation.headers, **self._token(service, fresh, deadline)}
            answer = self._client.http.write(operation.method, url, operation.body, headers, deadline)
            if not (answer.status == 403 and answer.headers.get("x-csrf-token", "").lower() == "required"):
                return answer
        raise AccessError("csrf-refused", **self._where(answer))

    def _token(self, service: str, fresh: bool, deadline: Deadline) -> dict[str, str]:
        """The service's token, kept with the session's cookies: one is worth nothing without the others."""
        session = self._client.http.session
        if fresh:
            session.forget()
        if service not in session.notes:
            asked = {"x-csrf-token": "Fetch"}
            session.notes[service] = self._client.http.read(
                f"{self._client.root(service)}/", asked, use=self._fetched, deadline=deadline
            )
        token = session.notes[service]
        return {"x-csrf-token": token} if token else {}

    def _fetched(self, answer: Answer) -> str:
        self._client.judge.read(answer)
        self._client.judge.refuse_web_page(answer)
        return str(answer.headers.get("x-csrf-token", ""))

    def send_changeset(self, service: str, operations: Sequence[Operation], deadline: Deadline) -> list[Answer]:
        """All or nothing; the answers of its operations, or the single one that refuses them."""
        kind, body = changeset(_once_versioned(operations))
        headers = {"Content-Type": kind, "Accept": "multipart/mixed"}
        outer = self.send(service, Operation("POST", "$batch", body, headers), deadline)
        if outer.status not in (200, 202):
            return [outer]
        try:
            inner = answers(outer)
        except ValueError:
            inner = []
        if len(inner) != len(operations) and all(answer.status < 400 for answer in inner):
            raise OutcomeUnknownError("outcome-unknown", reason="unreadable answer", **self._where(outer))
        return inner

    def _where(self, answer: Answer) -> dict[str, Any]:
        return {"system": self._client.system.name, "method": answer.method, "path": answer.path}


def _once_versioned(operations: Sequence[Operation]) -> list[Operation]:
    """In one changeset the version can be checked once: the first write moves it on."""
    first = next((i for i, operation in enumerate(operations) if "If-Match" in operation.headers), 0)
    return [
        operation
        if i <= first or "If-Match" not in operation.headers
        else Operation(operation.method, operation.path, operation.body, {**operation.headers, "If-Match": "*"})
        for i, operation in enumerate(operations)
    ]
