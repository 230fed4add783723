"""Which mapping a run uses: the changed file, what was rolled back, and both after the database was restored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from config.backup import backup
from config.mapping_files import open_mapping
from config.restore import restore
from config.settings import Settings
from config.systems import load_system
from crm_core import installation, mapping_versions
from crm_core.database import Database
from tests.crm import ADMIN, NOW, empty_database
from tests.databases import Databases
from tests.unit.cli_help import GOOD

LATER = NOW + timedelta(days=1)


@dataclass
class Worker:
    """A machine with a home and settings of its own, on the database of all."""

    settings: Settings
    db: Database

    def edit(self, expression: str) -> None:
        """The site's own line, as a person writes it."""
        made = f"{{type: text, value: {expression}}}"
        overlay = f"product: sap/s4\nobjects: {{customers: {{pull: {{custom: {{grade: {made}}}}}}}}}\n"
        put(self.settings.overlays / "erp1.yaml", overlay)

    def run(self) -> str:
        """The version that a run here uses."""
        return open_mapping(self.settings, load_system(self.settings, "erp1"), self.db).version

    def save(self) -> Path:
        file = self.settings.home / "saved.zip"
        backup(self.settings, self.db, ADMIN, NOW, file, with_secrets=False, watch=nobody)
        return file

    def bring_back(self, saved: Path) -> None:
        restore(self.settings, self.db, ADMIN, LATER, saved, replace=True, with_config=False, watch=nobody)

    @property
    def seen(self) -> Path:
        return self.settings.home / "mappings" / "erp1.seen"


@pytest.fixture
def one(tmp_path: Path, sqlite_databases: Databases) -> Iterator[Worker]:
    with sqlite_databases.one() as url:
        db = empty_database(url)
        yield worker(tmp_path / "one", db)
        db.dispose()


@pytest.fixture
def other(tmp_path: Path, one: Worker) -> Worker:
    return worker(tmp_path / "other", one.db)


def worker(folder: Path, db: Database) -> Worker:
    settings = Settings(folder / "config", folder / "var", "")
    put(settings.systems / "erp1.yaml", GOOD)
    return Worker(settings, db)


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def nobody(name: str, done: int) -> None:
    """Nobody watches."""


def rolled_back(one: Worker) -> tuple[str, str]:
    """A version that is current again, and the newer one that stands in the file still."""
    one.edit("Industry")
    before = one.run()
    one.edit("Language")
    after = one.run()
    mapping_versions.rollback(one.db, ADMIN, NOW, "erp1", before, reason="wrong field")
    return before, after


def test_a_changed_file_is_used_and_what_was_rolled_back_is_not(one: Worker) -> None:
    before, after = rolled_back(one)
    assert before != after
    assert one.run() == before
    one.edit("BusinessPartnerType")
    assert one.run() not in (before, after)


def test_after_a_restore_no_machine_goes_back_to_the_mapping_of_the_backup(one: Worker, other: Worker) -> None:
    for each in (one, other):
        each.edit("Industry")
        old = each.run()
    saved = one.save()
    for each in (one, other):
        each.edit("Language")
        new = each.run()
    assert new != old
    one.bring_back(saved)
    assert other.run() == new
    one.bring_back(saved)
    installation.arm(one.db, ADMIN, LATER, unchecked="a drill")
    assert other.run() == new
    assert one.run() == new


def test_what_was_rolled_back_before_the_backup_stays_so_on_every_machine(one: Worker, other: Worker) -> None:
    before, _ = rolled_back(one)
    other.edit("Language")
    assert other.run() == before
    saved = one.save()
    other.edit("BusinessPartnerType")
    assert other.run() != before
    one.bring_back(saved)
    other.edit("Language")  # the settings of the backup
    assert [one.run(), other.run()] == [before, before]
    installation.arm(one.db, ADMIN, LATER, unchecked="a drill")
    assert [one.run(), other.run()] == [before, before]


def test_what_was_seen_of_another_database_says_nothing_of_this_one(one: Worker, sqlite_databases: Databases) -> None:
    one.edit("Industry")
    known = one.run()
    with sqlite_databases.one() as url:
        db = empty_database(url)
        text = mapping_versions.current(one.db, "erp1")
        assert text is not None
        there = replace(one, db=db)
        put(there.settings.overlays / "erp1.yaml", "product: sap/s4\n")
        shipped = there.run()
        put(there.settings.overlays / "erp1.yaml", text["content"]["overlay"])
        assert one.run() == known != shipped
        assert there.run() == known
        db.dispose()


@pytest.mark.parametrize("changed", [False, True])
def test_a_note_that_does_not_say_of_which_database_tells_a_changed_file(one: Worker, changed: bool) -> None:
    """As an earlier version wrote it: the file is of a version known already, and was it put there since?"""
    before, after = rolled_back(one)
    mark = one.seen.read_text().partition(" ")[0]
    one.seen.write_text("0" * 64 if changed else mark)
    assert one.run() == (after if changed else before)
    assert one.run() == (after if changed else before)
