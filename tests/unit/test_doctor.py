"""`crosstie doctor`: what can be wrong with an installation is found, with its cure, and nothing is changed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from commands import doctor_database, doctor_machine
from config.prefect_api import installed_version
from crm_core.server import Server
from tests.conftest import ROOT, absent
from tests.unit.certificates import write_certificate
from tests.unit.cli_help import GOOD, Place, new_place

WINDOWS = sys.platform == "win32"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    monkeypatch.setenv("ERP1_PASSWORD", "pa55-word")
    return new_place(tmp_path, monkeypatch, capsys)


def checks(place: Place) -> dict[str, dict[str, Any]]:
    """Every finding by its name."""
    found = place.run("doctor", "--json")
    assert (found.code == 0) == found.json["ok"]
    assert [one for one in found.json["checks"] if one["state"] != "ok" and not one["cure"]] == []
    return {one["check"]: one for one in found.json["checks"]}


def check(place: Place, name: str) -> dict[str, Any]:
    return checks(place)[name]


def test_a_sound_machine_is_well_and_stays_as_it_was(place: Place) -> None:
    said = place.run("doctor", "--json")
    assert said.code == 0, said.all
    assert {one["state"] for one in said.json["checks"]} <= {"ok", "note"}
    assert check(place, "Database")["state"] == "note"
    assert not (place.home / "crosstie.sqlite").exists()
    assert sorted(path.name for path in place.home.rglob("*") if path.is_file()) in ([], ["crosstie.log"])


def test_it_speaks_both_languages(place: Place) -> None:
    place.write_system(GOOD.replace("product:", "prodcut:"))
    english, chinese = place.run("doctor"), place.run("doctor", "--lang", "zh")
    assert english.code == chinese.code == 2
    assert "product?" in english.out
    assert re.search("[\u4e00-\u9fff]", chinese.out)


def test_it_is_quick_and_leaves_prefect_alone(tmp_path: Path) -> None:
    """Prefect takes seconds to import; 2 s are allowed on a machine that does nothing else, counted as CPU time."""
    program = (
        "import sys, time, cli; code = cli.main(['doctor', '--quiet']);"
        "print(code, 'prefect' in sys.modules, time.process_time() < 4)"
    )
    env = {**os.environ, "CROSSTIE_HOME": str(tmp_path / "var"), "CROSSTIE_CONFIG": str(tmp_path / "config")}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "0 False True", done.stdout + done.stderr


def test_a_package_that_is_not_as_locked_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(place, "Packages")["state"] == "ok"
    real = doctor_machine.metadata.version
    monkeypatch.setattr(doctor_machine.metadata, "version", lambda name: "9.9.9" if name == "prefect" else real(name))
    one = check(place, "Packages")
    assert one["state"] == "bad"
    assert one["found"] == "prefect 9.9.9 (3.8.8)"


def test_a_package_that_only_some_machines_need_is_looked_for_where_it_is_needed(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The bundle for Python 3.11.7 lacked what 3.11.2 needs beside it, and all was said to be well."""
    lines = [
        "prefect==3.8.8 \\",
        "needed-here==1.0 ; python_full_version >= '3.0' \\",
        "not-here==1.0 ; python_full_version < '3.0' \\",
    ]
    (tmp_path / "requirements.lock").write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.setattr(doctor_machine, "INSTALLATION", tmp_path)
    one = check(place, "Packages")
    assert (one["state"], one["found"]) == ("bad", "needed-here - (1.0)")


def as_somebody(*command: str) -> list[str]:
    """Root may look into everything; without two of its powers it is a user like others."""
    if os.geteuid():
        return [*command]
    if not shutil.which("setpriv"):
        absent("needs setpriv: apt-get install util-linux")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *command]


