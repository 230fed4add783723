"""The sandbox's OData V2 writes, seen from the wire: tokens, creates, changes, versions, batches."""

from __future__ import annotations

import json
from email import message_from_bytes
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.contract.sandbox_demo import CUBE, DELIVERIES, ORDERS, Demo

pytestmark = pytest.mark.contract
ORDER = {"SalesOrderType": "OR", "SoldToParty": "0010000001", "PurchaseOrderByCustomer": "CT7-Q1"}


def create(demo: Demo, **values: Any) -> dict[str, Any]:
    answer = demo.write("POST", ORDERS + "/A_SalesOrder", ORDER | values)
    assert answer.status_code == 201, answer.text
    return dict(answer.json()["d"])


def refused(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    return dict(answer.json()["error"])


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_a_write_needs_the_token_and_every_cookie_of_its_session(demo: Demo) -> None:
    path, token = ORDERS + "/A_SalesOrder", demo.token()
    names = [cookie.name for cookie in demo.client.cookies.jar]
    assert names == ["sap-usercontext", "SAP_SESSIONID_S4H_100", "sap-XSRF_S4H_100"]
    for headers in ({}, {"x-csrf-token": "old"}, {"x-csrf-token": "Fetch"}):
        answer = demo.client.post(path, json=ORDER, headers=headers)
        assert answer.status_code == 403
        assert answer.headers["x-csrf-token"] == "Required"
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.text == "CSRF token validation failed"
    assert demo.client.post(path, json=ORDER, headers=token).status_code == 201
    for name in ("SAP_SESSIONID_S4H_100", "sap-XSRF_S4H_100"):
        demo.token()
        demo.client.cookies.delete(name)
        assert demo.client.post(path, json=ORDER, headers=token).status_code == 403
    assert len(demo.books.tables["A_SalesOrder"]) == 4


def test_a_session_keeps_its_token(demo: Demo) -> None:
    assert demo.token() == demo.token()
    demo.client.cookies.clear()
    assert demo.token() == demo.token()


# --- creating --------------------------------------------------------------------------------------------------------


def test_a_deep_insert_answers_with_the_children_that_were_sent(demo: Demo) -> None:
    items = [
        {
            "Material": "tg11",
            "RequestedQuantity": "2",
            "to_PricingElement": [{"ConditionType": "PPR0", "ConditionRateValue": 12.5}],
        },
        {"Material": "0000000101", "RequestedQuantity": 3},
    ]
    answer = demo.write("POST", ORDERS + "/A_SalesOrder", ORDER | {"to_Item": {"results": items}})
    order = answer.json()["d"]
    first, second = order["to_Item"]["results"]
    assert answer.status_code == 201
    assert (
        answer.headers["location"]
        == order["__metadata"]["uri"]
        == f"{demo.sandbox.url}{ORDERS}/A_SalesOrder('{order['SalesOrder']}')"
    )
    assert answer.headers["etag"] == order["__metadata"]["etag"]
    assert order["SoldToParty"] == "10000001"
    assert (first["Material"], first["RequestedQuantity"], second["Material"]) == ("TG11", "2", "101")
    assert first["to_PricingElement"]["results"][0]["ConditionRateValue"] == "12.5"
    assert "__deferred" in order["to_Partner"]


def test_what_odata_may_not_write_is_passed_over(demo: Demo) -> None:
    order = create(demo, ExternalDocumentID="CT7-Q1", TotalNetAmount="1.00")
    assert (order["ExternalDocumentID"], order["TotalNetAmount"]) == ("", "0.00")


def test_a_child_is_created_under_its_parent(demo: Demo) -> None:
    answer = demo.write("POST", ORDERS + "/A_SalesOrder('3')/to_Item", {"Material": "TG12", "RequestedQuantity": "1"})
    item = answer.json()["d"]
    assert (answer.status_code, item["SalesOrder"], item["SalesOrderItem"]) == (201, "3", "60")


def test_a_business_refusal_lists_its_messages(demo: Demo) -> None:
    answer = demo.write("POST", ORDERS + "/A_SalesOrder", ORDER | {"SoldToParty": "999"})
    error = refused(answer, 400)
    details = error["innererror"]["errordetails"]
    assert error["code"] == "VP/112"
    assert [d["code"] for d in details] == ["VP/112", "/IWBEP/CX_MGW_BUSI_EXCEPTION"]
    assert (details[0]["target"], details[0]["severity"]) == ("SoldToParty", "error")
    assert len(demo.books.tables["A_SalesOrder"]) == 3


def test_a_warning_comes_in_the_header_sap_message(demo: Demo) -> None:
    answer = demo.write("POST", ORDERS + "/A_SalesOrder", ORDER | {"SDDocumentReason": "001"})
    message = json.loads(answer.headers["sap-message"])
    assert (answer.status_code, message["code"], message["severity"]) == (201, "V1/555", "warning")
    assert message["message"] == "Kreditlimit überschritten"


def test_a_client_of_atom_gets_entry_message_and_error_as_xml(demo: Demo) -> None:
    path, atom = ORDERS + "/A_SalesOrder", {"accept": "application/atom+xml"}
    answer = demo.write("POST", path, ORDER | {"SDDocumentReason": "001", "to_Item": [{"Material": "TG11"}]}, **atom)
    assert answer.headers["content-type"].startswith("application/atom+xml;type=entry")
    assert "<d:Material>TG11</d:Material>" in answer.text
    assert answer.headers["sap-message"].startswith("<notification><code>V1/555</code><message>Kreditlimit &#252;ber")
    refusal = demo.write("POST", path, ORDER | {"SoldToParty": "999"}, **atom)
    assert "<errordetail><code>VP/112</code>" in refusal.text


@pytest.mark.parametrize(
    "values",
    [
        {"PurchaseOrderByCustomer": "x" * 36},
        {"NoSuchField": "1"},
        {"SalesOrderDate": "yesterday"},
        {"SalesOrderDate": 5},
        {"CompleteDeliveryIsDefined": "yes"},
        {"PriceDetnExchangeRate": "12345.1"},
        {"PriceDetnExchangeRate": "1.123456"},
        {"PriceDetnExchangeRate": "many"},
        {"SoldToParty": 10000001},
        {"to_Item": "none"},
        {"to_Item": [{"NoSuchField": "1"}]},
        {"to_Item": [{"RequestedQuantity": "NaN"}]},
    ],
)
def test_a_value_that_does_not_fit_is_400_and_leaves_nothing(demo: Demo, values: dict[str, Any]) -> None:
    refused(demo.write("POST", ORDERS + "/A_SalesOrder", ORDER | values), 400)
    assert len(demo.books.tables["A_SalesOrder"]) == 3


@pytest.mark.parametrize("sent", ["/Date(1712102400000)/", "2024-04-03T00:00:00", "2024-04-03"])
def test_dates_are_taken_in_both_forms(demo: Demo, sent: str) -> None:
    assert create(demo, CustomerPurchaseOrderDate=sent)["CustomerPurchaseOrderDate"] == "/Date(1712102400000)/"


def test_only_json_is_taken(demo: Demo) -> None:
    path, token = ORDERS + "/A_SalesOrder", demo.token()
    atom = token | {"content-type": "application/atom+xml"}
    assert demo.client.post(path, content=b"<entry/>", headers=atom).status_code == 415
    broken = token | {"content-type": "application/json"}
    assert demo.client.post(path, content=b"{", headers=broken).status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", CUBE + "/A_OperationalAcctgDocItemCube"),
        ("POST", ORDERS + "/A_SalesOrder('1')"),
        ("DELETE", DELIVERIES + "/A_OutbDeliveryHeader"),
        ("PATCH", f"{ORDERS}/A_SalesOrderSubsqntProcFlow(SalesOrder='1',DocRelationshipUUID=guid'{UUID(int=1)}')"),
        ("POST", ORDERS + "/$metadata"),
        ("PATCH", ORDERS + "/"),
    ],
)
def test_what_a_set_does_not_allow_is_405(demo: Demo, method: str, path: str) -> None:
    refused(demo.write(method, path, {}), 405)


