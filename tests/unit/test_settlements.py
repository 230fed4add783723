"""Payments and what they settled, as an ERP hands them over: derived whatever the order they come in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from crm_core import books, receivables_books, receivables_report, schema, today_balances
from crm_core.ageing import ageing
from crm_core.database import Database
from crm_core.errors import RefusedError
from crm_core.intake import Mapped
from crm_core.model import AccountLine, Receipt, Settlement
from crm_core.receivables_books import Scope
from crm_core.receivables_report import Question
from crm_core.store import Page, Store
from tests import golden, golden_records, golden_tables
from tests.crm import FINANCE, NOW, empty_database
from tests.databases import Databases
from tests.golden import answer
from tests.oracle import Oracle
from tests.unit.cli_help import new_place

SEEN = datetime(2026, 3, 30, 20, 0, tzinfo=UTC)  # 31 March in Shanghai
DAY = date(2026, 3, 31)
PLAIN = {"company_code": "CN01", "customer_key": "7", "currency": "CNY", "local_currency": "CNY"}


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    database = empty_database(database_url)
    with database.write() as conn:
        company = {"company_code": "CN01", "name": "", "currency": "CNY", "country": "CN"}
        conn.execute(schema.company.insert().values(system="k3", time_zone="Asia/Shanghai", **company))
    yield Store(database, lambda: NOW)
    database.dispose()


def item(amount: str, key: str = "9/1", **more: Any) -> tuple[str, str, Any]:
    values = {"role": "item", "document_kind": "invoice", "fiscal_year": "2026", "document_number": "1", "line": "1"}
    dates = {"document_date": date(2026, 1, 5), "posting_date": date(2026, 1, 5), "due_date": date(2026, 2, 5)}
    money = {"amount": Decimal(amount), "local_amount": Decimal(amount)}
    return "open_items", key, AccountLine(**(PLAIN | values | dates | money | more))


def receipt(amount: str, key: str = "9/1", **more: Any) -> tuple[str, str, Any]:
    dates = {"document_date": date(2026, 2, 1), "posting_date": date(2026, 2, 1)}
    return (
        "payments",
        key,
        Receipt(**(PLAIN | dates | {"kind": "receipt", "number": "R1", "amount": Decimal(amount)} | more)),
    )


def settled(amount: str, key: str = "m1", **more: Any) -> tuple[str, str, Any]:
    sides = {"source_kind": "payment", "source_key": "9/1", "target_key": "9/1"}
    amounts = {"source_amount": Decimal(amount), "amount": Decimal(amount)}
    plain = {"kind": "payment", "company_code": "CN01", "applied_on": date(2026, 2, 2)}
    return "applications", key, Settlement(**(plain | sides | amounts | more))


def take(
    store: Store, *records: tuple[str, str, Any], at: datetime = SEEN, gone: tuple[str, str] | None = None
) -> None:
    for obj, key, record in records:
        mapped = [Mapped(key, msgspec.to_builtins(record), {})]
        store.store_page(Page("k3", obj, mapped, (), "m1", "r1", at))
    if gone:
        store.store_page(Page("k3", gone[0], (), (), "m1", "r1", at, gone=[gone[1]]))


def rests(db: Database, day: date = DAY) -> tuple[list[str], list[str]]:
    """What is open of items and of payments at the end of a day."""
    with db.read() as conn:
        report = ageing(*receivables_books.load(conn, Scope("k3")), as_of=day)
    return [str(row.open) for row in report.items], [str(row.rest) for row in report.payments]


def derived(db: Database) -> list[Any]:
    with db.read() as conn:
        tables = (schema.open_item, schema.payment, schema.application)
        return [[tuple(row) for row in conn.execute(select(t).order_by(t.c.key))] for t in tables]


def test_in_whatever_order_they_come_an_items_id_is_no_payments(store: Store) -> None:
    """The item and the payment have the same key."""
    parts = [item("100.00"), receipt("150.00"), settled("60.00"), settled("10.00", "m2", reversed_on=date(2026, 3, 1))]
    found = []
    for order in permutations(parts):
        take(store, *order)
        assert rests(store.database) == (["40.00"], ["90.00"])
        assert rests(store.database, date(2026, 2, 28)) == (["30.00"], ["80.00"])
        found.append(derived(store.database))
        for obj, key, _ in parts:
            take(store, gone=(obj, key))
        assert derived(store.database) == [[], [], []]
    assert all(rows == found[0] for rows in found)


@pytest.mark.parametrize("last", ["item", "payment", "settlement"])
def test_an_application_ends_with_the_first_of_its_own_and_its_sides_reversals(store: Store, last: str) -> None:
    changes = {
        "item": item("100.00", reversed_on=date(2026, 3, 3)),
        "payment": receipt("100.00", reversed_on=date(2026, 3, 4)),
        "settlement": settled("60.00", reversed_on=date(2026, 3, 5)),
    }
    days = {"item": date(2026, 3, 3), "payment": date(2026, 3, 4), "settlement": date(2026, 3, 5)}
    take(store, item("100.00"), receipt("100.00"), settled("60.00"))
    seen: list[date] = []
    for name in [*(other for other in changes if other != last), last]:
        take(store, changes[name])
        seen.append(days[name])
        with store.database.read() as conn:
            assert conn.execute(select(schema.application.c.reversed_on)).scalar_one() == min(seen)
    take(store, item("100.00"), receipt("100.00"), settled("60.00"))  # and back again
    assert rests(store.database) == (["40.00"], ["40.00"])


def test_a_reversal_documents_line_ends_what_settled_the_document(store: Store) -> None:
    take(store, item("100.00"), receipt("100.00"), settled("100.00"))
    take(store, item("-100.00", "12/1", reverses="9", posting_date=date(2026, 3, 3)))
    assert rests(store.database, date(2026, 3, 2)) == ([], [])
    assert rests(store.database) == ([], ["100.00"])


def test_a_credit_memo_and_money_paid_back_settle(store: Store) -> None:
    take(store, item("100.00"), item("-30.00", "8/1", document_kind="credit_memo"), receipt("90.00"))
    take(store, settled("30.00", kind="credit", source_kind="item", source_key="8/1"), settled("70.00", "m2"))
    assert rests(store.database) == ([], ["20.00"])
    take(store, receipt("-20.00", "77"), settled("20.00", "m3", target_kind="payment", target_key="77"))
    assert rests(store.database) == ([], [])


def test_the_same_page_again_writes_nothing_and_a_changed_amount_follows(store: Store) -> None:
    take(store, item("100.00"), receipt("100.00"), settled("60.00"))
    before = derived(store.database)
    take(store, item("100.00"), receipt("100.00"), settled("60.00"))
    assert derived(store.database) == before
    take(store, settled("60.01"))
    assert rests(store.database) == (["39.99"], ["39.99"])


def test_what_only_shows_todays_balance_is_told_from_the_day_it_was_seen(store: Store) -> None:
    """The ERP's own day in its company: at 20:00 UTC it is the next one in Shanghai."""
    take(store, item("100.00", balance=Decimal("30.00")), item("-50.00", "8/1", balance=Decimal("-50.00")))
    take(store, receipt("80.00", balance=Decimal("10.00")))
    assert rests(store.database) == (["-50.00", "30.00"], ["10.00"])
    with pytest.raises(RefusedError) as refused:
        receivables_report.ask(store.database, FINANCE, Question(date(2026, 3, 30)))
    params = {"system": "k3", "day": "2026-03-30", "first": "2026-03-31"}
    assert (refused.value.code, refused.value.params) == ("past-unknown", params)
    with pytest.raises(RefusedError):
        receivables_report.documents(store.database, FINANCE, Question(date(2026, 3, 30), system="k3"))
    assert receivables_report.ask(store.database, FINANCE, Question(DAY)).totals[0]["open"] == Decimal("-20.00")
    assert receivables_report.ask(store.database, FINANCE, Question(date(2026, 3, 30), system="other")).totals == []
    assert receivables_report.default_as_of(store.database, SEEN) == DAY


