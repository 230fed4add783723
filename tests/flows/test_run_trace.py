"""One id from the command line to the ERP: in `push --json`, in the log, in each request, and in the ERP's own book."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cli
from crm_core import installation
from crm_core.access import local_admin
from flows.pull import pull
from tests.flows.road import Road, open_road
from tests.flows.selling import sell


@pytest.fixture
def road(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Road]:
    with open_road(tmp_path) as opened:
        monkeypatch.setenv("CROSSTIE_CONFIG", str(opened.settings.config))
        monkeypatch.setenv("CROSSTIE_HOME", str(opened.settings.home))
        yield opened


def logged(road: Road) -> list[dict[str, Any]]:
    return [json.loads(line) for line in road.settings.log_file.read_text(encoding="utf-8").splitlines()]


def test_a_push_can_be_followed_to_the_order_it_made(road: Road, capsys: pytest.CaptureFixture[str]) -> None:
    with road.context() as ctx:
        pull(ctx)
        sell(ctx, 2)
        assert installation.read(ctx.database, local_admin("me")).armed
    capsys.readouterr()
    assert cli.main(["push", "s4", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["sent"] == 2
    run = said["run"]
    requests = [line for line in logged(road) if line["logger"] == "crosstie.erp"]
    assert {line["run"] for line in requests} == {run}
    keys = {entry["key"] for entry in said["entries"]}
    made = [row for row in road.control("book?object=orders")["documents"] if keys & set(row["key"].values())]
    assert len(made) == 2
    asked = {line["request_id"]: line for line in requests}
    for order in made:
        assert order["created_by_request"].startswith(f"{run}.")
        line = asked[order["created_by_request"]]
        assert (line["method"], line["system"], line["obj"], line["level"]) == ("POST", "s4", "outbox", "info")
        assert line["seconds"] >= 0


def test_every_request_of_a_pull_bears_its_run_and_the_log_shows_no_value(road: Road) -> None:
    assert cli.main(["pull", "s4", "customers", "orders", "--quiet"]) == 0
    requests = [line for line in logged(road) if line["logger"] == "crosstie.erp"]
    assert len({line["run"] for line in requests}) == 2
    assert {line["obj"] for line in requests} == {"customers", "orders"}
    assert len({line["request_id"] for line in requests}) == len(requests)
    for line in requests:
        assert line["request_id"].startswith(f"{line['run']}.")
        assert "?" not in line["path"] + line["event"]
    text = road.settings.log_file.read_text(encoding="utf-8")
    for secret in ("s4.user", "s4.password"):
        assert (road.settings.secrets / secret).read_text(encoding="utf-8").strip() not in text
    for name in ("Authorization", "Cookie", "csrf", "$filter"):
        assert name.lower() not in text.lower()
