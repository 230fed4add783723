"""From rows of the wire to plain records: child collections become lists, rows of a list records of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connectors.adf.source import Group, Join, Rows, Source, Sum, Undo
from connectors.adf.types import join_key
from connectors.base import Record, Wire
from connectors.descriptor import Match
from connectors.rows import matches, text

COMPANIES, OUR_SYSTEM = "companies", "our_system"
"""Fields of ours: the company codes of the system file, for what is common to all of them at the ERP; and how we are
called there as a source system, to tell our references from others'."""


@dataclass(frozen=True, slots=True)
class View:
    """What is read of a source so that certain paths come: `options` of the address, and the joins they need.

    `own`: which fields of ours are among the paths.
    """

    source: Source
    options: Mapping[str, str]
    joins: Sequence[Join] = ()
    own: frozenset[str] = frozenset()


def view_of(source: Source, fields: Iterable[str], also: Iterable[str] = ()) -> View:
    """`fields`: source paths that a mapping reads; `also`: what we need ourselves."""
    named = [*fields, *filter(None, also), *source.needed]
    joins = [join for join in source.joins if source.hook or any(path.startswith(f"{join.into}.") for path in named)]
    own = frozenset({COMPANIES, OUR_SYSTEM} & {*named})
    wanted = [*named, *(path for join in joins for path in join.of)]
    ours = {COMPANIES, OUR_SYSTEM, *source.sums, *(join.into for join in source.joins), *undone(source)}
    wanted = [_ungrouped(source, path) for path in wanted]
    ours |= {f"{source.group.accessor}.{name}" for name in source.group.sums} if source.group else set()
    paths = [path for path in dict.fromkeys(wanted) if path and path not in ours and path.partition(".")[0] not in ours]
    children = [
        child for child in source.children if any(path == child or path.startswith(f"{child}.") for path in paths)
    ]
    if source.project and not any("." in child for child in children):
        return View(source, {"onlyData": "true", "fields": _projected(paths, children)}, joins, own)
    expand = {"expand": ",".join(children)} if children else {}
    return View(source, {"onlyData": "true", **expand}, joins, own)


def _ungrouped(source: Source, path: str) -> str:
    """Where the ERP has what stands under a group."""
    group = source.group
    return path.replace(f"{group.accessor}.{group.into}.", f"{group.accessor}.", 1) if group else path


def undone(source: Source) -> list[str]:
    return [f"{rows.accessor}.{rows.undo.into}" for rows in source.rows if rows.undo]


def _projected(paths: Sequence[str], children: Sequence[str]) -> str:
    """`A,B;child:C,D`: the attributes of the resource and of its children."""
    own = [path for path in paths if "." not in path and path not in children]
    below = {child: [path.partition(".")[2] for path in paths if path.startswith(f"{child}.")] for child in children}
    return ";".join([",".join(own), *(f"{child}:{','.join(names)}" for child, names in below.items() if names)])


class CutError(Exception):
    """A list of children that the ERP did not show in full."""


def plain(row: Wire) -> Wire:
    """The row in place, with bare lists for child collections and without links; CutError for half a list."""
    row.pop("links", None)
    for name, value in row.items():
        if isinstance(value, dict):
            if value.get("hasMore") is True:
                raise CutError(name)
            items = value.get("items")
            row[name] = value = items if isinstance(items, list) else plain(value)
        if isinstance(value, list):
            for item in value:
                if isinstance(item, dict):
                    plain(item)
    return row


def values(row: Any, path: str, without: Sequence[Match] = ()) -> Iterator[str]:
    """Every value at a path, through lists; not those of items that match one of `without`."""
    if isinstance(row, list):
        for item in row:
            if not (isinstance(item, dict) and any(matches(item, rule) for rule in without)):
                yield from values(item, path, without)
    elif isinstance(row, Mapping):
        name, _, rest = path.partition(".")
        if rest:
            yield from values(row.get(name), rest, without)
        elif row.get(name) is not None:
            yield text(row, name)


