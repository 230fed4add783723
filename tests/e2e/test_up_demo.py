"""The demo stays up with runs by schedule, ends clean, and started again goes on where it was."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.house import END_S, Api, Front, House, answers, houses, until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.soak,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process there"),
]
RUN_S = 150


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    yield from houses(tmp_path_factory.mktemp("demo"))


def served(house: House) -> tuple[Front, str, Api]:
    """The demo once it serves, the console's address, and Prefect's API."""
    front = house.start("demo")
    front.wait_for("Ctrl-C ends it")
    console, prefect = (re.search(rf"{name}: (http://127.0.0.1:(\d+)/)", front.said) for name in ("Console", "Prefect"))
    assert console, front.said
    assert prefect, front.said
    return front, console[1], Api(int(prefect[2]), house.home / "demo")


def orders(house: House) -> Any:
    story = json.loads((house.home / "demo" / "demo.json").read_text(encoding="utf-8"))
    return {one["name"]: _book(one["port"]) for one in story["sandboxes"]}


def _book(port: int) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_sandbox/book?object=orders", timeout=30) as answer:
        return json.load(answer)["documents"]


def test_the_demo_stays_up_and_goes_on_where_it_was(house: House) -> None:
    first, console, api = served(house)
    assert "everything agrees" in first.said
    assert answers(console)
    until(lambda: api.runs("COMPLETED"), RUN_S, lambda: first.said)
    booked, runs = orders(house), api.runs("COMPLETED")
    refused = house.crosstie("demo")
    assert refused.returncode == 2
    assert console in refused.stderr
    assert first.interrupt() == 0
    until(lambda: not house.processes(), END_S, house.processes)

    second, console, api = served(house)
    assert "Going on where" in second.said
    assert "quotes accepted" not in second.said
    assert answers(console)
    assert runs <= api.runs("COMPLETED")
    assert orders(house) == booked
    second.process.terminate()
    assert second.gone() == 0
    until(lambda: not house.processes(), END_S, house.processes)
