"""What the protocol engine asks of the books behind it, and how the books refuse.

Values in a row are typed: str, bool, int, Decimal, bytes, UUID, `date` (Edm.DateTime shown as a date), aware `datetime`
(Edm.DateTimeOffset, or Edm.DateTime with a time part), `time`. A property absent from a row is answered with
its type's initial value ("" for text, 0, false, null for dates); an explicit None is answered as null. A Decimal is
written with the digits it has, so the books quantise amounts to the currency's own decimals and leave a whole quantity
without any. Numeric keys and document numbers are kept without leading zeros, as the wire shows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sandbox.front import Backend as Books

Row = dict[str, Any]
ReadRow = Mapping[str, Any]


@dataclass(frozen=True)
class Detail:
    code: str
    message: str
    target: str = ""
    severity: str = "error"


@dataclass(frozen=True)
class Message:
    """Goes with a success, in the header sap-message; severity is success, info or warning."""

    code: str
    message: str
    severity: str = "warning"
    target: str = ""


class ODataError(Exception):
    """A refusal as SAP words it: HTTP status, message class/number, text, and the list of single messages."""

    def __init__(self, status: int, code: str, message: str, details: Sequence[Detail] = ()) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = tuple(details)


@dataclass(frozen=True)
class Created:
    row: ReadRow
    messages: list[Message] = field(default_factory=list)


class Backend(Books, Protocol):
    """One per sandbox; its entity sets may be spread over several services. The engine calls it under one lock."""

    def rows(self, set_name: str) -> Sequence[ReadRow]:
        """The whole set in key order; numeric keys in the order of their zero-filled form.

        Empty for a set of the metadata that the books keep nothing for.
        """

    def get(self, set_name: str, key: Row) -> ReadRow | None:
        """One entity; the engine has stripped the zeros of numeric key values."""

    def navigate(self, set_name: str, row: ReadRow, nav: str) -> Sequence[ReadRow] | ReadRow | None:
        """What a navigation property leads to: rows (to-many), or a row or None (to-one)."""

    def create(self, set_name: str, values: Row) -> Created:
        """Only the properties that were sent; children are lists (or one dict) under their navigation's name.

        A child posted to its parent's navigation brings the parent's key properties.
        """

    def update(self, set_name: str, key: Row, values: Row, replace: bool) -> list[Message]:
        """Change the properties given; `replace` (PUT) sets the writable ones not given to their initial value."""

    def delete(self, set_name: str, key: Row) -> None: ...

    def call(self, function: str, params: Row) -> Sequence[ReadRow] | ReadRow | None:
        """A function import; None where it returns nothing."""

    def etag(self, set_name: str, row: ReadRow) -> datetime | str | None:
        """The version value of a set that has one: a stamp or a text; the engine words and escapes it."""
