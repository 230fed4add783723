"""Who we are to a YonBIP tenant: its gateway, the signature, the token, and what becomes of one that is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import respx

from connectors.errors import AccessError, OutcomeUnknownError, TransientError
from connectors.yonbip.sign import signature
from tests.unit.yonbip_help import DISCOVERY, HOST, LIST, SAVE, TOKENS, connector, done, rows, token

FOUND = {
    "gatewayUrl": "https://c2.yonyoucloud.com/iuap-api-gateway",
    "tokenUrl": "https://c2.yonyoucloud.com/iuap-api-auth",
}
STALE = {"code": "310036", "message": "非法token"}


@pytest.fixture
def routes() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        router.get(DISCOVERY).mock(side_effect=lambda _: done(FOUND, code="00000"))
        router.get(TOKENS).mock(side_effect=[token("t-1+/="), token("t-2"), token("t-3")])
        router.post(LIST).mock(side_effect=lambda _: rows())
        yield router


def find(**settings: object) -> None:
    erp = connector(**settings)
    try:
        erp.find("orders", "K-1")
    finally:
        erp.close()


def test_signatures_are_those_of_the_vendor_s_own_clients(shared_reference: Path) -> None:
    vectors = json.loads((shared_reference / "yonyou" / "signature_vectors.json").read_text(encoding="utf-8"))
    assert len(vectors["bip_token_signature"]) == 3
    for vector in vectors["bip_token_signature"]:
        assert signature(vector["params"], vector["secret"]) == vector["signature_base64"]


def test_the_gateway_is_found_once_and_the_token_goes_in_the_query(routes: respx.MockRouter) -> None:
    erp = connector()
    for _ in range(3):
        erp.find("orders", "K-1")
    erp.close()
    assert (routes.get(DISCOVERY).call_count, routes.get(TOKENS).call_count) == (1, 1)
    request = routes.post(LIST).calls.last.request
    assert b"access_token=t-1%2B%2F%3D" in request.url.query
    assert request.headers["host"] == "c2.yonyoucloud.com"


def test_the_signature_is_encoded_once(routes: respx.MockRouter) -> None:
    find()
    url = routes.get(TOKENS).calls.last.request.url
    asked = {name: url.params[name] for name in ("appKey", "timestamp")}
    assert url.params["signature"] == signature(asked, "app-secret")
    assert b"%25" not in url.query


@pytest.mark.parametrize(
    "refusal",
    [httpx.Response(200, json=STALE), httpx.Response(200, text="非法token"), httpx.Response(401, text="no")],
    ids=["code", "text", "status"],
)
def test_a_refused_token_is_fetched_anew_once(routes: respx.MockRouter, refusal: httpx.Response) -> None:
    routes.post(LIST).mock(side_effect=[refusal, rows()])
    find()
    assert routes.get(TOKENS).call_count == 2
    assert b"access_token=t-2" in routes.post(LIST).calls.last.request.url.query


def test_a_fresh_token_that_is_refused_stops(routes: respx.MockRouter) -> None:
    routes.post(LIST).mock(side_effect=lambda _: httpx.Response(200, json=STALE))
    with pytest.raises(AccessError) as refused:
        find()
    assert refused.value.code == "token-refused" and routes.get(TOKENS).call_count == 2


def test_a_refused_token_takes_no_newer_one_with_it(routes: respx.MockRouter) -> None:
    """Two threads sent one token; the first has fetched another when the second is told that it was refused."""
    erp = connector()
    erp.find("orders", "K-1")
    auth = erp._client.http._auth
    with ThreadPoolExecutor(1) as other:
        other.submit(erp.find, "orders", "K-1").result()
        other.submit(auth.renew).result()
        other.submit(erp.find, "orders", "K-1").result()
    auth.renew()
    erp.find("orders", "K-1")
    erp.close()
    assert routes.get(TOKENS).call_count == 2


def test_a_token_is_renewed_before_it_ends(routes: respx.MockRouter) -> None:
    erp = connector()
    now = [0.0]
    erp._client.http._auth._clock = lambda: now[0]  # type: ignore[attr-defined]
    for at in (0.0, 6899.0, 6901.0):
        now[0] = at
        erp.find("orders", "K-1")
    erp.close()
    assert routes.get(TOKENS).call_count == 2


@pytest.mark.parametrize(
    ("route", "answer", "code"),
    [
        (TOKENS, done(None, code="10018", message="应用不存在或appKey已停用"), "token-refused"),
        (DISCOVERY, done(None, code="500", message="根据租户id获取网关地址出现异常"), "tenant-unknown"),
        (DISCOVERY, done({**FOUND, "gatewayUrl": "https://evil.example.com/x"}, code="00000"), "foreign-link"),
        (DISCOVERY, done({**FOUND, "gatewayUrl": "http://c2.yonyoucloud.com/x"}, code="00000"), "foreign-link"),
        (DISCOVERY, httpx.Response(200, text="<html>", headers={"content-type": "text/html"}), "logon-page"),
        (TOKENS, httpx.Response(404, text="nothing here"), "service-missing"),
        (TOKENS, httpx.Response(407), "proxy-refused"),
    ],
)
def test_what_an_admin_must_put_right_stops(
    routes: respx.MockRouter, route: str, answer: httpx.Response, code: str
) -> None:
    routes.get(route).mock(side_effect=lambda _: answer)
    with pytest.raises(AccessError) as refused:
        find()
    assert refused.value.code == code
    assert "app-secret" not in str(refused.value)


@pytest.mark.parametrize(
    "answer", [httpx.Response(503), httpx.Response(408), httpx.ConnectError("down"), httpx.Response(200, text="{")]
)
def test_a_token_service_that_is_down_is_tried_again_later(routes: respx.MockRouter, answer: object) -> None:
    routes.get(TOKENS).mock(side_effect=[answer])
    with pytest.raises(TransientError):
        find()


def test_gateway_and_token_are_waited_for_no_longer_than_the_write_may_take(routes: respx.MockRouter) -> None:
    erp = connector()
    routes.post(SAVE).mock(side_effect=[httpx.Response(503)])
    with pytest.raises(OutcomeUnknownError):
        erp.push("orders", {}, "K-1", deadline_s=2)
    erp.close()
    calls = [*routes.get(DISCOVERY).calls, *routes.get(TOKENS).calls]
    assert len(calls) == 2 and all(call.request.extensions["timeout"].get("read") <= 2 for call in calls)


def test_an_address_with_a_path_is_the_gateway_itself(routes: respx.MockRouter) -> None:
    find(url="https://c2.yonyoucloud.com/iuap-api-gateway", token_url="https://c2.yonyoucloud.com/iuap-api-auth")
    assert routes.get(DISCOVERY).call_count == 0
    assert routes.post(LIST).call_count == 1


def test_without_a_tenant_the_usual_paths_of_the_host_are_taken(routes: respx.MockRouter) -> None:
    there = routes.post(f"{HOST}/iuap-api-gateway/order/list").mock(side_effect=lambda _: rows())
    routes.get(f"{HOST}/iuap-api-auth/open-auth/selfAppAuth/base/v1/getAccessToken").mock(side_effect=[token()])
    find(client="")
    assert there.call_count == 1
