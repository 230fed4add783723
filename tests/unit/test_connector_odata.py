"""The OData client's parts: selections, plain records, errors in the ERP's words, differences, batches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st

from connectors.answer import Answer
from connectors.base import Ack, Hit, Position
from connectors.errors import (
    ConfigurationError,
    ConflictError,
    OutcomeUnknownError,
    PermanentError,
    RecordRejectedError,
    TransientError,
)
from connectors.odata.batch import Operation, answers, changeset
from connectors.odata.connector import ODataConnector
from connectors.odata.errors import refusal, warnings
from connectors.odata.metadata import parse_metadata
from tests.unit.connector_help import METADATA, PRODUCT, ROOT, connector

ORDER = {
    "__metadata": {"id": "x", "uri": "x", "type": "SHOP.OrderType", "etag": 'W/"v1"'},
    "Order": "0000000007",
    "Buyer": "0000000012",
    "Note": "old",
    "Currency": "JPY",
    "Total": "250000",
    "Count": 3,
    "Open": False,
    "At": "PT10H30M00S",
    "Due": "/Date(1471392000000)/",
    "Created": None,
    "Changed": "/Date(1472796947125+0000)/",
    "to_Lines": {
        "results": [
            {"__metadata": {}, "Order": "7", "Line": "10", "OurLine": "1", "Reason": "", "Quantity": "5.000"},
            {"__metadata": {}, "Order": "7", "Line": "20", "OurLine": "2", "Reason": "", "Quantity": "1"},
            {"__metadata": {}, "Order": "7", "Line": "30", "OurLine": "", "Reason": "", "Quantity": "1"},
        ]
    },
}


@pytest.fixture
def routes() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        router.get(f"{ROOT}/$metadata").respond(content=METADATA, content_type="application/xml")
        router.get(f"{ROOT}/").respond(200, json={"d": {}}, headers={"x-csrf-token": "t"})
        yield router


@pytest.fixture
def erp() -> Iterator[ODataConnector]:
    found = connector()
    yield found
    found.close()


def answers_with(routes: respx.MockRouter, *rows: dict[str, Any]) -> respx.Route:
    return routes.get(f"{ROOT}/Orders").mock(side_effect=lambda _: httpx.Response(200, json={"d": {"results": rows}}))


def pulled(erp: ODataConnector, fields: list[str], read: str = "changed") -> list[Any]:
    return [r for page in erp.pull("orders", read, since="", after=Position(), fields=fields) for r in page.records]


class TestReading:
    def test_records_come_plain(self, routes: respx.MockRouter, erp: ODataConnector) -> None:
        answers_with(routes, ORDER)
        fields = ["Due", "At", "Count", "Open", "Total", "to_Lines.Quantity"]
        [record] = pulled(erp, fields)
        assert record.key == "7"
        data = record.data
        assert (data["Due"], data["At"], data["Count"], data["Open"]) == ("2016-08-17", "10:30:00", "3", False)
        assert (data["Total"], data["Changed"]) == ("250000", "2016-09-02T06:15:47.125000Z")
        assert data["Created"] is None
        assert [line["Quantity"] for line in data["to_Lines"]] == ["5.000", "1", "1"]
        assert "__metadata" not in json.dumps(data)

    def test_only_what_is_wanted_is_asked_for(self, routes: respx.MockRouter, erp: ODataConnector) -> None:
        route = answers_with(routes, ORDER)
        pulled(erp, ["Buyer", "to_Lines.Quantity"])
        asked = dict(route.calls.last.request.url.params)
        assert set(asked["$select"].split(",")) == {
            *("Order", "Buyer", "Changed", "Created"),
            *("to_Lines/Order", "to_Lines/Line", "to_Lines/Quantity"),
        }
        assert asked["$expand"] == "to_Lines"
        assert asked["$orderby"] == "Changed,Order"

    def test_without_fields_everything_but_lines_comes(self, routes: respx.MockRouter, erp: ODataConnector) -> None:
        route = answers_with(routes, {**ORDER, "to_Lines": {"__deferred": {"uri": "x"}}})
        [record] = pulled(erp, [])
        assert "$select" not in route.calls.last.request.url.params
        assert "to_Lines" not in record.data

    def test_a_field_nobody_has_is_named_before_anything_is_asked(
        self, routes: respx.MockRouter, erp: ODataConnector
    ) -> None:
        route = answers_with(routes)
        for field, nearest in (("Byer", "Buyer"), ("to_Lines.quantity", "Quantity"), ("Buyer.Name", "Buyer")):
            with pytest.raises(ConfigurationError) as caught:
                pulled(erp, [field])
            assert caught.value.code == "source-field-missing"
            assert caught.value.params["nearest"] == nearest
        assert not route.called

    def test_lines_cut_by_the_server_are_not_taken_for_all(self, routes: respx.MockRouter, erp: ODataConnector) -> None:
        answers_with(routes, {**ORDER, "to_Lines": {"results": [], "__next": "x"}})
        with pytest.raises(PermanentError) as caught:
            pulled(erp, ["to_Lines.Quantity"])
        assert caught.value.code == "answer-shape"

    def test_the_set_is_named_when_the_service_lacks_it(self, routes: respx.MockRouter) -> None:
        erp = connector(PRODUCT.replace("SHOP/Orders", "SHOP/Ordrs"))
        with pytest.raises(ConfigurationError) as caught:
            pulled(erp, [])
        assert caught.value.code == "set-missing"
        erp.close()

    def test_source_paths_reach_the_lines_but_not_back(self, routes: respx.MockRouter, erp: ODataConnector) -> None:
        paths = erp.source_paths("orders") or {}
        assert paths["Total"] == "Edm.Decimal"
        assert paths["to_Lines.Quantity"] == "Edm.Decimal"
        assert not any("to_Order" in path for path in paths)

    def test_lookups_name_every_key_once_in_bounded_addresses(
        self, routes: respx.MockRouter, erp: ODataConnector
    ) -> None:
        route = answers_with(routes)
        keys = [str(n) for n in range(400)]
        pages = list(erp.lookup("orders", [*keys, *keys], fields=["Buyer"]))
        assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
        urls = [call.request.url for call in route.calls]
        assert max(len(str(url)) for url in urls) < 8000
        asked = " or ".join(url.params["$filter"] for url in urls)
        assert [asked.count(f"'{key}'") for key in keys] == [1] * 400

    def test_a_composite_key_looks_up_by_all_its_parts(self, routes: respx.MockRouter, erp: ODataConnector) -> None:
        route = routes.get(f"{ROOT}/Lines").respond(200, json={"d": {"results": []}})
        list(erp.lookup("lines", ["7/10"], fields=[]))
        assert route.calls.last.request.url.params["$filter"] == "Order eq '7' and Line eq '10'"

    def test_find_tells_what_it_found(self, routes: respx.MockRouter, erp: ODataConnector) -> None:
        route = answers_with(routes, {**ORDER, "OurKey": "CT7-Q'1"})
        assert erp.find("orders", "CT7-Q'1") == [Hit("7", "12", "JPY", 250000)]  # type: ignore[arg-type]
        assert route.calls.last.request.url.params["$filter"] == "OurKey eq 'CT7-Q''1'"

    def test_a_search_that_returns_others_is_not_trusted(self, routes: respx.MockRouter, erp: ODataConnector) -> None:
        answers_with(routes, {**ORDER, "OurKey": "CT7-Q2"})
        with pytest.raises(TransientError) as caught:
            erp.find("orders", "CT7-Q1")
        assert caught.value.code == "lookup-not-filtered"

    def test_every_bearer_of_our_keys_is_listed_page_by_page(
        self, routes: respx.MockRouter, erp: ODataConnector
    ) -> None:
        bearers = [{**ORDER, "Order": str(number), "OurKey": f"CT7-Q{number}"} for number in range(1, 5)]
        answers = [httpx.Response(200, json={"d": {"results": some}}) for some in (bearers[:3], bearers[3:])]
        route = routes.get(f"{ROOT}/Orders").mock(side_effect=answers)
        found = list(erp.bearing("orders", "CT7-"))
        assert [(one.key, one.hit.external_id) for one in found] == [(f"CT7-Q{n}", str(n)) for n in range(1, 5)]
        asked = [call.request.url.params["$filter"] for call in route.calls]
        assert asked == ["startswith(OurKey,'CT7-')", "(startswith(OurKey,'CT7-')) and (Order gt '3')"]

    def test_a_list_of_bearers_with_others_in_it_is_not_trusted(
        self, routes: respx.MockRouter, erp: ODataConnector
    ) -> None:
        answers_with(routes, {**ORDER, "OurKey": "CT8-Q2"})
        with pytest.raises(TransientError) as caught:
            list(erp.bearing("orders", "CT7-"))
        assert caught.value.code == "lookup-not-filtered"

    def test_raw_amounts_are_signed_by_kind(self, routes: respx.MockRouter, erp: ODataConnector) -> None:
        memo = {"Order": "8", "Kind": "C", "Total": "2.50"}
        answers_with(routes, {**ORDER, "Kind": "I"}, memo)
        assert [str(raw.amount) for raw in erp.raw_amounts("orders")] == ["250000", "-2.50"]
        answers_with(routes, {**ORDER, "Kind": "?"})
        with pytest.raises(PermanentError, match=r"Kind = \?"):
            list(erp.raw_amounts("orders"))

    @pytest.mark.parametrize(
        "body", [b"<html>", b"", b"<a/>", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>']
    )
    def test_metadata_that_is_none_is_named(self, routes: respx.MockRouter, erp: ODataConnector, body: bytes) -> None:
        routes.get(f"{ROOT}/$metadata").respond(content=body, content_type="application/xml")
        with pytest.raises(PermanentError) as caught:
            pulled(erp, [])
        assert caught.value.code == "metadata-broken"


def test_xml_entities_are_never_resolved(tmp_path: Any) -> None:
    secret = tmp_path / "secret"
    secret.write_text("TopSecret")
    text = METADATA.replace(b'<?xml version="1.0"?>', f'<!DOCTYPE x [<!ENTITY e SYSTEM "{secret.as_uri()}">]>'.encode())
    found = parse_metadata(text.replace(b'Name="Note"', b'Name="Note&amp;"'))
    assert "TopSecret" not in str(vars(found))


WANTED = {
    "Buyer": "12",
    "Note": "new",
    "Total": "250000.00",
    "Due": "2016-08-17",
    "to_Lines": [{"OurLine": "1", "Quantity": "7"}, {"OurLine": "3", "Quantity": "2"}],
}


class TestChange:
    def document(self, routes: respx.MockRouter, *states: dict[str, Any]) -> respx.Route:
        bodies = [httpx.Response(200, json={"d": {**state, "Order": "7"}}) for state in states]
        return routes.get(f"{ROOT}/Orders('7')").mock(side_effect=bodies)

    def after(self) -> dict[str, Any]:
        lines: list[dict[str, Any]] = [dict(line) for line in ORDER["to_Lines"]["results"]]  # type: ignore[index]
        lines[0]["Quantity"], lines[1]["Reason"] = "7.000", "X"
        lines.append({"Order": "7", "Line": "40", "OurLine": "3", "Quantity": "2.000"})
        return {**ORDER, "Note": "new", "to_Lines": {"results": lines}}

    def accept(self, request: httpx.Request) -> httpx.Response:
        count = request.content.count(b"Content-Type: application/http")
        parts = [Operation("", "", b"", {})] * count
        return batch_answer([(204, b"")] * len(parts))

    def test_only_differences_are_sent_in_one_changeset(self, routes: respx.MockRouter, erp: ODataConnector) -> None:
        self.document(routes, ORDER, self.after())
        batch = routes.post(f"{ROOT}/$batch").mock(side_effect=self.accept)
        assert erp.change("orders", "7", WANTED, deadline_s=5) == Ack("7", True, [])
        assert batch.call_count == 1
        sent = written(batch.calls.last.request.content)
        assert sent == [
            ("PATCH", "Orders('7')", {"Note": "new"}, 'W/"v1"'),
            ("PATCH", "Lines(Order='7',Line='10')", {"Quantity": "7"}, "*"),
            ("PATCH", "Lines(Order='7',Line='20')", {"Reason": "X"}, "*"),
            ("POST", "Orders('7')/to_Lines", {"OurLine": "3", "Quantity": "2"}, ""),
        ]

    def test_a_document_that_agrees_is_left_alone(self, routes: respx.MockRouter, erp: ODataConnector) -> None:
        self.document(routes, self.after())
        assert erp.change("orders", "7", WANTED, deadline_s=5) == Ack("7", False, [])

    def test_one_by_one_where_a_changeset_takes_only_one(self, routes: respx.MockRouter, erp: ODataConnector) -> None:
        half = {**self.after(), "to_Lines": ORDER["to_Lines"]}
        self.document(routes, ORDER, half, self.after())
        only_one = b'{"error":{"code":"x","message":"Default changeset implementation allows only one operation"}}'
        routes.post(f"{ROOT}/$batch").mock(side_effect=lambda _: batch_answer([(400, only_one)]))
        header = routes.patch(f"{ROOT}/Orders('7')").respond(204)
        routes.patch(f"{ROOT}/Lines(Order='7',Line='10')").respond(204)
        assert erp.change("orders", "7", WANTED, deadline_s=5).changed
        assert header.call_count == 1

    def test_what_the_erp_does_not_take_over_is_said_and_not_sent_again(
        self, routes: respx.MockRouter, erp: ODataConnector
    ) -> None:
        self.document(routes, ORDER, ORDER)
        patch = routes.patch(f"{ROOT}/Orders('7')").respond(204)
        ack = erp.change("orders", "7", {"Note": "new"}, deadline_s=5)
        assert patch.call_count == 1
        assert "Note" in ack.warnings[0]

    def test_a_stale_version_is_read_again_once(self, routes: respx.MockRouter, erp: ODataConnector) -> None:
        newer = {**ORDER, "__metadata": {"etag": 'W/"v2"'}}
        self.document(routes, ORDER, newer, self.after())
        patch = routes.patch(f"{ROOT}/Orders('7')")
        patch.mock(side_effect=[httpx.Response(412), httpx.Response(204)])
        assert erp.change("orders", "7", {"Note": "new"}, deadline_s=5).changed
        assert [call.request.headers["if-match"] for call in patch.calls] == ['W/"v1"', 'W/"v2"']
        self.document(routes, ORDER, newer)
        patch.mock(side_effect=[httpx.Response(412), httpx.Response(412)])
        with pytest.raises(ConflictError):
            erp.change("orders", "7", {"Note": "new"}, deadline_s=5)

    def test_a_fixed_field_that_differs_is_refused(self, routes: respx.MockRouter, erp: ODataConnector) -> None:
        self.document(routes, ORDER)
        with pytest.raises(RecordRejectedError) as caught:
            erp.change("orders", "7", {"Buyer": "13"}, deadline_s=5)
        assert caught.value.code == "field-fixed"

    def test_two_lines_with_our_number_are_a_matter_for_people(
        self, routes: respx.MockRouter, erp: ODataConnector
    ) -> None:
        lines = ORDER["to_Lines"]["results"]  # type: ignore[index]
        self.document(routes, {**ORDER, "to_Lines": {"results": [*lines, {**lines[0], "Line": "90"}]}})
        with pytest.raises(RecordRejectedError) as caught:
            erp.change("orders", "7", WANTED, deadline_s=5)
        assert caught.value.code == "line-ambiguous"

    def test_a_document_that_is_gone_is_named(self, routes: respx.MockRouter, erp: ODataConnector) -> None:
        routes.get(f"{ROOT}/Orders('7')").respond(404)
        for write in (erp.change, erp.cancel):
            with pytest.raises(RecordRejectedError) as caught:
                write("orders", "7", {"Note": "new"}, deadline_s=5)
            assert caught.value.code == "document-gone"

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (httpx.Response(202, text="not multipart"), OutcomeUnknownError),
            (httpx.Response(502), OutcomeUnknownError),
            (httpx.Response(200, html="<html>"), OutcomeUnknownError),
        ],
    )
    def test_a_changeset_without_a_readable_answer_is_unknown(
        self, routes: respx.MockRouter, erp: ODataConnector, answer: httpx.Response, error: type[Exception]
    ) -> None:
        self.document(routes, ORDER)
        routes.post(f"{ROOT}/$batch").mock(return_value=answer)
        with pytest.raises(error):
            erp.change("orders", "7", WANTED, deadline_s=5)

    @pytest.mark.parametrize(
        ("status", "error"), [(400, RecordRejectedError), (412, ConflictError), (500, OutcomeUnknownError)]
    )
    def test_the_inner_answer_counts(
        self, routes: respx.MockRouter, erp: ODataConnector, status: int, error: type[Exception]
    ) -> None:
        self.document(routes, ORDER, ORDER)
        routes.post(f"{ROOT}/$batch").mock(side_effect=lambda _: batch_answer([(status, b"{}")]))
        with pytest.raises(error):
            erp.change("orders", "7", WANTED, deadline_s=5)

    def test_cancel_takes_out_every_line_once(self, routes: respx.MockRouter, erp: ODataConnector) -> None:
        lines = [{**line, "Reason": "Z"} for line in ORDER["to_Lines"]["results"]]  # type: ignore[index]
        lines[0] = {**lines[0], "Reason": ""}
        gone = {**ORDER, "to_Lines": {"results": [{**line, "Reason": line["Reason"] or "Y"} for line in lines]}}
        self.document(routes, {**ORDER, "to_Lines": {"results": lines}}, gone, gone)
        patch = routes.patch(f"{ROOT}/Lines(Order='7',Line='10')").respond(204)
        assert erp.cancel("orders", "7", {"Reason": "Y"}, deadline_s=5).changed
        assert json.loads(patch.calls.last.request.content) == {"Reason": "Y"}
        assert not erp.cancel("orders", "7", {}, deadline_s=5).changed


class TestPush:
    def test_the_key_travels_in_its_carrier_and_values_in_their_types(
        self, routes: respx.MockRouter, erp: ODataConnector
    ) -> None:
        warning = {"code": "V1/45", "message": "credit block", "severity": "warning", "details": []}
        route = routes.post(f"{ROOT}/Orders").respond(
            201, json={"d": {"Order": "0000000009"}}, headers={"sap-message": json.dumps(warning)}
        )
        wire = {"Total": "12.50", "Due": "2025-06-30", "Open": "true", "Count": "2", "to_Lines": [{"Quantity": "1"}]}
        assert erp.push("orders", wire, "K-1", deadline_s=5) == Ack("9", True, ["V1/45: credit block"])
        assert json.loads(route.calls.last.request.content) == {
            "Total": "12.50",
            "Due": "/Date(1751241600000)/",
            "Open": True,
            "Count": 2,
            "OurKey": "K-1",
            "to_Lines": [{"Quantity": "1"}],
        }

    def test_another_carrier_may_be_chosen(self, routes: respx.MockRouter) -> None:
        erp = connector(key_carrier="Note")
        route = routes.post(f"{ROOT}/Orders").respond(201, json={"d": {"Order": "9"}})
        erp.push("orders", {}, "K-1", deadline_s=5)
        assert json.loads(route.calls.last.request.content) == {"Note": "K-1"}
        erp.close()

    @pytest.mark.parametrize(
        ("wire", "key", "code"),
        [
            ({}, "K" * 21, "key-too-long"),
            ({"Byer": "1"}, "K", "target-field-missing"),
            ({"to_Lines": [{"quantity": "1"}]}, "K", "target-field-missing"),
            ({"Total": "12,50"}, "K", "bad-value"),
            ({"Due": "30.06.2025"}, "K", "bad-value"),
        ],
    )
    def test_what_cannot_be_sent_is_not_sent(
        self, routes: respx.MockRouter, erp: ODataConnector, wire: dict[str, Any], key: str, code: str
    ) -> None:
        route = routes.post(f"{ROOT}/Orders").respond(201, json={"d": {"Order": "9"}})
        with pytest.raises((ConfigurationError, RecordRejectedError)) as caught:
            erp.push("orders", wire, key, deadline_s=5)
        assert caught.value.code == code
        assert not route.called


def test_the_application_says_more_than_the_wrapper() -> None:
    details = [
        {"code": "X/1", "message": "fyi", "severity": "info"},
        {"code": "V1/302", "message": "no such material", "severity": "error"},
        {"code": "/IWBEP/CX_MGW_BUSI_EXCEPTION", "message": "An exception was raised", "severity": "error"},
    ]
    body = {"error": {"code": "SY/530", "message": {"value": "error"}, "innererror": {"errordetails": details}}}
    assert refusal(json.dumps(body).encode()) == ("V1/302", "no such material")
    body["error"]["innererror"] = {"errordetails": details[2:]}
    assert refusal(json.dumps(body).encode()) == ("SY/530", "error")
    xml = b'<error xmlns="urn:any"><code>A/1</code><message xml:lang="en">no</message></error>'
    assert refusal(xml) == ("A/1", "no")


@given(st.binary(max_size=60))
def test_any_body_can_be_asked_for_a_reason(body: bytes) -> None:
    code, text = refusal(body)
    assert isinstance(code, str)
    assert isinstance(text, str)


NAMES = st.sampled_from(["error", "message", "value", "innererror", "errordetails", "code"])
ANY = st.recursive(st.none() | st.text(max_size=5), lambda x: st.lists(x) | st.dictionaries(NAMES, x), max_leaves=8)


@given(ANY)
def test_any_json_can_be_asked_for_a_reason(body: Any) -> None:
    assert all(isinstance(part, str) for part in refusal(json.dumps({"error": body}).encode()))


def test_messages_of_a_success() -> None:
    inner = {"code": "V1/46", "message": "incomplete", "severity": "info"}
    top = {"code": "V1/45", "message": "saved", "severity": "success", "details": [inner]}
    assert warnings(json.dumps(top)) == ["V1/46: incomplete"]
    xml = "<notification><code>V1/45</code><message>blocked</message><severity>warning</severity></notification>"
    assert warnings(xml) == ["V1/45: blocked"]
    assert warnings("") == warnings("nonsense") == []


def batch_answer(parts: list[tuple[int, bytes]]) -> httpx.Response:
    """As Gateway answers: inner parts in a changeset, or a single part where it failed."""
    lines = b""
    for status, body in parts:
        lines += b"--cs\r\nContent-Type: application/http\r\ncontent-transfer-encoding: binary\r\n\r\n"
        lines += b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s\r\n" % (
            status,
            len(body),
            body,
        )
    inner = b"--b\r\nContent-Type: multipart/mixed; boundary=cs\r\n\r\n" + lines + b"--cs--\r\n--b--\r\n"
    if len(parts) == 1 and parts[0][0] >= 400:
        inner = lines.replace(b"--cs", b"--b") + b"--b--\r\n"
    return httpx.Response(202, content=inner, headers={"content-type": "multipart/mixed; boundary=b"})


def written(body: bytes) -> list[tuple[str, str, Any, str]]:
    """(method, path, JSON, If-Match) of each operation of a changeset, read independently."""
    found = []
    for part in body.split(b"Content-Type: application/http")[1:]:
        _, head, rest = part.split(b"\r\n\r\n", 2)
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        method, path, _ = first.split(" ")
        found.append((method, path, json.loads(rest[: int(headers["Content-Length"])]), headers.get("If-Match", "")))
    return found


@given(st.lists(st.tuples(st.integers(200, 599), st.dictionaries(st.text(), st.text())), min_size=2, max_size=4))
def test_a_batch_answer_is_read_part_by_part(parts: list[tuple[int, dict[str, str]]]) -> None:
    bodies = [(status, json.dumps(body, ensure_ascii=False).encode()) for status, body in parts]
    response = batch_answer(bodies)
    outer = Answer("POST", "/$batch", 202, response.headers, response.content, "id")
    inner = answers(outer)
    assert [(answer.status, json.loads(answer.body)) for answer in inner] == parts


@given(st.lists(st.dictionaries(st.text(), st.text(), max_size=3), min_size=1, max_size=4))
def test_a_changeset_holds_each_body_untouched(bodies: list[dict[str, str]]) -> None:
    operations = [
        Operation("PATCH", f"Orders('{i}')", json.dumps(body, ensure_ascii=False).encode(), {"If-Match": "*"})
        for i, body in enumerate(bodies)
    ]
    kind, content = changeset(operations)
    assert kind.startswith("multipart/mixed; boundary=")
    assert [body for _, _, body, _ in written(content)] == bodies