def test_the_command_says_which_day_can_be_told(
    store: Store,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    take(store, item("100.00", balance=Decimal("30.00")))
    place = new_place(tmp_path, monkeypatch, capsys, {"CROSSTIE_DATABASE_URL": database_url})
    refused = place.run("receivables", "ageing", "--as-of", "2026-03-30")
    assert (refused.code, refused.out) == (2, "")
    assert all(word in refused.err for word in ("k3", "2026-03-30", "--as-of 2026-03-31"))
    told = place.run("receivables", "ageing", "--as-of", "2026-03-31", "--json").json
    assert told["totals"][0]["open"] == "30.00"
    assert place.run("receivables", "documents", "--as-of", "2026-03-30").code == 2


def test_what_was_posted_on_the_day_it_was_seen_puts_no_earlier_day_in_doubt(store: Store) -> None:
    def first() -> date:
        with store.database.read() as conn:
            return today_balances.first_known(conn)["k3"]

    new = date(2026, 4, 9)
    at = datetime(2026, 4, 9, 9, tzinfo=UTC)
    take(store, item("50.00", "8/1", balance=Decimal("50.00"), posting_date=new), at=at)
    assert first() == new  # read for the first time that day
    take(store, item("100.00", balance=Decimal("30.00")))
    assert first() == DAY
    take(store, receipt("10.00", balance=Decimal("10.00"), posting_date=new), at=at)
    assert first() == DAY
    take(store, receipt("10.00", "10", balance=Decimal("10.00")), at=at)
    assert first() == new


def test_a_balance_keeps_its_day_until_it_changes(store: Store) -> None:
    def first() -> date | None:
        with store.database.read() as conn:
            return conn.execute(select(schema.open_item.c.known_from)).scalar_one()

    later = datetime(2026, 4, 9, 9, tzinfo=UTC)
    take(store, item("100.00", balance=Decimal("30.00")))
    take(store, item("100.00", balance=Decimal("30.00"), text="anything"), at=later)
    assert first() == DAY
    take(store, item("100.00", balance=Decimal("29.99")), at=later)
    assert (first(), rests(store.database, date(2026, 4, 9))) == (date(2026, 4, 9), (["29.99"], []))
    take(store, item("100.00"), at=later)  # the mapping no longer gives a balance
    assert (first(), rests(store.database)) == (None, (["100.00"], []))


def test_a_complete_listing_need_not_show_what_has_nothing_left(store: Store) -> None:
    take(store, item("100.00", balance=Decimal("0.00")), item("5.00", "8/1", balance=Decimal("1.00")))
    take(store, receipt("80.00", balance=Decimal(0)), receipt("80.00", "10"))
    assert store.listed_keys("k3", "open_items") == ["8/1"]
    assert store.listed_keys("k3", "payments") == ["10"]


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (item("100.00", clearing="5", cleared_on=DAY), settled("60.00")),
        (settled("60.00"), item("100.00", clearing="5", cleared_on=DAY)),
        (item("100.00", balance=Decimal(3)), settled("60.00")),
        (settled("60.00"), item("100.00", balance=Decimal(3))),
        (receipt("100.00", balance=Decimal(3)), settled("60.00")),
        (item("-100.00", role="payment", settles="9/1"), receipt("100.00")),
    ],
)
def test_two_ways_of_telling_what_was_paid_are_refused(store: Store, first: Any, then: Any) -> None:
    take(store, first)
    with pytest.raises(RefusedError) as refused:
        take(store, then)
    assert refused.value.code == "two-ways"


