"""The whole road for tests: a sandbox in this process, its system file, a database, and the flows between them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from config.settings import Settings, default_database_url
from config.system_writer import write_secret, write_system
from config.wiring import open_context
from flows.context import Context
from sandbox.server import Sandbox, start


@dataclass
class Road:
    """`erp` is the sandbox, `settings` the installation that knows it as system `s4`."""

    erp: Sandbox
    settings: Settings

    @contextmanager
    def context(self) -> Iterator[Context]:
        with open_context(self.settings, "s4") as ctx:
            yield ctx

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
    data: Path | None = None,
    day: date | None = None,
    rows: int | None = None,
    horizon_s: float = 2,
    database_url: str = "",
    **more: Any,
) -> Iterator[Road]:
    """A sandbox (made-up data, or the data set in `data`) and an installation in `folder` that has its system file.

    `more` goes into that file. The database is a new SQLite file, or the one at `database_url`.
    """
    erp = start("sap/s4", data=data, rows=rows, date=day, seed=7, port=0)
    try:
        settings = Settings(folder / "config", folder / "home", database_url or default_database_url(folder / "home"))
        announced = json.loads(erp.announcement())
        companies = {code: _company(facts) for code, facts in announced["companies"].items()}
        system = {
            "product": "sap/s4",
            "url": erp.url,
            "username": write_secret(settings, "s4.user", announced["user"]),
            "password": write_secret(settings, "s4.password", announced["password"]),
            "allow_http": True,
            "commit_horizon_s": horizon_s,
            "companies": companies,
            **more,
        }
        write_system(settings, "s4", system, replace=False)
        yield Road(erp, settings)
    finally:
        erp.stop()


def _company(facts: dict[str, Any]) -> dict[str, Any]:
    area = {"organization": facts["sales_org"], "channel": "10", "division": "00"}
    kept = ("currency", "time_zone", "country", "fiscal_year_start_month")
    return {**{name: facts[name] for name in kept}, "sales_area": area}
