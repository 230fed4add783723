"""The sandbox's OData V2 reads, seen from the wire: addresses, options, literals, types, pages."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.odata.backend import ODataError
from sandbox.odata.filters import compile_filter
from sandbox.odata.literals import uri_literal
from sandbox.odata.metadata import EntitySet, Property
from sandbox.odata.paths import parse_key
from tests.contract.sandbox_demo import CUBE, DELIVERIES, ORDERS, PARTNERS, Demo

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def demo(running_demo: Demo) -> Demo:
    return running_demo


def numbers(rows: list[dict[str, Any]]) -> list[str]:
    return [row["SalesOrder"] for row in rows]


def error(demo: Demo, path: str, status: int, **options: str) -> dict[str, Any]:
    answer = demo.get(path, **options)
    assert answer.status_code == status, answer.text
    return dict(answer.json()["error"])


# --- signing on ------------------------------------------------------------------------------------------------------


def test_a_wrong_password_is_401_in_html_and_five_of_them_lock_the_user(demo: Demo) -> None:
    with demo.new_client(auth=("CROSSTIE", "wrong")) as intruder:
        for _ in range(5):
            answer = intruder.get(ORDERS + "/A_SalesOrder")
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Basic realm=")
            assert answer.headers["content-type"].startswith("text/html")
    assert demo.get(ORDERS + "/A_SalesOrder").status_code == 401
    demo.client.delete("/_sandbox/locks")
    assert demo.get(ORDERS + "/A_SalesOrder").status_code == 200


def test_without_credentials_a_session_cookie_signs_on(demo: Demo) -> None:
    with demo.new_client(auth=None) as stranger:
        assert stranger.get(ORDERS + "/").status_code == 401
        fetch = {"x-csrf-token": "fetch"}
        stranger.get(ORDERS + "/", headers=fetch, auth=(demo.sandbox.user, demo.sandbox.password))
        assert stranger.get(ORDERS + "/").status_code == 200


def test_the_client_number_picks_the_tenant(demo: Demo) -> None:
    assert demo.client.get(ORDERS + "/?sap-client=100").status_code == 200
    assert demo.client.get(ORDERS + "/?sap-client=200").status_code == 401


# --- addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        "('3')",
        "(SalesOrder='3')",
        "('0000000003')",
        quote("('3')", safe=""),
        "(%273%27)",
        quote("(SalesOrder='3')", safe=""),
    ],
)
def test_an_entity_answers_to_every_form_of_its_key(demo: Demo, key: str) -> None:
    assert demo.get(f"{ORDERS}/A_SalesOrder{key}").json()["d"]["SalesOrder"] == "3"


def test_a_compound_key_is_named_in_any_order_and_padded_or_not(demo: Demo) -> None:
    path = f"{ORDERS}/A_SalesOrderItem(SalesOrderItem='000010',SalesOrder='3')"
    assert demo.get(path).json()["d"]["SalesOrderItem"] == "10"


def test_navigation_reaches_children_one_child_a_property_and_its_value(demo: Demo) -> None:
    order = f"{ORDERS}/A_SalesOrder('3')"
    assert len(demo.rows(order + "/to_Item")) == 5
    assert demo.get(order + "/to_Item(SalesOrder='3',SalesOrderItem='20')").json()["d"]["Material"] == "102"
    assert demo.get(order + "/TotalNetAmount").json() == {"d": {"TotalNetAmount": "352.65"}}
    assert demo.get(order + "/TotalNetAmount/$value").text == "352.65"
    assert demo.get(order + "/to_Item/$count").text == "5"
    assert (
        demo.get(f"{ORDERS}/A_SalesOrderItem(SalesOrder='3',SalesOrderItem='20')/to_SalesOrder").json()["d"][
            "SalesOrder"
        ]
        == "3"
    )


def test_a_version_in_the_path_picks_the_service(demo: Demo) -> None:
    assert demo.rows(DELIVERIES + "/A_OutbDeliveryHeader")[0]["DeliveryDocument"] == "80000001"
    assert error(demo, DELIVERIES.partition(";")[0] + "/A_OutbDeliveryHeader", 403)["code"] == "/IWFND/MED/170"


def test_an_unactivated_service_is_403(demo: Demo) -> None:
    refusal = error(demo, "/sap/opu/odata/sap/API_SALES_CONTRACT_SRV/A_SalesContract", 403)
    assert refusal["code"] == "/IWFND/MED/170"
    assert "name 'API_SALES_CONTRACT_SRV', version '0001'" in refusal["message"]["value"]


def test_the_catalogue_lists_the_services(demo: Demo) -> None:
    path = "/sap/opu/odata/IWFND/CATALOGSERVICE;v=2/ServiceCollection"
    found = demo.rows(path, filter="TechnicalServiceName eq 'API_OUTBOUND_DELIVERY_SRV'")
    assert [row["ServiceUrl"] for row in found] == [DELIVERIES]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("A_SalesOrder('99')", "/IWBEP/CM_MGW_RT/020"),
        ("A_SalesOrderr", "005056A509B11EE1B9A8FEC11C21D78E"),
        ("A_SalesOrder('3')/to_Nothing", "005056A509B11EE1B9A8FEC11C21D78E"),
    ],
)
def test_what_is_not_there_is_404(demo: Demo, path: str, code: str) -> None:
    refusal = error(demo, f"{ORDERS}/{path}", 404)
    assert refusal["code"] == code
    assert refusal["innererror"]["application"]["service_id"] == "API_SALES_ORDER_SRV"
    assert len(refusal["innererror"]["transactionid"]) == 32


@pytest.mark.parametrize(
    "key",
    ["(1)", "(Order='1')", "('1','2')", "(SalesOrder='1',SalesOrderItem='10')", "(datetime'2024-01-01T00:00:00')"],
)
def test_a_malformed_key_is_400(demo: Demo, key: str) -> None:
    error(demo, f"{ORDERS}/A_SalesOrder{key}", 400)


def test_some_sets_are_reached_by_navigation_only(demo: Demo) -> None:
    assert demo.get(DELIVERIES + "/A_OutbDeliveryPartner").status_code == 501


def test_head_answers_on_any_path_of_a_service(demo: Demo) -> None:
    for path in ("/", "/A_SalesOrder", "/A_SalesOrder/", "/$batch/", "/NoSuchSet('1')/"):
        answer = demo.client.head(ORDERS + path, headers={"x-csrf-token": "Fetch"})
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["x-csrf-token"]


# --- what rows look like ---------------------------------------------------------------------------------------------


def test_json_types_are_those_of_v2(demo: Demo) -> None:
    order = demo.get(f"{ORDERS}/A_SalesOrder('1')").json()["d"]
    assert order["TotalNetAmount"] == "152.65"
    assert order["CompleteDeliveryIsDefined"] is False
    assert order["CreationDate"] == "/Date(1712016000000)/"
    assert order["LastChangeDateTime"] == "/Date(1711959347125+0000)/"
    assert order["RequestedDeliveryDate"] is None
    assert order["SalesOffice"] == ""
    assert order["to_Item"] == {"__deferred": {"uri": f"{order['__metadata']['uri']}/to_Item"}}
    assert order["__metadata"] == {
        "id": order["__metadata"]["uri"],
        "uri": f"{demo.sandbox.url}{ORDERS}/A_SalesOrder('1')",
        "type": "API_SALES_ORDER_SRV.A_SalesOrderType",
        "etag": "W/\"datetimeoffset'2024-04-01T08%3A15%3A47.1257060Z'\"",
    }


def test_yen_have_no_decimals_and_quantities_no_zeros(demo: Demo) -> None:
    assert demo.get(f"{ORDERS}/A_SalesOrder('2')").json()["d"]["TotalNetAmount"] == "250000"
    item = demo.rows(f"{ORDERS}/A_SalesOrder('2')/to_Item", select="RequestedQuantity,NetAmount")[2]
    assert (item["RequestedQuantity"], item["NetAmount"]) == ("3", "30.50")


def test_a_missing_time_and_guid_are_written_as_sap_does(demo: Demo) -> None:
    flow = demo.rows(f"{ORDERS}/A_SalesOrder('1')/to_SubsequentProcFlowDoc")[0]
    assert flow["CreationTime"] == "PT00H00M00S"
    assert flow["__metadata"]["uri"].endswith(
        f"(SalesOrder='1',DocRelationshipUUID=guid'{flow['DocRelationshipUUID']}')"
    )


def test_select_and_expand_shape_every_level(demo: Demo) -> None:
    rows = demo.rows(
        f"{ORDERS}/A_SalesOrder",
        select="SalesOrder,to_Item/Material,to_Item/to_SalesOrder/SoldToParty",
        expand="to_Item/to_SalesOrder",
        top="1",
    )
    order = rows[0]
    item = order["to_Item"]["results"][0]
    assert set(order) == {"__metadata", "SalesOrder", "to_Item"}
    assert set(item) == {"__metadata", "Material", "to_SalesOrder"}
    assert set(item["to_SalesOrder"]) == {"__metadata", "SoldToParty"}


def test_a_select_path_selects_its_navigation(demo: Demo) -> None:
    rows = demo.rows(
        f"{ORDERS}/A_SalesOrder",
        select="*,to_Item/*,to_Item/to_SalesOrder",
        expand="to_Item/to_SalesOrder,to_Partner",
        top="1",
    )
    item = rows[0]["to_Item"]["results"][0]
    assert "to_Partner" not in rows[0]
    assert rows[0]["SoldToParty"] == "10000001"
    assert item["Material"] == "101"
    assert item["to_SalesOrder"]["SalesOrder"] == "1"
    assert "to_ScheduleLine" not in item


def test_unexpanded_but_selected_navigation_stays_deferred(demo: Demo) -> None:
    order = demo.rows(f"{ORDERS}/A_SalesOrder", select="SalesOrder,to_Item", top="1")[0]
    assert set(order["to_Item"]) == {"__deferred"}


def test_without_json_wanted_the_answer_is_atom(demo: Demo) -> None:
    with demo.new_client(headers={}) as browser:
        feed = browser.get(
            f"{ORDERS}/A_SalesOrder", params={"$top": "2", "$inlinecount": "allpages", "$expand": "to_Item"}
        )
        assert feed.headers["content-type"].startswith("application/atom+xml")
        assert feed.text.count("<d:TotalNetAmount>") == 2
        assert "<m:count>12</m:count>" in feed.text
        assert feed.text.count("<d:Material>") == 10
        assert browser.get(f"{ORDERS}/A_SalesOrder('77')").text.startswith(
            '<?xml version="1.0" encoding="utf-8"?><error'
        )
        asked = browser.get(f"{ORDERS}/A_SalesOrder?$format=json")
        assert asked.headers["content-type"].startswith("application/json")


@given(
    edm=st.sampled_from(["String", "Decimal", "DateTime", "DateTimeOffset", "Time", "Boolean", "Guid", "Int32"]),
    text=st.text(max_size=20),
    number=st.integers(-(2**31), 2**31 - 1),
    moment=st.datetimes(timezones=st.just(UTC)),
)
def test_a_key_in_an_address_reads_back_as_it_was(edm: str, text: str, number: int, moment: datetime) -> None:
    values: dict[str, Any] = {"String": text, "Decimal": Decimal(number).scaleb(-3), "DateTime": moment.date()}
    values |= {"DateTimeOffset": moment, "Time": moment.time().replace(microsecond=0), "Boolean": number > 0}
    values |= {"Guid": UUID(int=abs(number)), "Int32": number}
    key = Property("K", f"Edm.{edm}", is_date=edm == "DateTime")
    keyed = EntitySet("A", "T", keys=[key], properties={"K": key})
    literal = unquote(uri_literal(key, values[edm]))
    assert parse_key(keyed, f"K={literal}") == parse_key(keyed, literal) == {"K": values[edm]}


# --- filters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SalesOrder eq '3'", ["3"]),
        ("SalesOrder eq '0000000003'", ["3"]),
        ("SalesOrder gt '9'", ["10", "11", "12"]),
        ("SalesOrder gt '0000000009' and SalesOrder le '11'", ["10", "11"]),
        ("'2' eq SalesOrder", ["2"]),
        ("'10' lt SalesOrder", ["11", "12"]),
        ("PurchaseOrderByCustomer eq 'O''Brien & Söhne/中文'", ["3"]),
        ("substringof('Brien',PurchaseOrderByCustomer)", ["3"]),
        ("substringof('Brien',PurchaseOrderByCustomer) eq false and SalesOrder lt '4'", ["1", "2"]),
        ("startswith(PurchaseOrderByCustomer,'PO-1')", ["1", "10", "11", "12"]),
        ("endswith(PurchaseOrderByCustomer,'-12') eq true", ["12"]),
        ("not (SalesOrder gt '1')", ["1"]),
        ("SalesOrder eq '1' or SalesOrder eq '2' or SalesOrder eq '12'", ["1", "2", "12"]),
        ("SalesOrder eq '1' or SalesOrder eq '2' and CompleteDeliveryIsDefined eq false", ["1"]),
        ("(SalesOrder eq '1' or SalesOrder eq '2') and CompleteDeliveryIsDefined eq true", ["2"]),
        ("CompleteDeliveryIsDefined and SalesOrder le '2'", ["2"]),
        ("CreationDate ge datetime'2024-04-12T00:00:00'", ["11", "12"]),
        ("CreationDate eq datetime'2024-04-03T00:00:00'", ["2"]),
        ("CreationDate gt datetime'2024-04-12T12:00:00'", ["12"]),
        ("LastChangeDateTime ge datetimeoffset'2024-04-11T08:15:47.125716Z'", ["11", "12"]),
        ("LastChangeDateTime gt datetimeoffset'2024-04-11T16:15:47.1257160+08:00'", ["12"]),
        ("TotalNetAmount gt 1152.65M", ["2", "12"]),
        ("TotalNetAmount gt 1152.65 and TotalNetAmount lt 2000", ["12"]),
        ("RequestedDeliveryDate eq null and SalesOrder le '2'", ["1", "2"]),
        ("RequestedDeliveryDate lt datetime'2030-01-01T00:00:00'", []),
        ("SalesOffice eq '' and SalesOrder eq '1'", ["1"]),
        ("SalesOffice ne ''", []),
        ("TransactionCurrency eq 'jpy'", ["2"]),
    ],
)
def test_a_filter_finds(demo: Demo, text: str, found: list[str]) -> None:
    assert numbers(demo.rows(f"{ORDERS}/A_SalesOrder", filter=text, select="SalesOrder")) == found


@pytest.mark.parametrize(
    "text",
    [
        "LastChangeDateTime ge datetime'2024-04-01T00:00:00'",
        "CreationDate ge datetimeoffset'2024-04-01T00:00:00Z'",
        "SalesOrder eq 3",
        "TotalNetAmount eq '3'",
        "CompleteDeliveryIsDefined eq 'true'",
        "substringof(PurchaseOrderByCustomer,'x')",
        "substringof('1',TotalNetAmount)",
    ],
)
def test_a_literal_of_the_wrong_type_is_400(demo: Demo, text: str) -> None:
    refusal = error(demo, f"{ORDERS}/A_SalesOrder", 400, filter=text)
    assert refusal["message"]["value"].startswith("Invalid parametertype used at function")


@pytest.mark.parametrize(
    "text",
    [
        "NoSuchField eq '1'",
        "SalesOrder eq",
        "SalesOrder",
        "SalesOrder eq '1' and",
        "(SalesOrder eq '1'",
        "SalesOrder eq '1')",
        "SalesOrder eq '1",
        "SalesOrder == '1'",
        "to_Item/any(i: i/Material eq '1')",
        "tolower(SalesOrder) eq '1'",
        "CreationDate eq datetime'2024-13-01T00:00:00'",
    ],
)
def test_a_filter_that_makes_no_sense_is_400(demo: Demo, text: str) -> None:
    error(demo, f"{ORDERS}/A_SalesOrder", 400, filter=text)


def test_an_unfilterable_field_is_400(demo: Demo) -> None:
    assert (
        "cannot be used in a filter"
        in error(demo, f"{ORDERS}/A_SalesOrderText", 400, filter="LongText eq 'x'")["message"]["value"]
    )


@pytest.mark.parametrize(
    "options",
    [
        {"select": "Nope"},
        {"expand": "to_Nope"},
        {"orderby": "Nope"},
        {"orderby": "SalesOrder up"},
        {"top": "x"},
        {"skip": "-1"},
        {"apply": "x"},
        {"inlinecount": "some"},
        {"skiptoken": "x"},
    ],
)
def test_a_wrong_option_is_400(demo: Demo, options: dict[str, str]) -> None:
    error(demo, f"{ORDERS}/A_SalesOrder", 400, **options)


def test_an_unknown_format_is_400(demo: Demo) -> None:
    answer = demo.client.get(f"{ORDERS}/A_SalesOrder?$format=xlsx")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/xml")


def test_a_raw_plus_in_the_query_is_a_space(demo: Demo) -> None:
    moment = "LastChangeDateTime%20ge%20datetimeoffset'2024-04-11T00:00:00+00:00'"
    answer = demo.client.get(f"{ORDERS}/A_SalesOrder?$filter={moment}")
    assert answer.status_code == 400


def test_account_lines_filter_by_clearing_company_and_many_keys(demo: Demo) -> None:
    lines = demo.rows(f"{CUBE}/A_OperationalAcctgDocItemCube", filter="IsCleared eq false and SpecialGLCode eq ''")
    assert [line["AccountingDocumentItem"] for line in lines] == ["2"]
    many = " or ".join(f"(AccountingDocument eq '1800000000' and AccountingDocumentItem eq '{n}')" for n in (1, 3))
    lines = demo.rows(f"{CUBE}/A_OperationalAcctgDocItemCube", filter=f"CompanyCode eq 'CN01' and ({many})")
    assert [line["AmountInTransactionCurrency"] for line in lines] == ["-1.10", "-3.30"]


@given(st.lists(st.integers(0, 10**10 - 1), min_size=1, max_size=20, unique=True), st.integers(0, 10**10 - 1))
def test_zero_filled_fields_compare_as_numbers(demo: Demo, stored: list[int], bound: int) -> None:
    entity_set = demo.books.sets["A_SalesOrder"]
    rows = [{"SalesOrder": str(number)} for number in stored]
    for literal in (f"'{bound}'", f"'{bound:010}'"):
        test = compile_filter(f"SalesOrder gt {literal}", entity_set)
        assert [int(row["SalesOrder"]) for row in rows if test(row)] == [n for n in stored if n > bound]


@given(st.text(max_size=60))
def test_no_filter_text_breaks_the_parser(demo: Demo, text: str) -> None:
    try:
        compile_filter(text, demo.books.sets["A_SalesOrder"])
    except ODataError as refusal:
        assert refusal.status == 400


@given(
    st.decimals(min_value=-(10**12), max_value=10**12, places=3),
    st.decimals(min_value=-(10**12), max_value=10**12, places=3),
)
def test_amounts_compare_exactly(demo: Demo, stored: Decimal, bound: Decimal) -> None:
    test = compile_filter(f"TotalNetAmount ge {bound:f}M", demo.books.sets["A_SalesOrder"])
    assert test({"TotalNetAmount": stored}) is (stored >= bound)


# --- order and pages -------------------------------------------------------------------------------------------------


def test_rows_come_in_key_order_or_as_asked(demo: Demo) -> None:
    path = f"{ORDERS}/A_SalesOrder"
    everything = [str(n) for n in range(1, 13)]
    assert numbers(demo.rows(path)) == everything
    assert numbers(demo.rows(path, orderby="SalesOrder desc")) == everything[::-1]
    assert numbers(demo.rows(path, orderby="SoldToParty,LastChangeDateTime desc", top="5")) == [
        "12",
        "9",
        "6",
        "3",
        "10",
    ]
    assert numbers(demo.rows(path, orderby="LastChangeDateTime asc", skip="3", top="2")) == ["4", "5"]


def test_count_ignores_top_and_skip(demo: Demo) -> None:
    d = demo.get(f"{ORDERS}/A_SalesOrder", inlinecount="allpages", top="2", skip="1").json()["d"]
    assert (d["__count"], len(d["results"])) == ("12", 2)
    assert demo.get(f"{ORDERS}/A_SalesOrder/$count", filter="SalesOrder gt '9'").text == "3"


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, range(1, 13)),
        ({"skip": "2"}, range(3, 13)),
        ({"top": "7"}, range(1, 8)),
        ({"skip": "1", "top": "5"}, range(2, 7)),
    ],
)
def test_following_next_reads_everything_once(demo: Demo, options: dict[str, str], found: range) -> None:
    service = demo.services["API_SALES_ORDER_SRV"]
    service.page_size = 5
    try:
        read, address, query = [], f"{ORDERS}/A_SalesOrder", {f"${n}": v for n, v in options.items()}
        while address:
            d = demo.client.get(address, params=query or None).json()["d"]
            assert len(d["results"]) <= 5
            read += numbers(d["results"])
            address, query = d.get("__next"), {}
    finally:
        service.page_size = 1000
    assert read == [str(n) for n in found]


def test_a_page_can_be_read_again_also_after_it_was_forgotten(demo: Demo) -> None:
    service = demo.services["API_SALES_ORDER_SRV"]
    service.page_size = 5
    try:
        following = demo.get(f"{ORDERS}/A_SalesOrder", filter="SalesOrder gt '1'").json()["d"]["__next"]
        first = numbers(demo.client.get(following).json()["d"]["results"])
        for number in range(20):
            demo.rows(f"{ORDERS}/A_SalesOrder", filter=f"SalesOrder gt '{number}'")
        assert numbers(demo.client.get(following).json()["d"]["results"]) == first == ["7", "8", "9", "10", "11"]
    finally:
        service.page_size = 1000


def test_the_date_header_is_the_simulated_clock(demo: Demo) -> None:
    assert demo.get(PARTNERS + "/").headers["date"] == "Tue, 30 Apr 2024 08:15:47 GMT"


def test_metadata_has_an_etag(demo: Demo) -> None:
    answer = demo.get(ORDERS + "/$metadata")
    assert answer.headers["content-type"] == "application/xml"
    again = demo.client.get(ORDERS + "/$metadata", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