# --- changing --------------------------------------------------------------------------------------------------------


def test_a_change_needs_the_version_it_is_based_on(demo: Demo) -> None:
    path = ORDERS + "/A_SalesOrder('1')"
    etag = demo.get(path).headers["etag"]
    change = {"PurchaseOrderByCustomer": "B"}
    assert refused(demo.write("PATCH", path, change), 428)["code"] == "SADL_ENTITY_RUNTIME/004"
    answer = demo.write("PATCH", path, change, if_match=etag)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["etag"] != etag
    refused(demo.write("PATCH", path, {"PurchaseOrderByCustomer": "C"}, if_match=etag), 412)
    assert demo.write("PATCH", path, {"PurchaseOrderByCustomer": "D"}, if_match="*").status_code == 204
    assert demo.get(path).json()["d"]["PurchaseOrderByCustomer"] == "D"
    assert demo.client.get(path, headers={"if-none-match": demo.get(path).headers["etag"]}).status_code == 304


def test_children_follow_their_parents_version(demo: Demo) -> None:
    item = ORDERS + "/A_SalesOrderItem(SalesOrder='1',SalesOrderItem='10')"
    etag = demo.get(ORDERS + "/A_SalesOrder('1')").headers["etag"]
    assert "etag" not in demo.get(item).headers
    refused(demo.write("PATCH", item, {"RequestedQuantity": "7"}), 428)
    assert demo.write("PATCH", item, {"RequestedQuantity": "7"}, if_match=etag).status_code == 204
    refused(demo.write("DELETE", item, if_match=etag), 412)
    assert demo.get(item).json()["d"]["RequestedQuantity"] == "7"
    assert demo.write("DELETE", item, if_match="*").status_code == 204
    assert demo.get(item).status_code == 404


