"""An accepted quote becomes exactly one ERP order, whatever crashes, times out or is committed late."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from connectors.base import Hit
from connectors.errors import PermanentError
from crm_core import installation, outbox_entry, schema
from crm_core.database import Database
from crm_core.outbox import Outbox
from flows.context import Context
from flows.push import push
from tests.databases import Databases
from tests.flows.flaky_erp import FAULTS, LATE, Clock, Crash, FlakyErp, PlainMapping

START = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
DOCUMENT = {"kind": "order", "customer": {"number": "C01", "erp_key": "7"}, "currency": "CNY", "total": "100.00"}
WIRE = {"customer": "7", "currency": "CNY", "total": "100.00", "mapped_by": "m1"}


@contextmanager
def armed(url: str) -> Iterator[Database]:
    """The database there as that of an armed installation."""
    database = Database(url)
    installation.ensure(database, START, environment="default", prefix="CT7")
    yield database
    database.dispose()


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    with armed(database_url) as database:
        yield database


def context(db: Database, erp: Any, clock: Clock, owner: str = "p1", mapping: str = "m1") -> Context:
    return Context(
        system="s4",
        database=db,
        connector=erp,
        mapping=PlainMapping(mapping),  # type: ignore[arg-type]
        companies={},
        commit_horizon=LATE + timedelta(seconds=5),
        clock=clock,
        owner=owner,
    )


def accept(db: Database, key: str, version: int = 1, action: str = "create", total: str = "100.00") -> None:
    with db.write() as conn:
        outbox_entry.enqueue(
            conn,
            key=key,
            version=version,
            system="s4",
            obj="orders",
            action=action,
            crm_id=key[4:],
            document={**DOCUMENT, "total": total},
            now=START,
            by="sales",
        )


def push_until_settled(db: Database, erp: FlakyErp, clock: Clock, rounds: int = 60) -> None:
    """Run after run, each a new process with a mapping published meanwhile, until nothing waits."""
    for number in range(rounds):
        with suppress(Crash):
            push(context(db, erp, clock, f"p{number}", f"m{number}"))
        due = [max(entry.due_at, entry.lease_until or entry.due_at) for entry in outbox_entry.waiting(db, "s4")]
        if not due:
            return
        clock.now = max(clock.now, min(due))  # no later than needed: what comes too early must show


def push_quotes(db: Database, erp: FlakyErp, clock: Clock, quotes: int) -> list[str]:
    """The keys of so many quotes, accepted and pushed in an empty database until nothing waits; what was touched by
    hand waits for a person.
    """
    with db.write() as conn:
        for table in (schema.outbox, schema.outbox_attempt, schema.external_ref, schema.audit, schema.run):
            conn.execute(delete(table))
    keys = [f"CT7-Q{number:06d}" for number in range(quotes)]
    for key in keys:
        accept(db, key)
    push_until_settled(db, erp, clock)
    assert states(db) == ["review" if key in erp.by_hand else "sent" for key in keys]
    return keys


def states(db: Database) -> list[str]:
    with db.read() as conn:
        return list(
            conn.execute(select(schema.outbox.c.state).order_by(schema.outbox.c.key, schema.outbox.c.version)).scalars()
        )


FAULT_LISTS = st.lists(st.sampled_from(FAULTS), max_size=8)
QUOTES = st.integers(1, 3)
PLAIN = [
    ["dropped_before"],
    ["dropped_after", "blind", "blind"],
    ["late", "blind"],
    ["slow_late"],
    ["crash_after"],
    ["copied"],
    ["altered"],
]
"""One list for each way a second order could come about; tried before any drawn ones."""


def with_plain_lists(test: Any) -> Any:
    for faults in PLAIN:
        test = example(faults=faults, quotes=1)(test)
    return test


def each_quote_is_one_order(db: Database, faults: list[str], quotes: int) -> None:
    """One document a quote, whose payload is always the same; a document touched by hand waits for a person."""
    clock = Clock(START)
    erp = FlakyErp(clock, list(faults))
    for key in push_quotes(db, erp, clock, quotes):
        assert len(erp.of(key)) == 1 or key in erp.by_hand
        assert all(wire == erp.sent_under(key)[0] for wire in erp.sent_under(key))


@pytest.fixture(scope="module")
def reused(databases: Databases) -> Iterator[Database]:
    """One database for all examples of a property."""
    with databases.one() as url, armed(url) as database:
        yield database


@settings(max_examples=50)
@with_plain_lists
@given(faults=FAULT_LISTS, quotes=QUOTES)
def test_whatever_fails_each_quote_is_one_order(reused: Database, faults: list[str], quotes: int) -> None:
    each_quote_is_one_order(reused, faults, quotes)


def test_the_attempt_is_committed_before_the_send(db: Database) -> None:
    clock = Clock(START)
    accept(db, "CT7-Q000001")

    class Spy(FlakyErp):
        def push(self, *args: Any, **kwargs: Any) -> Any:
            with db.read() as conn:
                seen.append(conn.execute(select(schema.outbox.c.state, schema.outbox.c.wire)).one())
            return super().push(*args, **kwargs)

    seen: list[Any] = []
    push(context(db, Spy(clock, []), clock))
    assert seen == [("unknown", WIRE)]


def test_a_resend_sends_what_was_frozen(db: Database) -> None:
    clock = Clock(START)
    erp = FlakyErp(clock, ["dropped_before"])
    accept(db, "CT7-Q000001")
    push(context(db, erp, clock))
    changed = {**DOCUMENT, "total": "999.99"}
    with db.write() as conn:
        conn.execute(update(schema.outbox).values(document=changed))
    clock.advance(200)
    push(context(db, erp, clock))
    assert erp.of("CT7-Q000001") == [WIRE]


def test_nothing_is_sent_again_before_the_commit_horizon(db: Database) -> None:
    clock = Clock(START)
    erp = FlakyErp(clock, ["late"])
    accept(db, "CT7-Q000001")
    for _ in range(6):
        push(context(db, erp, clock))
        clock.advance(5)
    assert erp.sends == 1
    push_until_settled(db, erp, clock)
    assert (erp.sends, states(db)) == (1, ["sent"])


def test_a_look_up_counts_from_when_it_was_asked(db: Database) -> None:
    """The order is booked after the ERP looked and before its answer is here, which takes until after the horizon."""

    class SlowToAnswer(FlakyErp):
        def find(self, obj: str, key: str) -> list[Hit]:
            hits = super().find(obj, key)
            clock.advance(200)
            return hits

    clock = Clock(START)
    erp = SlowToAnswer(clock, ["late"])
    accept(db, "CT7-Q000001")
    push(context(db, erp, clock))
    clock.advance(1)
    push_until_settled(db, erp, clock)
    assert (erp.sends, states(db)) == (1, ["sent"])


@pytest.mark.parametrize("other", [{"total": "100.01"}, {"currency": "USD"}, {"customer": "8"}])
def test_a_document_that_differs_waits_for_a_person(db: Database, other: dict[str, str]) -> None:
    clock = Clock(START)
    erp = FlakyErp(clock, ["dropped_after"])
    accept(db, "CT7-Q000001")
    push(context(db, erp, clock))
    at, key, wire = erp.booked[0]
    erp.booked[0] = (at, key, {**wire, **other})
    clock.advance(10)
    push(context(db, erp, clock))
    assert (states(db), erp.sends) == (["review"], 1)


def test_several_documents_under_our_key_wait_for_a_person(db: Database) -> None:
    clock = Clock(START)
    erp = FlakyErp(clock, ["dropped_after"])
    accept(db, "CT7-Q000001")
    push(context(db, erp, clock))
    erp.booked.append(erp.booked[0])
    clock.advance(10)
    push(context(db, erp, clock))
    assert (states(db), erp.sends) == (["review"], 1)


def test_a_change_waits_for_its_order_and_updates_the_same_document(db: Database) -> None:
    clock = Clock(START)
    erp = FlakyErp(clock, ["dropped_before"])
    accept(db, "CT7-Q000001")
    accept(db, "CT7-Q000001", version=2, action="change", total="120.00")
    push(context(db, erp, clock))
    assert (states(db), erp.booked) == (["unknown", "pending"], [])
    clock.advance(200)
    push(context(db, erp, clock))
    assert states(db) == ["sent", "sent"]
    assert erp.of("CT7-Q000001") == [{**WIRE, "total": "120.00"}]


def test_a_refusal_is_dead_and_the_next_entry_goes_on(db: Database) -> None:
    clock = Clock(START)
    erp = FlakyErp(clock, [])
    accept(db, "CT7-Q000001")
    push(context(db, erp, clock))
    accept(db, "CT7-Q000001", version=2, action="change", total="0")
    accept(db, "CT7-Q000002")
    report = push(context(db, erp, clock))
    assert report.outcomes == {"dead": 1, "sent": 1}


def test_time_lost_while_the_attempt_is_noted_is_lost_to_the_send(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a send could go on after its lease has ended and another process has taken over."""
    clock, left = Clock(START), []
    begin = Outbox.begin_attempt

    def slowly(*args: Any) -> Any:
        time.sleep(0.2)
        return begin(*args)

    class Spy(FlakyErp):
        def push(self, *args: Any, deadline_s: float) -> Any:
            left.append(deadline_s)
            return super().push(*args, deadline_s=deadline_s)

    monkeypatch.setattr(Outbox, "begin_attempt", slowly)
    accept(db, "CT7-Q000001")
    push(replace(context(db, Spy(clock, []), clock), send_deadline=timedelta(seconds=1)))
    assert 0 <= left[0] <= 0.8


