"""YAML whose every value knows its place, so that an error can name file, line and column.

Plain scalars stay text: `NO` is Norway and not false, `0100` is a company code and not 64. What a value must be is
the model's business. Tags, anchors that nest without end and duplicate keys are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from config.errors import ConfigError

KeyPath = tuple[str | int, ...]
NULLS = ("", "~", "null", "Null", "NULL")
MOST_VALUES = 50_000  # beyond any settings file; aliases that multiply stop here


class Document:
    """The data of a file and where each key and value stands."""

    def __init__(self, file: str, data: dict[str, Any], places: dict[KeyPath, tuple[int, int]]) -> None:
        self.file, self.data, self._places = file, data, places

    def place(self, path: KeyPath = ()) -> str:
        """`file:line:column` of the key at `path`, else of the nearest key above it."""
        while path and path not in self._places:
            path = path[:-1]
        line, column = self._places.get(path, (1, 1))
        return f"{self.file}:{line}:{column}"


def read_yaml(path: Path) -> Document:
    """Raises ConfigError naming the file, and line and column where there is one."""
    return parse_yaml(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The UTF-8 text of a file (a byte-order mark at its start is dropped)."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as exc:
        raise ConfigError("file-missing", place=str(path)) from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError("file-unreadable", place=str(path), why=getattr(exc, "strerror", "") or str(exc)) from exc


def parse_yaml(text: str, file: str) -> Document:
    """A mapping at the top; an empty file is an empty mapping."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        raise ConfigError("yaml-broken", place=place, why=str(exc.problem or exc.context or "")) from exc
    except (yaml.YAMLError, RecursionError) as exc:  # a character that YAML does not allow, or nested too deep
        raise ConfigError("yaml-broken", place=file, why=str(exc).splitlines()[0]) from exc
    if root is None:
        return Document(file, {}, {})
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError("yaml-not-a-mapping", place=_place(file, root))
    places: dict[KeyPath, tuple[int, int]] = {}
    return Document(file, _plain(root, (), places, file, ()), places)


def _plain(
    node: yaml.Node, path: KeyPath, places: dict[KeyPath, tuple[int, int]], file: str, above: tuple[yaml.Node, ...]
) -> Any:
    if node in above or len(places) > MOST_VALUES:
        raise ConfigError("yaml-broken", place=_place(file, node), why="its aliases never end")
    above = (*above, node)
    if isinstance(node, yaml.MappingNode):
        return {
            key: _plain(value, (*path, key), places, file, above) for key, value in _items(node, path, places, file)
        }
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            places[*path, number] = (item.start_mark.line + 1, item.start_mark.column + 1)
        return [_plain(item, (*path, number), places, file, above) for number, item in enumerate(node.value)]
    assert isinstance(node, yaml.ScalarNode)
    return None if node.style is None and node.value in NULLS else node.value


def _items(
    node: yaml.MappingNode, path: KeyPath, places: dict[KeyPath, tuple[int, int]], file: str
) -> Iterator[tuple[str, yaml.Node]]:
    seen: set[str] = set()
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise ConfigError("yaml-not-a-mapping", place=_place(file, key_node))
        key = str(key_node.value)
        if key in seen:
            raise ConfigError("yaml-duplicate-key", place=_place(file, key_node), key=key)
        seen.add(key)
        places[*path, key] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        yield key, value_node


def _place(file: str, node: yaml.Node) -> str:
    return f"{file}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
