"""What ends on a known day: told in time, by the system's own calendar."""

from __future__ import annotations

import ssl
from datetime import UTC, date, datetime, timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from config.errors import ConfigError
from config.expiry import expiries, of_system, problems
from config.messages import MESSAGES
from config.settings import Settings
from config.systems import load_system
from connectors.auth import make_auth
from connectors.descriptor import Limits
from connectors.http import Http
from tests.unit.certificates import write_certificate
from tests.unit.cli_help import GOOD
from tests.unit.connector_help import FakeSystem

NOW = datetime(2027, 1, 1, 12, tzinfo=UTC)


def installed(folder: Path, more: str = "") -> Settings:
    systems = folder / "config" / "systems"
    systems.mkdir(parents=True, exist_ok=True)
    (systems / "erp1.yaml").write_text(GOOD + "time_zone: Asia/Shanghai\n" + more, encoding="utf-8")
    return Settings(folder / "config", folder / "var", "sqlite://")


@pytest.mark.parametrize(
    ("day", "days", "codes"),
    [
        ("2027-02-01", 31, []),
        ("2027-01-31", 30, ["password-expires"]),
        ("2027-01-01", 0, ["password-expires"]),
        ("2026-12-31", -1, ["password-expired"]),
    ],
)
def test_a_password_is_told_thirty_days_before_its_last_day(
    tmp_path: Path, day: str, days: int, codes: list[str]
) -> None:
    [one] = expiries(installed(tmp_path, f"password_expires: {day}\n"), NOW)
    assert (one.what, one.on, one.days) == ("password", date.fromisoformat(day), days)
    assert "erp1.yaml:8:1" in one.place
    found = problems([one])
    assert [problem["code"] for problem in found] == codes
    assert all(MESSAGES[problem["code"]].format(**problem) for problem in found)


def test_the_day_is_the_systems_own(tmp_path: Path) -> None:
    """At 17:00 UTC it is the next day in Shanghai."""
    settings = installed(tmp_path, "password_expires: 2027-01-02\n")
    assert [one.days for one in expiries(settings, NOW)] == [1]
    assert [one.days for one in expiries(settings, NOW.replace(hour=17))] == [0]


@pytest.mark.parametrize("day", ["31.01.2027", "2027-02-30", "soon", "1798675200"])
def test_a_date_that_is_none_is_told_with_its_place(tmp_path: Path, day: str) -> None:
    settings = installed(tmp_path, f"password_expires: {day}\n")
    with pytest.raises(ConfigError, match=r"erp1\.yaml:8:\d+: password_expires cannot be .* 2027-01-31"):
        load_system(settings, "erp1")
    assert expiries(settings, NOW) == []


def test_certificates_are_read_from_their_files(tmp_path: Path) -> None:
    own = write_certificate(tmp_path / "config" / "tls" / "own.pem", NOW + timedelta(days=5))
    bundle = write_certificate(tmp_path / "config" / "tls" / "ca.pem", NOW - timedelta(days=9))
    write_certificate(bundle, NOW + timedelta(days=90), append=True)
    settings = installed(tmp_path, f"ca_bundle: {bundle}\nclient_certificate: {{certificate: tls/own.pem}}\n")
    found = {one.what: one for one in expiries(settings, NOW)}
    assert {what: one.days for what, one in found.items()} == {"client-certificate": 5, "ca-bundle": 90}
    assert found["client-certificate"].place.endswith(own.name)
    assert [problem["code"] for problem in problems(found.values())] == ["client-certificate-expires"]


@pytest.mark.parametrize(("content", "code"), [(b"no certificate", "not-pem"), (None, "file-unreadable")])
def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, code: str) -> None:
    settings = installed(tmp_path, "ca_bundle: tls/ca.pem\n")
    if content is not None:
        path = settings.config / "tls" / "ca.pem"
        path.parent.mkdir()
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        list(of_system(load_system(settings, "erp1"), NOW))
    assert caught.value.code == code
    assert "ca.pem" in str(caught.value)


def test_a_call_tells_until_when_the_servers_certificate_is_valid(tmp_path: Path) -> None:
    until = (datetime.now(UTC) + timedelta(days=12)).replace(microsecond=0)
    pem = write_certificate(tmp_path / "server.pem", until)
    server = ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    system = FakeSystem(url=f"https://127.0.0.1:{server.server_port}", ca_bundle=str(pem))
    http = Http(system, Limits(), headers={}, auth=make_auth(system, "basic"))
    try:
        assert http.certificate_until is None
        http.read(f"{system.url}/no-such-file", use=lambda answer: answer.status)
        assert http.certificate_until == until
    finally:
        http.close()
        server.shutdown()
        server.server_close()
        thread.join()
