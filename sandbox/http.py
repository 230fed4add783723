"""Requests and answers as every sandbox sees them, free of any web framework."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, unquote_plus

WRITES = frozenset({"POST", "PUT", "PATCH", "MERGE", "DELETE"})


@dataclass(frozen=True)
class Tweaks:
    """How a fault bends the answer to this request; sandbox.office.listing applies it to a list."""

    page_limit: int | None = None
    repeat: str = ""
    """"row": one row comes twice; "page": the page before comes again."""
    move: int = 0
    """So many rows at the head of the result have moved to its end since the page before."""
    rename: tuple[tuple[str, str], ...] = ()
    """(from, to): a field that is shown under another name."""


NO_TWEAKS = Tweaks()


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    """As it came, still percent-encoded, without the query."""
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    """Lower-case names."""
    body: bytes = b""
    base: str = ""
    """Scheme and host, as the client addressed us."""
    user: str = ""
    request_id: str = ""
    tweaks: Tweaks = NO_TWEAKS

    @property
    def verb(self) -> str:
        """The method meant: a POST may carry another one in X-HTTP-Method or X-HTTP-Method-Override."""
        asked = self.headers.get("x-http-method") or self.headers.get("x-http-method-override", "")
        return asked.upper() if self.method == "POST" and asked.upper() in WRITES else self.method

    @property
    def options(self) -> dict[str, str]:
        return parse_query(self.query)


@dataclass
class Response:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cookies: list[str] = field(default_factory=list)


def parse_query(query: str) -> dict[str, str]:
    """Decoded options; a raw + is a space; the first of two equal names counts."""
    options: dict[str, str] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name:
            options.setdefault(unquote_plus(name), unquote_plus(value))
    return options


def split_path(path: str) -> list[str]:
    """Decoded segments without empty ones; an encoded slash stays inside its segment."""
    return [unquote(segment) for segment in path.split("/") if segment]
