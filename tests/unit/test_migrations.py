"""Tables go forward and back through every version with all their rows, and end as the program describes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    Engine,
    Integer,
    MetaData,
    Text,
    func,
    inspect,
    select,
)

from crm_core import database as versions
from crm_core import schema
from crm_core.database import Database
from crm_core.errors import StoreError
from tests.crm import NOW
from tests.databases import Databases
from tests.unit.cli_help import new_place

FIRST, *LATER = versions.versions()
ALL = [FIRST, *LATER]
Rows = dict[str, list[tuple[Any, ...]]]


@pytest.fixture
def db(databases: Databases) -> Iterator[Database]:
    """A database with the tables of the newest version and two rows in each."""
    with databases.one() as url:
        database = Database(url)
        fill(database.engine, schema.metadata)
        yield database
        database.dispose()


def fill(engine: Engine, tables: MetaData) -> None:
    with engine.begin() as conn:
        for table in tables.sorted_tables:
            conn.execute(table.insert(), [{c.name: sample(c, number) for c in table.columns} for number in (1, 2)])


def sample(column: Column[Any], number: int) -> Any:
    """A value that fits the column; a reference and what it refers to are the same text."""
    kind = column.type
    if isinstance(kind, schema.Amount):
        return Decimal(f"{number}.50")
    if isinstance(kind, schema.Stamp):
        return NOW
    if isinstance(kind, schema.Json):
        return {"n": str(number), "text": "文字"}
    if isinstance(kind, Boolean):
        return number == 1
    if isinstance(kind, Integer):
        return number
    return date(2026, 3, number) if isinstance(kind, Date) else f"值{number}"


def rows(conn: Connection, tables: MetaData) -> Rows:
    """Every row of these tables, in these columns, as the driver gives them."""
    found = {}
    for table in tables.sorted_tables:
        found[table.name] = sorted((tuple(row) for row in conn.execute(select(table))), key=repr)
    return found


def tables_at(db: Database) -> MetaData:
    """The tables as they are now, our own bookkeeping of versions left out."""
    found = MetaData()
    with db.engine.connect() as conn:
        found.reflect(conn, only=lambda name, _: name != "alembic_version")
    return found


def counted(db: Database) -> dict[str, int]:
    with db.engine.connect() as conn:
        tables = tables_at(db).sorted_tables
        return {t.name: conn.execute(select(func.count()).select_from(t)).scalar_one() for t in tables}


def test_the_migrated_tables_are_those_of_the_program(db: Database) -> None:
    """Else `alembic revision --autogenerate` would find something to do."""
    with db.engine.connect() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": same_type})
        assert compare_metadata(context, schema.metadata) == []


def same_type(_context: Any, _found: Any, _wanted: Any, inspected: Any, wanted: Any) -> bool | None:
    """Types as the database names them: ours are decorated."""
    dialect = _context.dialect
    return str(inspected.compile(dialect)) != str(wanted.compile(dialect))


def test_back_to_the_first_version_and_forward_again_keeps_what_both_know(db: Database) -> None:
    newest = counted(db)
    db.downgrade(FIRST)
    assert db.version() == FIRST
    first = tables_at(db)
    with db.engine.connect() as conn:
        before = rows(conn, first)
    assert all(len(found) == 2 for found in before.values())
    assert db.upgrade() == ALL[-1]
    with db.engine.connect() as conn:
        assert rows(conn, first) == before
    assert counted(db).keys() == newest.keys()
    with db.engine.connect() as conn:
        context = MigrationContext.configure(conn)
        assert compare_metadata(context, schema.metadata) == []


@pytest.mark.parametrize("version", LATER)
def test_each_version_can_be_gone_back_from_and_come_to(db: Database, version: str) -> None:
    db.downgrade(version)
    assert db.version() == version
    with pytest.raises(StoreError) as refused:
        db.downgrade(str(int(version) + 1).zfill(4))
    assert refused.value.code == "version-unknown"
    db.upgrade()
    db.require_version()


@pytest.mark.parametrize("version", LATER)
def test_an_older_program_writes_on_beside_a_newer_one(db: Database, version: str) -> None:
    """One that was at work finishes its run: what it does not know has a default, and nothing it knows is gone."""
    earlier = ALL[ALL.index(version) - 1]
    db.downgrade(earlier)
    known = tables_at(db)  # the columns that the older program names in its statements
    with db.engine.begin() as conn:
        for table in reversed(known.sorted_tables):
            conn.execute(table.delete())
    db.upgrade()
    with db.engine.begin() as conn:
        for table in known.sorted_tables:
            conn.execute(table.insert(), [{c.name: plain(c, number) for c in table.columns} for number in (1, 2)])
    with db.engine.connect() as conn:
        assert all(len(found) == 2 for found in rows(conn, known).values())
        for table in schema.metadata.sorted_tables:  # and the newer one can read it
            list(conn.execute(select(table)))


def plain(column: Column[Any], number: int) -> Any:
    """A value for a column as the database describes it."""
    kind = schema.metadata.tables[column.table.name].columns.get(column.name)
    value = sample(column if kind is None else kind, number)
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(column.type, Text):
        return schema.stamp_text(value) if value is NOW else str(value)
    return value


def test_every_step_is_one_file_and_has_a_way_back() -> None:
    config = Config()
    config.set_main_option("script_location", str(versions.MIGRATIONS))
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    assert [(script.revision, script.down_revision) for script in scripts] == list(
        zip(ALL[::-1], [*ALL[:-1][::-1], None], strict=True)
    )
    for script in scripts:
        source = Path(script.path).read_text(encoding="utf-8")
        assert "def downgrade" in source
        assert not source.rstrip().endswith("pass")


def test_an_older_program_does_not_open_newer_tables_nor_change_them(db: Database) -> None:
    with db.write() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    for work in (db.require_version, db.upgrade):
        with pytest.raises(StoreError) as refused:
            work()
        assert refused.value.code == "database-new"
    with pytest.raises(StoreError) as refused:
        db.downgrade(FIRST)
    assert refused.value.code == "version-unknown"
    assert db.version() == "9999"


def test_a_migration_that_fails_changes_nothing(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    db.downgrade(FIRST)
    before = inspect(db.engine).get_table_names()
    folder = versions.MIGRATIONS / "versions"
    assert folder.is_dir()
    monkeypatch.setattr("alembic.operations.Operations.add_column", broken)
    with pytest.raises(ZeroDivisionError):
        db.upgrade()
    monkeypatch.undo()
    assert db.version() == FIRST
    assert inspect(db.engine).get_table_names() == before
    assert db.upgrade() == ALL[-1]


def broken(*_args: Any, **_more: Any) -> None:
    raise ZeroDivisionError


def test_by_command_it_takes_a_yes(
    databases: Databases,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with databases.one() as url:
        place = new_place(tmp_path, monkeypatch, capsys, {"CROSSTIE_DATABASE_URL": url})
        database = Database(url)
        assert place.run("db", "downgrade", FIRST).code == 2
        assert database.version() == ALL[-1]
        gone_back = place.run("db", "downgrade", FIRST, "--yes", "--json")
        assert (gone_back.code, gone_back.json["version"]) == (0, FIRST)
        assert place.run("db", "downgrade", "0099", "--yes").code == 2
        assert place.run("db", "upgrade", "--json").json["before"] == FIRST
        assert place.run("db", "version", "--json").json["version"] == ALL[-1]
        database.dispose()
