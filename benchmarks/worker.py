"""One measurement in a process of its own: `python -m benchmarks.worker WHAT URL HOME`, a JSON line on stdout.

WHAT is ceiling, mapping (the product as it is) or stand_in (the product with a hand-written function for the mapping).
HOME is a folder for the settings and the database; a second measurement in it finds the rows of the first.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import ceiling, order_pages
from benchmarks.page_server import PASSWORD, USER
from benchmarks.stand_in import map_order

SYSTEM_FILE = """\
name: {name}
product: sap/s4
url: {url}
allow_http: true
username: {user}
password: ${{env:BENCH_PASSWORD}}
client: "100"
companies:
  CN01: {{currency: CNY, time_zone: Asia/Shanghai, country: CN, sales_area: {{organization: "1010"}}}}
"""


@dataclass(frozen=True)
class Measured:
    """`mapping_s`: thread CPU time inside the mapping. `peak_mb` is of the whole process, start-up included."""

    orders: int
    written: int
    seconds: float
    cpu_s: float
    mapping_s: float
    peak_mb: float
    start_mb: float
    requests: int

    @property
    def around_s(self) -> float:
        """The time that everything but the mapping took."""
        return self.seconds - self.mapping_s


class Mapper:
    """Stands before a section's `apply`, or a function in its place, and keeps the time that takes."""

    def __init__(self, section: Any, instead: Callable[[dict[str, Any], str], dict[str, Any]] | None) -> None:
        self._apply = instead or section.apply
        self.seconds = 0.0
        section.apply = self

    def __call__(self, data: dict[str, Any], key: str = "") -> dict[str, Any]:
        started = time.thread_time()
        mapped = self._apply(data, key)
        self.seconds += time.thread_time() - started
        return mapped


def measure(what: str, url: str, home: Path, *, full: bool = True) -> Measured:
    home.mkdir(parents=True, exist_ok=True)
    run = _ceiling if what == "ceiling" else _product
    return run(what, url, home, full)


def _ceiling(what: str, url: str, home: Path, full: bool) -> Measured:
    from crm_core.database import Database

    file = home / "crosstie.sqlite"
    database = Database(f"sqlite:///{file}")
    database.upgrade()
    database.dispose()
    meter = Meter(url)
    done = ceiling.load(url, order_pages.service().path, str(file))
    return meter.stop(done.read, done.written, 0.0)


def _product(what: str, url: str, home: Path, full: bool) -> Measured:
    from config import wiring
    from flows.pull import pull

    with wiring.open_context(_settings(url, home), ceiling.SYSTEM) as context:
        mapper = Mapper(context.mapping.section("orders", "pull"), map_order if what == "stand_in" else None)
        meter = Meter(url)
        counts = pull(context, ["orders"], full=full).counts["orders"]
        return meter.stop(counts.read, counts.created + counts.updated, mapper.seconds)


def _settings(url: str, home: Path) -> Any:
    from config.settings import Settings, default_database_url

    systems = home / "config" / "systems"
    systems.mkdir(parents=True, exist_ok=True)
    text = SYSTEM_FILE.format(name=ceiling.SYSTEM, url=url, user=USER)
    (systems / f"{ceiling.SYSTEM}.yaml").write_text(text, encoding="utf-8")
    os.environ["BENCH_PASSWORD"] = PASSWORD
    return Settings(home / "config", home, default_database_url(home))


class Meter:
    """Time, processor time, memory and requests from here on."""

    def __init__(self, url: str) -> None:
        self._requests = url + "/requests"
        self._count()
        self._start_mb = peak_mb()
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def stop(self, orders: int, written: int, mapping_s: float) -> Measured:
        seconds, cpu_s = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return Measured(orders, written, seconds, cpu_s, mapping_s, peak_mb(), self._start_mb, self._count())

    def _count(self) -> int:
        with urllib.request.urlopen(self._requests) as answer:
            return int(answer.read())


def peak_mb() -> float:
    """The most memory this process held so far, MB; where the system does not tell, what it holds now."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import psutil

    memory = psutil.Process().memory_info()
    return float(getattr(memory, "peak_wset", memory.rss)) / 1024**2


if __name__ == "__main__":
    _, what, url, home, *rest = sys.argv
    print(json.dumps(asdict(measure(what, url, Path(home), full="changed" not in rest))))
