"""Whatever happened in an ERP's books: what we derive of it equals what the books themselves knew on every day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from crm_core.clearing import Cleared, Derived, components, derive
from crm_core.model import AccountLine
from crm_core.receivables import NOTED, Application
from tests.ledger import START, ZERO, Ledger, document_of

Rests = dict[str, Decimal]
Step = tuple[str, int, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            "item item memo pay pay pay pay offset offset write_off across reset undo back reverse reverse_payment"
            " wait wait".split()
        ),
        st.integers(0, 11),
        st.integers(0, 11),
        st.integers(1, 7),
    ),
    min_size=8,
    max_size=45,
)


class Player:
    """Plays steps on a ledger as accountants would; a step that is impossible just now does nothing."""

    def __init__(self) -> None:
        self.books = Ledger()
        self.payments: list[str] = []
        self.transfers: list[str] = []

    def play(self, step: Step) -> None:
        name, one, other, size = step
        getattr(self, name)(one, other, Decimal(size * 10))
        self.books.snapshot()

    def wait(self, one: int, other: int, size: Decimal) -> None:
        self.books.wait(one % 4 + 1)

    def item(self, one: int, other: int, size: Decimal) -> None:
        self.books.item(*[size] * (one % 3 + 1), currency="JPY" if other == 1 else "CNY")

    def memo(self, one: int, other: int, size: Decimal) -> None:
        self.books.item(-size)

    def pay(self, one: int, other: int, size: Decimal) -> None:
        """One to three items, in full or in part, and perhaps something on account."""
        debits = self.books.roots(+1)
        chosen = dict.fromkeys(debits[(one + step) % len(debits)] for step in range(other % 3 + 1)) if debits else {}
        targets = {key: min(size, self.books.rest(key)) for key in chosen}
        more = Decimal(one % 3 * 10)
        if targets or more:
            self.payments.append(self.books.pay(sum(targets.values(), more), targets))

    def offset(self, one: int, other: int, size: Decimal) -> None:
        credits, debits = self.books.roots(-1), self.books.roots(+1)
        if credits and debits:
            credit, debit = credits[one % len(credits)], debits[other % len(debits)]
            amount = min(-self.books.rest(credit), self.books.rest(debit))
            self._keep(self.books.offset(credit, debit, min(size, amount) if one % 2 else amount))

    def _keep(self, transfer: str) -> None:
        if self.books.of(transfer):
            self.transfers.append(transfer)

    def write_off(self, one: int, other: int, size: Decimal) -> None:
        if debits := self.books.roots(+1):
            debit = debits[one % len(debits)]
            self.books.write_off(debit, min(size, self.books.rest(debit)))

    def across(self, one: int, other: int, size: Decimal) -> None:
        credits, debits = self.books.roots(-1), self.books.roots(+1, "JPY")
        if credits and debits:
            credit, debit = credits[one % len(credits)], debits[other % len(debits)]
            self.books.across(credit, debit, min(size, -self.books.rest(credit)), self.books.rest(debit))

    def reset(self, one: int, other: int, size: Decimal) -> None:
        """A clearing by a payment, or by a document without lines; what cleared a transfer goes with the transfer."""
        lines = self.books.lines
        names = sorted({line["clearing"] for line in lines.values() if line.get("clearing")})
        plain = [name for name in names if not self._moves(name)]
        if plain:
            self.books.reset(plain[one % len(plain)])

    def _moves(self, clearing: str) -> bool:
        """Whether it cleared a line of a transfer, a write-off or a reversal."""
        lines = self.books.lines
        return any(
            line.get("clearing") == clearing
            and (line.get("reversed") or line.get("reverses") or line["role"] in ("transfer", "write_off"))
            and not (line.get("settles") and not line.get("reversed"))
            for line in lines.values()
        )

    def undo(self, one: int, other: int, size: Decimal) -> None:
        """Reverse a transfer, unless that would leave another one hanging."""
        alone = [name for name in self.transfers if not self._moves_others(name)]
        if alone:
            name = alone[one % len(alone)]
            self.transfers.remove(name)
            self.books.undo_transfer(name)

    def _moves_others(self, transfer: str) -> bool:
        clearings = {self.books.lines[key].get("clearing") for key in self.books.of(transfer)} - {None, ""}
        return any(
            line.get("clearing") in clearings
            and line["role"] in ("transfer", "write_off")
            and document_of(key) != transfer
            and not self.books.is_partial(key)
            for key, line in self.books.lines.items()
        )

    def back(self, one: int, other: int, size: Decimal) -> None:
        lines = self.books.lines
        partials = [
            k for k in lines if self.books.is_partial(k) and self.books.is_open(k) and lines[k]["role"] == "payment"
        ]
        if partials:
            self.books.transfer_back(partials[one % len(partials)])

    def reverse(self, one: int, other: int, size: Decimal) -> None:
        names = sorted({document_of(key) for key in self.books.owner if self.books.lines[key]["role"] == "item"})
        self._reverse_one_of([name for name in names if all(map(self._untouched, self.books.of(name)))], one)

    def reverse_payment(self, one: int, other: int, size: Decimal) -> None:
        self._reverse_one_of([name for name in self.payments if all(map(self._untouched, self.books.of(name)))], one)

    def _reverse_one_of(self, names: list[str], one: int) -> None:
        if names:
            self.books.reverse(names[one % len(names)])

    def _untouched(self, key: str) -> bool:
        line = self.books.lines[key]
        return self.books.is_open(key) and not self.books.partials(key) and not line.get("reversed")


def rests(derived: Derived, day: date) -> Rests:
    """Signed rests by account, counted one application at a time."""
    open_rests: dict[str, Decimal] = defaultdict(Decimal)
    for item in derived.items:
        if item.posting_date <= day and (item.reversed_on is None or day < item.reversed_on) and item.kind != NOTED:
            open_rests[item.key] += item.amount
    for payment in derived.payments:
        if payment.posting_date <= day and (payment.reversed_on is None or day < payment.reversed_on):
            open_rests[payment.key] -= payment.amount
    for application in derived.applications:
        if stands(application, day):
            open_rests[application.source_key] += application.source_amount
            open_rests[application.target_key] -= application.amount
    open_rests.pop("", None)
    return {key: rest for key, rest in open_rests.items() if rest}


def stands(application: Application, day: date) -> bool:
    return application.applied_on <= day and (application.reversed_on is None or day < application.reversed_on)


def days(books: Ledger) -> Iterable[date]:
    return (START + timedelta(n) for n in range((books.today - START).days + 2))


def observe_all(steps: list[Step], between: Callable[[Ledger, list[Cleared]], Derived]) -> tuple[Ledger, Derived]:
    player, derived = Player(), Derived([], [], [], [])
    for step in steps:
        player.play(step)
        derived = between(player.books, derived.cleared)
    return player.books, derived


def at_once(books: Ledger, memory: list[Cleared]) -> Derived:
    return derive(books.account_lines(), memory, books.today)


@given(STEPS)
@settings(max_examples=40)
def test_seen_after_every_event_the_past_is_the_books_own_on_every_day(steps: list[Step]) -> None:
    books, derived = observe_all(steps, at_once)
    for day in days(books):
        assert rests(derived, day) == books.rests_on(day), day


@given(STEPS)
@settings(max_examples=40)
def test_seen_once_at_the_end_today_is_right_and_the_sum_is_right_on_every_day(steps: list[Step]) -> None:
    books, _ = observe_all(steps, lambda *_: Derived([], [], [], []))
    lines = books.account_lines()
    derived = derive(lines, [], books.today)
    assert rests(derived, books.today) == books.rests_on(books.today)
    for day in days(books):
        assert sum(rests(derived, day).values(), ZERO) == posted(lines, day)


def posted(lines: Mapping[str, AccountLine], day: date) -> Decimal:
    """The sum of all lines posted by that day, whatever they are: reversals take back what they mirror."""
    return sum((line.amount for line in lines.values() if line.posting_date <= day), ZERO)


@given(STEPS)
@settings(max_examples=40)
def test_twice_is_once(steps: list[Step]) -> None:
    books, derived = observe_all(steps, at_once)
    later = books.today + timedelta(40)
    assert derive(books.account_lines(), derived.cleared, later) == derived
    shuffled = dict(reversed(list(books.account_lines().items())))
    assert derive(shuffled, reversed(derived.cleared), later) == derived


@given(STEPS)
@settings(max_examples=40)
def test_each_component_by_itself_gives_the_same_rows(steps: list[Step]) -> None:
    books, derived = observe_all(steps, at_once)
    lines = books.account_lines()
    apart: list[list[Any]] = [[], [], [], []]
    for part in components(lines, derived.cleared):
        memory = [row for row in derived.cleared if row.line in part]
        for rows, more in zip(apart, derive({key: lines[key] for key in part}, memory, books.today), strict=True):
            rows += more
    for rows, expected in zip(apart, derived, strict=True):
        assert sorted(rows, key=repr) == sorted(expected, key=repr)


class Store:
    """Lines as they came in, and the memory; derives what each page touches."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.lines: dict[str, AccountLine] = {}
        self.memory: list[Cleared] = []

    def pull(self, books: Ledger, _: list[Cleared]) -> Derived:
        """What changed, in pages of any size and order."""
        now = books.account_lines()
        changed = [key for key in now if self.lines.get(key) != now[key]]
        self.random.shuffle(changed)
        for _page, keys in groupby(changed, lambda key: self.random.random() < 0.6):
            page = list(keys)
            self.lines |= {key: now[key] for key in page}
            self._derive(set(page), books.today)
        derived = derive(self.lines, self.memory, books.today)
        assert sorted(derived.cleared, key=repr) == sorted(self.memory, key=repr)
        return derived

    def _derive(self, touched: set[str], today: date) -> None:
        for part in components(self.lines, self.memory):
            if part & touched:
                memory = [row for row in self.memory if row.line in part]
                derived = derive({key: self.lines[key] for key in part}, memory, today)
                self.memory = [row for row in self.memory if row.line not in part] + derived.cleared


