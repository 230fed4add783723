"""Which flow runs when: from the system files to Prefect's list, and what is refused in a schedule."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from cronsim import CronSim

from commands.home_lock import HomeLock
from commands.supervisor import lock_file, state_file
from config.errors import ConfigError
from config.files import write_text
from config.settings import Settings
from config.systems import load_system
from crm_core import installation, outbox_entry
from flows.deployments import CANCEL_NEW, ENQUEUE, Deployment, planned
from flows.sweeping import sweep
from tests.conftest import ROOT
from tests.flows.pulled import PULLED

SYSTEM = """
product: sap/s4
url: https://erp.example.com
username: ${env:U}
password: ${env:P}
time_zone: Asia/Shanghai
companies: {"1010": {currency: CNY}}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(tmp_path / "config", tmp_path / "home", f"sqlite:///{tmp_path / 'crm.sqlite'}")
    settings.systems.mkdir(parents=True)
    return settings


def plan(settings: Settings, schedule: str = "") -> dict[str, Deployment]:
    (settings.systems / "s4.yaml").write_text(SYSTEM + schedule, encoding="utf-8")
    found, broken = planned(settings, ["s4"])
    assert broken == {}
    return {one.full_name: one for one in found}


def test_each_object_has_its_own_pull_at_its_own_minute_in_the_order_they_need_each_other(settings: Settings) -> None:
    found = plan(settings)
    pulls = [found[f"pull/s4-{obj}"] for obj in PULLED]
    minutes = [int(one.cron.partition("-")[0]) for one in pulls]
    assert all(earlier < later for earlier, later in pairwise(minutes))
    assert {(one.time_zone, one.collision) for one in pulls} == {("Asia/Shanghai", CANCEL_NEW)}
    assert [one.parameters for one in pulls] == [{"system": "s4", "obj": obj} for obj in PULLED]
    assert all(next(CronSim(one.cron, datetime(2026, 1, 1, tzinfo=UTC))) for one in found.values() if one.cron)
    assert (found["push/s4"].cron, found["push/s4"].collision) == ("", ENQUEUE)
    others = {"push/s4", "backfill/s4", "reconcile/s4", "sweep/all"}
    assert set(found) == {*(f"pull/s4-{obj}" for obj in PULLED), *others}


def test_the_files_own_schedule_counts(settings: Settings) -> None:
    own = 'schedule: {pull: {default: "0 * * * *", orders: "*/5 * * * *"}, reconcile: "1 2 * * *", time_zone: UTC, '
    found = plan(settings, own + "active: false}\n")
    assert (found["pull/s4-orders"].cron, found["pull/s4-invoices"].cron) == ("*/5 * * * *", "0 * * * *")
    assert found["reconcile/s4"].cron == "1 2 * * *"
    assert {one.time_zone for one in found.values()} == {"UTC"}
    assert [one.full_name for one in found.values() if one.active] == ["sweep/all"]


