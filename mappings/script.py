"""A section as one JSONata text, so that a record is one evaluation; plain data that another process can be given."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from mappings.plan import Expression, Part


@dataclass(frozen=True, slots=True)
class Script:
    """`spans`: where in `text` each target field's expression begins; `codes`, `lookups`: tables of its functions."""

    text: str
    spans: tuple[tuple[int, str], ...]
    codes: Mapping[str, Mapping[str, str]]
    lookups: Mapping[str, Mapping[str, str]]
    backwards: bool
    null: bool
    alone: bool

    def field_at(self, offset: int) -> str:
        """The target field whose expression covers the character `offset`."""
        index = bisect_right(self.spans, offset, key=lambda span: span[0])
        return self.spans[max(index - 1, 0)][1]


def script_of(
    part: Part, codes: Mapping[str, Mapping[str, str]], lookups: Mapping[str, Mapping[str, str]], *, backwards: bool
) -> Script:
    writer = _Writer()
    writer.part(part, "")
    facts = [expression.facts for _, expression in part.expressions()]
    return Script(
        "".join(writer.pieces), tuple(writer.spans),
        {name: dict(table) for name, table in codes.items()},
        {name: dict(table) for name, table in lookups.items()}, backwards,
        null=any(f.null for f in facts), alone=any(f.alone for f in facts),
    )  # fmt: skip


class _Writer:
    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.spans: list[tuple[int, str]] = [(0, "")]
        self.length = 0

    def write(self, text: str) -> None:
        self.pieces.append(text)
        self.length += len(text)

    def part(self, part: Part, where: str) -> None:
        """An object; of a list `[from.{...}]`, which stays a list when there is one item and when there is none."""
        if part.source is not None:
            self.write("[(")
            self.expression(part.source, where)
            self.write(").")
        self.fields(part, where)
        if part.source is not None:
            self.write("]")

    def fields(self, part: Part, where: str) -> None:
        self.write("{")
        for index, (name, value) in enumerate(part.fields.items()):
            self.key(name, first=index == 0)
            inner = f"{where}.{name}" if where else name
            if isinstance(value, Part):
                self.part(value, inner)
            else:
                self.expression(value, inner)
        if part.custom:
            self.key("custom", first=not part.fields)
            custom = {name: expression for name, (_, expression) in part.custom.items()}
            self.fields(Part(part.place, fields=dict(custom)), "custom")
        self.write("}")

    def key(self, name: str, *, first: bool) -> None:
        self.write(("" if first else ", ") + json.dumps(name) + ": ")

    def expression(self, expression: Expression, where: str) -> None:
        """A binding gets parentheses, so that its name stays its own; else none, they cost an evaluation each."""
        start, end = ("", " ") if expression.facts.simple else ("(", " )")
        self.spans.append((self.length, where))
        self.write(f"{start}{expression.text}{end}")
