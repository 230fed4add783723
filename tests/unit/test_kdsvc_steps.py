"""A document's steps when the ERP refuses one, keeps it for people, or was moved by somebody else meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import respx

from connectors.errors import RecordRejectedError
from connectors.kdsvc.connector import KdsvcConnector, open_connector
from connectors.products import load_product
from tests.unit.connector_help import FakeSystem

URL = "https://erp.example.com/k3cloud"
GALAXY = load_product("kingdee/galaxy")
FIELDS = ["FBillNo", "FDocumentStatus", "FCancelStatus", "FCloseStatus"]
Answer = Callable[["Galaxy"], dict[str, Any]]


def refused(text: str, code: int = 11) -> dict[str, Any]:
    status = {"IsSuccess": False, "MsgCode": code, "Errors": [{"Message": text}]}
    return {"Result": {"ResponseStatus": status}}


class Galaxy:
    """One order; each operation moves it as the real one would, or answers what the test says."""

    def __init__(self, state: str = "A", **answers: Answer) -> None:
        self.state, self.answers = state, answers
        self.done: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        method = request.url.path.split(".")[-3]
        body = json.loads(request.content)
        if method == "QueryBusinessInfo":
            return httpx.Response(200, json=self.metadata())
        if method == "ExecuteBillQuery":
            return httpx.Response(200, json=self.rows(body["data"]))
        self.done.append(method)
        if method in self.answers:
            return httpx.Response(200, json=self.answers[method](self))
        self.state = {"Submit": "B", "Audit": "C", "UnAudit": "D", "CancelAssign": "D"}[method]
        return httpx.Response(200, json={"Result": {"ResponseStatus": {"IsSuccess": True, "SuccessEntitys": []}}})

    def metadata(self) -> dict[str, Any]:
        head = {"Key": "FBillHead", "Fields": [{"Key": name} for name in FIELDS]}
        return {"Result": {"ResponseStatus": {"IsSuccess": True}, "NeedReturnData": {"Entrys": [head]}}}

    def rows(self, data: dict[str, Any]) -> list[list[Any]]:
        values = {"FID": 100001, "FBillNo": "CT7-Q000001", "FDocumentStatus": self.state}
        return (
            [] if "FID >" in data["FilterString"] else [[values.get(key, "A") for key in data["FieldKeys"].split(",")]]
        )


@pytest.fixture
def meet(respx_mock: respx.MockRouter) -> Callable[[Galaxy], KdsvcConnector]:
    def connect(erp: Galaxy) -> KdsvcConnector:
        respx_mock.route().mock(side_effect=erp)
        options = {"app_id": "200001_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"}
        return open_connector(GALAXY, FakeSystem(url=URL, options=options))

    return connect


Meet = Callable[[Galaxy], KdsvcConnector]


@pytest.mark.parametrize(("state", "steps"), [("A", ["Submit", "Audit"]), ("D", ["Submit", "Audit"]), ("B", ["Audit"])])
def test_only_the_steps_that_are_left_are_taken(meet: Meet, state: str, steps: list[str]) -> None:
    erp = Galaxy(state)
    ack = meet(erp).finish("orders", "CT7-Q000001", {}, deadline_s=10)
    assert (ack.done, ack.changed, erp.done, erp.state) == (True, True, steps, "C")


def test_nothing_is_done_to_what_is_done(meet: Meet) -> None:
    erp = Galaxy("C")
    ack = meet(erp).finish("orders", "CT7-Q000001", {}, deadline_s=10)
    assert (ack.done, ack.changed, erp.done) == (True, False, [])


def test_what_waits_in_a_workflow_is_done_as_far_as_we_can(meet: Meet) -> None:
    erp = Galaxy("A", Audit=lambda _: refused("单据正在工作流中，不能直接审核"))
    ack = meet(erp).finish("orders", "CT7-Q000001", {}, deadline_s=10)
    assert (ack.done, erp.state, erp.done) == (True, "B", ["Submit", "Audit"])
    assert "工作流" in ack.warnings[0]


def test_a_step_without_effect_is_not_taken_again_and_again(meet: Meet) -> None:
    erp = Galaxy("A", Audit=lambda _: {"Result": {"ResponseStatus": {"IsSuccess": True, "SuccessEntitys": []}}})
    ack = meet(erp).finish("orders", "CT7-Q000001", {}, deadline_s=10)
    assert (ack.done, erp.done, list(ack.warnings)) == (True, ["Submit", "Audit"], ["audit: the state is still B"])


@pytest.mark.parametrize("code", [2, 11])
def test_a_refused_step_is_this_documents_matter(meet: Meet, code: int) -> None:
    erp = Galaxy("A", Audit=lambda _: refused("信用额度不足", code))
    with pytest.raises(RecordRejectedError, match="信用额度不足"):
        meet(erp).finish("orders", "CT7-Q000001", {}, deadline_s=10)
    assert erp.done == ["Submit", "Audit"]


def test_a_step_that_somebody_took_meanwhile_is_no_refusal(meet: Meet) -> None:
    def already(erp: Galaxy) -> dict[str, Any]:
        erp.state = "C"
        return refused("单据已审核")

    erp = Galaxy("B", Audit=already)
    ack = meet(erp).finish("orders", "CT7-Q000001", {}, deadline_s=10)
    assert (ack.done, erp.done) == (True, ["Audit"])


def test_an_answer_that_lists_other_documents_is_no_success(meet: Meet) -> None:
    other = {"IsSuccess": True, "SuccessEntitys": [{"Id": "100002"}]}
    erp = Galaxy("B", Audit=lambda _: {"Result": {"ResponseStatus": other}})
    with pytest.raises(RecordRejectedError, match="does not list"):
        meet(erp).finish("orders", "CT7-Q000001", {}, deadline_s=10)
