"""The status page and what monitors ask: right figures, both languages, clean answers whatever the database does."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from threading import Thread

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update
from starlette.testclient import TestClient

from config.settings import Settings, default_database_url
from config.system_file import expected_at
from console.app import create_app
from console.language import language, wanted
from console.page import told
from console.snapshot import Watch
from crm_core import schema
from crm_core.database import Database
from tests.unit.cli_help import GOOD
from tests.unit.standing_help import NOW, add_entry, add_reconciliation, add_run, new_database

HAN = re.compile("[\u4e00-\u9fff]")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    home = tmp_path / "var"
    return Settings(tmp_path / "config", home, default_database_url(home))


@pytest.fixture
def db(settings: Settings) -> Iterator[Database]:
    new_database(settings)
    database = Database(settings.database_url)
    yield database
    database.dispose()


def browser(settings: Settings, *, limit_s: float = 10) -> TestClient:
    watch = Watch(settings, lambda: NOW, kept_s=0, limit_s=limit_s)
    app = create_app(settings, watch=watch)
    return TestClient(app, base_url="http://127.0.0.1:8400", raise_server_exceptions=False)


def with_system(settings: Settings, more: str = "") -> None:
    settings.systems.mkdir(parents=True, exist_ok=True)
    (settings.systems / "erp1.yaml").write_text(GOOD + more, encoding="utf-8")


def busy_day(db: Database) -> None:
    add_run(db, "R-done", "done", minutes_ago=30)
    add_run(db, "R-failed", "failed", obj="payments", error={"code": "unreachable", "params": {}})
    add_run(db, "R-silent", "running", obj="invoices", lease_until=NOW - timedelta(minutes=1))
    for number, state in enumerate(("pending", "unknown", "unknown", "review", "dead", "sent")):
        add_entry(db, f"K{number}", state, minutes_ago=number * 40)
    add_reconciliation(db, 3)


def samples(text: str) -> dict[str, float]:
    """`name{label=value,...}` → value."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_the_page_shows_every_system_by_outcome(settings: Settings, db: Database) -> None:
    with_system(settings, "password_expires: 2026-04-02\n")
    busy_day(db)
    page = browser(settings).get("/", headers={"accept-language": "en"}).text
    assert '<html lang="en">' in page
    for shown in ("erp1", "R-done", "30 min", "read 1,200", "armed", "2026-03-31"):
        assert shown in page, shown
    problems = ("1 outbox entries", "3 differences", "is failed", "gave no sign", "the password ends on 2026-04-02")
    for problem in problems:
        assert problem in page, problem
    assert "<code>crosstie pull erp1 payments</code>" in page
    assert "{" not in re.sub(r"<[^>]*>", "", page)


def test_the_page_speaks_the_readers_language(settings: Settings, db: Database) -> None:
    busy_day(db)
    ask = browser(settings).get
    assert HAN.search(ask("/", headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}).text)
    assert '<html lang="zh-CN">' in ask("/?lang=zh", headers={"accept-language": "en"}).text
    assert '<html lang="en">' in ask("/?lang=en", headers={"accept-language": "zh"}).text


def test_a_broken_system_file_is_told_all_in_the_readers_language(settings: Settings, db: Database) -> None:
    settings.systems.mkdir(parents=True)
    broken = GOOD.replace("https://", "https://user:geheim@")
    (settings.systems / "erp1.yaml").write_text(broken, encoding="utf-8")
    page = browser(settings).get("/?lang=zh").text
    address = "https://***@erp.example.com:44300"
    [line] = [line for line in page.splitlines() if address in line]
    assert "geheim" not in page
    assert expected_at(("url",)) not in page
    assert language("zh").text(expected_at(("url",))) in unescape(line)


@pytest.mark.parametrize(
    ("query", "accepted", "code"),
    [
        ("", "", "en"),
        ("", "de, zh-TW;q=0.4, en;q=0.3", "zh"),
        ("", "fr;q=1, en;q=0.9, zh;q=0.8", "en"),
        ("", "zh;q=0, en;q=0.1", "en"),
        ("", "zh;q=abc,;;;,*", "en"),
        ("zh_CN", "en", "zh"),
        ("klingon", "zh", "en"),
    ],
)
def test_a_language_is_chosen_by_preference(query: str, accepted: str, code: str) -> None:
    assert wanted(query, accepted).code == code


def test_the_first_look_at_an_empty_installation_says_what_to_do(settings: Settings, db: Database) -> None:
    page = browser(settings).get("/").text
    assert "No system yet" in page
    assert "crosstie systems add" in page


def test_a_system_without_a_run_stands_there_too(settings: Settings, db: Database) -> None:
    with_system(settings)
    page = browser(settings).get("/").text
    assert "erp1" in page
    assert "never read" in page


