"""The Fusion connector and mapping against the Fusion sandbox over HTTP; what happened is read from its own book."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.mapping_targets import targets
from connectors.adf.connector import AdfConnector, open_connector
from connectors.adf.descriptor import Product
from connectors.base import Part, Position, Record
from connectors.errors import (
    AccessError,
    ConnectorError,
    OutcomeUnknownError,
    PermanentError,
    RecordRejectedError,
    TransientError,
)
from connectors.products import load_product
from flows.pull import pull
from flows.reconcile import reconcile
from mappings.engine import load_mapping
from sandbox.server import Sandbox, start
from tests.flows import golden_view
from tests.flows.road import open_road
from tests.unit.connector_help import FakeSystem
from tests.unit.mapping_help import ROOT

pytestmark = pytest.mark.contract

FUSION = load_product("oracle/fusion")
TEXT = (ROOT / "mappings" / "oracle" / "fusion.yaml").read_text(encoding="utf-8")
NO_TABLES: dict[str, dict[str, str]] = {
    name: {} for name in ("company", "business_unit", "local_currency", "time_zone", "instalment_kind", "site_company")
}


class Erp:
    """A sandbox, the connector to it, the mapping for it, and the sandbox's control plane."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.info = json.loads(sandbox.announcement())
        self.tables = {**NO_TABLES, **self.info["lookups"]}
        self.mapping = load_mapping("oracle/fusion", TEXT, targets=targets(), lookups=self.tables)
        self.connector = self.connect()

    def connect(self, **settings: Any) -> AdfConnector:
        assert isinstance(FUSION, Product)
        given = {
            "username": self.sandbox.user,
            "password": self.sandbox.password,
            "limits": {"retry_s": 5},
            "companies": tuple(self.info["companies"]),
            "tables": self.tables,
            **settings,
        }
        return open_connector(FUSION, FakeSystem(url=self.sandbox.url, allow_http=True, **given))

    def control(self, method: str, path: str, **body: Any) -> Any:
        answer = httpx.request(method, f"{self.sandbox.url}/_sandbox/{path}", json=body or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def arm(self, *schedule: dict[str, Any]) -> None:
        self.control("POST", "faults", schedule=list(schedule))

    def fired(self) -> list[str]:
        return [hit["fault"] for hit in self.control("GET", "faults")["fired"]]

    def book(self, obj: str) -> list[Any]:
        return list(self.control("GET", f"book?object={obj}")["documents"])

    def orders(self, key: str) -> list[Any]:
        return [d for d in self.book("orders") if key in d["key"].values()]

    def fields(self, obj: str) -> list[str]:
        return list(self.mapping.section(obj, "pull").fields)

    def pull(self, obj: str, read: str = "", since: str = "") -> list[Record]:
        name = read or self.connector.reads(obj)[0].name
        pages = self.connector.pull(obj, name, since=since, after=Position(), fields=self.fields(obj))
        return [record for page in pages for record in page.records]

    def mapped(self, obj: str, read: str = "") -> dict[str, dict[str, Any]]:
        section = self.mapping.section(obj, "pull")
        return {record.key: section.apply(record.data, record.key) for record in self.pull(obj, read)}

    def wire(self, document: dict[str, Any], obj: str = "orders") -> dict[str, Any]:
        return self.mapping.section(obj, "push").apply(document, document.get("key", ""))

    def close(self) -> None:
        self.connector.close()
        self.sandbox.stop()


@pytest.fixture(scope="module")
def shared_erp() -> Iterator[Erp]:
    found = Erp(start("oracle/fusion", seed=11))
    yield found
    found.close()


@pytest.fixture
def erp(shared_erp: Erp) -> Iterator[Erp]:
    yield shared_erp
    shared_erp.control("DELETE", "faults")


KEYS = iter(f"CT7-T{number:06d}" for number in range(1, 10_000))


@pytest.fixture
def key() -> str:
    return next(KEYS)


def line(number: str, product: str, quantity: str, price: str) -> dict[str, str]:
    net = format(Decimal(quantity) * Decimal(price), "f")
    return {
        "line": number,
        "erp_product": product,
        "quantity": quantity,
        "unit": "PCS",
        "price": price,
        "per": "1",
        "net": net,
        "requested_on": "2027-01-15",
    }


@pytest.fixture(scope="module")
def decision(shared_erp: Erp) -> dict[str, Any]:
    """An order as the CRM decides it, for a customer who may be billed in his company."""
    accounts = shared_erp.mapped("customers")
    buyer = next(k for k, c in accounts.items() if [a["company_code"] for a in c["accounts"]] == ["CN01"])
    products = sorted(key for key, item in shared_erp.mapped("products").items() if item["unit"] == "PCS")
    return {
        "kind": "order",
        "company_code": "CN01",
        "currency": "CNY",
        "order_date": "2026-11-22",
        "requested_on": "2027-01-15",
        "customer": {"number": "C", "erp_key": buyer},
        "customer_po": "采购 O'Brien & Co. 100%",
        "payment_terms": "N30",
        "lines": [line("10", products[0], "5", "480.00"), line("20", products[1], "2", "0.10")],
        "third": products[2],
    }


def push(erp: Erp, decision: dict[str, Any], key: str, deadline_s: float = 10) -> Any:
    return erp.connector.push("orders", erp.wire(decision), key, deadline_s=deadline_s)


class TestReading:
    def test_ping_knows_every_resource(self, erp: Erp) -> None:
        pong = erp.connector.ping()
        assert set(pong.services.values()) == {"ok"} and "fscmRestApi/salesOrdersForOrderHub" in pong.services
        assert (pong.product, pong.user) == ("oracle/fusion", erp.sandbox.user)

    @pytest.mark.parametrize("obj", FUSION.resources)  # type: ignore[attr-defined]
    def test_every_read_of_every_object_works_and_is_looked_up_again(self, erp: Erp, obj: str) -> None:
        for read in erp.connector.reads(obj):
            records = erp.pull(obj, read.name)
            assert records, read.name
            assert len({record.key for record in records}) == len(records)
            erp.mapped(obj, read.name)
        again = list(erp.connector.lookup(obj, [record.key for record in records], fields=erp.fields(obj)))
        assert {record.key: record.data for page in again for record in page.records} == dict(records)

    def test_keys_and_totals_are_those_of_the_book(self, erp: Erp) -> None:
        orders = {key: Decimal(order["net_amount"]) for key, order in erp.mapped("orders").items()}
        assert orders == {o["number"]: _standing(o) for o in erp.book("orders")}
        raw = {each.key: each for each in erp.connector.raw_amounts("orders")}
        assert {key: each.amount for key, each in raw.items()} == orders

    def test_what_is_open_is_what_the_book_says(self, erp: Erp) -> None:
        raw = {each.key.split("/")[1]: each for each in erp.connector.raw_amounts("open_items")}
        book = {item["number"]: item for item in erp.book("open_items")}
        rests = {number: item["rest"] for number, item in book.items() if number in raw}
        assert len(rests) > 20
        assert {number: raw[number].balance for number in rests} == {n: Decimal(rest) for n, rest in rests.items()}

    @pytest.mark.parametrize("obj", ["orders", "deliveries", "invoices", "open_items"])
    def test_the_parts_of_a_first_read_are_the_whole(self, erp: Erp, obj: str) -> None:
        splits = erp.connector.splits(obj)
        assert splits is not None
        whole = [record.key for record in erp.pull(obj, splits.read)]
        days = ["", "2026-07-01", "2026-09-01", ""]
        found = []
        for part in (Part(first=first, before=before) for first, before in pairwise(days)):
            after, fields = Position(), erp.fields(obj)
            pages = list(erp.connector.pull(obj, splits.read, since="", after=after, fields=fields, part=part))
            found.append({record.key for page in pages for record in page.records})
        assert all(found) and sum(map(len, found)) == len(whole) and set().union(*found) == set(whole)

    def test_one_company_alone(self, erp: Erp) -> None:
        one = erp.connect(companies=("US01",))
        for obj in ("orders", "invoices", "payments", "open_items", "applications"):
            amounts = {raw.company for raw in one.raw_amounts(obj)}
            assert amounts == {"US01"}, obj
        one.close()

    def test_a_change_is_seen_from_its_watermark_on(self, erp: Erp, decision: dict[str, Any], key: str) -> None:
        pages = list(erp.connector.pull("orders", "changed", since="", after=Position(), fields=erp.fields("orders")))
        erp.control("POST", "advance", days=1)
        number = push(erp, decision, key).external_id
        news = erp.pull("orders", since=pages[-1].position.stamp)
        assert news[-1].key == number and len(news) < len(erp.book("orders"))

    def test_pages_that_move_and_shrink_and_repeat_lose_nothing(self, erp: Erp) -> None:
        for obj in ("orders", "applications"):
            expected = {record.key for record in erp.pull(obj)}
            for fault in ({"fault": "rows_move", "rows": 2}, {"fault": "duplicate_answer", "repeat": "row"}):
                erp.arm({"fault": "page_limit", "n": 7}, fault)
                assert {record.key for record in erp.pull(obj)} == expected
            erp.control("DELETE", "faults")

    @pytest.mark.parametrize(
        "fault",
        [
            {"fault": "rate_limited", "retry_after": 0},
            {"fault": "unavailable", "retry_after": 0},
            {"fault": "half_answer"},
        ],
    )
    def test_a_passing_fault_is_read_over(self, erp: Erp, fault: dict[str, Any]) -> None:
        expected = len(erp.pull("orders"))
        erp.arm({**fault, "match": {"path": "salesOrdersForOrderHub", "times": 1}})
        assert len(erp.pull("orders")) == expected
        assert erp.fired() == [fault["fault"]]

    def test_a_token_that_ends_between_two_pages(self, erp: Erp) -> None:
        expected = len(erp.pull("orders"))
        other = erp.connect(auth="oauth2", token_url=erp.info["token_url"])
        erp.arm({"fault": "page_limit", "n": 7}, {"fault": "expired_token", "match": {"nth": 3}})
        pages = list(other.pull("orders", "changed", since="", after=Position(), fields=erp.fields("orders")))
        assert sum(len(page.records) for page in pages) == expected
        other.close()

    def test_a_renamed_field_stops_the_read(self, erp: Erp) -> None:
        erp.arm({"fault": "field_renamed", "from": "OrderNumber", "to": "Number"})
        with pytest.raises(PermanentError) as caught:
            erp.pull("orders")
        assert caught.value.code == "answer-shape"

    def test_a_wrong_password_is_a_matter_of_access(self, erp: Erp) -> None:
        wrong = erp.connect(password="nonsense")
        with pytest.raises(AccessError) as caught:
            wrong.ping()
        assert caught.value.code == "unauthorised"
        wrong.close()


def _standing(order: dict[str, Any]) -> Decimal:
    """The net amount without lines that were called off."""
    lines = [line for line in order["lines"] if not line["cancelled"]]
    return sum((Decimal(line["net"]) for line in lines), Decimal(0)) if order["status"] != "cancelled" else Decimal(0)


class TestWriting:
    def test_an_order_is_booked_and_found_under_our_key(self, erp: Erp, decision: dict[str, Any], key: str) -> None:
        assert erp.connector.find("orders", key) == []
        ack = push(erp, decision, key)
        [hit] = erp.connector.find("orders", key)
        assert (hit.external_id, hit.customer, hit.currency) == (
            ack.external_id,
            decision["customer"]["erp_key"],
            "CNY",
        )
        assert hit.total == Decimal("2400.20") and not hit.cancelled
        [booked] = erp.orders(key)
        assert booked["customer_po"] == decision["customer_po"]
        assert [one.hit.external_id for one in erp.connector.bearing("orders", key)] == [ack.external_id]

    def test_a_second_one_is_refused_and_looked_up(self, erp: Erp, decision: dict[str, Any], key: str) -> None:
        push(erp, decision, key)
        with pytest.raises(OutcomeUnknownError, match="has our key already"):
            push(erp, decision, key)
        assert len(erp.orders(key)) == 1

    def test_a_change_writes_what_differs_and_nothing_twice(self, erp: Erp, decision: dict[str, Any], key: str) -> None:
        number = push(erp, decision, key).external_id
        amended = copy.deepcopy(decision)
        amended["customer_po"] = "amended"
        first, _ = decision["lines"]
        amended["lines"] = [
            line("10", first["erp_product"], "7", "470.00"),
            line("30", decision["third"], "1", "50.00"),
        ]
        assert erp.connector.change("orders", number, erp.wire(amended), deadline_s=10).changed
        [booked] = erp.orders(key)
        lines = {(item["product"], item["cancelled"]): (item["quantity"], item["price"]) for item in booked["lines"]}
        assert lines[first["erp_product"], False] == ("7", "470.00")
        assert lines[decision["third"], False] == ("1", "50.00")
        assert lines[decision["lines"][1]["erp_product"], True]
        assert booked["customer_po"] == "amended"
        assert erp.connector.find("orders", key)[0].total == Decimal("3340.00")
        count = len(booked["changes"])
        assert not erp.connector.change("orders", number, erp.wire(amended), deadline_s=10).changed
        assert len(erp.orders(key)[0]["changes"]) == count
        assert erp.connector.change("orders", number, erp.wire(decision), deadline_s=10).changed  # and back again
        assert erp.connector.find("orders", key)[0].total == Decimal("2400.20")
        pulled = erp.mapped("orders")[number]
        assert sorted((item["our_line"], item["rejected"]) for item in pulled["lines"]) == [
            ("10", False),
            ("20", False),
            ("20", True),
            ("30", True),
        ]
        assert len({item["line"] for item in pulled["lines"]}) == 4

    def test_a_cancelled_order_stays_cancelled(self, erp: Erp, decision: dict[str, Any], key: str) -> None:
        number = push(erp, decision, key).external_id
        assert erp.connector.cancel("orders", number, {}, deadline_s=10).changed
        assert erp.connector.find("orders", key)[0].cancelled
        assert not erp.connector.cancel("orders", number, {}, deadline_s=10).changed
        assert erp.mapped("orders")[number]["status"] == "cancelled"

    def test_what_became_of_an_order(self, erp: Erp, decision: dict[str, Any], key: str) -> None:
        number = push(erp, decision, key).external_id
        erp.control("POST", "advance", days=90)
        order = erp.mapped("orders")[number]
        assert (order["status"], order["delivery_status"]) == ("complete", "complete")
        lines = {line["line"]: line["our_line"] for line in order["lines"]}
        shipped = [d for d in erp.mapped("deliveries").values() if d["lines"][0]["order_key"] == number]
        moved = [(lines[d["lines"][0]["order_line"]], Decimal(d["lines"][0]["quantity"])) for d in shipped]
        assert {line: sum(q for each, q in moved if each == line) for line, _ in moved} == {"10": 5, "20": 2}
        billed = [i for i in erp.mapped("invoices").values() if any(x.get("order_key") == number for x in i["lines"])]
        assert sum(Decimal(i["net_amount"]) for i in billed) == Decimal("2400.20")
        assert {lines[x["order_line"]] for i in billed for x in i["lines"]} == {"10", "20"}

    def test_a_customer_is_created_once_and_changed(self, erp: Erp, key: str) -> None:
        new = {"name": "Müller & 合资", "country": "CN", "city": "上海", "street": "", "postal_code": "200001"}
        wire = erp.wire({"number": key, "tax_id": "91320500MA1XYZ0001", "email": "a@example.com", **new}, "customers")
        number = erp.connector.push("customers", wire, key, deadline_s=10).external_id
        assert erp.connector.push("customers", wire, key, deadline_s=10).external_id == number
        assert [hit.external_id for hit in erp.connector.find("customers", key)] == [number]
        renamed = {**wire, "OrganizationName": "合资"}
        assert erp.connector.change("customers", number, renamed, deadline_s=10).changed
        assert not erp.connector.change("customers", number, renamed, deadline_s=10).changed
        pulled = erp.mapped("customers")[number]
        assert (pulled["name"], pulled["number"], pulled["accounts"]) == ("合资", key, [])

    def test_what_the_erp_refuses_is_said_in_its_own_words(self, erp: Erp, decision: dict[str, Any], key: str) -> None:
        with pytest.raises(RecordRejectedError, match="XXX") as caught:
            push(erp, {**decision, "currency": "XXX"}, key)
        assert caught.value.erp_code.startswith("JBO-")
        with pytest.raises(RecordRejectedError, match="CustomerId = 99"):
            push(erp, {**decision, "customer": {"erp_key": "99"}}, key)
        assert erp.orders(key) == []

    @pytest.mark.parametrize(
        ("fault", "booked"),
        [
            ({"fault": "dropped_before_commit"}, 0),
            ({"fault": "dropped_after_commit"}, 1),
            ({"fault": "half_answer"}, 1),
            ({"fault": "internal_error", "when": "before"}, 0),
            ({"fault": "internal_error", "when": "after"}, 1),
            ({"fault": "unavailable"}, 0),
        ],
    )
    def test_a_lost_answer_is_unknown_and_nothing_is_sent_again(
        self, erp: Erp, decision: dict[str, Any], key: str, fault: dict[str, Any], booked: int
    ) -> None:
        erp.arm({**fault, "match": {"method": "POST", "path": "salesOrdersForOrderHub$"}})
        with pytest.raises(OutcomeUnknownError):
            push(erp, decision, key)
        assert len(erp.fired()) == 1
        erp.control("DELETE", "faults")
        assert len(erp.orders(key)) == len(erp.connector.find("orders", key)) == booked

    def test_a_late_commit_ends_by_the_deadline(self, erp: Erp, decision: dict[str, Any], key: str) -> None:
        erp.arm({"fault": "late_commit", "seconds": 0.3, "hold": True, "match": {"method": "POST", "times": 1}})
        with pytest.raises(OutcomeUnknownError):
            push(erp, decision, key, deadline_s=1)

    def test_a_write_that_did_not_arrive_is_sent_again_and_booked_once(
        self, erp: Erp, decision: dict[str, Any], key: str
    ) -> None:
        match = {"method": "POST", "path": "salesOrdersForOrderHub$", "times": 1}
        erp.arm({"fault": "rate_limited", "retry_after": 0, "match": match})
        push(erp, decision, key)
        assert len(erp.orders(key)) == 1

    def test_a_locked_document_waits(self, erp: Erp, decision: dict[str, Any], key: str) -> None:
        number = push(erp, decision, key).external_id
        erp.arm({"fault": "locked"})
        with pytest.raises(TransientError) as caught:
            erp.connector.change("orders", number, {"CustomerPONumber": "x"}, deadline_s=10)
        assert caught.value.code == "locked"

    def test_a_refusal_with_a_good_status_is_a_refusal(self, erp: Erp, decision: dict[str, Any], key: str) -> None:
        erp.arm({"fault": "refused_200", "match": {"method": "POST"}})
        with pytest.raises((RecordRejectedError, OutcomeUnknownError)):
            push(erp, decision, key)
        erp.control("DELETE", "faults")
        assert erp.orders(key) == []

    def test_a_search_that_fails_is_no_answer(self, erp: Erp, key: str) -> None:
        erp.arm({"fault": "lookup_fails"})
        with pytest.raises(ConnectorError):
            erp.connector.find("orders", key)

    def test_a_change_that_lost_its_answer_can_be_repeated(self, erp: Erp, decision: dict[str, Any], key: str) -> None:
        number = push(erp, decision, key).external_id
        wanted = erp.wire({**decision, "lines": [*decision["lines"], line("90", decision["third"], "1", "1.00")]})
        erp.arm({"fault": "dropped_after_commit", "match": {"method": "PATCH", "times": 1}})
        with pytest.raises(OutcomeUnknownError):
            erp.connector.change("orders", number, wanted, deadline_s=10)
        erp.connector.change("orders", number, wanted, deadline_s=10)
        assert len(erp.orders(key)[0]["lines"]) == 3


def test_classicmodels_comes_whole(shared_data: Path) -> None:
    erp = Erp(start("oracle/fusion", data=shared_data / "classicmodels"))
    try:
        orders = erp.mapped("orders")
        lines = [line for order in orders.values() for line in order["lines"]]
        assert (len(orders), len(lines)) == (326, 2996)
        assert sum(Decimal(line["net_amount"]) for line in lines) == Decimal("9604190.61")
        assert (len(erp.pull("customers")), len(erp.pull("products")), len(erp.pull("invoices"))) == (122, 110, 310)
        assert {key: raw.amount for raw in erp.connector.raw_amounts("orders") if (key := raw.key)} == {
            key: Decimal(order["net_amount"]) for key, order in orders.items()
        }
    finally:
        erp.close()


def test_golden_comes_to_the_cent(shared_data: Path, tmp_path: Path) -> None:
    """Every receivable at every answered date, and a clean reconciliation; what Fusion has no word for is left out:
    its transactions name no fiscal year, its accounts are numbered by itself, disputes are the CRM's own.
    """
    folder = shared_data / "golden"
    with open_road(tmp_path, product="oracle/fusion", data=folder) as road, road.context() as ctx:
        report = pull(ctx)
        assert not report.held and not report.rejected
        assert reconcile(ctx).differences == []
        assert all(counts.created == counts.updated == 0 for counts in pull(ctx).counts.values())
        golden_view.load_our_own(ctx.database, golden_books_without_disputes(folder))
        for file in sorted((folder / "answers").glob("*.json")):
            as_of = date.fromisoformat(file.stem)
            have, want = golden_view.view(ctx.database, as_of), golden_view.expected(folder, as_of)
            for part in ("companies", "open_items", "payments", "bills"):
                assert _told(have[part]) == _told(want[part]), (as_of, part)


def golden_books_without_disputes(folder: Path) -> Any:
    from tests import golden

    books = golden.load(folder)
    books.disputes.clear()
    return books


UNTOLD = {"account_number", "fiscal_year", "disputed", "line"}


def _told(part: Any) -> Any:
    """Without what Fusion does not tell, lists in the order of their content."""
    if isinstance(part, dict):
        return {name: _told(value) for name, value in part.items() if name not in UNTOLD}
    if isinstance(part, list):
        return sorted(map(_told, part), key=lambda row: json.dumps(row, sort_keys=True))
    return part
