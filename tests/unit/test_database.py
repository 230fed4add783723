"""Transactions as both kinds of database keep them, and what people are told when a database server says no."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any
from urllib.parse import unquote

import pytest
from psycopg import sql
from sqlalchemy import func, insert, select, text, update

from crm_core import audit, installation, schema
from crm_core.database import Database, done_anew
from crm_core.database_errors import ConflictError
from crm_core.errors import StoreError
from crm_core.upserts import next_value
from tests.crm import NOW, empty_database
from tests.databases import Databases
from tests.postgres import GUARDED, PASSWORD, Cluster

MANY = 40


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = empty_database(database_url)
    yield database
    database.dispose()


@pytest.fixture
def server(postgresql_databases: Databases) -> Iterator[Database]:
    with postgresql_databases.one() as url:
        database = empty_database(url)
        yield database
        database.dispose()


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What so many threads return that begin together."""
    start = threading.Barrier(count)

    def begin(number: int) -> Any:
        start.wait(30)
        return work(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(begin, range(count)))


def note(db: Database, number: int, *, alone: bool = True) -> None:
    with db.write(alone=alone) as conn:
        audit.append(conn, at=NOW, actor="ann", action="test", obj="orders", detail={"number": str(number)})


def put(db: Database, name: str, value: int = 0) -> None:
    with db.write() as conn:
        conn.execute(insert(schema.sequence).values(name=name, value=value))


def value(db: Database, name: str) -> int:
    with db.read() as conn:
        return int(conn.execute(select(schema.sequence.c.value).where(schema.sequence.c.name == name)).scalar_one())


def bump(conn: Any, name: str) -> None:
    table = schema.sequence
    conn.execute(update(table).where(table.c.name == name).values(value=table.c.value + 1))


# -- transactions


