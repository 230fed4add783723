"""Whatever comes in whatever order, twice or in two threads at once: the derived rows are those of what stands now."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from crm_core import schema
from crm_core.database import Database
from crm_core.store import Store
from tests.crm import NOW, empty_database
from tests.databases import Databases
from tests.unit.test_settlements import derived, item, receipt, settled, take

START = date(2026, 3, 1)
TABLES = ("open_item", "payment", "application", "account_line", "erp_receipt", "erp_settlement", "cleared_line")
REVERSED = st.none() | st.integers(0, 20).map(lambda days: START + timedelta(days))
KEYS = st.sampled_from(["9/1", "9/2", "10/1"])
AMOUNTS = st.integers(1, 9).map(lambda cents: f"{cents}.0{cents}")
ITEMS = st.builds(lambda amount, key, day: item(amount, key, reversed_on=day), AMOUNTS, KEYS, REVERSED)
RECEIPTS = st.builds(lambda amount, key, day: receipt(amount, key, reversed_on=day), AMOUNTS, KEYS, REVERSED)
SETTLEMENTS = st.builds(
    lambda amount, key, source, target, kinds, day: settled(
        amount, key, source_kind=kinds[0], source_key=source, target_kind=kinds[1], target_key=target, reversed_on=day
    ),
    AMOUNTS,
    st.sampled_from(["m1", "m2", "m3", "9/1"]),
    KEYS,
    KEYS,
    st.sampled_from([("payment", "item"), ("item", "item"), ("payment", "payment")]),
    REVERSED,
)
CHANGES = st.lists(st.tuples(ITEMS | RECEIPTS | SETTLEMENTS, st.booleans()), max_size=14)


@pytest.fixture(scope="module")
def database(databases: Databases) -> Iterator[Database]:
    with databases.one() as url:
        opened = empty_database(url)
        yield opened
        opened.dispose()


def emptied(database: Database) -> Store:
    with database.write() as conn:
        for name in TABLES:
            conn.execute(delete(schema.metadata.tables[name]))
    return Store(database, lambda: NOW)


@settings(max_examples=40)
@given(changes=CHANGES)
def test_what_is_derived_step_by_step_is_what_is_derived_at_once(
    database: Database, changes: list[tuple[tuple[str, str, Any], bool]]
) -> None:
    store = emptied(database)
    standing: dict[tuple[str, str], Any] = {}
    for (obj, key, record), stays in changes:
        if stays:
            take(store, (obj, key, record))
            standing[obj, key] = record
        else:
            take(store, gone=(obj, key))
            standing.pop((obj, key), None)
    found = derived(database)
    store = emptied(database)
    take(store, *((obj, key, record) for (obj, key), record in sorted(standing.items(), key=lambda one: one[0])))
    assert derived(database) == found


class Slow(Store):
    """Has made its rows, and takes its time to store them; says so."""

    def _audit(self, *args: Any) -> None:
        self.made.set()
        time.sleep(0.3)
        super()._audit(*args)

    made: threading.Event


def test_pages_of_both_sides_at_once_end_as_one_after_the_other(database_url: str) -> None:
    """Else the application would not know of the reversal, nor the reversal of the application."""
    database = empty_database(database_url)
    slow = Slow(database, lambda: NOW)
    slow.made = threading.Event()
    take(Store(database, lambda: NOW), item("100.00"), receipt("100.00"))
    with ThreadPoolExecutor(1) as pool:
        settling = pool.submit(take, slow, settled("60.00"))
        assert slow.made.wait(20)
        take(Store(database, lambda: NOW), receipt("100.00", reversed_on=START))
        settling.result()
    with database.read() as conn:
        assert conn.execute(select(schema.application.c.reversed_on)).scalar_one() == START
    database.dispose()
