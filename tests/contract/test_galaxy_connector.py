"""The Galaxy connector against the Galaxy sandbox over HTTP; what happened is read from the sandbox's own book."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import mappings
from config.mapping_targets import targets
from connectors.base import Connector, Part, Position, Quota, Record
from connectors.errors import (
    AccessError,
    ConfigurationError,
    ConnectorError,
    OutcomeUnknownError,
    RecordRejectedError,
    TransientError,
)
from connectors.products import load_product
from mappings.engine import check_mapping, load_mapping
from sandbox.server import start
from tests.contract.erp import SandboxErp

pytestmark = pytest.mark.contract

GALAXY = load_product("kingdee/galaxy")
TEXT = (Path(mappings.__file__).parent / "kingdee" / "galaxy.yaml").read_text(encoding="utf-8")
MAPPING = load_mapping("kingdee/galaxy", TEXT, targets=targets(), lookups={"time_zone": {}, "plan_purpose": {}})
ZONE = {"time_zone": {"system": "Asia/Shanghai"}}
OBJECTS = list(GALAXY.resources)


class Erp(SandboxErp):
    product = GALAXY

    def connect(self, quota: Quota | None = None, *, options: dict[str, str] | None = None, **more: Any) -> Connector:
        """`options` besides the tenant's own."""
        return super().connect(quota, options={**self.info["options"], **(options or {})}, **more)

    def settings(self) -> dict[str, Any]:
        return {"client": self.info["client"], "language": "ZH", "tables": ZONE}

    def orders(self, key: str) -> list[Any]:
        """Booked orders that name our key anywhere."""
        return [document for document in self.book("orders") if key in str(document)]

    def fields(self, obj: str) -> Iterable[str]:
        return MAPPING.section(obj, "pull").fields


@pytest.fixture(scope="module")
def shared_erp() -> Iterator[Erp]:
    found = Erp(start("kingdee/galaxy", seed=11))
    yield found
    found.close()


@pytest.fixture(scope="module")
def parts(shared_erp: Erp) -> tuple[str, list[Record]]:
    """A customer who buys in CNY from CN01, and products."""

    def buys(record: Record) -> bool:
        return any(
            (used["FUseOrgId"]["FNumber"], used["FTRADINGCURRID"]["FCODE"]) == ("CN01", "CNY")
            for used in record.data["Organisations"]
        )

    return next(r.key for r in shared_erp.pull("customers") if buys(r)), shared_erp.pull("products")


Lines = list[tuple[str, int, str, str]]
TWO: Lines = [("10", 0, "5", "480.00"), ("20", 1, "2", "0.10")]


def order(parts: tuple[str, list[Record]], key: str, lines: Lines = TWO, **more: Any) -> dict[str, Any]:
    """What a quote decides; lines are (line, product, quantity, price)."""
    customer, products = parts
    rows = [
        {
            "line": line,
            "erp_product": products[at].key,
            "quantity": quantity,
            "unit": "PCS",
            "price": price,
            "per": "1",
        }
        for line, at, quantity, price in lines
    ]
    total = sum(Decimal(quantity) * Decimal(price) for _, _, quantity, price in lines)
    return {
        "key": key,
        "company_code": "CN01",
        "currency": "CNY",
        "order_date": "2026-11-01",
        "requested_on": "2026-12-01",
        "total": str(total),
        "customer": {"erp_key": customer},
        "customer_po": "采购 O'Brien & Co. 100%",
        "payment_terms": "N30",
        "lines": rows,
        **more,
    }


def wire(document: dict[str, Any], section: str = "push") -> dict[str, Any]:
    return dict(MAPPING.section("orders", section).apply(document, document["key"]))


