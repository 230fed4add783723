"""What separates a document at the ERP from what it should be: the fewest writes that bring it there.

Lines are told apart by the product file's `match` fields. A line that we no longer have is taken out by writing its
`remove` values; one that never had our values (added in the ERP by hand, or by pricing) is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.base import Wire
from connectors.descriptor import Children
from connectors.odata.metadata import Entity, Metadata, Navigation, Property
from connectors.odata.shape import ETAG
from connectors.odata.types import key_predicate, moment, strip_zeros


@dataclass(frozen=True, slots=True)
class Step:
    """One write: PATCH of `path` (with the version it is based on) or POST of a new line to it; `body` is plain."""

    method: str
    path: str
    entity: Entity
    body: Mapping[str, Any]
    etag: str = ""


class TwoLinesError(Exception):
    """More than one line bears the same `match` values, so none can be chosen."""

    def __init__(self, match: str, count: int) -> None:
        self.match, self.count = match, count
        super().__init__(match)


def entity_path(entity: Entity, row: Wire) -> str:
    parts = [(name, entity.properties[name].type, row[name]) for name in entity.keys]
    return entity.set + key_predicate(parts, entity.types.literal)


def header_step(entity: Entity, row: Wire, wanted: Wire, fields: Sequence[str]) -> Iterator[Step]:
    changes = differences(entity, row, {name: wanted[name] for name in fields if name in wanted})
    if changes:
        yield Step("PATCH", entity_path(entity, row), entity, changes, row.get(ETAG, ""))


def line_steps(
    metadata: Metadata, entity: Entity, row: Wire, wanted: Wire, children: Mapping[str, Children]
) -> Iterator[Step]:
    """Writes for all below the navigations named in `children`; a navigation absent from `wanted` is left alone."""
    for nav_name, rule in children.items():
        if nav_name in wanted:
            yield from _below(metadata, entity, row, entity.navigations[nav_name], as_list(wanted[nav_name]), rule)


def _below(
    metadata: Metadata, entity: Entity, row: Wire, nav: Navigation, wanted: list[Wire], rule: Children
) -> Iterator[Step]:
    target, have = metadata.target(nav), as_list(row.get(nav.name))
    version = row.get(ETAG, "")
    taken: list[int] = []
    added: list[Step] = []
    for index, want in enumerate(wanted):
        place = _find(have, want, index, rule)
        if place is None:
            added.append(Step("POST", f"{entity_path(entity, row)}/{nav.name}", target, want))
            continue
        taken.append(place)
        yield from _line(metadata, target, {ETAG: version, **have[place]}, want, rule)
    yield from _removed(target, [line for i, line in enumerate(have) if i not in taken], version, rule)
    yield from added


def _line(metadata: Metadata, entity: Entity, line: Wire, want: Wire, rule: Children) -> Iterator[Step]:
    """Bring one line there; a line that was taken out before comes back in."""
    back = {name: "" for name in rule.remove if name not in want}
    scalars = {name: value for name, value in want.items() if name not in entity.navigations}
    changes = differences(entity, line, {**back, **scalars})
    if changes:
        yield Step("PATCH", entity_path(entity, line), entity, changes, line[ETAG])
    yield from line_steps(metadata, entity, line, want, rule.children)


def _removed(entity: Entity, lines: Sequence[Wire], version: str, rule: Children) -> Iterator[Step]:
    for line in lines:
        ours = bool(rule.match) and all(line.get(name) for name in rule.match)
        if rule.remove and ours and not all(line.get(name) for name in rule.remove):
            yield Step("PATCH", entity_path(entity, line), entity, dict(rule.remove), line.get(ETAG, version))


def _find(have: Sequence[Wire], want: Wire, index: int, rule: Children) -> int | None:
    """The line that `want` means; TwoLinesError when several do, not counting those taken out."""
    if not rule.match:
        return index if index < len(have) else None
    values = [str(want.get(name) or "") for name in rule.match]
    found = [
        i for i, line in enumerate(have) if [_bare(line.get(name)) for name in rule.match] == list(map(_bare, values))
    ]
    if len(found) > 1 and rule.remove:
        found = [i for i in found if not all(have[i].get(name) for name in rule.remove)] or found[:1]
    if len(found) > 1:
        raise TwoLinesError(" ".join(values), len(found))
    return found[0] if found else None


def _bare(value: Any) -> str:
    return strip_zeros(str(value or ""))


def cancel_steps(
    metadata: Metadata, entity: Entity, row: Wire, nav_name: str, values: Mapping[str, str]
) -> Iterator[Step]:
    """Write `values` to every line whose first field of them is empty."""
    target, mark = metadata.target(entity.navigations[nav_name]), next(iter(values))
    for line in as_list(row.get(nav_name)):
        if not line.get(mark):
            yield Step("PATCH", entity_path(target, line), target, dict(values), line.get(ETAG) or row.get(ETAG, ""))


def differences(entity: Entity, have: Wire, want: Wire) -> Wire:
    """The wanted values that the ERP's record does not hold; key fields never differ."""
    return {
        name: value
        for name, value in want.items()
        if name not in entity.keys and not same(entity.properties[name], have.get(name), value)
    }


def same(prop: Property, have: Any, want: Any) -> bool:
    """Equal as values of their type: 5.0 is 5, nothing is "", codes regardless of case and leading zeros."""
    if have in (None, "") or want in (None, ""):
        return have in (None, "") and want in (None, "")
    match prop.type:
        case "Edm.Decimal" | "Edm.Double" | "Edm.Single":
            return Decimal(str(have)) == Decimal(str(want))
        case "Edm.Boolean":
            return str(have).lower() == str(want).lower()
        case "Edm.DateTime":
            return datetime.fromisoformat(have) == datetime.fromisoformat(want)
        case "Edm.DateTimeOffset":
            return moment(have) == moment(want)
        case _ if prop.upper:
            return strip_zeros(str(have).upper()) == strip_zeros(str(want).strip().upper())
        case _:
            return str(have).rstrip() == str(want).rstrip()


def as_list(value: Any) -> list[Wire]:
    return value if isinstance(value, list) else [] if value is None else [value]