@pytest.mark.parametrize("verb", ["MERGE", "PATCH", "PUT"])
@pytest.mark.parametrize("tunnel", [False, True])
def test_every_verb_of_change_works_also_through_post(demo: Demo, verb: str, tunnel: bool) -> None:
    path, change = ORDERS + "/A_SalesOrder('1')", {"PurchaseOrderByShipToParty": "B"}
    if tunnel:
        answer = demo.write("POST", path, change, if_match="*", x_http_method=verb)
    else:
        answer = demo.write(verb, path, change, if_match="*")
    order = demo.get(path).json()["d"]
    assert answer.status_code == 204
    assert order["PurchaseOrderByShipToParty"] == "B"
    assert order["PurchaseOrderByCustomer"] == ("" if verb == "PUT" else "PO-1")


def test_a_deep_update_is_refused(demo: Demo) -> None:
    refused(demo.write("PATCH", ORDERS + "/A_SalesOrder('1')", {"to_Item": [{"Material": "TG11"}]}, if_match="*"), 400)


def test_a_key_and_a_deferred_link_in_the_body_change_nothing(demo: Demo) -> None:
    path = ORDERS + "/A_SalesOrder('1')"
    whole = demo.get(path).json()["d"]
    assert demo.write("PUT", path, whole | {"SalesOrder": "77"}, if_match="*").status_code == 204
    assert demo.get(path).json()["d"]["PurchaseOrderByCustomer"] == "PO-1"


# --- function imports ------------------------------------------------------------------------------------------------


def test_a_function_answers_under_its_name_or_as_a_list(demo: Demo) -> None:
    released = demo.write("POST", ORDERS + "/releaseApprovalRequest?SalesOrder='0000000001'")
    assert released.json()["d"]["releaseApprovalRequest"]["Boolean"] is True
    issued = demo.write("POST", DELIVERIES + "/PostGoodsIssue?DeliveryDocument='80000001'")
    assert issued.json()["d"]["results"][0]["DeliveryDocument"] == "80000001"
    pdf = demo.client.get("/sap/opu/odata/sap/API_BILLING_DOCUMENT_SRV/GetPDF?BillingDocument='1'")
    assert pdf.json()["d"]["GetPDF"]["BillingDocumentBinary"] == "JVBERi0="


def test_a_function_checks_method_and_parameters(demo: Demo) -> None:
    path = ORDERS + "/releaseApprovalRequest"
    refused(demo.get(path), 405)
    refused(demo.write("POST", path), 400)
    refused(demo.write("POST", path + "?SalesOrder=1"), 400)


# --- batches ---------------------------------------------------------------------------------------------------------


def http(method: str, path: str, body: Any = None, *headers: str) -> str:
    lines = [f"{method} {path} HTTP/1.1", "Accept: application/json", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, "", json.dumps(body) if body is not None else "", ""])


def part(inner: str, content_id: str = "") -> str:
    own = f"Content-ID: {content_id}\r\n" if content_id else ""
    return f"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n{own}\r\n{inner}"


def changeset(*parts: str) -> str:
    inner = "".join(f"--cs\r\n{p}\r\n" for p in parts) + "--cs--\r\n"
    return f"Content-Type: multipart/mixed; boundary=cs\r\n\r\n{inner}"


