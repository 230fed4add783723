"""What separates a document at the ERP from what it should be: the fields and lines of the one PATCH that mends it.

A line is told by `match`, our name of it. One that we no longer have gets the `remove` values; one that never bore a
name of ours (added in the ERP by hand) is left alone. What has left the house is not changed any more: only what is
still open of a line is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from connectors.adf.descriptor import LineRule, Parts, Revise
from connectors.base import Wire
from connectors.rows import matches, text

_TURN = re.compile(r"-\d+$")


class TwoLinesError(Exception):
    """More than one line at the ERP bears the same name of ours, and nothing says which of them should change."""

    def __init__(self, match: str, count: int) -> None:
        self.match, self.count = match, count
        super().__init__(match)


class ShippedError(Exception):
    """What has left of a line cannot become what is wanted: `field` is `have` there."""

    def __init__(self, match: str, field: str, have: str, want: str) -> None:
        self.match, self.field, self.have, self.want = match, field, have, want
        super().__init__(match)


def revision(rule: Revise, have: Wire, want: Wire) -> Wire:
    """The body that brings the document there; empty when it says all that already.

    TwoLinesError and ShippedError name a line that nobody can bring there.
    """
    body: Wire = {name: want[name] for name in rule.fields if name in want and not same(have.get(name), want[name])}
    for accessor, line_rule in rule.lines.items():
        if accessor in want:
            lines = list(_lines(line_rule, _listed(have.get(accessor)), _listed(want[accessor])))
            body.update({accessor: lines} if lines else {})
    return body


def told(rule: Revise, body: Wire) -> Wire:
    """What a body says, whatever lines it names: one that took another's place is replaced under a name of its own."""
    named = {accessor: {line_rule.id, *line_rule.renamed} for accessor, line_rule in rule.lines.items()}
    return {
        name: [{k: v for k, v in line.items() if k not in named[name]} for line in value] if name in named else value
        for name, value in body.items()
    }


def _lines(rule: LineRule, have: Sequence[Wire], want: Sequence[Wire]) -> Iterator[Wire]:
    have = _ordered(rule, have)
    for line in want:
        found = _named(rule, have, text(line, rule.match))
        if not found:
            yield _new(rule, have, line)
        elif _is_another(rule, found, line):
            yield from _removed(rule, found)
            yield _new(rule, have, line)
        elif rule.parts:
            yield from _parts(rule, rule.parts, found, line)
        elif len(found) > 1:
            raise TwoLinesError(text(line, rule.match), len(found))
        else:
            yield from _changed(rule, found[0], line)
    ours = {text(line, rule.match) for line in want}
    for name in dict.fromkeys(_our_name(rule, line) for line in have):
        if name and name not in ours:
            found = _named(rule, have, name)
            if rule.parts:
                _left(rule, rule.parts, found, {rule.match: name, rule.parts.quantity: "0"})
            yield from _removed(rule, found)


def _ordered(rule: LineRule, lines: Iterable[Wire]) -> list[Wire]:
    return [line for line in lines if not (rule.skip and matches(line, rule.skip))]


def _our_name(rule: LineRule, line: Wire) -> str:
    """Our name of a line at the ERP, whatever turn it bears."""
    return _TURN.sub("", text(line, rule.match)) if rule.renamed else text(line, rule.match)


def _named(rule: LineRule, have: Sequence[Wire], name: str) -> list[Wire]:
    """The line of ours that is in, or its parts."""
    return [line for line in have if _our_name(rule, line) == name and not is_out(rule, line)]


def _is_another(rule: LineRule, found: Sequence[Wire], want: Wire) -> bool:
    """Whether a new line must take the place of this one. ShippedError where something of it has left."""
    for name in rule.lasting:
        for line in found if name in want else ():
            if text(line, name) and not _agrees(rule, line, want, name):
                if any(is_shipped(rule, each) for each in found):
                    raise ShippedError(text(want, rule.match), name, text(line, name), text(want, name) or "empty")
                return True
    return False


def _agrees(rule: LineRule, have: Wire, want: Mapping[str, Any], name: str) -> bool:
    return same(have.get(name), want[name], number=name in rule.numbers)


def _parts(rule: LineRule, parts: Parts, found: Sequence[Wire], want: Wire) -> Iterator[Wire]:
    """What to send so that the parts of a line add up to what is wanted."""
    left = _left(rule, parts, found, want)
    still = [line for line in found if not is_shipped(rule, line)]
    if left == 0:
        yield from _removed(rule, still)
    elif left in (None, _sum(parts, still)):
        for line in still:
            yield from _changed(rule, line, _share(parts, want, _sum(parts, [line])))
    elif len(still) > 1:
        raise TwoLinesError(text(want, rule.match), len(still))
    else:
        yield from _changed(rule, still[0], _share(parts, want, left))


