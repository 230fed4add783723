"""A command that names another database than `crosstie up` beside it is refused, and nothing is made or written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import psutil
import pytest

from config.exit_codes import OK, USAGE
from crm_core.engines import address
from tests.unit.cli_help import Place, new_place

SERVICE = "postgresql+psycopg://crosstie:s3cret@db.example:5432/crm"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    return new_place(tmp_path, monkeypatch, capsys)


def up_runs(place: Place, database: str, created: float | None = None) -> None:
    """As if this very process were the supervisor."""
    note = {"pid": os.getpid(), "created": created or psutil.Process().create_time(), "database": address(database)}
    (place.home / "run").mkdir(parents=True)
    (place.home / "run" / "up.json").write_text(json.dumps(note), encoding="utf-8")


@pytest.mark.parametrize(
    "words",
    [("systems", "disarm"), ("backup",), ("outbox", "list"), ("status", "--check"), ("db", "upgrade"), ("push", "s4")],
    ids=" ".join,
)
def test_a_command_without_the_service_s_variables_says_so(place: Place, words: tuple[str, ...]) -> None:
    up_runs(place, SERVICE)
    said = place.run(*words)
    assert said.code == USAGE
    assert "CROSSTIE_DATABASE_URL" in said.all and "db.example:5432/crm" in said.all and "s3cret" not in said.all
    assert not (place.home / "crosstie.sqlite").exists()


def test_the_same_database_is_known_by_its_place(place: Place) -> None:
    up_runs(place, f"sqlite:///{place.home}/../{place.home.name}/crosstie.sqlite")
    assert place.run("db", "upgrade").code == OK


def test_what_a_dead_supervisor_noted_keeps_nobody_from_anything(place: Place) -> None:
    up_runs(place, SERVICE, created=1.0)
    assert place.run("db", "upgrade").code == OK


@pytest.mark.parametrize(
    "other",
    [
        "postgresql+psycopg://backup:else@db.example:5432/crm",
        "postgresql+psycopg://db.example:5432/crm?user=backup&password=else&sslmode=require",
    ],
)
def test_another_user_of_a_database_has_no_other_one(other: str) -> None:
    assert address(other) == address(SERVICE)
    assert address(other.replace("/crm", "/crm2")) != address(SERVICE)


@pytest.mark.parametrize("word", ["arm", "disarm"])
def test_writing_is_allowed_or_forbidden_only_where_a_database_is(place: Place, word: str) -> None:
    said = place.run("systems", word)
    assert said.code == USAGE and "crosstie.sqlite" in said.err
    assert not (place.home / "crosstie.sqlite").exists()
    assert place.run("db", "upgrade").code == OK
    assert place.run("systems", word).code == OK
