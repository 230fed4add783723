"""Every code of the gateway by what must be done about it, and writes that must be booked once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
import respx

from connectors.base import Ack, Position
from connectors.errors import (
    AccessError,
    ConfigurationError,
    ConnectorError,
    OutcomeUnknownError,
    PermanentError,
    RateLimitedError,
    RecordRejectedError,
    TransientError,
)
from connectors.yonbip.connector import YonBipConnector
from connectors.yonbip.quota import OwnQuota
from tests.unit.yonbip_help import AUDIT, DETAIL, DISCOVERY, LIST, SAVE, SUBMIT, TOKENS, done, order, rows, token
from tests.unit.yonbip_help import connector as open_erp

GATEWAY = {"gatewayUrl": "https://c2.yonyoucloud.com/iuap-api-gateway", "tokenUrl": TOKENS.partition("/open-auth")[0]}
WIRE = {"buyer": "2077", "version": "1", "payMoney": "1.50", "memo": "", "lines": [{"sum": "1.50", "sku": "9"}]}


@pytest.fixture
def routes() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        router.get(DISCOVERY).mock(side_effect=lambda _: done(GATEWAY, code="00000"))
        router.get(TOKENS).mock(side_effect=lambda _: token())
        router.get(DETAIL).mock(side_effect=lambda request: done({"id": request.url.params["id"]}))
        yield router


@pytest.fixture
def erp() -> Iterator[YonBipConnector]:
    found = open_erp(options={"stop_at": "save"})
    found._client.sleep = lambda _: None
    yield found
    found.close()


def push(erp: YonBipConnector, deadline_s: float = 20) -> Ack:
    return erp.push("orders", WIRE, "CT7-Q1", deadline_s=deadline_s)


def body(route: respx.Route) -> dict[str, Any]:
    return json.loads(route.calls.last.request.content)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("code", "read", "write"),
    [
        ("310001", AccessError, AccessError),
        ("310002", PermanentError, RecordRejectedError),
        ("310005", AccessError, AccessError),
        ("310008", PermanentError, RecordRejectedError),
        ("310031", AccessError, AccessError),
        ("310037", AccessError, AccessError),
        ("310046", RateLimitedError, RateLimitedError),
        (310032, RateLimitedError, RateLimitedError),
        ("310043", TransientError, TransientError),
        ("310071", TransientError, OutcomeUnknownError),
        ("310504", TransientError, OutcomeUnknownError),
        ("310404", AccessError, AccessError),
        ("310405", AccessError, AccessError),
        ("315001", TransientError, OutcomeUnknownError),
        ("202", TransientError, OutcomeUnknownError),
        ("999", PermanentError, RecordRejectedError),
        (999, PermanentError, RecordRejectedError),
        (0, PermanentError, RecordRejectedError),
        ("404", PermanentError, RecordRejectedError),
    ],
)
def test_a_code_says_what_to_do(
    routes: respx.MockRouter, erp: YonBipConnector, code: Any, read: type[Exception], write: type[Exception]
) -> None:
    answer = httpx.Response(200, json={"code": code, "message": "某某", "data": None})
    for url in (LIST, SAVE):
        routes.post(url).mock(side_effect=lambda _: answer)
    with pytest.raises(read):
        erp.find("orders", "K")
    with pytest.raises(write) as refused:
        push(erp, deadline_s=0.5)
    assert isinstance(refused.value, ConnectorError) and refused.value.erp_code in (str(code), "")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, json={"code": "500"}),
        httpx.Response(504, text="gateway"),
        httpx.Response(408, json={"message": "request timeout"}),
        httpx.Response(425, text="too early"),
        httpx.Response(200, text='{"code":"200","da'),
        httpx.Response(200, text="<html></html>", headers={"content-type": "text/html"}),
        httpx.ReadError("reset"),
        done({"code": "no id here"}),
    ],
    ids=["500", "504", "408", "425", "half", "page", "reset", "no-id"],
)
def test_a_write_without_a_usable_answer_is_unknown(
    routes: respx.MockRouter, erp: YonBipConnector, answer: Any
) -> None:
    there = routes.post(SAVE).mock(side_effect=[answer])
    with pytest.raises(OutcomeUnknownError):
        push(erp, deadline_s=0.9)
    assert there.call_count == 1


def test_a_proxy_that_wants_credentials_is_a_matter_of_access(routes: respx.MockRouter, erp: YonBipConnector) -> None:
    routes.post(SAVE).respond(407, html="<html>Proxy Authentication Required</html>")
    with pytest.raises(AccessError) as caught:
        push(erp)
    assert caught.value.code == "proxy-refused"


def test_while_it_runs_the_same_key_is_sent_again_and_a_repeated_save_is_success(
    routes: respx.MockRouter, erp: YonBipConnector
) -> None:
    running, gone = done(code="202"), done(code="310504")
    there = routes.post(SAVE).mock(side_effect=[running, gone, done({"id": 2097309745191741483}, code="10004")])
    assert push(erp).external_id == "2097309745191741483"
    keys = {json.loads(call.request.content)["data"]["resubmitCheckKey"] for call in there.calls}
    assert there.call_count == 3 and len(keys) == 1
    assert all(len(key) == 32 for key in keys)


def test_the_check_key_is_the_decision_s_and_its_version_s(routes: respx.MockRouter, erp: YonBipConnector) -> None:
    there = routes.post(SAVE).mock(side_effect=lambda _: done({"id": 1}))

    def key(version: str, name: str) -> str:
        erp.push("orders", {**WIRE, "version": version}, name, deadline_s=9)
        return str(body(there)["data"]["resubmitCheckKey"])

    assert key("1", "CT7-Q1") == key("1", "CT7-Q1")
    assert len({key("1", "CT7-Q1"), key("2", "CT7-Q1"), key("1", "CT7-Q2")}) == 3


def test_a_save_says_what_it_means(routes: respx.MockRouter, erp: YonBipConnector) -> None:
    there = routes.post(SAVE).mock(side_effect=lambda _: done({"id": 1}))
    push(erp)
    sent = json.loads(there.calls.last.request.content, parse_float=Decimal)["data"]
    assert (sent["_status"], sent["outKey"], sent["payMoney"]) == ("Insert", "CT7-Q1", Decimal("1.50"))
    assert sent["lines"] == [{"_status": "Insert", "sum": Decimal("1.50"), "sku": "9"}]
    assert "memo" not in sent


def test_200_does_not_mean_done(routes: respx.MockRouter, erp: YonBipConnector) -> None:
    failed = {"count": 1, "sucessCount": 0, "failCount": 1, "messages": ["单据已审核"], "infos": []}
    routes.post(SAVE).mock(side_effect=lambda _: done(failed))
    with pytest.raises(RecordRejectedError, match="单据已审核"):
        push(erp)


def test_a_document_in_somebody_s_hands_is_tried_later(routes: respx.MockRouter, erp: YonBipConnector) -> None:
    routes.post(SAVE).mock(side_effect=lambda _: done(code="999", message="单据正在被[王]操作"))
    with pytest.raises(TransientError) as refused:
        push(erp)
    assert refused.value.code == "locked"


def test_steps_are_taken_without_a_look_between_and_left_to_a_workflow(routes: respx.MockRouter) -> None:
    erp = open_erp()
    state = {"id": 7, "code": "UO-7", "state": "0", "flow": False}
    routes.post(SAVE).mock(side_effect=lambda _: done(state))
    shown: list[dict[str, Any]] = []
    look = routes.get(DETAIL).mock(side_effect=lambda _: done({**state, **(shown.pop(0) if shown else {})}))
    submit, audit = routes.post(SUBMIT).mock(side_effect=lambda _: done()), routes.post(AUDIT)
    audit.mock(side_effect=lambda _: done())
    assert push(erp).done
    assert (submit.call_count, audit.call_count, look.call_count) == (1, 1, 1)  # a look at what was saved
    state["flow"] = True
    shown[:] = [{}, {"state": "1"}, {"state": "1"}]
    assert push(erp).done
    assert (submit.call_count, audit.call_count, look.call_count) == (2, 1, 3)
    assert not erp.finish("orders", "7", {}, deadline_s=9).changed
    erp.close()


def test_a_refused_step_is_no_refused_order(routes: respx.MockRouter) -> None:
    erp = open_erp()
    routes.post(SAVE).mock(side_effect=lambda _: done({"id": 7}))
    routes.get(DETAIL).mock(side_effect=lambda _: done({"id": 7, "code": "UO-7", "state": "0"}))
    refused = {"count": 1, "sucessCount": 0, "failCount": 1, "messages": [{"message": "信用额度不足"}]}
    routes.post(SUBMIT).mock(side_effect=lambda _: done(refused))
    ack = push(erp)
    assert (ack.external_id, ack.done) == ("7", False) and "信用额度不足" in ack.warnings[0]
    with pytest.raises(RecordRejectedError, match="信用额度不足"):
        erp.finish("orders", "7", {}, deadline_s=9)
    erp.close()


def test_a_search_that_shows_others_is_not_believed(routes: respx.MockRouter, erp: YonBipConnector) -> None:
    routes.post(LIST).mock(side_effect=lambda _: rows(order(1, outKey="OTHER")))
    routes.get(DETAIL).mock(side_effect=lambda _: done(order(1, outKey="OTHER")))
    with pytest.raises(TransientError) as refused:
        erp.find("orders", "CT7-Q1")
    assert refused.value.code == "lookup-not-filtered"


def test_gone_is_told_from_refused_by_the_list(routes: respx.MockRouter, erp: YonBipConnector) -> None:
    routes.get(DETAIL).mock(side_effect=lambda _: done(code="999", message="服务端逻辑异常"))
    there = routes.post(LIST).mock(side_effect=lambda _: rows())
    assert [page.records for page in erp.lookup("orders", ["7"], fields=[])] == [[]]
    there.mock(side_effect=lambda _: rows({"id": 7}))
    with pytest.raises(PermanentError):
        list(erp.lookup("orders", ["7"], fields=[]))


def test_a_half_answered_read_is_repeated(routes: respx.MockRouter) -> None:
    erp = open_erp(limits={"retry_s": 5})
    erp._client.http._sleep = lambda _: None
    routes.post(LIST).mock(side_effect=[httpx.Response(200, text='{"code"'), done(code="310046"), rows()])
    assert erp.find("orders", "K") == []
    erp.close()


def test_no_digit_is_lost(routes: respx.MockRouter, erp: YonBipConnector) -> None:
    found = (
        '{"code":"200","data":{"recordCount":1,"recordList":[{"id":2097309745191741483,"payMoney":9999999999999.99,'
        '"lineId":2107309745191741483,"sum":9999999999999.99,"small":1.5E-7,"pubts":"2026-03-01 07:59:59"}]}}'
    )
    routes.post(LIST).mock(side_effect=lambda _: httpx.Response(200, text=found))
    [page] = erp.pull("orders", "changed", since="", after=Position(), fields=[])
    [record] = page.records
    assert record.key == "2097309745191741483"
    assert (record.data["payMoney"], record.data["net"]) == ("9999999999999.99", "9999999999999.99")
    assert (record.data["small"], record.data["pubts"]) == ("0.00000015", "2026-02-28T23:59:59.000000Z")


def test_ids_become_codes_by_what_stands_beside_or_the_system_s_table(
    routes: respx.MockRouter,
) -> None:
    erp = open_erp(tables={"organisation": {"CN01": "2207"}}, companies=("CN01",))
    told = [order(1, org=2207, currency="G001", currency_code="CNY"), order(2, org=2208), order(3)]
    routes.post(LIST).mock(side_effect=lambda _: rows(*told))
    [page] = erp.pull("orders", "changed", since="", after=Position(), fields=["org", "currency"])
    assert [(r.data["org"], r.data["currency"]) for r in page.records] == [
        ("CN01", "CNY"),
        ("2208", None),
        (None, None),
    ]
    erp.close()


def test_an_option_that_cannot_be() -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_erp(options={"stop_at": "print"})
    assert refused.value.code == "option-value"


def test_our_own_count_lets_no_minute_have_more() -> None:
    now = [0.0]
    quota = OwnQuota(clock=lambda: now[0])
    starts = []
    for step in range(500):
        now[0] += (step % 7) * 0.3
        starts.append(now[0] + quota.take("list", 10, 1_000_000))
    for number, start in enumerate(starts[10:]):
        assert round(start - starts[number], 6) >= 60
    assert quota.take("other", 10, 0) == 0


def test_our_own_count_reserves_nothing_for_who_does_not_wait() -> None:
    quota = OwnQuota(clock=lambda: 0.0)
    assert [quota.take("list", 2, 30) for _ in range(5)] == [0, 0, 60, 60, 60]
    assert quota.take("list", 2, 60) == 60
    assert quota.take("list", 2, 60) == 60
    assert quota.take("list", 2, 120) == 120


class Counted:
    """Notes who asks for a place in a quota, and gives it at once."""

    def __init__(self, wait_s: float = 0) -> None:
        self.asked: list[float] = []
        self.wait_s = wait_s

    def take(self, name: str, per_minute: int, longest_s: float) -> float:
        self.asked.append(longest_s)
        return self.wait_s


@pytest.fixture
def counted(routes: respx.MockRouter) -> Iterator[tuple[Counted, YonBipConnector]]:
    quota = Counted()
    found = open_erp(quota, options={"stop_at": "save"}, limits={"retry_s": 5})
    found._client.words.quotas["/order/list"] = found._client.words.quotas["/order/save"] = 60
    found._client.http._sleep = found._client.sleep = lambda _: None
    yield quota, found
    found.close()


def test_every_attempt_at_a_call_takes_its_place_in_the_quota(
    routes: respx.MockRouter, counted: tuple[Counted, YonBipConnector]
) -> None:
    quota, erp = counted
    stale = done(code="310036", message="非法token")
    routes.post(LIST).mock(side_effect=[httpx.ReadError("reset"), done(code="310046"), stale, rows()])
    assert erp.find("orders", "K") == []
    assert len(quota.asked) == 4
    routes.post(SAVE).mock(side_effect=[httpx.ConnectError("down"), done(code="310046"), done({"id": 1})])
    push(erp, deadline_s=100)
    assert len(quota.asked) == 7
    assert all(60 < longest <= 70 for longest in quota.asked[4:])  # 30 s of the deadline are the call's own


def test_a_call_whose_turn_comes_too_late_is_not_made_and_not_waited_for(
    routes: respx.MockRouter, counted: tuple[Counted, YonBipConnector]
) -> None:
    quota, erp = counted
    quota.wait_s = 6
    there = routes.post(SAVE)
    with pytest.raises(RateLimitedError) as refused:
        push(erp, deadline_s=10)
    assert (refused.value.code, refused.value.retry_after_s) == ("quota-used", 6)
    assert len(quota.asked) == 1 and not there.called


def test_a_step_that_is_forbidden_is_no_unsent_order(routes: respx.MockRouter) -> None:
    erp = open_erp()
    routes.post(SAVE).mock(side_effect=lambda _: done({"id": 7}))
    routes.get(DETAIL).mock(side_effect=lambda _: done({"id": 7, "state": "0"}))
    routes.post(SUBMIT).mock(side_effect=lambda _: done(code="310037", message="API未授权"))
    ack = push(erp)
    assert (ack.external_id, ack.done) == ("7", False) and "API未授权" in ack.warnings[0]
    with pytest.raises(AccessError):
        erp.finish("orders", "7", {}, deadline_s=9)
    erp.close()


def test_a_document_deleted_since_is_saved_under_another_check_key(
    routes: respx.MockRouter, erp: YonBipConnector
) -> None:
    """The gateway repeats its first answer for an hour, whatever became of the document."""
    there: dict[str, int] = {}

    def save(request: httpx.Request) -> httpx.Response:
        key = json.loads(request.content)["data"]["resubmitCheckKey"]
        return done({"id": there.setdefault(key, len(there) + 1)})

    gone = {"1"}
    routes.post(SAVE).mock(side_effect=save)
    routes.post(LIST).mock(side_effect=lambda _: rows())
    shown = routes.get(DETAIL)
    shown.mock(side_effect=lambda r: done(code="1002") if r.url.params["id"] in gone else done({"id": 2}))
    assert [push(erp).external_id, push(erp).external_id] == ["2", "2"]
    gone.add("2")
    with pytest.raises(RecordRejectedError) as refused:
        push(erp)
    assert refused.value.code == "document-gone" and len(there) == 2
    shown.mock(side_effect=httpx.ReadError("reset"))
    with pytest.raises(OutcomeUnknownError):
        push(erp, deadline_s=2)


class TestDocumentsThatBearOurKeys:
    """`bearing`: whether a row without the carrier has an empty one, or the list does not show it."""

    @pytest.fixture
    def whole(self, routes: respx.MockRouter) -> respx.Route:
        keys = {str(order(number)["id"]): key for number, key in ((1, "CT7-Q1"), (2, ""), (3, "CT7-Q3"))}

        def show(request: httpx.Request) -> httpx.Response:
            found = request.url.params["id"]
            return done({"id": found, **({"outKey": keys[found]} if keys[found] else {}), "lines": [{"sum": 1}]})

        return routes.get(DETAIL).mock(side_effect=show)

    def test_of_a_list_that_shows_no_keys_every_document_is_looked_at(
        self, routes: respx.MockRouter, erp: YonBipConnector, whole: respx.Route
    ) -> None:
        routes.post(LIST).mock(side_effect=lambda _: rows(order(1), order(2), order(3)))
        assert [keyed.key for keyed in erp.bearing("orders", "CT7-")] == ["CT7-Q1", "CT7-Q3"]
        assert whole.call_count == 3

    def test_a_list_that_shows_keys_shows_them_all(
        self, routes: respx.MockRouter, erp: YonBipConnector, whole: respx.Route
    ) -> None:
        shown = [order(1, outKey="CT7-Q1"), order(2), order(3, outKey="OTHER-3")]
        routes.post(LIST).mock(side_effect=lambda _: rows(*shown))
        assert [keyed.key for keyed in erp.bearing("orders", "CT7-")] == ["CT7-Q1"]
        assert whole.call_count == 1

    def test_no_document_needs_no_look(
        self, routes: respx.MockRouter, erp: YonBipConnector, whole: respx.Route
    ) -> None:
        routes.post(LIST).mock(side_effect=lambda _: rows())
        assert list(erp.bearing("orders", "CT7-")) == []
        assert not whole.called