@pytest.mark.skipif(WINDOWS, reason="file modes say nothing on Windows")
@pytest.mark.parametrize("words", [["doctor"], ["status", "--check"]])
def test_a_user_who_may_not_enter_the_home_is_told_so(tmp_path: Path, words: list[str]) -> None:
    """A monitor's own user, or a person who forgot to change to the service's."""
    home = tmp_path / "var"
    for file in ("crosstie.sqlite", "run/up.lock", "logs/crosstie.log"):
        (home / file).parent.mkdir(parents=True, exist_ok=True)
        (home / file).write_bytes(b"")
    env = {**os.environ, "CROSSTIE_HOME": str(home), "CROSSTIE_CONFIG": str(tmp_path), "LANG": "C.UTF-8"}
    home.chmod(0)
    program = as_somebody(sys.executable, "cli.py", *words)
    done = subprocess.run(program, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    home.chmod(0o700)
    assert done.returncode == 2, done.stderr
    assert f"{home.name}/crosstie.sqlite cannot be opened" in done.stdout
    assert "error of the program" not in done.stderr


def test_a_full_disk_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_machine, "NEEDED_MB", 10**9)
    assert check(place, "Disk")["state"] == "bad"


def test_a_log_setting_that_makes_no_sense_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSTIE_LOG_LEVEL", "LOUD")
    one = check(place, "Log")
    assert one["state"] == "bad"
    assert "CROSSTIE_LOG_LEVEL (DEBUG, INFO, WARNING, ERROR)" in one["cure"]


def test_a_port_in_use_is_told_with_its_owner(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(doctor_machine, "PORTS", (("console", port, "--port"),))
        one = check(place, f"Port {port} (console)")
    assert one["state"] == "note"
    assert str(os.getpid()) in one["found"]
    assert "--port" in one["cure"]


@pytest.mark.skipif(WINDOWS, reason="file modes say nothing on Windows")
def test_a_secret_that_others_may_read_is_bad(place: Place) -> None:
    path = place.home / "secrets" / "erp1.password"
    path.parent.mkdir(parents=True)
    path.write_text("pa55-word")
    path.chmod(0o644)
    elsewhere = place.home / "elsewhere"
    elsewhere.write_text("x")
    elsewhere.chmod(0o640)
    place.write_system(GOOD.replace("${env:ERP1_PASSWORD}", "${file:elsewhere}"))
    one = check(place, "Files with secrets")
    assert one["state"] == "bad"
    assert str(path) in one["cure"]
    assert str(elsewhere) in one["cure"]
    path.chmod(0o600)
    elsewhere.chmod(0o400)
    assert check(place, "Files with secrets")["state"] == "ok"


def refuse(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, refused: Path) -> None:
    """As another user's file or folder: tests may run as root, whom no mode keeps out."""
    real = getattr(module, name)

    def look(path: Any, *arguments: Any, **more: Any) -> Any:
        if Path(path) == refused:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *arguments, **more)

    monkeypatch.setattr(module, name, look)


