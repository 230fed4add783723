"""What was measured, as a table or as JSON."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.worker import Measured

NAMES = {
    ("ceiling", "load"): "ceiling, first load",
    ("stand_in", "load"): "hand-written mapping, first load",
    ("mapping", "load"): "real mapping, first load",
    ("ceiling", "again"): "ceiling, all unchanged",
    ("stand_in", "again"): "hand-written mapping, all unchanged",
    ("mapping", "again"): "real mapping, all unchanged",
    ("mapping", "changed"): "real mapping, only what changed",
}
HEADINGS = (
    "",
    "orders/s",
    "seconds",
    "CPU s",
    "mapping s",
    "around: orders/s",
    "of ceiling",
    "by CPU",
    "peak MB",
    "requests",
)


@dataclass
class Report:
    """Measurements by (what, pass), one a run; `grown` is the hand-written mapping's load of many more orders."""

    rows: int
    runs: int
    measured: dict[tuple[str, str], list[Measured]] = field(default_factory=lambda: defaultdict(list))
    grown: Measured | None = None

    def add(self, what: str, turn: str, measured: Measured) -> None:
        self.measured[what, turn].append(measured)

    def middle(self, what: str, turn: str, value: Callable[[Measured], float]) -> float:
        return median(map(value, self.measured[what, turn]))

    def of_ceiling(self, what: str, turn: str, around: Callable[[Measured], float]) -> float | None:
        """How near everything but the mapping comes to the same run's ceiling (1: as fast); None: there is none."""
        pairs = zip(self.measured[what, turn], self.measured.get(("ceiling", turn), []), strict=False)
        ratios = [around(best) / around(ours) for ours, best in pairs]
        return median(ratios) if ratios and what != "ceiling" else None


def figures(report: Report, what: str, turn: str) -> dict[str, Any]:
    """One line of the report."""
    seconds = report.middle(what, turn, lambda m: m.seconds)
    around_s = report.middle(what, turn, lambda m: m.around_s)
    orders = report.measured[what, turn][0].orders
    return {
        "orders": orders,
        "written": report.measured[what, turn][0].written,
        "orders_per_s": round(orders / seconds),
        "seconds": round(seconds, 3),
        "cpu_s": round(report.middle(what, turn, lambda m: m.cpu_s), 3),
        "mapping_s": round(report.middle(what, turn, lambda m: m.mapping_s), 3),
        "around_orders_per_s": round(orders / around_s),
        "of_ceiling": _rounded(report.of_ceiling(what, turn, lambda m: m.around_s)),
        "of_ceiling_cpu": _rounded(report.of_ceiling(what, turn, lambda m: m.cpu_s - m.mapping_s)),
        "peak_mb": round(report.middle(what, turn, lambda m: m.peak_mb), 1),
        "requests": report.measured[what, turn][0].requests,
    }


def _rounded(ratio: float | None) -> float | None:
    return None if ratio is None else round(ratio, 2)


def machine() -> dict[str, str]:
    return {
        "cpu": f"{_cpu()} x {os.cpu_count()}",
        "system": platform.platform(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def as_json(report: Report) -> str:
    results = [
        {"mapping": what, "pass": turn, "name": name, **figures(report, what, turn)}
        for (what, turn), name in NAMES.items()
    ]
    memory = asdict(report.grown) if report.grown else None
    found = {"machine": machine(), "rows": report.rows, "runs": report.runs, "results": results, "grown": memory}
    return json.dumps(found, indent=2)


def as_text(report: Report) -> str:
    head = machine()
    lines = [f"{head['cpu']}, Python {head['python']}, SQLite {head['sqlite']}, {head['system']}"]
    lines.append(f"{report.rows} orders x 5 lines over HTTP into SQLite; medians of {report.runs} run(s)\n")
    table = [HEADINGS, *(_row(report, what, turn) for what, turn in NAMES)]
    widths = [max(len(row[column]) for row in table) for column in range(len(HEADINGS))]
    lines += ["  ".join(_cell(row[n], width, n) for n, width in enumerate(widths)) for row in table]
    lines.append(
        "\nmapping s: the mapping's own processor time; around: everything else, beside the ceiling of the same run."
    )
    return "\n".join([*lines, *_memory(report)])


def _row(report: Report, what: str, turn: str) -> tuple[str, ...]:
    found = figures(report, what, turn)
    shown = (
        "orders_per_s",
        "seconds",
        "cpu_s",
        "mapping_s",
        "around_orders_per_s",
        "of_ceiling",
        "of_ceiling_cpu",
        "peak_mb",
        "requests",
    )
    return (NAMES[what, turn], *("-" if found[name] is None else f"{found[name]:,}" for name in shown))


def _cell(text: str, width: int, column: int) -> str:
    return text.rjust(width) if column else text.ljust(width)


def _memory(report: Report) -> list[str]:
    if report.grown is None:
        return []
    few = report.middle("stand_in", "load", lambda m: m.peak_mb)
    many = report.grown
    return [f"peak memory: {few:.1f} MB for {report.rows:,} orders, {many.peak_mb:.1f} MB for {many.orders:,}"]