def test_prefects_page_is_linked_where_it_is_named(
    settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSTIE_PREFECT_UI", "http://127.0.0.1:8401/runs?a=1&b=2")
    assert 'href="http://127.0.0.1:8401/runs?a=1&amp;b=2"' in browser(settings).get("/").text
    monkeypatch.setenv("CROSSTIE_PREFECT_UI", "javascript:alert(1)")
    assert "javascript" not in browser(settings).get("/").text


def test_what_an_erp_says_cannot_become_markup(settings: Settings, db: Database) -> None:
    evil = {"code": "no-such-code", "params": {"a": "<script>x</script>`<b>`", "mail": "wang@example.com"}}
    add_run(db, "R-<i>", "failed", error=evil)
    page = browser(settings).get("/").text
    assert "<script>" not in page
    assert "<b>" not in page.replace("<b>local</b>", "")
    assert "R-&lt;i&gt;" in page
    assert "wang@example.com" not in page
    assert str(told("`<b>` & `x`")) == "<code>&lt;b&gt;</code> &amp; <code>x</code>"


def test_metrics_say_the_version_where_nothing_is_installed(
    settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a bundle and in the image the program is run from its folder."""

    def unknown(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", unknown)
    assert re.search(r'crosstie_build_info\{.*version="\d+\.\d+\.', browser(settings).get("/metrics").text)


def test_metrics_are_the_databases_figures(settings: Settings, db: Database) -> None:
    with_system(settings, "password_expires: 2026-04-02\n")
    busy_day(db)
    answer = browser(settings).get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found = samples(answer.text)
    expected = {
        "crosstie_database_up{}": 1,
        "crosstie_armed{}": 1,
        "crosstie_freshness_seconds{object=orders,system=erp1}": 1800,
        "crosstie_outbox_entries{state=pending,system=erp1}": 1,
        "crosstie_outbox_entries{state=unknown,system=erp1}": 2,
        "crosstie_outbox_entries{state=review,system=erp1}": 1,
        "crosstie_outbox_entries{state=dead,system=erp1}": 1,
        "crosstie_outbox_oldest_waiting_seconds{system=erp1}": 4800,
        "crosstie_dead_letters{system=erp1}": 0,
        "crosstie_reconciliation_differences{system=erp1}": 3,
        "crosstie_reconciliation_age_seconds{system=erp1}": 7200,
        "crosstie_silent_runs{system=erp1}": 1,
        "crosstie_runs_last_day{direction=pull,object=payments,state=failed,system=erp1}": 1,
        "crosstie_run_duration_seconds{direction=pull,object=orders,system=erp1}": 7,
        "crosstie_expires_in_days{system=erp1,what=password}": 2,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert not [name for name in found if "prefect" in name or "freshness_seconds{object=payments" in name]
    assert found["crosstie_problems{}"] == 8  # review, dead, waiting, differs, silent, failed, never read, password


def test_a_disarmed_database_is_seen_everywhere(settings: Settings, db: Database) -> None:
    with db.write() as conn:
        conn.execute(update(schema.installation).values(armed=False))
    ask = browser(settings).get
    assert "disarmed" in ask("/").text
    assert samples(ask("/metrics").text)["crosstie_armed{}"] == 0


def absent(path: Path) -> None:
    path.unlink(missing_ok=True)


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def damaged(path: Path) -> None:
    path.write_bytes(b"this is no database, whatever its name" * 100)


@pytest.mark.parametrize(
    ("spoil", "code"), [(absent, "database-missing"), (newer, "database-new"), (damaged, "database-broken")]
)
def test_a_database_that_cannot_be_read_is_told_and_not_touched(
    settings: Settings, spoil: Callable[[Path], None], code: str
) -> None:
    new_database(settings)
    path = settings.home / "crosstie.sqlite"
    for beside in settings.home.glob("crosstie.sqlite-*"):
        beside.unlink()
    spoil(path)
    before = path.read_bytes() if path.exists() else None
    ask = browser(settings).get
    ready = ask("/ready")
    assert ready.status_code == 503
    assert ready.json()["checks"]["database"]["code"] == code
    page = ask("/")
    assert page.status_code == 200
    assert "cannot be told completely" in page.text
    assert "Traceback" not in page.text
    assert samples(ask("/metrics").text)["crosstie_database_up{}"] == 0
    assert ask("/health").status_code == 200
    assert (path.read_bytes() if path.exists() else None) == before


def test_a_database_that_hangs_is_told_in_time(
    settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that waits is left behind; it ends when the lock does."""
    import threading

    released = threading.Event()
    monkeypatch.setattr("console.snapshot.health", lambda *_: released.wait(20))
    try:
        answer = browser(settings, limit_s=0.2).get("/ready")
    finally:
        released.set()
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"]["code"] == "database-busy"


def test_ready_when_all_is_there(settings: Settings, db: Database) -> None:
    answer = browser(settings).get("/ready")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert list(answer.json()["checks"]) == ["database"]


class PrefectStub(BaseHTTPRequestHandler):
    """Answers as Prefect's server does to whoever may or may not sign in."""

    status = 200

    def do_GET(self) -> None:  # the base class's name
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b'{"message":"OK"}')

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[PrefectStub]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), PrefectStub)
    thread = Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{server.server_port}/api")
    PrefectStub.status = 200
    yield PrefectStub
    server.shutdown()
    server.server_close()
    thread.join()


