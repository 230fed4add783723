"""The S/4 sandbox's books of the golden data set against figures computed straight from its CSV files."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from sandbox.sap.document_rows import line_row
from sandbox.sap.documents import Line, rest
from sandbox.sap.s4 import S4Backend
from sandbox.sap.settlements import Payment
from tests.unit.sandbox_books_help import Oracle, assert_sound, balance, books, folder, oracle

__all__ = ["folder", "oracle"]  # fixtures


@pytest.fixture(scope="module")
def at_the_end(folder: Path) -> S4Backend:
    return books(folder)


def item_rests(backend: S4Backend) -> dict[tuple[str, ...], Decimal]:
    assert backend.replay
    lines = backend.replay.settlements.items
    found = {(*key, instalment): rest(line) for (key, instalment), line in lines.items() if line.special_gl != "F"}
    return {key: amount for key, amount in found.items() if amount}


def unapplied(backend: S4Backend) -> dict[tuple[str, ...], Decimal]:
    assert backend.replay
    left: dict[tuple[str, ...], Decimal] = defaultdict(lambda: Decimal(0))
    for key, payment in backend.replay.settlements.payments.items():
        left[key] -= sum(rest(line) for line in own_lines(payment))
    return {key: amount for key, amount in left.items() if amount}


def own_lines(payment: Payment) -> set[Line]:
    return {line for line in [*payment.document.lines, *payment.sources] if line.special_gl != "W"}


def test_the_data_is_all_there(at_the_end: S4Backend) -> None:
    held = at_the_end.books
    assert (len(held.orders), len(held.partners.tables["A_BusinessPartner"]), len(held.catalogue.products)) == (
        18,
        14,
        9,
    )
    assert at_the_end.now().date() == date(2026, 10, 31)


def test_balance_of_every_customer_on_every_day(at_the_end: S4Backend, oracle: Oracle) -> None:
    for day in oracle.days():
        assert balance(at_the_end, day) == oracle.balance(day), day


def test_what_is_left_when_started_on_a_day(folder: Path, oracle: Oracle) -> None:
    """On days on which nothing is known late, the books hold what the files say about that day."""
    late = oracle.entered_late()
    for day in oracle.days()[::4]:
        if any(posted <= day < entered for posted, entered in late):
            continue
        held = books(folder, day)
        assert_sound(held.books.ledger)
        future = {key for key in item_rests(held) if oracle.posted(key) > day.isoformat()}
        assert {key: left for key, left in item_rests(held).items() if key not in future} == oracle.rests(day), day
        assert unapplied(held) == oracle.unapplied(day), day


def test_what_is_left_in_the_end(at_the_end: S4Backend, oracle: Oracle) -> None:
    day = date(2026, 10, 31)
    assert item_rests(at_the_end) == oracle.rests(day)
    assert unapplied(at_the_end) == oracle.unapplied(day)
    assert_sound(at_the_end.books.ledger)


@pytest.mark.parametrize(
    ("first", "second"), [("2025-06-30", "2026-10-31"), ("2025-12-31", "2026-06-25"), ("2026-04-13", "2026-04-14")]
)
def test_living_through_the_days_ends_as_starting_later(folder: Path, first: str, second: str) -> None:
    lived, started = books(folder, date.fromisoformat(first)), books(folder, date.fromisoformat(second))
    lived.advance((date.fromisoformat(second) - date.fromisoformat(first)).days)
    assert lived.now().date() == started.now().date()
    assert account_lines(lived) == account_lines(started)
    for name in ("orders", "deliveries", "invoices"):
        assert [settled(row) for row in lived.book(name)] == [settled(row) for row in started.book(name)]


def account_lines(backend: S4Backend) -> list[dict[str, object]]:
    """Every account line as it is answered, but for the time of day of its entry."""
    rows = [line_row(line, {}) for line in backend.books.ledger.lines()]
    return [{name: value for name, value in row.items() if name != "CreationTime"} for row in rows]


def settled(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name != "created_at"}


def test_a_bill_stays_until_it_matures(folder: Path, oracle: Oracle) -> None:
    for day in (date(2026, 3, 30), date(2026, 3, 31), date(2026, 6, 24), date(2026, 6, 25), date(2026, 10, 31)):
        lines = [line for line in books(folder, day).books.ledger.lines() if line.special_gl == "W"]
        face = sum((rest(line) for line in lines), Decimal(0))
        bills = [
            row for row in oracle.payments.values() if row["kind"] == "bill" and row["posting_date"] <= day.isoformat()
        ]
        held = [
            row
            for row in bills
            if row["maturity_date"] > day.isoformat() and not ("" < row["reversed_on"] <= day.isoformat())
        ]
        assert face == sum((Decimal(row["amount"]) for row in held), Decimal(0)), day


def test_orders_are_held_and_cancelled_on_their_days(folder: Path) -> None:
    def status(day: str) -> dict[str, str]:
        return {
            row["key"]["ExternalDocumentID"]: row["status"]
            for row in books(folder, date.fromisoformat(day)).book("orders")
        }

    assert status("2026-01-04")["CN01/0000004720"] == "open"
    assert status("2026-01-05")["CN01/0000004720"] == "credit_hold"
    assert status("2026-04-20")["CN01/0000004720"] == "open"
    assert status("2026-03-30")["CN01/0000004721"] == "in_process"
    assert status("2026-03-31")["CN01/0000004721"] == "cancelled"


def test_documents_that_never_count_reach_no_account(at_the_end: S4Backend) -> None:
    kinds = {billing.kind: billing for billing in at_the_end.books.billings.values() if billing.accounting is None}
    assert set(kinds) == {"F8", "ZPV", "S1"}
    assert kinds["S1"].cancels and kinds["S1"].cancels.kind == "ZPV"


def test_a_reversal_is_dated_as_the_file_says_and_entered_when_it_was(at_the_end: S4Backend) -> None:
    backdated = [d for d in at_the_end.books.ledger.documents.values() if d.reverses and d.reference == "0090000018"]
    (document,) = backdated
    assert (document.posted, document.entered) == (date(2026, 3, 31), date(2026, 4, 7))
    assert document.clearing and (document.clearing.on, document.clearing.entered) == (
        date(2026, 3, 31),
        date(2026, 4, 7),
    )


def test_numbers_do_not_repeat_within_a_company_and_year(at_the_end: S4Backend) -> None:
    rows = at_the_end.rows("A_OperationalAcctgDocItemCube")
    keys = [
        (row["CompanyCode"], row["FiscalYear"], row["AccountingDocument"], row["AccountingDocumentItem"])
        for row in rows
    ]
    assert len(set(keys)) == len(keys)
    years = {(row["CompanyCode"], row["FiscalYear"]) for row in rows if row["PostingDate"] == date(2026, 10, 1)}
    assert years == {("US02", "2027")}


def test_a_linked_credit_memo_names_its_invoice(at_the_end: S4Backend) -> None:
    rows = at_the_end.rows("A_OperationalAcctgDocItemCube")
    linked = {row["DocumentReferenceID"]: row for row in rows if row["FollowOnDocumentType"] == "G"}
    assert set(linked) == {"0090000003", "0090000017", "0090000024"}
    assert linked["0090000017"]["InvoiceItemReference"] == "2"


def test_one_day_at_a_time_is_the_same_as_many(folder: Path) -> None:
    one, many = books(folder, date(2026, 2, 1)), books(folder, date(2026, 2, 1))
    for _ in range(30):
        one.advance(1)
    many.advance(30)
    assert one.now().date() == many.now().date() == date(2026, 2, 1) + timedelta(days=30)
    assert account_lines(one) == account_lines(many)
