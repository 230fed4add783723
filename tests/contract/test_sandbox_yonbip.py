"""The gateway of the YonBIP sandbox: data centres, tokens, the order of its checks, quotas; lists and conditions."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sandbox.yonyou.envelope import RefusalError
from sandbox.yonyou.quotas import Quotas
from sandbox.yonyou.tokens import AUTH, signature
from tests.contract import yonbip_client as yb
from tests.contract.yonbip_client import Yonbip

pytestmark = pytest.mark.contract
TODAY = date(2026, 6, 15)
AUTH_PATHS = ("/open-auth/selfAppAuth/getAccessToken", "/open-auth/selfAppAuth/base/v1/getAccessToken")
SUITE_PATHS = ("/open-auth/suiteApp/getAccessToken", "/open-auth/suiteApp/base/v1/getAccessToken")


@pytest.fixture(scope="module")
def erp() -> Iterator[Yonbip]:
    """Read only: tests that write start their own."""
    with yb.running(date=TODAY) as client:
        yield client


# --- data centres and tokens -----------------------------------------------------------------------------------------


def test_a_data_centre_answers_with_its_own_addresses(erp: Yonbip) -> None:
    found = erp.http.get("/open-auth/dataCenter/getGatewayAddress", params={"tenantId": erp.sandbox.info["client"]})
    assert found.json()["data"] == {
        "gatewayUrl": erp.sandbox.url + "/iuap-api-gateway",
        "tokenUrl": erp.sandbox.url + "/iuap-api-auth",
    }
    unknown = erp.http.get("/open-auth/dataCenter/getGatewayAddress", params={"tenantId": "nobody"})
    assert (unknown.status_code, unknown.json()) == (
        200, {"code": "500", "message": "根据租户id获取网关地址出现异常"},
    )  # fmt: skip


@pytest.mark.parametrize("path", [prefix + path for prefix in ("", AUTH) for path in AUTH_PATHS])
def test_a_token_from_every_spelling_of_the_path_is_good(erp: Yonbip, path: str) -> None:
    answer = erp.fetch_token(path)
    assert (answer["code"], answer["data"]["expire"]) == ("00000", 7200)
    token = answer["data"]["access_token"]
    assert len(token) == 32 or set("+/=") <= set(token)
    body = {"pageIndex": 1, "pageSize": 1}
    assert erp.raw(yb.ORDERS + "list", body, access_token=token).json()["code"] == "200"
    assert erp.raw(yb.ORDERS + "list", body).json()["code"] == "200"  # the token before it is still good


@pytest.mark.parametrize("path", SUITE_PATHS)
def test_a_suite_app_names_its_tenant(erp: Yonbip, path: str) -> None:
    fields = {
        "suiteKey": erp.sandbox.user, "tenantId": erp.sandbox.info["client"], "timestamp": str(int(time.time() * 1000)),
    }  # fmt: skip
    signed = fields | {"signature": signature(fields, erp.sandbox.password)}
    assert erp.http.get(AUTH + path, params=signed).json()["code"] == "00000"
    assert erp.http.get(AUTH + path, params=signed | {"tenantId": "other"}).json()["code"] == "10018"


def test_who_cannot_prove_himself_gets_no_token(erp: Yonbip) -> None:
    def code(fields: dict[str, str]) -> str:
        answer = erp.http.get(AUTH + AUTH_PATHS[0], params=fields)
        assert answer.status_code == 200
        return str(answer.json()["code"])

    assert code(erp.signed(appKey="nobody")) == "10018"
    assert code(erp.signed(secret="wrong")) == "10019"
    assert code(erp.signed() | {"signature": erp.signed()["signature"].replace("+", "%2B") + "%3D"}) == "10019"
    assert code(erp.signed(timestamp=str(int(time.time() * 1000) - 3_600_000))) == "10020"


def test_signatures_are_those_other_clients_make(shared_reference: Path) -> None:
    vectors = json.loads((shared_reference / "yonyou" / "signature_vectors.json").read_text(encoding="utf-8"))
    for vector in vectors["bip_token_signature"]:
        assert signature(vector["params"], vector["secret"]) == vector["signature_base64"]


def test_a_token_lives_two_hours_of_the_sandbox() -> None:
    with yb.running(date=TODAY) as erp:
        assert erp.post(yb.ORDERS + "list", pageIndex=1, pageSize=1)["code"] == "200"
        erp.control("advance", {"days": 1})
        assert erp.post(yb.ORDERS + "list", pageIndex=1, pageSize=1)["code"] == "310036"


# --- the gateway -----------------------------------------------------------------------------------------------------


def test_checks_come_in_the_gateway_s_order(erp: Yonbip) -> None:
    def refused(path: str, body: Any, **query: Any) -> tuple[int, Any]:
        answer = erp.raw(path, body, **query)
        return answer.status_code, answer.json()["code"]

    assert refused("/yonbip/sd/nothing/list", b"no json", access_token="bad") == (404, "310404")
    assert refused(yb.ORDERS + "detail", {}, access_token="bad") == (200, "310405")
    assert refused(yb.ORDERS + "list", b"no json", access_token="") == (200, "310001")
    assert refused(yb.ORDERS + "list", b"no json", access_token="bad") == (200, "310036")
    assert refused(yb.ORDERS + "list", b"no json") == (200, "310002")
    assert refused(yb.ORDERS + "list", {"pageIndex": 1}) == (200, "310008")
    assert refused(yb.ORDERS + "list", {"pageIndex": 1, "pageSize": "many"}) == (200, "310023")
    page = {"pageIndex": 1, "pageSize": 5, "beganTime": "2026-01-01 00:00:00"}
    assert refused(yb.MERCHANT + "newlist", page | {"simpleVOs": 1}) == (200, "310023")
    assert refused(yb.MERCHANT + "newBatchDetail", {"data": [None]}) == (200, "310023")


def test_a_token_comes_in_the_query_or_in_a_header(erp: Yonbip) -> None:
    answer = erp.http.post(
        "/iuap-api-gateway" + yb.ORDERS + "list", json={"pageIndex": "1", "pageSize": "1"},
        headers={"access_token": erp.token},
    )  # fmt: skip
    assert answer.json()["code"] == "200"


def test_one_service_refuses_a_token_in_bare_text(erp: Yonbip) -> None:
    answer = erp.raw("/yonbip/digitalModel/product/queryByPage", {}, access_token="bad")
    assert (answer.status_code, answer.text) == (200, "非法token")
    assert answer.headers["content-type"].startswith("text/plain")


def test_success_is_spelled_in_several_ways(erp: Yonbip) -> None:
    page = {"pageIndex": 1, "pageSize": 1}
    assert erp.post(yb.ORDERS + "list", page)["code"] == "200"
    assert erp.post(yb.BILLS, page)["code"] == 200
    assert erp.post("/yonbip/crm/oppt/bill/list", page)["code"] == "0"
    assert isinstance(erp.post(yb.MERCHANT + "newlist", page)["data"], list)


def test_a_quota_counts_the_last_sixty_seconds() -> None:
    now = 100.0
    quotas = Quotas(lambda: now)
    for _ in range(60):
        quotas.take("orders", 60)
    with pytest.raises(RefusalError, match="310046"):
        quotas.take("orders", 60)
    quotas.take("invoices", 40)
    now += 59.9
    with pytest.raises(RefusalError):
        quotas.take("orders", 60)
    now += 0.2
    quotas.take("orders", 60)


def test_quotas_hold_for_each_api_until_they_are_lifted() -> None:
    with yb.running(date=TODAY, options={"quotas": 2}) as erp:

        def codes(path: str, times: int) -> list[str]:
            return [str(erp.post(path, pageIndex=1, pageSize=1)["code"]) for _ in range(times)]

        assert codes(yb.ORDERS + "list", 3) == ["200", "200", "310046"]
        assert codes(yb.OAR, 3) == ["200", "200", "310046"]
        assert codes(yb.INVOICE + "list", 3) == ["200"] * 3  # nothing is published for it
        erp.control("options", {"quotas": "off"})
        assert codes(yb.ORDERS + "list", 3) == ["200"] * 3


def test_sixty_orders_and_forty_finance_calls_a_minute_are_the_published_numbers() -> None:
    with yb.running(date=TODAY, options={}) as erp:
        for path, published in ((yb.ORDERS + "list", 60), (yb.RECEIVABLE + "list", 40)):
            codes = [erp.post(path, pageIndex=1, pageSize=1)["code"] for _ in range(published + 1)]
            assert codes == ["200"] * published + ["310046"]


def test_an_api_that_was_not_granted_to_the_app(erp: Yonbip) -> None:
    erp.control("options", {"not_granted": yb.OAR})
    assert erp.post(yb.OAR, pageIndex=1, pageSize=1)["code"] == "310037"
    assert erp.post(yb.BILLS, pageIndex=1, pageSize=1)["code"] == 200
    erp.control("options", {"not_granted": ""})
    assert erp.post(yb.OAR, pageIndex=1, pageSize=1)["code"] == "200"
    assert erp.http.post("/_sandbox/options", json={"nothing": 1}).status_code == 400
    assert erp.http.post("/_sandbox/options", json={"quotas": "many"}).status_code == 400


# --- lists -----------------------------------------------------------------------------------------------------------


def test_lines_stand_flat_beside_their_header(erp: Yonbip) -> None:
    heads = erp.rows(yb.ORDERS + "list", isSum=True)
    flat = erp.rows(yb.ORDERS + "list")
    assert len({row["id"] for row in flat}) == len(heads) < len(flat)
    assert "orderDetailId" not in heads[0]
    for head in heads:
        assert sum(row["oriSum"] for row in flat if row["id"] == head["id"]) == head["payMoney"]


def test_the_last_page_of_lines_ends_with_a_total_that_is_not_counted(erp: Yonbip) -> None:
    first = erp.post(yb.ORDERS + "list", pageIndex=1, pageSize=7)["data"]
    last = erp.post(yb.ORDERS + "list", pageIndex=first["pageCount"], pageSize=7)["data"]
    assert [row["code"] for row in first["recordList"]].count("合计") == 0
    assert last["recordList"][-1]["vouchdate"] == "合计"
    assert first["recordCount"] == 7 * (first["pageCount"] - 1) + len(last["recordList"]) - 1


def test_a_document_may_begin_on_one_page_and_end_on_the_next(erp: Yonbip) -> None:
    by_id = {"queryOrders": [{"field": "id", "order": "asc"}]}
    ids = [row["id"] for row in erp.rows(yb.ORDERS + "list", **by_id)]
    assert ids == sorted(ids)
    size = next(at for at in range(1, len(ids)) if ids[at - 1] == ids[at])
    first = erp.rows(yb.ORDERS + "list", pageSize=size, **by_id)
    second = erp.rows(yb.ORDERS + "list", pageSize=size, pageIndex=2, **by_id)
    assert first[-1]["id"] == second[0]["id"] and first[-1]["orderDetailId"] != second[0]["orderDetailId"]


def test_what_the_order_leaves_open_differs_from_page_to_page(erp: Yonbip) -> None:
    def ids(at: int, *fields: str) -> list[int]:
        orders = [{"field": field, "order": "asc"} for field in fields]
        page = erp.post(yb.MERCHANT + "newlist", pageIndex=at, pageSize=12, queryOrders=orders)["data"]
        return [row["id"] for row in page]

    everyone = {row["id"] for row in erp.rows(yb.MERCHANT + "newlist")}
    assert len(everyone) == 24
    assert set(ids(1, "pubts", "id") + ids(2, "pubts", "id")) == everyone
    assert set(ids(1, "pubts") + ids(2, "pubts")) < everyone  # all entered in one second


def test_conditions(erp: Yonbip) -> None:
    def found(path: str, *conditions: dict[str, Any], **more: Any) -> list[Any]:
        return erp.rows(path, simpleVOs=list(conditions), isSum=True, **more)

    every = erp.rows(yb.ORDERS + "list", isSum=True)
    one = every[3]
    by_code = {"field": "code", "op": "eq", "value1": one["code"]}
    assert found(yb.ORDERS + "list", by_code) == [one]
    assert found(yb.ORDERS + "list", code=one["code"]) == [one]
    assert len(found(yb.ORDERS + "list", {**by_code, "op": "neq"})) == len(every) - 1
    agent = {"field": "agentId", "op": "eq", "value1": str(one["agentId"])}
    assert {row["agentId"] for row in found(yb.ORDERS + "list", agent)} == {one["agentId"]}
    either = found(yb.ORDERS + "list", {**by_code, "logicOp": "or"}, {**by_code, "value1": every[5]["code"]})
    assert {row["id"] for row in either} == {one["id"], every[5]["id"]}
    nested = {"logicOp": "or", "conditions": [by_code, {**by_code, "value1": every[5]["code"]}]}
    assert found(yb.ORDERS + "list", nested) == either
    days = {"field": "vouchdate", "op": "between", "value1": "2026-05-01 00:00:00", "value2": "2026-05-31 23:59:59"}
    assert {row["vouchdate"][:7] for row in found(yb.ORDERS + "list", days)} == {"2026-05"}
    bounds = {"open_vouchdate_begin": days["value1"], "open_vouchdate_end": days["value2"]}
    assert found(yb.ORDERS + "list", **bounds) == found(yb.ORDERS + "list", days)
    waiting = erp.rows(yb.ORDERS + "list", isSum=True, nextStatusName="DELIVERGOODS")
    assert {row["nextStatus"] for row in waiting} == {"DELIVERGOODS"}
    product = erp.rows(yb.ORDERS + "list")[0]["productId"]
    lines = erp.rows(yb.ORDERS + "list", simpleVOs=[{"field": "orderDetails.productId", "op": "eq", "value1": product}])
    assert {row["productId"] for row in lines} == {product}
    large = erp.rows(yb.OAR, simpleVOs=[{"field": "balance", "op": "gt", "value1": "100000"}])
    assert large and all(row["balance"] > 100000 for row in large)


def test_conditions_that_are_refused(erp: Yonbip) -> None:
    def code(path: str, **condition: Any) -> str:
        return str(erp.post(path, pageIndex=1, pageSize=1, simpleVOs=[condition])["code"])

    assert code(yb.ORDERS + "list", field="pubts", op="ge", value1="2026-01-01 00:00:00") == "506"
    assert code(yb.ORDERS + "list", field="pubts", op="egt", value1="2026-01-01 00:00:00") == "506"
    assert code(yb.INVOICE + "list", field="pubts", op="egt", value1="2026-01-01 00:00:00") == "200"
    assert code(yb.ORDERS + "list", field="pubts", op="between", value1="2026-01-01 00:00:00") == "506"
    assert code(yb.ORDERS + "list", field="noSuchField", op="eq", value1="1") == "999"


def test_changes_are_found_by_their_stamp_in_china_time() -> None:
    with yb.running(date=TODAY) as erp:
        clock = erp.control("health")["clock"]
        assert clock.startswith("2026-06-15T12:00")
        order = erp.save(erp.order())["data"]
        assert order["pubts"].startswith("2026-06-15 20:00") and len(order["pubts"]) == 19
        window = {
            "field": "pubts", "op": "between", "value1": "2026-06-15 20:00:00", "value2": "2026-06-15 20:59:59",
        }  # fmt: skip
        assert [row["id"] for row in erp.rows(yb.ORDERS + "list", simpleVOs=[window])] == [order["id"]]
        assert erp.rows(yb.RECEIVABLE + "list", simple={"open_pubts_begin": "2026-06-15 20:00:00"}) == []
        assert len(erp.rows(yb.MERCHANT + "newlist", pubts="2020-01-01 00:00:00")) == 24
        assert erp.rows(yb.MERCHANT + "newlist", pubts="2026-06-15 20:00:00") == []
        erp.control("mutate", {"what": "rename", "customer": "K1002", "name": "堇川食品"})
        changed = erp.rows(yb.MERCHANT + "newlist", pubts="2026-06-15 20:00:00")
        assert [(row["code"], row["name"]["simplifiedName"]) for row in changed] == [("K1002", "堇川食品")]


def test_ids_are_longer_than_a_float_can_hold(erp: Yonbip) -> None:
    number, text = erp.rows(yb.ORDERS + "list")[0]["id"], erp.rows(yb.COLLECTIONS)[0]["id"]
    assert isinstance(number, int) and len(str(number)) == 19 and int(float(number)) != number
    assert isinstance(text, str) and len(text) == 19


def test_details(erp: Yonbip) -> None:
    lists = (
        (yb.ORDERS, "orderDetails"), (yb.DELIVERY, "deliveryDetails"), (yb.INVOICE, "saleInvoiceDetails"),
        (yb.SACT, "childs"), ("/yonbip/scm/salesout/", "details"),
    )  # fmt: skip
    for root, lines in lists:
        row = erp.rows(root + "list")[0]
        detail = erp.get(root + "detail", id=row["id"])["data"]
        assert detail["code"] == row["code"] and detail[lines], root
    receivable = erp.rows(yb.RECEIVABLE + "list")[0]
    plan = erp.get(yb.RECEIVABLE + "detail", id=receivable["id"])["data"]["bodyItem"][0]["grandsonItem"]
    assert sum(part["oriTaxIncludedAmount"] for part in plan) == receivable["bodyItemOriTaxIncludedAmount"]
    assert erp.get(yb.ORDERS + "detail", id=1)["message"] == "未获取到当前订单商品信息"
    assert erp.get(yb.INVOICE + "detail", id=1)["code"] == "1002"


def test_products_are_asked_for_in_two_shapes(erp: Yonbip) -> None:
    path = "/yonbip/digitalModel/product/queryByPage"
    flat = erp.post(path, pageIndex=1, pageSize=3)["data"]
    condition = {"simpleVOs": [{"conditions": [{"field": "code", "op": "eq", "value1": "LQ-1010"}]}]}
    nested = erp.post(path, page={"pageIndex": 1, "pageSize": 3}, condition=condition)["data"]
    assert (flat["recordCount"], nested["recordCount"]) == (20, 1)
    assert nested["recordList"][0]["name"]["simplifiedName"]
    assert erp.post(path, {})["code"] == "310008"


def test_amounts_are_exact(erp: Yonbip) -> None:
    for row in erp.rows(yb.INVOICE + "list", isSum=True):
        assert row["oriMoney"] + row["oriTax"] == row["oriSum"]
        assert isinstance(row["oriSum"], int | Decimal)
