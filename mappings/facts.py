"""What is known of an expression: the source paths it reads, the functions it calls, the work it does on values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Path = tuple[str, ...]
Paths = frozenset[Path]
ROOT: Paths = frozenset({()})
NONE: Paths = frozenset()


@dataclass(frozen=True, slots=True)
class Call:
    """A function call; `first` is the first argument when it is a text literal; `offset` counts characters from 0."""

    name: str
    offset: int
    arguments: int
    first: str | None
    paths: Paths


@dataclass(frozen=True, slots=True)
class Operation:
    """Arithmetic, or something that orders (a comparison, a sort), and the source paths it works on."""

    operator: str
    offset: int
    paths: Paths
    ordering: bool = False


@dataclass(slots=True)
class Facts:
    """All that is known of one expression. `alone`: it needs a process that can be killed (patterns, padding)."""

    used: set[Path] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    problems: list[tuple[str, int, dict[str, str]]] = field(default_factory=list)
    result: Paths = NONE
    alone: bool = False
    null: bool = False
    simple: bool = True


def leaves(paths: set[Path]) -> set[Path]:
    """Paths without those that only lead to a longer one."""
    inner = {path[:n] for path in paths for n in range(len(path))}
    return {path for path in paths if path not in inner}


def known_fields(paths: Mapping[str, str]) -> set[str]:
    """Every path of a system's metadata and every path that leads to one."""
    return {".".join(path.split(".")[: n + 1]) for path in paths for n in range(path.count(".") + 1)}
