"""The seam between the server and a product: its Front (protocol) and the Backend (books) behind it.

A product is a module with `open_front` and `front_on` (see Opener); sandbox.server.PRODUCTS names it. The server calls
a front under one lock, a request at a time; `serve` begins with `backend.begin(Caller(...))`, and a refused write
leaves no trace: take a savepoint before it and roll back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

from sandbox.http import Request, Response

Row = dict[str, Any]


@dataclass(frozen=True)
class Caller:
    """Who asks: set before each request (each part of a batch is one), always under the lock."""

    request_id: str
    user: str
    language: str = "EN"
    """Two upper-case letters."""


class ControlError(ValueError):
    """A request to the control plane that makes no sense; its text tells what would."""


class Backend(Protocol):
    """The books of one sandbox, whatever protocol shows them; it is pickled whole to be kept in a file."""

    def begin(self, caller: Caller) -> None:
        """Bring the books up to the present; what is created or changed next is this caller's."""

    def now(self) -> datetime:
        """The ERP's simulated clock: aware, UTC."""

    def version(self) -> int:
        """Another number whenever anything in the books has changed: what is kept of them is good while it stands."""

    def savepoint(self) -> Any:
        """What `rollback` needs to undo everything done since: refused requests leave no trace."""

    def rollback(self, point: Any) -> None: ...

    def book(self, object: str) -> list[Row]:
        """Control plane: every document of this kind; ControlError for an unknown kind."""

    def advance(self, days: int) -> Row:
        """Control plane: move the clock; returns clock and how many events of each kind happened."""

    def mutate(self, change: Row) -> Row:
        """Control plane: what an ERP user would change by hand; ControlError says what is wrong with `change`."""


class Front(Protocol):
    """One product's protocol over its books. Inherit from it: `is_lookup` and `needs_token` have a usual answer."""

    backend: Backend
    user: str
    password: str

    def admit(self, request: Request) -> Response | None:
        """None lets the request in, else the refusal: 401, a bad signature, a lost session."""

    def serve(self, request: Request) -> Response:
        """The answer to an admitted request."""

    def is_write(self, request: Request) -> bool:
        """Whether it changes the books: many products POST everything. Faults on writes and on reads go by this."""

    def is_lookup(self, request: Request) -> bool:
        """Whether it is a search with conditions, which `lookup_fails` hits."""
        return not self.is_write(request)

    def needs_token(self, request: Request) -> bool:
        """Whether the request bears a token that can have expired; not the request that fetches one."""
        return True

    def fault(self, name: str, parameters: Mapping[str, Any], request: Request) -> Response | None:
        """A fault in the product's own words: rate_limited, unavailable, refused_200, locked, internal_error,
        lookup_fails, gateway_timeout (parameter status). None leaves it to plain HTTP."""

    def expire(self, what: str) -> None:
        """ "token" or "session": all of them, now."""

    def unlock(self) -> None:
        """Let a user in again who was locked after wrong passwords."""

    def configure(self, options: Mapping[str, Any]) -> None:
        """Options of the product's own, at the start (--option) or later (POST /_sandbox/options); ControlError names
        what there is."""
        if options:
            raise ControlError("this product has no options")


class Opener(Protocol):
    """What the module of a product offers."""

    def open_front(
        self, *, data: Path | None, rows: int | None, date: date | None, seed: int, user: str, password: str
    ) -> tuple[Front, Row]:
        """New books; and `info`: companies, and what else a system file for this product needs. `{url}` in a text of
        it becomes the sandbox's address. ValueError for data it cannot read."""

    def front_on(self, backend: Any, info: Row, *, user: str, password: str) -> Front:
        """A front on books that were kept in a file."""
