"""A document that needs further steps of ours is made once, linked at once, and finished whatever happens between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from crm_core import access, adoption, outbox_desk, outbox_entry, schema
from crm_core.database import Database
from flows.push import push, same_document
from tests.databases import Databases
from tests.flows.flaky_erp import FAULTS, Clock, Crash, SteppedErp
from tests.flows.test_exactly_one_order import (
    START,
    WIRE,
    accept,
    armed,
    context,
    push_quotes,
    push_until_settled,
    states,
)
from tests.unit.cli_help import new_place

KEY = "CT7-Q000001"
ADMIN = access.local_admin("ann")
POINTS = ("crash_before", "crash_after", "dropped_before", "dropped_after", "slow_late", "refused_connection")


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    with armed(database_url) as database:
        yield database


@pytest.fixture(scope="module")
def reused(databases: Databases) -> Iterator[Database]:
    with databases.one() as url, armed(url) as database:
        yield database


def entry(db: Database, key: str = KEY, version: int = 1) -> Any:
    with db.read() as conn:
        return outbox_entry.load(conn, key, version)


def links(db: Database) -> list[tuple[str, str]]:
    refs = schema.external_ref
    with db.read() as conn:
        return list(conn.execute(select(refs.c.erp_key, refs.c.crm_id).order_by(refs.c.erp_key)).tuples())


def each_document_is_made_once_and_finished(db: Database, faults: list[str], quotes: int, at_once: int) -> None:
    clock = Clock(START)
    erp = SteppedErp(clock, list(faults), at_once=at_once)
    for key in push_quotes(db, erp, clock, quotes):
        if key not in erp.by_hand:
            assert len(erp.of(key)) == 1
            document = entry(db, key).external_id
            assert erp.taken[document] == erp.steps
            assert (document, key[4:]) in links(db)


@settings(max_examples=40)
@example(faults=["fine", "crash_before"], quotes=1, at_once=0)
@example(faults=["fine", "crash_after"], quotes=1, at_once=1)
@example(faults=["crash_after", "fine", "crash_after", "crash_before"], quotes=1, at_once=0)
@example(faults=["dropped_after", "fine", "dropped_before", "dropped_after"], quotes=1, at_once=0)
@example(faults=["late", "slow_late", "blind"], quotes=2, at_once=0)
@given(faults=st.lists(st.sampled_from(FAULTS), max_size=9), quotes=st.integers(1, 2), at_once=st.integers(0, 2))
def test_whatever_fails_each_document_is_made_once_and_finished(
    reused: Database, faults: list[str], quotes: int, at_once: int
) -> None:
    each_document_is_made_once_and_finished(reused, faults, quotes, at_once)


@pytest.mark.parametrize("point", POINTS)
def test_once_the_document_is_there_it_is_linked_and_never_sent_again(db: Database, point: str) -> None:
    clock = Clock(START)
    erp = SteppedErp(clock, ["fine", point])
    accept(db, KEY)
    with suppress(Crash):
        push(context(db, erp, clock))
    found = entry(db)
    assert (found.state, found.step, found.external_id) == ("pending", "finish", "1")
    assert links(db) == [("1", "Q000001")]
    erp.find = None  # type: ignore[assignment]  # it would not be asked, whatever is left
    push_until_settled(db, erp, clock)
    assert (states(db), erp.sends, erp.taken["1"], entry(db).step) == (["sent"], 1, 2, "")
    assert erp.told[-1] == erp.sent[0][1]
    assert entry(db).reason["params"]["warnings"] == "V1/1: saved; V1/2: approved"


def test_an_unknown_create_is_looked_up_first_and_then_finished(db: Database) -> None:
    clock = Clock(START)
    erp = SteppedErp(clock, ["dropped_after"])
    accept(db, KEY)
    push(context(db, erp, clock))
    assert (entry(db).state, entry(db).step) == ("unknown", "")
    push_until_settled(db, erp, clock)
    assert (states(db), erp.sends, erp.taken["1"]) == (["sent"], 1, 2)


def test_what_is_left_waits_longer_each_time_and_says_so(db: Database) -> None:
    clock = Clock(START)
    erp = SteppedErp(clock, ["fine", "slow_late", "fine", "slow_late"], steps=4)
    accept(db, KEY)
    push(context(db, erp, clock))
    [row] = outbox_desk.listing(db, ADMIN)
    assert (row["state"], row["step"], row["reason"]["code"]) == ("pending", "finish", "steps-left")
    assert row["reason"]["params"] == {"document": "1"}
    waits = [(entry(db).due_at - clock()).total_seconds()]
    clock.now = entry(db).due_at
    push(context(db, erp, clock))
    waits.append((entry(db).due_at - clock()).total_seconds())
    assert waits[1] > waits[0] > 0


def test_the_command_says_which_step_is_next(
    db: Database,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock(START)
    accept(db, KEY)
    place = new_place(tmp_path, monkeypatch, capsys, {"CROSSTIE_DATABASE_URL": database_url})
    assert "send it" in place.run("outbox", "show", KEY).out
    push(context(db, SteppedErp(clock, ["fine", "slow_late"], steps=3, at_once=1), clock))
    assert place.run("outbox", "show", KEY, "--json").json["entries"][0]["step"] == "finish"
    shown = " ".join(place.run("outbox", "show", KEY).out.split())
    assert "take the steps left" in shown
    assert "document 1" in shown


def refused_step(db: Database, clock: Clock) -> SteppedErp:
    erp = SteppedErp(clock, [], refused="over the credit limit")
    accept(db, KEY)
    push(context(db, erp, clock))
    found = entry(db)
    assert (found.state, found.step, found.external_id) == ("dead", "finish", "1")
    assert found.reason["params"]["text"] == "over the credit limit"
    assert links(db) == [("1", "Q000001")]
    return erp


def test_a_refused_step_waits_for_a_person_and_the_document_stays_linked(db: Database) -> None:
    clock = Clock(START)
    erp = refused_step(db, clock)
    push_until_settled(db, erp, clock)
    assert (states(db), erp.sends) == (["dead"], 1)
    erp.refused = ""
    outbox_desk.settle_by_hand(db, ADMIN, clock(), KEY, 1, why="limit raised", resend=True)
    push_until_settled(db, erp, clock)
    assert (states(db), erp.sends, erp.taken["1"]) == (["sent"], 1, 2)


@pytest.mark.parametrize("given_up", [False, True])
def test_a_later_version_changes_the_document_that_a_refused_step_left(db: Database, given_up: bool) -> None:
    clock = Clock(START)
    erp = refused_step(db, clock)
    if given_up:
        outbox_desk.settle_by_hand(db, ADMIN, clock(), KEY, 1, why="made anew", dead=True)
    erp.refused = ""
    accept(db, KEY, version=2, action="change", total="90.00")
    push_until_settled(db, erp, clock)
    assert (states(db), erp.sends) == (["dead", "sent"], 1)
    assert ([wire["total"] for wire in erp.of(KEY)], erp.taken["1"]) == (["90.00"], 2)


def test_what_comes_after_a_document_waits_until_it_is_finished(db: Database) -> None:
    clock = Clock(START)
    erp = refused_step(db, clock)
    accept(db, "CT7-Q000002")
    with db.write() as conn:
        conn.execute(update(schema.outbox).where(schema.outbox.c.key != KEY).values(after_key=KEY))
    push(context(db, erp, clock))
    assert states(db) == ["dead", "pending"]
    erp.refused = ""
    outbox_desk.settle_by_hand(db, ADMIN, clock(), KEY, 1, why="allowed now", resend=True)
    push_until_settled(db, erp, clock)
    assert (states(db), erp.sends) == (["sent", "sent"], 2)


def test_a_cancellation_with_steps_left_is_repeated(db: Database) -> None:
    clock, asked = Clock(START), []

    class Approving(SteppedErp):
        def cancel(self, obj: str, external_id: str, wire: dict[str, Any], *, deadline_s: float) -> Any:
            asked.append(external_id)
            return self.finish(obj, external_id, wire, deadline_s=1) if len(asked) > 1 else self.waiting(external_id)

        def waiting(self, external_id: str) -> Any:
            from connectors.base import Ack

            return Ack(external_id, done=False)

    erp = Approving(clock, [])
    accept(db, KEY)
    accept(db, KEY, version=2, action="cancel")
    push_until_settled(db, erp, clock)
    assert (states(db), asked) == (["sent", "sent"], ["1", "1"])


def test_after_a_restore_an_unfinished_document_is_taken_in_and_finished(db: Database) -> None:
    clock = Clock(START)
    erp = SteppedErp(clock, [])
    accept(db, KEY)
    erp.push("orders", WIRE, KEY, deadline_s=1)  # sent after the backup was made
    [judged] = adoption.judge(db, "orders", {KEY: erp.find("orders", KEY)}, same_document)
    adoption.settle(db, ADMIN, clock(), judged, "restored")
    assert (judged.verdict, entry(db).state, entry(db).step, links(db)) == (
        "found",
        "pending",
        "finish",
        [("1", "Q000001")],
    )
    push_until_settled(db, erp, clock)
    assert (states(db), erp.sends, erp.taken["1"]) == (["sent"], 1, 2)
    assert erp.told[-1]["customer"] == WIRE["customer"]  # what is left to do may depend on what the decision says
    assert [one.verdict for one in adoption.judge(db, "orders", {KEY: erp.find("orders", KEY)}, same_document)] == [
        "known"
    ]


def test_a_document_that_somebody_changed_since_is_told_with_its_reason(db: Database) -> None:
    clock = Clock(START)
    erp = SteppedErp(clock, [])
    accept(db, KEY)
    push_until_settled(db, erp, clock)
    [hit] = erp.find("orders", KEY)
    other = replace(hit, total=hit.total + 1)
    [judged] = adoption.judge(db, "orders", {KEY: [other]}, same_document)
    assert (judged.verdict, judged.why) == ("changed", "document-changed")
