"""What separates a document at the ERP from what it should be, and the one save that brings it there.

A save names everything that it says: header and every line with its own `_status`. Lines that are not ours to take out
(gifts, rebates) stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.base import Wire
from connectors.rows import matches, text
from connectors.yonbip.descriptor import Change, Lines

_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})([ T]\d{2}:\d{2}.*)?")


def at(row: Mapping[str, Any], name: str) -> str:
    """The value under a name as a save writes it; `orderPrices!currency` is a part of `orderPrices` in a reply."""
    found = text(row, name)
    return found or text(row, name.replace("!", "."))


def same(have: str, want: str, *, number: bool = False) -> bool:
    """Equal as dates, as texts, or as numbers where they are: as texts 0100 is not 100."""
    if not have or not want:
        return have == want
    return have.rstrip() == want.rstrip() or _day(have) == _day(want) != "" or (number and _equal(have, want))


def _equal(have: str, want: str) -> bool:
    try:
        return Decimal(have) == Decimal(want)
    except InvalidOperation:
        return False


def _day(value: str) -> str:
    found = _TIME.fullmatch(value)
    return found[1] if found else ""


def differences(have: Wire, want: Wire, names: Sequence[str], numbers: Collection[str]) -> list[str]:
    """Of these names, those that `want` states otherwise."""
    return [n for n in names if n in want and not same(at(have, n), text(want, n), number=n in numbers)]


def changed(have: Wire, want: Wire, rule: Change, numbers: Collection[str]) -> tuple[Wire, list[str]]:
    """The wanted document with `_status` and the ids of what is there; and which fields differ (none: all is well).

    `numbers`: the fields that are compared as such.
    """
    body = {name: value for name, value in want.items() if name not in rule.created}
    body |= {name: at(have, name) for name in rule.kept if at(have, name)}
    differ = differences(have, want, rule.fields, numbers)
    for name, code in rule.added.items():
        there = {text(row, code) for row in have.get(name) or []}
        differ += [f"{name} {text(row, code)}" for row in want.get(name) or [] if text(row, code) not in there]
    for name, lines in rule.lines.items():
        if name in want:
            told = list(_lines(have.get(name) or [], want[name], lines, {*numbers, lines.number}))
            body[name] = [line for line, _ in told]
            differ += [f"{name} {what}" for _, fields in told for what in fields]
    return body, differ


def _lines(
    have: Sequence[Wire], want: Sequence[Wire], rule: Lines, numbers: Collection[str]
) -> Iterator[tuple[Wire, list[str]]]:
    """Every line of the save, and what it changes. A new line leaves its number to the ERP where another bears it."""
    free = [line for line in have if not rule.removable or matches(line, rule.removable)]
    pairs = _pairs(free, want, rule.match, numbers)
    taken = {text(line, rule.number) for line in have}
    for number, line in enumerate(want):
        old = pairs.get(number)
        if old is not None:
            differ = [*differences(old, line, rule.fields, numbers), *_otherwise(old, line, rule.shown)]
            yield {**line, "id": text(old, "id"), "_status": "Update"}, differ
        elif text(line, rule.number) in taken:
            yield {**{n: v for n, v in line.items() if n != rule.number}, "_status": "Insert"}, ["new line"]
        else:
            yield {**line, "_status": "Insert"}, ["new line"]
    for old in free:
        if not any(old is one for one in pairs.values()):
            yield {"id": text(old, "id"), "_status": "Delete"}, ["old line"]


def _otherwise(have: Wire, want: Wire, shown: Mapping[str, str]) -> list[str]:
    """Of these fields, those whose code is shown and is another one."""
    codes = {name: text(have, code) for name, code in shown.items() if name in want}
    return [name for name, code in codes.items() if code and not same(code, text(want, name))]


def _pairs(
    free: Sequence[Wire], want: Sequence[Wire], rules: Sequence[Sequence[str]], numbers: Collection[str]
) -> dict[int, Wire]:
    """The ERP's line for each wanted one: by the first of the rules, what is left by the next, in their order."""
    left, pairs = list(free), dict[int, Wire]()
    for names in rules:
        for number, line in enumerate(want):
            found = (
                None if number in pairs else next((o for o in left if not differences(o, line, names, numbers)), None)
            )
            if found is not None:
                pairs[number] = found
                left = [other for other in left if other is not found]
    return pairs
