"""The sandbox's receivables: random histories, loaded and lived through, always leave what the rows say."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.office.clock import morning_of
from sandbox.sap.books import Books
from sandbox.sap.documents import Line, rest
from sandbox.sap.fi import PostingError
from sandbox.sap.replay import Replay
from tests.unit.sandbox_books_help import assert_sound
from tests.unit.sandbox_made_up_books import COMPANY, START, Bookkeeper

ZERO = Decimal(0)


def loaded(keeper: Bookkeeper, day: date) -> Replay:
    books = Books([COMPANY])
    replay = Replay(books, keeper.data)
    replay.load_master_data(day)
    replay.timeline.run_to(day, strict=True, on_day=lambda on: books.clock.move_to(morning_of(on)))
    return replay


def left_on_items(replay: Replay) -> dict[object, Decimal]:
    return {key: rest(line) for key, line in replay.settlements.items.items() if rest(line)}


def left_on_payments(replay: Replay) -> dict[object, Decimal]:
    left: dict[object, Decimal] = defaultdict(lambda: ZERO)
    for key, payment in replay.settlements.payments.items():
        for line in {*payment.document.lines, *payment.sources}:
            if line.special_gl != "W":
                left[key] -= rest(line)
    return {key: amount for key, amount in left.items() if amount}


@settings(max_examples=150)
@given(st.integers(0, 10**9).map(Random), st.integers(5, 60))
def test_any_history_leaves_what_its_rows_say(random: Random, actions: int) -> None:
    keeper = Bookkeeper(random)
    keeper.work(actions)
    replay = loaded(keeper, keeper.day)
    assert_sound(replay.books.ledger)
    assert left_on_items(replay) == keeper.item_rests(keeper.day)
    assert left_on_payments(replay) == keeper.unapplied(keeper.day)
    for days in range(0, (keeper.day - START).days + 1, 3):
        day = START + timedelta(days=days)
        assert posted_by(replay, day) == keeper.balance(day), day


def posted_by(replay: Replay, day: date) -> dict[str, Decimal]:
    sums = {"CNY": ZERO, "USD": ZERO}
    for line in replay.books.ledger.lines():
        if line.document.posted <= day and line.special_gl != "W":
            sums[line.document.currency] += line.amount
    return sums


@settings(max_examples=60)
@given(st.integers(0, 10**9).map(Random), st.integers(5, 60), st.integers(0, 60))
def test_living_on_from_any_day_ends_the_same(random: Random, actions: int, days: int) -> None:
    keeper = Bookkeeper(random)
    keeper.work(actions)
    at_once, lived = loaded(keeper, keeper.day), loaded(keeper, START + timedelta(days=days))
    lived.timeline.run_to(keeper.day, strict=True)
    assert left_on_items(lived) == left_on_items(at_once)
    assert left_on_payments(lived) == left_on_payments(at_once)


class Clerk:
    """Does what the ledger allows, in any order, as a user with every right might."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.books = Books([COMPANY])
        self.books.clock.move_to(morning_of(START))
        self.ledger = self.books.ledger

    def act(self) -> None:
        day = START + timedelta(days=self.random.randrange(100))
        self.random.choice(
            [self.post, self.post, self.post, self.offset, self.offset, self.write_off, self.reset, self.cancel]
        )(day)

    def post(self, day: date) -> None:
        amount = Decimal(self.random.choice((-1, 1)) * self.random.randrange(1, 30))
        kind = "DR" if amount > 0 else "DZ"
        self.ledger.post(COMPANY, kind, self.random.choice(("CNY", "USD")), day, [Line("1", amount, Decimal(1))])

    def offset(self, day: date) -> None:
        lines = list(self.ledger.lines())
        credits, debits = [line for line in lines if rest(line) < 0], [line for line in lines if rest(line) > 0]
        if credits and debits:
            credit, debit = self.random.choice(credits), self.random.choice(debits)
            most = min(-rest(credit), rest(debit))
            self.ledger.offset(
                credit, debit, self.random.choice((most, Decimal(self.random.randrange(1, int(most) + 1)))), day
            )

    def write_off(self, day: date) -> None:
        if debits := [line for line in self.ledger.lines() if rest(line) > 0]:
            debit = self.random.choice(debits)
            self.ledger.write_off(debit, Decimal(self.random.randrange(1, int(rest(debit)) + 1)), day, "BD1")

    def reset(self, day: date) -> None:
        found = [d.clearing for d in self.ledger.documents.values() if d.clearing and not d.reverses]
        if found:
            self.ledger.reset(self.random.choice(found))

    def cancel(self, day: date) -> None:
        found = [d for d in self.ledger.documents.values() if not d.reverses and not d.reversed_by and d.lines]
        if found:
            self.ledger.cancel(self.random.choice(found), day)


@settings(max_examples=200)
@given(st.integers(0, 10**9).map(Random), st.integers(1, 50))
def test_the_ledger_balances_whatever_is_done(random: Random, actions: int) -> None:
    clerk = Clerk(random)
    for _ in range(actions):
        clerk.act()
        assert_sound(clerk.ledger)


@settings(max_examples=100)
@given(st.integers(0, 10**9).map(Random), st.integers(1, 30), st.integers(1, 15))
def test_a_rollback_leaves_no_trace(random: Random, before: int, after: int) -> None:
    clerk = Clerk(random)
    for _ in range(before):
        clerk.act()
    was, point = picture(clerk), clerk.books.journal.savepoint()
    for _ in range(after):
        clerk.act()
    clerk.books.journal.rollback(point)
    assert picture(clerk) == was
    assert_sound(clerk.ledger)


def picture(clerk: Clerk) -> list[object]:
    return [
        (document.key, line.item, line.amount, line.settles and line.settles.document.key, rest(line), line.was_reset,
         line.clearing and (line.clearing.document.key, line.clearing.on, len(line.clearing.members)),
         document.reversed_by)
        for document in clerk.ledger.documents.values() for line in document.lines
    ]  # fmt: skip


def test_more_than_is_left_is_refused() -> None:
    clerk = Clerk(Random(1))
    (item,) = clerk.ledger.post(COMPANY, "DR", "CNY", START, [Line("1", Decimal(10), Decimal(1))]).lines
    (paid,) = clerk.ledger.post(COMPANY, "DZ", "CNY", START, [Line("1", Decimal(-30), Decimal(1))]).lines
    try:
        clerk.ledger.settle(paid, item, START)
    except PostingError as error:
        assert "30 is more than the 10 left of CN01/2026/1810000001" in str(error)
    else:
        raise AssertionError("the ledger took too much")


def test_a_late_entered_payment_clears_on_the_day_of_its_latest_member() -> None:
    """Cleared before a member was posted, the item would look settled too early; till then it is a partial line."""
    clerk = Clerk(Random(1))
    (item,) = clerk.ledger.post(COMPANY, "DR", "CNY", START, [Line("1", Decimal(100), Decimal(1))]).lines
    for day, amount in ((5, 60), (2, 40)):
        (paid,) = clerk.ledger.post(
            COMPANY, "DZ", "CNY", START + timedelta(days=day), [Line("1", Decimal(-amount), Decimal(1))]
        ).lines
        clerk.ledger.settle(paid, item, START + timedelta(days=day))
    assert item.clearing and item.clearing.on == START + timedelta(days=5)
    assert paid.settles is item