class TestReading:
    @pytest.mark.parametrize("auth", GALAXY.auth)
    def test_every_way_to_log_on_works(self, erp: Erp, auth: str) -> None:
        connector = erp.connect(auth=auth)
        pong = connector.ping()
        connector.close()
        assert set(pong.services.values()) == {"ok"}
        assert (pong.product, pong.user) == ("kingdee/galaxy", erp.sandbox.user)

    @pytest.mark.parametrize("obj", OBJECTS)
    def test_every_read_of_every_object_maps_and_can_be_looked_up(self, erp: Erp, obj: str) -> None:
        section = MAPPING.section(obj, "pull")
        for read in erp.connector.reads(obj):
            records = erp.pull(obj, read.name)
            assert records
            assert len({record.key for record in records}) == len(records)
            for record in records:
                section.apply(record.data, record.key)
        pages = erp.connector.lookup(obj, [*(r.key for r in records), "nothing/of/it"], fields=section.fields)
        found = {record.key: record.data for page in pages for record in page.records}
        assert found == {record.key: record.data for record in records}
        raw = {amount.key for amount in erp.connector.raw_amounts(obj)}
        assert raw == {record.key for record in records}

    def test_every_mapped_field_is_one_the_tenant_has(self, erp: Erp) -> None:
        wires = {obj: erp.connector.source_paths(obj) for obj in GALAXY.resources}
        assert [str(f) for f in check_mapping("kingdee/galaxy", TEXT, targets=targets(), wires=wires)] == []

    def test_a_product_field_is_found_whatever_its_case_and_a_wrong_one_named(self, erp: Erp) -> None:
        pages = erp.connector.pull(
            "orders", "changed", since="", after=Position(), fields=["fbillno", "FSALEORDERENTRY.fqty"]
        )
        assert all(record.data["fbillno"] == record.key for page in pages for record in page.records)
        with pytest.raises(ConfigurationError, match="FBillNr; did you mean FBillNo"):
            list(erp.connector.pull("orders", "changed", since="", after=Position(), fields=["FBillNr"]))

    def test_orders_have_their_lines_and_amounts_are_exact(self, erp: Erp) -> None:
        for record in erp.pull("orders"):
            lines = record.data["FSaleOrderEntry"]
            assert lines
            assert sum(Decimal(line["FAmount"]) for line in lines) == Decimal(record.data["FBillAmount"])

    def test_other_companies_are_left_out(self, erp: Erp) -> None:
        one = erp.connect(companies=("US01",))
        keys = {record.key for record in erp.pull("open_items", connector=one)}
        one.close()
        everything = erp.pull("open_items")
        us = {record.key for record in everything if record.data["FSETTLEORGID"]["FNumber"] == "US01"}
        assert keys == us
        assert 0 < len(us) < len(everything)

    def test_a_change_is_seen_from_its_stamp_on_in_the_servers_zone(
        self, erp: Erp, parts: tuple[str, list[Record]], key: str
    ) -> None:
        before = max(record.data["FModifyDate"] for record in erp.pull("orders"))
        erp.control("POST", "advance", days=1)
        erp.connector.push("orders", wire(order(parts, key)), key, deadline_s=20)
        found = {record.key: record.data["FModifyDate"] for record in erp.pull("orders", since=before)}
        assert found[key] > before
        assert found[key].endswith("Z")

    @pytest.mark.parametrize(
        "fault",
        [
            {"fault": "page_limit", "n": 7},
            {"fault": "half_answer", "match": {"nth": 1}},
            {"fault": "unavailable", "match": {"nth": 1}},
            {"fault": "refused_200", "match": {"nth": 1}},
            {"fault": "lookup_fails", "match": {"nth": 1}},
            {"fault": "duplicate_answer", "match": {"times": 2}},
            {"fault": "duplicate_answer", "repeat": "page", "match": {"nth": 2}},
            {"fault": "expired_session", "match": {"nth": 2}},
            {"fault": "rows_move", "match": {"times": 2}},
        ],
        ids=str,
    )
    def test_a_read_is_whole_whatever_goes_wrong(self, erp: Erp, fault: dict[str, Any]) -> None:
        connector = erp.connect(auth="password")
        whole = {record.key for record in erp.pull("orders", connector=connector)}
        erp.arm({"fault": "page_limit", "n": 9}, fault)
        read = erp.pull("orders", connector=connector)
        assert {record.key for record in read} == whole
        assert fault["fault"] in erp.fired()
        for record in read:
            ids = [line["FSaleOrderEntry_FEntryID"] for line in record.data["FSaleOrderEntry"]]
            assert len(set(ids)) == len(ids) > 0
        connector.close()

    @pytest.mark.parametrize("obj", ["orders", "deliveries", "applications", "open_items"])
    def test_a_read_goes_on_where_it_stopped(self, erp: Erp, obj: str) -> None:
        erp.arm({"fault": "page_limit", "n": 7})
        read, fields = erp.connector.reads(obj)[0], MAPPING.section(obj, "pull").fields
        pages = list(erp.connector.pull(obj, read.name, since="", after=Position(), fields=fields))
        whole = [record.key for page in pages for record in page.records]
        for number, page in enumerate(pages) if not read.complete else ():
            rest = erp.connector.pull(obj, read.name, since="", after=page.position, fields=fields)
            following = [record.key for later in pages[number + 1 :] for record in later.records]
            assert [record.key for again in rest for record in again.records] == following
        assert len(set(whole)) == len(whole) > 7
        assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]

    def test_parts_of_a_first_read_share_no_order_and_leave_none_out(self, erp: Erp) -> None:
        connector = erp.connect(companies=("CN01", "US01"))
        splits = connector.splits("orders")
        assert splits is not None
        assert (splits.companies, splits.dates) == (["CN01", "US01"], True)

        def keys(part: Part) -> set[str]:
            pages = connector.pull("orders", "changed", since="", after=Position(), fields=["FDate"], part=part)
            return {record.key for page in pages for record in page.records}

        whole = keys(Part())
        days = [Part(before="2026-06-01"), Part(first="2026-06-01", before="2026-07-01"), Part(first="2026-07-01")]
        for parts in (days, [Part(["CN01"]), Part(["CN01"], others=True)]):
            found = [keys(part) for part in parts]
            assert set().union(*found) == whole
            assert sum(map(len, found)) == len(whole)
        connector.close()


