"""Who gave how much to whom, from when until when: the settlements behind account lines.

Every line that is no item, payment or bill is first an account of its own; a partial line and a clearing are flows
between accounts. A transfer whose lines are settled all their life only passes money on: it is taken out, and the
flows at its two ends become one. What cannot be taken out stays as an account, so that the sum over all accounts is
at every date the sum of the ERP's lines.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import NamedTuple

from crm_core.clearing_book import Book, Group, document_of
from crm_core.receivables import NOTED

PASSING = ("transfer", "write_off")
"""Roles of lines that pass an amount on."""


class Flow(NamedTuple):
    """`giver` and `taker` are account keys, "" for the general ledger; the amount is positive.

    A `discount` takes nothing from its giver. `origin` is the document that made the flow, `mark` tells its flows
    apart.
    """

    giver: str
    taker: str
    amount: Decimal
    start: date
    end: date | None
    origin: str
    mark: str = ""
    kind: str = ""  # discount, write_off, or nothing special


class _Entry(NamedTuple):
    """What is left of a line when its group is cleared; `discount` is the last part of a credit."""

    key: str
    currency: str
    customer: str
    posted: date
    amount: Decimal
    discount: Decimal


def payment_keys(book: Book) -> dict[str, str]:
    """The payment each payment line belongs to: its document; lines on further accounts are payments of their own."""
    first: dict[str, str] = {}
    keys = {}
    for key in book.kept:
        line = book.lines[key]
        if line.role == "payment":
            document = document_of(key)
            own = first.setdefault(document, line.customer_key) == line.customer_key
            keys[key] = document if own else f"{document}@{line.customer_key}"
    return keys


def flows(book: Book, clearings: Iterable[Group], accounts: dict[str, str]) -> Iterator[Flow]:
    """Partial lines while they stand, and clearings; `accounts` leads from payment lines to their payments.

    Nothing flows before both lines are posted, after one is reversed, or to and from a noted item.
    """
    found = list(clearings)
    of_line: dict[str, list[Group]] = defaultdict(list)
    for group in found:
        for key in group.members:
            of_line[key].append(group)
    partial = (flow for key in sorted(book.root) for flow in _partial_flows(book, key, of_line))
    cleared = (flow for group in found for flow in _group_flows(book, group))
    for flow in chain(partial, cleared):
        if bounded := _bounded(book, flow):
            giver, taker = (accounts.get(key, key) for key in (flow.giver, flow.taker))
            yield bounded._replace(giver=giver, taker=taker)


def _bounded(book: Book, flow: Flow) -> Flow | None:
    start, end = flow.start, flow.end or date.max
    for key in filter(None, (flow.giver, flow.taker)):
        posted, reversed_on = book.life(key)
        start, end = max(start, posted), min(end, reversed_on or date.max)
        if book.lines[key].role == "item" and book.lines[key].kind == NOTED:
            return None
    return flow._replace(start=start, end=None if end == date.max else end) if start < end else None


def _partial_flows(book: Book, key: str, of_line: dict[str, list[Group]]) -> Iterator[Flow]:
    """A partial line stands until one of the two is cleared without the other."""
    root = book.root[key]
    apart = {
        (group.cleared_on, group.reset_on)
        for group in (*of_line.get(key, ()), *of_line.get(root, ()))
        if not (key in group.members and root in group.members)
    }
    line = book.lines[key]
    giver, taker = (key, root) if line.amount < 0 else (root, key)
    for start, end in _without(book.life(key), apart):
        for amount, kind in _pieces(abs(line.amount), _granted(line.amount, line.discount)):
            yield Flow(giver, taker, amount, start, end, document_of(key), key, kind or _kind(book, giver, taker))


def _granted(amount: Decimal, discount: Decimal) -> Decimal:
    return -discount if amount < 0 else Decimal(0)


def _pieces(amount: Decimal, discount: Decimal) -> Iterator[tuple[Decimal, str]]:
    """Money first, then what was granted."""
    if amount > discount:
        yield amount - discount, ""
    if min(amount, discount) > 0:
        yield min(amount, discount), "discount"


def _kind(book: Book, *keys: str) -> str:
    return "write_off" if any(book.lines[key].role == "write_off" for key in keys) else ""


def _without(
    life: tuple[date, date | None], holes: Iterable[tuple[date, date | None]]
) -> Iterator[tuple[date, date | None]]:
    """The parts of a span that no hole covers; an open end is None."""
    start, end = life
    for hole_start, hole_end in sorted(holes, key=lambda hole: (hole[0], hole[1] or date.max)):
        if end is not None and hole_start >= end:
            break
        if hole_start > start:
            yield start, hole_start
        if hole_end is None:
            return
        start = max(start, hole_end)
    if end is None or start < end:
        yield start, end


def _group_flows(book: Book, group: Group) -> Iterator[Flow]:
    """Close every line of the group to 0, credits against debits; what has no other side goes to the general ledger."""
    for giver, taker, amount, kind in _matched(_rests(book, group)):
        kind = kind or _kind(book, *filter(None, (giver, taker)))
        yield Flow(giver, taker, amount, group.cleared_on, group.reset_on, group.clearing, "clearing", kind)


def _rests(book: Book, group: Group) -> list[_Entry]:
    members = group.members
    rest = {key: book.lines[key].amount for key in members if book.root.get(key) not in members}
    for key in members:
        if book.root.get(key) in members:
            rest[book.root[key]] = rest.get(book.root[key], Decimal(0)) + book.lines[key].amount
    return sorted(
        (_entry(book, key, amount) for key, amount in rest.items() if amount),
        key=lambda entry: (entry.posted, entry.key),
    )


def _entry(book: Book, key: str, amount: Decimal) -> _Entry:
    line = book.lines[key]
    discount = min(_granted(amount, line.discount), abs(amount))
    return _Entry(key, line.currency, line.customer_key, line.posting_date, amount, discount)


def _matched(entries: list[_Entry]) -> Iterator[tuple[str, str, Decimal, str]]:
    """(credit line, debit line, amount, kind): equal amounts first, on one account before others, then first in
    first out.
    """
    credits, debits = ([entry for entry in entries if (entry.amount < 0) == side] for side in (True, False))
    for same_account in (True, False):
        credits, debits, pairs = _equal(credits, debits, same_account)
        for credit, debit in pairs:
            for amount, kind in _pieces(debit.amount, credit.discount):
                yield credit.key, debit.key, amount, kind
    for currency in sorted({entry.currency for entry in (*credits, *debits)}):
        yield from _in_order(
            [entry for entry in credits if entry.currency == currency],
            [entry for entry in debits if entry.currency == currency],
        )


def _equal(
    credits: list[_Entry], debits: list[_Entry], same_account: bool
) -> tuple[list[_Entry], list[_Entry], list[tuple[_Entry, _Entry]]]:
    waiting: dict[tuple[str, str, Decimal], deque[_Entry]] = defaultdict(deque)
    for debit in debits:
        waiting[debit.currency, debit.customer if same_account else "", debit.amount].append(debit)
    left, pairs = [], []
    for credit in credits:
        fitting = waiting.get((credit.currency, credit.customer if same_account else "", -credit.amount))
        if fitting:
            pairs.append((credit, fitting.popleft()))
        else:
            left.append(credit)
    taken = {debit.key for _, debit in pairs}
    return left, [debit for debit in debits if debit.key not in taken], pairs


def _in_order(credits: list[_Entry], debits: list[_Entry]) -> Iterator[tuple[str, str, Decimal, str]]:
    giving = deque(
        (credit.key, amount, kind) for credit in credits for amount, kind in _pieces(-credit.amount, credit.discount)
    )
    taking = deque((debit.key, debit.amount) for debit in debits)
    while giving and taking:
        (credit, available, kind), (debit, wanted) = giving.popleft(), taking.popleft()
        amount = min(available, wanted)
        yield credit, debit, amount, kind
        if available > amount:
            giving.appendleft((credit, available - amount, kind))
        if wanted > amount:
            taking.appendleft((debit, wanted - amount))
    yield from ((credit, "", amount, kind) for credit, amount, kind in giving)
    yield from (("", debit, amount, "") for debit, amount in taking)
