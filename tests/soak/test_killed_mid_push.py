"""Under `crosstie up` worker, server and supervisor are killed in the middle of a push: every quote is one order."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from commands import sandbox_process
from config.settings import Settings, default_database_url
from config.wiring import open_context
from crm_core import outbox_entry, status
from flows.context import Context
from flows.pull import pull
from tests.e2e.house import BACK_S, House, houses, until
from tests.flows import selling

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process there"),
]
QUOTES = 300
SLOW = [{"fault": "latency", "ms": 400, "match": {"method": "POST", "path": "/A_SalesOrder$"}}]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    yield from houses(tmp_path)


@pytest.fixture
def ctx(house: House) -> Iterator[Context]:
    house.answer("sandbox", "up", "sap/s4", "--system", "erp1", "--background")
    settings = Settings(house.folder / "config", house.home, default_database_url(house.home))
    with open_context(settings, "erp1") as ctx:
        pull(ctx, ["customers", "products", "prices"])
        yield ctx


def noted(house: House) -> dict[str, Any]:
    return dict(json.loads((house.home / "run" / "up.json").read_text(encoding="utf-8")))


def waiting(ctx: Context) -> int:
    return len(outbox_entry.waiting(ctx.database, "erp1", blocked=True))


def test_whoever_is_killed_in_the_middle_of_a_push_nothing_is_lost_or_doubled(house: House, ctx: Context) -> None:
    (sandbox,) = sandbox_process.known(Settings(house.folder / "config", house.home, ""))
    sandbox.control("POST", "faults", {"schedule": SLOW})
    numbers = selling.sell(ctx, QUOTES)
    front = house.up("--json")
    front.wait_for('"console"')
    took = {name: killed_at_work(house, ctx, name) for name in ("worker-1", "prefect", "supervisor")}
    sandbox.control("DELETE", "faults")
    until(lambda: waiting(ctx) == 0, 600, lambda: (took, selling.unsent(ctx)[:3]))
    book = Book(sandbox)
    assert selling.misbooked(book, ctx, numbers) == []  # type: ignore[arg-type]
    until(lambda: not silent_runs(ctx), BACK_S, lambda: silent_runs(ctx))
    assert max(took.values()) < BACK_S, took
    house.answer("down")
    front.gone()


def killed_at_work(house: House, ctx: Context, name: str) -> float:
    """Kill it while orders are being sent; how many seconds until they are being sent again."""
    until(lambda: sends(ctx, 3), BACK_S * 2, lambda: waiting(ctx))
    victim = psutil.Process(noted(house)["pid"] if name == "supervisor" else noted(house)["children"][name])
    began = time.monotonic()
    family = victim.children(recursive=True) if name == "worker-1" else []
    for process in [victim, *family]:
        process.kill()
    time.sleep(1)
    until(lambda: sends(ctx, 1), BACK_S * 2, lambda: (name, waiting(ctx)))
    return time.monotonic() - began


def sends(ctx: Context, count: int) -> bool:
    """Whether within two seconds so many orders leave."""
    before = waiting(ctx)
    time.sleep(2)
    return before - waiting(ctx) >= count


def silent_runs(ctx: Context) -> int:
    return sum(row["silent_runs"] for row in status.overview(ctx.database, selling.SELLER, ctx.clock()))


class Book:
    """The sandbox's book, asked as `selling` does."""

    def __init__(self, sandbox: sandbox_process.Sandbox) -> None:
        self.control = lambda path: sandbox.control("GET", path)
