"""A mapping file as text with places: YAML where every scalar stays the text that was written.

Nothing becomes a number, a date or a boolean here (`NO`, `010` and `2025-01-01` are codes and texts); only an unquoted
`null`, `~` or nothing at all is None. Duplicate keys and aliases are errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from mappings.errors import Findings, Place

_NULLS = {"", "~", "null", "Null", "NULL"}


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """`text` as YAML reads it, `raw` as it stands in the file (with quotes or block marks); `bare`: without quotes."""

    text: str | None
    place: Place
    raw: str = ""
    bare: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    entries: dict[str, Node]
    keys: dict[str, Place]
    place: Place


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    nodes: list[Node]
    place: Place


Node = Scalar | Table | Items


class _Loader(yaml.SafeLoader):
    """Refuses aliases: what is written once is meant once, and a chain of them can fill the memory."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it untyped
            raise _AliasError(problem_mark=event.start_mark)
        return super().compose_node(parent, index)


class _AliasError(yaml.MarkedYAMLError):
    pass


def read_document(text: str, file: str, findings: Findings) -> Table:
    """The file's top table; what is wrong is added to `findings`, and what can be read is returned all the same."""
    empty = Table({}, {}, Place(file, 1, 1))
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        code = "yaml-alias" if isinstance(exc, _AliasError) else "yaml-syntax"
        findings.error(place, code, **({} if code == "yaml-alias" else {"why": str(exc.problem or exc.context)}))
        return empty
    except (yaml.YAMLError, RecursionError) as exc:
        findings.error(Place(file, 1, 1), "yaml-syntax", why=str(exc).splitlines()[0])
        return empty
    node = _Reader(text, file, findings).node(root) if root else empty
    if not isinstance(node, Table):
        findings.error(node.place, "yaml-shape", where=file, expected="a table (key: value)")
        return empty
    return node


class _Reader:
    def __init__(self, text: str, file: str, findings: Findings) -> None:
        self.text, self.file, self.findings = text, file, findings

    def place(self, node: yaml.Node) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def node(self, node: yaml.Node) -> Node:
        match node:
            case yaml.MappingNode():
                return self.table(node)
            case yaml.SequenceNode():
                return Items([self.node(child) for child in node.value], self.place(node))
            case _:
                raw = self.text[node.start_mark.index : node.end_mark.index]
                bare = getattr(node, "style", None) is None
                value = None if bare and node.value in _NULLS else str(node.value)
                return Scalar(value, self.place(node), raw, bare)

    def table(self, node: yaml.MappingNode) -> Table:
        table = Table({}, {}, self.place(node))
        for key_node, value_node in node.value:
            key, place = self.node(key_node), self.place(key_node)
            if not isinstance(key, Scalar) or key.text is None:
                self.findings.error(place, "yaml-key")
            elif key.text in table.entries:
                first = table.keys[key.text].line
                self.findings.error(place, "yaml-duplicate", key=key.text, first=str(first))
            else:
                table.entries[key.text], table.keys[key.text] = self.node(value_node), place
        return table


def place_within(scalar: Scalar, offset: int) -> Place:
    """Where the character `offset` of the scalar's text stands in the file, across quotes, folds and block marks."""
    raw, text = scalar.raw, scalar.text or ""
    at = raw.find("\n") + 1 if raw[:1] in ("|", ">") else int(raw[:1] in ("'", '"'))
    for char in text[:offset]:
        found = _next(raw, at, char)
        if found < 0:
            break
        at = found + 1
    if offset < len(text) and (found := _next(raw, at, text[offset])) >= 0:
        at = found
    before = raw[:at]
    lines = before.count("\n")
    column = len(before) - before.rfind("\n") - 1 if lines else scalar.place.column - 1 + len(before)
    return Place(scalar.place.file, scalar.place.line + lines, column + 1)


def _next(raw: str, start: int, char: str) -> int:
    """Index of `char` in `raw` from `start`; a blank stands for any white space (a fold)."""
    if char != " ":
        return raw.find(char, start)
    return next((i for i in range(start, len(raw)) if raw[i].isspace()), -1)


def plain(node: Node) -> Any:
    """The node as dicts, lists and texts, without places."""
    match node:
        case Scalar():
            return node.text
        case Table():
            return {key: plain(value) for key, value in node.entries.items()}
        case Items():
            return [plain(child) for child in node.nodes]


def typed(node: Node) -> Any:
    """As `plain`, but unquoted true and false are booleans: for the data of examples."""
    match node:
        case Scalar(bare=True, text="true" | "false"):
            return node.text == "true"
        case Scalar():
            return node.text
        case Table():
            return {key: typed(value) for key, value in node.entries.items()}
        case Items():
            return [typed(child) for child in node.nodes]
