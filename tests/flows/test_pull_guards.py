"""What holds a pull keeps holding it: nothing of the questionable page is stored, however often the pull is run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from config.mapping_targets import targets
from connectors.base import Page, Position, Read, Record, Splits
from crm_core import backfill, schema, sync_state
from crm_core.database import Database
from flows import backfill as backfilling
from flows.context import Context
from flows.errors import HeldError
from flows.pull import pull
from mappings.engine import load_mapping

NOW = datetime(2026, 3, 31, 8, tzinfo=UTC)
MAPPING = """
product: sap/s4
codes:
  unit: {PC: PCE}
objects:
  products:
    pull:
      fields: {name: Name, unit: "$code('unit', Unit)", changed_at: Changed}
"""


@dataclass
class Pages:
    """An ERP with pages of 100 products, of which every page has `wrong` in a unit that no table knows."""

    wrong: int
    count: int = 4

    def reads(self, obj: str) -> list[Read]:
        return [Read("changes")]

    def splits(self, obj: str) -> Splits | None:
        return Splits("changes", ["CN01", "US02"], dates=False)

    def pull(self, obj: str, read: str, *, since: str, after: Position, fields: Any, part: Any) -> Iterator[Page]:
        for number in range(self.count):
            stamp = f"2026-03-30T0{number}:00:00.000000Z"
            if after.stamp and stamp <= after.stamp:
                continue
            keys = [f"P{number}{row:02d}" for row in range(100)]
            rows = [
                Record(key, {"Product": key, "Name": key, "Unit": "PC" if at >= self.wrong else "?", "Changed": stamp})
                for at, key in enumerate(keys)
            ]
            yield Page(rows, Position(stamp, keys[-1]), NOW, last=number == self.count - 1)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.dispose()


def context(db: Database, wrong: int) -> Context:
    mapping = load_mapping("sap/s4", MAPPING, targets=targets())
    erp: Any = Pages(wrong)
    return Context("s4", db, erp, mapping, companies={}, clock=lambda: NOW, owner="test")


def products(db: Database) -> int:
    with db.read() as conn:
        return int(conn.execute(select(func.count()).select_from(schema.erp_product)).scalar_one())


def letters(db: Database) -> int:
    with db.read() as conn:
        return int(conn.execute(select(func.count()).select_from(schema.dead_letter)).scalar_one())


@pytest.mark.parametrize(("wrong", "stored"), [(60, 0), (51, 0), (50, 50), (30, 70)])
def test_a_broken_mapping_holds_every_run_at_the_same_page(db: Database, wrong: int, stored: int) -> None:
    """More than 50 records and more than a fifth of them: the first page, or the one that makes it so."""
    for _ in range(5):
        assert isinstance(pull(context(db, wrong), ["products"]).held["products"], HeldError)
        assert (products(db), letters(db)) == (stored, wrong if stored else 0)
    with db.read() as conn:
        assert conn.execute(select(schema.watermark)).first() is None


def test_what_is_held_comes_in_when_it_is_approved_or_mended(db: Database) -> None:
    assert pull(context(db, 60), ["products"]).held
    report = pull(context(db, 60), ["products"], approve=True)
    assert not report.held and (products(db), letters(db)) == (160, 240)
    assert not pull(context(db, 0), ["products"], full=True).held
    with db.read() as conn:
        waiting = select(func.count()).where(schema.dead_letter.c.state == "open")
        assert (products(db), conn.execute(waiting).scalar_one()) == (400, 0)


def test_few_rejects_among_many_hold_nothing(db: Database) -> None:
    report = pull(context(db, 20), ["products"])
    assert not report.held and (products(db), letters(db)) == (320, 80)


def test_a_part_of_a_backfill_is_held_every_time_too(db: Database) -> None:
    ctx = context(db, 60)
    backfilling.plan(ctx, ["products"], backfilling.Split("company"))
    for _ in range(3):
        assert backfilling.work(ctx, ["products"]).held
        assert [(part.done, part.records) for part in backfill.parts(db, "s4", ctx.mapping.version)] == [(False, 0)] * 3
        assert products(db) == 0


def test_everything_is_read_though_an_unfinished_run_read_only_news(db: Database) -> None:
    ctx = context(db, 0)
    pull(ctx, ["products"])

    class Killed(Pages):
        def pull(self, *args: Any, **kwargs: Any) -> Iterator[Page]:
            yield next(super().pull(*args, **kwargs))
            raise KeyboardInterrupt

    killed: Any = Killed(0)
    with pytest.raises(KeyboardInterrupt):
        pull(replace(ctx, connector=killed), ["products"])
    resumed = sync_state.start_of(db, "s4", "products", "changes", ctx.mapping.version, full=False)
    assert resumed.resumed and resumed.since
    whole = sync_state.start_of(db, "s4", "products", "changes", ctx.mapping.version, full=True)
    assert (whole.since, whole.resumed) == ("", False)
