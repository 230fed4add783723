"""Prefect runs what the system files say, by schedule, and starts again what was killed. All parts are real."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from config.exit_codes import USAGE
from config.files import write_text
from config.settings import default_database_url
from crm_core import schema
from flows import backfill, deployments
from flows.automations import AGAIN, BEGIN_S
from flows.context import Context
from flows.deployments import as_prefect_yaml, planned
from flows.lost_runs import WORKER
from flows.prefect_env import auth_string
from flows.prefect_owner import owner
from flows.pull import pull
from flows.runs import running
from tests.e2e.house import until
from tests.flows import selling
from tests.flows.orchestra import Orchestra, open_orchestra
from tests.flows.pulled import PULLED
from tests.flows.road import Road, open_road

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(500)]
SLOW = [
    {"fault": "page_limit", "n": 4, "match": {"path": "/A_SalesOrder$"}},
    {"fault": "latency", "ms": 2500, "match": {"path": "/A_SalesOrder$"}},
]
"""Reading the orders takes some half a minute, in many pages."""


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    with open_road(tmp_path_factory.mktemp("road")) as road:
        yield road


@pytest.fixture(scope="module")
def orchestra(road: Road, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orchestra]:
    """Two systems: s4, and `gone`, whose ERP does not answer. A worker runs."""
    dead = (road.settings.systems / "s4.yaml").read_text(encoding="utf-8").replace(road.erp.url, "http://127.0.0.1:9")
    asked = "limits: {retry_s: 0}\nschedule: {active: false}\n"  # it runs when a test says so
    (road.settings.systems / "gone.yaml").write_text(dead + asked, encoding="utf-8")
    with open_orchestra(road.settings, tmp_path_factory.mktemp("prefect")) as orchestra:
        report = orchestra.deploy()
        assert (report["broken"], report["removed"]) == ({}, [])
        assert report["changed"] == report["deployments"]
        orchestra.start_worker()
        yield orchestra


@pytest.fixture
def ctx(road: Road) -> Iterator[Context]:
    with road.context() as ctx:
        yield ctx


def our_runs(ctx: Context, run: str) -> list[str]:
    """States of the runs in our own tables that a run of Prefect made."""
    table = schema.run
    with ctx.database.read() as conn:
        return list(conn.execute(select(table.c.state).where(table.c.prefect_run == run)).scalars())


def test_a_cron_deployment_gets_its_runs(orchestra: Orchestra) -> None:
    """Prefect 3.8 with another SQLAlchemy makes none and says so nowhere but in its log (docs/adr/0002)."""
    for obj in PULLED:
        until(lambda obj=obj: len(orchestra.runs_of(f"pull/s4-{obj}")) > 2, 120)  # type: ignore[misc]
    planned_runs = [run for run in orchestra.runs_of("pull/s4-orders") if run["auto_scheduled"]]
    minutes = {run["expected_start_time"][14:16] for run in planned_runs}
    first = deployments.STEP * PULLED.index("orders") % deployments.PULL_EVERY
    assert minutes <= {f"{minute:02}" for minute in range(first, 60, deployments.PULL_EVERY)}
    assert all(run["parameters"] == {"system": "s4", "obj": "orders"} for run in planned_runs)


def test_collisions_and_parameters_are_as_planned(orchestra: Orchestra) -> None:
    plan = (
        ("pull/s4-orders", "CANCEL_NEW", 1),
        ("push/s4", "ENQUEUE", 1),
        ("backfill/s4", "ENQUEUE", 8),
        ("sweep/all", "CANCEL_NEW", 3),
    )
    for name, strategy, at_once in plan:
        found = orchestra.deployment(name)
        assert found["concurrency_options"]["collision_strategy"] == strategy
        assert found["global_concurrency_limit"]["limit"] == at_once
        assert found["work_queue_name"] == ("urgent" if name in ("push/s4", "sweep/all") else "default")
        assert found["enforce_parameter_schema"] and not found["pull_steps"] and not found["path"]
    properties = orchestra.deployment("pull/s4-orders")["parameter_openapi_schema"]["properties"]
    assert {name: field["type"] for name, field in properties.items()} == dict.fromkeys(("system", "obj"), "string")


def test_pull_sweep_and_push_do_their_work_and_show_counts(orchestra: Orchestra, ctx: Context, road: Road) -> None:
    pull(ctx, [obj for obj in PULLED if obj not in ("customers", "orders")])
    run = orchestra.begin("pull/s4-customers")
    done = orchestra.wait(run)
    read = len(road.control("book?object=customers")["documents"])
    assert (done["state_type"], done["name"]) == ("COMPLETED", "pull s4 customers"), done["state"]
    assert f"| read | {read} |" in orchestra.artifact(run) and done["state"]["message"].startswith(f"read {read},")
    assert our_runs(ctx, run) == ["done"]
    until(lambda: len(orchestra.log_of(run)) > 2, 60)
    lines = orchestra.log_of(run)
    assert "crosstie.run pull customers began" in lines and len(set(lines)) == len(lines)

    numbers = selling.sell(ctx, 3)
    assert orchestra.wait(orchestra.begin("sweep/all"))["state_type"] in ("COMPLETED", "CANCELLED")
    until(lambda: orchestra.runs_of("push/s4"), 120)  # by this sweep, or by the one that the schedule began before
    (pushed,) = orchestra.runs_of("push/s4")
    pushed = orchestra.wait(pushed["id"])
    assert pushed["state_type"] == "COMPLETED", pushed["state"]
    assert "| sent | 3 |" in orchestra.artifact(pushed["id"])
    assert selling.misbooked(road, ctx, numbers) == []


def test_a_place_that_is_taken_is_no_failure_and_an_erp_that_is_down_is_a_plain_one(
    orchestra: Orchestra, ctx: Context
) -> None:
    with running(ctx, "products", "pull", exclusive=True), orchestra.unscheduled("pull/s4-products"):
        busy, down = orchestra.begin("pull/s4-products"), orchestra.begin("pull/gone-orders")
        ended = orchestra.wait(busy)
    assert ended["state_type"] == "CANCELLED" and "is being worked on already" in ended["state"]["message"]
    failed = orchestra.wait(down)
    assert failed["state_type"] == "FAILED", failed["state"]
    assert failed["state"]["message"].startswith("unreachable: System gone") and "\n" not in failed["state"]["message"]
    assert not [line for line in orchestra.log_of(down) if "Traceback" in line]


CRASH_TWO = """
import asyncio, sys
from datetime import *
from uuid import UUID
from prefect.client.orchestration import get_client
from prefect.states import Crashed
from flows.lost_runs import WAITED_S, start_again
async def switch(on):
    async with get_client() as client:
        for one in await client.read_automations():
            await (client.resume_automation if on else client.pause_automation)(one.id)
