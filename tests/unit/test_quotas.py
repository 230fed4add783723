"""Calls a minute that all workers share: in turn, whoever asks, and never more than allowed within any minute."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from crm_core.database import Database
from crm_core.quotas import CallQuota
from tests.crm import NOW, Clock, empty_database

LONG = 600
WORKER = """
import sys
from datetime import datetime
from crm_core.database import Database
from crm_core.quotas import CallQuota
database = Database(sys.argv[1])
now = datetime.fromisoformat(sys.argv[2])
quota = CallQuota(database, "yb", lambda: now)
print(*(quota.take("orders", 10, 600) for _ in range(20)))
"""


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = empty_database(database_url)
    yield database
    database.dispose()


def test_a_call_waits_until_the_one_before_the_minutes_last_is_a_minute_old(db: Database) -> None:
    clock = Clock()
    quota = CallQuota(db, "yb", clock)
    waits = [quota.take("orders", 2, LONG) for _ in range(3)]
    clock.forward(20)
    waits += [quota.take(name, 2, LONG) for name in ("orders", "stock")]
    waits.append(CallQuota(db, "other", clock).take("orders", 2, LONG))
    assert waits == [0, 0, 61, 41, 0, 0]
    clock.forward(300)
    assert [quota.take("orders", 2, LONG) for _ in range(3)] == [0, 0, 61]


def test_a_clock_that_was_set_back_holds_nobody_for_long(db: Database) -> None:
    clock = Clock(NOW + timedelta(days=1))
    CallQuota(db, "yb", clock).take("orders", 1, LONG)
    assert CallQuota(db, "yb", Clock(NOW)).take("orders", 1, LONG) == 0


def test_a_smaller_quota_counts_the_calls_before_it(db: Database) -> None:
    quota = CallQuota(db, "yb", Clock())
    assert [quota.take("orders", 5, LONG) for _ in range(5)] == [0] * 5
    assert [quota.take("orders", 2, LONG), quota.take("orders", 2, LONG), quota.take("orders", 2, LONG)] == [
        61,
        61,
        122,
    ]


def test_who_would_wait_too_long_takes_no_place(db: Database) -> None:
    """Ten due orders ask again every 20 seconds: never more than 6 of them go within a minute."""
    clock = Clock()
    quota, sent = CallQuota(db, "yb", clock), list[float]()
    for second in range(0, 1200, 20):
        waits = [quota.take("orders", 6, 30) for _ in range(10)]
        assert max(waits) <= 30 + 61
        sent += [second + wait for wait in waits if wait <= 30]
        clock.forward(20)
    assert len(sent) >= 6 * 1200 // 61
    assert all(later - sooner >= 60 for sooner, later in zip(sent, sent[6:], strict=False))


def test_nobody_reserves_farther_ahead_than_a_clock_may_have_been_wrong(db: Database) -> None:
    quota = CallQuota(db, "yb", Clock())
    waits = [quota.take("orders", 1, 10_000) for _ in range(20)]
    assert waits[:15] == [61 * number for number in range(15)]
    assert set(waits[15:]) == {61 * 15}


def test_the_databases_own_clock_counts(db: Database) -> None:
    """It is that of this machine here."""
    quota = CallQuota(db, "yb")
    began = datetime.now(UTC)
    waits = [quota.take("orders", 1, LONG), quota.take("orders", 1, LONG)]
    spent = (datetime.now(UTC) - began).total_seconds()
    assert waits[0] == 0
    assert 61 - spent <= waits[1] <= 61


def test_threads_share_it(db: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        quotas = [CallQuota(db, "yb", Clock()) for _ in range(4)]
        waits = list(pool.map(lambda number: quotas[number % 4].take("orders", 10, LONG), range(40)))
    assert sorted(waits) == [61 * (number // 10) for number in range(40)]


def test_processes_share_it(db: Database, database_url: str) -> None:
    command = [sys.executable, "-c", WORKER, database_url, NOW.isoformat()]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [worker.communicate(timeout=60)[0].split() for worker in workers]
    waits = [[float(wait) for wait in answer] for answer in answers]
    assert sorted(waits[0] + waits[1]) == [61 * (number // 10) for number in range(40)]
    assert all(mine == sorted(mine) for mine in waits)
