"""What starts processes: sandboxes in the background and in the foreground, and the demo, from the real command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commands.demo import SYSTEMS
from tests.conftest import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture
def env(tmp_path: Path) -> Iterator[dict[str, str]]:
    own = {"CROSSTIE_CONFIG": str(tmp_path / "config"), "CROSSTIE_HOME": str(tmp_path / "var"), "LANG": "C.UTF-8"}
    found = {**os.environ, **own}
    yield found
    subprocess.run([sys.executable, "cli.py", "sandbox", "down"], cwd=ROOT, env=found, capture_output=True, timeout=60)


def crosstie(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "cli.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, encoding="utf-8", timeout=200)


def answer(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_sandbox_in_the_background_can_be_pulled_at_once_and_ended(env: dict[str, str], tmp_path: Path) -> None:
    up = answer(crosstie(env, "sandbox", "up", "sap/s4", "--system", "real", "--background", "--json"))
    assert [one["name"] for one in up["sandboxes"]] == ["real"]
    secret = tmp_path / "var" / "secrets" / "real"
    text = (tmp_path / "config" / "systems" / "real.yaml").read_text(encoding="utf-8")
    assert "${file:secrets/real}" in text
    assert os.name == "nt" or secret.stat().st_mode & 0o077 == 0
    assert answer(crosstie(env, "pull", "real", "customers", "--json"))["objects"]["customers"]["created"] > 10
    again = crosstie(env, "sandbox", "up", "sap/s4", "--system", "real")
    assert again.returncode == 2
    assert "sandbox down real" in again.stderr
    assert answer(crosstie(env, "sandbox", "advance", "real", "--days", "2", "--json"))["real"]["clock"]
    assert [one["running"] for one in answer(crosstie(env, "sandbox", "list", "--json"))["sandboxes"]] == [True]
    assert answer(crosstie(env, "sandbox", "down", "real", "--json"))["ended"] == ["real"]
    assert answer(crosstie(env, "sandbox", "list", "--json"))["sandboxes"] == []
    assert crosstie(env, "pull", "real").returncode == 5


def test_a_system_file_of_a_real_erp_is_never_overwritten(env: dict[str, str], tmp_path: Path) -> None:
    added = ("systems", "add", "erp1", "--product", "sap/s4", "--url", "https://erp.example.com", "--company")
    assert crosstie(env, *added, "CN01:CNY:Asia/Shanghai").returncode == 0
    done = crosstie(env, "sandbox", "up", "sap/s4", "--system", "erp1")
    assert done.returncode == 2
    assert "erp1.yaml" in done.stderr


def test_a_sandbox_that_cannot_start_says_why(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = crosstie(env, "sandbox", "up", "sap/s4", "--data", str(tmp_path / "empty"), "--system", "x")
    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr
    assert "empty" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process there")
def test_ctrl_c_ends_a_sandbox_and_what_it_started(env: dict[str, str]) -> None:
    command = [sys.executable, "cli.py", "sandbox", "up", "sap/s4", "--system", "front"]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        assert process.stdout is not None
        assert "front" in process.stdout.readline()
        listed = answer(crosstie(env, "sandbox", "list", "--json"))["sandboxes"]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert crosstie(env, "sandbox", "list").stdout.count("front") == 0
    time.sleep(0.2)
    with pytest.raises(OSError):
        os.kill(listed[0]["pid"], 0)


@pytest.mark.skipif(os.name == "nt", reason="the launcher of a virtual environment is another process there")
def test_a_killed_sandbox_command_leaves_no_erp_behind(env: dict[str, str]) -> None:
    command = [sys.executable, "cli.py", "sandbox", "up", "sap/s4", "--system", "front"]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        assert process.stdout is not None
        assert "front" in process.stdout.readline()
        (listed,) = answer(crosstie(env, "sandbox", "list", "--json"))["sandboxes"]
        process.kill()
    until = time.monotonic() + 30
    while listed["running"] and time.monotonic() < until:
        (listed,) = answer(crosstie(env, "sandbox", "list", "--json"))["sandboxes"]
    assert not listed["running"]


def test_the_demo_runs_the_main_job_from_nothing(env: dict[str, str], tmp_path: Path) -> None:
    """Twice: the second one starts clean, and does the same."""
    for _ in range(2):
        done = answer(crosstie(env, "demo", "--json", "--no-serve"))
        assert done["ok"]
        assert [(system["name"], system["product"]) for system in done["systems"]] == list(SYSTEMS)
        for system in done["systems"]:
            assert set(system["pulled"]["orders"]) == {"read", "created", "updated", "unchanged", "rejected"}
            assert system["pulled"]["orders"]["rejected"] == 0
            assert system["pushed"] == {"sent": 14, "unknown": 0, "dead": 0}
            assert system["reconcile"] == {"differences": 0}
            assert system["quotes"] == {"accepted": 12, "orders": 12}
    assert not (tmp_path / "config").exists(), "the demo touches nothing of the user's"


def test_the_demo_does_not_wipe_what_it_did_not_make(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "var" / "demo").mkdir(parents=True)
    (tmp_path / "var" / "demo" / "mine.txt").write_text("mine")
    done = crosstie(env, "demo", "--no-serve")
    assert done.returncode == 2
    assert (tmp_path / "var" / "demo" / "mine.txt").read_text() == "mine"


@pytest.mark.skipif(os.name == "nt", reason="there a process is ended without being asked")
def test_a_demo_that_is_told_to_terminate_leaves_no_sandbox(env: dict[str, str], tmp_path: Path) -> None:
    noted = tmp_path / "var" / "demo" / "run" / f"sandbox-{SYSTEMS[0][0]}.json"
    with subprocess.Popen([sys.executable, "cli.py", "demo"], cwd=ROOT, env=env, stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + 60
        while not noted.exists() and time.monotonic() < until:
            time.sleep(0.1)
        pid = json.loads(noted.read_text(encoding="utf-8"))["pid"]
        process.terminate()
        assert process.wait(60) == 130
    with pytest.raises(OSError):
        os.kill(pid, 0)
