"""The examples in a mapping file, run as tests: what is given, what must come out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mappings.engine import MappingSet
from mappings.errors import Finding, RecordMappingError
from mappings.plan import Example


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """`findings`: what came out otherwise than the example says; none if it passed."""

    object: str
    section: str
    name: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return not self.findings


def run_examples(mapping: MappingSet) -> list[ExampleResult]:
    return [_run(mapping, example) for example in mapping.plan.examples]


def _run(mapping: MappingSet, example: Example) -> ExampleResult:
    section = mapping.with_lookups(example.lookups).section(example.object, example.section)
    names = {"name": example.name, "object": example.object, "section": example.section}
    problems: list[tuple[str, dict[str, str]]] = []
    try:
        found = section.apply(example.given, example.name)
    except RecordMappingError as exc:
        if exc.code != example.refused:
            problems.append(("example-fails", {**names, "why": str(exc)}))
    else:
        if example.refused:
            problems.append(("example-works", {**names, "code": example.refused, "found": str(found)}))
        for field, expected, actual in _differences(example.expect, found, ""):
            shown = {"field": field, "expected": expected, "found": actual}
            problems.append(("example-differs", {**names, **shown}))
    place = example.place
    findings = tuple(Finding(place.file, place.line, place.column, code, params) for code, params in problems)
    return ExampleResult(example.object, example.section, example.name, findings)


def _differences(expected: Any, found: Any, where: str) -> Iterator[tuple[str, str, str]]:
    """Fields that are not as expected; of tables only the named fields are compared, lists must have as many items."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name, value in expected.items():
            yield from _differences(value, found.get(name), f"{where}.{name}" if where else name)
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for index, (value, actual) in enumerate(zip(expected, found, strict=True)):
            yield from _differences(value, actual, f"{where}[{index}]")
    elif expected != found:
        yield where, repr(expected), repr(found)
