"""The ADF connector over HTTP, against answers shaped as Oracle's: pages, look-ups, writes, and what refusals mean."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import respx
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.adf.connector import AdfConnector
from connectors.base import WHOLE, Part, Position, Record
from connectors.errors import (
    AccessError,
    ConflictError,
    OutcomeUnknownError,
    PermanentError,
    RateLimitedError,
    RecordRejectedError,
    TransientError,
)
from tests.unit.adf_help import JSON, PRODUCT, ROOT, asked, collection, connector, error, order

START = datetime(2026, 5, 2, 10, 0, 0)  # noqa: DTZ001  the zone is written into each stamp


def stamp(milliseconds: int) -> str:
    return (START + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds") + "+00:00"


class Orders:
    """A collection as the ERP keeps it: answers `q`, `orderBy` and `limit`; `between` runs before each answer."""

    def __init__(self, rows: list[dict[str, Any]], cap: int = 500) -> None:
        self.rows, self.cap, self.questions = rows, cap, 0
        self.between: Callable[[int], None] = lambda number: None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.questions += 1
        self.between(self.questions)
        options = dict(request.url.params)
        found = [row for row in self.rows if self.holds(options.get("q", ""), row)]
        names = [part.partition(":")[0] for part in options["orderBy"].split(",")]
        found.sort(key=lambda row: [row[name] for name in names])
        limit = min(int(options["limit"]), self.cap)
        return collection(*found[:limit], more=len(found) > limit)

    @staticmethod
    def holds(q: str, row: dict[str, Any]) -> bool:
        for name, operator, quoted, number in re.findall(r"(\w+) (>=|<=|!=|=|<|>) (?:'((?:[^']|'')*)'|(\d+))", q):
            have, want = (row[name], int(number)) if number else (row[name], quoted.replace("Z", "+00:00"))
            if not {">=": have >= want, "<": have < want, ">": have > want, "!=": have != want, "=": have == want}[
                operator
            ]:
                return False
        return True


@pytest.fixture
def erp() -> Iterator[AdfConnector]:
    found = connector()
    yield found
    found.close()


def read(erp: AdfConnector, name: str = "changed", since: str = "", after: Position = Position()) -> list[Record]:  # noqa: B008  a tuple
    pages = list(erp.pull("orders", name, since=since, after=after, fields=["lines.Amount"]))
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    return [record for page in pages for record in page.records]


@respx.mock
def test_pages_are_asked_for_by_what_lies_behind(erp: AdfConnector) -> None:
    orders = Orders([order(number, stamp(number // 2 * 10)) for number in range(1, 12)])
    route = respx.get(f"{ROOT}/orders").mock(side_effect=orders)
    records = read(erp)
    assert [record.key for record in records] == [f"N{number}" for number in range(1, 12)]
    assert records[0].data["HeaderId"] == "1" and records[0].data["lines"][0]["Amount"] == "12.5"
    questions = [asked(call) for call in route.calls]
    assert questions[0] == {
        "orderBy": "LastUpdateDate:asc,HeaderId:asc",
        "limit": "3",
        "onlyData": "true",
        "expand": "lines",
    }
    assert questions[1]["q"] == "LastUpdateDate >= '2026-05-02T10:00:00.010Z'"
    assert not any("offset" in question for question in questions)
    assert {call.request.headers["REST-Framework-Version"] for call in route.calls} == {"4"}


@respx.mock
def test_a_stamp_that_more_rows_share_than_a_page_holds(erp: AdfConnector) -> None:
    """A mass update: seven rows within one millisecond, pages of three."""
    orders = Orders([order(number, stamp(5)) for number in range(1, 8)] + [order(9, stamp(6)), order(8, stamp(4))])
    respx.get(f"{ROOT}/orders").mock(side_effect=orders)
    keys = [record.key for record in read(erp)]
    assert sorted(keys) == sorted({f"N{number}" for number in range(1, 10)}) and keys[0] == "N8" and keys[-1] == "N9"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=25), st.lists(st.integers(0, 24), max_size=12), st.integers(1, 3)
)
def test_rows_that_change_meanwhile_hide_none(stamps: list[int], touched: list[int], cap: int) -> None:
    """While we page, rows get new stamps and so go to the end: every row is seen, and last as it stands in the end."""
    rows = [order(number, stamp(at)) for number, at in enumerate(stamps, 1)]
    orders = Orders(rows, cap)

    def touch(question: int) -> None:
        if question <= len(touched) and touched[question - 1] < len(rows):
            rows[touched[question - 1]]["LastUpdateDate"] = stamp(1000 + question)

    orders.between = touch
    with respx.mock:
        respx.get(f"{ROOT}/orders").mock(side_effect=orders)
        seen = {record.key: record.data["LastUpdateDate"] for record in read(connector())}
    assert seen == {row["OrderNumber"]: row["LastUpdateDate"] for row in rows}


@respx.mock
def test_a_run_goes_on_where_it_was_and_starts_early_by_the_longest_transaction(erp: AdfConnector) -> None:
    route = respx.get(f"{ROOT}/orders").mock(return_value=collection())
    read(erp, since="2026-05-02T10:00:00.000000Z")
    read(erp, since="2026-05-02T10:00:00.000000Z", after=Position("2026-05-02T11:00:00.500000Z", "7"))
    assert [asked(call)["q"] for call in route.calls] == [
        "LastUpdateDate >= '2026-05-02T09:59:00.000Z'",
        "LastUpdateDate >= '2026-05-02T11:00:00.500Z'",
    ]


@respx.mock
def test_a_whole_listing_goes_by_id_from_the_beginning(erp: AdfConnector) -> None:
    rows = [
        order(100000000000000000 + number, stamp(0), StatusCode="OLD" if number == 2 else "OPEN") for number in range(5)
    ]
    route = respx.get(f"{ROOT}/orders").mock(side_effect=Orders(rows))
    keys = [record.key for record in read(erp, "all", after=Position("", "100000000000000003"))]
    assert keys == [f"N{100000000000000000 + number}" for number in (0, 1, 3, 4)]
    assert asked(route.calls[1])["q"] == "(StatusCode != 'O''NEIL') and (HeaderId > 100000000000000002)"


@respx.mock
def test_a_server_that_names_the_same_page_for_ever_is_left(erp: AdfConnector) -> None:
    respx.get(f"{ROOT}/orders").mock(return_value=collection(order(1, stamp(0)), more=True))
    with pytest.raises(TransientError, match="names the same next page twice"):
        read(erp, "all")
    with pytest.raises(TransientError, match="names the same next page twice"):
        read(erp, "changed")


@respx.mock
def test_lines_that_the_erp_cut_short_are_fetched(erp: AdfConnector) -> None:
    cut = order(7, stamp(0), lines={"items": [{"LineId": 1, "Amount": 1}], "hasMore": True, "count": 1})
    own = {"HeaderId": 7, "links": [{"rel": "self", "href": f"{ROOT}/orders/000A1B", "name": "orders"}]}
    respx.get(f"{ROOT}/orders", params={"q": "HeaderId = 7"}).mock(return_value=collection(own))
    respx.get(f"{ROOT}/orders").mock(return_value=collection(cut))
    pages = [
        collection({"LineId": 1, "Amount": 1}, {"LineId": 2, "Amount": 2.5}, more=True),
        collection({"LineId": 3, "Amount": 0.01}),
    ]
    lines = respx.get(f"{ROOT}/orders/000A1B/child/lines").mock(side_effect=pages)
    (record,) = read(erp)
    assert [line["Amount"] for line in record.data["lines"]] == ["1", "2.5", "0.01"]
    assert [asked(call)["offset"] for call in lines.calls] == ["0", "2"]


@respx.mock
def test_rows_of_an_account_from_all_variants_of_its_finder(erp: AdfConnector) -> None:
    def activities(request: httpx.Request) -> httpx.Response:
        finder = request.url.params.get("finder", "")
        if not finder:
            return collection({"AccountId": 1, "AccountNumber": "007"})
        shown = {"ApplicationId": 11, "DocumentId": 5, "Amount": 3, "Day": "2026-01-01"}
        undone = {"ApplicationId": 12, "DocumentId": 5, "Amount": -3, "Day": "2026-02-01"}
        rows = (
            [shown, undone]
            if "Status=Closed" in finder
            else [shown, {"ApplicationId": 13, "DocumentId": None, "Amount": 1}]
        )
        return collection({"AccountId": 1, "AccountNumber": "007", "applications": {"items": rows, "hasMore": False}})

    route = respx.get(f"{ROOT}/activities").mock(side_effect=activities)
    invoices = respx.get(f"{ROOT}/invoices").mock(return_value=collection({"InvoiceId": 5, "BusinessUnit": "BU"}))
    (page,) = erp.pull(
        "rests", "all", since="", after=Position(), fields=["applications.Amount", "document.BusinessUnit"]
    )
    ((key, data),) = page.records
    assert key == "1/receipt/11" and data["document"] == [{"InvoiceId": "5", "BusinessUnit": "BU"}]
    assert data["applications"][0]["UndoneOn"] == "2026-02-01"
    assert [asked(call).get("finder") for call in route.calls] == [
        None,
        "ActivitiesFinder;AccountNumber=007,Status=Open,Days=999",
        "ActivitiesFinder;AccountNumber=007,Status=Closed,Days=999",
    ]
    assert asked(invoices.calls[0])["q"] == "InvoiceId in (5)"


@respx.mock
def test_look_ups_go_by_chunks_and_give_only_what_was_asked_for(erp: AdfConnector) -> None:
    route = respx.get(f"{ROOT}/orders").mock(
        side_effect=[collection(order(1, stamp(0)), order(999, stamp(0))), collection()]
    )
    pages = list(erp.lookup("orders", [f"N{number}" for number in range(1, 151)], fields=["lines.Amount"]))
    assert [record.key for page in pages for record in page.records] == ["N1"]
    first, second = (asked(call)["q"] for call in route.calls)
    assert first.startswith("OrderNumber in ('N1','N2',") and second.endswith("'N150')")


class TestFinding:
    def test_by_the_document_s_own_address(self, erp: AdfConnector) -> None:
        row = order(
            1,
            stamp(0),
            Party=300000000000123,
            Currency="CNY",
            StatusCode="OPEN",
            OurId="K-1",
            OurNumber="K-1",
            OurSystem="CRM",
        )
        with respx.mock:
            respx.get(f"{ROOT}/orders/CRM:K-1").mock(return_value=httpx.Response(200, json=row, headers=JSON))
            (hit,) = erp.find("orders", "K-1")
        assert (hit.external_id, hit.customer, hit.currency, str(hit.total), hit.done) == (
            "N1",
            "300000000000123",
            "CNY",
            "12.5",
            True,
        )

    def test_a_404_is_believed_when_the_collection_agrees(self, erp: AdfConnector) -> None:
        with respx.mock:
            respx.get(f"{ROOT}/orders/CRM:K-1").mock(return_value=httpx.Response(404))
            route = respx.get(f"{ROOT}/orders").mock(return_value=collection())
            assert erp.find("orders", "K-1") == []
        assert asked(route.calls[0])["q"] == "OurNumber = 'K-1'"

    def test_a_404_of_both_is_no_answer(self, erp: AdfConnector) -> None:
        with respx.mock:
            respx.get(url__startswith=f"{ROOT}/orders").mock(return_value=httpx.Response(404))
            with pytest.raises(AccessError, match="has no"):
                erp.find("orders", "K-1")

    def test_another_source_s_document_is_not_ours(self, erp: AdfConnector) -> None:
        other = order(1, stamp(0), OurNumber="K-1", OurSystem="OPS")
        with respx.mock:
            respx.get(f"{ROOT}/orders/CRM:K-1").mock(return_value=httpx.Response(404))
            respx.get(f"{ROOT}/orders").mock(return_value=collection(other))
            assert erp.find("orders", "K-1") == []

    def test_a_search_that_is_not_filtered_proves_nothing(self, erp: AdfConnector) -> None:
        with respx.mock:
            respx.get(f"{ROOT}/orders/CRM:K-1").mock(return_value=httpx.Response(404))
            respx.get(f"{ROOT}/orders").mock(
                return_value=collection(order(1, stamp(0), OurNumber="X", OurSystem="CRM"))
            )
            with pytest.raises(TransientError, match="cannot be trusted"):
                erp.find("orders", "K-1")

    def test_a_key_of_which_nobody_says_whose_it_is_proves_nothing(self, erp: AdfConnector) -> None:
        with respx.mock:
            respx.get(f"{ROOT}/orders/CRM:K-1").mock(return_value=httpx.Response(404))
            respx.get(f"{ROOT}/orders").mock(return_value=collection(order(1, stamp(0), OurNumber="K-1")))
            for ask in (lambda: erp.find("orders", "K-1"), lambda: list(erp.bearing("orders", "K-"))):
                with pytest.raises(PermanentError, match="lacks OurSystem"):
                    ask()

    def test_all_that_bear_a_prefix(self) -> None:
        rows = [order(number, stamp(0), OurNumber=f"K-{number}", OurSystem="ME") for number in (1, 2)]
        with respx.mock:
            route = respx.get(f"{ROOT}/orders").mock(return_value=collection(*rows))
            found = connector(options={"source_system": "ME"}).bearing("orders", "K-")
            assert [(one.key, one.hit.external_id) for one in found] == [("K-1", "N1"), ("K-2", "N2")]
        assert asked(route.calls[0])["q"] == "OurNumber like 'K-*'"


WIRE = {
    "Party": "9",
    "Submit": "true",
    "Note": "",
    "lines": [{"OurLine": "1", "Quantity": "1.50", "Price": "0.10", "charges": [{"UnitPrice": "0.10"}]}],
}


@pytest.fixture
def routes() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        router.get(f"{ROOT}/accounts").mock(return_value=collection({"PartyId": 9, "AccountNumber": "0042"}))
        yield router


def push(erp: AdfConnector) -> Any:
    return erp.push("orders", WIRE, "K-1", deadline_s=5)


class TestCreating:
    def test_one_post_with_our_name_and_key(self, erp: AdfConnector, routes: respx.MockRouter) -> None:
        made = routes.post(f"{ROOT}/orders").mock(
            return_value=httpx.Response(201, json={"OrderNumber": "55"}, headers=JSON)
        )
        assert push(erp).external_id == "55"
        assert (
            made.calls[0].request.content
            == json.dumps(
                {
                    "Party": "9",
                    "Submit": True,
                    "lines": [{"OurLine": "1", "Quantity": 1.5, "charges": [{"UnitPrice": 0.1}]}],
                    "OurId": "K-1",
                    "OurNumber": "K-1",
                    "OurSystem": "CRM",
                    "billTo": [{"Account": "0042"}],
                },
                separators=(",", ":"),
            )
            .replace("1.5", "1.50")
            .replace("0.1}", "0.10}")
            .encode()
        )  # digit by digit

    def test_who_cannot_be_billed_is_not_sent(self, erp: AdfConnector, routes: respx.MockRouter) -> None:
        routes.get(f"{ROOT}/accounts").mock(return_value=collection())
        made = routes.post(f"{ROOT}/orders")
        with pytest.raises(RecordRejectedError, match="PartyId = 9"):
            push(erp)
        assert not made.called

    def test_who_is_billed_is_not_asked_where_the_order_says_so(
        self, erp: AdfConnector, routes: respx.MockRouter
    ) -> None:
        made = routes.post(f"{ROOT}/orders").mock(
            return_value=httpx.Response(201, json={"OrderNumber": "55"}, headers=JSON)
        )
        accounts = routes.get(f"{ROOT}/accounts")
        erp.push("orders", {**WIRE, "billTo": [{"Account": "0043", "Site": "S"}]}, "K-1", deadline_s=5)
        assert json.loads(made.calls[0].request.content)["billTo"] == [{"Account": "0043", "Site": "S"}]
        assert not accounts.called

    @pytest.mark.parametrize(
        ("rows", "party", "said"),
        [
            ([{"AccountNumber": "0042"}, {"AccountNumber": "0043"}], "9", "several records with PartyId = 9"),
            ([{"AccountNumber": None}], "9", "nothing with PartyId = 9"),
            ([], "C-9", "nothing with PartyId = C-9"),
        ],
    )
    def test_nobody_is_billed_by_chance(
        self, erp: AdfConnector, routes: respx.MockRouter, rows: list[Any], party: str, said: str
    ) -> None:
        routes.get(f"{ROOT}/accounts").mock(return_value=collection(*rows))
        made = routes.post(f"{ROOT}/orders")
        with pytest.raises(RecordRejectedError, match=said):
            erp.push("orders", {**WIRE, "Party": party}, "K-1", deadline_s=5)
        assert not made.called

    @pytest.mark.parametrize(
        ("answer", "kind", "said"),
        [
            (error(400, "JBO-27014: Attribute X is required."), RecordRejectedError, "code JBO-27014"),
            (httpx.Response(400, text="Bad thing\n happened"), RecordRejectedError, "Bad thing happened"),
            (error(400, "JBO-25013: Too many objects match the key."), OutcomeUnknownError, "has our key already"),
            (error(400, "JBO-26030: Failed to lock the record."), TransientError, "being edited"),
            (httpx.Response(504, html="<html>gateway</html>"), OutcomeUnknownError, "status 504"),
            (httpx.Response(500, text=""), OutcomeUnknownError, "status 500"),
            (httpx.Response(408, html="<html>gateway</html>"), OutcomeUnknownError, "status 408"),
            (error(425, "Too early."), OutcomeUnknownError, "status 425"),
            (httpx.Response(407), AccessError, "a user and password of its own"),
            (httpx.Response(200, html="<html>sign in</html>"), OutcomeUnknownError, "a web page"),
            (httpx.Response(201, content=b'{"OrderNum', headers=JSON), OutcomeUnknownError, "unreadable answer"),
            (httpx.Response(201, json={"HeaderId": 1}, headers=JSON), OutcomeUnknownError, "without key"),
            (
                httpx.Response(200, json={"o:errorDetails": [{"detail": "No."}]}, headers=JSON),
                RecordRejectedError,
                "No.",
            ),
            (
                httpx.Response(
                    201,
                    json={"OrderNumber": "5", "ReturnStatus": "ERROR", "MessageText": "No such item."},
                    headers=JSON,
                ),
                RecordRejectedError,
                "No such item",
            ),
            (httpx.Response(401, html="<html/>"), AccessError, "does not accept the user"),
            (httpx.Response(403, text="no privilege"), AccessError, "may not POST"),
            (httpx.Response(404), AccessError, "has no"),
            (httpx.Response(415), AccessError, "does not support"),
            (httpx.Response(429, headers={"Retry-After": "7"}), RateLimitedError, "slow down"),
        ],
    )
    def test_what_refusals_mean(
        self, erp: AdfConnector, routes: respx.MockRouter, answer: httpx.Response, kind: type[Exception], said: str
    ) -> None:
        made = routes.post(f"{ROOT}/orders").mock(return_value=answer)
        with pytest.raises(kind, match=re.escape(said)) as caught:
            push(erp)
        assert type(caught.value) is kind and made.call_count == 1

    def test_a_lost_answer_leaves_doubt(self, erp: AdfConnector, routes: respx.MockRouter) -> None:
        made = routes.post(f"{ROOT}/orders").mock(side_effect=httpx.ReadTimeout("late"))
        with pytest.raises(OutcomeUnknownError):
            push(erp)
        assert made.call_count == 1


def shown(**more: Any) -> dict[str, Any]:
    link = {"rel": "self", "href": f"{ROOT}/orders/CRM:K-1", "properties": {"changeIndicator": "ACED01"}}
    lines = {"items": [{"LineId": 71, "OurLine": "1", "Quantity": 1.5, "Price": 0.1}], "hasMore": False}
    return {"HeaderId": 7, "OrderNumber": "55", "Party": 9, "Note": "", "lines": lines, "links": [link], **more}


class TestChanging:
    def test_one_patch_of_what_differs_based_on_what_was_read(
        self, erp: AdfConnector, routes: respx.MockRouter
    ) -> None:
        after = shown(Note="n", lines=[{"LineId": 71, "OurLine": "1", "Quantity": 2, "Price": 0.1}])
        looked = routes.get(f"{ROOT}/orders").mock(
            side_effect=[collection(shown(), shown(StatusCode="OLD")), collection(after)]
        )
        patched = routes.patch(f"{ROOT}/orders/CRM:K-1").mock(return_value=httpx.Response(200, json={}, headers=JSON))
        want = {"Party": "9", "Note": "n", "lines": [{"OurLine": "1", "Quantity": "2", "Price": "0.10", "charges": []}]}
        ack = erp.change("orders", "55", want, deadline_s=5)
        assert ack.changed and not ack.warnings
        assert json.loads(patched.calls[0].request.content) == {
            "Note": "n",
            "lines": [{"LineId": "71", "Quantity": 2, "charges": []}],
        }
        assert patched.calls[0].request.headers["If-Match"] == "ACED01"
        assert asked(looked.calls[0]) == {"q": "OrderNumber = '55'", "expand": "lines", "links": "self"}

    def test_nothing_differs(self, erp: AdfConnector, routes: respx.MockRouter) -> None:
        routes.get(f"{ROOT}/orders").mock(return_value=collection(shown()))
        assert not erp.change("orders", "55", {"lines": [{"OurLine": "1", "Price": "0.100"}]}, deadline_s=5).changed

    def test_what_the_erp_does_not_take_is_told(self, erp: AdfConnector, routes: respx.MockRouter) -> None:
        routes.get(f"{ROOT}/orders").mock(return_value=collection(shown()))
        patched = routes.patch(f"{ROOT}/orders/CRM:K-1").mock(return_value=httpx.Response(204))
        assert erp.change("orders", "55", {"Note": "n"}, deadline_s=5).warnings == ["not taken over: Note"]
        assert patched.call_count == 1

    def test_a_product_that_the_erp_words_otherwise_is_replaced_once(self, routes: respx.MockRouter) -> None:
        rule = "compare: [Quantity, Price]"
        erp = connector(PRODUCT.replace(rule, f"{rule}, lasting: [Item], renamed: [OurLine]"))
        first = {"LineId": 71, "OurLine": "1", "Quantity": 1, "Item": "P-1"}
        second = {"LineId": 72, "OurLine": "1-2", "Quantity": 1, "Item": "P-2 (new)"}
        before, after = shown(lines=[first]), shown(lines=[{**first, "Quantity": 0}, second])
        routes.get(f"{ROOT}/orders").mock(side_effect=[collection(before), collection(after)])
        patched = routes.patch(f"{ROOT}/orders/CRM:K-1").mock(return_value=httpx.Response(204))
        want = {"lines": [{"OurLine": "1", "Quantity": "1", "Item": "P-2"}]}
        ack = erp.change("orders", "55", want, deadline_s=5)
        assert (ack.changed, ack.warnings) == (True, ["not taken over: lines"])
        assert [json.loads(call.request.content)["lines"] for call in patched.calls] == [
            [{"LineId": "71", "Quantity": 0, "Reason": "X"}, {"OurLine": "1-2", "Quantity": 1, "Item": "P-2"}]
        ]
        erp.close()

    def test_a_stale_version_is_read_again_once(self, erp: AdfConnector, routes: respx.MockRouter) -> None:
        routes.get(f"{ROOT}/orders").mock(return_value=collection(shown()))
        patched = routes.patch(f"{ROOT}/orders/CRM:K-1").mock(
            return_value=error(400, "JBO-25014: Another user has changed the row.")
        )
        with pytest.raises(ConflictError):
            erp.change("orders", "55", {"Note": "n"}, deadline_s=5)
        assert patched.call_count == 2

    @pytest.mark.parametrize(
        ("rows", "want", "said"),
        [
            ([], {}, "has no orders 55"),
            ([shown(), shown()], {}, "2 lines with OrderNumber"),
            ([shown()], {"Party": "8"}, "Party of orders 55 is 9"),
            (
                [shown(lines=[{"OurLine": "1"}, {"OurLine": "1"}])],
                {"lines": [{"OurLine": "1", "Quantity": "3"}]},
                "2 lines with 1",
            ),
        ],
    )
    def test_what_cannot_be_changed(
        self, erp: AdfConnector, routes: respx.MockRouter, rows: list[Any], want: Any, said: str
    ) -> None:
        routes.get(f"{ROOT}/orders").mock(return_value=collection(*rows))
        with pytest.raises(RecordRejectedError, match=said):
            erp.change("orders", "55", want, deadline_s=5)

    def test_cancelling_takes_every_line_to_nothing_once(self, erp: AdfConnector, routes: respx.MockRouter) -> None:
        done = shown(lines=[{"LineId": 71, "OurLine": "1", "Quantity": 0}])
        routes.get(f"{ROOT}/orders").mock(side_effect=[collection(shown()), collection(done), collection(done)])
        patched = routes.patch(f"{ROOT}/orders/CRM:K-1").mock(return_value=httpx.Response(204))
        assert erp.cancel("orders", "55", {"Reason": "MINE"}, deadline_s=5).changed
        assert json.loads(patched.calls[0].request.content) == {
            "lines": [{"LineId": "71", "Quantity": 0, "Reason": "MINE"}]
        }
        assert not erp.cancel("orders", "55", {}, deadline_s=5).changed

    def test_a_long_order_is_compared_with_all_its_lines(self, erp: AdfConnector, routes: respx.MockRouter) -> None:
        whole = [{"LineId": number, "OurLine": str(number), "Quantity": 1} for number in range(1, 4)]
        cut = shown(lines={"items": whole[:1], "hasMore": True})
        routes.get(f"{ROOT}/orders").mock(return_value=collection(cut))
        routes.get(f"{ROOT}/orders/CRM:K-1/child/lines").mock(return_value=collection(*whole))
        want = [{"OurLine": str(number), "Quantity": "1"} for number in range(1, 4)]
        assert not erp.change("orders", "55", {"lines": want}, deadline_s=5).changed

    def test_a_link_to_another_host_is_not_followed(self, erp: AdfConnector, routes: respx.MockRouter) -> None:
        routes.get(f"{ROOT}/orders").mock(
            return_value=collection(shown(links=[{"rel": "self", "href": "https://evil.example/x"}]))
        )
        with pytest.raises(AccessError, match=r"evil\.example"):
            erp.change("orders", "55", {"Note": "n"}, deadline_s=5)


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (error(400, "URL request parameter q cannot be used."), PermanentError, "URL request parameter q"),
        (httpx.Response(500, text="JBO-29000"), TransientError, "JBO-29000"),
        (httpx.Response(503), TransientError, "not available"),
        (httpx.Response(200, html="<html/>"), AccessError, "web page"),
        (httpx.Response(200, content=b'{"items": [{"Hea', headers=JSON), TransientError, "incomplete"),
        (httpx.Response(200, json=[], headers=JSON), PermanentError, "lacks an object"),
        (httpx.Response(200, json={"items": []}, headers=JSON), PermanentError, "lacks items and hasMore"),
        (collection({"HeaderId": 1, "OrderNumber": "5"}), PermanentError, "lacks LastUpdateDate"),
        (collection({"HeaderId": 1, "LastUpdateDate": stamp(0)}), PermanentError, "lacks OrderNumber"),
    ],
)  # fmt: skip
@respx.mock
def test_what_cannot_be_read(erp: AdfConnector, answer: httpx.Response, kind: type[Exception], said: str) -> None:
    respx.get(f"{ROOT}/orders").mock(return_value=answer)
    with pytest.raises(kind, match=re.escape(said)):
        read(erp)


@respx.mock
def test_raw_amounts_add_up_the_lines(erp: AdfConnector) -> None:
    lines = [{"LineId": 1, "Amount": 0.1}, {"LineId": 2, "Amount": 0.2}]
    respx.get(f"{ROOT}/orders").mock(
        return_value=collection(order(1, stamp(0), Party=9, Currency="CNY", Day="2026-05-02", lines=lines))
    )
    (raw,) = erp.raw_amounts("orders")
    assert (raw.key, str(raw.amount), raw.customer, str(raw.on)) == ("N1", "0.3", "9", "2026-05-02")


@respx.mock
def test_raw_amounts_bear_the_day_of_their_company() -> None:
    text = PRODUCT.replace("date: Day}", "date: Day, company: BusinessUnit}")
    late = {"Currency": "CNY", "Day": "2026-05-31T18:30:00.000+00:00"}
    answer = collection(order(1, stamp(0), BusinessUnit="CN01", **late), order(2, stamp(0), BusinessUnit="X", **late))
    respx.get(f"{ROOT}/orders").mock(return_value=answer)
    erp = connector(text, tables={"time_zone": {"CN01": "Asia/Shanghai"}})
    assert [str(raw.on) for raw in erp.raw_amounts("orders")] == ["2026-06-01", "2026-05-31"]


@respx.mock
def test_other_companies_are_left_out(erp: AdfConnector) -> None:
    rows = [order(1, stamp(0), BusinessUnit="Ours"), order(2, stamp(0), BusinessUnit="Theirs"), order(3, stamp(0))]
    respx.get(f"{ROOT}/orders").mock(return_value=collection(*rows))
    mine = connector(companies=("C1",), tables={"business_unit": {"C1": "Ours"}})
    assert [record.key for record in read(mine)] == ["N1", "N3"]


@pytest.mark.parametrize(
    ("part", "asked_for"),
    [
        (WHOLE, None),
        (Part(before="2026-01-01"), "CreationDate < '2026-01-01T00:00:00.000Z'"),
        (
            Part(first="2026-01-01", before="2026-02-01"),
            "(CreationDate >= '2026-01-01T00:00:00.000Z') and (CreationDate < '2026-02-01T00:00:00.000Z')",
        ),
    ],
)
@respx.mock
def test_a_part_of_a_first_read(erp: AdfConnector, part: Part, asked_for: str | None) -> None:
    route = respx.get(f"{ROOT}/orders").mock(return_value=collection())
    list(erp.pull("orders", "changed", since="", after=Position(), fields=[], part=part))
    assert asked(route.calls[0]).get("q") == asked_for
    splits = erp.splits("orders")
    assert splits is not None and (splits.read, splits.companies, splits.dates) == ("changed", None, True)


BOUND = """
  items:
    key: [Number]
    reads: [{name: all, complete: true}]
    sources:
      - path: fscmRestApi/items
        id: ItemId
        key: [Number]
        queryable: {ItemId: integer, Number: text, Org: text}
        bound: {Org: item_org}