# -- the golden books, as such an ERP would hand them over ------------------------------------------------------------


@pytest.fixture(scope="module")
def golden_books(shared_data: Path, databases: Databases) -> Iterator[Database]:
    with databases.one() as url:
        database = empty_database(url)
        golden_records.take_in(database, shared_data / "golden")
        yield database
        database.dispose()


@pytest.mark.parametrize("as_of", ["2025-12-31", "2026-03-31", "2026-06-30"])
def test_the_golden_answers_to_the_last_digit(golden_books: Database, shared_data: Path, as_of: str) -> None:
    expected = json.loads((shared_data / "golden" / "answers" / f"{as_of}.json").read_text(encoding="utf-8"))
    with golden_books.read() as conn:
        loaded = receivables_books.load(conn, Scope())
    computed = answer(ageing(*loaded, as_of=date.fromisoformat(as_of)), [])
    for part in ("companies", "open_items", "payments", "bills"):
        assert json.loads(json.dumps(computed[part])) == _plain_accounts(expected[part])


def _plain_accounts(part: Any) -> Any:
    """An account number is a customer in one company only: the ERP's key has both."""
    if isinstance(part, list):
        return [
            {**row, "account_number": golden_tables.erp_key(row["company_code"], row["account_number"])} for row in part
        ]
    return part


@pytest.mark.parametrize("month", range(14))
def test_the_oracle_agrees_at_the_first_and_in_the_middle_of_every_month(
    golden_books: Database, shared_data: Path, month: int
) -> None:
    source = golden.load(shared_data / "golden")
    parts = (source.items, source.payments, source.applications, source.disputes, source.rates)
    with golden_books.read() as conn:
        loaded = receivables_books.load(conn, Scope())
    derived_parts = (loaded.items, loaded.payments, loaded.applications, loaded.disputes, loaded.rates)
    for day in (
        date(2025 + (8 + month) // 12, (8 + month) % 12 + 1, 1),
        date(2025 + (8 + month) // 12, (8 + month) % 12 + 1, 17),
    ):
        assert Oracle(*derived_parts, day).answer() == Oracle(*parts, day).answer()


def test_the_balances_are_the_sum_of_what_is_left(golden_books: Database) -> None:
    """Figures of the newest day, at which nothing is to come."""
    with golden_books.read() as conn:
        report = ageing(*receivables_books.load(conn, Scope()), as_of=date(2030, 1, 1))
    found: dict[tuple[str, str], Decimal] = {}
    for balance in books.balances(golden_books, golden_tables.SYSTEM):
        place = balance.company, balance.currency
        found[place] = found.get(place, Decimal(0)) + balance.amount
    for company in report.companies.values():
        for currency, ageing_of in company.currencies.items():
            own = ageing_of.total.own
            netted = own.open + own.retention + own.other - own.unapplied - own.advances
            assert found[company.company_code, currency] == netted
