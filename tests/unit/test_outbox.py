"""The outbox: nobody sends what another holds, nothing that may have arrived is forgotten, order is kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text

from crm_core import audit, outbox, outbox_desk, outbox_entry, schema
from crm_core.access import AccessDeniedError
from crm_core.database import Database
from crm_core.errors import LeaseLostError, NotFoundError, RefusedError
from crm_core.outbox import Outbox, lease_left
from crm_core.outbox_entry import Entry
from tests.crm import ADMIN, IT, NOW, SALES, Clock, empty_database
from tests.databases import Databases

LEASE = 60.0


@dataclass(frozen=True)
class Hit:
    external_id: str
    customer: str = "10000001"
    currency: str = "CNY"
    total: Decimal = Decimal("1.00")
    state: str = ""


class ProblemError(Exception):
    code, params = "record-rejected", {"why": "no such material"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = empty_database(database_url)
    yield database
    database.dispose()


@pytest.fixture
def box(db: Database, clock: Clock) -> Outbox:
    return Outbox(db, clock, owner="a", run_id="run-1")


def put(db: Database, key: str = "CT7-Q1", version: int = 1, action: str = "create", **more: Any) -> None:
    values = {
        "system": "s4",
        "obj": "orders",
        "crm_id": "Q1",
        "document": {"kind": "order"},
        "now": NOW,
        "by": "sam",
        **more,
    }
    with db.write() as conn:
        outbox_entry.enqueue(conn, key=key, version=version, action=action, **values)


def row(db: Database, key: str = "CT7-Q1", version: int = 1) -> Any:
    with db.read() as conn:
        return conn.execute(select(schema.outbox).where(*outbox_entry.at(key, version))).one()


def take(box: Outbox) -> Entry:
    (entry,) = box.claim("s4", lease_s=LEASE)
    return entry


def begun(box: Outbox, entry: Entry | None = None, wire: dict[str, Any] | None = None) -> Entry:
    entry = entry or take(box)
    return box.begin_attempt(entry, wire or {"SoldToParty": "1"}, "m1", box.clock() + timedelta(seconds=30))


def outcomes(db: Database) -> list[str]:
    with db.read() as conn:
        return list(
            conn.execute(select(schema.outbox_attempt.c.outcome).order_by(schema.outbox_attempt.c.id)).scalars()
        )


def test_a_claimed_entry_is_nobody_elses_until_the_lease_ends(db: Database, box: Outbox, clock: Clock) -> None:
    put(db)
    other = Outbox(db, clock, owner="b")
    entry = take(box)
    assert lease_left(entry, clock.now) == LEASE
    assert other.claim("s4", lease_s=LEASE) == []
    assert box.claim("s4", lease_s=LEASE) == []
    clock.forward(LEASE)
    later = take(other)
    assert later.lease_token == entry.lease_token + 1
    for late in (
        lambda: box.settle(entry, "sent", "45"),
        lambda: box.wait(entry, "pending", clock.now),
        lambda: box.review(entry, [Hit("45")]),
        lambda: box.bury(entry, ProblemError()),
        lambda: box.release(entry),
        lambda: begun(box, replace(entry, lease_until=later.lease_until)),
    ):
        before = row(db)
        with pytest.raises(LeaseLostError):
            late()
        assert row(db) == before
    assert outcomes(db) == []


def test_the_attempt_is_on_record_before_the_send_and_freezes_the_wire(db: Database, box: Outbox, clock: Clock) -> None:
    put(db)
    first = begun(box, wire={"Total": "1.00"})
    stored = row(db)
    assert (stored.state, stored.attempts, stored.wire, stored.mapping_version) == (
        "unknown",
        1,
        {"Total": "1.00"},
        "m1",
    )
    assert (stored.last_sent_at, outcomes(db)) == (NOW, [""])
    clock.forward(LEASE)  # the process died here
    again = take(box)
    second = box.begin_attempt(again, {"Total": "9.99"}, "m2", clock() + timedelta(seconds=9))
    assert (second.wire, second.mapping_version, second.attempts) == (first.wire, "m1", 2)
    assert outcomes(db) == ["lost", ""]


def test_a_send_that_would_outlast_the_lease_is_refused(db: Database, box: Outbox, clock: Clock) -> None:
    put(db)
    entry = take(box)
    for deadline in (clock.now + timedelta(seconds=LEASE + 1), clock.now):
        with pytest.raises(LeaseLostError) as refused:
            box.begin_attempt(entry, {}, "m1", deadline)
        assert refused.value.code == "lease-short"
    assert row(db).attempts == 0


def test_settling_links_the_document_and_tells_the_erps_warnings(db: Database, box: Outbox) -> None:
    put(db)
    assert box.settle(begun(box), "sent", "4500001", ["V1/555 credit check"]) == "sent"
    stored = row(db)
    assert (stored.state, stored.external_id, stored.lease_owner, stored.lease_until) == ("sent", "4500001", "", None)
    assert stored.reason["params"]["warnings"] == "V1/555 credit check"
    with db.read() as conn:
        link = conn.execute(select(schema.external_ref)).one()
        assert (link.system, link.obj, link.erp_key, link.crm_id) == ("s4", "orders", "4500001", "Q1")
        actions = list(conn.execute(select(schema.audit.c.action)).scalars())
        assert audit.verify(conn) == []
    assert actions[-2:] == ["outbox.attempt", "outbox.sent"]
    assert box.claim("s4", lease_s=LEASE) == []


def test_a_first_attempt_that_changed_nothing_leaves_no_doubt(db: Database, box: Outbox, clock: Clock) -> None:
    put(db)
    until = clock.now + timedelta(seconds=5)
    assert box.wait(begun(box), "pending", until, ProblemError()) == "pending"
    stored = row(db)
    assert (stored.state, stored.last_sent_at, stored.reason["code"]) == ("pending", None, "record-rejected")
    assert box.claim("s4", lease_s=LEASE) == []
    clock.forward(5)
    assert take(box).attempts == 1


def test_what_may_have_arrived_stays_unknown_whatever_comes_later(db: Database, box: Outbox, clock: Clock) -> None:
    put(db)
    assert box.wait(begun(box), "unknown", clock.now) == "unknown"
    first_sent = row(db).last_sent_at
    clock.forward(700)
    assert box.wait(begun(box), "pending", clock.now) == "unknown"
    assert row(db).last_sent_at == first_sent
    assert outcomes(db) == ["unknown", "not-sent"]


def test_a_failed_look_up_changes_nothing_but_the_time(db: Database, box: Outbox, clock: Clock) -> None:
    put(db)
    box.wait(begun(box), "unknown", clock.now)
    sent_at = row(db).last_sent_at
    assert box.wait(take(box), "unknown", clock.now + timedelta(seconds=3)) == "unknown"
    assert (row(db).last_sent_at, row(db).attempts) == (sent_at, 1)


def test_hits_that_are_not_plainly_ours_wait_for_a_person(db: Database, box: Outbox) -> None:
    put(db)
    box.wait(begun(box), "unknown", NOW)
    assert box.review(take(box), [Hit("1"), Hit("2")]) == "review"
    reason = row(db).reason
    assert (reason["code"], reason["params"]["documents"]) == ("several-documents", "1, 2")
    assert [hit["total"] for hit in reason["hits"]] == ["1.00", "1.00"]
    assert box.claim("s4", lease_s=LEASE) == []


def test_versions_of_a_key_go_in_order_and_change_the_same_document(db: Database, box: Outbox) -> None:
    put(db)
    put(db, version=2, action="change")
    put(db, version=3, action="cancel")
    entry = take(box)
    assert (entry.version, box.claim("s4", lease_s=LEASE)) == (1, [])
    box.settle(begun(box, entry), "sent", "45")
    second = take(box)
    assert (second.version, second.action, second.external_id) == (2, "change", "45")
    box.bury(second, ProblemError())  # a dead change holds nobody up: the next says everything anew
    third = take(box)
    assert (third.version, third.action, third.external_id) == (3, "cancel", "45")


def test_an_order_waits_for_its_customer_and_then_knows_his_erp_key(db: Database, box: Outbox) -> None:
    put(db, "CT7-C1", obj="customers", crm_id="C000001")
    put(db, "CT7-Q1", after_key="CT7-C1", document={"customer": {"number": "C000001", "erp_key": ""}})
    customer = take(box)
    assert (customer.key, box.claim("s4", lease_s=LEASE)) == ("CT7-C1", [])
    box.settle(begun(box, customer), "sent", "10000077")
    assert take(box).document["customer"]["erp_key"] == "10000077"


def test_a_dead_customer_shows_on_the_orders_that_wait(db: Database, box: Outbox) -> None:
    put(db, "CT7-C1", obj="customers", crm_id="C000001")
    put(db, "CT7-Q1", after_key="CT7-C1")
    box.bury(begun(box), ProblemError())
    assert box.claim("s4", lease_s=LEASE) == []
    assert outbox_entry.waiting(db, "s4") == []
    assert [entry.key for entry in outbox_entry.waiting(db, "s4", blocked=True)] == ["CT7-Q1"]
    shown = {entry["key"]: entry for entry in outbox_desk.listing(db, SALES)}
    waits = shown["CT7-Q1"]["waits_for"]
    assert (waits["key"], waits["state"], waits["reason"]["code"]) == ("CT7-C1", "dead", "record-rejected")
    outbox_desk.settle_by_hand(db, IT, NOW, "CT7-C1", 1, external_id="10000077", why="made by hand")
    assert take(box).key == "CT7-Q1"


def test_an_amendment_takes_the_place_of_a_refused_create(db: Database, box: Outbox, clock: Clock) -> None:
    put(db, after_key="CT7-C1")
    put(db, version=2, action="change")
    box.bury(begun(box), ProblemError())
    second = take(box)
    assert (second.version, second.action, second.attempts, second.last_sent_at) == (2, "create", 1, None)
    box.settle(begun(box, second), "sent", "46")
    put(db, version=3, action="change")
    third = take(box)
    assert (third.action, third.external_id) == ("change", "46")


def test_what_was_doubtful_in_the_dead_create_stays_doubtful_in_its_successor(
    db: Database, box: Outbox, clock: Clock
) -> None:
    put(db)
    box.wait(begun(box), "unknown", clock.now)
    outbox_desk.settle_by_hand(db, IT, clock.now, "CT7-Q1", 1, dead=True, why="asked them")
    put(db, version=2, action="change")
    second = take(box)
    assert (second.action, second.last_sent_at) == ("create", NOW)
    clock.forward(9)
    assert box.wait(begun(box, second), "pending", clock.now) == "unknown"
    assert row(db, version=2).last_sent_at == NOW


def test_a_refused_create_leaves_nothing_to_cancel(db: Database, box: Outbox) -> None:
    put(db)
    put(db, version=2, action="cancel")
    box.bury(begun(box), ProblemError())
    assert (row(db, version=2).state, row(db, version=2).reason["code"]) == ("sent", "nothing-to-cancel")
    put(db, "CT7-Q2")
    box.bury(begun(box), ProblemError())
    with db.write() as conn:
        values = {"system": "s4", "obj": "orders", "crm_id": "Q2", "document": {}, "now": NOW, "by": "sam"}
        assert outbox_entry.enqueue(conn, key="CT7-Q2", version=2, action="cancel", **values) == ""


def test_a_cancellation_behind_a_create_given_up_by_hand_waits_for_the_person(db: Database, box: Outbox) -> None:
    put(db)
    put(db, version=2, action="cancel")
    outbox_desk.settle_by_hand(db, IT, NOW, "CT7-Q1", 1, dead=True, why="gave up")
    assert box.claim("s4", lease_s=LEASE) == []
    (_, waiting) = outbox_desk.show(db, IT, "CT7-Q1")
    assert waiting["waits_for"]["reason"]["code"] == "given-up"
    outbox_desk.settle_by_hand(db, IT, NOW, "CT7-Q1", 1, resend=True, why="after all")
    assert take(box).version == 1


def test_a_person_takes_the_entry_from_whoever_holds_it(db: Database, box: Outbox) -> None:
    put(db)
    entry = begun(box)
    outbox_desk.settle_by_hand(db, IT, NOW, "CT7-Q1", 1, external_id="45", why="seen in VA03")
    with pytest.raises(LeaseLostError):
        box.settle(entry, "sent", "46")
    assert row(db).external_id == "45"
    with pytest.raises(RefusedError) as refused:
        outbox_desk.settle_by_hand(db, IT, NOW, "CT7-Q1", 1, dead=True, why="no")
    assert refused.value.code == "entry-sent"


def test_a_resend_of_a_dead_entry_is_mapped_anew_and_of_a_doubtful_one_is_not(db: Database, box: Outbox) -> None:
    put(db)
    box.bury(begun(box), ProblemError())
    after = outbox_desk.settle_by_hand(db, IT, NOW, "CT7-Q1", 1, resend=True, why="mapping fixed")
    assert (after.state, after.wire, after.last_sent_at) == ("pending", None, None)
    box.wait(begun(box, wire={"a": "2"}), "unknown", NOW)
    box.review(take(box), [Hit("1"), Hit("2")])
    after = outbox_desk.settle_by_hand(db, IT, NOW, "CT7-Q1", 1, resend=True, why="both were deleted")
    assert (after.state, after.wire, after.last_sent_at) == ("unknown", {"a": "2"}, NOW)


def test_what_a_later_version_replaced_is_not_resent(db: Database, box: Outbox) -> None:
    put(db)
    box.bury(begun(box), ProblemError())
    put(db, version=2, action="change")
    with pytest.raises(RefusedError) as refused:
        outbox_desk.settle_by_hand(db, IT, NOW, "CT7-Q1", 1, resend=True, why="try")
    assert refused.value.code == "entry-replaced"


def test_settling_takes_one_choice_a_reason_and_the_role(db: Database) -> None:
    put(db)
    for choice, code in (({}, "settle-choice"), ({"dead": True, "resend": True}, "settle-choice")):
        with pytest.raises(RefusedError) as refused:
            outbox_desk.settle_by_hand(db, IT, NOW, "CT7-Q1", 1, why="x", **choice)
        assert refused.value.code == code
    with pytest.raises(RefusedError):
        outbox_desk.settle_by_hand(db, IT, NOW, "CT7-Q1", 1, why=" ", dead=True)
    with pytest.raises(AccessDeniedError):
        outbox_desk.settle_by_hand(db, SALES, NOW, "CT7-Q1", 1, why="x", dead=True)
    with pytest.raises(NotFoundError):
        outbox_desk.settle_by_hand(db, IT, NOW, "CT7-Q9", 1, why="x", dead=True)
    with pytest.raises(NotFoundError):
        outbox_desk.show(db, IT, "CT7-Q9")
    assert outbox_desk.probe(db, SALES, "CT7-Q1", 1).obj == "orders"


def test_an_adopted_document_is_changed_and_not_made_again(db: Database, box: Outbox) -> None:
    adopted = {"system": "s4", "obj": "orders", "crm_id": "Q1", "external_id": "45"}
    assert outbox_desk.adopt(db, ADMIN, NOW, key="CT7-Q1", why="restored", **adopted).state == "sent"
    with pytest.raises(RefusedError):
        outbox_desk.adopt(db, ADMIN, NOW, key="CT7-Q1", why="twice", **adopted)
    put(db, version=2, action="change")
    assert take(box).external_id == "45"


def test_a_released_entry_is_free_at_once_and_its_old_claim_is_void(db: Database, box: Outbox, clock: Clock) -> None:
    put(db)
    entry = take(box)
    box.release(entry)
    with pytest.raises(LeaseLostError):
        box.release(entry)
    assert take(Outbox(db, clock, owner="b")).lease_token == 2


def test_many_pushers_at_once_never_claim_the_same(database_url: str) -> None:
    first = empty_database(database_url)
    with first.write() as conn:
        for number in range(60):
            values = {"system": "s4", "obj": "orders", "crm_id": "Q", "document": {}, "now": NOW, "by": "sam"}
            outbox_entry.enqueue(conn, key=f"CT7-Q{number}", version=1, action="create", **values)
    taken: list[str] = []

    def work(owner: str) -> None:
        db = Database(database_url)
        box = Outbox(db, Clock(), owner=owner)
        while claimed := box.claim("s4", lease_s=LEASE, limit=3):
            taken.extend(entry.key for entry in claimed)
        db.dispose()

    threads = [threading.Thread(target=work, args=(f"owner-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(f"CT7-Q{number}" for number in range(60))
    first.dispose()


def test_three_workers_on_postgresql_pass_by_what_another_one_is_claiming(postgresql_databases: Databases) -> None:
    """They do not stand in line for the first entry: whoever finds it locked takes the next one."""
    with postgresql_databases.one() as url:
        db = empty_database(url)
        for number in range(4):
            put(db, f"CT7-Q{number}")
        with db.write(alone=False) as conn:  # somebody is in the middle of his claim
            locked = conn.execute(outbox._due("s4", NOW).limit(1)).scalar_one()
            with ThreadPoolExecutor(3) as workers:
                claims = list(
                    workers.map(lambda name: Outbox(db, Clock(), owner=name).claim("s4", lease_s=LEASE), "abc")
                )
        assert locked == "CT7-Q0"
        assert sorted(entry.key for claimed in claims for entry in claimed) == ["CT7-Q1", "CT7-Q2", "CT7-Q3"]
        db.dispose()


OFTEN = ["claim", "claim", "claim", "begin", "begin", "begin", "sleep", "sleep", "pending", "pending", "unknown"]
SELDOM = ["sent", "review", "bury", "release", "hand"]
STEPS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from([*OFTEN, *SELDOM]), st.booleans()), min_size=5, max_size=40
)


@pytest.fixture(scope="module")
def interleaved(databases: Databases) -> Iterator[Database]:
    with databases.one() as url:
        database = empty_database(url)
        yield database
        database.dispose()


@settings(max_examples=60)
@given(steps=STEPS)
def test_random_interleavings_have_one_holder_and_lose_no_doubt(
    interleaved: Database, steps: list[tuple[str, str, bool]]
) -> None:
    """Two owners do what they like with one entry; beside it a model of who holds it and whether it may be booked."""
    Interleaving(interleaved).run(steps)


class Interleaving:
    """`claims` are all that an owner ever got; with `stale` he uses the one before his last."""

    def __init__(self, db: Database) -> None:
        with db.write() as conn:
            for name in ("outbox", "outbox_attempt", "external_ref"):
                conn.execute(text(f"DELETE FROM {name}"))
        put(db)
        self.db, self.clock = db, Clock()
        self.boxes = {name: Outbox(db, self.clock, owner=name) for name in "ab"}
        self.claims: dict[str, list[Entry]] = {"a": [], "b": []}
        self.holder: Entry | None = None
        self.doubtful_since: datetime | None = None
        self.began: datetime | None = None

    def run(self, steps: list[tuple[str, str, bool]]) -> None:
        for owner, step, stale in steps:
            before = row(self.db)
            if step == "sleep":
                self.clock.forward(LEASE / 2)
            elif step == "claim":
                self.claim(owner)
            elif step == "hand":
                self.hand()
            elif len(self.claims[owner]) > stale:
                self.act(owner, step, self.claims[owner][-1 - stale], before)
            self.check()

    def claim(self, owner: str) -> None:
        for entry in self.boxes[owner].claim("s4", lease_s=LEASE):
            assert self.holder is None or lease_left(self.holder, self.clock.now) <= 0
            self.claims[owner].append(entry)
            self.holder = entry
            self.fall_silent()

    def act(self, owner: str, step: str, entry: Entry, before: Any) -> None:
        held = self.holder is not None and self.holder.lease_token == entry.lease_token and entry.lease_owner == owner
        try:
            if step == "begin":
                self.begin(owner, entry)
            else:
                self.finish(self.boxes[owner], step, entry)
        except LeaseLostError:
            assert row(self.db) == before
            assert not held or (step == "begin" and lease_left(entry, self.clock.now) < 30)
        else:
            assert held

    def begin(self, owner: str, entry: Entry) -> None:
        entry = begun(self.boxes[owner], entry)
        assert lease_left(entry, self.clock.now) >= 30
        self.fall_silent()
        self.claims[owner][-1], self.holder, self.began = entry, entry, self.clock.now

    def finish(self, box: Outbox, step: str, entry: Entry) -> None:
        {
            "sent": lambda: box.settle(entry, "sent", "45"),
            "pending": lambda: box.wait(entry, "pending", self.clock.now),
            "unknown": lambda: box.wait(entry, "unknown", self.clock.now),
            "review": lambda: box.review(entry, [Hit("1"), Hit("2")]),
            "bury": lambda: box.bury(entry, ProblemError()),
            "release": lambda: box.release(entry),
        }[step]()
        self.holder = None
        if step in ("unknown", "review"):
            self.fall_silent()
        if step != "release":
            self.began = None

    def fall_silent(self) -> None:
        """An attempt whose outcome nobody will tell may have arrived."""
        self.doubtful_since = self.began or self.doubtful_since
        self.began = None

    def hand(self) -> None:
        if row(self.db).state != "sent":
            outbox_desk.settle_by_hand(self.db, IT, self.clock.now, "CT7-Q1", 1, resend=True, why="again")
            self.holder = None
            self.fall_silent()

    def check(self) -> None:
        stored = row(self.db)
        if stored.state == "sent":
            return
        if self.began:
            assert (stored.state, stored.last_sent_at) == ("unknown", self.began)
        elif self.doubtful_since:
            assert stored.state != "pending"
            assert stored.last_sent_at == self.doubtful_since
        else:
            assert stored.last_sent_at is None


def test_an_earlier_claim_of_the_same_owner_is_void(db: Database, box: Outbox, clock: Clock) -> None:
    put(db)
    first = begun(box)
    clock.forward(LEASE)
    second = begun(box)
    with pytest.raises(LeaseLostError):
        box.wait(first, "pending", clock.now)
    assert box.wait(second, "pending", clock.now) == "unknown"  # the first may have arrived before it died
    assert row(db).last_sent_at == NOW


def test_a_resend_while_a_send_is_under_way_still_asks_first(db: Database, box: Outbox) -> None:
    put(db)
    entry = begun(box)
    after = outbox_desk.settle_by_hand(db, IT, NOW, "CT7-Q1", 1, resend=True, why="it hangs")
    assert (after.state, after.last_sent_at) == ("unknown", NOW)
    with pytest.raises(LeaseLostError):
        box.settle(entry, "sent", "45")


def test_an_entry_of_another_system_is_not_ours_to_send(db: Database, box: Outbox) -> None:
    put(db, system="u8")
    assert box.claim("s4", lease_s=LEASE) == []
    with db.write() as conn:
        conn.execute(insert(schema.sequence).values(name="unrelated", value=1))
    assert [entry.key for entry in box.claim("u8", lease_s=LEASE)] == ["CT7-Q1"]
