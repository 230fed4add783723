"""Dead letters, the installation, mapping versions, rates, disputes and the status overview."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from crm_core import (
    dead_letters,
    disputes,
    installation,
    mapping_versions,
    messages,
    outbox_entry,
    rates,
    schema,
    status,
)
from crm_core.database import Database
from crm_core.errors import NotFoundError, RefusedError
from crm_core.intake import Reject
from crm_core.receivables import Rate
from tests.crm import ADMIN, FINANCE, IT, NOW, SALES, empty_database

D = Decimal


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = empty_database(database_url)
    yield database
    database.dispose()


def refusal(call: Any) -> str:
    with pytest.raises((RefusedError, NotFoundError)) as refused:
        call()
    return refused.value.code


# -- dead letters


def reject(db: Database, *letters: Reject, run: str = "r1") -> None:
    with db.write() as conn:
        dead_letters.record(conn, "s4", "orders", "pull", letters, "m1", run, NOW)


LETTER = Reject("1", "unknown-code", {"table": "status", "value": "Z"}, {"SalesOrder": "1", "PurchaserName": "王小明"})


def test_the_same_record_failing_again_counts_up_and_opens_again(db: Database) -> None:
    reject(db, LETTER)
    reject(db, LETTER, run="r2")
    (letter,) = dead_letters.listing(db, SALES)
    assert (letter["times"], letter["run_id"], letter["state"]) == (2, "r2", "open")
    dead_letters.discard(db, IT, NOW, letter["id"], why="test data")
    assert dead_letters.listing(db, SALES) == []
    reject(db, LETTER)
    assert dead_letters.listing(db, SALES)[0]["times"] == 3


def test_payloads_are_masked_and_amounts_kept(db: Database) -> None:
    payload = {
        "NetAmount": "12.00",
        "Customer": "10000001",
        "to_Address": [{"StreetName": "南京路 1", "CityName": "上海", "Country": "CN"}],
        "EmailAddress": "a@b.cn",
        "TaxNumber1": "91310115",
        "TaxAmount": "1.20",
        "IsBlocked": True,
    }
    reject(db, Reject("2", "invalid-value", {"field": "email", "value": "a@b.cn"}, payload))
    (letter,) = dead_letters.listing(db, SALES)
    assert letter["params"] == {"field": "email", "value": "***(6)"}
    assert dead_letters.show(db, SALES, letter["id"])["payload"] == {
        "NetAmount": "12.00",
        "Customer": "10000001",
        "to_Address": [{"StreetName": "***(5)", "CityName": "***(2)", "Country": "CN"}],
        "EmailAddress": "***(6)",
        "TaxNumber1": "***(8)",
        "TaxAmount": "1.20",
        "IsBlocked": True,
    }


@pytest.mark.parametrize(
    "field", ["contactTel", "FTEL", "TaxpayerIdentificationNumber", "creditCode", "FSOCIALCRECODE", "MobilePhone"]
)
def test_every_product_s_words_for_personal_data_are_known(field: str) -> None:
    assert dead_letters.mask({field: "13800138000"}) == {field: "***(11)"}


@pytest.mark.parametrize("field", ["DebitCreditCode", "FTaxPrice", "PaymentTerms", "SalesOrder", "TelescopeCode"])
def test_what_says_nothing_of_a_person_stays_readable(field: str) -> None:
    assert dead_letters.mask({field: "S"}) == {field: "S"}


@given(
    st.recursive(
        st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["Name", "Phone", "Amount", "Lines"]), inner, max_size=4)
        ),
    )
)
def test_no_personal_text_survives_masking(payload: Any) -> None:
    def personal(value: Any, name: str = "") -> Iterator[str]:
        if isinstance(value, dict):
            for key, part in value.items():
                yield from personal(part, key)
        elif isinstance(value, list):
            for part in value:
                yield from personal(part, "")
        elif name in ("Name", "Phone") and value:
            yield value

    assert all(text.startswith("***(") for text in personal(dead_letters.mask(payload)))


def test_causes_are_grouped_most_frequent_first(db: Database) -> None:
    reject(db, *[LETTER._replace(key=str(number)) for number in range(3)])
    reject(
        db,
        Reject("9", "unknown-code", {"table": "status", "value": "Y"}, {}),
        Reject("8", "missing-field", {"field": "number"}, {}),
    )
    groups = dead_letters.groups(db, SALES)
    assert [(group["count"], group["code"], group["params"].get("value")) for group in groups] == [
        (3, "unknown-code", "Z"),
        (1, "missing-field", None),
        (1, "unknown-code", "Y"),
    ]
    assert sorted(groups[0]["keys"]) == ["0", "1", "2"]


def test_what_came_in_after_all_is_closed(db: Database) -> None:
    reject(db, LETTER, LETTER._replace(key="2"))
    with db.write() as conn:
        assert dead_letters.open_keys(conn, "s4", "orders") == ["1", "2"]
        assert dead_letters.close_for(conn, "s4", "orders", "pull", ["2", "3"], NOW) == 1
        assert dead_letters.close_for(conn, "s4", "orders", "pull", ["2"], NOW) == 0
        assert dead_letters.close_for(conn, "s4", "customers", "pull", ["1"], NOW) == 0
        assert dead_letters.open_keys(conn, "s4", "orders") == ["1"]
    (letter,) = dead_letters.listing(db, SALES, state="replayed")
    assert letter["closed_by"] == "pull"


def test_closing_takes_a_reason_and_an_open_letter(db: Database) -> None:
    reject(db, LETTER)
    (letter,) = dead_letters.listing(db, IT)
    assert refusal(lambda: dead_letters.discard(db, IT, NOW, letter["id"], why="")) == "reason-needed"
    dead_letters.mark_replayed(db, IT, NOW, letter["id"])
    assert refusal(lambda: dead_letters.discard(db, IT, NOW, letter["id"], why="x")) == "dead-letter-closed"
    assert refusal(lambda: dead_letters.show(db, IT, 999)) == "no-dead-letter"


# -- the installation


def test_an_installation_keeps_its_prefix_and_is_armed_by_an_admin_only(db: Database) -> None:
    assert installation.ensure(db, NOW, environment="other", prefix="ZZ9").prefix == "CT7"
    assert installation.armed(db)
    assert not installation.disarm(db, ADMIN, NOW).armed
    with db.read() as conn, pytest.raises(RefusedError) as refused:
        installation.require_armed(conn, "test")
    assert refused.value.code == "disarmed"
    with pytest.raises(Exception, match="admin"):
        installation.arm(db, IT, NOW)
    installation.arm(db, ADMIN, NOW)
    with db.read() as conn:
        installation.require_armed(conn, "test")
        with pytest.raises(RefusedError) as refused:
            installation.require_armed(conn, "production")
        assert refused.value.code == "other-environment"
    assert installation.read(db, SALES).environment == "test"


def test_a_new_installation_draws_a_prefix_and_an_unclaimed_database_is_not_armed(database_url: str) -> None:
    db = Database(database_url)
    assert not installation.armed(db)
    assert refusal(lambda: installation.read(db, SALES)) == "no-installation"
    assert refusal(lambda: installation.ensure(db, NOW, environment="x", prefix="ct-7")) == "prefix-unfit"
    drawn = installation.ensure(db, NOW, environment="x")
    assert drawn.prefix.startswith("CT")
    assert drawn == installation.ensure(db, NOW, environment="x")
    db.dispose()


@pytest.mark.parametrize("decision", ["Q" * 27, "Q 1", "客户", ""])
def test_keys_that_no_field_carries_are_refused(db: Database, decision: str) -> None:
    with db.read() as conn:
        assert installation.entry_key(conn, "Q000123") == "CT7-Q000123"
        if decision:
            with pytest.raises(RefusedError):
                installation.entry_key(conn, decision)


# -- mapping versions


def publish(db: Database, version: str, text: str, system: str = "s4") -> bool:
    values = {"system": system, "product": "sap/s4", "version": version, "content": {"base": text, "overlay": ""}}
    return mapping_versions.publish(db, ADMIN, NOW, reason="because", **values)


def test_publishing_rolling_back_and_what_changed(db: Database) -> None:
    assert mapping_versions.current(db, "s4") is None
    assert publish(db, "aaa1", "name: Name\n")
    assert not publish(db, "aaa1", "name: Name\n")
    assert publish(db, "bbb2", "name: FullName\n")
    assert publish(db, "aaa1", "name: Name\n", system="u8")
    assert mapping_versions.current(db, "s4")["version"] == "bbb2"
    assert [line[:5] for line in mapping_versions.diff(db, SALES, "s4", "aaa1")[3:]] == ["-name", "+name"]
    assert mapping_versions.diff(db, SALES, "s4", "bbb2") == []
    assert mapping_versions.rollback(db, ADMIN, NOW, "s4", "aa", reason="worse") == "aaa1"
    assert mapping_versions.current(db, "s4")["content"]["base"] == "name: Name\n"
    assert {row["version"]: row["current"] for row in mapping_versions.history(db, SALES, "s4")} == {
        "aaa1": True,
        "bbb2": False,
    }


def test_a_version_that_is_unknown_or_ambiguous_is_refused(db: Database) -> None:
    publish(db, "aaa1", "a")
    publish(db, "aaa12", "b")
    assert mapping_versions.get(db, "s4", "aaa1")["version"] == "aaa1"
    for version in ("", "aa", "zz"):
        assert refusal(lambda v=version: mapping_versions.get(db, "s4", v)) == "no-mapping-version"
    assert refusal(lambda: mapping_versions.rollback(db, ADMIN, NOW, "s4", "aaa1", reason="")) == "reason-needed"


# -- rates and disputes


def test_rates_are_stored_whole_or_not_at_all(db: Database) -> None:
    def rate(day: int, value: str, source: str = "USD") -> Rate:
        return Rate(rate_date=date(2026, 3, day), from_currency=source, to_currency="CNY", rate=D(value))

    assert rates.put(db, FINANCE, NOW, [rate(1, "7.1"), rate(31, "7.25")]) == (2, 0, 0)
    assert rates.put(db, FINANCE, NOW, [rate(1, "7.10"), rate(31, "7.3")], dry_run=True) == (0, 1, 1)
    assert rates.put(db, FINANCE, NOW, [rate(1, "7.10"), rate(31, "7.3"), rate(31, "7.3")]) == (0, 1, 1)
    assert rates.put(db, FINANCE, NOW, [rate(31, "7.3")]) == (0, 0, 1)
    with db.read() as conn:
        details = (
            conn.execute(select(schema.audit.c.detail).where(schema.audit.c.action == "rates.put")).scalars().all()
        )
    assert [detail["changed"] for detail in details] == [{}, {"2026-03-31 USD/CNY": ["7.25", "7.3"]}]
    assert [row["rate"] for row in rates.listing(db, SALES)] == [D("7.3"), D("7.1")]
    assert [row["rate"] for row in rates.listing(db, SALES, on=date(2026, 3, 30))] == [D("7.1")]
    assert refusal(lambda: rates.put(db, FINANCE, NOW, [rate(2, "8"), rate(3, "0")])) == "rate-unfit"
    assert refusal(lambda: rates.put(db, FINANCE, NOW, [rate(2, "8", "XXX1")])) == "rate-currency"
    assert len(rates.listing(db, SALES)) == 2


def item(db: Database, key: str, amount: str) -> None:
    texts = ("company_code", "customer_key", "fiscal_year", "document_number", "instalment", "kind", "document_kind")
    plain: dict[str, Any] = {**dict.fromkeys(texts, "1"), "reference": "", "invoice_key": "", "disputed": False}
    days = {"document_date": date(2026, 1, 1), "posting_date": date(2026, 1, 1)}
    money = {"currency": "CNY", "local_currency": "CNY", "amount": D(amount), "rate": D(1)}
    with db.write() as conn:
        conn.execute(insert(schema.open_item).values(system="s4", key=key, **plain, **days, **money))


def test_a_dispute_begins_ends_and_fits_its_item(db: Database) -> None:
    item(db, "i1", "100.00")
    item(db, "i2", "-5.00")
    day = date(2026, 2, 1)

    def start(key: str = "i1", amount: str | None = None) -> str:
        value = None if amount is None else D(amount)
        return disputes.start(
            db, FINANCE, NOW, system="s4", item_key=key, opened_on=day, reason="damaged", amount=value
        )

    first = start(amount="40.00")
    assert [row["document_number"] for row in disputes.listing(db, SALES, on=day)] == ["1"]
    disputes.end(db, FINANCE, NOW, first, closed_on=day + timedelta(days=9))
    assert disputes.listing(db, SALES, on=day + timedelta(days=9)) == []
    assert len(disputes.listing(db, SALES)) == 1
    for amount in ("100.01", "0", "-1", "1.001"):
        assert refusal(lambda a=amount: start(amount=a)) == "dispute-amount"
    assert refusal(lambda: start("i2")) == "dispute-credit"
    assert start() == "D000002"
    assert refusal(lambda: start()) == "dispute-twice"
    assert start(amount="40.00") == "D000003"  # the first has ended
    assert refusal(lambda: start(amount="40")) == "dispute-twice"
    assert refusal(lambda: start("i3")) == "no-item"
    assert refusal(lambda: disputes.end(db, FINANCE, NOW, "D9", closed_on=day)) == "no-dispute"
    before = day - timedelta(days=1)
    assert refusal(lambda: disputes.end(db, FINANCE, NOW, first, closed_on=before)) == "dispute-dates"


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_dispute_has_a_reason(db: Database, reason: str) -> None:
    item(db, "i1", "100.00")
    place = {"system": "s4", "item_key": "i1", "opened_on": date(2026, 2, 1)}
    assert refusal(lambda: disputes.start(db, FINANCE, NOW, reason=reason, **place)) == "dispute-reason"


# -- status


def run(db: Database, run_id: str, state: str, hours_ago: float, obj: str = "orders") -> None:
    values = {"system": "s4", "obj": obj, "direction": "pull", "state": state, "counts": {"read": 1}}
    with db.write() as conn:
        started = NOW - timedelta(hours=hours_ago)
        conn.execute(insert(schema.run).values(id=run_id, started_at=started, finished_at=started, **values))


def test_the_overview_tells_freshness_backlog_doubt_and_the_last_reconciliation(db: Database) -> None:
    assert status.overview(db, SALES, NOW) == []
    run(db, "1", "done", 30)
    run(db, "2", "failed", 1)
    run(db, "3", "done", 2, "customers")
    with db.write() as conn:
        for number, state in enumerate(("pending", "unknown", "review", "dead", "sent")):
            values = {"system": "s4", "obj": "orders", "crm_id": "Q", "document": {}, "by": "sam"}
            since = NOW - timedelta(minutes=number)
            outbox_entry.enqueue(conn, key=f"K{number}", version=1, action="create", now=since, **values)
            conn.execute(update(schema.outbox).where(schema.outbox.c.key == f"K{number}").values(state=state))
        for at, found in ((NOW - timedelta(hours=2), [{"key": "1"}, {"key": "2"}]), (NOW, [{"key": "1"}])):
            checked = {"system": "s4", "obj": "orders", "run_id": "r", "at": at, "compared": 7}
            conn.execute(insert(schema.reconciliation).values(differences=found, **checked))
    reject(db, LETTER)
    (row,) = status.overview(db, SALES, NOW)
    assert {name: row[name] for name in ("pending", "unknown", "review", "dead", "backlog", "dead_letters")} == {
        "pending": 1,
        "unknown": 1,
        "review": 1,
        "dead": 1,
        "backlog": 2,
        "dead_letters": 1,
    }
    assert (row["freshness_s"], row["oldest_waiting_s"]) == (30 * 3600, 60)
    assert (row["reconciled_at"], row["compared"], row["differences"]) == (NOW, 7, 1)
    assert {obj["obj"]: (obj["state"], obj["age_s"]) for obj in row["objects"]} == {
        "orders": ("failed", 30 * 3600),
        "customers": ("done", 2 * 3600),
    }
    found = status.problems([row])
    assert [problem["code"] for problem in found] == [
        "status-review",
        "status-dead",
        "status-dead-letters",
        "status-differs",
        "status-run",
    ]
    assert all(messages.MESSAGES[problem["code"]].format(**problem) for problem in found)


def test_a_system_that_was_never_read_is_stale_and_one_in_order_is_silent(db: Database) -> None:
    run(db, "1", "running", 0)
    assert [problem["code"] for problem in status.problems(status.overview(db, SALES, NOW))] == ["status-stale"]
    run(db, "2", "done", -1)
    later = NOW + timedelta(hours=2)
    assert status.problems(status.overview(db, SALES, later)) == []
    assert [problem["code"] for problem in status.problems(status.overview(db, SALES, later), stale_s=60)] == [
        "status-stale"
    ]