class TestLoggingOn:
    @pytest.mark.parametrize("auth", GALAXY.auth)
    def test_a_wrong_secret_is_not_tried_again(self, erp: Erp, auth: str) -> None:
        connector = erp.connect(auth=auth, password="wrong-secret")
        with pytest.raises(AccessError) as refused:
            connector.ping()
        connector.close()
        assert refused.value.code == ("credentials-refused" if auth == "signed" else "logon-refused")
        assert "wrong-secret" not in str(refused.value)

    @pytest.mark.parametrize("auth", GALAXY.auth)
    def test_a_wrong_account_set_is_named(self, erp: Erp, auth: str) -> None:
        connector = erp.connect(auth=auth, client="0123456789")
        with pytest.raises(AccessError) as refused:
            connector.ping()
        connector.close()
        assert refused.value.code in ("account-unknown", "logon-refused")

    def test_what_the_system_file_lacks_is_said_before_anything_is_sent(self, erp: Erp) -> None:
        for code, settings in {
            "client-missing": {"client": ""},
            "option-missing": {"options": {"app_id": ""}},
            "option-value": {"options": {"stop_at": "print"}},
            "unknown-language": {"language": "FR"},
            "unknown-carrier": {"key_carrier": {"orders": "FNote"}},
        }.items():
            with pytest.raises(ConfigurationError) as refused:
                erp.connect(**settings)
            assert refused.value.code == code


