"""`crosstie status`: one line and an exit code for a monitor, the same as JSON, whatever state things are in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from commands import session
from config.settings import load_settings
from crm_core.database import Database
from tests.unit.cli_help import GOOD, Place, Said, new_place
from tests.unit.standing_help import NOW, add_entry, add_reconciliation, add_run, new_database


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    monkeypatch.setattr(session, "now", lambda: NOW)
    return new_place(tmp_path, monkeypatch, capsys)


@pytest.fixture
def db(place: Place) -> Iterator[Database]:
    settings = load_settings()
    new_database(settings)
    database = Database(settings.database_url)
    yield database
    database.dispose()


def figures(said: Said) -> dict[str, str]:
    return dict(pair.split("=") for pair in said.out.rpartition("|")[2].split())


def test_all_well_is_one_line_with_figures(place: Place, db: Database) -> None:
    add_run(db, "R1", "done")
    add_entry(db, "K1", "pending")
    said = place.run("status", "--check")
    assert (said.code, said.err) == (0, "")
    assert said.out == (
        "OK - 1 systems, oldest data 5 min, 1 waiting, 0 unknown | systems=1 armed=1 pending=1 unknown=0 review=0 "
        "dead=0 dead_letters=0 differences=0 silent_runs=0 freshness=300s oldest_waiting=300s\n"
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_needs_somebody_is_one_line_too(place: Place, db: Database, language: str) -> None:
    place.write_system(f"{GOOD}password_expires: 2026-04-03\n")
    add_run(db, "R1", "failed")
    add_run(db, "R2", "running", obj="invoices", lease_until=NOW - timedelta(seconds=1))
    add_entry(db, "K1", "pending", minutes_ago=61)
    add_entry(db, "K2", "review")
    add_reconciliation(db, 2)
    said = place.run("status", "--check", "--lang", language)
    assert (said.code, said.err) == (3, "")
    assert said.out.startswith("WARN - 7: ")  # review, differs, waiting, failed, silent and never read, password
    assert said.out.count("\n") == 1
    assert said.out.count("|") == 1
    assert "2026-04-03" in said.out
    assert {name: figures(said)[name] for name in ("review", "differences", "silent_runs", "oldest_waiting")} == {
        "review": "1",
        "differences": "2",
        "silent_runs": "1",
        "oldest_waiting": "3660s",
    }


def test_the_limits_are_options(place: Place, db: Database) -> None:
    place.write_system(f"{GOOD}password_expires: 2026-04-10\n")
    add_run(db, "R1", "done", minutes_ago=90)
    add_entry(db, "K1", "unknown", minutes_ago=30)
    assert place.run("status", "--check", "--expiring", "9").code == 0
    for option in (["--expiring", "10"], ["--waiting-after", "29"], ["--stale-after", "1"]):
        assert place.run("status", "--check", "--expiring", "9", *option).code == 3, option
    assert place.run("status", "--check", "--waiting-after", "soon").code == 2


def test_a_disarmed_database_is_a_problem_of_its_own(place: Place, db: Database) -> None:
    place.run("systems", "disarm")
    said = place.run("status", "--check")
    assert said.code == 3
    assert "disarmed" in said.out
    assert figures(said)["armed"] == "0"


def test_who_looks_makes_no_database(place: Place) -> None:
    """A home that is not mounted, or another than meant, is no installation where all is well."""
    for words in (["status", "--check"], ["status"], ["status", "--json"]):
        assert place.run(*words).code == 2
        assert not (place.home / "crosstie.sqlite").exists()
    assert re.fullmatch(r"CRIT - There is no database at .*\n", place.run("status", "--check").out)


def test_a_system_that_was_never_read_is_a_problem_if_it_should_be(place: Place, db: Database) -> None:
    place.write_system(GOOD)
    said = place.run("status", "--check")
    assert said.code == 3
    assert said.out.startswith("WARN - 1: erp1: nothing was read from it yet |")
    place.write_system(f"{GOOD}schedule: {{active: false}}\n")
    assert place.run("status", "--check").code == 0
    place.write_system(GOOD)
    add_run(db, "R1", "done")
    assert place.run("status", "--check").code == 0


def test_a_broken_system_file_is_a_problem(place: Place, db: Database) -> None:
    place.write_system(GOOD.replace("product:", "prodcut:"))
    said = place.run("status", "--check")
    assert said.code == 3
    assert "erp1.yaml" in said.out


def test_one_system_can_be_asked_for(place: Place, db: Database) -> None:
    add_run(db, "R1", "done")
    add_run(db, "R2", "failed", system="erp2")
    assert place.run("status", "erp1", "--check").code == 0
    assert place.run("status", "erp2", "--check").code == 3
    assert [row["system"] for row in place.run("status", "erp1", "--json").json["systems"]] == ["erp1"]


def test_a_backfills_part_is_no_complete_read(place: Place, db: Database) -> None:
    add_run(db, "R1", "done", part="2025-01")
    [row] = place.run("status", "--json").json["systems"]
    assert row["objects"] == []


def test_without_its_database_it_is_critical_and_still_one_line(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSTIE_DATABASE_URL", "postgresql://crm:geheim@127.0.0.1:1/crm")
    said = place.run("status", "--check")
    assert said.code == 5
    assert re.fullmatch(r"CRIT - .*127\.0\.0\.1.*\n", said.out)
    assert "geheim" not in said.all
    place.home.mkdir(exist_ok=True)
    (place.home / "crosstie.sqlite").write_bytes(b"no database at all" * 99)
    monkeypatch.delenv("CROSSTIE_DATABASE_URL")
    assert place.run("status", "--check").code == 2


def test_json_says_the_same_and_more(place: Place, db: Database) -> None:
    place.write_system(f"{GOOD}password_expires: 2026-04-03\n")
    add_run(db, "R1", "held")
    found = place.run("status", "--check", "--json")
    assert found.code == 3
    assert (found.json["ok"], found.json["armed"], found.json["environment"]) == (False, True, "local")
    assert [problem["code"] for problem in found.json["problems"]] == ["status-run", "password-expires"]
    assert all(problem["message"] for problem in found.json["problems"])
    assert found.json["expiries"][0]["days"] == 3
