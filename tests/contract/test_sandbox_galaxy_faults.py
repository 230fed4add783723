"""Everything that goes wrong on order goes wrong on the Galaxy sandbox's wire, in this product's words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.faults import KINDS
from sandbox.server import start
from tests.contract.galaxy_help import FORMS, Galaxy, problem

pytestmark = pytest.mark.contract
ORDER = "SAL_SaleOrder"
WRITE_ONLY = {"match": {"path": "Save", "times": 1}}
TRIED: set[str] = set()


@pytest.fixture(scope="module")
def running() -> Iterator[Galaxy]:
    running = Galaxy()
    yield running
    running.close()


@pytest.fixture
def galaxy(running: Galaxy) -> Iterator[Galaxy]:
    yield running
    running.control("DELETE", "faults")
    running.login()


def arm(galaxy: Galaxy, fault: str, **parameters: Any) -> None:
    TRIED.add(fault)
    match = parameters.pop("match", {"times": 1})
    galaxy.arm({"fault": fault, "match": match, **parameters})


def booked(galaxy: Galaxy, number: str) -> int:
    return sum(one["number"] == number for one in galaxy.control("GET", "book?object=orders")["documents"])


@pytest.mark.parametrize(("fault", "booked_now"), [("dropped_before_commit", 0), ("dropped_after_commit", 1)])
def test_a_lost_answer_of_a_save(galaxy: Galaxy, fault: str, booked_now: int) -> None:
    model = galaxy.order(number=f"CT7-{fault[:14]}")
    arm(galaxy, fault)
    assert galaxy.query("BD_Currency", "FNumber", Limit=1)  # a query is no write, though it is a POST
    with pytest.raises(httpx.RemoteProtocolError):
        galaxy.save(model)
    assert booked(galaxy, f"CT7-{fault[:14]}") == booked_now


def test_a_save_that_commits_after_the_client_gave_up(galaxy: Galaxy) -> None:
    model = galaxy.order(number="CT7-LATE")
    arm(galaxy, "late_commit", seconds=0.3)
    with pytest.raises(httpx.RemoteProtocolError):
        galaxy.save(model)
    assert booked(galaxy, "CT7-LATE") == 0
    deadline = time.monotonic() + 10
    while not booked(galaxy, "CT7-LATE") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert booked(galaxy, "CT7-LATE") == 1


def test_proxies_in_front(galaxy: Galaxy) -> None:
    arm(galaxy, "rate_limited", retry_after=7)
    answer = galaxy.post("ExecuteBillQuery", {"data": {"FormId": ORDER, "FieldKeys": "FID"}})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    arm(galaxy, "unavailable")
    assert galaxy.post("Save", {"formid": ORDER, "data": {}}).status_code == 503
    arm(galaxy, "latency", ms=200)
    began = time.monotonic()
    galaxy.query(ORDER, "FID")
    assert time.monotonic() - began > 0.19
    arm(galaxy, "half_answer")
    with pytest.raises(httpx.RemoteProtocolError):
        galaxy.query(ORDER, "FID")
    arm(galaxy, "clock_skew", seconds=3600)
    galaxy.query(ORDER, "FID")


@pytest.mark.parametrize("fault", ["expired_session", "expired_token"])
def test_a_lost_session_is_msgcode_1_for_a_login_and_unseen_by_a_signature(galaxy: Galaxy, fault: str) -> None:
    arm(galaxy, fault)
    assert problem(galaxy.call("Submit", ORDER, Ids="1"))[1] == 1
    assert problem(galaxy.query(ORDER, "FID"))[1] == 1
    path = f"{FORMS}.Submit.common.kdsvc"
    arm(galaxy, fault)
    with galaxy.client() as signed:
        answer = signed.post(
            path, json={"formid": ORDER, "data": {"Ids": "1"}}, headers=galaxy.signed(f"/k3cloud/{path}")
        )
    assert problem(answer.json())[1] == 10


def test_texts_instead_of_json(galaxy: Galaxy) -> None:
    model = galaxy.order(number="CT7-TEXT")
    arm(galaxy, "refused_200")
    answer = galaxy.post("Save", {"formid": ORDER, "data": {"Model": model}})
    assert answer.status_code == 200 and answer.text.startswith("response_error:")
    assert booked(galaxy, "CT7-TEXT") == 0
    arm(galaxy, "internal_error", when="after", **WRITE_ONLY)
    answer = galaxy.post("Save", {"formid": ORDER, "data": {"Model": model}})
    assert answer.status_code == 500 and answer.text.startswith("response_error:")
    assert booked(galaxy, "CT7-TEXT") == 1


def test_locked_documents_and_failing_look_ups(galaxy: Galaxy) -> None:
    arm(galaxy, "locked", user="张三")
    text, code = problem(galaxy.call("Submit", ORDER, Ids="1"))
    assert "张三" in text and code == 13
    arm(galaxy, "lookup_fails")
    assert problem(galaxy.query(ORDER, "FID", "FBillNo='x'"))[1] == 6


def test_lists_that_are_bent(galaxy: Galaxy) -> None:
    whole = galaxy.query(ORDER, "FID", "", "FID", Limit=6)
    arm(galaxy, "page_limit", n=4)
    assert galaxy.query(ORDER, "FID", "", "FID", Limit=6) == whole[:4]
    arm(galaxy, "duplicate_answer", repeat="row")
    assert galaxy.query(ORDER, "FID", "", "FID", Limit=6) == [*whole, whole[-1]]
    arm(galaxy, "rows_move", rows=2)
    assert galaxy.query(ORDER, "FID", "", "FID", StartRow=2, Limit=2) == whole[4:6]


def test_a_field_that_was_renamed_is_no_field_any_more(galaxy: Galaxy) -> None:
    renamed = {"from": "FNote", "to": "FNote2", "match": {}}
    arm(galaxy, "field_renamed", **renamed)
    assert problem(galaxy.query(ORDER, "FID,FNote"))[1] == 9
    assert galaxy.query(ORDER, "FID,FNote2", Limit=1)
    info = galaxy.post("QueryBusinessInfo", {"data": {"FormId": ORDER}}).text
    assert '"FNote2"' in info and '"FNote"' not in info


def test_every_kind_of_fault_was_tried() -> None:
    assert KINDS.keys() - {"gateway_timeout"} <= TRIED


def test_a_sandbox_started_again_goes_on_where_it_was(tmp_path: Path) -> None:
    file = tmp_path / "books"
    first = Galaxy(state=file)
    order = first.saved(first.order(number="CT7-KEPT", FNote="kept"))
    first.call("Submit", ORDER, Ids=order)
    acct_id = first.acct_id
    first.close()
    again = Galaxy(state=file)
    try:
        assert again.acct_id == acct_id
        assert again.query(ORDER, "FBillNo,FNote,FDocumentStatus", f"FID={order}", "FSeq")[0] == [
            "CT7-KEPT",
            "kept",
            "B",
        ]
        again.call("Audit", ORDER, Ids=order)
        again.control("POST", "advance", days=4)
        assert again.query("SAL_OUTSTOCK", "FBillNo", "FSoorDerno='CT7-KEPT'")
    finally:
        again.close()


def test_options_change_the_coding_rules() -> None:
    with pytest.raises(ValueError, match="manual_numbers"):
        start("kingdee/galaxy", options={"manual_number": "false"})
    galaxy = Galaxy()
    try:
        galaxy.control("POST", "options", manual_numbers=False)
        assert galaxy.save(galaxy.order(number="CT7-MINE"))["Number"] != "CT7-MINE"
        galaxy.control("POST", "options", query_limit=7)
        assert len(galaxy.query(ORDER, "FID", "", "FID", Limit=100)) == 7
    finally:
        galaxy.close()