def test_prefect_must_answer_where_it_is_configured(
    settings: Settings, db: Database, prefect: type[PrefectStub], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = browser(settings).get
    assert ask("/ready").json()["checks"]["prefect"] == {"ok": True}
    assert samples(ask("/metrics").text)["crosstie_prefect_up{}"] == 1
    prefect.status = 503
    assert ask("/ready").json()["checks"]["prefect"]["code"] == "prefect-unready"
    prefect.status = 401
    assert ask("/ready").status_code == 503
    assert "PREFECT_API_AUTH_STRING" in ask("/").text
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    assert ask("/ready").json()["checks"]["prefect"]["code"] == "prefect-unreachable"
    monkeypatch.setenv("PREFECT_API_URL", "file:///etc/passwd")
    assert ask("/ready").json()["checks"]["prefect"]["code"] == "prefect-unreachable"
    assert samples(ask("/metrics").text)["crosstie_prefect_up{}"] == 0


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8400", 200),
        ("localhost", 200),
        ("[::1]:8400", 200),
        ("LOCALHOST:8400", 200),
        ("attacker.example", 400),
        ("127.0.0.1.attacker.example", 400),
        ("localhost.attacker.example:8400", 400),
        ("", 400),
    ],
)
def test_only_our_own_names_are_answered(settings: Settings, db: Database, host: str, status: int) -> None:
    for path in ("/", "/health", "/metrics", "/ready"):
        assert browser(settings).get(path, headers={"host": host}).status_code == status


def test_a_monitor_may_ask_for_the_head_alone(settings: Settings, db: Database) -> None:
    for path in ("/", "/health", "/metrics", "/ready"):
        asked = browser(settings).head(path)
        assert (asked.status_code, asked.text) == (200, ""), path


def test_a_proxys_name_can_be_allowed(settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSTIE_CONSOLE_HOSTS", "crm.example.com, console")
    for host, status in (("crm.example.com", 200), ("console:8400", 200), ("other.example.com", 400)):
        assert browser(settings).get("/health", headers={"host": host}).status_code == status


@pytest.mark.parametrize("path", ["/", "/health", "/ready", "/metrics", "/static/style.css", "/no-such-page"])
def test_every_answer_bears_the_safe_headers(settings: Settings, db: Database, path: str) -> None:
    headers = browser(settings).get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")


def test_nothing_on_the_page_comes_from_elsewhere(settings: Settings, db: Database) -> None:
    busy_day(db)
    page = browser(settings).get("/").text
    assert set(re.findall(r'(?:src|href)="([^"?]*)', page)) <= {
        "", "/", "/static/style.css", "/static/icon.svg", "/metrics", "/ready"
    }  # fmt: skip
    assert "<script" not in page
    assert "style=" not in page
    style = browser(settings).get("/static/style.css").text
    assert "url(" not in style
    assert "@import" not in style


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/docs", 404), ("GET", "/openapi.json", 404)])
def test_a_page_that_is_not_there_is_told_in_both_languages(
    settings: Settings, db: Database, method: str, path: str, status: int
) -> None:
    english, chinese = (browser(settings).request(method, f"{path}?lang={tag}") for tag in ("en", "zh"))
    assert english.status_code == chinese.status_code == status
    assert "There is no such page." in english.text
    assert HAN.search(chinese.text)
    assert browser(settings).post("/").status_code == 405
    assert browser(settings).get("/static/../app.py").status_code == 404


def test_a_bug_is_told_without_its_inside(
    settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("geheim")

    monkeypatch.setattr("console.snapshot.health", broken)
    caplog.set_level(logging.CRITICAL)
    answer = browser(settings).get("/")
    assert answer.status_code == 500
    assert "error of the program itself" in answer.text
    assert "geheim" not in answer.text
    assert answer.headers["x-frame-options"] == "DENY"


def test_many_readers_cost_one_look(settings: Settings, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from console import snapshot

    looks: list[int] = []
    real = snapshot.health
    monkeypatch.setattr("console.snapshot.health", lambda *args: looks.append(1) or real(*args))
    client = TestClient(
        create_app(settings, watch=Watch(settings, lambda: NOW, kept_s=60)), base_url="http://localhost"
    )
    for path in ("/", "/ready", "/metrics", "/"):
        assert client.get(path).status_code == 200
    assert len(looks) == 1
