"""What separates a document at the ERP from what it should be: the fields and lines of the one PATCH that mends it.

A line is told by `match`, our name of it. One that we no longer have gets the `remove` values; one that never bore a
name of ours (added in the ERP by hand) is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.adf.descriptor import LineRule, Revise
from connectors.base import Wire
from connectors.rows import matches, text

_TURN = re.compile(r"-\d+$")


class TwoLinesError(Exception):
    """More than one line at the ERP bears the same name of ours: a line that was split."""

    def __init__(self, match: str, count: int) -> None:
        self.match, self.count = match, count
        super().__init__(match)


def revision(rule: Revise, have: Wire, want: Wire) -> Wire:
    """The body that brings the document there; empty when it says all that already. TwoLinesError names a line."""
    body: Wire = {name: want[name] for name in rule.fields if name in want and not same(have.get(name), want[name])}
    for accessor, line_rule in rule.lines.items():
        if accessor in want:
            lines = list(_lines(line_rule, _listed(have.get(accessor)), _listed(want[accessor])))
            body.update({accessor: lines} if lines else {})
    return body


def _lines(rule: LineRule, have: Sequence[Wire], want: Sequence[Wire]) -> Iterator[Wire]:
    for line in want:
        found = _named(rule, have, text(line, rule.match))
        if found is None:
            yield _new(rule, have, line)
        elif changes := _changes(rule, found, line):
            yield {rule.id: text(found, rule.id), **changes}
    ours = {text(line, rule.match) for line in want}
    for line in have:
        if text(line, rule.match) and _our_name(rule, line) not in ours and not is_out(rule, line):
            yield {rule.id: text(line, rule.id), **rule.remove}


def _our_name(rule: LineRule, line: Wire) -> str:
    """Our name of a line at the ERP, whatever turn it bears."""
    return _TURN.sub("", text(line, rule.match)) if rule.renamed else text(line, rule.match)


def _named(rule: LineRule, have: Sequence[Wire], name: str) -> Wire | None:
    """The line of ours that is in."""
    found = [line for line in have if _our_name(rule, line) == name and not is_out(rule, line)]
    if len(found) > 1:
        raise TwoLinesError(name, len(found))
    return found[0] if found else None


def _new(rule: LineRule, have: Sequence[Wire], line: Wire) -> Wire:
    turns = {text(old, rule.match) for old in have if _our_name(rule, old) == text(line, rule.match)}
    name = f"{text(line, rule.match)}-{len(turns) + 1}" if turns else ""
    renamed = dict.fromkeys(rule.renamed, name) if name else {}
    return {**{field: value for field, value in line.items() if field not in rule.shown}, **renamed}


def _changes(rule: LineRule, have: Wire, want: Wire) -> Wire:
    """What to send of a line: the differing fields that may be sent, with those that always go along."""
    differ = [name for name in rule.compare if name in want and not same(have.get(name), want[name])]
    if not differ:
        return {}
    sent = [name for name in differ if name not in rule.shown]
    return {name: want[name] for name in [*sent, *(name for name in rule.carried if name in want)]}


def is_out(rule: LineRule, line: Wire) -> bool:
    """Whether the line is out of the document: by its status, or since its first `remove` field has that value."""
    name = next(iter(rule.remove), "")
    return bool(rule.out and matches(line, rule.out)) or (bool(name) and same(line.get(name), rule.remove[name]))


def cancellation(rule: LineRule, accessor: str, have: Wire, values: Mapping[str, str]) -> Wire:
    """The body that takes out every line that is still in; empty when none is."""
    lines = [line for line in _listed(have.get(accessor)) if not is_out(rule, line)]
    return {accessor: [{rule.id: text(line, rule.id), **values} for line in lines]} if lines else {}


def same(have: Any, want: Any) -> bool:
    """Equal as values: 5.0 is 5, nothing is "", a moment is the day that it begins."""
    left, right = ("" if value is None else str(value).strip() for value in (have, want))
    if isinstance(have, bool) or isinstance(want, bool):
        return left.lower() == right.lower()
    return left == right or _numbers(left, right) or _times(left, right)


def _numbers(left: str, right: str) -> bool:
    try:
        return Decimal(left) == Decimal(right)
    except InvalidOperation:
        return False


def _times(left: str, right: str) -> bool:
    """A day stands for its first moment in UTC, as the ERP keeps it."""
    if min(len(left), len(right)) < 10 or left[:10] != right[:10]:
        return False
    try:
        return _moment(left) == _moment(right)
    except ValueError:
        return False


def _moment(value: str) -> datetime:
    return datetime.fromisoformat(f"{value}T00:00:00+00:00" if len(value) == 10 else value)


def _listed(value: Any) -> list[Wire]:
    return value if isinstance(value, list) else []
