"""Addresses of OData reads: filters, order and the place where a read goes on.

A read is ordered by (cursor, key). It goes on behind a position by comparing those values, never by counting rows
(`$skip`), so rows that change between two pages move to the end and are read again; none is passed over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from connectors.base import Position
from connectors.odata.metadata import Entity
from connectors.odata.types import next_instant, split_key

MAX_FILTER = 5000
"""Longest `$filter` of a look-up, percent-encoded: web servers take addresses of 8,000 characters."""


def query(options: Mapping[str, str | int], *fixed: str) -> str:
    """`?$filter=...&$top=...` percent-encoded, then `fixed`; options without a value are left out."""
    pairs = [f"${name}={quote(str(value), safe=SAFE)}" for name, value in options.items() if value not in ("", 0)]
    return "?" + "&".join([*pairs, *fixed]) if pairs or fixed else ""


SAFE = "(),'/:*$"
DAY_TYPES = ("Edm.DateTime", "Edm.Date")


def both(*terms: str) -> str:
    """The terms that are not empty, all of them; an `or` inside one stays together."""
    kept = [term for term in terms if term]
    return kept[0] if len(kept) == 1 else " and ".join(f"({term})" for term in kept)


def any_of(terms: Iterable[str]) -> str:
    kept = [term for term in terms if term]
    return kept[0] if len(kept) == 1 else " or ".join(f"({term})" for term in kept)


def compare(entity: Entity, field: str, operator: str, value: str) -> str:
    return f"{field} {operator} {entity.types.literal(entity.properties[field].type, value)}"


def one_of(entity: Entity, field: str, values: Collection[str]) -> str:
    return any_of(compare(entity, field, "eq", value) for value in values)


def key_is(entity: Entity, names: Sequence[str], key: str) -> str:
    return " and ".join(compare(entity, n, "eq", v) for n, v in zip(names, split_key(key, len(names)), strict=True))


def behind_key(entity: Entity, names: Sequence[str], key: str) -> str:
    """Keys after `key` in key order: one further part equal, the next one greater."""
    values = split_key(key, len(names))
    equal = [compare(entity, n, "eq", v) for n, v in zip(names, values, strict=True)]
    greater = [compare(entity, n, "gt", v) for n, v in zip(names, values, strict=True)]
    return any_of(" and ".join([*equal[:i], greater[i]]) for i in range(len(names)))


def key_filters(entity: Entity, names: Sequence[str], keys: Iterable[str]) -> Iterable[str]:
    """Filters that together name all `keys`, each short enough for an address."""
    terms: list[str] = []
    size = 0
    for key in keys:
        term = key_is(entity, names, key)
        length = len(quote(term, safe=SAFE)) + len("%20or%20()")
        if terms and size + length > MAX_FILTER:
            yield any_of(terms)
            terms, size = [], 0
        terms.append(term)
        size += length
    if terms:
        yield any_of(terms)


@dataclass(frozen=True, slots=True)
class Order:
    """How a read is ordered and continued: by `cursor` (empty: none) and key, where `since` (a cursor value) bounds it.

    Records without a stamp (never changed) are judged by `born` instead and are expected first, as SAP's databases
    sort them; a server that sorts them last is served as well (`unstamped`).
    """

    entity: Entity
    keys: tuple[str, ...]
    cursor: str = ""
    born: str = ""
    since: str = ""
    born_since: str = ""

    @property
    def orderby(self) -> str:
        return ",".join([self.cursor, *self.keys] if self.cursor else self.keys)

    def behind(self, at: Position) -> str:
        """What is still to be read when everything up to `at` was."""
        if not self.cursor:
            return behind_key(self.entity, self.keys, at.key) if at.key else ""
        if not at.stamp:
            return any_of([self._stamped(), self.unstamped(at.key)]) if self.since or at.key else ""
        if not at.key:
            return compare(self.entity, self.cursor, "ge", at.stamp)
        same = compare(self.entity, self.cursor, "eq", at.stamp)
        later = compare(self.entity, self.cursor, "gt", at.stamp)
        return any_of([later, both(same, behind_key(self.entity, self.keys, at.key))])

    def unstamped(self, after_key: str = "") -> str:
        """Records without a stamp; empty when this read has none of them."""
        if self.since and not self.born:
            return ""
        young = compare(self.entity, self.born, "ge", self.born_since) if self.born_since else ""
        rest = behind_key(self.entity, self.keys, after_key) if after_key else ""
        return both(f"{self.cursor} eq null", young, rest)

    def instant(self, stamp: str) -> str:
        """Everything within the millisecond of `stamp`, or on its day."""
        first = compare(self.entity, self.cursor, "ge", stamp)
        return both(first, compare(self.entity, self.cursor, "lt", self.next_instant(stamp)))

    def next_instant(self, stamp: str) -> str:
        return next_instant(stamp, day=self.entity.properties[self.cursor].type in DAY_TYPES)

    def _stamped(self) -> str:
        return compare(self.entity, self.cursor, "ge", self.since) if self.since else f"{self.cursor} ne null"
