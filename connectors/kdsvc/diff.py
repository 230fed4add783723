"""What separates a document at the ERP from what it should be: the smallest Model that brings it there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.base import Wire
from connectors.descriptor import Change, Children
from connectors.kdsvc.descriptor import Form, Write
from connectors.kdsvc.model import at, flat, same


class TwoLinesError(Exception):
    """More than one line bears the same `match` values, so none can be chosen."""

    def __init__(self, match: str, count: int) -> None:
        self.match, self.count = match, count
        super().__init__(match)


@dataclass(slots=True)
class Difference:
    """`model` is what must be written (without the document's id), `names` the keys in it that say something new."""

    model: Wire = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    deletes: bool = False


def paths(write: Write, form: Form, wire: Mapping[str, Any]) -> list[str]:
    """Source paths needed to compare: every value of the wanted header and lines, and what identifies a line."""
    change = write.change or Change()
    wanted = [path for path in flat(wire, write.subheads) if _base(path) in (*change.fields, *change.fixed)]
    wanted += [f"{entity}.{form.lines[entity]}" for entity in write.entries if write.drop]
    for entity, rule in change.children.items():
        names = {path for line in wire.get(entity) or [] for path in flat(line, ())}
        wanted += [f"{entity}.{name}" for name in sorted({*names, *rule.match, form.lines[entity]})]
    return wanted


def fixed(write: Write, record: Wire, wire: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Fields that cannot be changed and differ: what they hold, and what they should."""
    change, wanted = write.change or Change(), flat(wire, write.subheads)
    pairs = {path: (at(record, path), value) for path, value in wanted.items() if _base(path) in change.fixed}
    other = {path: pair for path, pair in pairs.items() if not same(path, *pair, write.compared_as_numbers)}
    return {path: (str(have or ""), str(want or "")) for path, (have, want) in other.items()}


def difference(write: Write, form: Form, record: Wire, wire: Mapping[str, Any]) -> Difference:
    change, found = write.change or Change(), Difference()
    _header(found, write, record, wire)
    for subhead in write.subheads:
        inner = Difference()
        _header(inner, write, record, wire.get(subhead) or {})
        if inner.model:
            found.model[subhead] = inner.model
            found.names += [subhead, *inner.names]
    for entity, rule in change.children.items():
        if entity in wire:
            _lines(found, write, form, entity, rule, record.get(entity) or [], wire[entity])
    for entity in write.entries if found.deletes else ():  # what is not named would go as well
        kept = [{write.entries[entity]: line[form.lines[entity]]} for line in record.get(entity) or []]
        found.model.setdefault(entity, kept)
    return found


def _header(found: Difference, write: Write, record: Wire, wire: Mapping[str, Any]) -> None:
    fields = (write.change or Change()).fields
    for name, value in wire.items():
        if name in fields and not _holds(write, record, name, value):
            found.model[name] = value
            found.names.append(name)


def _lines(
    found: Difference, write: Write, form: Form, entity: str, rule: Children, have: list[Wire], wanted: list[Wire]
) -> None:
    """Lines of ours that changed, new ones, and, where they are deleted, those that stay: the others then go."""
    ids, key = form.lines[entity], write.entries[entity]
    places = [_find(write, have, line, index, rule) for index, line in enumerate(wanted)]
    gone = [line for n, line in enumerate(have) if n not in places and _ours(line, rule)]
    deletes = bool(gone) and entity in write.drop
    lines, names = [], set[str]()
    for line, at_line in zip(wanted, places, strict=True):
        old = have[at_line] if at_line is not None else None
        changed = {n: v for n, v in line.items() if old is None or not _holds(write, old, n, v)}
        if changed or deletes:
            lines.append({**({key: old[ids]} if old else {}), **changed})
            names |= set(changed)
    if deletes:
        lines += [{key: line[ids]} for n, line in enumerate(have) if n not in places and line not in gone]
    if lines:
        found.model[entity] = lines
        found.names += [entity, *sorted(names)]
        found.deletes = found.deletes or deletes


def _holds(write: Write, record: Wire, name: str, value: Any) -> bool:
    inner = flat({name: value}, ()) if isinstance(value, Mapping) else {name: value}
    return all(same(path, at(record, path), part, write.compared_as_numbers) for path, part in inner.items())


def _find(write: Write, have: Sequence[Wire], want: Wire, index: int, rule: Children) -> int | None:
    """The line that `want` means; TwoLinesError when several do."""
    if not rule.match:
        return index if index < len(have) else None
    numbers = write.compared_as_numbers
    found = [
        n
        for n, line in enumerate(have)
        if all(same(name, line.get(name), want.get(name), numbers) for name in rule.match)
    ]
    if len(found) > 1:
        raise TwoLinesError(" ".join(str(want.get(name)) for name in rule.match), len(found))
    return found[0] if found else None


def _ours(line: Wire, rule: Children) -> bool:
    return bool(rule.match) and all(line.get(name) not in (None, "", "0") for name in rule.match)


def _base(path: str) -> str:
    return path.partition(".")[0]
