"""backup, restore and the systems commands around them, as typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.home_lock import HomeLock
from config.exit_codes import HELD, OK, USAGE
from tests.unit.cli_help import Place, new_place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    made = new_place(tmp_path, monkeypatch, capsys)
    made.write_system()
    assert made.run("customers", "new", "--name", "Ada", "--country", "CN", "--city", "Suzhou").code == OK
    return made


def test_a_backup_goes_into_the_home_and_verifies(place: Place) -> None:
    made = place.run("backup", "--json").json
    file = Path(made["file"])
    assert file.parent == place.home / "backups" and file.stat().st_size == made["bytes"]
    assert made["tables"]["customer"] == 1 and made["files"] == ["config/systems/erp1.yaml"]
    assert any("--with-secrets" in text for text in made["left_out"])
    checked = place.run("backup", "verify", file, "--json")
    assert (checked.code, checked.json["ok"], checked.json["tables"]) == (OK, True, made["tables"])
    assert "whole" in place.run("backup", "verify", file, "--lang", "en").out
    file.write_bytes(file.read_bytes()[:-3])
    damaged = place.run("backup", "verify", file)
    assert damaged.code == USAGE and "damaged" in damaged.err


def test_a_backup_is_named_or_it_is_bad_usage(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "elsewhere" / "mine.zip"
    assert f"{file}" in place.run("backup", file).out
    again = place.run("backup", file)
    assert again.code == USAGE and "exists already" in again.err
    assert place.run("backup", "a", "b").code == USAGE
    assert place.run("backup", "verify", "a", "b").code == USAGE
    monkeypatch.chdir(tmp_path)
    forgotten = place.run("backup", "verify")
    assert forgotten.code == USAGE and "crosstie backup verify FILE" in forgotten.err
    assert not (tmp_path / "verify").exists()
    assert place.run("backup", "verify", tmp_path / "none.zip").code == USAGE


def test_after_a_restore_the_installation_says_what_it_waits_for(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "mine.zip"
    place.run("backup", file)
    before = place.run("systems", "list", "--json").json["installation"]
    assert (before["armed"], before["doubt"]) == (True, "")
    refused = place.run("restore", file)
    assert refused.code == USAGE and "--replace" in refused.err
    done = place.run("restore", file, "--replace")
    assert done.code == OK and "crosstie systems adopt erp1" in done.out and "crosstie systems arm" in done.out
    after = place.run("systems", "list", "--json").json["installation"]
    assert (after["armed"], after["doubt"], after["prefix"]) == (False, "restored", before["prefix"])
    assert "restored from a backup" in place.run("systems", "list").out
    held = place.run("systems", "arm")
    assert held.code == HELD and "systems adopt erp1" in held.err
    assert place.run("systems", "arm", "--unchecked", "a drill").code == OK
    assert place.run("systems", "list", "--json").json["installation"]["armed"]
    assert not place.run("systems", "disarm", "--json").json["armed"]
    assert "disarmed." in place.run("systems", "list").out


def test_restore_says_everything_as_json(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "mine.zip"
    place.run("backup", file)
    place.write_system("product: other\n")
    done = place.run("restore", file, "--replace", "--config", "--json").json
    assert done["files"] == ["config/systems/erp1.yaml"] and done["rows"] > 2 and not done["armed"]
    assert (Path(done["replaced_files"]) / "config/systems/erp1.yaml").read_text() == "product: other\n"
    assert "history" in done["history"]


def test_nothing_is_restored_while_everything_runs(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "mine.zip"
    place.run("backup", file)
    running = HomeLock(place.home / "run" / "up.lock")
    assert running.take()
    refused = place.run("restore", file, "--replace")
    running.release()
    assert refused.code == USAGE and "crosstie down" in refused.err
    assert place.run("restore", file, "--replace").code == OK


def test_a_home_without_a_database_has_nothing_to_back_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = new_place(tmp_path / "new", monkeypatch, capsys)
    empty.write_system()
    refused = empty.run("backup")
    assert refused.code == USAGE and "nothing to back up" in refused.err
    assert empty.run("systems", "list", "--json").json["installation"] is None
