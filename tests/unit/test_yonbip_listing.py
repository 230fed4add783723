"""Reading a list whose rows move while it is read: nothing that was there all the time is passed over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.base import Position
from connectors.errors import PermanentError, TransientError
from connectors.yonbip.connector import YonBipConnector
from tests.unit.yonbip_help import DETAIL, DISCOVERY, GATEWAY, TOKENS, connector, done, rows, token

START = datetime(2026, 1, 1, 8, tzinfo=UTC)
FOUND = {"gatewayUrl": GATEWAY, "tokenUrl": TOKENS.partition("/open-auth")[0]}


def stamp(second: int) -> str:
    return f"{START + timedelta(seconds=second):%Y-%m-%d %H:%M:%S}"


class Tenant:
    """A list of documents with lines; between two questions some of them change, which moves them to its end."""

    def __init__(self, documents: list[tuple[int, int]], changes: list[list[int]], *, counted: bool = True) -> None:
        """`documents`: second of the stamp, number of lines; `changes`: who changes before each question."""
        self.stamps = {number: second for number, (second, _) in enumerate(documents, 1)}
        self.lines = {number: lines for number, (_, lines) in enumerate(documents, 1)}
        self.changes, self.counted, self.clock = iter(changes), counted, 100
        self.questions = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.questions += 1
        for number in next(self.changes, []):
            if number in self.stamps:
                self.clock += 1
                self.stamps[number] = self.clock
        asked = json.loads(request.content)
        found = self._found(asked)
        first = (asked["pageIndex"] - 1) * asked["pageSize"]
        page = found[first : first + asked["pageSize"]]
        return rows(*page, count=len(found)) if self.counted else done(page)

    def _found(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        first, last = asked.get("pubts", ""), "9"
        for condition in asked.get("simpleVOs", []):
            first, last = condition["value1"], condition["value2"]
        order = sorted(self.stamps, key=lambda number: (stamp(self.stamps[number]), number))
        if asked["queryOrders"][0]["field"] == "id":
            order = sorted(self.stamps)
        chosen = [number for number in order if first <= stamp(self.stamps[number]) <= last]
        return [row for number in chosen for row in self._rows(number)]

    def _rows(self, number: int) -> list[dict[str, Any]]:
        head = {"id": number, "pubts": stamp(self.stamps[number]), "payMoney": self.lines[number], "line": 1}
        return [{**head, "lineId": number * 100 + at, "sum": 1} for at in range(self.lines[number])]

    def detail(self, request: httpx.Request) -> httpx.Response:
        [head, *_] = found = self._rows(int(request.url.params["id"]))
        return done({**head, "lines": [{"id": row["lineId"], "sum": 1} for row in found]})


@pytest.fixture(scope="module")
def erp() -> Iterator[YonBipConnector]:
    found = connector()
    yield found
    found.close()


def read(erp: YonBipConnector, tenant: Tenant, obj: str = "orders", at: Position | None = None) -> dict[str, Any]:
    with respx.mock(assert_all_called=False) as router:
        router.get(DISCOVERY).mock(side_effect=lambda _: done(FOUND, code="00000"))
        router.get(TOKENS).mock(side_effect=lambda _: token())
        for name in ("order", "item", "thing"):
            router.post(f"{GATEWAY}/{name}/list").mock(side_effect=tenant.answer)
        router.get(DETAIL).mock(side_effect=tenant.detail)
        pages = list(erp.pull(obj, erp.reads(obj)[0].name, since="", after=at or Position(), fields=[]))
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    stamps = [page.position.stamp for page in pages]
    assert stamps == sorted(stamps)
    return {record.key: record.data for page in pages for record in page.records}


DOCUMENTS = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 3)), min_size=1, max_size=14)
CHANGES = st.lists(st.lists(st.integers(1, 14), max_size=3), max_size=5)
MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@MANY
@given(DOCUMENTS, CHANGES)
def test_every_order_comes_with_all_its_lines(
    erp: YonBipConnector, documents: list[tuple[int, int]], changes: list[list[int]]
) -> None:
    tenant = Tenant(documents, changes)
    found = read(erp, tenant)
    assert {int(key) for key in found} == set(tenant.stamps)
    for key, data in found.items():
        assert len(data["lines"]) == tenant.lines[int(key)]
        assert data["net"] == str(tenant.lines[int(key)])


@MANY
@given(DOCUMENTS, CHANGES)
def test_a_list_that_says_no_length(
    erp: YonBipConnector, documents: list[tuple[int, int]], changes: list[list[int]]
) -> None:
    tenant = Tenant([(second, 1) for second, _ in documents], changes, counted=False)
    assert {int(key) for key in read(erp, tenant, "things")} == set(tenant.stamps)


def test_a_list_that_keeps_on_moving_is_given_up(erp: YonBipConnector) -> None:
    class Growing(Tenant):
        def _found(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
            self.stamps[len(self.stamps) + 1] = 1
            self.lines[len(self.stamps)] = 1
            return super()._found(asked)

    with pytest.raises(TransientError) as moved:
        read(erp, Growing([(1, 1)] * 9, []), "items")
    assert moved.value.code == "list-moves"


def test_nothing_new_is_one_question(erp: YonBipConnector) -> None:
    tenant = Tenant([(1, 2), (2, 1)], [])
    read(erp, tenant, at=Position("2026-02-01T00:00:00.000000Z"))
    assert tenant.questions == 1


def test_a_row_of_totals_is_no_order(erp: YonBipConnector) -> None:
    class Totalled(Tenant):
        def answer(self, request: httpx.Request) -> httpx.Response:
            data = super().answer(request).json()["data"]
            return done({**data, "recordList": [*data["recordList"], {"code": "合计", "vouchdate": "合计", "sum": 9}]})

    assert list(read(erp, Totalled([(1, 1), (2, 1)], []))) == ["1", "2"]


def test_an_unsorted_list_is_read_by_page_numbers(erp: YonBipConnector) -> None:
    class Unsorted(Tenant):
        def _found(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
            return super()._found(asked)[::-1]

    assert set(read(erp, Unsorted([(n, 1) for n in range(11)], []))) == {str(n) for n in range(1, 12)}


@pytest.fixture
def routes() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        router.get(DISCOVERY).mock(side_effect=lambda _: done(FOUND, code="00000"))
        router.get(TOKENS).mock(side_effect=lambda _: token())
        router.post(f"{GATEWAY}/buyer/list").mock(side_effect=lambda _: rows(*buyers(3)))
        yield router


def buyers(count: int) -> list[dict[str, Any]]:
    return [{"id": number, "code": f"K{number}", "stopped": False, "pubts": stamp(number)} for number in range(count)]


def test_what_a_list_leaves_out_is_asked_for_many_at_once_and_added(
    routes: respx.MockRouter, erp: YonBipConnector
) -> None:
    def shown(request: httpx.Request) -> httpx.Response:
        keys = [one["id"] for one in json.loads(request.content)]
        return done([{"id": int(key), "places": [{"org": f"O{key}"}]} for key in keys if key != "2"])

    details = routes.post(f"{GATEWAY}/buyer/details").mock(side_effect=shown)
    [page] = erp.pull("buyers", "changed", since="", after=Position(), fields=["stopped", "places.org"])
    assert [(r.key, r.data["stopped"], r.data["places"]) for r in page.records] == [
        (key, False, [{"org": f"O{key}"}]) for key in ("0", "1")
    ]  # the third was deleted meanwhile
    assert details.call_count == 2
    [page] = erp.pull("buyers", "changed", since="", after=Position(), fields=["stopped"])
    assert len(page.records) == 3 and details.call_count == 2  # nobody wants to know where
    assert [r.key for page in erp.lookup("buyers", ["1"], fields=["places"]) for r in page.records] == ["1"]
    assert details.call_count == 3
    assert list(erp.lookup("buyers", [], fields=["places"])) == []


def test_details_that_nobody_can_read_do_not_pass_for_customers_without_companies(
    routes: respx.MockRouter, erp: YonBipConnector
) -> None:
    routes.post(f"{GATEWAY}/buyer/details").mock(side_effect=lambda _: done([]))
    with pytest.raises(PermanentError) as refused:
        list(erp.pull("buyers", "changed", since="", after=Position(), fields=["places"]))
    assert refused.value.code == "answer-shape"