asyncio.run(switch(False))
with get_client(sync_client=True) as client:
    for run, why in zip(sys.argv[1::2], sys.argv[2::2]):
        client.set_flow_run_state(UUID(run), Crashed(message=why), force=True)
now = datetime.now(UTC)
print(start_again(now), start_again(now + timedelta(seconds=WAITED_S + 5)))
asyncio.run(switch(True))
"""
"""Crashes runs that no automation sees, and says how many a sweep starts again at once, and how many a while later."""


def test_a_crashed_run_that_no_automation_started_again_is_planned_anew(orchestra: Orchestra) -> None:
    """Prefect keeps events back for a quarter of an hour where it missed the one before; one that can't start stays."""
    with orchestra.unscheduled("pull/s4-customers"), orchestra.unscheduled("pull/s4-products"):
        left, hopeless = orchestra.begin("pull/s4-customers"), orchestra.begin("pull/s4-products")
        orchestra.wait(left)
        orchestra.wait(hopeless)
    crashed = (
        hopeless,
        "Process exited with status code: 1",
        left,
        "Execution was aborted by Python system exit call.",
    )
    done = orchestra.run_python("-c", CRASH_TWO, *crashed)
    assert done.stdout.splitlines()[-1:] == ["0 1"], done.stderr
    until(lambda: orchestra.run(left)["run_count"] > 1, 120, lambda: orchestra.run(left)["state"])
    assert orchestra.wait(left)["state_type"] == "COMPLETED"
    assert orchestra.run(hopeless)["state_type"] == "CRASHED"


def test_a_run_that_was_taken_and_never_began_gives_up_its_place(orchestra: Orchestra) -> None:
    """As after the death of its worker, where no automation saw it."""
    with orchestra.unscheduled("pull/s4-deliveries"):
        run = orchestra.begin("pull/s4-deliveries")
        orchestra.wait(run)
    orchestra.take(run)
    late = f"lost_runs.BEGIN_S = -lost_runs.REACTED_S; print(lost_runs.end_lost({[run]}))"
    done = orchestra.run_python("-c", f"from flows import lost_runs; {late}")
    assert int(done.stdout.splitlines()[-1]) >= 1, done.stderr
    assert orchestra.wait(run)["state_type"] == "COMPLETED"
    assert orchestra.run(run)["run_count"] == 2


