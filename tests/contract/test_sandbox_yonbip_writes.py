"""What the YonBIP sandbox takes: customers, orders through their states, contracts, deliveries; keys sent twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.contract import yonbip_client as yb
from tests.contract.yonbip_client import Json, Yonbip

pytestmark = pytest.mark.contract
TODAY = date(2026, 6, 15)


@pytest.fixture(scope="module")
def running() -> Iterator[Yonbip]:
    with yb.running(date=TODAY) as client:
        yield client


@pytest.fixture
def erp(running: Yonbip) -> Yonbip:
    running.token = running.fetch_token()["data"]["access_token"]
    return running


def detail(erp: Yonbip, order: Json) -> Json:
    return erp.get(yb.ORDERS + "detail", id=order["id"])["data"]  # type: ignore[no-any-return]


# --- orders ----------------------------------------------------------------------------------------------------------


def test_an_order_goes_from_open_to_done() -> None:
    with yb.running(date=TODAY) as erp:
        order = erp.save(erp.order("CT7-Q1"))["data"]
        assert [order[name] for name in ("status", "verifystate", "nextStatus", "out_sys_id")] == [
            0, 0, "CONFIRMORDER", "CT7-Q1",
        ]  # fmt: skip
        assert (order["payMoney"], order["orderPrices"]["originalCode"]) == (1130, "CNY")
        assert order["orderDetails"][0]["orderDetailPrices"]["oriMoney"] == 1000
        assert erp.act("batchaudit", order["id"])["failCount"] == 1  # not submitted
        assert erp.act("batchsubmit", order["id"])["infos"][0]["nextStatus"] == "APPROVING"
        assert detail(erp, order)["status"] == 3
        assert erp.act("batchaudit", order["id"])["failCount"] == 0
        assert [detail(erp, order)[name] for name in ("status", "verifystate", "nextStatus")] == [
            1, 2, "DELIVERGOODS",
        ]  # fmt: skip
        erp.control("advance", {"days": 8})
        erp.token = erp.fetch_token()["data"]["access_token"]
        done = detail(erp, order)
        assert (done["nextStatus"], done["orderDetails"][0]["invoiceOriSum"]) == ("ENDORDER", 1130)
        delivery = next(row for row in erp.rows(yb.DELIVERY + "list") if row["orderId"] == order["id"])
        assert (delivery["orderDetailId"], delivery["status"]) == (done["orderDetails"][0]["id"], 1)
        invoice = next(row for row in erp.rows(yb.INVOICE + "list") if row.get("orderId") == order["id"])
        event = next(row for row in erp.rows(yb.OAR) if row["srcbillno"] == invoice["code"])
        assert (event["oriSum"], event["orderno"]) == (1130, order["code"])


def test_references_are_ids_or_codes(erp: Yonbip) -> None:
    by_code = erp.save(erp.order())["data"]
    line = by_code["orderDetails"][0]
    again = erp.order(
        salesOrgId=by_code["salesOrgId"], agentId=str(by_code["agentId"]), invoiceAgentId=by_code["agentId"],
        transactionTypeId=by_code["transactionTypeId"], settlementOrgId=by_code["settlementOrgId"],
        orderDetails=[erp.line("1130", "10", productId=line["productId"], masterUnitId=line["masterUnitId"])],
        **{"orderPrices!currency": by_code["orderPrices"]["currency"]},
    )  # fmt: skip
    by_id = erp.save(again)["data"]
    same = ("agentId", "salesOrgId", "payMoney")
    assert [by_id[name] for name in same] == [by_code[name] for name in same]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"payMoney": 1129}, "999"), ({"agentId": "NOBODY"}, "999"), ({"salesOrgId": "XX"}, "999"),
        ({"purchaseNo": "x", "orderPrices!currency": None}, "310008"),
        ({"orderPrices": {"currency": "CNY"}, "orderPrices!currency": None}, "310008"),
        ({"_status": None}, "310008"), ({"vouchdate": "yesterday"}, "310023"), ({"orderDetails": []}, "310008"),
        ({"orderPrices!natCurrency": "USD"}, "999"), ({"receiveAgreementId": "NEVER"}, "999"),
    ],
)  # fmt: skip
def test_a_wrong_header_is_refused_and_leaves_no_trace(erp: Yonbip, changes: Json, code: str) -> None:
    before = erp.control("book?object=orders")["documents"]
    assert erp.save(erp.order(**changes))["code"] == code
    assert erp.control("book?object=orders")["documents"] == before


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"orderDetailPrices!oriTax": 1}, "999"), ({"qty": 0, "subQty": 0, "priceQty": 0}, "999"),
        ({"oriSum": None}, "310008"), ({"productId": "NOTHING"}, "999"), ({"taxId": "VATX"}, "999"),
        ({"subQty": 5}, "999"), ({"masterUnitId": "KG"}, "999"), ({"_status": None}, "310008"),
        ({"oriSum": "1130.001", "orderDetailPrices!oriTax": "130.001"}, "999"), ({"qty": "ten"}, "999"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_refused(erp: Yonbip, changes: Json, code: str) -> None:
    assert erp.save(erp.order(orderDetails=[erp.line("1130", "10", **changes)]))["code"] == code


def test_an_open_order_is_changed_with_its_lines(erp: Yonbip) -> None:
    order = erp.save(erp.order("CT7-Q2", purchaseNo="PO-1", memo="please"))["data"]
    line = order["orderDetails"][0]
    changed = erp.save({
        "_status": "Update", "id": order["id"], "payMoney": "3390", "purchaseNo": None, "orderDetails": [
            {**erp.line("2260", "20"), "_status": "Update", "id": line["id"]}, erp.line("1130", "10"),
        ],
    })["data"]  # fmt: skip
    assert (changed["id"], changed["code"], changed["payMoney"]) == (order["id"], order["code"], 3390)
    assert [one["qty"] for one in changed["orderDetails"]] == [20, 10]
    assert (changed["purchaseNo"], changed["memo"], changed["out_sys_id"]) == (None, "please", "CT7-Q2")
    fewer = {
        "_status": "Update", "id": order["id"], "payMoney": "1130",
        "orderDetails": [{"_status": "Delete", "id": line["id"]}],
    }  # fmt: skip
    assert [one["qty"] for one in erp.save(fewer)["data"]["orderDetails"]] == [10]
    assert erp.save({"_status": "Update", "id": order["id"], "agentId": "K1003"})["code"] == "999"
    assert erp.save({"_status": "Update", "id": order["id"], "payMoney": 7})["code"] == "999"
    assert erp.save({"_status": "Update", "id": 12345})["code"] == "1002"


def test_only_an_open_order_is_changed_or_deleted(erp: Yonbip) -> None:
    order = erp.approved(erp.order())
    change = {"_status": "Update", "id": order["id"], "memo": "later"}
    assert erp.save(change)["code"] == "999"
    delete = {"data": {"id": [order["id"]]}}
    gone = erp.post(yb.ORDERS + "delete", delete)
    assert (gone["code"], gone["data"]["failCount"]) == ("200", 1)
    assert erp.act("batchunaudit", order["id"])["failCount"] == 0
    assert erp.save(change)["data"]["memo"] == "later"
    assert erp.post(yb.ORDERS + "delete", delete)["data"]["sucessCount"] == 1
    assert erp.get(yb.ORDERS + "detail", id=order["id"])["code"] == "999"
    assert erp.post(yb.ORDERS + "delete", {"data": {"id": [], "code": []}})["code"] == "999"


def test_closing_opposing_and_lines(erp: Yonbip) -> None:
    order = erp.approved(erp.order(payMoney=2260, orderDetails=[erp.line("1130", "10"), erp.line("1130", "10")]))
    first = order["orderDetails"][0]["id"]
    lines = {"data": [{"id": order["id"], "orderDetails": [{"id": first}]}]}
    assert erp.post(yb.ORDERS + "lineclose", lines)["data"]["failCount"] == 0
    assert [one["lineStatus"] for one in detail(erp, order)["orderDetails"]] == [2, 0]
    assert erp.post(yb.ORDERS + "lineopen", lines)["data"]["failCount"] == 0
    close = {"data": [{"id": order["id"], "code": order["code"], "status": 1, "lockIn": False}]}
    closed = erp.post(yb.ORDERS + "close", close)["data"]["infos"][0]
    assert (closed["status"], closed["nextStatus"]) == (2, "CLOSEDORDER")
    assert erp.post(yb.ORDERS + "close", close)["data"]["failCount"] == 1
    assert erp.post(yb.ORDERS + "open", close)["data"]["infos"][0]["status"] == 1
    assert erp.act("oppose", order["id"])["failCount"] == 1  # audited already
    other = erp.save(erp.order())["data"]
    assert erp.act("oppose", other["id"])["infos"][0]["nextStatus"] == "OPPOSE"


def test_a_batch_says_200_and_tells_row_by_row(erp: Yonbip) -> None:
    good = erp.save(erp.order())["data"]
    answer = erp.post(yb.ORDERS + "batchsubmit", {"data": [{"id": good["id"]}, {"id": 1}, {"id": str(good["id"])}]})
    data = answer["data"]
    assert (answer["code"], data["count"], data["sucessCount"], data["failCount"]) == ("200", 3, 1, 2)
    assert len(data["messages"]) == 2 and [info["id"] for info in data["infos"]] == [good["id"]]


def test_an_order_over_the_limit_waits_for_a_workflow() -> None:
    with yb.running(date=TODAY) as erp:
        limit = {"what": "credit_limit", "customer": "K1002", "amount": "10", "currency": "CNY"}
        erp.control("mutate", limit)
        order = erp.save(erp.order())["data"]
        assert order["isWfControlled"] is True
        erp.act("batchsubmit", order["id"])
        assert erp.act("batchaudit", order["id"])["failCount"] == 1
        assert detail(erp, order)["nextStatus"] == "APPROVING"
        erp.control("mutate", {"what": "release_credit", "order": order["code"]})
        assert detail(erp, order)["nextStatus"] == "DELIVERGOODS"


# --- keys sent twice -------------------------------------------------------------------------------------------------


def test_a_key_gives_the_first_reply_for_an_hour_and_then_names_the_order() -> None:
    with yb.running(date=TODAY) as erp:
        sent = erp.order("CT7-Q3", resubmitCheckKey="a" * 32)
        first = erp.save(sent)
        assert first["data"]["resubmitCheckKey"].startswith("OPENAPI_")
        assert erp.save(sent) == first
        erp.control("advance", {"days": 1})
        erp.token = erp.fetch_token()["data"]["access_token"]
        late = erp.save(sent)
        assert (late["code"], late["data"]) == ("10004", {"id": first["data"]["id"]})
        orders = [order for order in erp.book("orders") if order["key"]["out_sys_id"] == "CT7-Q3"]
        assert [order["created_count"] for order in orders] == [1]
        assert erp.save({**sent, "resubmitCheckKey": "b" * 32})["code"] == "200"
        assert {o["created_count"] for o in erp.book("orders") if o["key"]["out_sys_id"] == "CT7-Q3"} == {2}
        assert erp.save({**sent, "resubmitCheckKey": "c" * 33})["code"] == "310024"


def test_a_refused_save_does_not_use_up_its_key(erp: Yonbip) -> None:
    assert erp.save(erp.order(payMoney=1, resubmitCheckKey="k-refused"))["code"] == "999"
    assert erp.save(erp.order(resubmitCheckKey="k-refused"))["code"] == "200"


def test_the_same_key_means_something_else_to_another_api(erp: Yonbip) -> None:
    customer = {"code": "N-KEY", "name": {"simplifiedName": "新客户"}, "createOrgCode": "CN01"}
    order = erp.save(erp.order(resubmitCheckKey="k-shared"))
    made = erp.post(yb.MERCHANT + "idempotent/newinsert", {"data": {**customer, "resubmitCheckKey": "k-shared"}})
    assert (order["code"], made["code"]) == ("200", "200")


# --- customers -------------------------------------------------------------------------------------------------------


def test_a_customer_is_inserted_once_and_found_by_its_code(erp: Yonbip) -> None:
    data = {
        "code": "CT7-C1", "name": {"simplifiedName": "新客户有限公司", "englishName": "New Customer"},
        "createOrgCode": "CN01", "creditCode": "91320500MA1XYZ0001", "email": "ap@example.com", "contactName": "王",
        "merchantAppliedDetail": {"transactionCurrencyName": "美元", "collectionAgreementName": "N30"},
        "merchantAddressInfos": [{"addressCode": "A1", "address": "新路 1 号", "isDefault": True}],
        "resubmitCheckKey": "customer-1",
    }  # fmt: skip
    answer = erp.post(yb.MERCHANT + "idempotent/newinsert", {"data": data})
    assert (answer["code"], answer["success"], answer["data"][0]["code"]) == ("200", True, "CT7-C1")
    assert erp.post(yb.MERCHANT + "idempotent/newinsert", {"data": data}) == answer
    again = erp.post(yb.MERCHANT + "idempotent/newinsert", {"data": {**data, "resubmitCheckKey": "customer-2"}})
    assert (again["code"], again["data"]) == (0, None)
    row = erp.rows(yb.MERCHANT + "newlist", code="CT7-C1")[0]
    assert (row["name"]["englishName"], row["creditCode"]) == ("New Customer", data["creditCode"])
    found = erp.post(yb.MERCHANT + "newBatchDetail", [{"code": "CT7-C1"}])["data"][0]
    assert found["merchantAddressInfos"][0]["address"] == "新路 1 号"
    terms = found["merchantApplyRanges"][0]
    assert (terms["orgIdCode"], terms["transactionCurrencyCode"], terms["collectionAgreementCode"]) == (
        "CN01", "USD", "N30",
    )  # fmt: skip
    assert erp.save(erp.order(agentId="CT7-C1", invoiceAgentId="CT7-C1"))["code"] == "200"


@pytest.mark.parametrize(
    "changes", [{"name": None}, {"code": None}, {"createOrgCode": "XX"}, {"name": {"simplifiedName": ""}}]
)
def test_a_customer_without_what_it_needs_is_refused_with_the_number_zero(erp: Yonbip, changes: Json) -> None:
    data = {"code": "CT7-C2", "name": {"simplifiedName": "客户"}, "createOrgCode": "CN01"} | changes
    answer = erp.post(yb.MERCHANT + "idempotent/newinsert", {"data": data})
    assert (answer["code"], answer["data"]) == (0, None) and answer["message"]


def test_a_customer_is_updated_stopped_and_resumed(erp: Yonbip) -> None:
    update = {"code": "K1004", "name": {"simplifiedName": "玖禾包装"}, "createOrgCode": "CN01", "email": None}
    assert erp.post(yb.MERCHANT + "newupdate", update)["code"] == 0  # 企业类型 is missing
    update["enterpriseNature"] = 0
    assert erp.post(yb.MERCHANT + "newupdate", {**update, "merchantApplyRanges": [{"orgIdCode": "US01"}]})["success"]
    row = erp.post(yb.MERCHANT + "newBatchDetail", {"code": "K1004"})["data"][0]
    assert (row["name"]["simplifiedName"], row["email"]) == ("玖禾包装", None)
    assert [each["orgIdCode"] for each in row["merchantApplyRanges"]] == ["CN01", "US01"]
    assert erp.post(yb.MERCHANT + "stop", {"data": [{"id": row["id"]}]})["data"]["sucessCount"] == 1
    assert erp.save(erp.order(agentId="K1004"))["code"] == "999"
    assert erp.post(yb.MERCHANT + "unstop", {"data": [{"id": row["id"]}]})["data"]["sucessCount"] == 1
    assert erp.save(erp.order(agentId="K1004"))["code"] == "200"


# --- contracts, deliveries -------------------------------------------------------------------------------------------


def contract(**changes: Any) -> Json:
    child = {
        "_status": "Insert", "productId": "LQ-1010", "qty": 1, "subQty": 1, "priceQty": 1, "oriMoney": 1000,
        "oriSum": 1130, "taxRate": 13,
    }  # fmt: skip
    return {
        "_status": "Insert", "salesOrgId": "CN01", "transactionTypeId": "SACT01", "code": "SUB-9", "agentId": "K1002",
        "vouchdate": "2026-06-15 00:00:00", "invoiceAgentId": "K1002", "currency": "CNY", "natCurrency": "CNY",
        "exchangeRateType": "01", "planEffectiveDate": "2026-07-01", "planExpirationDate": "2027-06-30",
        "out_sys_id": "CT7-S1", "childs": [child],
    } | changes  # fmt: skip


def test_a_contract_takes_effect_is_frozen_and_stopped(erp: Yonbip) -> None:
    made = erp.post(yb.SACT + "save", {"data": contract()})["data"]
    assert (made["contractStatus"], made["planExpirationDate"]) == (0, "2027-06-30 00:00:00")
    steps = (
        ("sactsubmit", 3), ("batchaudit", 1), ("sactEffect", 5), ("sactfreeze", 6), ("sactunfreeze", 5),
        ("sactstop", 7), ("sactunstop", 5), ("sactuneffect", 1),
    )  # fmt: skip
    for action, state in steps:
        done = erp.post(yb.SACT + action, {"data": [{"id": made["id"]}]})["data"]
        assert done["failCount"] == 0, done
        assert done["infos"][0]["contractStatus"] == state
    assert erp.post(yb.SACT + "sactEffect", {"data": {"id": made["id"]}})["data"]["sucessCount"] == 1
    assert erp.post(yb.SACT + "sactsubmit", {"data": {"id": made["id"]}})["data"]["failCount"] == 1
    assert erp.post(yb.SACT + "save", {"data": contract()})["code"] == "999"  # the code is taken
    assert erp.post(yb.SACT + "save", {"data": contract(code="SUB-10", childs=None)})["code"] == "310008"
    renewal = contract(code="SUB-9-2", srcContractId=made["id"], planEffectiveDate="2027-07-01",
                       planExpirationDate="2028-06-30")  # fmt: skip
    assert erp.post(yb.SACT + "save", {"data": renewal})["data"]["srcContractNo"] == "SUB-9"
    assert [row["code"] for row in erp.rows(yb.SACT + "list", code="SUB-9")] == ["SUB-9"]


def test_a_delivery_is_made_from_an_audited_order(erp: Yonbip) -> None:
    draft = erp.save(erp.order())["data"]
    assert erp.post(yb.DELIVERY + "singleSave", {"data": {"orderId": draft["id"]}})["code"] == "999"
    order = erp.approved(erp.order())
    line = order["orderDetails"][0]["id"]
    part = {"orderId": order["id"], "deliveryDetails": [{"orderDetailId": line, "qty": 4}]}
    made = erp.post(yb.DELIVERY + "singleSave", {"data": part})["data"]
    assert (made["status"], made["deliveryDetails"][0]["qty"]) == (0, 4)
    too_much = {"orderId": order["id"], "deliveryDetails": [{"orderDetailId": line, "qty": 7}]}
    assert erp.post(yb.DELIVERY + "singleSave", {"data": too_much})["code"] == "999"
    for action, state in (("submit", 3), ("audit", 1), ("unaudit", 0)):
        assert erp.post(yb.DELIVERY + action, {"data": [{"id": made["id"]}]})["data"]["failCount"] == 0
        assert erp.get(yb.DELIVERY + "detail", id=made["id"])["data"]["status"] == state
    assert erp.act("batchunaudit", order["id"])["failCount"] == 1  # there is a delivery
    assert erp.post(yb.DELIVERY + "batchdelete", {"data": [{"id": made["id"]}]})["data"]["failCount"] == 0
    rest = erp.post(yb.DELIVERY + "saveFromSaleOrder", {"data": {"orderId": order["id"]}})["data"]
    assert rest["deliveryDetails"][0]["qty"] == 10


def test_service_dates_of_a_line_are_kept(erp: Yonbip) -> None:
    start, end = TODAY, TODAY + timedelta(days=364)
    line = erp.line("1130", "10", **{
        "orderDetailPrices!serviceStartDate": f"{start} 00:00:00",
        "orderDetailPrices!serviceEndDate": f"{end} 00:00:00",
    })  # fmt: skip
    prices = erp.save(erp.order(orderDetails=[line]))["data"]["orderDetails"][0]["orderDetailPrices"]
    assert (prices["serviceStartDate"], prices["serviceEndDate"]) == (f"{start} 00:00:00", f"{end} 00:00:00")
    assert prices["oriMoney"] == Decimal(1000)


# --- invoices --------------------------------------------------------------------------------------------------------


def invoice_of(order: Json, **changes: Any) -> Json:
    return {
        "_status": "Insert", "orgId": "CN01", "agentId": "K1002", "invAgentId": "K1002", "currency": "CNY",
        "natCurrency": "CNY", "exchangeRateType": "01", "vouchdate": "2026-06-15 00:00:00", "source": "voucher_order",
        "saleInvoiceDetails": [{"_status": "Insert", "orderDetailId": order["orderDetails"][0]["id"], "qty": 4}],
    } | changes  # fmt: skip


def test_an_invoice_is_a_receivable_once_it_is_audited(erp: Yonbip) -> None:
    order = erp.approved(erp.order())
    made = erp.post(yb.INVOICE + "singleSave", {"data": invoice_of(order)})["data"]
    assert (made["status"], made["oriSum"], made["oriMoney"]) == (0, 452, 400)

    def receivables() -> list[Json]:
        return [row for row in erp.rows(yb.OAR) if row["srcbillno"] == made["code"]]

    def act(action: str, invoice: Json) -> Json:
        return erp.post(yb.INVOICE + action, {"data": [{"id": invoice["id"]}]})["data"]  # type: ignore[no-any-return]

    assert receivables() == [] and detail(erp, order)["orderDetails"][0]["invoiceQty"] == 0
    assert act("submit", made)["infos"][0]["status"] == 3
    assert act("audit", made)["infos"][0]["status"] == 1
    assert [row["balance"] for row in receivables()] == [452]
    assert detail(erp, order)["orderDetails"][0]["invoiceQty"] == 4
    assert act("delete", made)["failCount"] == 1
    red = act("red", made)["infos"][0]
    assert (red["blueInvNo"], red["oriSum"], red["redType"]) == (made["code"], -452, 1)
    assert [row["balance"] for row in receivables()] == [0]
    assert act("red", made)["failCount"] == 1
    other = erp.post(yb.INVOICE + "singleSave", {"data": invoice_of(order)})["data"]
    assert act("delete", other)["failCount"] == 0
    assert erp.get(yb.INVOICE + "detail", id=other["id"])["code"] == "1002"


def test_an_invoice_bills_no_more_than_was_ordered(erp: Yonbip) -> None:
    order = erp.approved(erp.order())
    too_much = [{"_status": "Insert", "orderDetailId": order["orderDetails"][0]["id"], "qty": 11}]
    assert (
        erp.post(yb.INVOICE + "singleSave", {"data": invoice_of(order, saleInvoiceDetails=too_much)})["code"] == "999"
    )
    assert erp.post(yb.INVOICE + "singleSave", {"data": invoice_of(order, source=None)})["code"] == "310008"
    draft = erp.save(erp.order())["data"]
    assert erp.post(yb.INVOICE + "singleSave", {"data": invoice_of(draft)})["code"] == "999"


def test_a_goods_issue_is_invoiced_as_a_whole() -> None:
    with yb.running(date=TODAY) as erp:
        order = erp.approved(erp.order())
        erp.control("advance", {"days": 2})
        erp.token = erp.fetch_token()["data"]["access_token"]
        issue = next(row for row in erp.rows("/yonbip/scm/salesout/list") if row["orderId"] == order["id"])
        made = erp.post(yb.INVOICE + "saveForSalesOut", {"data": {"id": issue["id"]}})["data"]
        assert made["source"] == "st_salesout" and made["saleInvoiceDetails"][0]["qty"] == issue["qty"]
        assert erp.post(yb.INVOICE + "audit", {"data": {"id": made["id"]}})["data"]["failCount"] == 0
        assert erp.post(yb.INVOICE + "saveForSalesOut", {"data": {"id": issue["id"]}})["code"] == "999"
