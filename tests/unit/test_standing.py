"""What the status page, the metrics and `status` stand on, read from both kinds of database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from config.settings import Settings
from console.app import create_app
from console.snapshot import VIEWER, Watch
from crm_core import status
from crm_core.access import AccessDeniedError, Actor
from crm_core.database import Database
from crm_core.server import server
from tests.unit.standing_help import NOW, add_entry, add_reconciliation, add_run, new_database


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    made = Settings(tmp_path / "config", tmp_path / "var", database_url)
    new_database(made)
    return made


@pytest.fixture
def db(settings: Settings) -> Iterator[Database]:
    database = Database(settings.database_url)
    yield database
    database.dispose()


def test_everything_is_one_view(db: Database) -> None:
    add_run(db, "R1", "done", minutes_ago=60)
    add_run(db, "R2", "running", minutes_ago=1, lease_until=NOW + timedelta(seconds=30))
    add_run(db, "R3", "failed", minutes_ago=60 * 30, obj="customers")
    add_run(db, "R4", "done", minutes_ago=2, part="CN01")
    add_run(db, "R5", "running", minutes_ago=9, obj="outbox", direction="push", lease_until=NOW - timedelta(seconds=1))
    add_entry(db, "K1", "unknown", minutes_ago=61)
    add_reconciliation(db, 2)
    found = status.standing(db, VIEWER, NOW, also=["erp2"], runs=4)
    assert (found.at, found.environment, found.armed) == (NOW, "local", True)
    erp1, erp2 = found.systems
    assert (erp1["system"], erp1["silent_runs"], erp1["differences"], erp1["backlog"]) == ("erp1", 1, 2, 1)
    assert {obj["obj"]: (obj["run"], obj["age_s"]) for obj in erp1["objects"]} == {
        "customers": ("R3", None),
        "orders": ("R2", 3600),
    }
    assert (erp2["system"], erp2["freshness_s"], erp2["objects"]) == ("erp2", None, [])
    assert [run["id"] for run in found.runs] == ["R2", "R4", "R5", "R1"]
    assert {(row["obj"], row["direction"], row["state"]): row["count"] for row in found.counts} == {
        ("orders", "pull", "done"): 2,
        ("orders", "pull", "running"): 1,
        ("outbox", "push", "running"): 1,
    }
    assert {(row["obj"], row["state"]): row["seconds"] for row in found.ended} == {
        ("orders", "done"): 7,
        ("customers", "failed"): 7,
    }
    codes = [problem["code"] for problem in status.problems(found.systems, armed=False)]
    assert codes == ["status-disarmed", "status-differs", "status-silent", "status-waiting", "status-run"]
    [waits] = [one for one in status.problems(found.systems) if one["code"] == "status-waiting"]
    assert (waits["count"], waits["age"]) == ("1", "1 h 1 min")


def test_whoever_has_no_role_sees_nothing(db: Database) -> None:
    with pytest.raises(AccessDeniedError):
        status.standing(db, Actor("nobody", frozenset()), NOW)


def test_a_server_tells_its_version_and_its_clock(db: Database) -> None:
    facts = server(db)
    if db.is_sqlite:
        assert facts is None
    else:
        assert facts is not None
        assert int(facts.version.partition(".")[0]) >= 14
        assert abs(facts.clock_offset_s) < 5


def test_the_page_and_the_metrics_read_either_database(settings: Settings, db: Database) -> None:
    add_run(db, "R1", "done", minutes_ago=60)
    add_entry(db, "K1", "review")
    app = create_app(settings, watch=Watch(settings, lambda: NOW, kept_s=0))
    ask = TestClient(app, base_url="http://localhost").get
    assert "R1" in ask("/").text
    assert ask("/ready").json()["checks"]["database"]["ok"]
    families = {family.name: family for family in text_string_to_metric_families(ask("/metrics").text)}
    assert [sample.value for sample in families["crosstie_freshness_seconds"].samples] == [3600]
    states = {sample.labels["state"]: sample.value for sample in families["crosstie_outbox_entries"].samples}
    assert states == {"pending": 0, "unknown": 0, "review": 1, "dead": 0}
