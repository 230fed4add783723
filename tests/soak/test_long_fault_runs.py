"""The long version of tests/flows: thousands of quotes and drawn fault lists, processes killed at any moment."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from config.settings import Settings
from config.wiring import open_database
from crm_core import outbox_entry
from crm_core.database import Database
from flows.context import Context
from flows.pull import pull
from tests.databases import Databases
from tests.flows import processes, selling
from tests.flows.processes import Child
from tests.flows.push_faults import HORIZON_S, TIMEOUT_S, faults, weather
from tests.flows.road import Road, open_road
from tests.flows.state import broken_audit, differences, rows
from tests.flows.test_exactly_one_order import FAULT_LISTS, QUOTES, each_quote_is_one_order, reused

__all__ = ["reused"]  # a fixture
pytestmark = pytest.mark.soak

SEED = 20260504
WORKERS = 3
LIMIT_S = 2400


@settings(max_examples=3000)
@given(faults=FAULT_LISTS, quotes=QUOTES)
def test_whatever_fails_each_quote_is_one_order(reused: Database, faults: list[str], quotes: int) -> None:
    each_quote_is_one_order(reused, faults, quotes)


@pytest.fixture
def road(tmp_path: Path, database_url: str) -> Iterator[Road]:
    times = {"horizon_s": HORIZON_S, "timeout_s": TIMEOUT_S}
    with open_road(tmp_path, database_url=database_url, limits={"retry_s": 3}, **times) as road:
        yield road


@pytest.fixture
def ctx(road: Road) -> Iterator[Context]:
    with road.context() as context:
        pull(context, ["customers", "products", "prices"])
        yield context


def push_and_kill(road: Road, ctx: Context, dice: random.Random) -> int:
    """Several pushes at once; now and then one is killed and another one started. How many were killed."""
    children: list[Child] = []
    killed, end = 0, time.monotonic() + LIMIT_S
    with processes.killed_after(children):
        while outbox_entry.waiting(ctx.database, ctx.system, blocked=True):
            assert time.monotonic() < end, f"{len(selling.unsent(ctx))} entries are still not sent"
            children[:] = [child for child in children if child.process.is_alive()]
            while len(children) < WORKERS:
                children.append(processes.start_push(road.settings, wait_s=30))
            time.sleep(dice.uniform(0.5, 4))
            dice.choice(children).kill()
            killed += 1
    return killed


@pytest.mark.timeout(LIMIT_S + 600)
def test_two_thousand_quotes_are_two_thousand_orders(road: Road, ctx: Context) -> None:
    dice = random.Random(SEED)
    numbers = selling.sell(ctx, 2000)
    with faults(road, weather(road, seed=SEED)):
        assert push_and_kill(road, ctx, dice) > 10
        for number in dice.sample(numbers, 300):
            dice.choice([selling.add_a_line, selling.add_only_a_line, selling.drop_a_line, selling.cancel])(ctx, number)
        push_and_kill(road, ctx, dice)
    assert selling.unsent(ctx) == []
    assert selling.misbooked(road, ctx, numbers) == []
    assert broken_audit(ctx.database) == []


@pytest.mark.timeout(LIMIT_S)
def test_a_pull_killed_at_any_moment_ends_row_for_row_the_same(
    tmp_path: Path, databases: Databases, database_url: str
) -> None:
    dice = random.Random(SEED)
    with open_road(tmp_path, rows=3000, database_url=database_url) as road:
        open_database(road.settings).dispose()
        calm, killed = (replace(road.settings, database_url=databases.copy(database_url)) for _ in range(2))
        processes.run(processes.start_pull(calm))
        for _ in range(25):
            child = processes.start_pull(killed)
            with processes.killed_after([child]):
                child.process.join(dice.uniform(0.5, 8))
        processes.run(processes.start_pull(killed))
        assert differences(state(calm), state(killed)) == {}


def state(settings_: Settings) -> dict[str, list[tuple[str, ...]]]:
    database = Database(settings_.database_url)
    try:
        assert broken_audit(database) == []
        return rows(database)
    finally:
        database.dispose()
