"""A resource told in the words of another way to the same object: paths, records and writes translated at the door."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.base import Page, Wire


@dataclass(slots=True)
class Names:
    """One level: `inner` by their name (empty: the service has nothing for it), what is below a navigation, codes."""

    inner: dict[str, str] = field(default_factory=dict)
    below: dict[str, Names] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, path: str, name: str) -> None:
        place, last = self._place(path)
        place.inner[last] = name

    def add_codes(self, path: str, codes: Mapping[str, str]) -> None:
        place, last = self._place(path)
        place.codes[last] = dict(codes)
        place.inner.setdefault(last, last)

    def _place(self, path: str) -> tuple[Names, str]:
        head, dot, rest = path.partition(".")
        return self.below.setdefault(head, Names())._place(rest) if dot else (self, head)

    def path(self, theirs: str) -> str:
        """The service's path; empty where it has nothing."""
        head, dot, rest = theirs.partition(".")
        name = self.inner.get(head, head)
        if not dot or not name:
            return name
        below = self.below[head].path(rest) if head in self.below else rest
        return f"{name}.{below}" if below else ""

    def told(self, paths: Mapping[str, str]) -> dict[str, str]:
        """All paths of the service, with their types, in their words."""
        found: dict[str, str] = {}
        for path, kind in paths.items():
            found |= dict.fromkeys(self._told(path), kind)
        return found

    def _told(self, path: str) -> Iterator[str]:
        head, dot, rest = path.partition(".")
        for theirs in [theirs for theirs, name in self.inner.items() if name == head] or [head]:
            if not dot:
                yield theirs
            else:
                below = self.below.get(theirs, NONE)
                yield from (f"{theirs}.{one}" for one in below._told(rest))

    def lacking(self) -> Iterator[str]:
        """Their paths for which the service has nothing."""
        yield from (theirs for theirs, name in self.inner.items() if not name)
        for head, names in self.below.items():
            yield from (f"{head}.{path}" for path in names.lacking())

    def tell(self, row: Wire) -> None:
        """Their names and codes for the service's, in place."""
        found = {theirs: row[name] for theirs, name in self.inner.items() if name in row}
        for name in self.inner.values():
            row.pop(name, None)
        row.update(found)
        for theirs, codes in self.codes.items():
            if theirs in row:
                row[theirs] = codes.get(row[theirs], row[theirs])
        for theirs, names in self.below.items():
            value = row.get(theirs)
            for line in value if isinstance(value, list) else [value]:
                if isinstance(line, dict):
                    names.tell(line)

    def write(self, wire: Mapping[str, Any]) -> Wire:
        """What is to be written, in the service's words; what it has nothing for is left out."""
        return {name: self._value(theirs, value) for theirs, value in wire.items() if (name := self.path(theirs))}

    def _value(self, theirs: str, value: Any) -> Any:
        names = self.below.get(theirs, NONE)
        if isinstance(value, list):
            return [names.write(line) if isinstance(line, Mapping) else line for line in value]
        if isinstance(value, Mapping):
            return names.write(value)
        back = {told: own for own, told in self.codes.get(theirs, {}).items()}
        return back.get(value, value) if back else value


NONE = Names()


def names_of(names: Mapping[str, str], codes: Mapping[str, Mapping[str, str]]) -> Names:
    found = Names()
    for path, name in names.items():
        found.add(path, name)
    for path, table in codes.items():
        found.add_codes(path, table)
    return found


def told_pages(pages: Iterable[Page], names: Names) -> Iterator[Page]:
    for page in pages:
        for record in page.records:
            names.tell(record.data)
        yield page
