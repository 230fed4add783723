"""The benchmark measures like with like: the ceiling, the hand-written mapping and the real one store the same rows."""

from __future__ import annotations

import gc
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks import ceiling, order_pages, report, worker
from benchmarks.page_server import Server
from benchmarks.stand_in import map_order
from benchmarks.worker import Measured, measure
from config import wiring
from flows import backfill
from flows.prefetch import seldom_collected
from flows.pull import pull

WAYS = ("ceiling", "stand_in", "mapping")
BOOKKEEPING = {"row_hash", "mapping_version", "seen_at"}


@contextmanager
def serving(rows: int) -> Iterator[str]:
    with Server(rows) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()


def stored(home: Path, table: str) -> list[dict[str, object]]:
    with closing(sqlite3.connect(home / "crosstie.sqlite")) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall()
    return [{name: row[name] for name in row.keys() if name not in BOOKKEEPING} for row in rows]  # noqa: SIM118


def test_every_way_stores_the_same_rows(tmp_path: Path) -> None:
    with serving(60) as url:
        for what in WAYS:
            assert measure(what, url, tmp_path / what).written == 60
    for table, count in (("erp_order", 60), ("erp_order_line", 300)):
        ceiling, stand_in, mapping = (stored(tmp_path / what, table) for what in WAYS)
        assert len(ceiling) == count
        assert ceiling == stand_in == mapping


@pytest.mark.parametrize("what", ["ceiling", "stand_in"])
def test_all_pages_are_read_and_the_second_time_nothing_is_written(tmp_path: Path, what: str) -> None:
    with serving(2_010) as url:
        first, second = (measure(what, url, tmp_path) for _ in range(2))
    assert (first.orders, first.written) == (2_010, 2_010)
    assert (second.orders, second.written) == (2_010, 0)
    assert len({row["key"] for row in stored(tmp_path, "erp_order")}) == 2_010


def test_only_what_changed_is_a_short_read(tmp_path: Path) -> None:
    with serving(1_500) as url:
        measure("stand_in", url, tmp_path)
        again = measure("stand_in", url, tmp_path, full=False)
    assert again.written == 0
    assert again.orders < 200
    assert again.requests <= 3


def test_the_mappings_time_is_taken_out_of_the_ratio() -> None:
    found = report.Report(rows=100, runs=1)
    for what, turn in report.NAMES:
        ours = what != "ceiling"
        found.add(what, turn, Measured(100, 100, 3.0 if ours else 1.0, 2.0, 1.0 if ours else 0.0, 80, 60, 4))
    loaded = report.figures(found, "mapping", "load")
    assert (loaded["orders_per_s"], loaded["around_orders_per_s"], loaded["of_ceiling"]) == (33, 50, 0.5)
    assert report.figures(found, "mapping", "changed")["of_ceiling"] is None


@pytest.mark.parametrize("shown", [report.as_text, report.as_json])
def test_the_report_names_the_machine_and_every_measurement(shown: Callable[[report.Report], str]) -> None:
    found = report.Report(rows=100, runs=1, grown=Measured(1000, 1000, 3.0, 2.0, 1.0, 90, 60, 4))
    for what, turn in report.NAMES:
        found.add(what, turn, Measured(100, 100, 1.0, 1.0, 0.1, 80, 60, 4))
    text = shown(found)
    assert sqlite3.sqlite_version in text
    assert all(name in text for name in report.NAMES.values())
    if shown is report.as_json:
        assert json.loads(text)["grown"]["peak_mb"] == 90


def test_a_pull_sets_the_collector_of_cycles_back() -> None:
    usual = gc.get_threshold()
    with seldom_collected():
        assert gc.get_threshold()[0] > usual[0]
        with seldom_collected():
            pass
        assert gc.get_threshold()[0] > usual[0]
    assert gc.get_threshold() == usual


def test_a_part_of_a_backfill_is_its_days_alone(tmp_path: Path) -> None:
    """Three pages of a day each, the last one short: every order comes once, by its own part."""
    with serving(2_010) as url, wiring.open_context(worker._settings(url, tmp_path), ceiling.SYSTEM) as ctx:
        ctx.mapping.section("orders", "pull").apply = map_order
        first = order_pages.FIRST_DAY
        backfill.plan(ctx, ["orders"], backfill.Split("date", first, first + timedelta(days=3), "1"))
        read = []
        for _obj, name, _records in backfill.parts(ctx, ["orders"]):
            read.append(pull(ctx, ["orders"], partition=name).counts["orders"].created)
        assert read == [0, 1000, 1000, 10, 0]
