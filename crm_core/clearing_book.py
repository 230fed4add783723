"""Account lines as a book: the document of a line, what was reversed, settled in part, cleared.

An ERP that settles by clearing keeps only today's clearings: a reset wipes them, and what was paid looks open at
every past date. So every clearing ever seen is remembered (`Cleared`), and one that no longer stands gets the day it
was undone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

import msgspec

from crm_core.model import AccountLine


class Cleared(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """The memory of one line's clearing: `reset_on` is the day it was undone, None while it stands."""

    line: str
    clearing: str
    cleared_on: date
    reset_on: date | None = None


class GroupId(NamedTuple):
    clearing: str
    cleared_on: date


@dataclass(frozen=True, slots=True)
class Group:
    """Lines that one document closed together on one date; in force until `reset_on`."""

    clearing: str
    cleared_on: date
    reset_on: date | None
    members: frozenset[str]


def document_of(line_key: str) -> str:
    """The key of a line's document: the line's key without its last part; the whole where it has but one.

    >>> document_of("CN01/2026/90/1"), document_of("100477/2"), document_of("7"), document_of("")
    ('CN01/2026/90', '100477', '7', '')
    """
    return line_key.rpartition("/")[0] or line_key


@dataclass(slots=True)
class Book:
    """`kept` are all lines but those of reversal documents, which only end what they reverse; in key order.

    `root` leads from a line that settles another in part to the line it settles in the end.
    """

    lines: Mapping[str, AccountLine]
    kept: list[str]
    reversed_on: dict[str, date] = field(default_factory=dict)
    reversals: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    root: dict[str, str] = field(default_factory=dict)
    partials: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def life(self, key: str) -> tuple[date, date | None]:
        """From a line's posting to the day its document was reversed."""
        return self.lines[key].posting_date, self.reversed_on.get(document_of(key))


def open_book(lines: Mapping[str, AccountLine]) -> Book:
    book = Book(lines, [key for key in sorted(lines) if not lines[key].reverses])
    for key, line in lines.items():
        if line.reversed_on:
            voided = document_of(key)
            book.reversed_on[voided] = min(book.reversed_on.get(voided, line.reversed_on), line.reversed_on)
        if line.reverses:
            known = book.reversed_on.get(line.reverses, line.posting_date)
            book.reversed_on[line.reverses] = min(known, line.posting_date)
            book.reversals[line.reverses].add(document_of(key))
    for key in book.kept:
        root = _root(lines, key)
        if root != key:
            book.root[key] = root
            book.partials[root].append(key)
    return book


def _root(lines: Mapping[str, AccountLine], key: str) -> str:
    """Follow `settles`; a line that is not here yet, a reversal's line and a circle end the way."""
    seen = {key}
    while lines[key].role not in ("item", "bill"):
        after = lines[key].settles
        if after in seen or after not in lines or lines[after].reverses:
            break
        seen.add(after)
        key = after
    return key


def groups(book: Book, previous: Iterable[Cleared], erp_today: date) -> list[Group]:
    """Every clearing that stands or once stood, in order of date and key.

    One of whose lines is open now, or cleared by another document, was reset: on the earliest posting date, not before
    the clearing, of what uses a line it freed; failing that on the day the ERP showed it (`erp_today`, the first time).
    """
    known: dict[GroupId, set[str]] = defaultdict(set)
    now: dict[GroupId, set[str]] = defaultdict(set)
    seen_reset: dict[GroupId, date] = {}
    for row in previous:
        if row.line in book.lines:
            which = GroupId(row.clearing, row.cleared_on)
            known[which].add(row.line)
            if row.reset_on:
                seen_reset[which] = min(row.reset_on, seen_reset.get(which, row.reset_on))
    for key, line in book.lines.items():
        if line.cleared_on:
            which = GroupId(line.clearing or document_of(key), line.cleared_on)
            known[which].add(key)
            now[which].add(key)
    found = []
    groups_of = _groups_of(known)
    for which in sorted(known):
        members = _without_reversals(book, which, known[which])
        undone = None
        if known[which] != now[which]:
            used = _evidence(book, which, members, groups_of, seen_reset)
            undone = max(which.cleared_on, min([seen_reset.get(which, erp_today), *used]))
        if members:
            found.append(Group(which.clearing, which.cleared_on, undone, frozenset(members)))
    return found


def _groups_of(known: Mapping[GroupId, set[str]]) -> dict[str, list[GroupId]]:
    found: dict[str, list[GroupId]] = defaultdict(list)
    for which, members in known.items():
        for key in members:
            found[key].append(which)
    return found


def _without_reversals(book: Book, which: GroupId, members: set[str]) -> set[str]:
    """A reversed line cleared with its mirror settles nothing: the reversal itself says what happened."""
    documents = {which.clearing, *map(document_of, members)}
    return {
        key
        for key in members
        if not book.lines[key].reverses and documents.isdisjoint(book.reversals.get(document_of(key), ()))
    }


def _evidence(
    book: Book,
    which: GroupId,
    members: set[str],
    groups_of: Mapping[str, list[GroupId]],
    seen_reset: Mapping[GroupId, date],
) -> Iterable[date]:
    """Dates by which a clearing must have been undone: its lines were reversed, settled in part or cleared otherwise.

    A line is in one clearing at a time: another one of the same date came first if it was undone by that date.
    """
    for key in members:
        reversed_on = book.reversed_on.get(document_of(key))
        if reversed_on and reversed_on >= which.cleared_on:
            yield reversed_on
        for other in groups_of[key]:
            later = other.cleared_on > which.cleared_on
            if later or (other != which and other.cleared_on == which.cleared_on < seen_reset.get(other, date.max)):
                yield other.cleared_on
        for partial in book.partials.get(key, ()):
            posted = book.lines[partial].posting_date
            if partial not in members and posted > which.cleared_on:
                yield posted
