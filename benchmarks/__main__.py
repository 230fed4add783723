"""Measure a pull of orders beside the hand-written ceiling, each in a process of its own, in turns, in the same run.

    python -m benchmarks [--rows N] [--runs N] [--quick] [--json]
    python -m benchmarks backfill [--orders N] [--latency-ms N] [--workers 1,2] [--database URL] [--json]

Ratios compare measurements of one run; every figure is the median of the runs. Nothing is asserted: a slow machine is
no error.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import backfill
from benchmarks.report import Report, as_json, as_text
from benchmarks.worker import Measured

ROOT = Path(__file__).resolve().parent.parent
GROWTH = 10


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000, help="orders of 5 lines (default %(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="how often everything is measured (default %(default)s)")
    parser.add_argument("--quick", action="store_true", help="2,000 orders, one run")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    args = parser.parse_args()
    rows, runs = (2000, 1) if args.quick else (args.rows, args.runs)
    report = run(rows, runs)
    print(as_json(report) if args.json else as_text(report))


def run(rows: int, runs: int) -> Report:
    report = Report(rows, runs)
    with tempfile.TemporaryDirectory(prefix="crosstie-bench-") as folder:
        with page_server(rows) as url:
            for number in range(1, runs + 1):
                _note(f"run {number} of {runs}, {rows} orders")
                _one_run(report, url, Path(folder, str(number)))
        with page_server(rows * GROWTH) as url:
            _note(f"memory, {rows * GROWTH} orders")
            report.grown = measure("stand_in", url, Path(folder, "memory"))
    return report


def _one_run(report: Report, url: str, home: Path) -> None:
    """Load, then everything again (nothing has changed), then what changed since (nothing)."""
    for what in ("ceiling", "stand_in", "mapping"):
        report.add(what, "load", measure(what, url, home / what))
        report.add(what, "again", measure(what, url, home / what))
    report.add("mapping", "changed", measure("mapping", url, home / "mapping", "changed"))


def measure(what: str, url: str, home: Path, *rest: str) -> Measured:
    """One measurement in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.worker", what, url, str(home), *rest]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return Measured(**json.loads(done.stdout))


@contextmanager
def page_server(rows: int) -> Iterator[str]:
    """The address of a server in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.page_server", str(rows)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None  # for mypy: it is a pipe
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    backfill.main(sys.argv[2:]) if sys.argv[1:2] == ["backfill"] else main()
