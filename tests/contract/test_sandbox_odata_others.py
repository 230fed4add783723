"""What clients of others ask of SAP's OData, and what was found by running them: SAP Cloud SDK, odata-batch, o.js."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.server import start

pytestmark = pytest.mark.contract

V2 = "/sap/opu/odata/sap/API_SALES_ORDER_SRV"
V4 = "/sap/opu/odata4/sap/api_salesorder/srvd_a2x/sap/salesorder/0001"
SURROGATE = b'{"SalesOrderType":"\\ud800"}'
DEEP = b'{"SalesOrderType":' + b"[" * 5000 + b"]" * 5000 + b"}"


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    sandbox = start("sap/s4", seed=11)
    options: dict[str, Any] = {"headers": {"accept": "application/json"}, "trust_env": False, "timeout": 5}
    with httpx.Client(base_url=sandbox.url, auth=(sandbox.user, sandbox.password), **options) as client:
        token = client.get(V2 + "/", headers={"x-csrf-token": "Fetch"}).headers["x-csrf-token"]
        client.headers["x-csrf-token"] = token
        yield client
    sandbox.stop()


def orders(http: httpx.Client, text: str) -> set[str]:
    answer = http.get(f"{V4}/SalesOrder", params={"$filter": text, "$select": "SalesOrder"})
    assert answer.status_code == 200, answer.text
    return {row["SalesOrder"] for row in answer.json()["value"]}


def lines(http: httpx.Client) -> dict[str, set[str]]:
    found = http.get(f"{V4}/SalesOrder", params={"$select": "SalesOrder", "$expand": "_Item($select=Product)"}).json()
    return {row["SalesOrder"]: {line["Product"] for line in row["_Item"]} for row in found["value"]}


# --- lambdas: SAP's services list any and all among their filter functions, and no `not` ------------------------------


def test_any_and_all_filter_by_the_lines(http: httpx.Client) -> None:
    products = lines(http)
    wanted = sorted(set().union(*products.values()))[0]
    with_it = {number for number, sold in products.items() if wanted in sold}
    only_it = {number for number, sold in products.items() if sold <= {wanted}}
    assert 0 < len(with_it) < len(products)
    assert orders(http, f"_Item/any(i:i/Product eq '{wanted}')") == with_it
    assert orders(http, f"((_Item/any(a0:(a0/Product eq '{wanted}'))))") == with_it
    assert orders(http, f"_Item/all(i:i/Product eq '{wanted}')") == only_it
    assert orders(http, "_Item/any()") == {number for number, sold in products.items() if sold}
    both = f"_Item/any(i:i/Product eq '{wanted}' and i/RequestedQuantity gt 0) and SalesOrder ge '1'"
    assert orders(http, both) == with_it


def test_a_lambda_may_stand_in_another_one_and_in_an_expand(http: httpx.Client) -> None:
    every = orders(http, "_Item/any()")
    assert orders(http, "_Item/any(i:i/_ScheduleLine/any(s:s/ScheduleLine ne ''))") == every
    expand = "_Item($select=Product;$filter=_ScheduleLine/any(s:s/ScheduleLine eq 'x'))"
    found = http.get(f"{V4}/SalesOrder", params={"$top": "1", "$expand": expand}).json()["value"]
    assert [row["_Item"] for row in found] == [[]]
    number = sorted(every)[0]
    assert (
        http.get(f"{V4}/SalesOrder/$count", params={"$filter": f"_Item/any() and SalesOrder eq '{number}'"}).text == "1"
    )


@pytest.mark.parametrize(
    "text",
    [
        "_Item/any(i:Product eq 'x')",
        "_Item/any(i:j/Product eq 'x')",
        "_Item/any(i:i/Nothing eq 'x')",
        "_Item/any(i:)",
        "_Item/any(i)",
        "_Item/any(:i/Product eq 'x')",
        "_Item/any(i:i/Product eq 'x'",
        "_Item/all()",
        "_Nothing/any(i:i/Product eq 'x')",
        "_PricingElement/any(p:p/ConditionType eq 'PPR0')",
        "_Item/any(i:i/_ItemPricingElement/any(p:p/ConditionType eq 'PPR0'))",
        "any(i:i/Product eq 'x')",
        "not (SalesOrder eq '1')",
        "not contains(SalesOrder,'1')",
    ],
)
def test_what_is_no_lambda_of_sap_is_400(http: httpx.Client, text: str) -> None:
    """The price elements are not filterable, say the metadata of SAP's own service."""
    assert http.get(f"{V4}/SalesOrder", params={"$filter": text}).status_code == 400
    assert http.get(V2 + "/A_SalesOrder", params={"$filter": "to_Item/any(i:i/Material eq 'x')"}).status_code == 400


