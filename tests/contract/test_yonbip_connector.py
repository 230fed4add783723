"""The YonBIP connector against the YonBIP sandbox over HTTP; what really happened is read from the sandbox's book."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from config.mapping_targets import targets
from connectors.base import Position
from connectors.errors import (
    AccessError,
    ConnectorError,
    OutcomeUnknownError,
    RateLimitedError,
    RecordRejectedError,
    TransientError,
)
from connectors.products import load_product
from crm_core.quote_pricing import line_amounts
from mappings.engine import MappingSet, load_mapping
from sandbox.server import start
from tests.contract.erp import SandboxErp
from tests.contract.yonbip_client import DELIVERY, Yonbip
from tests.unit.mapping_help import ROOT

pytestmark = pytest.mark.contract

YONBIP = load_product("yonyou/yonbip").model_copy(update={"resend_after_s": 0.2})
SAVE, LIST = "voucherorder/singleSave", "voucherorder/list"
STEPS = {"save": ("0", "0"), "submit": ("1", "3"), "audit": ("2", "1")}


class Erp(SandboxErp):
    product = YONBIP

    def settings(self) -> dict[str, Any]:
        return {
            "client": self.info["client"],
            "companies": tuple(self.info["companies"]),
            "tables": self.info["lookups"],
            "limits": {"retry_s": 5, "requests_per_s": 0},
            "options": {"calls_per_minute": "100000"},
        }

    def push(self, wire: dict[str, Any], key: str, deadline_s: float = 10, **settings: Any) -> Any:
        connector = self.connect(**settings) if settings else self.connector
        return connector.push("orders", wire, key, deadline_s=deadline_s)

    def order(self, external_id: str) -> dict[str, Any]:
        return self.one("orders", external_id)

    def one(self, obj: str, external_id: str) -> dict[str, Any]:
        [record] = [r for page in self.connector.lookup(obj, [external_id], fields=[]) for r in page.records]
        return record.data

    def deleted(self, obj: str, number: str) -> None:
        """By hand, at the ERP."""
        self.control("POST", "mutate", what="delete", object=obj, number=number)


@pytest.fixture(scope="module")
def shared_erp() -> Iterator[Erp]:
    found = Erp(start("yonyou/yonbip", seed=11, options={"quotas": "off"}))
    yield found
    found.close()


@pytest.fixture(scope="module")
def mapping(shared_erp: Erp) -> MappingSet:
    tables = shared_erp.info["lookups"]
    others = {name: {} for name in ("customer_type", "local_currency", "exchange_rate")}
    text = (ROOT / "mappings" / "yonyou" / "yonbip.yaml").read_text(encoding="utf-8")
    return load_mapping("yonyou/yonbip", text, targets=targets(), lookups={**others, **tables})


class Quotes:
    """Decisions of ours over what the sandbox knows, and their wires."""

    def __init__(self, erp: Erp, mapping: MappingSet) -> None:
        self.mapping = mapping
        self.customer = next(r for r in erp.pull("customers") if r.data["createOrgCode"] == "CN01")
        self.products = erp.pull("products")[:4]

    def wire(
        self, *lines: tuple[int, str, str], version: int = 1, section: str = "push", rate: str = "13"
    ) -> dict[str, Any]:
        """`lines`: which product, how many, net amount; `rate` of their tax in per cent."""
        decision = {
            "version": str(version),
            "company_code": "CN01",
            "currency": "CNY",
            "order_date": "2026-11-20",
            "requested_on": "2026-12-20",
            "customer": {"erp_key": self.customer.key},
            "customer_po": "采购 O'Brien & Co. 100%",
            "lines": [self._line(number, *line, rate) for number, line in enumerate(lines, 1)],
        }
        return self.mapping.section("orders", section).apply(decision, "CT7-Q")

    def _line(self, number: int, product: int, quantity: str, net: str, rate: str) -> dict[str, str]:
        record, count = self.products[product], Decimal(quantity)
        amounts = line_amounts(Decimal(1), Decimal(net), Decimal(1), Decimal(rate), "CNY", includes_tax=False)
        units = {"unit_price": amounts.net / count, "unit_price_with_tax": amounts.gross / count}
        priced = {name: f"{value:.9f}" for name, value in units.items()}
        money = {"net": str(amounts.net), "tax": str(amounts.tax), "gross": str(amounts.gross), "tax_rate": rate}
        named = {"line": str(number * 10), "erp_product": record.key, "unit": record.data["unitCode"]}
        return {**named, "quantity": quantity, **priced, **money}


def customer(mapping: MappingSet, key: str, *companies: str) -> dict[str, Any]:
    """The wire of a customer of ours in these companies."""
    who = {"key": key, "number": key, "name": "新客户有限公司", "category": "organisation", "country": "CN"}
    where = {"city": "苏州", "street": "滨河路 1 号", "companies": [{"company_code": code} for code in companies]}
    return mapping.section("customers", "push").apply({**who, **where}, key)


def sums(order: dict[str, Any]) -> list[tuple[str, Decimal, Decimal]]:
    """Product, quantity and sum of each line."""
    return sorted((line["productId"], Decimal(line["qty"]), Decimal(line["oriSum"])) for line in order["orderDetails"])


@pytest.fixture(scope="module")
def quotes(shared_erp: Erp, mapping: MappingSet) -> Quotes:
    return Quotes(shared_erp, mapping)


@pytest.fixture
def wire(quotes: Quotes) -> dict[str, Any]:
    return quotes.wire((0, "3", "99.99"), (1, "1", "0.05"))


class TestReading:
    def test_ping_knows_every_list_and_the_erps_clock(self, erp: Erp) -> None:
        pong = erp.connector.ping()
        assert set(pong.services.values()) == {"ok"}
        assert len(pong.services) == len(YONBIP.resources)

    @pytest.mark.parametrize("obj", sorted(YONBIP.resources))
    def test_every_object_is_read_mapped_and_looked_up(self, erp: Erp, mapping: MappingSet, obj: str) -> None:
        section = mapping.section(obj, "pull")
        records = erp.pull(obj, fields=[*section.fields])
        assert records and len({record.key for record in records}) == len(records)
        for record in records:
            section.apply(record.data, record.key)
        keys = [record.key for record in records][:5]
        again = [r for page in erp.connector.lookup(obj, keys, fields=section.fields) for r in page.records]
        assert [section.apply(r.data) for r in again] == [section.apply(r.data) for r in records[:5]]

    def test_amounts_and_ids_are_exact_text(self, erp: Erp) -> None:
        order = erp.pull("orders")[0].data
        assert len(order["id"]) == 19 and isinstance(order["payMoney"], str)
        assert sum(Decimal(line["oriSum"]) for line in order["orderDetails"]) == Decimal(order["payMoney"])

    def test_dates_are_days_and_stamps_are_utc(self, erp: Erp) -> None:
        order = erp.pull("orders")[0].data
        assert len(order["vouchdate"]) == 10
        assert order["pubts"].endswith("T10:00:00.000000Z")  # 18:00 in China

    def test_small_pages_show_what_one_page_shows(self, erp: Erp) -> None:
        whole = {record.key: record.data for record in erp.pull("orders")}
        for n in (3, 7):
            erp.arm({"fault": "page_limit", "n": n, "match": {"path": LIST}})
            assert {record.key: record.data for record in erp.pull("orders")} == whole
        assert "page_limit" in erp.fired()

    def test_what_changed_since_is_read_and_nothing_before(self, erp: Erp) -> None:
        stamps = sorted(record.data["pubts"] for record in erp.pull("orders"))
        since = stamps[len(stamps) // 2]
        found = {record.data["pubts"] for record in erp.pull("orders", since=since)}
        assert found and set(stamps[len(stamps) // 2 :]) <= found
        assert min(found) >= stamps[0] and len(found) < len(set(stamps))

    def test_a_position_goes_on_behind_the_page(self, erp: Erp) -> None:
        erp.arm({"fault": "page_limit", "n": 10, "match": {"path": LIST}})
        pages = list(erp.connector.pull("orders", "changed", since="", after=Position(), fields=["code"]))
        middle = pages[len(pages) // 2].position
        rest = erp.connector.pull("orders", "changed", since="", after=middle, fields=["code"])
        seen = {r.key for page in pages[: len(pages) // 2 + 1] for r in page.records}
        assert seen | {r.key for page in rest for r in page.records} == {r.key for r in erp.pull("orders")}

    def test_only_the_companies_of_the_system_file(self, erp: Erp) -> None:
        one = erp.connect(companies=("US01",))
        for obj in ("orders", "invoices", "open_items", "payments"):
            read = one.reads(obj)[0].name
            pages = one.pull(obj, read, since="", after=Position(), fields=[])
            found = [record for page in pages for record in page.records]
            assert 0 < len(found) < len(erp.pull(obj))

    def test_raw_amounts_are_those_of_the_records(self, erp: Erp, mapping: MappingSet) -> None:
        for obj, name in (("orders", "net_amount"), ("invoices", "gross_amount"), ("open_items", "amount")):
            section = mapping.section(obj, "pull")
            records = erp.pull(obj, fields=[*section.fields])
            ours = {r.key: Decimal(section.apply(r.data)[name]) for r in records}
            assert {raw.key: raw.amount for raw in erp.connector.raw_amounts(obj)} == ours
        balances = [raw.balance for raw in erp.connector.raw_amounts("open_items")]
        assert None not in balances and any(balances)


class TestReadingThroughTrouble:
    @pytest.mark.parametrize(
        "fault",
        [
            {"fault": "rate_limited"},
            {"fault": "unavailable"},
            {"fault": "expired_token"},
            {"fault": "expired_session"},
            {"fault": "half_answer"},
            {"fault": "internal_error"},
            {"fault": "duplicate_answer", "repeat": "row"},
            {"fault": "duplicate_answer", "repeat": "page"},
        ],
        ids=lambda f: "-".join(map(str, f.values())),
    )
    @pytest.mark.parametrize("obj", ["orders", "customers", "open_items"])
    def test_a_read_ends_with_everything(self, erp: Erp, obj: str, fault: dict[str, Any]) -> None:
        whole = {record.key: record.data for record in erp.pull(obj)}
        match = {"path": "list", "nth": [2]}
        erp.arm({"fault": "page_limit", "n": 9, "match": {"path": "list"}}, {**fault, "match": match})
        try:
            records = {record.key: record.data for record in erp.pull(obj)}
        except TransientError as exc:
            assert fault["fault"] == "internal_error" and exc.code in ("unavailable", "server-error")
            return
        assert records == whole

    def test_rows_that_move_between_pages_are_not_passed_over(self, erp: Erp) -> None:
        for obj in ("orders", "open_items", "customers"):
            before = {record.key for record in erp.pull(obj)}
            erp.arm(
                {"fault": "page_limit", "n": 8, "match": {"path": "list"}},
                {"fault": "rows_move", "rows": 2, "match": {"path": "list", "every": 2, "times": 4}},
            )
            assert before <= {record.key for record in erp.pull(obj)}
            assert "rows_move" in erp.fired()
            erp.control("DELETE", "faults")

    def test_a_wrong_secret_stops(self, erp: Erp) -> None:
        for wrong in ({"password": "nonsense"}, {"username": "nobody"}, {"client": "no-such-tenant"}):
            connector = erp.connect(**wrong)
            with pytest.raises(AccessError):
                connector.ping()


class TestWriting:
    def test_one_order_with_its_lines_and_its_money(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        ack = erp.push(wire, key)
        order = erp.order(ack.external_id)
        assert (order["out_sys_id"], order["purchaseNo"]) == (key, "采购 O'Brien & Co. 100%")
        assert Decimal(order["payMoney"]) == Decimal("113.05")
        assert [line["orderDetailPrices"]["oriMoney"] for line in order["orderDetails"]] == ["99.99", "0.05"]
        [hit] = erp.connector.find("orders", key)
        assert (hit.external_id, hit.currency, hit.total) == (ack.external_id, "CNY", Decimal("100.04"))
        assert hit.customer == wire["agentId"]
        assert [k.hit for k in erp.connector.bearing("orders", "CT7-Q") if k.key == key] == [hit]

    def test_the_tax_is_the_quote_s(self, erp: Erp, quotes: Quotes, key: str) -> None:
        order = erp.order(erp.push(quotes.wire((0, "10", "1000.00"), rate="6"), key).external_id)
        [line] = order["orderDetails"]
        assert (line["taxId"], Decimal(line["orderDetailPrices"]["oriTax"])) == ("VAT6", Decimal(60))
        assert Decimal(order["payMoney"]) == Decimal(1060)

    @pytest.mark.parametrize("stop_at", list(STEPS))
    def test_it_goes_as_far_as_the_system_wants(self, erp: Erp, wire: dict[str, Any], key: str, stop_at: str) -> None:
        ack = erp.push(wire, key, options={"stop_at": stop_at})
        order = erp.order(ack.external_id)
        assert ack.done and (order["verifystate"], order["status"]) == STEPS[stop_at]
        assert erp.connector.find("orders", key)[0].done == (stop_at == "audit")
        assert erp.connector.finish("orders", ack.external_id, {}, deadline_s=10).done
        assert erp.order(ack.external_id)["verifystate"] == "2"
        assert not erp.connector.finish("orders", ack.external_id, {}, deadline_s=10).changed

    def test_the_same_decision_sent_twice_is_one_order(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        assert erp.push(wire, key).external_id == erp.push(wire, key).external_id
        assert len(erp.orders(key)) == 1

    def test_an_order_deleted_at_the_erp_is_made_anew(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        connector = erp.connect(options={"stop_at": "save"})
        first = connector.push("orders", wire, key, deadline_s=10)
        erp.deleted("orders", erp.order(first.external_id)["code"])
        assert connector.find("orders", key) == []
        again = [connector.push("orders", wire, key, deadline_s=10).external_id for _ in range(2)]
        assert again[0] == again[1] != first.external_id
        assert [hit.external_id for hit in connector.find("orders", key)] == again[:1]

    def test_a_step_without_an_answer_is_left_for_later(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        erp.arm({"fault": "dropped_after_commit", "match": {"path": "batchaudit"}})
        ack = erp.push(wire, key)
        assert not ack.done and ack.warnings
        erp.control("DELETE", "faults")
        assert erp.connector.finish("orders", ack.external_id, {}, deadline_s=10).done
        assert len(erp.orders(key)) == 1

    def test_a_refusal_names_the_erps_words(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        with pytest.raises(RecordRejectedError, match="客户"):
            erp.push({**wire, "agentId": "99"}, key)
        with pytest.raises(RecordRejectedError):
            erp.push({**wire, "payMoney": "1"}, key)
        assert erp.orders(key) == []

    def test_a_customer_once(self, erp: Erp, mapping: MappingSet, key: str) -> None:
        wire = customer(mapping, key, "CN01")
        ack = erp.connector.push("customers", wire, key, deadline_s=10)
        assert erp.connector.push("customers", wire, key, deadline_s=10).external_id == ack.external_id
        assert [hit.external_id for hit in erp.connector.find("customers", key)] == [ack.external_id]
        changed = {**wire, "email": "new@example.com"}
        assert erp.connector.change("customers", ack.external_id, changed, deadline_s=10).changed
        assert not erp.connector.change("customers", ack.external_id, changed, deadline_s=10).changed

    def test_a_customer_deleted_at_the_erp_is_made_anew(self, erp: Erp, mapping: MappingSet, key: str) -> None:
        wire = customer(mapping, key, "CN01")
        first = erp.connector.push("customers", wire, key, deadline_s=10)
        erp.deleted("customers", key)
        again = erp.connector.push("customers", wire, key, deadline_s=10)
        assert again.external_id != first.external_id
        assert [hit.external_id for hit in erp.connector.find("customers", key)] == [again.external_id]

    def test_a_customer_s_second_company_buys_too(
        self, erp: Erp, quotes: Quotes, mapping: MappingSet, key: str
    ) -> None:
        key = key.replace("-Q", "-C")
        made = customer(mapping, key, "US01")
        mine = erp.connector.push("customers", made, key, deadline_s=10).external_id
        wire = {**quotes.wire((0, "3", "99.99")), "agentId": mine, "invoiceAgentId": mine}
        with pytest.raises(RecordRejectedError):
            erp.push(wire, f"{key}-early")
        both = {**customer(mapping, key, "US01", "CN01"), "email": "ap@example.com"}
        for changed in (True, False):
            assert erp.connector.change("customers", mine, both, deadline_s=10).changed == changed
        now = erp.one("customers", mine)
        assert (now["code"], now["createOrgCode"], now["email"]) == (key, "US01", "ap@example.com")
        assert [row["address"] for row in now["merchantAddressInfos"]] == ["苏州滨河路 1 号"]
        pulled = mapping.section("customers", "pull").apply(now, mine)
        assert [account["company_code"] for account in pulled["accounts"]] == ["US01", "CN01"]
        assert pulled["number"] == key and pulled["blocked"] is False
        assert erp.push(wire, f"{key}-late").done

    def test_changing_a_customer_leaves_its_code_and_its_manager(self, erp: Erp, mapping: MappingSet, key: str) -> None:
        """The companies of a change come in another order, and our own number is not the code."""
        mine = erp.connector.push("customers", customer(mapping, key, "US01"), key, deadline_s=10).external_id
        other = {**customer(mapping, key, "CN01", "US01"), "code": "C000123"}
        erp.connector.change("customers", mine, other, deadline_s=10)
        now = erp.one("customers", mine)
        assert (now["code"], now["createOrgCode"]) == (key, "US01")


class TestChangingAndCancelling:
    @pytest.mark.parametrize("stop_at", list(STEPS))
    def test_an_amended_order_is_the_same_order(self, erp: Erp, quotes: Quotes, key: str, stop_at: str) -> None:
        connector = erp.connect(options={"stop_at": stop_at})
        ack = connector.push("orders", quotes.wire((0, "3", "99.99"), (1, "1", "0.05")), key, deadline_s=10)
        for version, lines in enumerate(([(1, "2", "0.10"), (2, "1", "7.00")], [(2, "1", "7.00")]), 2):
            wanted = quotes.wire(*lines, version=version, section="change")
            assert connector.change("orders", ack.external_id, wanted, deadline_s=10).changed
            assert not connector.change("orders", ack.external_id, wanted, deadline_s=10).changed
            order = erp.order(ack.external_id)
            have = [(line["productId"], line["qty"], line["oriSum"]) for line in order["orderDetails"]]
            want = [(line["productId"], line["qty"], line["oriSum"]) for line in wanted["orderDetails"]]
            assert [(p, Decimal(q), Decimal(s)) for p, q, s in have] == [
                (p, Decimal(q), Decimal(s)) for p, q, s in want
            ]
            assert Decimal(order["payMoney"]) == Decimal(wanted["payMoney"])
            assert (order["verifystate"], order["status"]) == STEPS[stop_at]
        assert len(erp.orders(key)) == 1

    @pytest.mark.parametrize("stop_at", list(STEPS))
    def test_a_refused_change_leaves_the_order_as_it_was(
        self, erp: Erp, quotes: Quotes, wire: dict[str, Any], key: str, stop_at: str
    ) -> None:
        """Whatever the system file says: somebody may have taken it farther than we do."""
        ack = erp.push(wire, key, options={"stop_at": stop_at})
        before = erp.order(ack.external_id)
        wanted = {**quotes.wire((2, "1", "7.00"), version=2, section="change"), "payMoney": "1"}
        for connector in (erp.connector, erp.connect(options={"stop_at": "save"})):
            with pytest.raises(RecordRejectedError):
                connector.change("orders", ack.external_id, wanted, deadline_s=10)
            order = erp.order(ack.external_id)
            assert (order["verifystate"], order["status"]) == STEPS[stop_at]
            assert (sums(order), order["payMoney"]) == (sums(before), before["payMoney"])

    def test_an_order_closed_part_way_was_an_order(
        self, erp: Erp, quotes: Quotes, mapping: MappingSet, key: str
    ) -> None:
        ack = erp.push(quotes.wire((0, "10", "100.00"), (1, "1", "5.00")), key)
        client = Yonbip(erp.sandbox)
        part = {"orderDetailId": erp.order(ack.external_id)["orderDetails"][0]["id"], "qty": 4}
        sent = client.post(DELIVERY + "singleSave", {"data": {"orderId": ack.external_id, "deliveryDetails": [part]}})
        for action in ("submit", "audit"):
            client.post(DELIVERY + action, {"data": [{"id": sent["data"]["id"]}]})
        client.http.close()
        assert erp.connector.cancel("orders", ack.external_id, {}, deadline_s=10).changed
        assert not erp.connector.cancel("orders", ack.external_id, {}, deadline_s=10).changed
        order = erp.order(ack.external_id)
        assert (order["status"], order["nextStatus"]) == ("2", "CLOSEDORDER")
        pulled = mapping.section("orders", "pull").apply(order, ack.external_id)
        assert (pulled["status"], pulled.get("cancelled_on")) == ("complete", None)
        assert [line["rejected"] for line in pulled["lines"]] == [True, True]
        [hit] = erp.connector.find("orders", key)
        assert (hit.cancelled, hit.done) == (False, True)

    def test_orders_that_are_done_are_no_cancelled_ones(self, erp: Erp, mapping: MappingSet) -> None:
        """The tenant has closed some of them."""
        ended = [r.data for r in erp.pull("orders") if r.data["nextStatus"] == "ENDORDER"]
        assert {order["status"] for order in ended} == {"1", "2"}
        pulled = [mapping.section("orders", "pull").apply(order) for order in ended]
        assert {(order["status"], order.get("cancelled_on")) for order in pulled} == {("complete", None)}

    def test_another_customer_is_another_order(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        ack = erp.push(wire, key)
        with pytest.raises(RecordRejectedError) as refused:
            erp.connector.change("orders", ack.external_id, {**wire, "agentId": "77"}, deadline_s=10)
        assert refused.value.code == "field-fixed"

    @pytest.mark.parametrize("stop_at", list(STEPS))
    def test_cancelled_by_its_state_and_once(self, erp: Erp, wire: dict[str, Any], key: str, stop_at: str) -> None:
        ack = erp.push(wire, key, options={"stop_at": stop_at})
        assert erp.connector.cancel("orders", ack.external_id, {}, deadline_s=10).changed
        assert not erp.connector.cancel("orders", ack.external_id, {}, deadline_s=10).changed
        [hit] = erp.connector.find("orders", key)
        assert hit.cancelled and hit.done

    def test_what_is_gone_is_said(self, erp: Erp, wire: dict[str, Any]) -> None:
        for act in (erp.connector.change, erp.connector.cancel):
            with pytest.raises(RecordRejectedError) as refused:
                act("orders", "2999999999999999999", wire, deadline_s=10)
            assert refused.value.code == "document-gone"


class TestWritingThroughTrouble:
    @pytest.mark.parametrize(
        ("fault", "expected"),
        [
            ({"fault": "dropped_before_commit"}, OutcomeUnknownError),
            ({"fault": "dropped_after_commit"}, OutcomeUnknownError),
            ({"fault": "half_answer"}, OutcomeUnknownError),
            ({"fault": "locked"}, TransientError),
        ],
        ids=lambda value: value.get("fault") if isinstance(value, dict) else "",
    )
    def test_what_the_caller_must_do_next(
        self, erp: Erp, wire: dict[str, Any], key: str, fault: dict[str, Any], expected: type[ConnectorError]
    ) -> None:
        erp.arm({**fault, "match": {"path": SAVE, "times": 1}})
        with pytest.raises(expected):
            erp.push(wire, key, deadline_s=4)
        erp.control("DELETE", "faults")
        booked = len(erp.orders(key))
        assert len(erp.connector.find("orders", key)) == booked
        assert booked == int(fault["fault"] in ("dropped_after_commit", "half_answer"))
        erp.push(wire, key)
        assert len(erp.orders(key)) == 1

    def test_while_the_gateway_does_not_say_the_same_save_is_sent_again(
        self, erp: Erp, wire: dict[str, Any], key: str
    ) -> None:
        erp.arm({"fault": "internal_error", "when": "after", "match": {"path": SAVE, "times": 2}})
        erp.push(wire, key)
        assert len(erp.fired()) == 2 and len(erp.orders(key)) == 1

    def test_a_token_that_ends_on_the_way_is_fetched_anew(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        erp.arm({"fault": "expired_token", "match": {"path": SAVE, "times": 1}})
        erp.push(wire, key)
        assert erp.fired() and len(erp.orders(key)) == 1

    def test_a_write_turned_away_for_its_rate_is_sent_again(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        erp.arm({"fault": "rate_limited", "match": {"path": SAVE, "times": 1}})
        assert erp.push(wire, key).external_id
        assert erp.fired() == ["rate_limited"] and len(erp.orders(key)) == 1

    def test_behind_an_open_circuit_nothing_is_booked(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        erp.arm({"fault": "unavailable", "match": {"path": SAVE, "times": 1}})
        with pytest.raises(ConnectorError):
            erp.push(wire, key)
        assert erp.orders(key) == [] and erp.push(wire, key).external_id

    def test_booked_after_we_gave_up_and_sent_again_it_is_one_order(
        self, erp: Erp, wire: dict[str, Any], key: str
    ) -> None:
        erp.arm({"fault": "late_commit", "seconds": 1, "match": {"path": SAVE, "times": 1}})
        with pytest.raises(OutcomeUnknownError):
            erp.push(wire, key, deadline_s=3)
        assert erp.push(wire, key, deadline_s=20).external_id
        assert len(erp.orders(key)) == 1

    def test_a_search_that_fails_is_no_answer(self, erp: Erp, key: str) -> None:
        erp.arm({"fault": "lookup_fails", "match": {"path": LIST}})
        with pytest.raises(ConnectorError):
            erp.connect(limits={"retry_s": 0}).find("orders", key)


class Counted:
    """A count of calls that several connectors share, as workers share the one in the database."""

    def __init__(self, waits: float = 0) -> None:
        self.calls: list[tuple[str, int]] = []
        self.waits = waits

    def take(self, name: str, per_minute: int, longest_s: float) -> float:
        self.calls.append((name, per_minute))
        return self.waits


class TestQuotas:
    def test_every_call_of_a_limited_api_is_counted(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        quota = Counted()
        connector = erp.connect(quota, options={})
        connector.push("orders", wire, key, deadline_s=10)
        assert quota.calls == [(f"/yonbip/sd/voucherorder/{name}", 60) for name in ("singleSave", "detail")]
        connector.find("orders", key)
        assert [name.rpartition("/")[2] for name, _ in quota.calls[2:]] == ["list", "detail"]

    def test_a_write_that_may_not_be_sent_in_time_is_not_sent(self, erp: Erp, wire: dict[str, Any], key: str) -> None:
        connector = erp.connect(Counted(waits=30))
        with pytest.raises(RateLimitedError) as refused:
            connector.push("orders", wire, key, deadline_s=5)
        assert refused.value.retry_after_s == 30 and erp.orders(key) == []

    def test_beyond_the_quota_the_tenant_refuses_and_we_say_when_to_come_back(self, wire: dict[str, Any]) -> None:
        erp = Erp(start("yonyou/yonbip", seed=11, options={"quotas": "3"}))
        try:
            connector = erp.connect(limits={"retry_s": 0})
            with pytest.raises(RateLimitedError):
                for number in range(5):
                    connector.find("orders", f"CT7-N{number}")
        finally:
            erp.close()
