"""Secrets in a backup that is asked for them: all that a system needs, or the name of what is missing."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.restore import verify
from config.settings import Settings
from crm_core.database import Database
from tests.crm import empty_database
from tests.databases import Databases
from tests.unit.cli_help import GOOD
from tests.unit.test_backup import Home, nobody, put, refusal


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(Settings(tmp_path / "config", tmp_path / "home", ""), tmp_path)


@pytest.fixture
def db(sqlite_databases: Databases) -> Iterator[Database]:
    with sqlite_databases.one() as url:
        opened = empty_database(url)
        yield opened
        opened.dispose()


def test_secrets_in_folders_and_beside_the_settings_come_back_as_their_owners_alone(home: Home, db: Database) -> None:
    settings = home.settings
    put(
        settings.systems / "erp1.yaml",
        GOOD.replace("${env:ERP1_PASSWORD}", "${file:secrets/plant1/password}").replace("CRM", "${file:secrets/user}")
        + "ca_bundle: tls/both.pem\nclient_certificate:\n  certificate: tls/both.pem\n  key: tls/key.pem\n"
        "  password: ${file:secrets/plant1/tls/word}\n",
    )
    files = {
        put(settings.secrets / "plant1" / "password", "hush"): "secrets/plant1/password",
        put(settings.secrets / "plant1" / "tls" / "word", "hushed"): "secrets/plant1/tls/word",
        put(settings.secrets / "user", "CRM"): "secrets/user",
        put(settings.secrets / "plant2" / "unused", "later"): "secrets/plant2/unused",
        put(settings.config / "tls" / "both.pem", "certificate"): "config/tls/both.pem",
        put(settings.config / "tls" / "key.pem", "private"): "config/tls/key.pem",
    }
    put(settings.secrets / "plant1" / "..data" / "password", "as Kubernetes lays it")
    saved, bare = home.save(db, with_secrets=True), home.save(db, "bare.zip")
    assert [note.code for note in verify(saved, nobody).left_out] == ["history-none"]
    assert names(bare) == ["config/systems/erp1.yaml", "config/tls/both.pem"]
    texts = {file: file.read_text() for file in files}
    for file in files:
        file.unlink()
    done = home.bring_back(db, saved, replace=True, with_config=True)
    assert sorted(done.files) == sorted([*files.values(), "config/systems/erp1.yaml"])
    assert {file: file.read_text() for file in files} == texts
    if os.name == "posix":
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert stat.S_IMODE((settings.systems / "erp1.yaml").stat().st_mode) == 0o644


def test_a_secret_that_lies_elsewhere_is_named_as_left_out(home: Home, db: Database) -> None:
    settings, put_there = home.settings, [home.folder / "etc" / name for name in ("client.pem", "key.pem", "word")]
    for file in put_there:
        put(file, "there")
    put(settings.home / "keys" / "proxy", "http://u:p@proxy")
    certificate, key, word = put_there
    put(
        settings.systems / "erp1.yaml",
        GOOD.replace("${env:ERP1_PASSWORD}", f"${{file:{word}}}")
        + f"proxy: ${{file:keys/proxy}}\nclient_certificate: {{certificate: ../etc/client.pem, key: {key}}}\n",
    )
    put(settings.secrets / "a" / "b" / "c" / "d", "too deep")
    told = [(note.code, note.params) for note in verify(home.save(db, with_secrets=True), nobody).left_out]
    elsewhere = [certificate, key, word, settings.home / "keys" / "proxy"]
    assert sorted(params["name"] for code, params in told if code == "left-out-elsewhere") == sorted(
        map(str, elsewhere)
    )
    assert ("left-out-file", {"name": "secrets/a/b/c/d"}) in told


def test_secrets_that_may_not_be_read_are_no_secrets_that_are_not_there(
    home: Home, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = put(home.settings.secrets / "plant1" / "password", "hush").parent
    look = os.scandir

    def scandir(folder: str) -> Any:
        if Path(folder) == closed:
            raise PermissionError(13, "Permission denied", str(closed))
        return look(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    assert refusal(lambda: home.save(db, with_secrets=True)) == "file-unreadable"
    assert [note.code for note in verify(home.save(db), nobody).left_out] == ["left-out-secrets", "history-none"]


def test_a_folder_of_secrets_that_is_a_link_is_followed_to_what_a_system_names(home: Home, db: Database) -> None:
    if os.name != "posix":
        pytest.skip("making links needs a right of its own")
    put(home.folder / "run" / "password", "hush")
    home.settings.secrets.mkdir(parents=True)
    (home.settings.secrets / "plant1").symlink_to(home.folder / "run")
    put(home.settings.systems / "erp1.yaml", GOOD.replace("${env:ERP1_PASSWORD}", "${file:secrets/plant1/password}"))
    assert "secrets/plant1/password" in names(home.save(db, with_secrets=True))


def names(saved: Path) -> list[str]:
    """The files in a backup."""
    return sorted(member.name for member in verify(saved, nobody).members if member.rows is None)
