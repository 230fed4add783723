"""The scaled topology on this machine, and what it promises, checked.

    python -m tests.scaled [--quotes N] [--every SECONDS] [--workers N] [--seed N]

Needs PostgreSQL and Redis: apt-get install postgresql redis-server. Prints one JSON document; ends with 1 when a
promise is not kept.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from commands import sandbox_process
from config.settings import Settings, default_database_url
from tests.postgres import HOW_TO_GET_IT, binaries
from tests.scaled import quotes
from tests.scaled.topology import note, topology

SYSTEMS = ("north", "south")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.scaled", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quotes", type=int, default=2000, help="over two systems (default %(default)s)")
    parser.add_argument("--every", type=float, default=10, help="seconds between two kills (default %(default)s)")
    parser.add_argument("--workers", type=int, help="default: as docker-compose.yml says")
    parser.add_argument("--seed", type=int, default=20260504)
    args = parser.parse_args()
    missing = [HOW_TO_GET_IT] if binaries() is None else []
    missing += [] if shutil.which("redis-server") else ["needs redis-server: apt-get install redis-server"]
    if missing:
        print("\n".join(missing), file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="crosstie-scaled-"))
    found = run(folder, args)
    print(json.dumps(found, ensure_ascii=False, indent=2, default=str))
    if found["ok"]:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if found["ok"] else 1


def run(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    config, started = folder / "config", time.monotonic()
    with ExitStack() as stack:
        home = folder / "home"
        sandboxes = {}
        for name in SYSTEMS:
            settings = Settings(config, home, default_database_url(home))
            sandboxes[name] = sandbox_process.start(settings, name, "sap/s4", [], background=False)
            stack.callback(sandboxes[name].stop)
        note(f"starting the topology; logs are in {folder}")
        scaled = stack.enter_context(topology(folder, config, args.workers))
        note(f"it stands after {time.monotonic() - started:.0f} s: {[process.name for process in scaled.processes]}")
        return quotes.check(scaled, sandboxes, args.quotes, args.every, args.seed)


if __name__ == "__main__":
    raise SystemExit(main())
