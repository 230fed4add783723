"""One run an object: who comes second is told, who dies is followed at once, who wakes up too late writes nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

import flows.runs
from config.settings import Settings
from config.wiring import open_context
from crm_core import installation, run_lease, schema, sync_state
from crm_core.database import Database
from crm_core.errors import LeaseLostError
from crm_core.run_lease import Holder, Lease
from crm_core.store import Page, Store
from crm_core.sync_state import Started
from flows.pull import pull
from flows.push import push
from flows.reconcile import reconcile
from flows.runs import running
from tests.flows import processes
from tests.flows.lease_processes import LEASE_S, start_short_lived_pull
from tests.flows.processes import Stop, killed_after
from tests.flows.road import Road, open_road
from tests.flows.state import differences, rows

DAY = date(2026, 4, 15)
NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
PAGES = [{"fault": "page_limit", "n": 14, "match": {"path": "/A_SalesOrder$"}}]
STOPPED = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot stop a process")


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    with open_road(tmp_path_factory.mktemp("road"), day=DAY, faults=PAGES) as road:
        yield road


@pytest.fixture
def settings(road: Road, database_url: str) -> Settings:
    return road.on(database_url)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.dispose()


def runs(db: Database, obj: str = "orders") -> list[dict[str, Any]]:
    """The runs of an object, oldest first."""
    table = schema.run
    with db.read() as conn:
        found = conn.execute(select(table).where(table.c.obj == obj).order_by(table.c.started_at)).mappings()
        return [dict(row) for row in found]


def token(db: Database) -> int:
    with db.read() as conn:
        return int(conn.execute(select(schema.run_lease.c.token)).scalar_one())


def started(direction: str = "pull", owner: str = "elsewhere:1:a", lease_s: float = 45, **more: Any) -> Started:
    return Started("s4", "orders", direction, owner, lease_s, exclusive=direction == "pull", **more)


def begun(db: Database, at: datetime, **more: Any) -> Lease:
    lease = sync_state.begin_run(db, started(**more), at)
    assert isinstance(lease, Lease)
    return lease


def now(db: Database) -> datetime:
    """The time that leases go by."""
    with db.read() as conn:
        return run_lease.moment(conn, datetime.now(UTC))


# --- the rows --------------------------------------------------------------------------------------------------------


def test_a_second_run_learns_who_has_the_object_and_leaves_no_trace(db: Database) -> None:
    begun(db, now(db))
    found = sync_state.begin_run(db, started(owner="here:2:b"), now(db))
    assert isinstance(found, Holder)
    assert found.owner == "elsewhere:1:a"
    assert len(runs(db)) == 1


def test_another_object_part_or_direction_is_free(db: Database) -> None:
    begun(db, now(db))
    begun(db, now(db), part="2026-01-01..")
    begun(db, now(db), direction="replay")
    other = sync_state.begin_run(db, replace(started(), obj="invoices"), now(db))
    assert isinstance(other, Lease)


def test_after_the_lease_the_next_run_has_a_higher_token_and_the_old_one_is_interrupted(db: Database) -> None:
    first = begun(db, now(db), lease_s=-1)
    second = begun(db, now(db))
    assert second.token == first.token + 1
    assert [run["state"] for run in runs(db)] == ["interrupted", "running"]


def test_an_owner_known_to_be_dead_is_not_waited_for(db: Database) -> None:
    begun(db, now(db))
    found = sync_state.begin_run(db, started(), now(db), gone=lambda owner: owner == "elsewhere:1:a")
    assert isinstance(found, Lease)


def test_a_run_that_was_taken_over_writes_nothing(db: Database) -> None:
    lost = begun(db, now(db), lease_s=-1)
    holder = begun(db, now(db))
    page = Page("s4", "orders", (), (), "m1", lost.run_id, NOW, "changed", "", ("2026-01-01", "1"), NOW, lease=lost)
    with pytest.raises(LeaseLostError):
        Store(db).store_page(page)
    with pytest.raises(LeaseLostError):
        sync_state.finish_read(db, lost, "changed", stamp="2026-01-01", mapping_version="m1", at=NOW)
    with pytest.raises(LeaseLostError):
        sync_state.end_run(db, lost, "done", {}, NOW)
    assert not sync_state.renew_run(db, lost, now(db), 45)
    assert sync_state.start_of(db, "s4", "orders", "changed", "m1", full=False) == sync_state.Start("")
    Store(db).store_page(replace(page, lease=holder))
    assert sync_state.start_of(db, "s4", "orders", "changed", "m1", full=False).stamp == "2026-01-01"


def test_the_end_of_a_run_frees_its_place(db: Database) -> None:
    sync_state.end_run(db, begun(db, now(db)), "done", {}, NOW)
    assert begun(db, now(db)).token == 2


def test_runs_without_a_sign_of_life_are_closed_and_their_places_taken(db: Database) -> None:
    dead, shared = begun(db, now(db), lease_s=-1), begun(db, now(db), direction="push", lease_s=-1)
    living = begun(db, now(db), part="2026-01-01..")
    assert sync_state.interrupt_stale_runs(db, now(db)) == 2
    states = {run["id"]: run["state"] for run in runs(db)}
    assert states == {dead.run_id: "interrupted", shared.run_id: "interrupted", living.run_id: "running"}
    with pytest.raises(LeaseLostError):
        sync_state.end_run(db, dead, "done", {}, NOW)
    sync_state.end_run(db, living, "done", {}, NOW)
    assert sync_state.interrupt_stale_runs(db, now(db)) == 0


def test_without_a_sweep_whoever_works_next_closes_what_died(settings: Settings) -> None:
    with open_context(settings, "s4") as ctx:
        dead = begun(ctx.database, now(ctx.database), direction="push", lease_s=-1)
        with running(ctx, "invoices", "reconcile"):
            assert [(run["id"], run["state"]) for run in runs(ctx.database)] == [(dead.run_id, "interrupted")]


def test_a_run_of_a_program_older_than_leases_is_closed_after_hours(db: Database) -> None:
    with db.write() as conn:
        for name, hours in (("old", 7), ("young", 1)):
            old = {"id": name, "system": "s4", "obj": "orders", "direction": "pull", "state": "running", "counts": {}}
            conn.execute(schema.run.insert().values(**old, started_at=now(db) - timedelta(hours=hours)))
    assert sync_state.interrupt_stale_runs(db, now(db)) == 1
    assert {run["id"]: run["state"] for run in runs(db)} == {"old": "interrupted", "young": "running"}


# --- real processes --------------------------------------------------------------------------------------------------


def test_of_two_pullers_one_works_and_the_other_is_told(settings: Settings, db: Database) -> None:
    child = start_short_lived_pull(settings, ["orders"], stop=Stop("page stored"))
    with killed_after([child]), open_context(settings, "s4") as ctx:
        assert child.wait_for_stop()
        time.sleep(LEASE_S * 1.5)  # it stands still, and its heart beats
        report = pull(ctx, ["orders", "products"])
        assert report.busy["orders"].code == "already-running"
        assert f":{child.process.pid}:" in report.busy["orders"].params["owner"]
        assert report.counts["products"].created
        child.go_on()
        assert child.result()["orders"] > 14
    assert [run["state"] for run in runs(db)] == ["done"]


def test_who_follows_a_killed_run_goes_on_behind_its_last_page_at_once(settings: Settings, db: Database) -> None:
    child = processes.start_pull(settings, ["orders"], stop=Stop("page stored", 2))  # with a lease of full length
    assert processes.kill_at(child)
    with open_context(settings, "s4") as ctx:
        there_are = len(list(ctx.connector.raw_amounts("orders")))
        assert pull(ctx, ["orders"]).counts["orders"].read < there_are - 14  # 28 were stored; some share a stamp
    assert [run["state"] for run in runs(db)] == ["interrupted", "done"]
    assert token(db) == 2


@STOPPED
def test_who_slept_longer_than_his_lease_writes_nothing_any_more(settings: Settings, db: Database) -> None:
    child = start_short_lived_pull(settings, ["orders"], stop=Stop("page stored"))
    with killed_after([child]), open_context(settings, "s4") as ctx:
        assert child.wait_for_stop()
        os.kill(child.process.pid, signal.SIGSTOP)
        try:
            time.sleep(LEASE_S + 0.5)
            assert not pull(ctx, ["orders"]).busy
            before = rows(db, with_times=True)
        finally:
            os.kill(child.process.pid, signal.SIGCONT)
        child.go_on()
        with pytest.raises(AssertionError, match="was taken over"):
            child.result()
        assert differences(before, rows(db, with_times=True)) == {}
    assert [run["state"] for run in runs(db)] == ["interrupted", "done"]


def test_every_kind_of_run_shows_that_it_lives_and_which_prefect_run_it_is(
    settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "8f0c")
    monkeypatch.setattr(flows.runs, "BEAT_S", 0.01)
    with open_context(settings, "s4") as ctx:
        with db.write() as conn:
            conn.execute(schema.installation.update().values(armed=True))
        push(ctx)
        reconcile(ctx, ["orders"])
        pull(ctx, ["orders"])
    found = runs(db, "outbox") + runs(db)
    assert [run["direction"] for run in found] == ["push", "reconcile", "pull"]
    for run in found:
        assert (run["state"], run["prefect_run"]) == ("done", "8f0c")
        assert run["lease_until"] > run["started_at"] + timedelta(seconds=40)
        assert f":{os.getpid()}:" in run["owner"]


def test_which_runs_of_prefect_live(db: Database) -> None:
    """One that is killed is not alive once its lease is past; one between two leases is."""
    installation.ensure(db, NOW, environment="local")
    begun = [
        sync_state.begin_run(db, Started("s4", obj, "pull", "host:1:a", 45, "", True, f"prefect-{obj}"), NOW, never)
        for obj in ("orders", "invoices")
    ]
    orders, invoices = (lease for lease in begun if isinstance(lease, Lease))
    now = datetime.now(UTC) if run_lease_clock(db) else NOW
    assert alive(db, now) == {"prefect-orders", "prefect-invoices"}
    sync_state.end_run(db, invoices, "done", {}, now)
    assert alive(db, now) == {"prefect-orders", "prefect-invoices"}
    with db.write() as conn:
        past = now - timedelta(seconds=1)
        conn.execute(update(schema.run).where(schema.run.c.id == orders.run_id).values(lease_until=past))
        conn.execute(update(schema.run).where(schema.run.c.id == invoices.run_id).values(finished_at=past))
    assert alive(db, now) == {"prefect-invoices"}
    assert sync_state.interrupt_stale_runs(db, now) == 1
    assert alive(db, now) == {"prefect-invoices"}
    assert alive(db, now, rest_s=0) == set()


def alive(db: Database, now: datetime, rest_s: float = 30) -> set[str]:
    return sync_state.alive_in_prefect(db, now, timedelta(seconds=rest_s))


def run_lease_clock(db: Database) -> bool:
    """Whether leases go by the database's own clock."""
    return not db.is_sqlite


def never(owner: str) -> bool:
    return False
