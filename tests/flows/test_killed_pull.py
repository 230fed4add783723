"""Twice is once: a second pull writes nothing, and one that was killed anywhere ends row for row the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from config.wiring import open_database
from crm_core.database import Database
from flows.context import Context
from flows.pull import pull
from flows.push import push
from sandbox.sap.books import Books
from tests.databases import Databases
from tests.flows import processes, selling
from tests.flows.processes import Stop
from tests.flows.pulled import PULLED
from tests.flows.road import Road, open_road
from tests.flows.state import Rows, broken_audit, differences, rows

DAY = date(2026, 4, 15)
PAGE_SIZES = {
    "A_BusinessPartner": 9,
    "A_Product": 8,
    "A_SlsPrcgCndnRecdValidity": 50,
    "A_OutbDeliveryHeader": 9,
    "A_BillingDocument": 12,
    "SalesContract": 3,
    "A_SalesOrder": 14,
    "A_OperationalAcctgDocItemCube": 30,
}
"""Records a page by entity set: small enough that every object has several pages."""
LIMITS = [{"fault": "page_limit", "n": size, "match": {"path": rf"/{name}$"}} for name, size in PAGE_SIZES.items()]
STEPS = [(obj, f"before-{obj}") for obj in PULLED] + [("", "end")]


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """Its own database stays empty; those of `bases` are used."""
    with open_road(tmp_path_factory.mktemp("road"), day=DAY) as road:
        road.control("faults", {"schedule": LIMITS})
        yield road


@dataclass
class Bases:
    """Databases of one installation: copies share its system file and secrets."""

    settings: Settings
    databases: Databases
    urls: dict[str, str] = field(default_factory=dict)
    pages: dict[str, int] = field(default_factory=dict)
    """How many pages an undisturbed pull has, by the name of the database that it starts from."""

    def at(self, name: str) -> Settings:
        return replace(self.settings, database_url=self.urls[name])

    def copy(self, source: str, target: str) -> Settings:
        """`target` becomes the same as `source`, which nobody has open."""
        if target in self.urls:
            self.databases.drop(self.urls[target])
        self.urls[target] = self.databases.copy(self.urls[source])
        return self.at(target)

    def rows(self, name: str) -> Rows:
        database = Database(self.at(name).database_url)
        try:
            assert broken_audit(database) == []
            return rows(database)
        finally:
            database.dispose()

    def kills(self, name: str, *, each: bool) -> list[int]:
        """Behind which pages to kill: `each`, or the first on SQLite and one between on PostgreSQL."""
        last = self.pages[name]
        some = 1 if self.databases.kind == "sqlite" else last // 2 + 1
        return list(range(1, last + 1)) if each else [some]

    def drop(self) -> None:
        for url in self.urls.values():
            self.databases.drop(url)


@pytest.fixture(scope="module")
def bases(road: Road, databases: Databases) -> Iterator[Bases]:
    """Databases called before-<object>, each the one before it after one more object, pulled undisturbed; then end."""
    bases = Bases(road.settings, databases)
    with databases.one() as url:
        bases.urls["new"] = url
        open_database(bases.at("new")).dispose()
        bases.copy("new", "before-customers")
        for (obj, here), (_, following) in pairwise(STEPS):
            bases.pages[here] = processes.run(processes.start_pull(bases.copy(here, following), [obj]))
        yield bases
        bases.drop()


def written(context: Context) -> dict[str, Any]:
    report = pull(context)
    done = ("created", "updated", "removed", "rejected", "stale")
    return {obj: {name: getattr(counts, name) for name in done} for obj, counts in report.counts.items()}


NOTHING = dict.fromkeys(("created", "updated", "removed", "rejected", "stale"), 0)


def test_a_second_pull_writes_nothing(tmp_path: Path, database_url: str) -> None:
    with open_road(tmp_path, day=DAY, database_url=database_url) as road, road.context() as context:
        assert all(counts["created"] for counts in written(context).values())
        for days in (0, 6, 30):
            if days:
                road.control("advance", {"days": days})
                assert any(counts != NOTHING for counts in written(context).values())
            before = rows(context.database, with_times=True)
            assert written(context) == dict.fromkeys(PULLED, NOTHING)
            assert differences(before, rows(context.database, with_times=True)) == {}


EACH = pytest.mark.parametrize("each", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["some", "each"])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("obj", PULLED)
@EACH
def test_killed_at_any_page_it_ends_row_for_row_the_same(bases: Bases, obj: str, each: bool) -> None:
    """Killed behind the k-th page; every other time its successor too, in the middle of its own first write."""
    before, after = next((here, after) for (its, here), (_, after) in pairwise(STEPS) if its == obj)
    undisturbed = bases.rows(after)
    assert bases.pages[before] >= 3
    for page in bases.kills(before, each=each):
        settings = bases.copy(before, "killed")
        assert processes.kill_at(processes.start_pull(settings, [obj], stop=Stop("page stored", page)))
        if page % 2:
            processes.kill_at(processes.start_pull(settings, [obj], stop=Stop("page written, not committed")))
        processes.run(processes.start_pull(settings, [obj]))
        assert differences(undisturbed, bases.rows("killed")) == {}, f"killed behind page {page}"


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[Bases]:
    """Orders of ours at an ERP where time has passed since the pull in the database called before: there is news.

    A delivery or an invoice does not move its order's change stamp here, which is what S/4 does at its worst.
    """
    folder = tmp_path_factory.mktemp("lived")
    with (
        databases.one() as url,
        open_road(folder, day=DAY, database_url=url) as road,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(Books, "touch", lambda books, order: None)
        with road.context() as context:
            pull(context)
            for days in (1, 1, 6):
                selling.sell(context, 4)
                push(context)
                pull(context)
                road.control("advance", {"days": days})
        bases = Bases(road.settings, databases, {"new": url})
        bases.copy("new", "before")
        bases.pages["before"] = processes.run(processes.start_pull(bases.copy("before", "undisturbed")))
        yield bases
        bases.drop()


@pytest.mark.timeout(600)
@EACH
def test_a_pull_of_news_killed_at_any_page_ends_row_for_row_the_same(lived: Bases, each: bool) -> None:
    """What a delivery or an invoice says of an order is learnt by asking again for the order: also after a kill."""
    undisturbed = lived.rows("undisturbed")
    assert len(differences(lived.rows("before"), undisturbed)) > 5
    assert lived.pages["before"] >= 5
    for page in lived.kills("before", each=each):
        settings = lived.copy("before", "killed")
        assert processes.kill_at(processes.start_pull(settings, stop=Stop("page stored", page)))
        processes.run(processes.start_pull(settings))
        assert differences(undisturbed, lived.rows("killed")) == {}, f"killed behind page {page}"
