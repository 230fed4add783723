"""Prefect's history on a server: PostgreSQL's own tools are asked for the database that Prefect's address names."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from config import prefect_history
from config.archive import Note
from config.settings import Settings
from tests.databases import Databases
from tests.postgres import GUARDED, PASSWORD, Cluster, binaries

VARIABLE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
Asked = Callable[[str], dict[str, str]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "config", tmp_path / "home", "")


@pytest.fixture
def asked(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What pg_dump is given for an address: a stand-in notes it."""
    if os.name != "posix":
        pytest.skip("the stand-in is a script")
    tool, noted = tmp_path / "bin" / "pg_dump", tmp_path / "noted.json"
    tool.parent.mkdir()
    tool.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        f"json.dump([sys.argv, os.environ.get('PGPASSWORD', '')], open({str(noted)!r}, 'w'))\n"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent))
    monkeypatch.delenv("PGPASSWORD", raising=False)

    def ask(address: str) -> dict[str, str]:
        monkeypatch.setenv(VARIABLE, address)
        assert prefect_history.save(settings, tmp_path / "copy") == prefect_history.DUMP
        arguments, password = json.loads(noted.read_text())
        assert PASSWORD not in " ".join(arguments), "whoever lists the processes would see it"
        return {"address": arguments[-1], "password": password}

    return ask


@pytest.mark.parametrize(
    ("address", "given"),
    [
        ("p@db.example.com:5433/prefect", "p@db.example.com:5433/prefect"),
        ("p@[2001:db8::7]:5433/prefect", "p@[2001:db8::7]:5433/prefect"),
        ("p@[::1]/prefect", "p@[::1]/prefect"),
        ("a%40b@/prefect?host=/var/run/postgresql", "a%40b@/prefect?host=%2Fvar%2Frun%2Fpostgresql"),
        ("/prefect?user=p&host=db&port=5433", "/prefect?user=p&host=db&port=5433"),
        ("p@db/prefect?ssl=verify-full", "p@db/prefect?sslmode=verify-full"),
        ("p@db/prefect?sslmode=require&sslrootcert=/c.pem", "p@db/prefect?sslmode=require&sslrootcert=%2Fc.pem"),
        ("p@db/prefect?prepared_statement_cache_size=0&command_timeout=9", "p@db/prefect"),
        ("p@/prefect?host=one:5432&host=two:5433", "p@one:5432,two:5433/prefect"),
        ("p@/prefect?host=one,two&port=5432,5433", "p@/prefect?host=one%2Ctwo&port=5432%2C5433"),
        ("p@db/prefect?target_session_attrs=read-write", "p@db/prefect?target_session_attrs=read-write"),
    ],
)
def test_the_address_says_the_same_to_the_tool_as_to_prefect(asked: Asked, address: str, given: str) -> None:
    assert asked(f"postgresql+asyncpg://{address}") == {"address": f"postgresql://{given}", "password": ""}


@pytest.mark.parametrize("address", [f"p:{PASSWORD}@[::1]/prefect", f"p@[::1]/prefect?password={PASSWORD}"])
def test_the_password_stands_on_no_command_line(asked: Asked, address: str) -> None:
    assert asked(f"postgresql+asyncpg://{address}") == {
        "address": "postgresql://p@[::1]/prefect",
        "password": PASSWORD,
    }


@pytest.mark.parametrize(
    "where",
    ["?host={folder}&port={port}&user=crosstie", f"?host=127.0.0.1&port={{port}}&user={GUARDED}&password={PASSWORD}"],
    ids=["socket", "password"],
)
def test_a_history_on_a_server_goes_there_and_back(
    where: str,
    cluster: Cluster,
    postgresql_databases: Databases,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", f"{binaries()}{os.pathsep}{os.environ['PATH']}")
    with postgresql_databases.one(tables=False) as url:
        name = url.partition("@/")[2].partition("?")[0]
        owner = GUARDED if GUARDED in where else "crosstie"
        cluster.run(f"ALTER SCHEMA public OWNER TO {owner}", name)
        cluster.run("CREATE TABLE flow_run (name text)", name)
        cluster.run(f"ALTER TABLE flow_run OWNER TO {owner}", name)
        cluster.run("INSERT INTO flow_run VALUES ('pull/s4-orders')", name)
        monkeypatch.setenv(VARIABLE, f"postgresql+asyncpg:///{name}" + where.format(**vars(cluster)))
        saved = prefect_history.save(settings, tmp_path / "copy")
        assert saved == prefect_history.DUMP
        cluster.run("DELETE FROM flow_run", name)
        assert prefect_history.put_back(settings, saved, tmp_path / "copy") is None
        assert cluster.run("SELECT name FROM flow_run", name) == [("pull/s4-orders",)]


def test_why_there_is_no_history_is_told_without_the_password(
    cluster: Cluster, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{binaries()}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv(VARIABLE, f"postgresql+asyncpg:///nowhere?host={cluster.folder}&password={PASSWORD}")
    told = prefect_history.save(settings, tmp_path / "copy")
    assert isinstance(told, Note) and told.code == "history-failed"
    assert "pg_dump" in told.params["why"] and PASSWORD not in told.params["why"]
