"""The trade book of every data set, against figures computed straight from the CSV files."""

from __future__ import annotations

import csv
import json
import pickle
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sandbox.office.trade import Office, open_office
from tests.unit.sandbox_books_help import Oracle, folder, oracle

__all__ = ["folder", "oracle"]  # fixtures
ZERO = Decimal(0)
BOOKS = ("orders", "customers", "deliveries", "invoices", "open_items", "payments", "applications", "contracts")
Amounts = dict[tuple[str, ...], Decimal]


@pytest.fixture(scope="module")
def at_the_end(folder: Path) -> Office:
    return open_office(folder, None, None, 7)


def rests(office: Office, at: date | None = None) -> Amounts:
    found = {(*item.invoice.key, item.number): item.balance(at) for item in office.instalments()}
    return {key: amount for key, amount in found.items() if amount}


def unapplied(office: Office, at: date | None = None) -> Amounts:
    found: Amounts = {receipt.key: receipt.unapplied(at) for receipt in office.receipts.values()}
    return {key: amount for key, amount in found.items() if amount}


def shown(office: Office) -> dict[str, Any]:
    """Everything the book shows, but for the time of day of a stamp."""
    return {name: [_dated(row) for row in office.book(name)] for name in BOOKS}


def _dated(row: dict[str, Any]) -> dict[str, Any]:
    stamps = ("created_at", "changed_at")
    return {name: value.date() if name in stamps else value for name, value in row.items()}


def month_ends(first: date, last: date) -> list[date]:
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in days if (day + timedelta(days=1)).day == 1]


def test_every_balance_on_every_day_as_now_known(at_the_end: Office, oracle: Oracle) -> None:
    for day in sorted({*oracle.days(), *month_ends(date(2025, 7, 1), date(2026, 10, 31))}):
        assert rests(at_the_end, day) == oracle.rests(day), day
        assert unapplied(at_the_end, day) == oracle.unapplied(day), day


def test_started_on_a_day_its_present_is_that_day(folder: Path, oracle: Oracle) -> None:
    """On days on which nothing is known late, what is left now is what the files say of that day."""
    late = oracle.entered_late()
    days = [day for day in oracle.days() if not any(posted <= day < entered for posted, entered in late)]
    for day in days[::3]:
        office = open_office(folder, None, day, 7)
        ahead = {key for key in rests(office) if oracle.posted(key) > day.isoformat()}
        assert {key: amount for key, amount in rests(office).items() if key not in ahead} == oracle.rests(day), day
        assert unapplied(office) == oracle.unapplied(day), day


@pytest.mark.parametrize("as_of", ["2025-12-31", "2026-03-31", "2026-06-30"])
def test_orders_are_as_far_as_the_answers_say(folder: Path, as_of: str) -> None:
    """Deliveries of a day are entered that day; a document entered late makes the answer's invoiced differ."""
    answers = json.loads((folder / "answers" / f"{as_of}.json").read_text(encoding="utf-8"))["orders"]
    office = open_office(folder, None, date.fromisoformat(as_of), 7)
    orders = {order.key: order for order in office.orders.values()}
    names = {"cancelled": "cancelled", "credit_hold": "credit_hold", "complete": "complete"}
    for answer in answers:
        order = orders[answer["company_code"], answer["order_number"]]
        assert names.get(order.status, "open") == answer["status"], order.key
        for line, told in zip(order.lines, answer["lines"], strict=True):
            assert line.delivered - line.returned == Decimal(told["delivered"])
            assert line.remaining == Decimal(told["remaining"])
            assert line.invoiced == Decimal(told["invoiced"])


@pytest.mark.parametrize(
    ("first", "second"), [("2025-07-31", "2026-10-31"), ("2025-12-31", "2026-06-25"), ("2026-04-13", "2026-04-14")]
)
def test_living_through_the_days_ends_as_starting_later(folder: Path, first: str, second: str) -> None:
    lived, started = (open_office(folder, None, date.fromisoformat(day), 7) for day in (first, second))
    answer = lived.advance((date.fromisoformat(second) - date.fromisoformat(first)).days)
    assert "refused" not in answer["events"]
    assert lived.today() == started.today()
    assert shown(lived) == shown(started)


def test_classicmodels_money_is_all_there(shared_data: Path) -> None:
    office = open_office(shared_data / "classicmodels", None, None, 7)
    with (shared_data / "classicmodels" / "payments.csv").open(encoding="utf-8", newline="") as stream:
        paid = sum((Decimal(row["amount"]) for row in csv.DictReader(stream)), ZERO)
    shipped = [order for order in office.orders.values() if order.invoices]
    owed = sum((item.balance() for item in office.instalments()), ZERO)
    assert sum((receipt.amount for receipt in office.receipts.values()), ZERO) == paid
    assert owed - sum((receipt.unapplied() for receipt in office.receipts.values()), ZERO) == (
        sum((order.net for order in shipped), ZERO) - paid
    )
    statuses: dict[str, int] = defaultdict(int)
    for order in office.orders.values():
        statuses[order.status] += 1
    assert statuses == {"complete": 310, "cancelled": 6, "credit_hold": 4, "open": 6}


def test_made_up_books_are_sound_and_the_same_for_the_same_seed() -> None:
    day = date(2026, 6, 15)
    one, other, third = (open_office(None, None, day, seed) for seed in (7, 7, 8))
    assert shown(one) == shown(other) != shown(third)
    for item in one.instalments():
        assert ZERO <= item.balance() * (1 if item.amount > 0 else -1) <= abs(item.amount)
    states = {contract.status(day) for contract in one.contracts.values()}
    assert states == {"active", "expired", "cancelled"}
    assert any(contract.renews for contract in one.contracts.values())


def test_many_orders_are_there_at_once() -> None:
    office = open_office(None, 2000, date(2026, 6, 15), 7)
    assert len(office.orders) == 2000
    stamps = [order.changed for order in office.orders.values()]
    assert stamps == sorted(set(stamps))
    assert all(len(order.lines) == 5 and order.net > 0 for order in office.orders.values())


def test_books_kept_in_a_file_come_back_whole(at_the_end: Office, shared_data: Path) -> None:
    for office in (at_the_end, open_office(shared_data / "classicmodels", None, date(2004, 6, 1), 7)):
        again: Office = pickle.loads(pickle.dumps(office))
        assert shown(again) == shown(office)
        assert again.advance(60)["events"] == office.advance(60)["events"]
        assert shown(again) == shown(office)