@given(STEPS, st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_pages_of_any_size_and_order_lead_to_the_same_rows(steps: list[Step], random: Random) -> None:
    _, in_pages = observe_all(steps, Store(random).pull)
    _, whole = observe_all(steps, at_once)
    assert in_pages == whole


@given(STEPS, st.randoms(use_true_random=False), st.integers(2, 6))
@settings(max_examples=40)
def test_pages_lead_to_the_same_rows_when_much_happened_in_between(steps: list[Step], random: Random, gap: int) -> None:
    player, paged, memory = Player(), Store(random), list[Cleared]()
    for number, step in enumerate(steps):
        player.play(step)
        if number % gap == 0:
            memory = derive(player.books.account_lines(), memory, player.books.today).cleared
            assert sorted(paged.pull(player.books, []).cleared, key=repr) == sorted(memory, key=repr)


@given(STEPS)
@settings(max_examples=40)
def test_no_application_gives_or_takes_more_than_there_is(steps: list[Step]) -> None:
    books, derived = observe_all(steps, at_once)
    amounts = {row.key: abs(row.amount) for row in (*derived.items, *derived.payments)}
    for day in days(books):
        given_away: dict[str, Decimal] = defaultdict(Decimal)
        taken: dict[str, Decimal] = defaultdict(Decimal)
        for application in derived.applications:
            if stands(application, day):
                given_away[application.source_key] += application.source_amount
                taken[application.target_key] += application.amount
        for key, amount in amounts.items():
            assert given_away[key] <= amount and taken[key] <= amount


@given(STEPS)
@settings(max_examples=40)
def test_money_and_credits_are_always_traced_from_source_to_target(steps: list[Step]) -> None:
    """Nothing is applied from or to nothing but write-offs and payments across currencies, while nothing is undone."""
    forward = [step for step in steps if step[0] in ("item", "memo", "pay", "offset", "write_off", "wait")]
    _, derived = observe_all(forward, at_once)
    assert all(a.source_key and a.target_key for a in derived.applications if a.kind != "write_off")
    assert {item.document_kind for item in derived.items} <= {"invoice", "credit_memo"}
