"""Measure a backfill of orders in parts: how much faster so many workers are than one, where the ERP answers late.

    python -m benchmarks backfill [--orders N] [--latency-ms N] [--workers 1,2] [--database URL] [--json]

Every worker is a process of its own with the product's own mapping; they begin together, after all have started. The
database is PostgreSQL: a temporary cluster that writes as safely as a real one, or databases made beside URL.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from benchmarks import ceiling, order_pages, worker
from benchmarks.order_pages import PAGE
from benchmarks.report import machine
from config.settings import Settings
from config.wiring import open_context
from flows import backfill
from tests import postgres

PARTS = 40
ROOT = Path(__file__).resolve().parent.parent
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "autovacuum": "on"}


@dataclass(frozen=True)
class Run:
    """`cpu_s` is of all workers together."""

    workers: int
    orders: int
    seconds: float
    cpu_s: float
    peak_mb: float

    @property
    def orders_per_s(self) -> float:
        return self.orders / self.seconds


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks backfill", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--orders", type=int, default=20_000, help="orders of 5 lines (default %(default)s)")
    parser.add_argument("--latency-ms", type=int, default=50, help="how late a page comes (default %(default)s)")
    parser.add_argument("--workers", default="1,2", help="numbers of workers to measure (default %(default)s)")
    parser.add_argument(
        "--database", default="", help="PostgreSQL where databases may be made (default: a new cluster)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    args = parser.parse_args(arguments)
    with cluster(args.database) as url, pages(args.orders, args.latency_ms) as erp:
        runs = [measure(erp, url, int(number), args.orders) for number in args.workers.split(",")]
    print(as_json(runs, args.latency_ms) if args.json else as_text(runs, args.latency_ms))


def measure(erp: str, url: str, workers: int, orders: int) -> Run:
    """One backfill from nothing."""
    print(f"{workers} worker(s), {orders} orders", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="crosstie-bench-") as home, database(url) as place:
        settings = replace(worker._settings(erp, Path(home)), database_url=place)
        _plan(settings, orders)
        return _together(settings, workers, orders)


def _plan(settings: Settings, orders: int) -> None:
    """Some PARTS parts of whole pages: a page has a day of its own."""
    days = -(-orders // PAGE)
    first = order_pages.FIRST_DAY
    with open_context(settings, ceiling.SYSTEM) as ctx:
        split = backfill.Split("date", first, first + timedelta(days=days), str(max(1, days // PARTS)))
        backfill.plan(ctx, ["orders"], split)


def _together(settings: Settings, workers: int, orders: int) -> Run:
    command = [sys.executable, "-m", "benchmarks.backfill", str(settings.home), settings.database_url]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            )
            for _ in range(workers)
        ]
        for process in processes:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        started = time.perf_counter()
        said = [json.loads(process.communicate()[0]) for process in _all_told(processes)]
        seconds = time.perf_counter() - started
    read = sum(each["read"] for each in said)
    assert read == orders, f"{read} of {orders} orders were read"
    return Run(workers, read, seconds, sum(each["cpu_s"] for each in said), max(each["peak_mb"] for each in said))


def _all_told(processes: list[subprocess.Popen[str]]) -> list[subprocess.Popen[str]]:
    """Tell all to begin before anyone is waited for."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return processes


def _worker(home: Path, url: str) -> None:
    os.environ["BENCH_PASSWORD"] = worker.PASSWORD
    with open_context(Settings(home / "config", home, url), ceiling.SYSTEM) as ctx:
        ctx.connector.source_paths("orders")  # $metadata, as a worker that has been at work would have it
        print("ready", flush=True)
        sys.stdin.readline()
        before = time.process_time()
        counts = backfill.work(ctx, ["orders"]).counts.get("orders")
        said: dict[str, Any] = {"read": counts.read if counts else 0, "cpu_s": time.process_time() - before}
        print(json.dumps({**said, "peak_mb": worker.peak_mb()}))


@contextmanager
def cluster(url: str) -> Iterator[str]:
    """The address of a database on the server where others can be made."""
    if url:
        yield url
        return
    with patch.dict(postgres.FAST_AND_SMALL, DURABLE), postgres.temporary_cluster() as running:
        yield running.url(running.create())


@contextmanager
def database(url: str) -> Iterator[str]:
    """A new database beside `url`, gone at the end."""
    admin, name = make_url(url), f"crosstie_bench_{os.getpid()}_{time.time_ns()}"
    with psycopg.connect(admin.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield admin.set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def pages(rows: int, latency_ms: int) -> Iterator[str]:
    """The address of an ERP that costs little and answers late, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.page_server", str(rows), str(latency_ms)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None  # for mypy: it is a pipe
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def as_json(runs: list[Run], latency_ms: int) -> str:
    results = [{**asdict(run), "orders_per_s": round(run.orders_per_s), "times": _times(runs, run)} for run in runs]
    return json.dumps({"machine": machine(), "latency_ms": latency_ms, "results": results}, indent=2)


def as_text(runs: list[Run], latency_ms: int) -> str:
    head = machine()
    lines = [f"{head['cpu']}, Python {head['python']}, {head['system']}"]
    lines.append(f"backfill of {runs[0].orders} orders x 5 lines into PostgreSQL, answers {latency_ms} ms late\n")
    lines.append("workers  orders/s  seconds    CPU s  peak MB  times the first")
    lines += [
        f"{run.workers:7}  {run.orders_per_s:8,.0f}  {run.seconds:7.1f}  {run.cpu_s:7.1f}  {run.peak_mb:7.1f}"
        f"  {_times(runs, run):15.2f}"
        for run in runs
    ]
    return "\n".join(lines)


def _times(runs: list[Run], run: Run) -> float:
    return round(run.orders_per_s / runs[0].orders_per_s, 2)


if __name__ == "__main__":
    _worker(Path(sys.argv[1]), sys.argv[2])
