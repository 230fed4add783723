"""A first read in parts, by any number of workers, killed or not, leaves what one undisturbed pull would have left."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from copy import copy
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Settings
from config.wiring import open_context
from connectors.base import Splits
from crm_core import backfill as crm
from crm_core import sync_state
from crm_core.database import Database
from flows import backfill
from flows.backfill import Split
from flows.context import Context
from flows.errors import UsageError
from flows.pull import pull
from flows.runs import running
from tests.e2e.house import until
from tests.flows import processes
from tests.flows.lease_processes import start_worker
from tests.flows.processes import Stop, killed_after
from tests.flows.pulled import PULLED
from tests.flows.road import Road, open_road
from tests.flows.state import Rows, broken_audit, differences, rows
from tests.unit.cli_help import new_place

DAY = date(2026, 4, 15)
SMALL = {"A_OutbDeliveryHeader": 5, "A_BillingDocument": 6, "A_SalesOrder": 5, "A_OperationalAcctgDocItemCube": 20}
LIMITS = [{"fault": "page_limit", "n": size, "match": {"path": rf"/{name}$"}} for name, size in SMALL.items()]
MONTHS = Split("date", date(2025, 12, 1), date(2026, 4, 1))
COMPANIES = Split("company")


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    with open_road(tmp_path_factory.mktemp("road"), day=DAY, faults=LIMITS) as road:
        yield road


@pytest.fixture
def settings(road: Road, database_url: str) -> Settings:
    return road.on(database_url)


@pytest.fixture
def ctx(settings: Settings) -> Iterator[Context]:
    with open_context(settings, "s4") as opened:
        yield opened


@pytest.fixture(scope="module")
def undisturbed(road: Road, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """What two ordinary pulls leave."""
    url = f"sqlite:///{tmp_path_factory.mktemp('plain') / 'crm.sqlite'}"
    with open_context(replace(road.settings, database_url=url), "s4") as plain:
        pull(plain)
        pull(plain)
        return without_pages(plain.database)


def without_pages(db: Database) -> Rows:
    """Every row but the audit's, which has one a page; its chain must hold."""
    assert broken_audit(db) == []
    return {table: found for table, found in rows(db).items() if table not in ("audit", "installation")}


def test_it_leaves_what_a_pull_leaves(ctx: Context, undisturbed: Rows) -> None:
    backfill.plan(ctx, split=MONTHS)
    assert {each.obj: each.parts for each in backfill.standing(ctx)} == {
        **dict.fromkeys(PULLED, 1),
        **dict.fromkeys(("deliveries", "invoices", "orders", "open_items"), 6),
    }
    report = backfill.work(ctx)
    assert not any(each.open for each in backfill.standing(ctx))
    after = pull(ctx)
    for obj in ("orders", "invoices", "open_items"):
        assert after.counts[obj].created == 0
        assert report.counts[obj].created == report.counts[obj].read
    assert differences(undisturbed, without_pages(ctx.database)) == {}


def test_by_company_others_are_a_part_of_their_own(ctx: Context, undisturbed: Rows) -> None:
    backfill.plan(ctx, split=COMPANIES)
    names = {obj: [name for each, name, _ in backfill.parts(ctx) if each == obj] for obj in PULLED}
    assert names["open_items"] == [*sorted(ctx.companies), "others"]
    assert len(names["orders"]) == len(ctx.companies) + 1
    backfill.work(ctx)
    pull(ctx)
    assert differences(undisturbed, without_pages(ctx.database)) == {}


@pytest.mark.e2e
def test_three_workers_one_of_them_killed_leave_what_a_pull_leaves(
    settings: Settings, ctx: Context, undisturbed: Rows
) -> None:
    backfill.plan(ctx, split=MONTHS)
    doomed = start_worker(settings, [], stop=Stop("page stored", 6))
    with killed_after([doomed]):
        assert doomed.wait_for_stop()
        others = [start_worker(settings, []) for _ in range(2)]
        with killed_after(others):
            doomed.kill()
            read = [child.result() for child in others]
    assert all(sum(counts.values()) for counts in read)  # both had work
    assert not any(each.open for each in backfill.standing(ctx))
    pull(ctx)
    assert differences(undisturbed, without_pages(ctx.database)) == {}


