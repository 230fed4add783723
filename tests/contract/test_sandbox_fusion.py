"""The Fusion sandbox's protocol: envelopes, links, children, versions, finders, change indicators, batches, rights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.fusion_help import ERP, EVER, INVOICES, ORDERS, SALES, Fusion, order, running

pytestmark = pytest.mark.contract
ACTIVITIES = f"{ERP}/receivablesCustomerAccountActivities"
PARTIES = f"{SALES}/hubOrganizations"


@pytest.fixture(scope="module")
def fusion() -> Iterator[Fusion]:
    with running() as fusion:
        yield fusion


def test_a_collection_tells_its_page_and_counts_only_when_asked(fusion: Fusion) -> None:
    page = fusion.get(ORDERS)
    assert (page["limit"], page["offset"], page["count"], page["hasMore"]) == (25, 0, 25, True)
    assert "totalResults" not in page
    every = fusion.get(ORDERS, limit=9000, totalResults="true")
    assert every["limit"] == 500
    assert every["totalResults"] == every["count"] > 25
    past = fusion.get(ORDERS, offset=every["count"])
    assert (past["items"], past["hasMore"]) == ([], False)
    last = fusion.get(ORDERS, offset=every["count"] - 1)
    assert (last["count"], last["hasMore"]) == (1, False)


def test_links_lead_on_and_stay_away_when_not_wanted(fusion: Fusion) -> None:
    item = fusion.get(INVOICES, limit=1)["items"][0]
    links = {link["rel"]: link for link in item["links"]}
    assert links["self"]["href"].endswith(f"/receivablesInvoices/{item['CustomerTransactionId']}")
    answer = fusion.call("GET", links["self"]["href"])
    assert answer.headers["etag"] == f'"{links["self"]["properties"]["changeIndicator"]}"'
    lines = next(link for link in item["links"] if link["name"] == "receivablesInvoiceLines")
    assert fusion.get(lines["href"])["items"]
    few = fusion.get(INVOICES, limit=1, links="self,canonical")["items"][0]["links"]
    assert [link["rel"] for link in few] == ["self", "canonical"]
    bare = fusion.get(INVOICES, limit=1, onlyData="true", expand="receivablesInvoiceLines")
    assert "links" in bare and "links" not in bare["items"][0]
    assert "links" not in bare["items"][0]["receivablesInvoiceLines"]["items"][0]


def test_ids_are_integers_beyond_doubles_and_numbers_have_no_trailing_zeros(fusion: Fusion) -> None:
    text = fusion.call("GET", INVOICES, params={"limit": 50}).text
    ids = [item["CustomerTransactionId"] for item in json.loads(text)["items"]]
    assert all(isinstance(each, int) and each > 2**53 and int(float(each)) != each for each in ids if each % 64)
    amounts = [item["EnteredAmount"] for item in json.loads(text, parse_float=str)["items"]]
    assert not [amount for amount in amounts if isinstance(amount, str) and amount.endswith("0")]


def test_fields_win_over_expand_and_reach_into_children(fusion: Fusion) -> None:
    item = fusion.items(
        INVOICES, fields="TransactionNumber;receivablesInvoiceLines:LineNumber", expand="receivablesInvoiceInstallments"
    )[0]
    assert item.keys() == {"TransactionNumber", "receivablesInvoiceLines"}
    assert item["receivablesInvoiceLines"]["items"][0].keys() == {"LineNumber"}
    nothing = fusion.get(INVOICES, limit=1, fields="")["items"][0]
    assert nothing.keys() == {"links"}
    deep = fusion.items(INVOICES, expand="receivablesInvoiceLines.receivablesInvoiceLineTaxLines")[0]
    taxes = deep["receivablesInvoiceLines"]["items"][0]["receivablesInvoiceLineTaxLines"]
    assert {"TaxAmount", "TaxRate"} <= taxes["items"][0].keys()
    fusion.refused(400, "GET", INVOICES, params={"fields": "Nobody"})
    fusion.refused(400, "GET", INVOICES, params={"expand": "nobody"})


@pytest.mark.parametrize(("version", "bare"), [(None, True), (2, True), (3, False), (6, False)])
def test_children_are_arrays_at_first_and_collections_from_version_3(
    fusion: Fusion, version: int | None, bare: bool
) -> None:
    item = fusion.get(INVOICES, version=version, limit=1, expand="all")["items"][0]
    children = item["receivablesInvoiceInstallments"]
    assert isinstance(children, list) is bare
    if not bare:
        assert {"items", "count", "hasMore"} <= children.keys()


@pytest.mark.parametrize("version", [None, 3])
def test_errors_are_plain_text_before_version_4(fusion: Fusion, version: int | None) -> None:
    answer = fusion.call("GET", INVOICES, version=version, params={"q": "Nobody=1"})
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (400, "text/plain")


def test_errors_are_structured_from_version_4(fusion: Fusion) -> None:
    answer = fusion.call("GET", INVOICES, params={"q": "BillToCustomerNumber = '10001'"})
    assert answer.headers["content-type"] == "application/vnd.oracle.adf.error+json"
    error = answer.json()
    assert (error["title"], error["status"]) == ("Bad Request", "400")
    assert error["o:errorDetails"][0]["o:errorPath"] == "/BillToCustomerNumber"
    assert answer.headers["rest-framework-version"] == "4"
    fusion.refused(400, "GET", INVOICES, version=12)


def test_the_grammar_of_q_goes_by_the_version(fusion: Fusion) -> None:
    both = {"q": "InvoiceStatus = 'Complete';CreationDate >= '2020-01-01'"}
    assert fusion.call("GET", INVOICES, version=None, params=both).status_code == 200
    fusion.refused(400, "GET", INVOICES, params=both)
    match = {"q": "InvoiceStatus in ('Complete') and (CreationDate >= '2020-01-01' or TransactionNumber like '7*')"}
    assert fusion.call("GET", INVOICES, params=match).json()["count"] == 25
    fusion.refused(400, "GET", INVOICES, version=None, params=match)


def test_what_q_cannot_do_a_finder_can(fusion: Fusion) -> None:
    one = fusion.items(INVOICES)[0]
    number, unit = one["BillToCustomerNumber"], one["BusinessUnit"]
    finder = f"invoiceSearch;BillToCustomerNumber={number},BusinessUnit={unit},DueDate={one['DueDate']}"
    found = fusion.items(INVOICES, finder=finder)
    assert one["CustomerTransactionId"] in [each["CustomerTransactionId"] for each in found]
    assert {each["BillToCustomerNumber"] for each in found} == {number}
    comma = fusion.items(
        INVOICES, finder="invoiceSearch;BillToCustomerName=O'Dell & Sons Pumps, LLC,InvoiceStatus=Complete"
    )
    assert {each["BillToCustomerName"] for each in comma} <= {"O'Dell & Sons Pumps, LLC"}
    fusion.refused(400, "GET", INVOICES, params={"finder": "invoiceSearch;Nobody=1"})
    fusion.refused(400, "GET", INVOICES, params={"finder": "nobody;DueDate=2026-01-01"})


def test_activities_older_than_90_days_are_shown_to_who_asks(fusion: Fusion) -> None:
    def items(**finder: str) -> dict[int, str]:
        text = ",".join(f"{name}={value}" for name, value in finder.items())
        named = f"CustomerAccountActivitiesFinder;{text}" if finder else ""
        accounts = fusion.items(ACTIVITIES, expand="transactionPaymentSchedules", finder=named)
        rows = (row for account in accounts for row in account["transactionPaymentSchedules"]["items"])
        return {row["InstallmentId"]: row["InstallmentStatus"] for row in rows}

    recent, every = items(), items(TransactionLimitByDays=EVER)
    assert 0 < len(recent) < len(every)
    opened = items(TransactionLimitByDays=EVER, TransactionStatus="Open")
    closed = items(TransactionLimitByDays=EVER, TransactionStatus="Closed")
    assert (set(opened.values()), set(closed.values())) == ({"Open"}, {"Closed"})
    assert opened | closed == every
    account = fusion.items(ACTIVITIES)[0]["AccountId"]
    path = f"{ACTIVITIES}/{account}/child/transactionPaymentSchedules"
    more = fusion.items(path, finder=f"TransactionPaymentSchedulesFinder;TransactionLimitByDays={EVER}")
    assert len(more) >= len(fusion.items(path))


def test_an_unchanged_item_is_304_and_a_stale_change_412(fusion: Fusion) -> None:
    made = fusion.post(PARTIES, {"OrganizationName": "Winding Co.", "SourceSystem": "CROSSTIE",
                                 "SourceSystemReferenceValue": "CT7-C1"})  # fmt: skip
    path = f"{PARTIES}/{made['PartyNumber']}"
    tag = fusion.call("GET", path).headers["etag"]
    assert fusion.call("GET", path, headers={"If-None-Match": tag}).status_code == 304
    fusion.patch(path, {"City": "Suzhou"}, headers={"If-Match": tag})
    again = fusion.call("PATCH", path, json={"City": "Wuxi"}, headers={"If-Match": tag})
    assert again.status_code == 412
    assert fusion.get(path)["City"] == "Suzhou"


def test_upsert_makes_one_party_and_a_second_post_is_refused(fusion: Fusion) -> None:
    party = {"OrganizationName": "Loom Ltd.", "SourceSystem": "CROSSTIE", "SourceSystemReferenceValue": "CT7-C2"}
    first = fusion.call("POST", PARTIES, json=party, headers={"Upsert-Mode": "true"})
    second = fusion.call("POST", PARTIES, json=party | {"City": "Leeds"}, headers={"Upsert-Mode": "true"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["PartyId"] == second.json()["PartyId"]
    assert first.headers["location"].endswith(f"/hubOrganizations/{first.json()['PartyNumber']}")
    assert "JBO-25013" in fusion.refused(400, "POST", PARTIES, json=party)
    finder = "SourceSystemReferenceRF;SourceSystem=CROSSTIE,SourceSystemReferenceValue=CT7-C2"
    assert [each["City"] for each in fusion.items(PARTIES, finder=finder)] == ["Leeds"]
    assert fusion.items(ACTIVITIES, q=f"CustomerId = {first.json()['PartyId']}") == []


def test_a_method_may_travel_in_a_header(fusion: Fusion) -> None:
    made = fusion.post(PARTIES, {"OrganizationName": "Override Inc."})
    answer = fusion.call(
        "POST", f"{PARTIES}/{made['PartyNumber']}", json={"City": "Reno"}, headers={"X-HTTP-Method-Override": "PATCH"}
    )
    assert (answer.status_code, answer.json()["City"]) == (200, "Reno")


def test_a_batch_is_all_or_nothing(fusion: Fusion) -> None:
    def batch(*parts: dict[str, Any]) -> httpx.Response:
        return fusion.call("POST", SALES, content=json.dumps({"parts": parts}),
                           headers={"Content-Type": "application/vnd.oracle.adf.batch+json"})  # fmt: skip

    def part(n: int, operation: str, payload: dict[str, Any]) -> dict[str, Any]:
        return {"id": str(n), "path": "/hubOrganizations", "operation": operation, "payload": payload}

    before = len(fusion.book("customers"))
    good = batch(part(1, "create", {"OrganizationName": "Batch A"}), part(2, "get", {}))
    assert [each["id"] for each in good.json()["parts"]] == ["1", "2"]
    assert good.json()["parts"][0]["payload"]["OrganizationName"] == "Batch A"
    bad = batch(part(1, "create", {"OrganizationName": "Batch B"}), part(2, "create", {"City": "Nowhere"}))
    assert bad.status_code == 400
    assert len(bad.json()["o:errorDetails"]) == 1 and "Part 2" in bad.text
    assert len(fusion.book("customers")) == before + 1


def test_rows_of_other_business_units_are_not_there(fusion: Fusion) -> None:
    some = Fusion(fusion.sandbox, user=f"{fusion.sandbox.user}.CN01")
    own, every = some.items(INVOICES), fusion.items(INVOICES)
    assert {each["BusinessUnit"] for each in own} == {"CN01 Business Unit"}
    hidden = next(each for each in every if each["BusinessUnit"] != "CN01 Business Unit")
    some.refused(404, "GET", f"{INVOICES}/{hidden['CustomerTransactionId']}")
    payload = order(fusion, "CT7-BU1", BusinessUnitName="US01 Business Unit")
    assert "business unit" in some.refused(400, "POST", ORDERS, json=payload)
    some.client.close()


def test_types_are_coerced_and_unknown_attributes_refused(fusion: Fusion) -> None:
    made = fusion.post(ORDERS, order(fusion, "CT7-T1", "3", FreezeTaxFlag="false"))
    assert (made["FreezePriceFlag"], made["FreezeTaxFlag"], made["SubmittedFlag"]) == (True, False, True)
    assert made["lines"]["items"][0]["OrderedQuantity"] == 3
    assert "27007" in fusion.refused(400, "POST", ORDERS, json=order(fusion, "CT7-T2") | {"Nobody": 1})
    assert "27018" in fusion.refused(400, "POST", ORDERS, json=order(fusion, "CT7-T3", "three"))
    fusion.refused(415, "POST", ORDERS, content=b"<order/>", headers={"Content-Type": "text/xml"})
    fusion.refused(400, "POST", ORDERS, content=b"{", headers={"Content-Type": "application/json"})


def test_what_a_resource_does_not_do_is_refused(fusion: Fusion) -> None:
    fusion.refused(405, "POST", f"{ERP}/receivablesCreditMemos", json={"TransactionNumber": "1"})
    fusion.refused(404, "GET", f"{ERP}/nobody")
    fusion.refused(404, "GET", f"{INVOICES}/300000000000000000")
    fusion.refused(404, "GET", "/fscmRestApi/resources/10.0/receivablesInvoices")
    one = fusion.items(INVOICES)[0]
    path = f"{INVOICES}/{one['CustomerTransactionId']}"
    fusion.refused(400, "PATCH", path, json={"EnteredAmount": 1})
    assert fusion.patch(path, {"PaymentTerms": "N60"})["PaymentTerms"] == "N60"


def test_the_service_describes_itself(fusion: Fusion) -> None:
    versions = fusion.get("/fscmRestApi/resources")["items"][0]
    assert versions["adf:extension"]["defaultFrameworkVersion"] == "1"
    described = fusion.get(f"{INVOICES}/describe")["Resources"]["receivablesInvoices"]
    queryable = {each["name"] for each in described["attributes"] if each["queryable"]}
    assert len(queryable) == 18 and "BillToCustomerNumber" not in queryable
    assert {"invoiceSearch", "PrimaryKey"} == {each["name"] for each in described["collection"]["finders"]}
    assert fusion.get("/fscmRestApi/resources/latest/receivablesInvoices", limit=1)["count"] == 1


def test_a_token_lasts_an_hour(fusion: Fusion) -> None:
    url, user, password = fusion.sandbox.url, fusion.sandbox.user, fusion.sandbox.password
    form = {"grant_type": "client_credentials", "scope": "urn:opc:resource:consumer::all"}
    answer = httpx.post(f"{url}/oauth2/v1/token", data=form, auth=(user, password))
    assert answer.json()["expires_in"] == 3600
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert httpx.get(url + INVOICES, headers=bearer).status_code == 200
    fusion.advance(1)
    late = httpx.get(url + INVOICES, headers=bearer)
    assert (late.status_code, late.headers["content-type"].split(";")[0]) == (401, "text/html")
    assert httpx.post(f"{url}/oauth2/v1/token", data=form, auth=(user, "wrong")).status_code == 401
    assert httpx.get(url + INVOICES, auth=(user, "wrong")).status_code == 401


def test_items_and_prices_of_the_made_up_company(fusion: Fusion) -> None:
    items = {item["ItemNumber"]: item for item in fusion.items(f"{ERP}/itemsV2", expand="ItemTranslation")}
    pump = items["LQ-1010"]
    names = {each["Language"]: each["ItemDescription"] for each in pump["ItemTranslation"]["items"]}
    assert (pump["PrimaryUOMCode"], names["ZHS"]) == ("Ea", "离心泵 IH50")
    lists = fusion.items(f"{ERP}/priceLists", q="CurrencyCode = 'CNY'", expand="items.charges")
    prices = {row["Item"]: row["charges"]["items"][0]["BasePrice"] for row in lists[0]["items"]["items"]}
    assert prices["LQ-1010"] == 4860


def test_subscriptions_are_renewed_by_an_action(fusion: Fusion) -> None:
    path = f"{SALES}/subscriptions"
    running_ = fusion.items(path, q="Status = 'ORA_ACTIVE'", expand="products")[0]
    number = running_["SubscriptionNumber"]
    answer = fusion.call("POST", f"{path}/{number}/action/renew", content=b"{}",
                         headers={"Content-Type": "application/vnd.oracle.adf.action+json"})  # fmt: skip
    renewal = fusion.get(f"{path}/{answer.json()['result']}", expand="products")
    assert (renewal["Status"], renewal["StartDate"] > running_["EndDate"]) == ("ORA_DRAFT", True)
    product = renewal["products"]["items"][0]
    assert product["RenewSourceProductPuid"] == running_["products"]["items"][0]["SubscriptionProductPuid"]
    renewed = fusion.items(
        f"{SALES}/subscriptionProducts",
        finder=f"ProductPuid;SubscriptionProductPuid={product['RenewSourceProductPuid']}",
    )
    assert renewed[0]["SubscriptionNumber"] == number
    fusion.post(f"{path}/{renewal['SubscriptionNumber']}/action/activate", {}, 200)
    fusion.post(f"{path}/{renewal['SubscriptionNumber']}/action/cancel", {"canceledDate": "2026-01-31"}, 200)
    assert fusion.get(f"{path}/{renewal['SubscriptionNumber']}")["Status"] == "ORA_CANCELED"
    fusion.refused(400, "POST", f"{path}/{renewal['SubscriptionNumber']}/action/activate", json={})
