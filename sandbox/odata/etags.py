"""ETags: how Gateway writes a version, and whether a request names the one there is."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote, unquote

from sandbox.odata.backend import ODataError
from sandbox.odata.http import Request


@lru_cache(maxsize=50_000)
def etag_text(version: datetime | str) -> str:
    """A weak ETag as Gateway writes it, seven digits of a second, percent-encoded inside."""
    if isinstance(version, datetime):
        stamp = f"{version.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"
        return f"W/\"datetimeoffset'{quote(stamp, safe='')}'\""
    return f"W/\"'{quote(version, safe='')}'\""


def same_etag(sent: str, current: str) -> bool:
    """If-Match may list several; the percent-encoding inside does not matter."""
    return any(tag.strip() == "*" or unquote(tag.strip()) == unquote(current) for tag in sent.split(","))


def require_match(request: Request, current: str | None, *, missing: ODataError, stale: ODataError) -> None:
    """Raise `missing` without If-Match, `stale` where it names another version; all is well where there is none."""
    sent = request.headers.get("if-match")
    if current is None or sent == "*":
        return
    if not sent:
        raise missing
    if not same_etag(sent, current):
        raise stale
