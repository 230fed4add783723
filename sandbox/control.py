"""The control plane under /_sandbox: look into the books, move the clock, order faults, do what an ERP user would do.

GET health · GET book?object=orders · POST advance {"days": n} · GET, POST, DELETE faults · POST mutate {"what": …}
· DELETE locks (unlocks the user) · POST options {…} (of the product).
It is no part of the product that is emulated and asks for no sign-on: loopback only.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from sandbox.faults import Faults
from sandbox.front import Caller, ControlError, Front
from sandbox.http import Request, Response

PREFIX = "/_sandbox/"
Answer = dict[str, Any]


class Control:
    """Called under the books' lock."""

    def __init__(self, product: str, front: Front, faults: Faults) -> None:
        self._product = product
        self._front = front
        self._backend = front.backend
        self._faults = faults
        self._routes: dict[tuple[str, str], Callable[[Request], Answer]] = {
            ("GET", "health"): self._health,
            ("GET", "book"): self._book,
            ("POST", "advance"): self._advance,
            ("POST", "mutate"): lambda request: self._backend.mutate(_body(request)),
            ("GET", "faults"): lambda request: self._faults.report(),
            ("POST", "faults"): self._arm,
            ("DELETE", "faults"): self._disarm,
            ("DELETE", "locks"): self._unlock,
            ("POST", "options"): self._configure,
        }

    def handle(self, request: Request) -> Response:
        name = request.path.removeprefix(PREFIX).strip("/")
        route = self._routes.get((request.method, name))
        if route is None:
            known = " · ".join(f"{method} {PREFIX}{path}" for method, path in self._routes)
            return _json(404, {"error": f"no such control: {request.method} {request.path}; there are {known}"})
        try:
            self._backend.begin(Caller(request.request_id, "SANDBOX"))
            return _json(200, route(request))
        except ControlError as error:
            return _json(400, {"error": str(error)})

    def _health(self, request: Request) -> Answer:
        return {"ok": True, "product": self._product, "clock": self._backend.now()}

    def _book(self, request: Request) -> Answer:
        name = request.options.get("object", "")
        if not name:
            raise ControlError("which object? e.g. /_sandbox/book?object=orders")
        return {"object": name, "clock": self._backend.now(), "documents": self._backend.book(name)}

    def _advance(self, request: Request) -> Answer:
        days = _body(request).get("days", 1)
        if isinstance(days, bool) or not isinstance(days, int) or days < 0:
            raise ControlError(f"days must be a whole number, not negative; got {days!r}")
        return self._backend.advance(days)

    def _arm(self, request: Request) -> Answer:
        self._faults.arm(_body(request))
        return self._faults.report()

    def _disarm(self, request: Request) -> Answer:
        self._faults.disarm()
        return self._faults.report()

    def _unlock(self, request: Request) -> Answer:
        self._front.unlock()
        return {"ok": True}

    def _configure(self, request: Request) -> Answer:
        self._front.configure(_body(request))
        return {"ok": True}


def _body(request: Request) -> Answer:
    try:
        body = json.loads(request.body or b"{}")
    except ValueError as problem:
        raise ControlError(f"the body is not valid JSON: {problem}") from problem
    if not isinstance(body, dict):
        raise ControlError("the body must be one JSON object")
    return body


def _json(status: int, answer: Answer) -> Response:
    body = json.dumps(answer, ensure_ascii=False, default=_plain).encode()
    return Response(status, {"content-type": "application/json"}, body)


def _plain(value: object) -> str:
    """Stamps and days in ISO form, decimals and all else as text."""
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
