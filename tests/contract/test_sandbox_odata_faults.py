"""Faults on order, and the control plane: what goes wrong goes wrong on the wire, and the books tell the truth."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.faults import KINDS, Faults
from sandbox.http import Request
from sandbox.odata.gateway import Gateway
from sandbox.odata.metadata import load_services
from sandbox.odata.session import Door
from tests.contract.sandbox_demo import METADATA, ORDERS, Demo, DemoBackend

pytestmark = pytest.mark.contract
ORDER = {"SoldToParty": "10000001", "PurchaseOrderByCustomer": "CT7-Q1"}
PATH = ORDERS + "/A_SalesOrder"
FRONT = Gateway(DemoBackend(load_services(METADATA)), [], Door("", ""))


def post(demo: Demo) -> httpx.Response:
    return demo.write("POST", PATH, ORDER)


def booked(demo: Demo) -> int:
    documents = demo.client.get("/_sandbox/book?object=orders").json()["documents"]
    return len(documents) - 3


@pytest.mark.parametrize(("fault", "orders"), [("dropped_before_commit", 0), ("dropped_after_commit", 1)])
def test_a_dropped_answer_is_a_closed_connection(demo: Demo, fault: str, orders: int) -> None:
    demo.arm({"fault": fault, "match": {"times": 1}})
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        post(demo)
    assert booked(demo) == orders
    assert post(demo).status_code == 201


def test_a_late_commit_happens_after_the_client_has_lost_its_line(demo: Demo) -> None:
    demo.arm({"fault": "late_commit", "seconds": 0.3, "match": {"times": 1}})
    with pytest.raises(httpx.RemoteProtocolError):
        post(demo)
    assert booked(demo) == 0
    deadline = time.monotonic() + 5
    while not booked(demo) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert booked(demo) == 1
    assert demo.client.get("/_sandbox/faults").json()["fired"][0]["status"] == 201


def test_a_late_commit_may_hold_the_line_until_the_client_gives_up(demo: Demo) -> None:
    demo.arm({"fault": "late_commit", "seconds": 0.1, "hold": True})
    token = demo.token()
    with pytest.raises(httpx.ReadTimeout):
        demo.client.post(PATH, json=ORDER, headers=token, timeout=0.4)
    assert booked(demo) == 1


def test_a_late_commit_is_forgotten_when_the_sandbox_stops() -> None:
    demo = Demo(orders=0)
    demo.arm({"fault": "late_commit", "seconds": 0.2})
    with pytest.raises(httpx.RemoteProtocolError):
        post(demo)
    demo.close()
    time.sleep(0.4)
    assert demo.books.tables["A_SalesOrder"] == []


def test_half_an_answer_breaks_off(demo: Demo) -> None:
    demo.arm({"fault": "half_answer", "match": {"times": 1}})
    with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|peer closed"):
        demo.get(PATH)


@pytest.mark.parametrize(
    ("fault", "status", "content_type"),
    [
        ({"fault": "rate_limited", "retry_after": 3}, 429, "application/json"),
        ({"fault": "unavailable"}, 503, "text/html"),
        ({"fault": "refused_200"}, 200, "text/html"),
        ({"fault": "internal_error"}, 500, "text/html"),
        ({"fault": "lookup_fails"}, 500, "text/html"),
    ],
)
def test_a_read_may_fail_in_many_ways(demo: Demo, fault: dict[str, Any], status: int, content_type: str) -> None:
    demo.arm(fault)
    answer = demo.get(PATH, filter="SalesOrder eq '1'")
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith(content_type)
    assert answer.headers.get("retry-after") == ("3" if status == 429 else None)
    demo.client.delete("/_sandbox/faults")
    assert demo.get(PATH).status_code == 200


def test_only_lookups_fail(demo: Demo) -> None:
    demo.arm({"fault": "lookup_fails"})
    assert demo.get(PATH).status_code == 200


@pytest.mark.parametrize(("when", "orders"), [("before", 0), ("after", 1)])
def test_a_short_dump_comes_before_or_after_the_commit(demo: Demo, when: str, orders: int) -> None:
    token = demo.token()
    demo.arm({"fault": "internal_error", "when": when})
    assert demo.client.post(PATH, json=ORDER, headers=token).status_code == 500
    assert booked(demo) == orders


@pytest.mark.parametrize("fault", ["expired_token", "expired_session"])
def test_an_expired_token_asks_for_a_new_one(demo: Demo, fault: str) -> None:
    token = demo.token()
    demo.arm({"fault": fault, "match": {"method": "POST", "times": 1}})
    answer = demo.client.post(PATH, json=ORDER, headers=token)
    assert (answer.status_code, answer.headers["x-csrf-token"]) == (403, "Required")
    assert demo.client.post(PATH, json=ORDER, headers=token).status_code == 403
    assert demo.client.post(PATH, json=ORDER, headers=demo.token()).status_code == 201


def test_a_locked_document_says_who_holds_it(demo: Demo) -> None:
    demo.arm({"fault": "locked", "user": "LIWEI", "match": {"times": 1}})
    answer = post(demo)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "V1/042"
    assert answer.json()["error"]["message"]["value"].endswith("is currently being processed by LIWEI")
    assert post(demo).status_code == 201


def test_latency_is_waited_without_holding_up_others(demo: Demo) -> None:
    demo.arm({"fault": "latency", "ms": 600, "match": {"times": 1}})
    slow = threading.Thread(target=demo.get, args=(PATH,))
    start = time.monotonic()
    slow.start()
    time.sleep(0.1)
    with demo.new_client() as other:
        assert other.get(PATH).status_code == 200
    assert time.monotonic() - start < 0.55
    slow.join()
    assert time.monotonic() - start >= 0.6


def test_the_clock_of_the_answers_may_be_wrong(demo: Demo) -> None:
    demo.arm({"fault": "clock_skew", "seconds": -3600})
    assert demo.get(PATH).headers["date"] == "Tue, 30 Apr 2024 07:15:47 GMT"


def test_a_field_is_renamed_in_payloads_only(demo: Demo) -> None:
    demo.arm({"fault": "field_renamed", "from": "TotalNetAmount", "to": "TotalAmount"})
    order = demo.rows(PATH, select="SalesOrder,TotalNetAmount", orderby="TotalNetAmount")[0]
    assert (order["TotalAmount"], "TotalNetAmount" in order) == ("152.65", False)
    assert "TotalNetAmount" in demo.get(ORDERS + "/$metadata").text


def pages(demo: Demo) -> list[list[str]]:
    read, address = [], PATH + "?$select=SalesOrder"
    while address:
        d = demo.client.get(address).json()["d"]
        read.append([row["SalesOrder"] for row in d["results"]])
        address = d.get("__next", "")
    return read


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ({"fault": "page_limit", "n": 2}, [["1", "2"], ["3"]]),
        ({"fault": "duplicate_answer", "repeat": "row"}, [["1", "1"], ["2", "2"], ["3", "3"]]),
        ({"fault": "duplicate_answer", "repeat": "page", "match": {"nth": 3}}, [["1"], ["2"], ["2"], ["3"]]),
        ({"fault": "rows_move", "match": {"nth": 2}}, [["1"], ["3"], ["1"]]),
    ],
)
def test_pages_go_wrong(demo: Demo, fault: dict[str, Any], found: list[list[str]]) -> None:
    demo.services["API_SALES_ORDER_SRV"].page_size = 1
    demo.arm(fault)
    assert pages(demo) == ([["1"], ["2"], ["3"]] if fault["fault"] == "page_limit" else found)
    if fault["fault"] == "page_limit":
        demo.services["API_SALES_ORDER_SRV"].page_size = 1000
        assert pages(demo) == found


def test_selection_by_path_nth_every_and_times(demo: Demo) -> None:
    demo.arm(
        {"fault": "unavailable", "match": {"path": r"A_SalesOrder\('2'\)$", "nth": [2, 3]}},
        {"fault": "rate_limited", "match": {"query": r"top=1$", "every": 2, "times": 1}},
    )
    assert [demo.get(f"{PATH}('2')").status_code for _ in range(4)] == [200, 503, 503, 200]
    assert [demo.get(PATH, top="1").status_code for _ in range(6)] == [200, 429, 200, 200, 200, 200]
    report = demo.client.get("/_sandbox/faults").json()
    assert [fault["fired"] for fault in report["armed"]] == [2, 1]
    assert [entry["fault"] for entry in report["fired"]] == ["unavailable", "unavailable", "rate_limited"]


@given(st.integers(0, 2**32), st.floats(0.05, 0.95))
def test_the_same_seed_gives_the_same_faults(seed: int, probability: float) -> None:
    def run() -> list[bool]:
        faults = Faults()
        faults.arm({"seed": seed, "schedule": [{"fault": "latency", "match": {"probability": probability}}]})
        return [bool(faults.pick(Request("GET", "/x"), FRONT)) for _ in range(50)]

    assert run() == run()


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ({}, "a schedule is expected"),
        ({"schedule": [{"fault": "earthquake"}]}, "known are latency"),
        ({"schedule": [{"fault": "latency", "seconds": 1}]}, "parameters: ms"),
        ({"schedule": [{"fault": "latency", "match": {"verb": "GET"}}]}, "match: body, every, method, nth"),
        ({"schedule": [{"fault": "latency", "ms": "long"}]}, "must be a number"),
        ({"schedule": [{"fault": "latency", "match": {"path": "("}}]}, "no regular expression"),
        ({"schedule": [{"fault": "latency", "match": {"every": 0}}]}, "of at least 1"),
        ({"schedule": [{"fault": "internal_error", "when": "later"}]}, "one of before, after"),
    ],
)
def test_a_wrong_order_of_faults_is_explained(demo: Demo, order: dict[str, Any], told: str) -> None:
    answer = demo.client.post("/_sandbox/faults", json=order)
    assert answer.status_code == 400
    assert told in answer.json()["error"]


def test_every_kind_of_fault_can_be_armed_as_it_is(demo: Demo) -> None:
    demo.arm(*({"fault": name} for name in KINDS))
    assert [fault["fault"] for fault in demo.client.get("/_sandbox/faults").json()["armed"]] == list(KINDS)


def test_the_control_plane_needs_no_sign_on_and_explains_itself(demo: Demo) -> None:
    with demo.new_client(auth=None) as anyone:
        assert anyone.get("/_sandbox/health").json() == {
            "ok": True,
            "product": "sap/s4",
            "clock": "2024-04-30T08:15:47.125705+00:00",
        }
        assert anyone.post("/_sandbox/advance", json={"days": 2}).json()["clock"].startswith("2024-05-02")
        assert anyone.get("/_sandbox/book?object=orders").json()["documents"][0] == {"number": "1", "total": "152.65"}
        assert "what" not in anyone.post("/_sandbox/mutate", json={"what": "set"}).json()
        for method, path, body in [
            ("GET", "/_sandbox/book", None),
            ("GET", "/_sandbox/book?object=moons", None),
            ("POST", "/_sandbox/advance", {"days": -1}),
            ("POST", "/_sandbox/mutate", {"what": "everything"}),
            ("POST", "/_sandbox/mutate", [1]),
        ]:
            answer = anyone.request(method, path, json=body)
            assert (answer.status_code, list(answer.json())) == (400, ["error"])
        assert anyone.get("/_sandbox/nothing").status_code == 404
