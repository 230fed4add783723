"""Changes that can be taken back: a refused request or changeset leaves no trace in the books."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class _Node:
    """One change and the next one. Only a savepoint keeps a chain alive, so old changes cost no memory."""

    __slots__ = ("next", "undo")

    def __init__(self, undo: Callable[[], None] | None) -> None:
        self.undo = undo
        self.next: _Node | None = None


class Journal:
    def __init__(self) -> None:
        self._tail = _Node(None)
        self.changes = 0
        """Counts every change and every taking back."""

    def __getstate__(self) -> int:
        """What is kept: what was done cannot be taken back later."""
        return self.changes

    def __setstate__(self, changes: int) -> None:
        self._tail, self.changes = _Node(None), changes

    def record(self, undo: Callable[[], None]) -> None:
        self.changes += 1
        node = _Node(undo)
        self._tail.next = node
        self._tail = node

    def set(self, target: Any, name: str, value: Any) -> None:
        old = getattr(target, name)
        setattr(target, name, value)
        self.record(lambda: setattr(target, name, old))

    def put(self, table: MutableMapping[K, V], key: K, value: V) -> None:
        if key in table:
            old = table[key]
            self.record(lambda: table.__setitem__(key, old))
        else:
            self.record(lambda: table.__delitem__(key))
        table[key] = value

    def pop(self, table: MutableMapping[K, V], key: K) -> V:
        """Take an entry out; undoing puts it back where it was."""
        at = list(table).index(key)
        old = table.pop(key)

        def undo() -> None:
            entries = list(table.items())
            table.clear()
            table.update([*entries[:at], (key, old), *entries[at:]])

        self.record(undo)
        return old

    def append(self, items: list[V], value: V) -> None:
        items.append(value)
        self.record(lambda: items.remove(value))

    def remove(self, items: list[V], value: V) -> None:
        at = items.index(value)
        del items[at]
        self.record(lambda: items.insert(at, value))

    def savepoint(self) -> _Node:
        return self._tail

    def rollback(self, point: _Node) -> None:
        undone = []
        node = point.next
        while node is not None:
            undone.append(node.undo)
            node = node.next
        point.next = None
        self._tail = point
        for undo in reversed(undone):
            assert undo is not None
            undo()
            self.changes += 1