@pytest.mark.parametrize("seconds", [40, 100])
def test_a_look_up_that_takes_longer_than_the_lease_does_not_keep_an_entry_from_being_sent(
    db: Database, seconds: int
) -> None:
    clock = Clock(START)

    class Slow(FlakyErp):
        def find(self, obj: str, key: str) -> list[Hit]:
            self.clock.advance(seconds)
            return super().find(obj, key)

    erp = Slow(clock, ["refused_connection"])
    assert push_quotes(db, erp, clock, 1) == ["CT7-Q000000"]
    assert (len(erp.of("CT7-Q000000")), erp.sends) == (1, 2)


def test_a_look_up_during_which_somebody_else_took_the_entry_sends_nothing(db: Database) -> None:
    clock = Clock(START)
    other = FlakyErp(clock, [])

    class Overtaken(FlakyErp):
        def find(self, obj: str, key: str) -> list[Hit]:
            found = super().find(obj, key)
            self.clock.advance(100)
            assert push(context(db, other, clock, "p2")).outcomes == {"sent": 1}
            return found

    erp = Overtaken(clock, ["refused_connection"])
    accept(db, "CT7-Q000001")
    push(context(db, erp, clock))
    clock.advance(60)
    assert push(context(db, erp, clock)).outcomes == {"lost": 1}
    assert (erp.sends, other.sends, states(db)) == (1, 1, ["sent"])


def test_an_answer_that_nobody_understands_is_unknown_and_the_next_entry_goes_on(db: Database) -> None:
    clock = Clock(START)

    class Odd(FlakyErp):
        def push(self, obj: str, wire: dict[str, Any], key: str, *, deadline_s: float) -> Any:
            ack = super().push(obj, wire, key, deadline_s=deadline_s)
            if key == "CT7-Q000001":
                raise PermanentError("answer-shape", system="s4", method="POST", path="orders", what="d")
            return ack

    accept(db, "CT7-Q000001")
    accept(db, "CT7-Q000002")
    push(context(db, Odd(clock, []), clock))
    assert states(db) == ["unknown", "sent"]


def test_a_disarmed_installation_sends_nothing(db: Database) -> None:
    clock = Clock(START)
    erp = FlakyErp(clock, [])
    accept(db, "CT7-Q000001")
    with db.write() as conn:
        conn.execute(update(schema.installation).values(armed=False))
    with pytest.raises(Exception, match="arm"):
        push(context(db, erp, clock))
    assert erp.sends == 0