def batch(demo: Demo, *parts: str, root: str = ORDERS) -> httpx.Response:
    body = "".join(f"--b_1\r\n{p}\r\n" for p in parts) + "--b_1--\r\n"
    headers = demo.token() | {"content-type": 'multipart/mixed; boundary="b_1"'}
    return demo.client.post(root + "/$batch", content=body.encode(), headers=headers)


def answers(response: httpx.Response) -> list[Any]:
    """Per part: (status, JSON body or None), or a list of these for a changeset."""
    assert response.status_code == 202, response.text
    whole = b"Content-Type: " + response.headers["content-type"].encode() + b"\r\n\r\n" + response.content
    return [_answer(p) for p in message_from_bytes(whole).get_payload()]


def _answer(message: Any) -> Any:
    if message.is_multipart():
        return [_answer(p) for p in message.get_payload()]
    head, _, body = message.get_payload(decode=True).partition(b"\r\n\r\n")
    text = body.decode().strip()
    return int(head.split()[1]), json.loads(text) if text.startswith("{") else text or None


def test_reads_in_a_batch_accept_every_form_of_address(demo: Demo) -> None:
    own = ORDERS + "/A_SalesOrder('1')?$select=SalesOrder"
    paths = [
        "A_SalesOrder('1')?$select=SalesOrder",
        "/A_SalesOrder('1')",
        own,
        demo.sandbox.url + own,
        "A_SalesOrder('9')",
        "A_SalesOrder/$count",
    ]
    found = answers(batch(demo, *(part(http("GET", path)) for path in paths)))
    assert [status for status, _ in found] == [200, 200, 200, 200, 404, 200]
    assert found[0][1]["d"]["SalesOrder"] == "1"
    assert found[5][1] == "3"


def test_a_changeset_refers_to_what_it_has_just_created(demo: Demo) -> None:
    (answer,) = answers(
        batch(
            demo,
            changeset(
                part(http("POST", "A_SalesOrder", ORDER), "1"),
                part(http("POST", "$1/to_Item", {"Material": "TG11", "RequestedQuantity": "1"}), "2"),
                part(
                    http("PATCH", ORDERS + "/A_SalesOrder('2')", {"PurchaseOrderByCustomer": "B"}, "If-Match: *"), "3"
                ),
            ),
        )
    )
    assert [status for status, _ in answer] == [201, 201, 204]
    assert answer[1][1]["d"]["SalesOrder"] == answer[0][1]["d"]["SalesOrder"]
    assert demo.get(ORDERS + "/A_SalesOrder('2')").json()["d"]["PurchaseOrderByCustomer"] == "B"


def test_a_changeset_is_all_or_nothing_and_fails_in_one_part(demo: Demo) -> None:
    first, failed, last = answers(
        batch(
            demo,
            part(http("GET", "A_SalesOrder/$count")),
            changeset(
                part(http("POST", "A_SalesOrder", ORDER), "1"),
                part(http("POST", "A_SalesOrder", ORDER | {"SoldToParty": "999"}), "2"),
            ),
            part(http("GET", "A_SalesOrder/$count")),
        )
    )
    assert first == (200, "3") == last
    assert (failed[0], failed[1]["error"]["code"]) == (400, "VP/112")


def test_reads_do_not_belong_in_a_changeset(demo: Demo) -> None:
    ((status, _),) = answers(batch(demo, changeset(part(http("GET", "A_SalesOrder")))))
    assert status == 400


def test_a_service_may_take_one_operation_a_changeset(demo: Demo) -> None:
    demo.services["API_SALES_ORDER_SRV"].one_operation_changesets = True
    one = part(http("POST", "A_SalesOrder", ORDER))
    many, single = answers(batch(demo, changeset(one, one), changeset(one)))
    assert many[0] == 400
    assert many[1]["error"]["message"]["value"] == "Default changeset implementation allows only one operation"
    assert [status for status, _ in single] == [201]
    assert len(demo.books.tables["A_SalesOrder"]) == 4


def test_a_service_without_batch_refuses_it(demo: Demo) -> None:
    refused(batch(demo, part(http("GET", "A_OperationalAcctgDocItemCube")), root=CUBE), 405)


def test_a_batch_without_boundary_is_400(demo: Demo) -> None:
    headers = demo.token() | {"content-type": "multipart/mixed"}
    refused(demo.client.post(ORDERS + "/$batch", content=b"", headers=headers), 400)