class TestWriting:
    def test_an_order_is_saved_submitted_and_audited_once(
        self, erp: Erp, parts: tuple[str, list[Record]], key: str
    ) -> None:
        ack = erp.connector.push("orders", wire(order(parts, key)), key, deadline_s=20)
        assert (ack.external_id, ack.done, list(ack.warnings)) == (key, True, [])
        [hit] = erp.connector.find("orders", key)
        assert (hit.customer, hit.currency, hit.total) == (parts[0], "CNY", Decimal("2400.20"))
        assert (hit.state, hit.done, hit.cancelled) == ("C", True, False)
        [document] = erp.orders(key)
        assert document["created_count"] == 1
        assert document["customer_po"] == "采购 O'Brien & Co. 100%"
        assert [keyed.key for keyed in erp.connector.bearing("orders", key)] == [key]
        mapped = MAPPING.section("orders", "pull").apply(
            next(record.data for record in erp.pull("orders") if record.key == key), key
        )
        assert [line["our_line"] for line in mapped["lines"]] == ["10", "20"]
        assert mapped["our_key"] == key

    def test_a_line_that_costs_nothing_is_a_gift_until_it_has_a_price(
        self, erp: Erp, parts: tuple[str, list[Record]], key: str
    ) -> None:
        gift: Lines = [("10", 0, "5", "480.00"), ("20", 1, "2", "0")]
        assert erp.connector.push("orders", wire(order(parts, key, gift)), key, deadline_s=20).warnings == []
        assert [line["net"] for line in erp.orders(key)[0]["lines"]] == ["2400.00", "0.00"]
        assert erp.connector.change("orders", key, wire(order(parts, key, TWO)), deadline_s=20).warnings == []
        assert [line["net"] for line in erp.orders(key)[0]["lines"]] == ["2400.00", "0.20"]

    @pytest.mark.parametrize(("stop_at", "state"), [("save", "A"), ("submit", "B")])
    def test_it_stops_where_the_system_wants_it_and_is_finished_later(
        self, erp: Erp, parts: tuple[str, list[Record]], key: str, stop_at: str, state: str
    ) -> None:
        early = erp.connect(options={"stop_at": stop_at})
        assert early.push("orders", wire(order(parts, key)), key, deadline_s=20).done
        [hit] = early.find("orders", key)
        assert (hit.state, hit.done) == (state, True)
        early.close()
        assert [hit.done for hit in erp.connector.find("orders", key)] == [False]
        assert erp.connector.finish("orders", key, {}, deadline_s=20).done
        assert erp.connector.finish("orders", key, {}, deadline_s=20).changed is False
        assert [hit.state for hit in erp.connector.find("orders", key)] == ["C"]

    def test_the_same_number_again_is_left_to_a_look_up(
        self, erp: Erp, parts: tuple[str, list[Record]], key: str
    ) -> None:
        erp.connector.push("orders", wire(order(parts, key)), key, deadline_s=20)
        with pytest.raises(OutcomeUnknownError, match="the number exists"):
            erp.connector.push("orders", wire(order(parts, key)), key, deadline_s=20)
        assert len(erp.orders(key)) == 1

    def test_a_document_that_took_another_total_is_left_to_a_look_up(
        self, erp: Erp, parts: tuple[str, list[Record]], key: str
    ) -> None:
        with pytest.raises(OutcomeUnknownError, match="FBillAmount"):
            erp.connector.push("orders", wire(order(parts, key, total="2400.21")), key, deadline_s=20)
        assert [hit.total for hit in erp.connector.find("orders", key)] == [Decimal("2400.20")]

    def test_a_bill_type_with_numbers_of_its_own_needs_another_carrier(
        self, erp: Erp, parts: tuple[str, list[Record]], key: str
    ) -> None:
        sent = {**wire(order(parts, key)), "FBillTypeID": {"FNumber": "XSDD02_SYS"}}
        with pytest.raises(ConfigurationError, match="deleted again"):
            erp.connector.push("orders", sent, key, deadline_s=20)
        assert erp.orders(key) == []
        assert any("XSDD02_SYS" in check.params.get("types", "") for check in erp.connector.checks())
        other = erp.connect(key_carrier={"orders": "F_CRM_Text"})
        ack = other.push("orders", sent, key, deadline_s=20)
        assert ack.external_id != key
        assert [hit.external_id for hit in other.find("orders", key)] == [ack.external_id]
        assert [keyed.key for keyed in other.bearing("orders", key[:-2]) if keyed.key == key] == [key]
        other.close()

    def test_what_the_erp_would_ignore_is_refused_here(
        self, erp: Erp, parts: tuple[str, list[Record]], key: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=r"FBusinesType, .* did you mean FBusinessType"):
            erp.connector.push("orders", {**wire(order(parts, key)), "FBusinesType": "x"}, key, deadline_s=20)
        with pytest.raises(RecordRejectedError):
            unknown = order(parts, key, customer={"erp_key": "NOBODY"})
            erp.connector.push("orders", wire(unknown), key, deadline_s=20)
        assert erp.orders(key) == []

    def test_a_change_rewrites_only_what_differs(self, erp: Erp, parts: tuple[str, list[Record]], key: str) -> None:
        erp.connector.push("orders", wire(order(parts, key)), key, deadline_s=20)
        lines: Lines = [("10", 0, "7", "480.00"), ("30", 2, "1", "5.00")]
        after = order(parts, key, lines, customer_po="B-2")
        ack = erp.connector.change("orders", key, wire(after, "change"), deadline_s=20)
        assert (ack.changed, ack.done, list(ack.warnings)) == (True, True, [])
        [document] = erp.orders(key)
        assert [line["extra"]["FThirdPartyEntrySeq"] for line in document["lines"]] == ["10", "30"]
        assert (document["customer_po"], document["total"], document["document_status"]) == ("B-2", "3365.00", "C")
        changes = len(document["changes"])
        assert erp.connector.change("orders", key, wire(after, "change"), deadline_s=20).changed is False
        assert len(erp.orders(key)[0]["changes"]) == changes
        with pytest.raises(RecordRejectedError, match="FCustId"):
            other = order(parts, key, lines, customer={"erp_key": "KH999999"})
            erp.connector.change("orders", key, wire(other, "change"), deadline_s=20)

    def test_another_product_of_a_line_is_refused_and_another_unit_is_not_passed_over(
        self, erp: Erp, parts: tuple[str, list[Record]], key: str
    ) -> None:
        erp.connector.push("orders", wire(order(parts, key)), key, deadline_s=20)
        after = order(parts, key, [("10", 2, "5", "480.00"), ("20", 1, "2", "0.10")])
        with pytest.raises(RecordRejectedError, match="物料不允许修改"):
            erp.connector.change("orders", key, wire(after, "change"), deadline_s=20)
        assert erp.orders(key)[0]["document_status"] == "C"
        after = order(parts, key)
        after["lines"][1]["unit"] = "KG"
        erp.connector.change("orders", key, wire(after, "change"), deadline_s=20)
        assert [line["unit"] for line in erp.orders(key)[0]["lines"]] == ["PCS", "KG"]

    def test_a_cancelled_order_is_cancelled_once(self, erp: Erp, parts: tuple[str, list[Record]], key: str) -> None:
        erp.connector.push("orders", wire(order(parts, key)), key, deadline_s=20)
        cancel = wire(order(parts, key), "cancel")
        assert erp.connector.cancel("orders", key, cancel, deadline_s=20).changed
        assert erp.connector.cancel("orders", key, cancel, deadline_s=20).changed is False
        assert [hit.cancelled for hit in erp.connector.find("orders", key)] == [True]

    def test_an_order_with_deliveries_is_closed_in_place_of_cancelled(
        self, erp: Erp, parts: tuple[str, list[Record]], keys: Iterator[str]
    ) -> None:
        booked = list(islice(keys, 6))
        for n, key in enumerate(booked):
            lines: Lines = [("10", n, "500", "480.00"), ("20", n + 1, "2", "0.10")]
            erp.connector.push("orders", wire(order(parts, key, lines)), key, deadline_s=20)
        partly: list[str] = []
        while not partly:
            erp.control("POST", "advance", days=1)
            section = MAPPING.section("orders", "pull")
            pages = erp.connector.lookup("orders", booked, fields=section.fields)
            mapped = [section.apply(record.data, record.key) for page in pages for record in page.records]
            assert {data["delivery_status"] for data in mapped} != {"complete"}
            partly = [data["number"] for data in mapped if data["delivery_status"] == "partial"]
        ack = erp.connector.cancel("orders", partly[0], {}, deadline_s=20)
        assert "closed, not cancelled" in ack.warnings[0]
        assert erp.connector.cancel("orders", partly[0], {}, deadline_s=20).changed is False

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ({"fault": "dropped_before_commit"}, OutcomeUnknownError),
            ({"fault": "dropped_after_commit"}, OutcomeUnknownError),
            ({"fault": "internal_error", "when": "after"}, OutcomeUnknownError),
            ({"fault": "half_answer", "match": {"path": "Save"}}, OutcomeUnknownError),
            ({"fault": "refused_200", "match": {"path": "Save"}}, OutcomeUnknownError),
            ({"fault": "late_commit", "seconds": 1}, OutcomeUnknownError),
            ({"fault": "locked"}, TransientError),
        ],
        ids=str,
    )
    def test_a_save_that_went_wrong_is_never_repeated_here(
        self, erp: Erp, parts: tuple[str, list[Record]], key: str, fault: dict[str, Any], error: type[ConnectorError]
    ) -> None:
        erp.arm({**fault, "match": {**fault.get("match", {}), "times": 1}})
        with pytest.raises(error):
            erp.connector.push("orders", wire(order(parts, key)), key, deadline_s=20)
        assert len(erp.fired()) == 1
        time.sleep(1.2 if fault["fault"] == "late_commit" else 0)
        assert len(erp.connector.find("orders", key)) == len(erp.orders(key)) <= 1

    @pytest.mark.parametrize("nth", [1, 2, 3])
    def test_a_lost_session_is_opened_again_and_nothing_is_written_twice(
        self, erp: Erp, parts: tuple[str, list[Record]], key: str, nth: int
    ) -> None:
        connector = erp.connect(auth="password")
        connector.ping()
        connector.source_paths("orders")
        erp.arm({"fault": "expired_session", "match": {"path": "Save|Submit|Audit", "nth": nth}})
        assert connector.push("orders", wire(order(parts, key)), key, deadline_s=20).done
        assert erp.fired() == ["expired_session"]
        [document] = erp.orders(key)
        assert (document["created_count"], document["document_status"]) == (1, "C")
        connector.close()

    @pytest.mark.parametrize("step", ["Submit", "Audit"])
    def test_a_step_without_an_answer_is_taken_up_from_the_state_found(
        self, erp: Erp, parts: tuple[str, list[Record]], key: str, step: str
    ) -> None:
        erp.arm({"fault": "dropped_after_commit", "match": {"path": step, "times": 1}})
        ack = erp.connector.push("orders", wire(order(parts, key)), key, deadline_s=20)
        assert (ack.external_id, ack.done) == (key, False)
        assert erp.connector.finish("orders", key, {}, deadline_s=20).done
        assert [hit.state for hit in erp.connector.find("orders", key)] == ["C"]


