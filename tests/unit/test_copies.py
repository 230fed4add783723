"""A database that was copied, moved or put back to an older state writes to no ERP until a person says so."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url

from config import wiring, witness
from config.settings import Settings, default_database_url
from crm_core import access, doubt, installation, outbox_entry, place, quotes
from crm_core.database import Database
from crm_core.errors import RefusedError, StoreError
from crm_core.installation import Installation
from crm_core.outbox import Outbox
from tests.crm import ADMIN, NOW, SALES, Clock, draft, small_crm
from tests.databases import Databases
from tests.postgres import Cluster

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def original(database_url: str) -> Iterator[str]:
    """The address of a database with an accepted quote that is not sent yet; nobody is connected to it."""
    db = small_crm(database_url)
    quotes.accept(db, SALES, NOW, quotes.create(db, SALES, NOW, draft()))
    db.dispose()
    yield database_url


@pytest.fixture
def home(original: str, tmp_path: Path) -> Settings:
    """An installation on that database, with its home."""
    settings = Settings(tmp_path / "config", tmp_path / "home", original, environment="test")
    wiring.close_database(settings, wiring.open_database(settings))
    return settings


@contextmanager
def managed(cluster: Cluster, databases: Databases, state: str) -> Iterator[Database]:
    """A database on a server that answers with `state` whoever asks for the cluster's number, as managed ones may."""
    with databases.one() as url:
        name = str(make_url(url).database)
        cluster.run(f"ALTER DATABASE {name} SET search_path = public, pg_catalog")
        cluster.run(
            "CREATE FUNCTION public.pg_control_system(OUT system_identifier bigint) LANGUAGE plpgsql"
            f" AS $$BEGIN RAISE EXCEPTION 'not here' USING ERRCODE = '{state}'; END$$",
            name,
        )
        db = Database(url)
        try:
            yield db
        finally:
            db.dispose()


def opened(url: str) -> Installation:
    """What any worker finds when it opens the database, from a home of its own."""
    db = Database(url)
    try:
        return installation.ensure(db, LATER, environment="test")
    finally:
        db.dispose()


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(RefusedError) as refused:
        call()
    return refused.value.code


def claimed(db: Database) -> list[outbox_entry.Entry]:
    return Outbox(db, Clock(LATER), owner="p").claim("s4", lease_s=90)


def test_every_worker_of_the_original_stays_armed(original: str) -> None:
    assert [opened(original).armed for _ in range(3)] == [True] * 3


def test_a_copy_is_disarmed_and_its_original_is_not(original: str, databases: Databases) -> None:
    copy = databases.copy(original)
    found = opened(copy)
    assert (found.armed, found.doubt, found.doubted_at) == (False, "copied", LATER)
    assert opened(copy) == found, "it is noted once"
    db = Database(copy)
    (entry,) = outbox_entry.waiting(db, "s4")
    assert (entry.state, entry.attempts) == ("unknown", 1)
    assert refusal(lambda: claimed(db)) == "disarmed-copied"
    db.dispose()
    assert opened(original).armed
    databases.drop(copy)


def test_a_copy_that_nobody_opened_by_the_front_door_claims_nothing_either(original: str, databases: Databases) -> None:
    copy = databases.copy(original)
    db = Database(copy)
    assert refusal(lambda: claimed(db)) == "disarmed-copied"
    assert not installation.armed(db)
    here = installation.peek(db, SALES)
    assert here is not None and here.doubt == "copied"
    db.dispose()
    databases.drop(copy)


def test_a_copy_of_a_disarmed_one_is_in_doubt_too(original: str, databases: Databases) -> None:
    db = Database(original)
    installation.disarm(db, ADMIN, NOW)
    db.dispose()
    copy = databases.copy(original)
    assert opened(copy).doubt == "copied"
    databases.drop(copy)


def test_a_copy_that_was_armed_is_an_installation_of_its_own(original: str, databases: Databases) -> None:
    copy = databases.copy(original)
    before = opened(copy)
    db = Database(copy)
    assert refusal(lambda: installation.arm(db, ADMIN, LATER, systems=["s4", "s5"])) == "adoption-needed"
    with db.write() as conn:
        doubt.note_asked(conn, "s4", LATER, "ann", {})
    assert refusal(lambda: installation.arm(db, ADMIN, LATER, systems=["s4", "s5"])) == "adoption-needed"
    with db.write() as conn:
        doubt.note_asked(conn, "s5", LATER, "ann", {})
    armed = installation.arm(db, ADMIN, LATER, systems=["s4", "s5"])
    assert armed.armed and not armed.doubt and armed.uid != before.uid
    db.dispose()
    assert opened(copy) == armed
    databases.drop(copy)


def test_who_disarms_stops_a_push_that_is_at_work(original: str) -> None:
    db = Database(original)
    installation.disarm(db, ADMIN, NOW)
    assert refusal(lambda: claimed(db)) == "disarmed"
    installation.arm(db, ADMIN, NOW)
    assert len(claimed(db)) == 1
    db.dispose()


def test_only_an_admin_arms(original: str) -> None:
    db = Database(original)
    for change in (installation.arm, installation.disarm):
        with pytest.raises(access.AccessDeniedError):
            change(db, SALES, NOW)
    db.dispose()