def test_a_worker_that_only_waits_for_others_shows_that_it_lives(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else Prefect's run of it would be taken for lost, and another started beside it."""
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "run-of-prefect")
    backfill.plan(ctx, ["orders"], COMPANIES)
    parts = [part for _obj, part, _records in backfill.parts(ctx, ["orders"])]
    with ExitStack() as others, ThreadPoolExecutor() as pool:
        for part in parts:
            others.enter_context(
                running(replace(ctx, owner=f"other:{part}"), "orders", "backfill", part=part, exclusive=True)
            )
        monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "waits")
        waiting = pool.submit(backfill.work, ctx, ["orders"])
        until(lambda: "waits" in sync_state.alive_in_prefect(ctx.database, ctx.clock(), timedelta(0)), 30)
        others.close()
        assert waiting.result(60).counts["orders"].created
    assert not any(each.open for each in backfill.standing(ctx, ["orders"]))


def test_a_killed_part_is_gone_on_with_behind_its_last_page(settings: Settings, ctx: Context) -> None:
    backfill.plan(ctx, ["orders"], Split("date", date(2026, 4, 1), date(2026, 4, 2)))
    assert processes.kill_at(start_worker(settings, ["orders"], stop=Stop("page stored", 3)))
    (_obj, name, stored), *_ = backfill.parts(ctx, ["orders"])
    assert name == "..2026-04-01"
    assert 0 < stored <= 3 * SMALL["A_SalesOrder"]
    report = backfill.work(ctx, ["orders"])
    standing = backfill.standing(ctx, ["orders"])[0]
    assert report.counts["orders"].created + stored == len(list(ctx.connector.raw_amounts("orders")))
    assert standing.records >= report.counts["orders"].created + stored


def test_what_changes_meanwhile_is_read_by_the_next_pull(tmp_path: Path) -> None:
    """A year passes at the ERP between the first part and the others: the first part's orders are served and paid."""
    with open_road(tmp_path / "road", day=DAY) as road, road.context() as ctx:
        backfill.plan(ctx, split=MONTHS)
        for obj in ("deliveries", "invoices", "orders", "open_items"):
            pull(ctx, [obj], partition="..2025-12-01")
        for _ in range(4):
            road.control("advance", {"days": 20})
        backfill.work(ctx)
        pull(ctx)
        url = f"sqlite:///{tmp_path / 'fresh.sqlite'}"
        with open_context(replace(road.settings, database_url=url), "s4") as fresh:
            pull(fresh)
            pull(fresh)
            kept = {"order_event", "order_hold", "cleared_line"}  # what was seen on the way
            mine, theirs = without_pages(ctx.database), without_pages(fresh.database)
            assert set(differences(theirs, mine)) <= kept


def test_a_pull_of_an_object_that_a_backfill_reads_waits_and_then_reads_only_news(ctx: Context) -> None:
    backfill.plan(ctx, ["orders"], MONTHS)
    held = pull(ctx, ["orders", "products"])
    assert held.held["orders"].code == "backfill-open"
    assert held.counts["products"].created
    assert pull(ctx, ["orders"], dry_run=True).counts["orders"].read
    backfill.work(ctx)
    counts = pull(ctx, ["orders"]).counts["orders"]
    assert counts.created == 0


def test_where_there_is_a_watermark_pulls_go_on_beside_a_backfill(ctx: Context) -> None:
    pull(ctx, ["orders"])
    backfill.plan(ctx, ["orders"], MONTHS)
    assert not pull(ctx, ["orders"]).held
    with ctx.database.read() as conn:
        before = crm.sync_state.watermark(conn, "s4", "orders", "changed", ctx.mapping.version)
    backfill.work(ctx)
    with ctx.database.read() as conn:
        assert crm.sync_state.watermark(conn, "s4", "orders", "changed", ctx.mapping.version) >= before


