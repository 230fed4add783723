"""A sandbox that keeps its books goes on where it was, however it ended."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.keeping import load
from sandbox.server import Sandbox, start
from tests.conftest import ROOT

OBJECTS = ("customers", "orders", "deliveries", "invoices", "open_items", "payments")
INVOICE = {"what": "post_invoice", "customer": "10000002", "company": "CN01", "amount": "100.00"}
WAIT_S = 30


def ask(url: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{url}/_sandbox/{path}", data=data, timeout=WAIT_S) as answer:
        return dict(json.load(answer))


def books(url: str) -> dict[str, Any]:
    return {name: ask(url, f"book?object={name}")["documents"] for name in OBJECTS}


@contextmanager
def running(state: Path, **options: Any) -> Iterator[Sandbox]:
    sandbox = start("sap/s4", state=state, **options)
    try:
        yield sandbox
    finally:
        sandbox.stop()


def test_started_again_it_goes_on_where_it_was(tmp_path: Path) -> None:
    """The same documents then, and the same ones after further days: also what was yet to happen is kept."""
    state = tmp_path / "books"
    with running(state, seed=11) as first:
        ask(first.url, "advance", {"days": 3})
        ask(first.url, "mutate", INVOICE)
        before, clock = books(first.url), ask(first.url, "health")["clock"]
        announced = json.loads(first.announcement())["companies"]
    copy = tmp_path / "copy"
    copy.write_bytes(state.read_bytes())
    with running(state, seed=99) as second, running(copy) as twin:
        assert books(second.url) == before
        assert json.loads(second.announcement())["companies"] == announced
        assert ask(second.url, "health")["clock"] >= clock
        for one in (second, twin):
            ask(one.url, "advance", {"days": 40})
        assert [len(found) for found in books(second.url).values()] == [
            len(found) for found in books(twin.url).values()
        ]
        assert books(second.url) != before


def test_the_clock_has_run_on_meanwhile(tmp_path: Path) -> None:
    state = tmp_path / "books"
    with running(state) as first:
        stopped = datetime.fromisoformat(ask(first.url, "health")["clock"])
    kept = pickle.loads(state.read_bytes())
    backend = kept["backend"]
    long_ago = {**backend.books.clock.__getstate__(), "kept": time.time() - 3600}
    backend.books.clock.__setstate__({**long_ago, "now": stopped})
    assert timedelta(minutes=59) < backend.now() - stopped < timedelta(minutes=61)


def test_changes_are_kept_before_it_is_killed(tmp_path: Path) -> None:
    state = tmp_path / "books"
    command = [sys.executable, "-m", "sandbox", "up", "sap/s4", "--state", str(state), "--with-parent"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = json.loads(process.stdout.readline())["url"]
        ask(url, "mutate", INVOICE)
        before, written = books(url), state.read_bytes()
        until = time.monotonic() + WAIT_S
        while state.read_bytes() == written and time.monotonic() < until:
            time.sleep(0.05)
        process.kill()
    assert os.name == "nt" or state.stat().st_mode & 0o077 == 0
    with running(state) as again:
        assert books(again.url) == before


def test_it_ends_with_whoever_started_it_where_that_is_asked_for() -> None:
    command = [sys.executable, "-m", "sandbox", "up", "sap/s4", "--with-parent"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline().startswith("{")
        process.stdin.close()
        assert process.wait(WAIT_S) == 0


@pytest.mark.parametrize("content", [b"", b"half of a pickle", pickle.dumps({"of": 1}), b"\x80"])
def test_a_damaged_file_is_told_and_left_alone(tmp_path: Path, content: bytes) -> None:
    state = tmp_path / "books"
    state.write_bytes(content)
    command = [sys.executable, "-m", "sandbox", "up", "sap/s4", "--state", str(state)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert str(state) in done.stderr
    assert "delete it" in done.stderr
    assert "Traceback" not in done.stderr
    assert state.read_bytes() == content


def test_books_of_another_version_are_not_taken(tmp_path: Path) -> None:
    state = tmp_path / "books"
    with running(state):
        pass
    kept = pickle.loads(state.read_bytes())
    state.write_bytes(pickle.dumps({**kept, "of": ("sap/s4", "older")}))
    with pytest.raises(ValueError, match="another product or version"):
        load(state, "sap/s4")
