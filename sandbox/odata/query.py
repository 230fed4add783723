"""Which rows a collection request means, page by page."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from sandbox.http import NO_TWEAKS, Tweaks
from sandbox.odata.backend import ReadRow
from sandbox.odata.compare import compile_orderby, is_key_order, sort_rows
from sandbox.odata.errors import bad_request
from sandbox.odata.filters import V2, Grammar, compile_filter
from sandbox.odata.metadata import EntitySet

_KNOWN = {
    "$filter",
    "$select",
    "$expand",
    "$orderby",
    "$top",
    "$skip",
    "$inlinecount",
    "$format",
    "$skiptoken",
}
_KEPT = 8


@dataclass(frozen=True)
class Query:
    filter: str | None
    orderby: str | None
    top: int | None
    skip: int
    count: bool
    token: str | None


def parse_options(options: dict[str, str]) -> Query:
    """ODataError 400 for an option with $ that does not exist, or a number that is none."""
    for name in options:
        if name.startswith("$") and name not in _KNOWN:
            raise bad_request(f"System query option '{name}' is not supported", "005056A509B11EE1B9A8FEC11C22178E")
    if options.get("$inlinecount", "none") not in ("allpages", "none"):
        raise bad_request("Invalid value for $inlinecount: allpages or none is expected")
    if options.get("$format", "json") not in ("json", "atom", "xml"):
        raise bad_request(f"Format '{options['$format']}' is not supported", "/IWFND/CM_MGW/415")
    return Query(
        options.get("$filter") or None,
        options.get("$orderby") or None,
        whole(options, "$top"),
        whole(options, "$skip") or 0,
        options.get("$inlinecount") == "allpages",
        options.get("$skiptoken"),
    )


def whole(options: Mapping[str, str], name: str) -> int | None:
    """ODataError 400 for what is no whole number."""
    text = options.get(name)
    if text is None:
        return None
    if not text.isdecimal():
        raise bad_request(f"Invalid value '{text}' for {name}: a whole number is expected")
    return int(text)


@dataclass(frozen=True)
class Page:
    rows: list[ReadRow]
    count: int
    """Of all rows that match the filter, whatever $top and $skip are."""
    next_token: str | None


@dataclass
class _Result:
    question: tuple[str, str | None, str | None]
    state: object
    rows: list[ReadRow]


class Results:
    """Keeps the rows of the latest queries, so that following `__next` costs no new search and shows one state.

    A token names a kept result and an offset; a result dropped in the meantime is searched again. A new query equal to
    a kept one takes its rows while the books stand still: a client that pages with $skip costs one search, too.
    """

    def __init__(self, grammar: Grammar = V2) -> None:
        self._grammar = grammar
        self._kept: OrderedDict[str, _Result] = OrderedDict()

    def page(
        self,
        query: Query,
        entity_set: EntitySet,
        rows: Callable[[], Sequence[ReadRow]],
        *,
        scope: str,
        state: object,
        limit: int,
        tweaks: Tweaks = NO_TWEAKS,
    ) -> Page:
        """scope: the collection's own address; equal states mean that the rows have not changed."""
        token, offset = _split_token(query.token)
        name = token or self._name_of((scope, query.filter, query.orderby), state) or secrets.token_hex(6)
        kept = self._kept.get(name)
        if kept is None or kept.question != (scope, query.filter, query.orderby):
            kept = _Result(
                (scope, query.filter, query.orderby), state, search(query, entity_set, rows(), self._grammar)
            )
        if tweaks.move and offset:
            kept = _Result(kept.question, None, kept.rows[tweaks.move :] + kept.rows[: tweaks.move])
        self._keep(name, kept)
        return _cut(kept.rows, query, offset, min(limit, tweaks.page_limit or limit), name, tweaks.repeat)

    def _name_of(self, question: tuple[str, str | None, str | None], state: object) -> str | None:
        return next((n for n, r in self._kept.items() if r.question == question and r.state == state), None)

    def _keep(self, name: str, result: _Result) -> None:
        self._kept[name] = result
        self._kept.move_to_end(name)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)


class Pages:
    """Written pages, as long as the books stand still: a client that reads the same again waits for itself only."""

    def __init__(self, limit_bytes: int = 96_000_000) -> None:
        self._limit = limit_bytes
        self._state: object = None
        self._bodies: dict[tuple[str, str, str], bytes] = {}
        self._size = 0

    def get(self, address: tuple[str, str, str], state: object) -> bytes | None:
        """address: what the page depends on beside the state of the books."""
        if state != self._state:
            self._state, self._bodies, self._size = state, {}, 0
        return self._bodies.get(address)

    def put(self, address: tuple[str, str, str], body: bytes) -> None:
        """Keeps it if there is room."""
        if self._size + len(body) <= self._limit:
            self._bodies[address] = body
            self._size += len(body)


def _split_token(token: str | None) -> tuple[str, int]:
    name, _, offset = (token or "").rpartition("-")
    if token and not offset.isdecimal():
        raise bad_request("Invalid skip token")
    return name, int(offset or 0)


def _cut(rows: list[ReadRow], query: Query, offset: int, limit: int, name: str, repeat: str) -> Page:
    end = len(rows) if query.top is None else min(len(rows), query.skip + query.top)
    start = query.skip + offset
    stop = min(start + limit, end)
    page = rows[start:stop]
    if repeat == "row" and page:
        page = [*page, page[-1]]
    elif repeat == "page" and offset:
        page, stop = rows[max(query.skip, start - limit) : start], start
    return Page(page, len(rows), f"{name}-{stop - query.skip}" if stop < end else None)


def search(query: Query, entity_set: EntitySet, rows: Sequence[ReadRow], grammar: Grammar = V2) -> list[ReadRow]:
    """A new list in the order asked for, else in key order."""
    order = compile_orderby(query.orderby, entity_set) if query.orderby else []
    test = compile_filter(query.filter, entity_set, grammar) if query.filter else None
    found = [row for row in rows if test(row)] if test else list(rows)
    if order and not is_key_order(order, entity_set):
        sort_rows(found, order)
    return found


def next_link(address: str, options: dict[str, str], token: str) -> str:
    """The same request with a skip token; to be followed as it is."""
    kept = {name: value for name, value in options.items() if name != "$skiptoken"} | {"$skiptoken": token}
    return address + "?" + "&".join(f"{quote(name, safe='$')}={quote(value, safe='')}" for name, value in kept.items())
