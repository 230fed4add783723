"""Every fault of the schedule, as YonBIP words it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox import server
from sandbox.faults import KINDS
from tests.contract import yonbip_client as yb
from tests.contract.yonbip_client import Json, Yonbip

pytestmark = pytest.mark.contract
TODAY = date(2026, 6, 15)
SAVE = {"path": "singleSave"}
TRIED: set[str] = set()


@pytest.fixture(scope="module")
def running() -> Iterator[Yonbip]:
    with yb.running(date=TODAY) as client:
        yield client


@pytest.fixture
def erp(running: Yonbip) -> Iterator[Yonbip]:
    running.token = running.fetch_token()["data"]["access_token"]
    yield running
    running.http.delete("/_sandbox/faults")


def arm(erp: Yonbip, name: str, match: Json | None = None, **parameters: Any) -> None:
    TRIED.add(name)
    erp.fault(name, match, **parameters)


def made(erp: Yonbip, key: str) -> int:
    return sum(order["key"]["out_sys_id"] == key for order in erp.book("orders"))


def code(erp: Yonbip, path: str = yb.ORDERS + "list") -> Any:
    return erp.post(path, pageIndex=1, pageSize=5)["code"]


@pytest.mark.parametrize(
    ("name", "parameters", "wanted"),
    [
        ("rate_limited", {}, "310046"), ("unavailable", {}, "310043"), ("refused_200", {}, "999"),
        ("internal_error", {}, "310504"), ("expired_token", {}, "310036"), ("expired_session", {}, "310036"),
    ],
)  # fmt: skip
def test_a_failure_is_http_200_with_a_code(erp: Yonbip, name: str, parameters: Json, wanted: str) -> None:
    arm(erp, name, **parameters)
    answer = erp.raw(yb.ORDERS + "list", {"pageIndex": 1, "pageSize": 5})
    assert (answer.status_code, answer.json()["code"]) == (200, wanted)


def test_an_expired_token_is_told_in_bare_text_by_one_service(erp: Yonbip) -> None:
    arm(erp, "expired_token", {"path": "queryByPage"})
    assert erp.raw("/yonbip/digitalModel/product/queryByPage", {"pageIndex": 1, "pageSize": 1}).text == "非法token"


def test_a_timeout_may_have_saved(erp: Yonbip) -> None:
    arm(erp, "internal_error", SAVE, when="after")
    sent = erp.order("F-1", resubmitCheckKey="f-1")
    assert erp.save(sent)["code"] == "310504"
    assert made(erp, "F-1") == 1
    assert erp.save(sent)["code"] == "200"  # the same key: its first reply
    assert made(erp, "F-1") == 1
    arm(erp, "internal_error", SAVE, when="before")
    assert erp.save(erp.order("F-2"))["code"] == "310504"
    assert made(erp, "F-2") == 0


@pytest.mark.parametrize(("name", "count"), [("dropped_before_commit", 0), ("dropped_after_commit", 1)])
def test_a_dropped_answer(erp: Yonbip, name: str, count: int) -> None:
    arm(erp, name, SAVE)
    with pytest.raises(httpx.TransportError):
        erp.save(erp.order(name))
    assert made(erp, name) == count
    arm(erp, name, SAVE, status=504)
    assert erp.save(erp.order(f"{name} 504"))["code"] == "310504"
    assert made(erp, f"{name} 504") == count


def test_a_late_commit_meets_the_same_key_again(erp: Yonbip) -> None:
    arm(erp, "late_commit", SAVE, seconds=0.4)
    sent = erp.order("F-3", resubmitCheckKey="f-3")
    with pytest.raises(httpx.TransportError):
        erp.save(sent)
    assert made(erp, "F-3") == 0
    assert erp.save(sent)["code"] == "202"
    wait_for_late_commit(erp)
    assert erp.save(sent)["code"] == "200"
    assert made(erp, "F-3") == 1


def wait_for_late_commit(erp: Yonbip) -> None:
    for _ in range(100):
        if "status" in erp.control("faults")["fired"][-1]:
            return
        time.sleep(0.05)
    pytest.fail("the late commit never came")


def test_half_an_answer(erp: Yonbip) -> None:
    arm(erp, "half_answer")
    with pytest.raises(httpx.RemoteProtocolError):
        erp.raw(yb.ORDERS + "list", {"pageIndex": 1, "pageSize": 5})


def test_a_locked_document(erp: Yonbip) -> None:
    arm(erp, "locked", SAVE)
    assert "MUELLERK" in erp.save(erp.order(resubmitCheckKey="f-4"))["message"]
    assert erp.save(erp.order(resubmitCheckKey="f-4"))["code"] == "200"
    order = erp.save(erp.order())["data"]
    arm(erp, "locked", {"path": "batchsubmit"})
    data = erp.act("batchsubmit", order["id"])
    assert (data["failCount"], data["sucessCount"]) == (1, 0) and "MUELLERK" in data["messages"][0]
    arm(erp, "locked", {"path": "newupdate"})
    assert "MUELLERK" in erp.post(yb.MERCHANT + "newupdate", {"code": "K1002"})["message"]


def test_only_a_search_meets_a_failing_look_up(erp: Yonbip) -> None:
    arm(erp, "lookup_fails")
    assert code(erp) == "200"
    found = erp.post(yb.ORDERS + "list", pageIndex=1, pageSize=5, code="UO-1")
    assert found["code"] == "310504"


def ids(erp: Yonbip, index: int, size: int = 5) -> list[int]:
    orders = [{"field": "id", "order": "asc"}]
    return [row["id"] for row in erp.rows(yb.ORDERS + "list", pageIndex=index, pageSize=size, isSum=True,
                                          queryOrders=orders)]  # fmt: skip


def test_rows_come_twice_or_move(erp: Yonbip) -> None:
    plain = ids(erp, 1) + ids(erp, 2)
    arm(erp, "duplicate_answer", repeat="row")
    assert ids(erp, 1) == [*plain[:5], plain[4]]
    arm(erp, "duplicate_answer", repeat="page")
    assert ids(erp, 2) == plain[:5]
    arm(erp, "rows_move", rows=2)
    assert ids(erp, 2)[:3] == plain[7:]


def test_smaller_pages_than_asked_for(erp: Yonbip) -> None:
    arm(erp, "page_limit", n=3)
    page = erp.post(yb.ORDERS + "list", pageIndex=1, pageSize=50, isSum=True)["data"]
    assert len(page["recordList"]) == page["pageSize"] == 3
    assert page["pageCount"] == -(-page["recordCount"] // 3)


def test_a_renamed_field(erp: Yonbip) -> None:
    arm(erp, "field_renamed", **{"from": "payMoney", "to": "payAmount"})
    row = erp.rows(yb.ORDERS + "list", isSum=True)[0]
    assert "payAmount" in row and "payMoney" not in row


def test_slow_answers_and_a_wrong_clock(erp: Yonbip) -> None:
    arm(erp, "latency", ms=150)
    begun = time.monotonic()
    assert code(erp) == "200"
    assert time.monotonic() - begun >= 0.15
    arm(erp, "clock_skew", seconds=3600)
    body = {"pageIndex": 1, "pageSize": 1}
    skewed, right = (erp.raw(yb.ORDERS + "list", body).headers["date"] for _ in range(2))
    assert (parsedate_to_datetime(skewed) - parsedate_to_datetime(right)).total_seconds() > 3500


def test_every_fault_there_is_was_tried() -> None:
    assert KINDS.keys() <= TRIED | {"unheard of"}


def test_books_kept_in_a_file_remember_keys_and_states(tmp_path: Path) -> None:
    state = tmp_path / "books"
    with yb.running(date=TODAY, state=state) as erp:
        sent = erp.order("F-5", resubmitCheckKey="f-5")
        first = erp.save(sent)
        erp.act("batchsubmit", first["data"]["id"])
    sandbox = server.start("yonyou/yonbip", state=state)
    try:
        erp = Yonbip(sandbox)
        assert erp.save(sent)["data"]["id"] == first["data"]["id"]
        assert erp.get(yb.ORDERS + "detail", id=first["data"]["id"])["data"]["nextStatus"] == "APPROVING"
        assert made(erp, "F-5") == 1
        erp.http.close()
    finally:
        sandbox.stop()