def add_sums(sums: Mapping[str, Sum], row: Wire) -> None:
    for name, rule in sums.items():
        added = list(_numbers(rule, rule.of, row)) + [abs(number) for number in _numbers(rule, rule.unsigned, row)]
        total = sum(added, Decimal(0)) - sum(_numbers(rule, rule.less, row), Decimal(0))
        row[name] = format(total or Decimal(0), "f")


def _numbers(rule: Sum, paths: Iterable[str], row: Wire) -> Iterator[Decimal]:
    return (Decimal(value) for path in paths for value in values(row, path, rule.without))


def add_groups(group: Group, row: Wire) -> None:
    """One item for all that agree in `by`; an item without the first of these is its own."""
    found: dict[tuple[str, ...], list[Wire]] = {}
    for number, item in enumerate(row.get(group.accessor) or []):
        first, *others = (text(item, name) for name in group.by)
        found.setdefault((first or f"#{number}", *others), []).append(item)
    row[group.accessor] = [{**items[0], group.into: items} for items in found.values()]
    for item in row[group.accessor]:
        add_sums(group.sums, item)


def counts(source: Source, row: Wire, units: frozenset[str]) -> bool:
    """Whether the row is one of ours: no superseded version, no other company. One without a company is kept."""
    company = text(row, source.company) if source.company else ""
    return not (source.skip and matches(row, source.skip)) and (not units or not company or company in units)


def records(source: Source, row: Wire) -> Iterator[Record]:
    """The row as a record, or one for each of its rows. KeyError when a part of a key is missing."""
    if not source.rows:
        yield Record(join_key([_part(row, path) for path in source.key]), row)
    heads = {rule.accessor.partition(".")[0] for rule in source.rows}
    parent = {name: value for name, value in row.items() if name not in heads}
    for rule in source.rows:
        name = rule.accessor.partition(".")[0]
        for found in _alone(rule, {**parent, name: row.get(name)}, rule.accessor.split(".")):
            parts = [*(_part(found, path) for path in source.key), *([rule.tag] if rule.tag else [])]
            yield Record(join_key([*parts, _part(found, f"{rule.accessor}.{rule.key}")]), found)


def _alone(rule: Rows, row: Wire, names: Sequence[str]) -> Iterator[Wire]:
    """The row once for each child at the end of `names`, with that child alone in its list."""
    name, *rest = names
    children = row.get(name) or []
    for child in children if rest else lines(rule, children):
        for inner in _alone(rule, child, rest) if rest else [child]:
            yield {**row, name: [inner]}


def _part(row: Wire, path: str) -> str:
    found = text(row, path)
    if not found:
        raise KeyError(path)
    return found


def lines(rule: Rows, rows: list[Wire]) -> list[Wire]:
    """The rows that count, each with the day it was taken back where the ERP did so by a row of its own."""
    kept = [row for row in rows if all(text(row, name) for name in rule.need)]
    kept = [row for row in kept if rule.only is None or matches(row, rule.only)]
    return paired(rule.undo, kept) if rule.undo else kept


def paired(rule: Undo, rows: list[Wire]) -> list[Wire]:
    """Each negative row gives its day to the newest earlier one that it fits, and goes; one that fits none stays."""
    ordered = sorted(rows, key=lambda row: text(row, rule.day))
    taken: set[int] = set()
    for row in ordered:
        amount = Decimal(text(row, rule.amount) or 0)
        if amount < 0 and (partner := _partner(rule, ordered, row, -amount)):
            partner[rule.into] = row.get(rule.day)
            taken.add(id(row))
    return [row for row in rows if id(row) not in taken]


def _partner(rule: Undo, rows: list[Wire], undoing: Wire, amount: Decimal) -> Wire | None:
    same = [text(undoing, name) for name in rule.same]
    fits = [
        row
        for row in rows
        if not row.get(rule.into)
        and text(row, rule.day) <= text(undoing, rule.day)
        and Decimal(text(row, rule.amount) or 0) == amount
        and [text(row, name) for name in rule.same] == same
    ]
    return fits[-1] if fits else None
