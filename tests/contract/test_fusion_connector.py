"""The Fusion connector and mapping against the Fusion sandbox over HTTP; what happened is read from its own book."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from config.mapping_targets import targets
from connectors.base import Part, Position
from connectors.errors import (
    AccessError,
    OutcomeUnknownError,
    PermanentError,
    RecordRejectedError,
    TransientError,
)
from connectors.products import load_product
from mappings.engine import load_mapping
from sandbox.server import Sandbox, start
from tests.contract.erp import SandboxErp
from tests.contract.lost_answers import LostAnswers
from tests.unit.mapping_help import ROOT

pytestmark = pytest.mark.contract

FUSION = load_product("oracle/fusion")
TEXT = (ROOT / "mappings" / "oracle" / "fusion.yaml").read_text(encoding="utf-8")
NO_TABLES: dict[str, dict[str, str]] = {
    name: {} for name in ("company", "business_unit", "local_currency", "time_zone", "instalment_kind", "site_company")
}


class Erp(SandboxErp):
    """With the mapping for it."""

    product = FUSION

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.mapping = load_mapping("oracle/fusion", TEXT, targets=targets(), lookups=self.tables)

    @property
    def tables(self) -> dict[str, dict[str, str]]:
        return {**NO_TABLES, **self.info["lookups"]}

    def settings(self) -> dict[str, Any]:
        return {"companies": tuple(self.info["companies"]), "tables": self.tables}

    def fields(self, obj: str) -> list[str]:
        return list(self.mapping.section(obj, "pull").fields)

    def mapped(self, obj: str, read: str = "") -> dict[str, dict[str, Any]]:
        section = self.mapping.section(obj, "pull")
        return {record.key: section.apply(record.data, record.key) for record in self.pull(obj, read)}

    def wire(self, document: dict[str, Any], obj: str = "orders") -> dict[str, Any]:
        return self.mapping.section(obj, "push").apply(document, document.get("key", ""))


@pytest.fixture(scope="module")
def shared_erp() -> Iterator[Erp]:
    found = Erp(start("oracle/fusion", seed=11))
    yield found
    found.close()


def line(number: str, product: str, quantity: str, price: str) -> dict[str, str]:
    net = format(Decimal(quantity) * Decimal(price), "f")
    return {
        "line": number,
        "erp_product": product,
        "quantity": quantity,
        "unit": "PCS",
        "price": price,
        "per": "1",
        "unit_price": price,
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


@pytest.fixture
def wire(erp: Erp, decision: dict[str, Any]) -> dict[str, Any]:
    return erp.wire(decision)


def push(erp: Erp, decision: dict[str, Any], key: str) -> Any:
    return erp.connector.push("orders", erp.wire(decision), key, deadline_s=10)


@pytest.fixture(scope="module")
def two_accounts(shared_erp: Erp) -> tuple[str, dict[str, str]]:
    """A party with an account of its own in each company, and these accounts by company."""
    parties = {
        key: {account["company_code"]: account["account_number"] for account in party["accounts"]}
        for key, party in shared_erp.mapped("customers").items()
    }
    return next((key, found) for key, found in parties.items() if len(set(found.values())) == 2)


def part_shipped(erp: Erp, decision: dict[str, Any], keys: Iterator[str]) -> tuple[str, str, dict[str, Any]]:
    """An order half of which has left, the rest being held: its key, its number and what it says."""
    first, second = decision["lines"]
    lines = [line("10", first["erp_product"], "10", "480"), line("20", second["erp_product"], "4", "0.1")]
    wanted = {**decision, "lines": lines}
    pushed = {key: push(erp, wanted, key).external_id for key in (next(keys) for _ in range(25))}
    erp.control("POST", "advance", days=1)
    split = {d["number"]: d for d in erp.book("deliveries")}
    for key, number in pushed.items():
        (booked,) = erp.orders(key)
        if any(part["quantity"] == "5" for each in booked["deliveries"] for part in split[each]["lines"]):
            erp.control("POST", "mutate", what="hold_credit", order=number)
            erp.control("POST", "advance", days=1)
            erp.control("POST", "mutate", what="release_credit", order=number)
            return key, number, wanted
    raise AssertionError("no order was split")


class TestReading:
    def test_ping_knows_every_resource(self, erp: Erp) -> None:
        pong = erp.connector.ping()
        assert set(pong.services.values()) == {"ok"} and "fscmRestApi/salesOrdersForOrderHub" in pong.services
        assert (pong.product, pong.user) == ("oracle/fusion", erp.sandbox.user)

    @pytest.mark.parametrize("obj", FUSION.resources)  # type: ignore[attr-defined]  # each protocol's model has its own kind
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

    def test_a_receipt_in_two_currencies_with_a_discount(self, erp: Erp, decision: dict[str, Any]) -> None:
        """1000 CNY: 300 and a discount of 20 on an item of 320 CNY, the rest on an item of 100 USD."""
        parties = {str(customer["account_number"]): customer["number"] for customer in erp.book("customers")}
        account = erp.mapped("customers")[decision["customer"]["erp_key"]]["accounts"][0]["account_number"]
        of = {"company": "CN01", "customer": parties[account]}

        def mutate(what: str, **change: Any) -> Any:
            return erp.control("POST", "mutate", what=what, **change)

        (yuan,), (dollars,) = (
            mutate("post_invoice", amount=amount, currency=currency, terms="N30", **of)["items"]
            for amount, currency in (("320", "CNY"), ("100", "USD"))
        )
        number = mutate("pay", company="CN01", amount="300", item=yuan, discount="20")["number"]
        mutate("amount", object="payments", number=number, by="700")
        mutate("apply", payment=number, item=dollars, amount="100", taken="700")
        mine = [each for each in erp.mapped("applications").values() if each["target_key"].endswith((yuan, dollars))]
        assert sorted((each["kind"], each["amount"], each.get("source_amount")) for each in mine) == [
            ("discount", "20.00", None),
            ("payment", "100.00", "700.00"),
            ("payment", "300.00", "300.00"),
        ]

    def test_a_late_charge_and_a_write_off_mean_the_same_raw_and_mapped(self, erp: Erp) -> None:
        def mutate(what: str, **change: Any) -> Any:
            return erp.control("POST", "mutate", what=what, **change)

        item = next(
            each["number"] for each in erp.book("open_items") if Decimal(each["amount"]) == Decimal(each["rest"]) > 100
        )
        mutate("write_off", item=item, amount="-5")
        mutate("write_off", item=item, amount="0.01")
        mutate("reset", application=mutate("write_off", item=item, amount="7")["number"])
        mutate("reset", application=mutate("write_off", item=item, amount="-9")["number"])
        raw = {each.key: each.amount for each in erp.connector.raw_amounts("applications")}
        mapped = {key: Decimal(each["amount"]) for key, each in erp.mapped("applications").items()}
        mine = [key for key, each in erp.mapped("applications").items() if each["target_key"].endswith(item)]
        assert sorted(raw[key] for key in mine) == [Decimal(n) for n in ("-9", "-7", "-5", "0.01", "7", "9")]
        assert raw == mapped
        [(amount, balance)] = [
            (each.amount, each.balance)
            for each in erp.connector.raw_amounts("open_items")
            if each.key.endswith(f"/{item}")
        ]
        assert balance == amount - Decimal("0.01") + 5

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

    @pytest.mark.parametrize("obj", FUSION.resources)  # type: ignore[attr-defined]  # each protocol's model has its own kind
    def test_a_key_that_nothing_bears_is_not_found(self, erp: Erp, obj: str) -> None:
        for key in ("abc", "a,b;c=d/1", "1 or 1=1"):
            assert not [
                page.records for page in erp.connector.lookup(obj, [key], fields=erp.fields(obj)) if page.records
            ]

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


class TestWriting(LostAnswers):
    path = "salesOrdersForOrderHub"

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

    @pytest.mark.parametrize(("company", "currency"), [("CN01", "CNY"), ("US01", "USD")])
    def test_the_account_of_the_order_s_company_is_billed(
        self,
        erp: Erp,
        decision: dict[str, Any],
        two_accounts: tuple[str, dict[str, str]],
        key: str,
        company: str,
        currency: str,
    ) -> None:
        party, accounts = two_accounts
        wanted = {**decision, "company_code": company, "currency": currency}
        (other,) = set(accounts.values()) - {accounts[company]}
        with pytest.raises(RecordRejectedError, match="no active bill-to site"):
            push(erp, {**wanted, "customer": {"erp_key": party, "account_number": other}}, key)
        push(erp, {**wanted, "customer": {"erp_key": party, "account_number": accounts[company]}}, key)
        assert [booked["company"] for booked in erp.orders(key)] == [company]

    def test_of_several_accounts_none_is_billed_by_chance(
        self, erp: Erp, decision: dict[str, Any], two_accounts: tuple[str, dict[str, str]], key: str
    ) -> None:
        buyer = {"number": "C", "erp_key": two_accounts[0], "account_number": ""}
        with pytest.raises(RecordRejectedError) as caught:
            push(erp, {**decision, "company_code": "US01", "currency": "USD", "customer": buyer}, key)
        assert caught.value.code == "several-to-fill"
        assert erp.orders(key) == []

    def test_a_price_with_tax_is_booked_to_the_cent_and_stays(
        self, erp: Erp, decision: dict[str, Any], key: str
    ) -> None:
        third = {
            **line("10", decision["third"], "3", "100.00"),
            "per": "3",
            "unit_price": "33.333333333",
            "net": "100.00",
        }
        wanted = {**decision, "lines": [third]}
        number = push(erp, wanted, key).external_id
        assert erp.connector.find("orders", key)[0].total == Decimal("100.00")
        assert not erp.connector.change("orders", number, erp.wire(wanted), deadline_s=10).changed

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

    def test_another_product_takes_the_place_of_the_line(self, erp: Erp, decision: dict[str, Any], key: str) -> None:
        number = push(erp, decision, key).external_id
        first, second = decision["lines"]
        wanted = {**decision, "lines": [{**first, "erp_product": decision["third"]}, second]}
        ack = erp.connector.change("orders", number, erp.wire(wanted), deadline_s=10)
        assert ack.changed and not ack.warnings
        assert not erp.connector.change("orders", number, erp.wire(wanted), deadline_s=10).changed
        [booked] = erp.orders(key)
        standing = [(each["product"], each["quantity"]) for each in booked["lines"] if not each["cancelled"]]
        assert standing == [(second["erp_product"], "2"), (decision["third"], "5")]
        lines = erp.mapped("orders")[number]["lines"]
        assert [(each["our_line"], each["product_key"]) for each in lines if not each["rejected"]] == [
            ("20", second["erp_product"]),
            ("10", decision["third"]),
        ]

    def test_another_unit_takes_the_place_of_the_line(self, erp: Erp, decision: dict[str, Any], key: str) -> None:
        number = push(erp, decision, key).external_id
        first, second = decision["lines"]
        wanted = {**decision, "lines": [{**first, "unit": "HUR"}, second]}
        ack = erp.connector.change("orders", number, erp.wire(wanted), deadline_s=10)
        assert ack.changed and not ack.warnings
        assert not erp.connector.change("orders", number, erp.wire(wanted), deadline_s=10).changed
        units = {
            each["our_line"]: each["unit"] for each in erp.mapped("orders")[number]["lines"] if not each["rejected"]
        }
        assert units == {"10": "HUR", "20": "PCS"}

    def test_a_cancelled_order_stays_cancelled(self, erp: Erp, decision: dict[str, Any], key: str) -> None:
        number = push(erp, decision, key).external_id
        assert erp.connector.cancel("orders", number, {}, deadline_s=10).changed
        assert erp.connector.find("orders", key)[0].cancelled
        assert not erp.connector.cancel("orders", number, {}, deadline_s=10).changed
        assert erp.mapped("orders")[number]["status"] == "cancelled"

    def test_what_is_open_of_a_part_shipped_order_is_changed_and_cancelled(
        self, erp: Erp, decision: dict[str, Any], keys: Iterator[str]
    ) -> None:
        key, number, wanted = part_shipped(erp, decision, keys)
        first, second = wanted["lines"]
        assert not erp.connector.change("orders", number, erp.wire(wanted), deadline_s=10).changed
        note = {**wanted, "customer_po": "only the head differs"}
        assert not erp.connector.change("orders", number, erp.wire(note), deadline_s=10).warnings
        fewer = {**first, "quantity": "8", "net": "3840.00"}
        more = {**note, "lines": [fewer, {**second, "quantity": "6", "net": "0.60"}]}
        assert erp.connector.change("orders", number, erp.wire(more), deadline_s=10).changed
        assert not erp.connector.change("orders", number, erp.wire(more), deadline_s=10).changed
        assert erp.connector.find("orders", key)[0].total == Decimal("3840.60")
        for lines in ([{**fewer, "quantity": "4"}, second], [second], [{**fewer, "unit_price": "470"}, second]):
            with pytest.raises(RecordRejectedError) as caught:
                erp.connector.change("orders", number, erp.wire({**more, "lines": lines}), deadline_s=10)
            assert caught.value.code == "line-shipped"
        ack = erp.connector.cancel("orders", number, {}, deadline_s=10)
        assert ack.changed and ack.warnings == ["not cancelled, has left: 10, 20"]
        assert not erp.connector.cancel("orders", number, {}, deadline_s=10).changed  # an answer that was lost
        order = erp.mapped("orders")[number]
        assert [(each["our_line"], each["quantity"]) for each in order["lines"]] == [("10", "5"), ("20", "2")]
        assert (Decimal(order["net_amount"]), order["delivery_status"]) == (Decimal("2400.20"), "complete")
        assert erp.connector.find("orders", key)[0].total == Decimal("2400.20")

    def test_what_has_left_altogether_is_not_cancelled(self, erp: Erp, decision: dict[str, Any], key: str) -> None:
        number = push(erp, decision, key).external_id
        erp.control("POST", "advance", days=90)
        with pytest.raises(RecordRejectedError, match="has left already") as caught:
            erp.connector.cancel("orders", number, {}, deadline_s=10)
        assert caught.value.code == "line-shipped"

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

    def test_the_numbers_of_another_source_are_none_of_ours(self, erp: Erp, decision: dict[str, Any], key: str) -> None:
        other = erp.connect(options={"source_system": "LEGACY"})
        wire = erp.wire({"number": key, "name": "Old", "country": "CN", "city": "上海"}, "customers")
        customer = other.push("customers", wire, key, deadline_s=10).external_id
        order = other.push("orders", erp.wire(decision), key, deadline_s=10).external_id
        for connector, seen in ((erp.connector, None), (other, key)):
            pulled = {
                (obj, name): erp.mapping.section(obj, "pull").apply(record.data).get(name)
                for obj, name, wanted in (("customers", "number", customer), ("orders", "our_key", order))
                for record in erp.pull(obj, connector=connector)
                if record.key == wanted
            }
            assert pulled == {("customers", "number"): seen, ("orders", "our_key"): seen}

    def test_a_document_without_a_number_is_gone(self, erp: Erp) -> None:
        with pytest.raises(RecordRejectedError) as caught:
            erp.connector.change("customers", "abc", {"OrganizationName": "x"}, deadline_s=10)
        assert caught.value.code == "document-gone"

    def test_what_the_erp_refuses_is_said_in_its_own_words(self, erp: Erp, decision: dict[str, Any], key: str) -> None:
        with pytest.raises(RecordRejectedError, match="XXX") as caught:
            push(erp, {**decision, "currency": "XXX"}, key)
        assert caught.value.erp_code.startswith("JBO-")
        with pytest.raises(RecordRejectedError, match="CustomerId = 99"):
            push(erp, {**decision, "customer": {"erp_key": "99"}}, key)
        assert erp.orders(key) == []

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

    def test_a_change_that_lost_its_answer_can_be_repeated(self, erp: Erp, decision: dict[str, Any], key: str) -> None:
        number = push(erp, decision, key).external_id
        wanted = erp.wire({**decision, "lines": [*decision["lines"], line("90", decision["third"], "1", "1.00")]})
        erp.arm({"fault": "dropped_after_commit", "match": {"method": "PATCH", "times": 1}})
        with pytest.raises(OutcomeUnknownError):
            erp.connector.change("orders", number, wanted, deadline_s=10)
        erp.connector.change("orders", number, wanted, deadline_s=10)
        assert len(erp.orders(key)[0]["lines"]) == 3