def test_a_worker_takes_up_what_one_of_its_name_had_taken(orchestra: Orchestra) -> None:
    """Killed before its run's process works, or while it does: sooner than by any automation or sweep."""
    with orchestra.unscheduled("pull/s4-products"), orchestra.unscheduled("pull/s4-customers"):
        runs = [orchestra.begin(f"pull/s4-{obj}") for obj in ("products", "customers")]
        for run in runs:
            # mypy cannot infer a lambda that binds the loop's variable
            until(lambda run=run: WORKER in orchestra.run(run)["labels"], 60)  # type: ignore[misc]
        orchestra.kill_worker()
        left = [run for run in runs if orchestra.run(run)["state_type"] in ("PENDING", "RUNNING")]
        orchestra.start_worker()
        for run in runs:
            assert orchestra.wait(run)["state_type"] == "COMPLETED", history(orchestra, run)
    assert left
    for run in left:
        states = orchestra.ask(f"flow_run_states/?flow_run_id={run}")
        times = {one["message"] or one["type"]: datetime.fromisoformat(one["timestamp"]) for one in states[:4]}
        assert times[AGAIN] - times["PENDING"] < timedelta(seconds=BEGIN_S), history(orchestra, run)


@pytest.mark.soak
def test_the_parts_of_a_backfill_are_shared_by_runs_on_the_workers(orchestra: Orchestra, ctx: Context) -> None:
    backfill.plan(ctx, ["orders"], backfill.Split("company"))
    started = orchestra.run_module("flows.start", "backfill/s4", "2")
    assert started.returncode == 0, started.stdout + started.stderr
    runs = [orchestra.wait(run["id"]) for run in orchestra.runs_of("backfill/s4")]
    assert [run["state_type"] for run in runs] == ["COMPLETED"] * 2, [run["state"] for run in runs]
    (standing,) = backfill.standing(ctx, ["orders"])
    assert not standing.open and standing.done == standing.parts
    assert sum(our_runs(ctx, run["id"]).count("done") for run in runs) == standing.parts + len(runs)
    missing = orchestra.run_module("flows.start", "backfill/nosuch", "1")
    assert (missing.returncode, "is not deployed" in missing.stdout) == (2, True)


def test_what_is_right_is_left_alone_and_what_is_gone_is_removed(orchestra: Orchestra, road: Road) -> None:
    file = road.settings.systems / "gone.yaml"
    before = {run["id"] for run in orchestra.runs_of("pull/s4-invoices") if run["state_type"] == "SCHEDULED"}
    file.write_text(file.read_text(encoding="utf-8") + "colour: red\n", encoding="utf-8")
    kept = orchestra.deploy()
    assert list(kept["broken"]) == ["gone"] and "colour" in kept["broken"]["gone"]
    assert (kept["changed"], kept["removed"]) == ([], [])
    assert orchestra.deployment("push/gone")
    after = {run["id"] for run in orchestra.runs_of("pull/s4-invoices")}
    assert before and before <= after

    file.unlink()
    removed = orchestra.deploy()["removed"]
    assert sorted(removed) == sorted(
        [*(f"pull/gone-{obj}" for obj in PULLED), "push/gone", "backfill/gone", "reconcile/gone"]
    )
    assert [one["name"] for one in orchestra.ask("deployments/filter", {}) if "gone" in one["tags"]] == []


@pytest.mark.soak
def test_prefect_deploys_the_file_from_any_folder(orchestra: Orchestra, road: Road) -> None:
    found, _ = planned(road.settings, ["s4"])
    (orchestra.log.parent / "prefect.yaml").write_text(as_prefect_yaml(found), encoding="utf-8")
    done = orchestra.run_module("prefect", "--no-prompt", "deploy", "--all")
    assert done.returncode == 0, done.stdout + done.stderr
    for one in orchestra.ask("deployments/filter", {}):
        assert (one["pull_steps"], one["path"]) == ([], None)
        assert str(orchestra.log.parent) not in json.dumps(one)