def test_a_system_file_of_another_user_is_bad(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.write_system()
    refuse(monkeypatch, Path, "read_text", path)
    one = check(place, "System file erp1")
    assert one["state"] == "bad"
    assert str(path) in one["cure"] and "permissions" in one["cure"]


def test_a_folder_named_like_a_system_file_is_bad(place: Place) -> None:
    path = place.config / "systems" / "x.yaml"
    path.mkdir(parents=True)
    one = check(place, "System file x")
    assert one["state"] == "bad"
    assert str(path) in one["cure"]


@pytest.mark.skipif(WINDOWS, reason="file modes say nothing on Windows")
@pytest.mark.parametrize("name", ["listdir", "stat"])
def test_a_folder_of_secrets_of_another_user_is_bad(place: Place, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    folder = place.home / "secrets"
    folder.mkdir(parents=True)
    (folder / "erp1").write_text("pa55-word")
    refuse(monkeypatch, os, name, folder if name == "listdir" else folder / "erp1")
    one = check(place, "Files with secrets")
    assert one["state"] == "bad"
    assert str(folder) in one["cure"] and "permissions" in one["cure"]


def test_a_system_that_could_never_connect_is_bad(place: Place) -> None:
    place.write_system(GOOD + "options: {colour: red}\n")
    one = check(place, "System file erp1")
    assert one["state"] == "bad"
    assert "colour" in one["cure"]


@pytest.mark.skipif(WINDOWS, reason="file modes say nothing on Windows")
def test_a_home_that_others_may_enter_is_told(place: Place) -> None:
    place.home.mkdir()
    for mode, state in ((0o700, "ok"), (0o755, "note"), (0o777, "bad")):
        place.home.chmod(mode)
        assert check(place, "Folder of state")["state"] == state


def test_a_proxy_in_the_way_of_prefect_is_bad(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://user:pa55-word@proxy.example.com:3128")
    one = check(place, "Proxy variables")
    assert one["state"] == "bad"
    assert "NO_PROXY" in one["cure"]
    assert "pa55-word" not in str(one)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    assert check(place, "Proxy variables")["state"] == "ok"


def test_a_missing_bundle_of_authorities_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file.pem")
    assert check(place, "Certificates of authorities")["state"] == "bad"


def test_what_ends_soon_is_a_note_and_what_has_ended_is_bad(place: Place) -> None:
    now = datetime.now(UTC)
    near, past = (now + timedelta(days=7)).date(), (now - timedelta(days=3)).date()
    place.write_system(f"{GOOD}password_expires: {near}\n")
    place.write_system(f"{GOOD}password_expires: {past}\n", "erp2")
    certificate = "client_certificate: {certificate: tls/own.pem}"
    place.write_system(f"{GOOD}password_expires: {now.year + 2}-01-31\n{certificate}\n", "erp3")
    write_certificate(place.config / "tls" / "own.pem", now - timedelta(days=2))
    found = checks(place)
    assert [found[f"Password of erp{number}"]["state"] for number in (1, 2, 3)] == ["note", "bad", "ok"]
    assert found["Client certificate of erp3"]["state"] == "bad"


def test_a_database_of_another_version_is_told_and_a_sound_one_shown(place: Place) -> None:
    place.run("orders", "list")
    assert "writable" in check(place, "Database")["found"]
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(place.home / "crosstie.sqlite")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "9999" in check(place, "Database")["cure"]


@pytest.mark.parametrize(
    ("version", "offset", "states"), [("14.1", 2.0, ("ok", "ok")), ("13.9", -301.0, ("bad", "bad"))]
)
def test_a_database_server_must_be_new_enough_and_on_time(
    place: Place, monkeypatch: pytest.MonkeyPatch, version: str, offset: float, states: tuple[str, str]
) -> None:
    place.run("orders", "list")
    monkeypatch.setattr("crm_core.server.server", lambda _db: Server(version, offset))
    assert (check(place, "PostgreSQL")["state"], check(place, "Clock of the database")["state"]) == states


def test_a_sandboxs_clock_is_a_note_only() -> None:
    assert doctor_database.clock("x", 86_400, sandbox=True).state == "note"


class PrefectStub(BaseHTTPRequestHandler):
    version = installed_version()

    def do_GET(self) -> None:  # the base class's name
        signed_in = self.headers.get("Authorization") == "Basic Y3Jvc3N0aWU6c2VjcmV0LTE="
        self.send_response(200 if signed_in or self.path.endswith("/ready") else 401)
        self.end_headers()
        self.wfile.write(f'"{self.version}"'.encode())

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[PrefectStub]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), PrefectStub)
    thread = Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{server.server_port}/api")
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "crosstie:secret-1")
    monkeypatch.setattr(PrefectStub, "version", installed_version())
    yield PrefectStub
    server.shutdown()
    server.server_close()
    thread.join()


def test_prefects_api_must_answer_know_us_and_be_of_our_version(
    place: Place, prefect: type[PrefectStub], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check(place, "Prefect")["state"] == "ok"
    monkeypatch.setattr(prefect, "version", "3.0.0")
    assert "3.0.0" in check(place, "Prefect")["cure"]
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "crosstie:wrong")
    assert "PREFECT_API_AUTH_STRING" in check(place, "Prefect")["cure"]
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    assert check(place, "Prefect")["state"] == "bad"


def test_a_server_without_driver_manager_is_a_note(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.wiring.odbc_drivers", lambda: None)
    assert check(place, "ODBC")["state"] == "note"
    monkeypatch.setattr("config.wiring.odbc_drivers", lambda: ["ODBC Driver 18 for SQL Server"])
    assert check(place, "ODBC")["found"] == "ODBC Driver 18 for SQL Server"