"""


@respx.mock
def test_a_read_is_bound_to_an_option_of_the_system_file() -> None:
    text = PRODUCT.replace("source_system: false", "source_system: false, item_org: false") + BOUND.strip("\n")
    route = respx.get(f"{ROOT}/items").mock(return_value=collection({"ItemId": 1, "Number": "P/1"}))
    for options in ({"item_org": "V1"}, {}):
        erp = connector(text, options=options)
        (page,) = erp.pull("items", "all", since="", after=Position(), fields=["Number"])
        list(erp.lookup("items", ["P/1"], fields=["Number"]))
        assert page.records[0].key == "P/1"
    assert [asked(call).get("q") for call in route.calls] == [
        "Org = 'V1'",
        "(Number in ('P/1')) and (Org = 'V1')",
        None,
        "Number in ('P/1')",
    ]


@respx.mock
def test_rows_are_looked_up_by_their_parent(erp: AdfConnector) -> None:
    shown = {"ApplicationId": 11, "DocumentId": 5, "Amount": 3, "Day": "2026-01-01"}
    row = {"AccountId": 1, "AccountNumber": "007", "applications": {"items": [shown], "hasMore": False}}
    route = respx.get(f"{ROOT}/activities").mock(return_value=collection(row))
    (page,) = erp.lookup("rests", ["1/receipt/11", "1/receipt/12"], fields=["applications.Amount"])
    assert [record.key for record in page.records] == ["1/receipt/11"]
    assert asked(route.calls[0])["q"] == "AccountId in (1)"


@respx.mock
def test_an_account_s_rows_that_the_erp_cuts_short_are_not_taken_for_all(erp: AdfConnector) -> None:
    cut = {"AccountId": 1, "AccountNumber": "007", "applications": {"items": [], "hasMore": True}}
    plain = {"AccountId": 1, "AccountNumber": "007"}
    respx.get(f"{ROOT}/activities", params__contains={"orderBy": "AccountId:asc"}).mock(return_value=collection(plain))
    respx.get(f"{ROOT}/activities").mock(return_value=collection(cut))
    with pytest.raises(PermanentError, match="some of applications"):
        list(erp.pull("rests", "all", since="", after=Position(), fields=["applications.Amount"]))


@respx.mock
def test_a_key_that_is_no_number_is_not_found(erp: AdfConnector) -> None:
    route = respx.get(f"{ROOT}/activities").mock(return_value=collection())
    keys = ["abc/receipt/1", "1 or 1=1/receipt/1", "1.5/receipt/1"]
    assert [page.records for page in erp.lookup("rests", keys, fields=["applications.Amount"])] == []
    assert not route.called


@respx.mock
def test_an_account_whose_number_cannot_be_asked_for_stops_the_read(erp: AdfConnector) -> None:
    respx.get(f"{ROOT}/activities").mock(return_value=collection({"AccountId": 1, "AccountNumber": "A,1"}))
    with pytest.raises(PermanentError, match="AccountNumber = A,1"):
        list(erp.pull("rests", "all", since="", after=Position(), fields=["applications.Amount"]))
