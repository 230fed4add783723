"""Twice is once: a second pull writes nothing, and one that was killed anywhere ends row for row the same."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings, default_database_url
from config.wiring import open_database
from crm_core.database import Database
from crm_core.model import PULLED
from flows.context import Context
from flows.pull import pull
from tests.flows import processes
from tests.flows.processes import Stop
from tests.flows.road import Road, open_road
from tests.flows.state import Rows, broken_audit, differences, rows

DAY = date(2026, 4, 15)
PAGE_SIZES = {
    "A_BusinessPartner": 9,
    "A_Product": 8,
    "A_SlsPrcgCndnRecdValidity": 50,
    "A_OutbDeliveryHeader": 9,
    "A_BillingDocument": 12,
    "A_SalesOrder": 14,
    "A_OperationalAcctgDocItemCube": 18,
}
"""Records a page by entity set: small enough that every object has several pages."""


def small_pages(road: Road) -> None:
    limits = [{"fault": "page_limit", "n": size, "match": {"path": rf"/{name}$"}} for name, size in PAGE_SIZES.items()]
    road.control("faults", {"schedule": limits})


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    with open_road(tmp_path_factory.mktemp("road"), day=DAY) as road:
        small_pages(road)
        yield road


@dataclass
class Bases:
    """Databases of one installation: copies share its system file and secrets."""

    settings: Settings
    folder: Path

    def at(self, name: str) -> Settings:
        return replace(self.settings, database_url=default_database_url(self.folder / name))

    def copy(self, source: str, target: str) -> Settings:
        """`target` becomes the same as `source`, which nobody has open."""
        shutil.rmtree(self.folder / target, ignore_errors=True)
        shutil.copytree(self.folder / source, self.folder / target)
        return self.at(target)

    def rows(self, name: str) -> Rows:
        database = Database(self.at(name).database_url)
        try:
            assert broken_audit(database) == []
            return rows(database)
        finally:
            database.dispose()


@pytest.fixture(scope="module")
def bases(road: Road, tmp_path_factory: pytest.TempPathFactory) -> Bases:
    """Databases called before-<object>, each the one before it after one more object, pulled undisturbed."""
    bases = Bases(road.settings, tmp_path_factory.mktemp("bases"))
    open_database(bases.at("before-customers")).dispose()
    names = [*PULLED, "end"]
    for obj, following in zip(names, names[1:], strict=False):
        processes.run(processes.start_pull(bases.copy(f"before-{obj}", f"before-{following}"), [obj]))
    return bases


def written(context: Context) -> dict[str, Any]:
    report = pull(context)
    done = ("created", "updated", "removed", "rejected", "stale")
    return {obj: {name: getattr(counts, name) for name in done} for obj, counts in report.counts.items()}


NOTHING = dict.fromkeys(("created", "updated", "removed", "rejected", "stale"), 0)


def test_a_second_pull_writes_nothing(tmp_path: Path) -> None:
    with open_road(tmp_path, day=DAY) as road, road.context() as context:
        assert all(counts["created"] for counts in written(context).values())
        for days in (0, 6, 30):
            if days:
                road.control("advance", {"days": days})
                assert any(counts != NOTHING for counts in written(context).values())
            before = rows(context.database, with_times=True)
            assert written(context) == dict.fromkeys(PULLED, NOTHING)
            assert differences(before, rows(context.database, with_times=True)) == {}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("obj", PULLED)
def test_killed_at_any_page_it_ends_row_for_row_the_same(bases: Bases, obj: str) -> None:
    """Killed behind the k-th page, its successor in the middle of its own first write; the third one ends it."""
    names = [*PULLED, "end"]
    undisturbed = bases.rows(f"before-{names[names.index(obj) + 1]}")
    kills = 0
    while True:
        settings = bases.copy(f"before-{obj}", "killed")
        if not processes.kill_at(processes.start_pull(settings, [obj], stop=Stop("page stored", kills + 1))):
            break
        kills += 1
        processes.kill_at(processes.start_pull(settings, [obj], stop=Stop("page written, not committed")))
        processes.run(processes.start_pull(settings, [obj]))
        assert differences(undisturbed, bases.rows("killed")) == {}, f"killed behind page {kills}"
    assert kills >= 3