@pytest.mark.parametrize(
    ("schedule", "code", "key"),
    [
        ('{pull: {orders: "61 * * * *"}}', "bad-value", "schedule.pull.orders"),
        ('{pull: {orders: "0 0 31 2 *"}}', "bad-value", "schedule.pull.orders"),
        ('{pull: {orders: "0 0 * * 6#3,0"}}', "bad-value", "schedule.pull.orders"),
        ('{reconcile: "0 0 * * *,mon#1"}', "bad-value", "schedule.reconcile"),
        ('{reconcile: "daily"}', "bad-value", "schedule.reconcile"),
        ("{time_zone: Mars/Base}", "bad-value", "schedule.time_zone"),
        ('{pull: {ordres: "* * * * *"}}', "unknown-key-near", "ordres"),
        ('{pull: {everything: "* * * * *"}}', "unknown-key", "everything"),
        ("{pulls: {}}", "unknown-key-near", "pulls"),
    ],
)
def test_a_wrong_schedule_is_told_with_its_place(settings: Settings, schedule: str, code: str, key: str) -> None:
    (settings.systems / "s4.yaml").write_text(f"{SYSTEM}schedule: {schedule}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_system(settings, "s4")
    assert (caught.value.code, caught.value.params["key"]) == (code, key)
    assert "s4.yaml:8" in caught.value.params["place"]


def test_the_list_shows_the_next_run_in_the_schedules_own_zone(settings: Settings) -> None:
    plan(settings, 'schedule: {pull: {orders: "30 6 * * 1"}, time_zone: Asia/Shanghai}\n')
    listed = json.loads(crosstie("deployments", "list", "--json", settings=settings).stdout)["deployments"]
    following = {one["name"]: one["next_run"] for one in listed}
    found = datetime.fromisoformat(following["pull/s4-orders"])
    assert (found.weekday(), found.hour, found.minute, found.utcoffset()) == (0, 6, 30, timedelta(hours=8))
    assert timedelta(0) < found - datetime.now(UTC) <= timedelta(days=7)
    assert all(one["next_run"] is None for one in listed if not one["schedule"])


@pytest.mark.parametrize("cron", ["0 0 * * 6#3", "0 0 * * 1#1,mon#3", "0 0 * * 1-5,0"])
def test_weekdays_are_numbered_all_or_none(settings: Settings, cron: str) -> None:
    assert plan(settings, f'schedule: {{reconcile: "{cron}"}}\n')["reconcile/s4"].cron == cron


REFUSED = """
import json, sys
from dataclasses import replace
from config.settings import load_settings
from flows.deploy import takeable
from flows.deployments import planned

wanted, broken = planned(load_settings(), ["other", "s4"])
assert not broken
wrong = [replace(one, cron="0 0 * * 6#3,0") if one.full_name == "reconcile/s4" else one for one in wanted]
assert takeable(load_settings(), wanted) == (wanted, {})
taken, refused = takeable(load_settings(), wrong)
print(json.dumps([sorted({one.system for one in taken}), {name: str(exc) for name, exc in refused.items()}]))
"""


def test_a_schedule_that_prefect_refuses_holds_up_its_own_system_alone(settings: Settings) -> None:
    """Whatever passes the check of the file: Prefect may change its mind about a line of cron."""
    plan(settings)
    (settings.systems / "other.yaml").write_text(SYSTEM, encoding="utf-8")
    done = run_python(settings, {"PREFECT_HOME": str(settings.home / "prefect")}, "-c", REFUSED)
    assert done.returncode == 0, done.stderr
    taken, refused = json.loads(done.stdout)
    assert (taken, list(refused)) == (["", "other"], ["s4"])
    assert "0 0 * * 6#3,0" in refused["s4"] and "s4.yaml" in refused["s4"]


def test_a_broken_file_does_not_hold_up_the_others(settings: Settings) -> None:
    plan(settings)
    (settings.systems / "bad.yaml").write_text("product: sap/s4\n", encoding="utf-8")
    found, broken = planned(settings, ["bad", "s4"])
    assert list(broken) == ["bad"] and "push/s4" in [one.full_name for one in found]


def test_the_sweep_starts_only_what_runs_by_itself(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    plan(settings)
    (settings.systems / "idle.yaml").write_text(f"{SYSTEM}schedule: {{active: false}}\n", encoding="utf-8")
    (settings.systems / "bad.yaml").write_text("product: sap/s4\n", encoding="utf-8")
    monkeypatch.setattr(outbox_entry, "due_systems", lambda db, now: ["bad", "forgotten", "idle", "s4"])
    asked: list[str] = []
    found = sweep(settings, lambda name: bool(asked.append(name)) or True, len)
    assert (found.started, asked) == (["s4"], ["s4"])
    monkeypatch.setattr(installation, "armed", lambda db: False)
    assert sweep(settings, lambda name: True, len).started == []


def test_prefect_yaml_is_that_of_the_examples() -> None:
    """`crosstie deployments write --examples` makes it."""
    done = crosstie("deployments", "write", "--examples", "--check", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    written = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    assert written["pull"] == [] and str(ROOT) not in json.dumps(written)
    assert {one["entrypoint"].rpartition(".")[0] for one in written["deployments"]} == {"flows.deployed"}


def test_a_file_that_is_not_current_is_told_and_nothing_is_written(settings: Settings, tmp_path: Path) -> None:
    plan(settings)
    target = tmp_path / "prefect.yaml"
    checked = crosstie("deployments", "write", "--check", "--file", str(target), settings=settings)
    assert checked.returncode == 3 and not target.exists()
    assert crosstie("deployments", "write", "--file", str(target), settings=settings).returncode == 0
    assert crosstie("deployments", "write", "--check", "--file", str(target), settings=settings).returncode == 0


@pytest.mark.parametrize(
    ("variables", "text"),
    [({}, "No Prefect server is named"), ({"PREFECT_API_URL": "http://127.0.0.1:9/api"}, ":9/api")],
)
def test_apply_says_what_is_missing(settings: Settings, variables: dict[str, str], text: str) -> None:
    done = crosstie("deployments", "apply", settings=settings, **variables)
    assert done.returncode == 2 and text in done.stderr and "Traceback" not in done.stderr


def test_apply_finds_the_prefect_of_up_here_while_it_runs(settings: Settings) -> None:
    """Its address is noted, and who supervises holds the lock; a note that was left behind names nothing."""
    write_text(state_file(settings), json.dumps({"prefect": "http://127.0.0.1:9/"}))
    lock = HomeLock(lock_file(settings))
    assert lock.take()
    beside = crosstie("deployments", "apply", settings=settings)
    elsewhere = crosstie("deployments", "apply", settings=settings, PREFECT_API_URL="http://127.0.0.1:7/api")
    lock.release()
    alone = crosstie("deployments", "apply", settings=settings)
    assert [done.returncode for done in (beside, elsewhere, alone)] == [2, 2, 2], beside.stderr
    assert "127.0.0.1:9/api" in beside.stderr and "127.0.0.1:7/api" in elsewhere.stderr
    assert "No Prefect server is named" in alone.stderr


def crosstie(*words: str, settings: Settings | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    own = settings.variables() if settings else {}
    return subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *words],
        cwd=ROOT,
        env={**os.environ, **own, **variables},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )


def test_what_is_broken_is_told_in_the_language_of_who_asked(settings: Settings) -> None:
    """Of the deploy step, for `crosstie up`: no Prefect is needed to see it. ASCII, whatever encoding is ours."""
    (settings.systems / "bad.yaml").write_text("product: sap/s4\n", encoding="utf-8")
    told = {}
    for language in ("en", "zh"):
        variables = {
            "CROSSTIE_LANG": language,
            "PYTHONIOENCODING": "ascii",
            "PREFECT_API_URL": "http://127.0.0.1:9/api",
        }
        variables |= {"PREFECT_HOME": str(settings.home / "prefect"), "PREFECT_CLIENT_MAX_RETRIES": "0"}
        done = run_python(settings, variables, "-m", "flows.deploy")
        assert done.returncode == 2, done.stderr
        told[language] = json.loads(done.stdout.splitlines()[-1])["broken"]["bad"]
    assert "is missing" in told["en"], told
    assert re.search("[\u4e00-\u9fff]", told["zh"]) and "is missing" not in told["zh"]


BLOCKED = """
import gc, sqlite3, sys, threading, time
from flows import prefect_server

prefect_server.collect_apart(0.1)
first, second = (sqlite3.connect(sys.argv[1], timeout=8, check_same_thread=False, isolation_level=None) for _ in "12")
first.execute("CREATE TABLE t (x)")
cursor = second.execute("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n")
cursor.fetchone()
ring = [cursor]
ring.append(ring)
first.execute("BEGIN IMMEDIATE")
waiting = threading.Thread(target=lambda: second.cursor().execute("BEGIN IMMEDIATE"))
waiting.start()
time.sleep(0.5)
del cursor, ring
began = time.monotonic()
kept = [[] for _ in range(200_000)]
time.sleep(0.5)
print(time.monotonic() - began)
first.execute("COMMIT")
waiting.join()
"""


def test_the_server_works_on_while_a_connection_waits_for_sqlites_lock(tmp_path: Path) -> None:
    """Who holds the lock would wait for the garbage of who waits for it, for as long as that one is patient."""
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, str(tmp_path / "x.db")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 4


POISONED = """
import os
from flows import deployed
for starts in ("5", "6"):
    os.environ["PREFECT__RUNTIME__FLOW_RUN__RUN_COUNT"] = starts
    state = deployed.pull.fn("nowhere", "orders")
    print(state.type.value, state.message)
"""


def run_python(settings: Settings, variables: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    """A Python process of this installation, with these variables more."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, **settings.variables(), **variables},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_a_run_that_kills_is_given_up(settings: Settings) -> None:
    """Prefect's own variable says how often a run was started; the flow does nothing in its sixth start."""
    variables = {"PREFECT_HOME": str(settings.home / "prefect"), "PREFECT_SERVER_EPHEMERAL_ENABLED": "false"}
    done = run_python(settings, variables, "-c", POISONED)
    assert done.returncode == 0, done.stderr
    fifth, sixth = done.stdout.splitlines()
    assert fifth.startswith("FAILED no-such-system: ")
    assert sixth.startswith("FAILED Given up: it was killed 5 times")