@pytest.mark.parametrize("alone", [True, False])
def test_an_audit_written_by_several_at_once_is_one_unbroken_chain(db: Database, alone: bool) -> None:
    def work(number: int) -> None:
        for turn in range(MANY // 4):
            note(db, number * 100 + turn, alone=alone)

    at_once(4, work)
    with db.read() as conn:
        assert audit.verify(conn) == []
        assert conn.execute(select(func.count()).select_from(schema.audit)).scalar_one() == MANY + 1


def test_numbers_drawn_at_once_are_all_different(db: Database) -> None:
    def draw(number: int) -> list[int]:
        drawn = []
        for _ in range(MANY // 4):
            with db.write(alone=bool(number % 2)) as conn:
                drawn.append(next_value(conn, "quote"))
        return drawn

    assert sorted(chain.from_iterable(at_once(4, draw))) == list(range(1, MANY + 1))


def test_what_one_alone_has_read_stays_true_until_it_has_written(db: Database) -> None:
    """Else two people could accept one quote twice."""
    put(db, "accepted")

    def accept(_: int) -> bool:
        with db.write() as conn:
            free = conn.execute(
                select(schema.sequence.c.value).where(schema.sequence.c.name == "accepted")
            ).scalar_one()
            time.sleep(0.05)
            if not free:
                bump(conn, "accepted")
            return not free

    assert sorted(at_once(4, accept)) == [False, False, False, True]
    assert value(db, "accepted") == 1


def test_a_read_sees_one_moment_whatever_is_written_meanwhile(db: Database) -> None:
    put(db, "before")
    with db.read() as conn:
        count = select(func.count()).select_from(schema.sequence)
        assert conn.execute(count).scalar_one() == 1
        at_once(1, lambda _: put(db, "meanwhile"))
        assert conn.execute(count).scalar_one() == 1
    with db.read() as conn:
        assert conn.execute(count).scalar_one() == 2


def test_pages_and_pushes_run_beside_each_other_and_a_decision_waits_for_both(server: Database) -> None:
    order: list[str] = []
    inside = threading.Barrier(2)

    def beside(number: int) -> None:
        with server.write(alone=False):
            inside.wait(30)  # both are in their transactions
            time.sleep(0.5)
            order.append("beside")

    def decide() -> None:
        while len(waiting(server)) < 2:
            time.sleep(0.01)
        with server.write():
            order.append("alone")

    third = threading.Thread(target=decide)
    third.start()
    at_once(2, beside)
    third.join(30)
    assert order == ["beside", "beside", "alone"]


def waiting(server: Database) -> list[Any]:
    with server.read() as conn:
        return list(conn.execute(text("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 4710")))


def test_a_deadlock_is_broken_and_its_loser_done_anew(server: Database) -> None:
    for name in ("one", "two"):
        put(server, name)
    met, tries = threading.Barrier(2), []

    @done_anew
    def both(names: list[str]) -> None:
        tries.append(names)
        with server.write(alone=False) as conn:
            bump(conn, names[0])
            if len(tries) <= 2:
                met.wait(30)
            bump(conn, names[1])

    at_once(2, lambda number: both(["one", "two"][:: -1 if number else 1]))
    assert len(tries) >= 3
    assert (value(server, "one"), value(server, "two")) == (2, 2)


def test_a_transaction_that_always_conflicts_says_so_in_the_end(server: Database) -> None:
    tries = []

    @done_anew
    def hopeless() -> None:
        tries.append(1)
        with server.write(alone=False) as conn:
            conn.exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40P01'; END $$")

    with pytest.raises(ConflictError) as refused:
        hopeless()
    assert (refused.value.code, len(tries)) == ("database-conflict", 4)


# -- several processes begin at once


def test_several_that_upgrade_a_new_database_at_once_make_its_tables_once(databases: Databases) -> None:
    with databases.one(tables=False) as url:
        opened = [Database(url) for _ in range(4)]
        assert len(set(at_once(4, lambda number: opened[number].upgrade()))) == 1
        made = at_once(4, lambda number: installation.ensure(opened[number], NOW, environment="test"))
        assert len({found.prefix for found in made}) == 1
        with opened[0].read() as conn:
            assert audit.verify(conn) == []
            assert conn.execute(select(func.count()).select_from(schema.audit)).scalar_one() == 1
        for database in opened:
            database.dispose()


# -- what people are told


def refusal(work: Callable[[], Any]) -> StoreError:
    with pytest.raises(StoreError) as refused:
        work()
    assert PASSWORD not in str(refused.value)
    assert "guessed" not in str(refused.value)
    return refused.value


def test_a_server_that_lets_us_not_in_says_why_and_shows_no_password(cluster: Cluster) -> None:
    here = f"127.0.0.1:{cluster.port}"
    addresses = {
        f"postgresql://{GUARDED}:guessed@{here}/postgres": "database-login",
        f"postgresql://{GUARDED}@{here}/postgres": "database-login",
        f"postgresql://nobody:guessed@{here}/postgres": "database-login",
        cluster.url("nowhere", role=GUARDED, password=PASSWORD): "database-absent",
        f"postgresql://crosstie:{PASSWORD}@127.0.0.1:1/crm": "database-unreachable",
        f"postgresql://crosstie:{PASSWORD}@/crm?host=/nowhere": "database-unreachable",
        f"postgresql://crosstie:{PASSWORD}@{here}/postgres?sslmode=require": "database-unreachable",
        f"postgresql://crosstie:{PASSWORD}@{here}/postgres?colour=red": "database-url",
        f"postgresql:///crm?host=/nowhere&user=crosstie&password={PASSWORD}": "database-unreachable",
        f"postgresql://crosstie@/crm?host=/nowhere&sslpassword={PASSWORD}": "database-unreachable",
        f"postgresql:///crm?host=/nowhere&Passwort={PASSWORD}": "database-url",
    }
    told = {url: refusal(Database(url).version).code for url in addresses}
    assert told == addresses
    good = Database(cluster.url("postgres", role=GUARDED, password=PASSWORD))
    assert good.version() == ""
    good.dispose()


def test_of_an_address_only_what_says_where_is_shown() -> None:
    query = f"host=/run/postgresql&port=5433&user=crosstie&sslmode=require&password={PASSWORD}&sslpassword={PASSWORD}"
    for address, shown in {
        f"postgresql+psycopg:///crm?{query}": "postgresql+psycopg:///crm?host=/run/postgresql&port=5433&user=crosstie",
        f"postgresql://crosstie:{PASSWORD}@[::1]/crm": "postgresql://crosstie:***@[::1]/crm",
    }.items():
        assert unquote(Database(address).place) == shown


def test_a_user_without_rights_is_told_which(cluster: Cluster, postgresql_databases: Databases) -> None:
    with postgresql_databases.one(tables=False) as url:
        name = url.partition("@/")[2].partition("?")[0]
        database = Database(cluster.url(name, role=GUARDED, password=PASSWORD))
        refused = refusal(database.upgrade)  # PostgreSQL 15 and newer: only the owner makes tables
        assert refused.code == "database-rights"
        assert "schema public" in refused.params["why"]
        assert database.version() == ""
        database.dispose()


def test_a_database_that_cannot_hold_every_name_is_refused(cluster: Cluster) -> None:
    """What initdb makes where nobody set a locale, and what an older Chinese server may have."""
    for encoding in ("SQL_ASCII", "EUC_CN"):
        name = f"text_{encoding.lower()}"
        cluster.run(
            f"CREATE DATABASE {name} OWNER crosstie TEMPLATE template0 ENCODING '{encoding}'"
            " LOCALE_PROVIDER libc LOCALE 'C'"
        )
        database = Database(cluster.url(name))
        refused = refusal(database.upgrade)
        assert (refused.code, refused.params["encoding"]) == ("database-encoding", encoding)
        database.dispose()
        named = Database(f"postgresql:///{name}?host=127.0.0.1&port={cluster.port}&user=crosstie&password={PASSWORD}")
        assert refusal(named.upgrade).code == "database-encoding"
        named.dispose()
        cluster.drop(name)


def test_a_database_whose_schema_is_missing_says_so_and_works_when_it_is_made(
    cluster: Cluster, postgresql_databases: Databases
) -> None:
    with postgresql_databases.one(tables=False) as url:
        name = url.partition("@/")[2].partition("?")[0]
        cluster.run(f"ALTER DATABASE {name} SET search_path = crm")
        database = Database(url)
        assert refusal(database.upgrade).code == "database-schema"
        cluster.run("CREATE SCHEMA crm AUTHORIZATION crosstie", name)
        database.upgrade()
        database.require_version()
        database.dispose()


def test_dates_are_read_however_the_server_would_write_them(cluster: Cluster, server: Database) -> None:
    server.dispose()
    cluster.run(f"ALTER DATABASE {server.url.database} SET datestyle = 'SQL, DMY'")
    with server.read() as conn:
        assert conn.execute(select(schema.installation.c.created_at)).scalar_one() == NOW


def test_a_server_that_is_full_is_told(cluster: Cluster, server: Database) -> None:
    server.dispose()
    cluster.run("ALTER ROLE crosstie CONNECTION LIMIT 0")
    try:
        assert refusal(server.version).code == "database-crowded"
    finally:
        cluster.run("ALTER ROLE crosstie CONNECTION LIMIT -1")


def test_a_lock_that_is_not_let_go_and_a_statement_without_end_are_told(server: Database) -> None:
    with server.write(alone=False) as conn:
        other = Database(f"{server.url.render_as_string(hide_password=False)}&options=-c lock_timeout=100")
        assert refusal(lambda: note(other, 1)).code == "database-busy"
        other.dispose()
        assert conn.exec_driver_sql("SHOW lock_timeout").scalar() == "30s"
        assert conn.exec_driver_sql("SHOW application_name").scalar() == "crosstie"
    slow = Database(f"{server.url.render_as_string(hide_password=False)}&options=-c statement_timeout=100")
    with slow.engine.connect():
        assert refusal(lambda: run(slow, "SELECT pg_sleep(5)")).code == "database-slow"
    slow.dispose()


def run(db: Database, statement: str) -> None:
    with db.write(alone=False) as conn:
        conn.exec_driver_sql(statement)


def test_a_connection_that_breaks_stores_nothing_and_the_next_one_works(cluster: Cluster, server: Database) -> None:
    put(server, "kept")

    def broken() -> None:
        with server.write() as conn:
            bump(conn, "kept")
            pid = conn.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            cluster.run(sql.SQL("SELECT pg_terminate_backend({})").format(sql.Literal(pid)))
            bump(conn, "kept")

    assert refusal(broken).code == "database-lost"
    assert value(server, "kept") == 0


def test_whoever_writes_where_he_may_only_read_is_refused(server: Database) -> None:
    def write() -> None:
        with server.read() as conn:
            bump(conn, "x")

    assert refusal(write).code == "database-read-only"


def test_a_text_with_a_nul_is_told(server: Database) -> None:
    assert refusal(lambda: put(server, "a\x00b")).code == "database-text"


def test_a_file_without_tables_is_old_and_so_is_a_server_without(databases: Databases) -> None:
    with databases.one(tables=False) as url:
        database = Database(url)
        assert refusal(lambda: value(database, "x")).code == "database-old"
        database.dispose()
