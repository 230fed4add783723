"""Receivables: documents with customer lines, what is left of a line, clearing, partial lines, reset and reversal.

Signs: + is owed to us, - is the customer's. Amounts are in the document's currency; `local` is the company's.
A line is cleared as a whole. What pays only a part of it stays open beside it and refers to it (`settles`, the partial
payment of SAP); what is left is the line and its open partial lines together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from sandbox.office.clock import Clock
from sandbox.office.company import Company
from sandbox.office.journal import Journal
from sandbox.office.money import ZERO, rounded
from sandbox.sap.documents import Clearing, Document, Line, Link, rest

RANGES = {"RV": 1800000001, "DR": 1810000001, "UE": 1820000001, "DG": 1600000001, "DZ": 1400000001, "AB": 1000000001}
REVERSALS = 1700000001


class PostingError(ValueError):
    """A posting that the books refuse; the text says why."""


class Ledger:
    """All documents of all companies, keyed (company code, fiscal year, number)."""

    def __init__(self, clock: Clock, journal: Journal) -> None:
        self.clock = clock
        self.journal = journal
        self.documents: dict[tuple[str, str, str], Document] = {}
        self.of_customer: dict[str, list[Line]] = {}
        self._next: dict[tuple[str, str, int], int] = {}

    def lines(self) -> Iterable[Line]:
        return (line for document in self.documents.values() for line in document.lines)

    def post(
        self,
        company: Company,
        kind: str,
        currency: str,
        posted: date,
        lines: Sequence[Line],
        *,
        dated: date | None = None,
        reference: str = "",
        billing: str = "",
        reverses: Document | None = None,
    ) -> Document:
        """Book a document, entered today. Each line's local amount is rounded on its own."""
        stamp = self.clock.stamp()
        year = company.fiscal_year(posted)
        first = REVERSALS if reverses else RANGES[kind]
        document = Document(
            company, year, self._number(company, year, first), kind, currency, posted, dated or posted,
            stamp.date(), stamp.time().replace(microsecond=0), reference, list(lines), billing, reverses,
        )  # fmt: skip
        for item, line in enumerate(document.lines, 1):
            line.item, line.document = item, document
            line.local = rounded(line.amount * line.rate, company.currency)
            line.posting_key = line.posting_key or _posting_key(line, kind)
            self.journal.append(self.of_customer.setdefault(line.customer, []), line)
        self.journal.put(self.documents, document.key, document)
        return document

    def _number(self, company: Company, year: str, first: int) -> str:
        at = (company.code, year, first)
        number = self._next.get(at, first)
        self._next[at] = number + 1
        return str(number)

    # -- clearing ------------------------------------------------------------------------------------------------

    def clear(self, document: Document, on: date, members: Iterable[Line], links: Iterable[Link] = ()) -> None:
        """Close these lines by `document`. Their amounts must sum to 0 in each currency."""
        group = list(members)
        _balanced(group)
        clearing = document.clearing
        if clearing is None:
            clearing = Clearing(document, on, self.clock.today())
            self.journal.set(document, "clearing", clearing)
        for line in group:
            self.journal.set(line, "clearing", clearing)
            self.journal.set(line, "was_reset", False)
            self.journal.append(clearing.members, line)
        for link in links:
            self.journal.append(clearing.links, link)

    def reset(self, clearing: Clearing) -> list[Link]:
        """Open all members again, as if they had never been cleared; returns the settlements this lost."""
        for line in clearing.members:
            self.journal.set(line, "clearing", None)
            self.journal.set(line, "was_reset", True)
        self.journal.set(clearing.document, "clearing", None)
        return clearing.links

    def offset(
        self, credit: Line, debit: Line, amount: Decimal, on: date, *, taken: Decimal | None = None,
        discount: Decimal = ZERO, owner: object = None, assignment: str = "",
    ) -> list[Document]:  # fmt: skip
        """Settle `amount` of a debit line with a credit line by transfer; returns the documents made.

        `taken` is what the credit gives in its own currency, where that differs. A discount closes more of the debit
        than the credit gives.
        """
        if credit.document.currency != debit.document.currency:
            lines = [
                _towards(credit, amount if taken is None else taken, offsetting="S", assignment=assignment),
                _towards(debit, -(amount + discount), offsetting="S", assignment=assignment, discount=discount),
            ]
            return [
                self._over_ledger(line, target, on, owner) for line, target in zip(lines, (credit, debit), strict=True)
            ]
        if not discount and rest(credit) == -amount and rest(debit) == amount:
            return [self._close_together(credit, debit, amount, on, owner)]
        give = _towards(credit, amount)
        take = _towards(debit, -(amount + discount), discount=discount)
        document = self._transfer(debit.document.company, debit.document.currency, on, [give, take])
        self.settle(give, credit, on, owner)
        self.settle(take, debit, on, owner)
        return [document]

    def _close_together(self, credit: Line, debit: Line, amount: Decimal, on: date, owner: object) -> Document:
        group = [*_open_group(credit), *_open_group(debit)]
        on = _not_before(on, group)
        document = self._transfer(debit.document.company, debit.document.currency, on, [])
        self.clear(document, on, group, [Link(credit, debit, amount, owner)])
        return document

    def _over_ledger(self, line: Line, target: Line, on: date, owner: object) -> Document:
        """A document of one customer line; its other side is a G/L account, here one of clearing between currencies."""
        document = self._transfer(target.document.company, target.document.currency, on, [line])
        self.settle(line, target, on, owner)
        return document

    def write_off(self, target: Line, amount: Decimal, on: date, reason: str = "", owner: object = None) -> Document:
        """Close a part of a line against a G/L account: a loss with its reason, or a bill that the bank has paid."""
        return self._over_ledger(_towards(target, -amount, offsetting="S", difference_reason=reason), target, on, owner)

    def settle(self, line: Line, target: Line, on: date, owner: object = None) -> None:
        """Let a posted line settle `target`: in full it clears both with all partial lines, else it becomes one.

        A clearing cannot be dated before its members; then the line is a partial one first, and a document of its
        own clears the group on the later date.
        """
        if target.clearing or target.settles:
            raise PostingError(f"{'/'.join(target.document.key)} is settled already")
        group = [*_open_group(target), line]
        total = sum((member.amount for member in group), ZERO)
        if total and (total > 0) != (target.amount > 0):
            raise PostingError(
                f"{abs(line.amount)} is more than the {abs(rest(target))} left of {'/'.join(target.document.key)}"
            )
        day = _not_before(on, group)
        if total == 0 and day == on:
            credit, debit = (line, target) if line.amount < 0 else (target, line)
            self.clear(line.document, on, group, [Link(credit, debit, abs(line.amount), owner)])
            return
        self.journal.set(line, "settles", target)
        self.journal.append(target.partials, line)
        if total == 0:
            document = self._transfer(target.document.company, target.document.currency, day, [])
            self.clear(document, day, group)

    def _transfer(self, company: Company, currency: str, on: date, lines: list[Line], reference: str = "") -> Document:
        return self.post(company, "AB", currency, on, lines, reference=reference)

    # -- undoing -------------------------------------------------------------------------------------------------

    def cancel(self, document: Document, posted: date, reference: str = "") -> tuple[Document, list[Link]]:
        """Reverse a document after opening all its lines; returns the settlements between other lines this lost."""
        lost = [link for line in document.lines for link in self.release(line, posted)]
        return self.reverse(document, posted, reference), lost

    def release(self, line: Line, on: date) -> list[Link]:
        """Open a line and undo what partly settles it; returns the settlements lost with its clearing."""
        lost = self.reset(line.clearing) if line.clearing else []
        for partial in list(line.partials):
            lost = [*lost, *self.withdraw(partial, on)]
        return lost

    def withdraw(self, partial: Line, on: date) -> list[Link]:
        """Undo a partial line: a transfer is reversed, a payment's line goes back on account."""
        if partial.document.kind == "AB":
            return self.cancel(partial.document, on)[1]
        lost = self.reset(partial.clearing) if partial.clearing else []
        self.transfer_back(partial, on)
        return lost

    def reverse(self, document: Document, posted: date, reference: str = "") -> Document:
        """Book the mirror of a document whose lines are all open and not partly settled, and clear each pair."""
        mirrors = [_mirror(line) for line in document.lines]
        made = self.post(
            document.company, document.kind, document.currency, posted, mirrors,
            reference=reference or document.reference, reverses=document,
        )  # fmt: skip
        for line in document.lines:
            if line.settles and line in line.settles.partials:
                self.journal.remove(line.settles.partials, line)
        self.clear(made, _not_before(posted, document.lines), [*document.lines, *mirrors])
        self.journal.set(document, "reversed_by", made)
        self.journal.set(document, "changed", made.entered)
        return made

    def transfer_back(self, line: Line, on: date) -> Document:
        """Put a payment's line back on account: a transfer clears it and leaves the money, without the discount."""
        back = Line(line.customer, -line.amount, line.rate, discount=-line.discount)
        kept = Line(line.customer, line.amount + line.discount, line.rate, special_gl=line.special_gl)
        document = self._transfer(
            line.document.company, line.document.currency, on, [back, kept], line.document.reference
        )
        if line.settles:
            self.journal.remove(line.settles.partials, line)
        self.clear(document, _not_before(on, [line]), [line, back])
        return document


