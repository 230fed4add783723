"""The whole road for tests: a sandbox in this process, its system file, a database, and the flows between them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from commands import sandbox_process
from config.settings import Settings, default_database_url
from config.system_writer import write_secret, write_system
from config.wiring import open_context, open_database
from flows.context import Context
from sandbox.server import Sandbox, start
from tests.products import PRODUCTS


@dataclass
class Road:
    """`erp` is the sandbox, `settings` the installation that knows it as system `name`."""

    erp: Sandbox
    settings: Settings
    name: str = "s4"

    @contextmanager
    def context(self) -> Iterator[Context]:
        with open_context(self.settings, self.name) as ctx:
            yield ctx

    def on(self, database_url: str) -> Settings:
        """The installation over another database, which becomes its own."""
        settings = replace(self.settings, database_url=database_url)
        open_database(settings).dispose()
        return settings

    def control(self, path: str, body: dict[str, Any] | None = None, method: str = "") -> Any:
        """Ask the sandbox's control plane: what an ERP user, or fate, would do."""
        data = None if body is None else json.dumps(body).encode()
        method = method or ("GET" if body is None else "POST")
        request = urllib.request.Request(f"{self.erp.url}/_sandbox/{path}", data, method=method)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())


@contextmanager
def open_road(
    folder: Path,
    *,
    product: str = "sap/s4",
    name: str = "s4",
    data: Path | None = None,
    day: date | None = None,
    rows: int | None = None,
    seed: int = 7,
    horizon_s: float = 2,
    database_url: str = "",
    faults: Sequence[dict[str, Any]] = (),
    **more: Any,
) -> Iterator[Road]:
    """A sandbox (made-up data, or the data set in `data`) and an installation in `folder` that has its system file.

    `more` goes into that file. The database is a new SQLite file, or the one at `database_url`. `faults` are armed.
    """
    known = PRODUCTS[product]
    erp = start(product, data=data, rows=rows, date=day, seed=seed, port=0, options=known.sandbox)
    try:
        settings = Settings(folder / "config", folder / "home", database_url or default_database_url(folder / "home"))
        announced = json.loads(erp.announcement())
        system = {
            **sandbox_process.system_data(settings, name, announced),
            "username": write_secret(settings, f"{name}.user", announced["user"]),
            "password": write_secret(settings, f"{name}.password", announced["password"]),
            "commit_horizon_s": horizon_s,
            **({"options": {**announced.get("options", {}), **known.system}} if known.system else {}),
            **more,
        }
        del system["name"]  # a copy of the file under another name is another system
        write_system(settings, name, system, replace=False)
        road = Road(erp, settings, name)
        if faults:
            road.control("faults", {"schedule": list(faults)})
        yield road
    finally:
        erp.stop()
