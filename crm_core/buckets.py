"""Ageing buckets: steps of days past a date, as data.

>>> standard = parse_buckets("30,60,90,180")
>>> standard.names
('not_due', '1-30', '31-60', '61-90', '91-180', '>180')
>>> [standard.name(days) for days in (-5, 0, 1, 30, 31, 180, 181)]
['not_due', 'not_due', '1-30', '1-30', '31-60', '91-180', '>180']
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from crm_core.errors import RefusedError

BASES = ("due", "invoice", "posting")
"""What the days are counted from: due date, document date, posting date."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """`limits` are the last days of the steps; not_due is 0 days or less, the last bucket is open."""

    limits: tuple[int, ...]
    names: tuple[str, ...]

    def index(self, days: int) -> int:
        return bisect_left((0, *self.limits), days)

    def name(self, days: int) -> str:
        return self.names[self.index(days)]


def _buckets(limits: tuple[int, ...]) -> Buckets:
    steps = (f"{start + 1}-{end}" for start, end in zip((0, *limits), limits, strict=False))
    return Buckets(limits, ("not_due", *steps, f">{limits[-1]}"))


STANDARD = _buckets((30, 60, 90, 180))
NAMED = {"standard": STANDARD, "five": _buckets((30, 60, 90))}
"""Bucket sets by name: standard has half a year of its own, five ends at 90 days."""


def parse_buckets(text: str) -> Buckets:
    """A set by name, or its steps as rising whole days ("30,60,90"); raises RefusedError bad-buckets."""
    if text in NAMED:
        return NAMED[text]
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        raise RefusedError("bad-buckets", value=text, names=", ".join(NAMED))
    limits = tuple(map(int, parts))
    if any(later <= earlier for earlier, later in zip((0, *limits), limits, strict=False)):
        raise RefusedError("bad-buckets", value=text, names=", ".join(NAMED))
    return _buckets(limits)


def parse_basis(text: str) -> str:
    """One of `BASES`; raises RefusedError bad-basis."""
    if text not in BASES:
        raise RefusedError("bad-basis", value=text, names=", ".join(BASES))
    return text