def _open_group(line: Line) -> list[Line]:
    return [line, *(partial for partial in line.partials if not partial.clearing)]


def _not_before(on: date, group: Iterable[Line]) -> date:
    return max([on, *(line.document.posted for line in group)])


def _towards(target: Line, amount: Decimal, **kept: object) -> Line:
    """A line on the target's account, valued at the target's rate so that clearing leaves no local difference."""
    return Line(target.customer, amount, target.rate, special_gl=target.special_gl, **kept)  # type: ignore[arg-type]


def _mirror(line: Line) -> Line:
    return Line(
        line.customer, -line.amount, line.rate, line.special_gl, line.baseline, line.due, line.terms, -line.discount,
        difference_reason=line.difference_reason, offsetting=line.offsetting, assignment=line.assignment,
        text=line.text,
    )  # fmt: skip


def _balanced(group: Sequence[Line]) -> None:
    sums: dict[str, Decimal] = {}
    for line in group:
        sums[line.document.currency] = sums.get(line.document.currency, ZERO) + line.amount
    if any(sums.values()):
        raise PostingError(f"clearing does not balance: {sums}")


def _posting_key(line: Line, kind: str) -> str:
    """Posting keys: 01/11 invoice and credit memo, 05/15 payments and transfers, 09/19 special G/L."""
    if line.special_gl:
        return "09" if line.amount >= 0 else "19"
    if kind in ("DZ", "AB"):
        return "05" if line.amount >= 0 else "15"
    return "01" if line.amount >= 0 else "11"
