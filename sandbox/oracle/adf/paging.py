"""The part of a result that one answer holds."""

from __future__ import annotations

from typing import Any

from sandbox.http import Tweaks
from sandbox.office.listing import cut
from sandbox.oracle.adf.model import Row
from sandbox.oracle.adf.query import Query


def page_of(found: list[Any], query: Query, tweaks: Tweaks) -> tuple[list[Any], Row]:
    """Documents of the page, and what the envelope says of it."""
    part = cut(found, query.offset, query.limit, tweaks)
    page: Row = {"hasMore": part.more, "limit": part.limit, "offset": query.offset}
    if query.wants_total:
        page["totalResults"] = len(found)
    return part.rows, page