@pytest.mark.soak
def test_a_killed_run_starts_again_and_ends(orchestra: Orchestra, ctx: Context, road: Road) -> None:
    """First the flow's process, then in its second start the worker with all it started.

    What piled up while there was no worker does not all do work.
    """
    with orchestra.unscheduled("pull/s4-orders"):
        road.control("faults", {"schedule": SLOW})
        run = orchestra.begin("pull/s4-orders")
        second = killed_at_work(orchestra, ctx, run, 1)
        assert second["state_type"] == "CANCELLED" and "concurrency limit" in second["state"]["message"]
        until(lambda: our_runs(ctx, run) == ["interrupted", "running"], 120, lambda: history(orchestra, run))

        orchestra.kill_worker()
        killed = time.monotonic()
        road.control("faults", method="DELETE")
        piled = [orchestra.begin("pull/s4-customers") for _ in range(4)]
        orchestra.start_worker()
        until(lambda: orchestra.run(run)["run_count"] == 3, 120, lambda: orchestra.run(run)["state"])
        done = orchestra.wait(run, ["COMPLETED", "FAILED", "CANCELLED"])
        assert done["state_type"] == "COMPLETED", done["state"]
        assert time.monotonic() - killed < 150
        assert our_runs(ctx, run) == ["interrupted", "interrupted", "done"]
        ended = [orchestra.wait(one)["state_type"] for one in piled]
        assert "COMPLETED" in ended and ended.count("CANCELLED") >= 2, ended


def killed_at_work(orchestra: Orchestra, ctx: Context, run: str, start: int) -> dict[str, Any]:
    """Kill a run's process once it reads; beside it a second run of the deployment was asked for: what became of it."""
    until(lambda: our_runs(ctx, run).count("running") == 1, 120, lambda: orchestra.run(run)["state"])
    second = orchestra.wait(orchestra.begin("pull/s4-orders"))
    assert orchestra.run(run)["run_count"] == start
    orchestra.process_of(run).kill()
    return second


def test_no_secret_reaches_prefect(orchestra: Orchestra, road: Road) -> None:
    """Its database, its logs, its files; the runs above have used every secret."""
    announced = json.loads(road.erp.announcement())
    hidden = [announced["password"], auth_string(road.settings), auth_string(road.settings).partition(":")[2]]
    places = [*(road.settings.home / "prefect").rglob("*"), orchestra.log, *orchestra.log.parent.glob("*.yaml")]
    files = [path for path in places if path.is_file()]
    assert any(path.name == "prefect.db" for path in files)
    found = {(path.name, secret[:3]) for path in files for secret in hidden if secret.encode() in read(path)}
    assert found == set()


def read(path: Path) -> bytes:
    """A copy's content: the server writes meanwhile."""
    copy = path.with_name(f"{path.name}.copy")
    shutil.copyfile(path, copy)
    content = copy.read_bytes()
    copy.unlink()
    return content


def history(orchestra: Orchestra, run: str) -> list[str]:
    """The states of a run, oldest first, for whoever must find out why."""
    states = orchestra.ask(f"flow_run_states/?flow_run_id={run}")
    return [f"{state['timestamp'][11:19]} {state['name']} {state['message'] or ''}" for state in states]


def test_the_server_of_another_installation_is_left_alone(orchestra: Orchestra, tmp_path: Path) -> None:
    """It would end our runs, for its database has no lease of theirs, and its workers would work on ours."""
    theirs = replace(orchestra.settings, home=tmp_path, database_url=default_database_url(tmp_path))
    write_text(theirs.secrets / "prefect-auth", auth_string(orchestra.settings))
    other = Orchestra(theirs, orchestra.port, orchestra.log, supervised=False)

    def deployed() -> list[Any]:
        """A deployment that is written gets new schedules."""
        found = orchestra.ask("deployments/filter", {})
        return [[one["id"], one["job_variables"], [plan["id"] for plan in one["schedules"]]] for one in found]

    before = deployed()
    refused = other.run_module("cli", "deployments", "apply", "--json")
    assert refused.returncode == USAGE, refused.stdout + refused.stderr
    error = json.loads(refused.stdout)["error"]
    assert owner(orchestra.settings) in error and owner(theirs) in error
    assert before and deployed() == before

    taken = other.run_module("cli", "deployments", "apply", "--take-over")
    assert taken.returncode == 0, taken.stdout + taken.stderr
    ours = replace(orchestra, supervised=False).run_module("flows.deploy")
    assert ours.returncode == 2 and owner(theirs) in ours.stdout
    orchestra.deploy()  # that of `crosstie up` is ours whatever is noted
