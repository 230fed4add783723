"""YAML that remembers its lines and refuses a key given twice."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

import yaml

from connectors.errors import ConfigurationError


class Lines:
    """Line numbers (from 1) of the places in a YAML text."""

    def __init__(self, root: yaml.Node | None) -> None:
        self._root = root

    def at(self, path: Iterable[str | int]) -> int:
        """The line of the deepest place on `path` that exists; for a mapping entry the line of its key."""
        node, line = self._root, 1
        for part in path:
            found = _child(node, part)
            if found is None:
                return line
            line, node = found
        return line


def _child(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item = node.value[part]
        return item.start_mark.line + 1, item
    return None


def read_yaml(text: str, source: str) -> tuple[Any, Lines]:
    """Plain data and its lines; ConfigurationError for broken YAML and for a key given twice."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        _refuse_doubles(root, source)
        return yaml.safe_load(text), Lines(root)
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise ConfigurationError("product-yaml", file=source, line=str(line), problem=str(exc.problem)) from None
    except yaml.YAMLError as exc:
        raise ConfigurationError("product-yaml", file=source, line="1", problem=str(exc)) from None


def _refuse_doubles(node: yaml.Node | None, source: str) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                line = str(key.start_mark.line + 1)
                raise ConfigurationError("product-yaml", file=source, line=line, problem=f"{key.value} is given twice")
            seen.add(key.value)
            _refuse_doubles(value, source)
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_doubles(item, source)


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Known names that look like `name`, best first; also when only upper and lower case differ."""
    names = {known_name.lower(): known_name for known_name in known}
    return [names[match] for match in difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.6)]
