"""`crosstie up`: everything answers, comes back when any of it is killed, ends clean, and starts again where it was.

One start serves several tests, which therefore stand in their order.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.e2e.house import BACK_S, END_S, START_S, Api, Front, House, answers, houses, until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process there"),
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    for made in houses(tmp_path_factory.mktemp("up")):
        made.answer("sandbox", "up", "sap/s4", "--system", "erp1", "--background")
        made.answer("pull", "erp1", "customers")
        yield made


@pytest.fixture(scope="module")
def front(house: House) -> Front:
    front = house.up("--json")
    front.wait_for('"console"')
    return front


@pytest.fixture(scope="module")
def api(house: House) -> Api:
    return Api(house.prefect_port, house.home)


def noted(house: House) -> dict[str, Any]:
    return dict(json.loads((house.home / "run" / "up.json").read_text(encoding="utf-8")))


def all_answer(house: House) -> bool:
    addresses = (f"http://127.0.0.1:{house.console_port}/health", f"http://127.0.0.1:{house.prefect_port}/api/health")
    return all(map(answers, addresses))


def test_both_ports_answer_and_the_deployments_are_there(house: House, front: Front, api: Api) -> None:
    ready = json.loads(next(line for line in front.said.splitlines() if line.startswith("{")))
    assert ready["console"] == f"http://127.0.0.1:{house.console_port}/"
    assert (ready["pid"], ready["home"]) == (front.process.pid, str(house.home))
    secret = (house.home / "secrets" / "prefect-auth").read_text(encoding="utf-8").strip()
    assert secret not in front.said
    assert all_answer(house)
    assert "erp1-orders" in " ".join(api.deployments())
    assert set(noted(house)["children"]) == {"prefect", "console", "worker-1", "worker-urgent", "standby"}


def test_a_second_one_is_refused_and_says_who_runs(house: House, front: Front) -> None:
    second = house.crosstie("up", "--port", "1", "--prefect-port", "2")
    assert second.returncode == 2
    assert "Traceback" not in second.stderr
    for told in (str(front.process.pid), f"http://127.0.0.1:{house.console_port}/", "crosstie down"):
        assert told in second.stderr
    assert all_answer(house)


def test_commands_in_another_terminal_find_its_prefect(house: House, front: Front, api: Api) -> None:
    """As the deployment step finds it: nothing of what that one made is written anew."""
    applied = house.answer("deployments", "apply")
    assert applied["ok"] and "pull/erp1-orders" in applied["deployments"]
    assert (applied["changed"], applied["removed"]) == ([], [])
    asked = house.answer("backfill", "erp1", "products", "--on-workers", "1")
    assert asked["ok"] and len(asked["runs"]) == 1
    assert house.crosstie("backfill", "erp1", "--abandon").returncode == 0
    assert all_answer(house)


@pytest.mark.parametrize("name", ["worker-1", "standby", "console", "prefect"])
def test_what_is_killed_is_there_again_within_two_minutes(house: House, front: Front, name: str) -> None:
    before = noted(house)["children"][name]
    psutil.Process(before).kill()
    until(lambda: noted(house)["children"].get(name) not in (None, before), BACK_S, lambda: front.said)
    until(lambda: all_answer(house), BACK_S, lambda: front.said)
    assert psutil.pid_exists(noted(house)["children"][name])


def test_the_supervisor_killed_its_standby_goes_on_with_what_lives(house: House, front: Front, api: Api) -> None:
    """Worker and supervisor at once: the worst case is that both must come back."""
    before = noted(house)
    front.process.kill()
    psutil.Process(before["children"]["worker-1"]).kill()
    front.gone()
    until(lambda: noted(house)["pid"] == before["children"]["standby"], BACK_S)
    until(lambda: {"worker-1", "standby"} <= set(noted(house)["children"]), BACK_S)
    after = noted(house)["children"]
    assert all_answer(house)
    assert (after["prefect"], after["console"]) == (before["children"]["prefect"], before["children"]["console"])
    assert after["standby"] != before["children"]["standby"]
    assert "takes over" in (house.home / "logs" / "up.log").read_text(encoding="utf-8")


def test_down_ends_everything_and_leaves_nothing(house: House, front: Front, api: Api) -> None:
    house.answer("sandbox", "down")
    assert set(house.answer("down")["ended"]) >= {"prefect", "console", "worker-1", "worker-urgent", "standby"}
    until(lambda: not house.processes(), END_S, house.processes)
    assert house.answer("down")["ended"] == []


def test_a_port_in_use_is_refused_with_its_owner_and_the_option_that_chooses_another(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments in (("--port", port), ("--prefect-port", port, "--port", str(house.console_port))):
            done = house.crosstie("up", *arguments)
            assert done.returncode == 2
            assert "Traceback" not in done.stderr
            for told in (port, str(os.getpid()), arguments[0]):
                assert told in done.stderr


def test_a_home_that_cannot_be_written_is_told(house: House) -> None:
    (house.folder / "file").write_text("")
    done = house.crosstie("up", env={**house.env, "CROSSTIE_HOME": str(house.folder / "file" / "var")})
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "CROSSTIE_HOME" in done.stderr


def test_prefects_database_may_be_lost_and_nothing_else_is(house: House, api: Api) -> None:
    """What is no database is named first; deleted, it is made anew. A damaged note of the last run mends itself."""
    customers = house.answer("customers", "list")
    broken = house.home / "prefect" / "prefect.db"
    for file in broken.parent.glob("prefect.db*"):
        file.unlink()
    broken.write_text("half of a file")
    refused = house.crosstie("up", "--port", str(house.console_port), "--prefect-port", str(house.prefect_port))
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    for told in (str(broken), "history", "delete"):
        assert told in refused.stderr
    broken.unlink()
    (house.home / "run" / "up.json").write_text('{"pid": 1')
    front = house.up()
    front.wait_for("Ctrl-C", START_S)
    assert "up.json is damaged" in front.said
    assert "prefect-auth" in front.said
    assert "erp1-orders" in " ".join(api.deployments())
    assert api.runs("COMPLETED") == set()
    assert house.answer("customers", "list") == customers
    assert front.interrupt() == 0
    until(lambda: not house.processes(), END_S, house.processes)