def test_a_file_that_is_moved_is_the_same_database(sqlite_databases: Databases, tmp_path: Path) -> None:
    with sqlite_databases.one() as url:
        small_crm(url).dispose()
        file = Path(str(make_url(url).database))
        (tmp_path / "new").mkdir()
        os.replace(file, moved := tmp_path / "new" / "crm.sqlite")
        assert opened(f"sqlite:///{moved}").armed


def test_a_file_on_another_machine_is_a_copy(sqlite_databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    with sqlite_databases.one() as url:
        small_crm(url).dispose()
        monkeypatch.setattr(place, "machine", lambda: "another")
        assert opened(url).doubt == "copied"


def test_an_older_state_that_was_put_back_is_noticed(home: Settings, databases: Databases) -> None:
    older = databases.copy(home.database_url)
    db = wiring.open_database(home)
    number = quotes.create(db, SALES, LATER, draft())
    wiring.close_database(home, db)
    replace_content(home.database_url, older, databases)
    db = wiring.open_database(home)
    here = installation.read(db, ADMIN)
    assert (here.armed, here.doubt) == (False, "put-back")
    assert quotes.create(db, SALES, LATER, draft()) > number
    wiring.close_database(home, db)
    databases.drop(older)


def test_a_home_that_remembers_another_database_or_nothing_finds_no_fault(home: Settings, databases: Databases) -> None:
    with databases.one() as url:
        other = replace(home, database_url=url)
        for settings in (other, home, other):
            db = wiring.open_database(settings)
            assert installation.read(db, ADMIN).armed
            wiring.close_database(settings, db)
    (home.home / "witness.json").write_text("{")
    assert witness.recall(home) is None
    wiring.close_database(home, wiring.open_database(home))
    assert witness.recall(home) is not None


@pytest.mark.parametrize("state", ["0A000", "42501", "42883", "55000"])
def test_on_a_server_that_hides_its_number_that_of_the_database_counts(
    cluster: Cluster, postgresql_databases: Databases, state: str
) -> None:
    with managed(cluster, postgresql_databases, state) as db:
        with db.write() as conn:
            mark = place.of(conn)
            (number,) = cluster.run(f"SELECT oid FROM pg_database WHERE datname = '{db.url.database}'")[0]
        assert mark == hashlib.blake2b(str(number).encode(), digest_size=12).hexdigest()
        assert installation.ensure(db, NOW, environment="test").armed
        assert installation.ensure(db, LATER, environment="test").armed


def test_a_server_that_fails_while_it_is_asked_for_its_number_is_not_taken_for_another(
    cluster: Cluster, postgresql_databases: Databases
) -> None:
    with (
        managed(cluster, postgresql_databases, "57014") as db,
        pytest.raises(StoreError) as failed,
        db.write() as conn,
    ):
        place.of(conn)
    assert failed.value.code == "database-slow"


@pytest.mark.parametrize("how", ["over what is there", "into a new folder"])
def test_a_home_that_was_put_back_as_a_whole_is_noticed(tmp_path: Path, how: str) -> None:
    """From a nightly archive of the folder: what the home remembers is as old as the database then."""
    home = tmp_path / "home"
    settings = Settings(tmp_path / "config", home, default_database_url(home), environment="test")
    wiring.close_database(settings, wiring.open_database(settings))
    small_crm(settings.database_url).dispose()
    wiring.close_database(settings, wiring.open_database(settings))
    shutil.copytree(home, tmp_path / "archive")
    db = wiring.open_database(settings)
    quotes.accept(db, SALES, NOW, quotes.create(db, SALES, NOW, draft()))
    wiring.close_database(settings, db)
    assert standing(settings).armed
    if how == "into a new folder":
        shutil.rmtree(home)
    shutil.copytree(tmp_path / "archive", home, dirs_exist_ok=True)
    found = standing(settings)
    assert not found.armed and found.doubt in ("put-back", "copied")
    db = wiring.open_database(settings)
    installation.arm(db, ADMIN, LATER, unchecked="a drill")
    wiring.close_database(settings, db)
    assert standing(settings).armed


def test_a_note_that_was_put_back_beside_a_server_says_nothing(postgresql_databases: Databases, tmp_path: Path) -> None:
    with postgresql_databases.one() as url:
        settings = Settings(tmp_path / "config", tmp_path / "home", url, environment="test")
        wiring.close_database(settings, wiring.open_database(settings))
        shutil.copytree(settings.home, tmp_path / "archive")
        db = wiring.open_database(settings)
        installation.disarm(db, ADMIN, NOW)
        installation.arm(db, ADMIN, NOW)
        wiring.close_database(settings, db)
        shutil.copytree(tmp_path / "archive", settings.home, dirs_exist_ok=True)
        assert standing(settings).armed


def standing(settings: Settings) -> Installation:
    """What a command finds that opens the database from this home."""
    db = wiring.open_database(settings)
    try:
        return installation.read(db, ADMIN)
    finally:
        wiring.close_database(settings, db)


def replace_content(url: str, older: str, databases: Databases) -> None:
    """As an admin would who knows no `crosstie restore`: the same database, its content of yesterday."""
    if databases.kind == "sqlite":
        shutil.copyfile(str(make_url(older).database), str(make_url(url).database))
        return
    db = Database(url)
    with db.write() as conn:
        conn.exec_driver_sql("DELETE FROM audit WHERE id = (SELECT max(id) FROM audit)")
    db.dispose()
