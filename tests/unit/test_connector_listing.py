"""Reading a whole set page by page: nothing is passed over, whatever the paging and whoever changes rows meanwhile.

The server here is hostile: it counts rows in its links, cuts pages as it likes, keeps stamps finer than it shows them,
sorts empty stamps first or last, and rows change between two requests.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
import respx
from hypothesis import given, settings
from hypothesis import strategies as st

import sandbox
from connectors.base import Connector, Page, Position
from connectors.errors import PermanentError, TransientError
from connectors.products import HOME, open_connector, parse_product
from sandbox.odata.edmx import metadata_document
from sandbox.odata.filters import compile_filter
from sandbox.odata.metadata import load_service
from tests.unit.connector_help import URL, FakeSystem

ORDERS = load_service(Path(sandbox.__file__).parent / "sap" / "metadata" / "API_SALES_ORDER_SRV.txt")
METADATA = metadata_document(ORDERS)
ROOT = f"{URL}/sap/opu/odata/sap/API_SALES_ORDER_SRV"
EPOCH = datetime(2025, 6, 1, 12, tzinfo=UTC)
SIZE = 4
PRODUCT = parse_product(
    (HOME / "sap" / "s4.yaml")
    .read_text(encoding="utf-8")
    .replace(
        "path: API_SALES_ORDER_SRV/A_SalesOrder\n",
        f"path: API_SALES_ORDER_SRV/A_SalesOrder\n    paging: {{size: {SIZE}}}\n",
    ),
    "s4.yaml",
)


@dataclass
class Server:
    """Orders in memory; `changes` rows are touched before each request, up to `busy` times."""

    rows: dict[str, dict[str, Any]]
    limit: int = 1000
    empty_first: bool = True
    busy: int = 0
    ignores: frozenset[str] = frozenset()
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    clock: datetime = EPOCH + timedelta(days=30)
    requests: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(str(request.url)).query).items()}
        self.requests.append(asked)
        self.clock += timedelta(seconds=1)
        self._change()
        found = self._sorted([row for row in self.rows.values() if self._meets(row, asked.get("$filter", ""))], asked)
        if "$top" not in self.ignores:
            found = found[: int(asked.get("$top") or len(found))]
        offset = int(asked.get("$skiptoken") or 0)
        page = found[offset : offset + self.limit]
        body: dict[str, Any] = {"results": [self._shown(row) for row in page]}
        if offset + self.limit < len(found):
            kept = {**asked, "$skiptoken": str(offset + self.limit)}
            body["__next"] = f"{ROOT}/A_SalesOrder?" + "&".join(f"{n}={quote(v)}" for n, v in kept.items())
        stamp = self.clock.strftime("%a, %d %b %Y %H:%M:%S GMT")
        return httpx.Response(200, json={"d": body}, headers={"date": stamp})

    def _change(self) -> None:
        if self.busy and len(self.requests) > 1:
            self.busy -= 1
            key = self.dice.choice(sorted(self.rows))
            self.rows[key] = {**self.rows[key], "LastChangeDateTime": self.clock}

    def _meets(self, row: dict[str, Any], text: str) -> bool:
        return not text or "$filter" in self.ignores or compile_filter(text, ORDERS.sets["A_SalesOrder"])(row)

    def _sorted(self, rows: list[dict[str, Any]], asked: dict[str, str]) -> list[dict[str, Any]]:
        none = datetime.min.replace(tzinfo=UTC) if self.empty_first else datetime.max.replace(tzinfo=UTC)
        if asked.get("$orderby", "LastChangeDateTime,SalesOrder") == "SalesOrder":
            return sorted(rows, key=lambda row: row["SalesOrder"].zfill(10))
        assert asked.get("$orderby", "LastChangeDateTime,SalesOrder") == "LastChangeDateTime,SalesOrder"
        return sorted(rows, key=lambda row: (row["LastChangeDateTime"] or none, row["SalesOrder"].zfill(10)))

    def _shown(self, row: dict[str, Any]) -> dict[str, Any]:
        return {
            "SalesOrder": row["SalesOrder"],
            "CreationDate": f"/Date({(row['CreationDate'] - date(1970, 1, 1)).days * 86_400_000})/",
            "LastChangeDateTime": self._wire(row["LastChangeDateTime"]),
        }

    def _wire(self, stamp: datetime | None) -> str | None:
        """Milliseconds only, as Gateway writes them."""
        return (
            None
            if stamp is None
            else f"/Date({(stamp - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)}+0000)/"
        )


def order(number: int, stamp: datetime | None) -> dict[str, Any]:
    return {"SalesOrder": str(number), "CreationDate": date(2025, 5, 30), "LastChangeDateTime": stamp}


STAMPS = st.one_of(
    st.none(),
    st.sampled_from([EPOCH, EPOCH + timedelta(seconds=1)]),
    st.integers(0, 2_000).map(lambda micros: EPOCH + timedelta(microseconds=micros)),
    st.integers(0, 100).map(lambda hours: EPOCH + timedelta(hours=hours)),
)
SETS = st.lists(STAMPS, max_size=20).map(lambda stamps: {str(i): order(i, stamp) for i, stamp in enumerate(stamps, 1)})
LIMITS = st.sampled_from([1, 2, 3, 4, 5, 7, 1000])


def pull(server: Server, since: str = "", after: Position = Position(), stop_after: int = -1) -> list[Page]:  # noqa: B008
    with respx.mock() as routes:
        routes.get(f"{ROOT}/$metadata").respond(content=METADATA, content_type="application/xml")
        routes.get(f"{ROOT}/A_SalesOrder").mock(side_effect=server)
        erp = open_connector(PRODUCT, FakeSystem())
        try:
            return list(taken(erp, since, after, stop_after))
        finally:
            erp.close()


def taken(erp: Connector, since: str, after: Position, stop_after: int) -> Iterator[Page]:
    for number, page in enumerate(erp.pull("orders", "changed", since=since, after=after, fields=["SalesOrder"])):
        if number == stop_after:
            return
        yield page


def watermark(pages: list[Page]) -> str:
    """What is stored when a read has ended: the newest stamp, but not beyond the moment the read began."""
    began = f"{pages[0].erp_time:%Y-%m-%dT%H:%M:%S.%fZ}"
    return min(max(page.position.stamp for page in pages), began)


def keys(pages: list[Page]) -> list[str]:
    return [record.key for page in pages for record in page.records]


@settings(max_examples=30)
@given(SETS, LIMITS, st.booleans())
def test_a_quiet_set_is_read_whole_and_once(rows: dict[str, Any], limit: int, empty_first: bool) -> None:
    pages = pull(Server(rows, limit, empty_first))
    assert set(keys(pages)) == set(rows)
    if empty_first:
        stamped = [key for key in keys(pages) if rows[key]["LastChangeDateTime"]]
        assert len(stamped) == len(set(stamped))
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]


@settings(max_examples=30)
@given(SETS, LIMITS, st.booleans(), st.integers(1, 20), st.randoms(use_true_random=False))
def test_rows_that_change_between_pages_hide_no_other(
    rows: dict[str, Any], limit: int, empty_first: bool, busy: int, dice: random.Random
) -> None:
    server = Server(dict(rows), limit, empty_first, busy=busy if rows else 0, dice=dice)
    pages = pull(server)
    assert set(keys(pages)) | set(keys(pull(server, since=watermark(pages)))) == set(rows)


@settings(max_examples=30)
@given(SETS, LIMITS, st.booleans(), st.integers(0, 8), st.integers(0, 5))
def test_a_read_that_was_killed_goes_on_behind_its_last_page(
    rows: dict[str, Any], limit: int, empty_first: bool, killed_after: int, busy: int
) -> None:
    server = Server(dict(rows), limit, empty_first, busy=busy if rows else 0)
    first = pull(server, stop_after=killed_after)
    rest = pull(server, after=first[-1].position if first else Position())
    later = pull(server, since=watermark([*first, *rest]))
    assert set(keys(first)) | set(keys(rest)) | set(keys(later)) == set(rows)


@settings(max_examples=30)
@given(SETS, LIMITS, st.integers(0, 10))
def test_the_next_pull_sees_what_changed_and_a_quiet_one_asks_once(
    rows: dict[str, Any], limit: int, changes: int
) -> None:
    server = Server(dict(rows), limit)
    pages = pull(server)
    since = watermark(pages)
    server.requests.clear()
    pull(server, since=since)
    if len(rows) < min(SIZE, limit):
        assert len(server.requests) == 1
    if rows:
        server.clock += timedelta(hours=1)
        for key in sorted(rows)[:changes]:
            server.rows[key] = order(int(key), server.clock)
        assert set(sorted(rows)[:changes]) <= set(keys(pull(server, since=since)))


@settings(max_examples=30)
@given(SETS, st.sampled_from([2, 4, 5]), st.sampled_from([{"$filter", "$top"}, {"$top"}]))
def test_links_are_followed_where_the_server_knows_no_other_way(
    rows: dict[str, Any], limit: int, ignores: set[str]
) -> None:
    spread = {key: order(int(key), EPOCH + timedelta(seconds=int(key))) for key in rows}
    server = Server(spread, limit, ignores=frozenset(ignores))
    assert set(keys(pull(server))) == set(spread)


def test_a_page_named_twice_ends_the_read() -> None:
    rows = {str(i): order(i, EPOCH) for i in range(1, 9)}

    class Stuck(Server):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            answer = super().__call__(request)
            body = answer.json()
            body["d"]["__next"] = f"{ROOT}/A_SalesOrder?$skiptoken=4"
            return httpx.Response(200, json=body)

    with pytest.raises(TransientError) as caught:
        pull(Stuck(rows, 4, ignores=frozenset({"$filter", "$top"})))
    assert caught.value.code == "repeated-page"


@pytest.mark.parametrize("missing", ["SalesOrder", "LastChangeDateTime"])
def test_an_answer_without_key_or_stamp_stops_the_read(missing: str) -> None:
    class Renamed(Server):
        def _shown(self, row: dict[str, Any]) -> dict[str, Any]:
            return {name if name != missing else "Renamed": value for name, value in super()._shown(row).items()}

    with pytest.raises(PermanentError) as caught:
        pull(Renamed({"1": order(1, EPOCH)}))
    assert caught.value.code == "answer-shape"


def test_a_read_starts_before_its_watermark() -> None:
    server = Server({"1": order(1, EPOCH)})
    assert keys(pull(server, since=(EPOCH + timedelta(seconds=500)).isoformat())) == ["1"]
    assert keys(pull(server, since=(EPOCH + timedelta(days=3)).isoformat())) == []


def test_the_position_at_the_end_covers_rows_without_a_stamp() -> None:
    server = Server({"1": order(1, None)})
    assert pull(server)[-1].position.stamp == "2025-05-30"