def _left(rule: LineRule, parts: Parts, found: Sequence[Wire], want: Wire) -> Decimal | None:
    """What is wanted beyond what has left; None when no quantity is wanted. ShippedError where that cannot be had."""
    shipped = [line for line in found if is_shipped(rule, line)]
    for line, name in ((line, name) for line in shipped for name in parts.agree):
        if name in want and not _agrees(rule, line, want, name):
            raise ShippedError(text(want, rule.match), name, text(line, name) or "empty", text(want, name))
    if parts.quantity not in want:
        return None
    gone, wanted = _sum(parts, shipped), Decimal(text(want, parts.quantity) or 0)
    if gone > wanted or (gone < wanted and len(shipped) == len(found)):
        raise ShippedError(text(want, rule.match), parts.quantity, format(gone, "f"), format(wanted, "f"))
    return wanted - gone


def _sum(parts: Parts, lines: Iterable[Wire]) -> Decimal:
    return sum((Decimal(text(line, parts.quantity) or 0) for line in lines), Decimal(0))


def _share(parts: Parts, want: Wire, quantity: Decimal) -> Wire:
    """What is wanted of a line, for a part that has only so much of it."""
    whole = Decimal(text(want, parts.quantity) or quantity)
    if quantity == whole:
        return want

    def shared(value: Any, name: str = "") -> Any:
        if isinstance(value, list):
            return [shared(item) for item in value]
        if isinstance(value, Mapping):
            return {key: shared(item, key) for key, item in value.items()}
        if name in (parts.quantity, *parts.quantities):
            return format(quantity, "f")
        if name in parts.amounts and value:
            amount = Decimal(str(value))
            return format((amount * quantity / whole).quantize(amount, ROUND_HALF_UP), "f")
        return value

    return dict(shared(want))


def _removed(rule: LineRule, lines: Iterable[Wire]) -> Iterator[Wire]:
    return ({rule.id: text(line, rule.id), **rule.remove} for line in lines)


def _new(rule: LineRule, have: Sequence[Wire], line: Wire) -> Wire:
    turns = {text(old, rule.match) for old in have if _our_name(rule, old) == text(line, rule.match)}
    name = f"{text(line, rule.match)}-{len(turns) + 1}" if turns else ""
    renamed = dict.fromkeys(rule.renamed, name) if name else {}
    return {**{field: value for field, value in line.items() if field not in rule.shown}, **renamed}


def _changed(rule: LineRule, have: Wire, want: Wire) -> Iterator[Wire]:
    """What to send of a line, if anything: the differing fields that may be sent, with those that always go along."""
    differ = [name for name in rule.compare if name in want and not _agrees(rule, have, want, name)]
    sent = [name for name in differ if name not in rule.shown]
    along = [name for name in rule.carried if name in want] if differ else []
    if sent or along:
        yield {rule.id: text(have, rule.id), **{name: want[name] for name in [*sent, *along]}}


def is_out(rule: LineRule, line: Wire) -> bool:
    """Whether the line is out of the document: by its status, or since its first `remove` field has that value."""
    name = next(iter(rule.remove), "")
    return bool(rule.out and matches(line, rule.out)) or (bool(name) and _agrees(rule, line, rule.remove, name))


def is_shipped(rule: LineRule, line: Wire) -> bool:
    """Whether a line, or a part of one, has left: what has is neither changed nor taken out."""
    if rule.parts is None:
        return False
    pairs = [(Decimal(text(line, name) or 0), text(line, whole)) for name, whole in rule.parts.reached.items()]
    reached = any(quantity and quantity >= Decimal(whole or 0) for quantity, whole in pairs)
    return reached or any(text(line, name) for name in rule.parts.filled)


def cancellation(rule: LineRule, accessor: str, have: Wire, values: Mapping[str, str]) -> Wire:
    """The body that takes out every line that is still in and has not left; empty when none is.

    ShippedError when all have left: nothing of the document can be cancelled.
    """
    lines = _ordered(rule, _listed(have.get(accessor)))
    shipped = [line for line in lines if is_shipped(rule, line)]
    still = [line for line in lines if not (line in shipped or is_out(rule, line))]
    if rule.parts and lines and shipped == lines:
        name, quantity = text(lines[0], rule.match), rule.parts.quantity
        raise ShippedError(name, quantity, text(lines[0], quantity), rule.remove.get(quantity, "0"))
    return {accessor: [{rule.id: text(line, rule.id), **values} for line in still]} if still else {}


def shipped_names(rule: LineRule, accessor: str, have: Wire) -> list[str]:
    """Our names of the lines of which something has left, each once."""
    lines = _ordered(rule, _listed(have.get(accessor)))
    return list(dict.fromkeys(text(line, rule.match) for line in lines if is_shipped(rule, line)))


def same(have: Any, want: Any, *, number: bool = False) -> bool:
    """Equal as values: nothing is "", a moment is the day that it begins; as a `number` 5.0 is 5, as a text not."""
    left, right = ("" if value is None else str(value).strip() for value in (have, want))
    if isinstance(have, bool) or isinstance(want, bool):
        return left.lower() == right.lower()
    return left == right or (number and _numbers(left, right)) or _times(left, right)


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
