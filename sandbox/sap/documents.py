"""Accounting documents, their customer lines, and what is left of a line.

Signs: + is owed to us, - is the customer's. Amounts are in the document's currency; `local` is the company's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal

from sandbox.office.company import Company
from sandbox.office.money import ZERO


@dataclass(slots=True, eq=False)
class Line:
    """One customer line. `rate` is local currency for 1 unit of the document's."""

    customer: str
    amount: Decimal
    rate: Decimal
    special_gl: str = ""
    baseline: date | None = None
    due: date | None = None
    terms: str = ""
    discount: Decimal = ZERO
    dunning_block: str = ""
    difference_reason: str = ""
    offsetting: str = ""
    """Account type on the other side: S for a G/L account, empty for another customer line."""

    assignment: str = ""
    text: str = ""
    posting_key: str = ""
    settles: Line | None = None
    credits: Line | None = None
    local: Decimal = ZERO
    item: int = 0
    document: Document = field(init=False)
    clearing: Clearing | None = None
    was_reset: bool = False
    partials: list[Line] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Document:
    company: Company
    year: str
    number: str
    kind: str
    currency: str
    posted: date
    dated: date
    entered: date
    entered_at: time
    reference: str
    lines: list[Line]
    billing: str = ""
    reverses: Document | None = None
    reversed_by: Document | None = None
    changed: date | None = None
    clearing: Clearing | None = None
    """The clearing this document stands for, if any."""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.company.code, self.year, self.number


@dataclass(frozen=True, eq=False)
class Link:
    """Two lines that a clearing settled against each other without a partial line; a reset loses it."""

    credit: Line
    debit: Line
    amount: Decimal
    owner: object = None


@dataclass(slots=True, eq=False)
class Clearing:
    document: Document
    on: date
    entered: date
    members: list[Line] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)


def rest(line: Line) -> Decimal:
    """What is left of a line today: its amount and its open partial lines; 0 once cleared."""
    if line.clearing or line.settles:
        return ZERO
    return sum((partial.amount for partial in line.partials if not partial.clearing), line.amount)