def new_customer(number: str, *companies: str) -> dict[str, Any]:
    """What is sent of a customer whom these companies shall use."""
    terms = [{"company_code": code, "currency": "CNY", "payment_terms": "N30"} for code in companies]
    document = {"number": number[4:], "name": "澄岚泵业", "country": "CN", "city": "苏州", "companies": terms}
    return dict(MAPPING.section("customers", "push").apply(document, number))


class TestCustomers:
    def accounts(self, erp: Erp, number: str) -> list[dict[str, Any]]:
        pages = erp.connector.lookup("customers", [number], fields=MAPPING.section("customers", "pull").fields)
        [record] = [record for page in pages for record in page.records]
        return list(MAPPING.section("customers", "pull").apply(record.data, record.key)["accounts"])

    def test_a_customer_of_two_companies_is_one_with_two_accounts(self, erp: Erp) -> None:
        number = "CT7-C000901"
        assert erp.connector.push("customers", new_customer(number, "CN01"), number, deadline_s=20).done
        both = new_customer(number, "CN01", "US01")
        assert erp.connector.change("customers", number, both, deadline_s=20).warnings == []
        assert [hit.external_id for hit in erp.connector.find("customers", number)] == [number]
        accounts = self.accounts(erp, number)
        assert [account["company_code"] for account in accounts] == ["CN01", "US01"]
        assert not any(account["posting_blocked"] for account in accounts)

    def test_one_whose_push_died_after_its_audit_is_allocated_when_it_is_found(self, erp: Erp) -> None:
        number = "CT7-C000902"
        both = new_customer(number, "CN01", "US01")
        erp.connector.push("customers", new_customer(number, "CN01"), number, deadline_s=20)  # as far as that one came
        [hit] = erp.connector.find("customers", number)
        assert not hit.done
        for _ in range(2):
            ack = erp.connector.finish("customers", number, both, deadline_s=20)
            assert (ack.done, list(ack.warnings)) == (True, [])
            assert [account["company_code"] for account in self.accounts(erp, number)] == ["CN01", "US01"]

    @pytest.mark.parametrize(
        ("fault", "number"),
        [("dropped_before_commit", "CT7-C000903"), ("dropped_after_commit", "CT7-C000904"), ("locked", "CT7-C000905")],
    )
    def test_an_allocation_without_an_answer_is_taken_up_again(self, erp: Erp, fault: str, number: str) -> None:
        both = new_customer(number, "CN01", "US01")
        erp.arm({"fault": fault, "match": {"path": "Allocate", "times": 1}})
        assert not erp.connector.push("customers", both, number, deadline_s=20).done
        assert erp.connector.finish("customers", number, both, deadline_s=20).done
        assert [account["company_code"] for account in self.accounts(erp, number)] == ["CN01", "US01"]
