"""A line that moves while a flow works; only on a terminal, on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from commands.output import output
from commands.words import object_name


@contextmanager
def progress(task: str) -> Iterator[Callable[[str, int], None]]:
    """Yields what a flow calls with the object's name and how many records it has read."""
    if not output.watched:
        yield _unseen
        return
    from rich.console import Console
    from rich.status import Status

    with Status(task, console=Console(stderr=True)) as status:
        yield lambda obj, read: status.update(f"{task}: {object_name(obj)} {read:,}")


def _unseen(obj: str, read: int) -> None:
    """Nobody watches."""
