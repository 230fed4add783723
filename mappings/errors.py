"""What can be wrong with a mapping file, or with one record that goes through it.

MappingError(code, **params)
├── MappingFileError      the file cannot be used: `findings` names every place
└── RecordMappingError    this record cannot be mapped: dead-letter it, go on
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mappings.messages import MESSAGES


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file; line and column count from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong (`error`) or doubtful (`warning`) at one place of a mapping file."""

    file: str
    line: int
    column: int
    code: str
    params: dict[str, str] = field(default_factory=dict)
    severity: str = "error"

    @property
    def message(self) -> str:
        return MESSAGES[self.code].format(**self.params)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.severity}: {self.message}"


class Findings(list[Finding]):
    """Findings as they are made, in the order of the check."""

    def error(self, place: Place, code: str, **params: str) -> None:
        self.append(Finding(place.file, place.line, place.column, code, params))

    def warning(self, place: Place, code: str, **params: str) -> None:
        self.append(Finding(place.file, place.line, place.column, code, params, "warning"))

    def sorted(self) -> list[Finding]:
        """By file and place; the same thing said twice of one place is said once."""
        unique = {(f.file, f.line, f.column, f.code, *sorted(f.params.items())): f for f in self}
        return sorted(unique.values(), key=lambda f: (f.file, f.line, f.column))

    def errors(self) -> list[Finding]:
        return [finding for finding in self.sorted() if finding.severity == "error"]


class MappingError(Exception):
    """`code` names the message in `mappings.messages`, `params` fill it."""

    def __init__(self, code: str, **params: str) -> None:
        self.code, self.params = code, params
        super().__init__(MESSAGES[code].format(**params))


class MappingFileError(MappingError):
    """The mapping cannot be used; `findings` holds every error, each with file, line and column."""

    def __init__(self, source: str, findings: Sequence[Finding]) -> None:
        self.findings = list(findings)
        super().__init__("mapping-file", source=source, count=str(len(findings)), first=str(findings[0]))

    def __str__(self) -> str:
        return "\n".join(str(finding) for finding in self.findings)


class RecordMappingError(MappingError):
    """One record cannot be mapped; `params` name object, key, field and what is wrong with which value."""


class ValueProblem(Exception):  # noqa: N818 - not an error for callers: it becomes a RecordMappingError with its place
    """A value that cannot be used, as seen where only the value is known."""

    def __init__(self, code: str, **params: str) -> None:
        self.code, self.params = code, params
        super().__init__(code)


def nearest(name: str, names: Iterable[str]) -> str:
    """The valid name most like `name`; '-' when there is none at all."""
    known = sorted(names)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    folded = [k for k in known if k.casefold() == name.casefold()]
    return (folded or close or known or ["-"])[0]


def shown(value: object) -> str:
    """A value as an error may show it: at most 40 characters."""
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."
