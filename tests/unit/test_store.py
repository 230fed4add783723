"""A pulled page becomes rows: once, in the right version, with its dead letters, links and audit entry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import select

from crm_core import audit, database, schema, sync_state
from crm_core.database import Database
from crm_core.errors import StoreError
from crm_core.intake import IntakeError, Mapped, Reject, taker
from crm_core.model import Account, AccountLine, Customer, Order, OrderLine
from crm_core.store import Counts, Page, Store
from tests.databases import Databases

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.dispose()


def order(amount: str = "10.00", *, at: datetime | None = NOW, lines: int = 1, **more: Any) -> Order:
    values = {
        "number": "1",
        "company_code": "CN01",
        "customer_key": "7",
        "order_date": date(2026, 5, 1),
        "currency": "CNY",
    }
    items = [OrderLine(line=str(10 * n), quantity=Decimal(n)) for n in range(1, lines + 1)]
    return Order(
        **{**values, "status": "open", "net_amount": Decimal(amount), "changed_at": at, "lines": items, **more}
    )


def page(obj: str, *taken: tuple[str, Any], mapping: str = "m1", **more: Any) -> Page:
    values = {"rejects": (), "mapping_version": mapping, "run_id": "r1", "erp_time": NOW, **more}
    mapped = [Mapped(key, msgspec.to_builtins(record), {}) for key, record in taken]
    return Page("s4", obj, mapped, **values)


def rows(db: Database, table: Any) -> list[dict[str, Any]]:
    with db.read() as conn:
        return [dict(row) for row in conn.execute(select(table)).mappings()]


def test_the_second_time_nothing_is_written(db: Database) -> None:
    store = Store(db, lambda: NOW)
    assert store.store_page(page("orders", ("1", order(lines=2)))).counts == Counts(read=1, created=1)
    before = rows(db, schema.erp_order), rows(db, schema.erp_order_line), rows(db, schema.audit)
    assert store.store_page(page("orders", ("1", order(lines=2)))).counts == Counts(read=1, unchanged=1)
    assert (rows(db, schema.erp_order), rows(db, schema.erp_order_line), rows(db, schema.audit)) == before


def test_an_older_version_never_overwrites_and_within_a_stamp_the_latest_read_wins(db: Database) -> None:
    store = Store(db, lambda: NOW)
    store.store_page(page("orders", ("1", order("20.00"))))
    assert store.store_page(page("orders", ("1", order("10.00", at=NOW - timedelta(seconds=1))))).counts.stale == 1
    assert rows(db, schema.erp_order)[0]["net_amount"] == Decimal("20.00")
    assert store.store_page(page("orders", ("1", order("30.00")))).counts.updated == 1
    assert rows(db, schema.erp_order)[0]["net_amount"] == Decimal("30.00")


def test_lines_are_replaced_with_their_order_and_the_audit_says_from_and_to(db: Database) -> None:
    store = Store(db, lambda: NOW)
    store.store_page(page("orders", ("1", order(lines=3)), ("2", order(lines=1))))
    store.store_page(page("orders", ("1", order("11.00", lines=2))))
    kept = [(row["parent"], row["line"]) for row in rows(db, schema.erp_order_line)]
    assert sorted(kept) == [("1", "10"), ("1", "20"), ("2", "10")]
    assert rows(db, schema.audit)[-1]["detail"]["updated"]["1"] == {"net_amount": ["10.00", "11.00"]}
    with db.write() as conn:
        assert audit.verify(conn) == []
        conn.execute(schema.audit.update().where(schema.audit.c.id == 1).values(detail={"created": []}))
        assert audit.verify(conn) == [1]


def test_another_mapping_version_reaches_equal_rows(db: Database) -> None:
    store = Store(db, lambda: NOW)
    store.store_page(page("orders", ("1", order())))
    assert store.store_page(page("orders", ("1", order()), mapping="m2")).counts.updated == 1
    assert rows(db, schema.erp_order)[0]["mapping_version"] == "m2"


def test_a_dry_run_counts_and_writes_nothing(db: Database) -> None:
    reject = Reject("9", "unknown-currency", {"field": "currency", "value": "XXQ"}, {"Currency": "XXQ"})
    counted = Store(db).store_page(page("orders", ("1", order()), rejects=[reject]), dry_run=True).counts
    assert counted == Counts(read=2, created=1, rejected=1)
    assert not rows(db, schema.erp_order) and not rows(db, schema.dead_letter)


def test_a_reject_is_kept_and_closed_when_the_record_comes_in_after_all(db: Database) -> None:
    reject = Reject("1", "unknown-currency", {"field": "currency", "value": "XXQ"}, {"Currency": "XXQ"})
    store = Store(db, lambda: NOW)
    store.store_page(page("orders", rejects=[reject]))
    store.store_page(page("orders", rejects=[reject]))
    (letter,) = rows(db, schema.dead_letter)
    assert (letter["state"], letter["times"], letter["code"]) == ("open", 2, "unknown-currency")
    store.store_page(page("orders", ("1", order())))
    assert rows(db, schema.dead_letter)[0]["state"] == "replayed"


def test_two_erp_customers_with_our_number_are_one_customer_with_two_accounts(db: Database) -> None:
    store = Store(db, lambda: NOW)
    first = Customer(name="云雀湾食品", number="C04", accounts=[Account(company_code="CN01", account_number="10004")])
    second = Customer(name="Larkbay", number="C04", accounts=[Account(company_code="CN01", account_number="10014")])
    stranger = Customer(name="Unknown Ltd.")
    store.store_page(page("customers", ("10000004", first), ("10000014", second), ("10000099", stranger)))
    names = {row["number"]: row["name"] for row in rows(db, schema.customer)}
    assert names == {"C04": "云雀湾食品", "S4-10000099": "Unknown Ltd."}
    links = {row["erp_key"]: row["crm_id"] for row in rows(db, schema.external_ref)}
    assert links == {"10000004": "C04", "10000014": "C04", "10000099": "S4-10000099"}
    assert len(rows(db, schema.customer_account)) == 2


def test_a_credit_hold_is_kept_by_the_days_of_the_company(db: Database) -> None:
    facts = {"CN01": {"currency": "CNY", "time_zone": "Asia/Shanghai"}}
    sync_state.remember_companies(db, "s4", facts)
    store = Store(db, lambda: NOW)
    late = datetime(2026, 5, 4, 17, 0, tzinfo=UTC)  # 5 May, 01:00 in Shanghai
    store.store_page(page("orders", ("1", order(status="credit_hold", at=late))))
    store.store_page(page("orders", ("1", order(at=late + timedelta(days=3)))))
    (hold,) = rows(db, schema.order_hold)
    assert (hold["from_on"], hold["until_on"]) == (date(2026, 5, 5), date(2026, 5, 8))
    assert [row["detail"] for row in rows(db, schema.order_event)] == [{"from": "credit_hold", "to": "open"}]


def test_the_day_of_a_cancellation_stays_the_first_seen(db: Database) -> None:
    store = Store(db, lambda: NOW)
    store.store_page(page("orders", ("1", order(status="cancelled", cancelled_on=date(2026, 5, 4)))))
    later = order(status="cancelled", cancelled_on=date(2026, 6, 1), at=NOW + timedelta(days=28))
    store.store_page(page("orders", ("1", later)))
    assert rows(db, schema.erp_order)[0]["cancelled_on"] == date(2026, 5, 4)


def line(key: str, role: str, amount: str, posted: date, **more: Any) -> tuple[str, AccountLine]:
    company, year, number, item = key.split("/")
    values = {
        "role": role,
        "company_code": company,
        "fiscal_year": year,
        "document_number": number,
        "line": item,
        "customer_key": "7",
        "document_date": posted,
        "posting_date": posted,
        "due_date": posted,
        "currency": "CNY",
        "amount": Decimal(amount),
        "local_currency": "CNY",
        "local_amount": Decimal(amount),
    }
    return key, AccountLine(**{**values, **more})


def test_receivables_follow_their_lines_and_a_reset_is_remembered(db: Database) -> None:
    facts = {"CN01": {"currency": "CNY", "time_zone": "Asia/Shanghai"}}
    sync_state.remember_companies(db, "s4", facts)
    store = Store(db, lambda: NOW)
    paid = {"cleared_on": date(2026, 2, 1), "clearing": "CN01/2026/1400"}
    item = line("CN01/2026/1800/1", "item", "100.00", date(2026, 1, 1), document_kind="invoice", **paid)
    money = line("CN01/2026/1400/1", "payment", "-100.00", date(2026, 2, 1), **paid)
    store.store_page(page("open_items", item))
    store.store_page(page("open_items", money))
    (application,) = rows(db, schema.application)
    assert (application["source_key"], application["target_key"]) == ("CN01/2026/1400", "CN01/2026/1800/1")
    assert (application["applied_on"], application["reversed_on"]) == (date(2026, 2, 1), None)
    open_again = [
        line("CN01/2026/1800/1", "item", "100.00", date(2026, 1, 1), document_kind="invoice"),
        line("CN01/2026/1400/1", "payment", "-100.00", date(2026, 2, 1)),
    ]
    erp_time = datetime(2026, 2, 27, 20, 0, tzinfo=UTC)  # 28 February in Shanghai
    store.store_page(page("open_items", *open_again, erp_time=erp_time))
    (application,) = rows(db, schema.application)
    assert (application["amount"], application["reversed_on"]) == (Decimal("100.00"), date(2026, 2, 28))


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"currency": "XXQ"}, "unknown-currency", "currency"),
        ({"currency": None}, "invalid-value", "currency"),
        ({"order_date": "2026-02-30"}, "invalid-value", "order_date"),
        ({"net_amount": "1,50"}, "invalid-value", "net_amount"),
        ({"lines": [{"line": "10"}]}, "missing-field", "lines[0].quantity"),
    ],
)
def test_what_breaks_a_rule_is_named_with_its_field(changed: dict[str, Any], code: str, field: str) -> None:
    good = {"number": "1", "company_code": "CN01", "customer_key": "7", "order_date": "2026-05-01", "currency": "CNY"}
    take = taker("orders")
    take({**good, "status": "open", "net_amount": "10.00"})
    with pytest.raises(IntakeError) as refused:
        take({**good, "status": "open", **changed})
    assert (refused.value.code, refused.value.params["field"]) == (code, field)


@pytest.mark.parametrize(("broken", "character"), [("Mü\x00ller", "U+0000"), ("half a pair \ud83d", "U+D83D")])
def test_a_text_that_no_database_keeps_is_a_dead_letter_and_the_page_goes_on(
    db: Database, broken: str, character: str
) -> None:
    whole = page("orders", ("1", order()), ("2", order()), ("3", order()))
    whole.mapped[1].values["lines"][0]["text"] = broken
    whole.mapped[1].payload["Material"] = broken
    stored = Store(db).store_page(whole)
    assert (stored.counts.created, stored.counts.rejected) == (2, 1)
    (letter,) = rows(db, schema.dead_letter)
    assert (letter["key"], letter["code"]) == ("2", "unstorable-text")
    assert letter["params"] == {"field": "lines[0].text", "character": character}
    assert letter["payload"] == {"Material": broken}


def test_a_backslash_that_only_looks_like_a_nul_is_kept(db: Database) -> None:
    assert Store(db).store_page(page("orders", ("1", order(customer_po="C:\\u0000")))).counts.created == 1
    assert [row["customer_po"] for row in rows(db, schema.erp_order)] == ["C:\\u0000"]


def test_a_read_only_database_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    Database(f"sqlite:///{path}").upgrade()
    database = Database(f"sqlite:///file:{path}?mode=ro&uri=true")
    with pytest.raises(StoreError) as refused:
        Store(database).store_page(page("orders", ("1", order())))
    assert refused.value.code == "database-read-only"


def test_the_versions_by_file_name_are_those_of_the_migrations(db: Database) -> None:
    """Every command asks for the version, and alembic takes a while to import: only an upgrade does."""
    config = Config()
    config.set_main_option("script_location", str(database.MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    assert [script.revision for script in scripts.walk_revisions()] == database.versions()[::-1]
    assert db.version() == database.head_version() == scripts.get_current_head()


def test_a_database_without_tables_has_no_version_and_is_old(databases: Databases) -> None:
    with databases.one(tables=False) as url:
        empty = Database(url)
        assert empty.version() == ""
        with pytest.raises(StoreError) as refused:
            empty.require_version()
        assert refused.value.code == "database-old"
        empty.dispose()


def test_a_version_nobody_here_knows_is_newer(db: Database) -> None:
    with db.write() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError) as refused:
        db.require_version()
    assert refused.value.code == "database-new"


def test_a_path_that_used_to_be_filled_is_remembered(db: Database) -> None:
    fill = sync_state.PathFill(db, "s4", "orders", "changes")
    fill.note({"PurchaseOrder": 900, "Remark": 30}, 1000)
    fill.save()
    again = sync_state.PathFill(db, "s4", "orders", "changes")
    assert [again.used(path) for path in ("PurchaseOrder", "Remark", "Unknown")] == [True, False, False]
    assert [again.emptied("PurchaseOrder", rows) for rows in (199, 200)] == [False, True]
    for _ in range(40):
        again.note({"PurchaseOrder": 0, "Remark": 0}, 100)
    assert not again.used("PurchaseOrder")


def test_a_file_that_is_no_database_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "crm.db").write_text("an order form, scanned by mistake " * 50)
    with pytest.raises(StoreError) as refused:
        Database(f"sqlite:///{tmp_path / 'crm.db'}").version()
    assert refused.value.code == "database-broken"


@pytest.mark.parametrize("url", ["nonsense", "", "mysql://me:secret@host/db"])
def test_an_address_that_is_none_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(StoreError) as refused:
        Database(url)
    assert refused.value.code == "database-url"
    assert "secret" not in str(refused.value)
