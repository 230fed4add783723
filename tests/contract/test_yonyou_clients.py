"""Yonyou's own Python SDK, unchanged, against the sandbox: its tokens are good, its calls are answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from yonbip_open_api_sdk import request_opt, sign_opt, token_opt
from yonbip_open_api_sdk.cache import MemoryCache

from sandbox.yonyou.tokens import signature
from tests.contract import yonbip_client as yb
from tests.contract.yonbip_client import Yonbip

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def erp() -> Iterator[Yonbip]:
    with yb.running(date=date(2026, 6, 15)) as client:
        yield client


@pytest.fixture(autouse=True)
def nothing_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_opt, "memory_cache", MemoryCache())


def app(erp: Yonbip) -> dict[str, str]:
    own = {"app_key": erp.sandbox.user, "app_secret": erp.sandbox.password}
    suite = {
        "suite_key": erp.sandbox.user,
        "suite_secret": erp.sandbox.password,
        "tenant_id": erp.sandbox.info["client"],
    }
    return own | suite | {"token_url": erp.sandbox.url}


def page(erp: Yonbip, call: Any, **body: Any) -> dict[str, Any]:
    """A list call by the SDK, which sends its token as a header."""
    url = erp.sandbox.url + "/iuap-api-gateway" + yb.ORDERS + "list"
    data = json.dumps({"pageIndex": 1, "pageSize": 3} | body)
    return call("post", url, {}, data, None, app(erp)).json()  # type: ignore[no-any-return]


def test_its_signature_is_ours(shared_reference: Path) -> None:
    vectors = json.loads((shared_reference / "yonyou" / "signature_vectors.json").read_text(encoding="utf-8"))
    for vector in vectors["bip_token_signature"]:
        theirs = sign_opt.opt_sha256(vector["secret"], sign_opt.opt_sort_data(vector["params"])).decode()
        assert theirs == vector["signature_base64"] == signature(vector["params"], vector["secret"])


def test_its_tokens_are_good(erp: Yonbip) -> None:
    own = token_opt.opt_self_token(erp.sandbox.user, erp.sandbox.password, erp.sandbox.url)
    suite = token_opt.opt_suit_token(
        erp.sandbox.user, erp.sandbox.password, erp.sandbox.info["client"], erp.sandbox.url
    )
    assert own["expire"] == suite["expire"] == 7200
    for token in (own, suite):
        erp.token = token["access_token"]
        assert erp.post(yb.ORDERS + "list", pageIndex=1, pageSize=1)["code"] == "200"


def test_it_is_told_when_it_cannot_prove_itself(erp: Yonbip) -> None:
    with pytest.raises(Exception, match="10019"):
        token_opt.opt_self_token(erp.sandbox.user, "another secret", erp.sandbox.url)
    with pytest.raises(Exception, match="10018"):
        token_opt.opt_self_token("nobody", erp.sandbox.password, erp.sandbox.url)


@pytest.mark.parametrize(
    "call",
    [
        request_opt.opt_self_app_request, request_opt.opt_self_app_request_with_cache, request_opt.opt_suit_request,
        request_opt.opt_suit_request_with_cache,
    ],
)  # fmt: skip
def test_its_calls_are_answered(erp: Yonbip, call: Any) -> None:
    answer = page(erp, call)
    assert answer["code"] == "200" and len(answer["data"]["recordList"]) == 3


def test_it_reads_a_detail_by_id(erp: Yonbip) -> None:
    order = erp.rows(yb.ORDERS + "list", isSum=True)[0]
    url = erp.sandbox.url + "/iuap-api-gateway" + yb.ORDERS + "detail"
    answer = request_opt.opt_self_app_request("get", url, {}, None, {"id": order["id"]}, app(erp)).json()
    assert answer["data"]["code"] == order["code"]


def test_its_stale_token_is_refused_in_a_header_too(erp: Yonbip) -> None:
    call = request_opt.opt_self_app_request_with_access_token
    url = erp.sandbox.url + "/iuap-api-gateway" + yb.ORDERS + "list"
    answer = call("post", url, {}, json.dumps({"pageIndex": 1, "pageSize": 1}), None, "stale").json()
    assert answer["code"] == "310036"
