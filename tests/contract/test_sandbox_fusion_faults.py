"""Every fault works on the Fusion sandbox, in Oracle's words, and the books tell what happened."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from sandbox.faults import KINDS
from tests.contract.fusion_help import INVOICES, ORDERS, Fusion, order, running

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def fusion() -> Iterator[Fusion]:
    with running() as fusion:
        yield fusion


@pytest.fixture(autouse=True)
def _calm(fusion: Fusion) -> Iterator[None]:
    yield
    fusion.client.delete("/_sandbox/faults")


def booked(fusion: Fusion, key: str) -> int:
    return sum(each["key"] == {"SourceTransactionId": key} for each in fusion.book("orders"))


def post(fusion: Fusion, key: str, *faults: dict[str, object]) -> httpx.Response:
    payload = order(fusion, key)
    fusion.arm(*({"match": {"times": 1}} | fault for fault in faults))
    return fusion.call("POST", ORDERS, json=payload)


@pytest.mark.parametrize(("fault", "orders"), [("dropped_before_commit", 0), ("dropped_after_commit", 1)])
def test_a_lost_answer(fusion: Fusion, fault: str, orders: int) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        post(fusion, f"CT7-{fault}", {"fault": fault})
    assert booked(fusion, f"CT7-{fault}") == orders


@pytest.mark.parametrize(("fault", "orders"), [("dropped_before_commit", 0), ("dropped_after_commit", 1)])
def test_a_gateway_that_gave_up_says_504_either_way(fusion: Fusion, fault: str, orders: int) -> None:
    answer = post(fusion, f"CT7-504-{fault}", {"fault": fault, "status": 504})
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (504, "text/html")
    assert booked(fusion, f"CT7-504-{fault}") == orders


def test_a_504_whose_order_appears_later(fusion: Fusion) -> None:
    answer = post(fusion, "CT7-LATE", {"fault": "late_commit", "seconds": 0.3, "status": 504})
    assert answer.status_code == 504
    assert fusion.call("GET", f"{ORDERS}/CROSSTIE:CT7-LATE").status_code == 404
    deadline = time.monotonic() + 5
    while not booked(fusion, "CT7-LATE"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert fusion.call("GET", f"{ORDERS}/CROSSTIE:CT7-LATE").status_code == 200


@pytest.mark.parametrize(
    ("fault", "status", "kind", "words"),
    [
        ({"fault": "rate_limited", "retry_after": 3}, 429, "text/html", "Too Many"),
        ({"fault": "unavailable", "retry_after": 2}, 503, "text/html", "Unavailable"),
        ({"fault": "internal_error"}, 500, "application/vnd.oracle.adf.error+json", "internal error"),
        ({"fault": "locked"}, 400, "application/vnd.oracle.adf.error+json", "JBO-26030"),
        ({"fault": "refused_200"}, 200, "application/vnd.oracle.adf.resourceitem+json", '"ReturnStatus":"ERROR"'),
    ],
)
def test_a_refusal_in_oracles_words(
    fusion: Fusion, fault: dict[str, object], status: int, kind: str, words: str
) -> None:
    key = f"CT7-R-{fault['fault']}"
    answer = post(fusion, key, fault)
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (status, kind)
    assert words in answer.text
    if "retry_after" in fault:
        assert answer.headers["retry-after"] == str(fault["retry_after"])
    assert booked(fusion, key) == 0


def test_an_internal_error_after_the_commit(fusion: Fusion) -> None:
    assert post(fusion, "CT7-500", {"fault": "internal_error", "when": "after"}).status_code == 500
    assert booked(fusion, "CT7-500") == 1


@pytest.mark.parametrize("part", ["totalResults=true", "fields=TransactionNumber"])
def test_a_500_on_a_projection_or_a_count(fusion: Fusion, part: str) -> None:
    fusion.arm({"fault": "internal_error", "match": {"query": "totalResults|fields"}})
    assert fusion.call("GET", f"{INVOICES}?{part}").status_code == 500
    assert fusion.call("GET", INVOICES).status_code == 200


def test_expiry_meets_tokens_alone(fusion: Fusion) -> None:
    url = fusion.sandbox.url
    form = {"grant_type": "client_credentials"}
    token = httpx.post(f"{url}/oauth2/v1/token", data=form, auth=(fusion.sandbox.user, fusion.sandbox.password)).json()
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    for fault in ("expired_token", "expired_session"):
        fusion.arm({"fault": fault, "match": {"times": 1}})
        assert fusion.call("GET", INVOICES).status_code == 200
        fusion.arm({"fault": fault, "match": {"times": 1}})
        assert httpx.get(url + INVOICES, headers=bearer).status_code == 401
        assert httpx.get(url + INVOICES, headers=bearer).status_code == 401
        token = httpx.post(f"{url}/oauth2/v1/token", data=form, auth=(fusion.sandbox.user, fusion.sandbox.password))
        bearer = {"Authorization": f"Bearer {token.json()['access_token']}"}
        assert httpx.get(url + INVOICES, headers=bearer).status_code == 200


def test_a_lookup_by_key_fails_and_a_plain_list_does_not(fusion: Fusion) -> None:
    fusion.arm({"fault": "lookup_fails"})
    assert fusion.call("GET", f"{ORDERS}/CROSSTIE:ANY").status_code == 500
    assert fusion.call("GET", ORDERS, params={"q": "OrderNumber = '1'"}).status_code == 500
    assert fusion.call("GET", ORDERS).status_code == 200


def test_pages_go_wrong_on_order(fusion: Fusion) -> None:
    def numbers(**params: int) -> list[str]:
        page = fusion.get(ORDERS, orderBy="HeaderId", **params)
        return [item["OrderNumber"] for item in page["items"]]

    right = numbers(limit=500)
    fusion.arm({"fault": "page_limit", "n": 4})
    assert numbers(limit=10) == right[:4] and fusion.get(ORDERS, limit=10)["hasMore"]
    fusion.arm({"fault": "duplicate_answer"})
    assert numbers(limit=3) == [*right[:3], right[2]]
    fusion.arm({"fault": "rows_move", "rows": 2})
    assert numbers(limit=3, offset=3) == right[5:8]
    fusion.arm({"fault": "field_renamed", "from": "OrderNumber", "to": "OrderNo"})
    assert "OrderNo" in fusion.get(ORDERS, limit=1)["items"][0]
    fusion.arm({"fault": "half_answer"})
    with pytest.raises(httpx.RemoteProtocolError):
        fusion.call("GET", ORDERS)


def test_the_clock_and_the_latency(fusion: Fusion) -> None:
    fusion.arm({"fault": "latency", "ms": 120}, {"fault": "clock_skew", "seconds": 86400})
    before = time.monotonic()
    date = fusion.call("GET", ORDERS, params={"limit": 1}).headers["date"]
    assert time.monotonic() - before >= 0.12
    fusion.client.delete("/_sandbox/faults")
    assert fusion.call("GET", ORDERS, params={"limit": 1}).headers["date"] != date


def test_no_fault_is_forgotten_here(fusion: Fusion) -> None:
    """Each kind can be armed on this product and fires on some request of it."""
    for name in sorted(KINDS.keys() - {"latency", "late_commit"}):
        fusion.arm({"fault": name, **({"from": "OrderNumber", "to": "X"} if name == "field_renamed" else {})})
        for method, path in (("POST", ORDERS), ("GET", f"{ORDERS}?q=OrderNumber%20%3D%20'1'")):
            with suppress(httpx.RemoteProtocolError):
                fusion.client.request(method, path, json={} if method == "POST" else None)
        with suppress(httpx.RemoteProtocolError):
            httpx.get(fusion.sandbox.url + ORDERS, headers={"Authorization": "Bearer gone"})
        fired = fusion.client.get("/_sandbox/faults").json()["fired"]
        assert name in {entry["fault"] for entry in fired}, name
