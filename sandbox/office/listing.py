"""A page of a list, bent as a fault orders it: every product's list answers go through here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sandbox.http import NO_TWEAKS, Tweaks

T = TypeVar("T")


@dataclass(frozen=True)
class Cut(Generic[T]):
    rows: list[T]
    stop: int
    """The offset that the next page begins at."""
    more: bool
    limit: int
    """So many at most were cut: the one asked for, or a smaller one that the fault sets."""


def cut(rows: Sequence[T], offset: int, limit: int, tweaks: Tweaks = NO_TWEAKS) -> Cut[T]:
    """`limit` rows from `offset` of the whole result, in its order.

    Faults: page_limit makes pages smaller than asked for; rows_move has the head of the result go to its end once a
    later page is asked for, so that an offset skips rows; duplicate_answer repeats the last row, or the page before.
    """
    found = list(rows)
    if tweaks.move and offset:
        found = found[tweaks.move :] + found[: tweaks.move]
    limit = min(limit, tweaks.page_limit or limit)
    stop = min(offset + limit, len(found))
    page = found[offset:stop]
    if tweaks.repeat == "row" and page:
        page = [*page, page[-1]]
    elif tweaks.repeat == "page" and offset:
        page, stop = found[max(0, offset - limit) : offset], offset
    return Cut(page, stop, stop < len(found), limit)


def renamed(answer: Any, tweaks: Tweaks) -> Any:
    """An answer (rows, objects, lists in each other) whose fields bear the names that the fault field_renamed gives."""
    if not tweaks.rename:
        return answer
    names = dict(tweaks.rename)
    if isinstance(answer, dict):
        return {names.get(name, name): renamed(value, tweaks) for name, value in answer.items()}
    return [renamed(value, tweaks) for value in answer] if isinstance(answer, list) else answer