# --- options inside an expand, formats --------------------------------------------------------------------------------


@pytest.mark.parametrize("inner", ["$top=abc", "$top=-1", "$skip=-1", "$skip=x", "$top=²"])
def test_a_number_that_is_none_in_an_expand_is_400(http: httpx.Client, inner: str) -> None:
    assert http.get(f"{V4}/SalesOrder", params={"$top": "1", "$expand": f"_Item({inner})"}).status_code == 400


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("application/json;odata.metadata=minimal;q=0.9, */*;q=0.1", 200),
        ("*/*", 200),
        ("application/*", 200),
        ("", 200),
        ("application/xml", 406),
        ("application/atom+xml", 406),
        ("text/html", 406),
    ],
)
def test_v4_answers_with_json_alone(http: httpx.Client, accept: str, status: int) -> None:
    assert http.get(f"{V4}/SalesOrder?$top=1", headers={"accept": accept}).status_code == status
    assert http.get(f"{V4}/$metadata", headers={"accept": accept}).status_code == 200
    body = b"--b\r\nContent-Type: application/http\r\n\r\nGET SalesOrder?$top=1 HTTP/1.1\r\n\r\n\r\n--b--"
    headers = {"content-type": "multipart/mixed; boundary=b", "accept": "multipart/mixed"}
    assert b"HTTP/1.1 200" in http.post(f"{V4}/$batch", content=body, headers=headers).content


# --- links ------------------------------------------------------------------------------------------------------------


def test_links_name_what_a_navigation_leads_to(http: httpx.Client) -> None:
    """SAP Gateway reads $links by itself, for every service (help.sap.com, OData query options)."""
    [order] = http.get(V2 + "/A_SalesOrder?$top=1&$expand=to_Item").json()["d"]["results"]
    uris = [item["__metadata"]["uri"] for item in order["to_Item"]["results"]]
    path = f"{V2}/A_SalesOrder('{order['SalesOrder']}')"
    found = http.get(path + "/$links/to_Item").json()["d"]
    assert [link["uri"] for link in found["results"]] == uris
    item = uris[0].removeprefix(str(http.base_url).rstrip("/"))
    [parent] = http.get(item + "/$links/to_SalesOrder").json()["d"].values()
    assert parent == order["__metadata"]["uri"]
    xml = http.get(path + "/$links/to_Item", headers={"accept": "application/xml"})
    assert (xml.headers["content-type"], xml.text.count("<uri>")) == ("application/xml", len(uris))
    for wrong in ("/$links", "/$links/Nothing", "/$links/SalesOrder", "/$links/to_Item/x"):
        assert http.get(path + wrong).status_code == 404, wrong
    assert http.delete(path + "/$links/to_Item", headers={"if-match": "*"}).status_code == 405


# --- bodies that no client should send are refused, in SAP's words ----------------------------------------------------


@pytest.mark.parametrize("root", [f"{V2}/A_SalesOrder", f"{V4}/SalesOrder"])
@pytest.mark.parametrize(
    "body", [SURROGATE, DEEP, b'{"to_Item":[null]}', b'{"_Item":[null]}', b'{"_Item":[1]}', b"\xff"]
)
def test_a_body_that_makes_no_sense_is_400(http: httpx.Client, root: str, body: bytes) -> None:
    answer = http.post(root, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"]


@pytest.mark.parametrize("quantity", [b'"1e9999999"', b"1e999999", b"-1e999999"])
@pytest.mark.parametrize(
    ("root", "child"), [(f"{V2}/A_SalesOrder", b"to_Item"), (f"{V4}/SalesOrder", b"_Item")], ids=["V2", "V4"]
)
def test_a_number_too_long_is_refused_at_once(http: httpx.Client, root: str, child: bytes, quantity: bytes) -> None:
    body = b'{"%s":[{"RequestedQuantity":%s}]}' % (child, quantity)
    kind = {"content-type": "application/json;IEEE754Compatible=true"}
    assert http.post(root, content=body, headers=kind).status_code == 400


@pytest.mark.parametrize("root", [V2, V4])
def test_an_address_in_a_batch_that_is_none_is_400(http: httpx.Client, root: str) -> None:
    body = b"--b\r\nContent-Type: application/http\r\n\r\nGET http://[x HTTP/1.1\r\n\r\n\r\n--b--"
    headers = {"content-type": "multipart/mixed; boundary=b"}
    assert http.post(root + "/$batch", content=body, headers=headers).status_code == 400