def test_an_open_backfill_goes_on_as_planned_and_can_be_given_up(ctx: Context) -> None:
    backfill.plan(ctx, ["orders"], MONTHS)
    pull(ctx, ["orders"], partition="..2025-12-01")
    (standing,) = backfill.plan(ctx, ["orders"], COMPANIES)
    assert (standing.by, standing.done, standing.parts) == ("date", 1, 6)
    assert backfill.abandon(ctx, ["orders"]) == ["orders"]
    assert backfill.abandon(ctx, ["orders"]) == []
    assert not pull(ctx, ["orders"]).held
    with pytest.raises(UsageError) as refused:
        pull(ctx, ["orders"], partition="..2025-12-01")
    assert refused.value.code == "no-part"


def test_another_mapping_begins_anew(ctx: Context) -> None:
    backfill.plan(ctx, ["orders"], MONTHS)
    pull(ctx, ["orders"], partition="..2025-12-01")
    changed = replace(ctx, mapping=copy(ctx.mapping))
    changed.mapping.version = "another"
    assert backfill.plan(changed, ["orders"], MONTHS)[0].done == 0
    assert backfill.work(ctx, ["orders"]).counts == {}  # the old one's workers have nothing left to do


@given(
    first=st.dates(date(2000, 1, 1), date(2030, 1, 1)) | st.none(),
    days=st.integers(1, 900),
    step=st.sampled_from(["month", "week", "1", "10", "400"]),
)
def test_parts_by_date_are_without_gap_or_overlap_and_open_at_both_ends(
    first: date | None, days: int, step: str
) -> None:
    last = None if first is None else date.fromordinal(first.toordinal() + days)
    parts = dict(backfill._parts(Split("date", first, last, step), Splits("changed", None, True), DAY))
    bounds = [(part.first, part.before) for part in parts.values()]
    assert bounds[0][0] == bounds[-1][1] == ""
    assert all(before == first and before for (_, before), (first, _) in pairwise(bounds))
    assert [first for first, _ in bounds] == sorted({first for first, _ in bounds})


@pytest.mark.parametrize(
    ("split", "code"),
    [
        (Split("customer"), "bad-split"),
        (Split(step="0"), "bad-step"),
        (Split(step="fortnight"), "bad-step"),
        (Split(step="3661"), "bad-step"),
        (Split(step="9999999999"), "bad-step"),
        (Split(first=date(1899, 12, 31)), "bad-day"),
        (Split(last=date(1, 6, 1)), "bad-day"),
        (Split(last=date(9999, 12, 31)), "bad-day"),
        (Split(first=DAY, last=DAY), "bad-range"),
    ],
)
def test_what_makes_no_split_is_refused(split: Split, code: str) -> None:
    with pytest.raises(UsageError) as refused:
        split.check()
    assert refused.value.code == code


@pytest.mark.e2e
def test_the_command_shares_the_work_with_a_process_beside_it(
    road: Road, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(road.settings.config, tmp_path / "config")
    shutil.copytree(road.settings.home / "secrets", tmp_path / "var" / "secrets")
    place = new_place(tmp_path, monkeypatch, capsys)
    planned = place.run("backfill", "s4", "orders", "--from", "2026-01-01", "--step", "week", "--plan", "--json").json
    assert len(planned["parts"]) > 10
    otherwise = place.run("backfill", "s4", "orders", "--by", "company", "--plan", "--lang", "en")
    assert "go on as planned before" in otherwise.all and planned["parts"][1]["part"] in otherwise.out
    assert "planned before" not in place.run("backfill", "s4", "orders", "--plan", "--lang", "en").all
    done = place.run("backfill", "s4", "orders", "--workers", "2", "--json")
    orders = done.json["objects"]["orders"]
    assert (done.code, orders["done"], orders["open"]) == (0, orders["parts"], False)
    assert done.json["here"]["orders"]["read"] <= orders["records"]
    assert place.run("backfill", "s4", "orders", "--by", "customer").code == 2
