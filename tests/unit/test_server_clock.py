"""Whoever shares a PostgreSQL goes by its clock, whatever its own says."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm_core import server
from crm_core.database import Database, utc_now
from tests.databases import Databases

HOUR = timedelta(hours=1)


def wrong_clock(monkeypatch: pytest.MonkeyPatch, ahead: timedelta) -> None:
    monkeypatch.setattr(server, "utc_now", lambda: utc_now() + ahead)


@pytest.fixture
def shared(postgresql_databases: Databases) -> Any:
    with postgresql_databases.one() as url:
        database = Database(url)
        yield database
        database.dispose()


@pytest.mark.parametrize("ahead", [-HOUR, HOUR])
def test_a_worker_whose_clock_is_wrong_goes_by_the_servers(
    shared: Database, monkeypatch: pytest.MonkeyPatch, ahead: timedelta
) -> None:
    wrong_clock(monkeypatch, ahead)
    clock = server.clock_of(shared)
    assert abs((clock() - datetime.now(UTC)).total_seconds()) < 5
    found = server.server(shared)
    assert found and abs(found.clock_offset_s + ahead.total_seconds()) < 5


def test_it_counts_on_and_asks_again_when_the_machine_slept_or_was_set(
    shared: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[datetime] = []
    ask = server._server_time
    monkeypatch.setattr(server, "_server_time", lambda db: asked.append(ask(db)) or asked[-1])
    clock = server.clock_of(shared)
    first = clock()
    time.sleep(0.05)
    assert clock() - first >= timedelta(seconds=0.05) and len(asked) == 1
    wrong_clock(monkeypatch, HOUR)
    assert abs((clock() - datetime.now(UTC)).total_seconds()) < 5
    assert len(asked) == 2


def test_a_file_has_the_clock_of_its_machine(tmp_path: Any) -> None:
    database = Database(f"sqlite:///{tmp_path / 'crm.sqlite'}")
    assert server.clock_of(database) is server.utc_now
    database.dispose()


def test_times_are_read_in_utc_wherever_the_server_stands(postgresql_databases: Databases) -> None:
    with postgresql_databases.one() as url:
        database = Database(url)
        with database.write() as conn:
            conn.exec_driver_sql("ALTER ROLE CURRENT_USER SET timezone = 'Asia/Shanghai'")
        database.engine.dispose()
        with database.read() as conn:
            at = conn.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        assert at.utcoffset() == timedelta(0)
        with database.write() as conn:
            conn.exec_driver_sql("ALTER ROLE CURRENT_USER RESET timezone")
        database.dispose()
