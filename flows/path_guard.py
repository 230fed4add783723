"""Has the ERP changed under the mapping? A mapped field that used to be filled and is no longer there holds the run.

*Absent*: no record that could have the field has it, not even as empty: it was renamed or taken away, however few
records there are. *Emptied*: there, and empty in a whole large page; a small page may hold only records without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from connectors.base import Record
from crm_core.sync_state import PathFill
from mappings.engine import Section

SAMPLE = 50  # records of a page that are counted; the rest is looked at only when something seems missing


class PathGuard:
    """Watches one read of one object; `fill` remembers earlier pages."""

    def __init__(self, section: Section, fill: PathFill) -> None:
        self._section, self._fill = section, fill

    def missing(self, records: Sequence[Record]) -> list[str]:
        """Paths that are absent or emptied in this page though they used to be filled; a page without any is noted."""
        counts = dict.fromkeys(self._section.fields, 0)
        for _, data in records[:SAMPLE]:
            for path in self._section.filled_paths(data):
                counts[path] += 1
        suspects = {path for path, count in counts.items() if not count and self._fill.used(path)}
        for _, data in records[SAMPLE:] if suspects else ():
            suspects -= self._section.filled_paths(data)
        gone = sorted(path for path in suspects if self._fill.emptied(path, len(records)) or absent(records, path))
        if not gone:
            self._fill.note(counts, min(SAMPLE, len(records)))
        return gone

    def save(self) -> None:
        self._fill.save()


def absent(records: Sequence[Record], path: str) -> bool:
    """Whether no record has the field at all, although some have what should hold it."""
    *parents, name = path.split(".")
    holders = [holder for record in records for holder in _holders(record.data, parents)]
    return bool(holders) and not any(name in holder for holder in holders)


def _holders(data: Any, parents: Sequence[str]) -> Iterator[dict[str, Any]]:
    if isinstance(data, list):
        for each in data:
            yield from _holders(each, parents)
    elif isinstance(data, dict):
        if parents:
            yield from _holders(data.get(parents[0]), parents[1:])
        else:
            yield data
