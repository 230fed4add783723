"""The log: JSON lines that name their run, shared by processes, with nothing private in them."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import redaction
from config.logs import JsonLines, SharedFile, log_settings, log_to
from config.redaction import hide, redacted, redacted_facts
from config.settings import Settings
from flows.prefetch import Prefetched
from flows.tracing import traced
from tests.conftest import ROOT

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
words = st.text(LETTERS, min_size=8, max_size=24).filter(lambda word: not word.isdigit())
around = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)


def installed(folder: Path) -> Settings:
    return Settings(folder / "config", folder / "var", "sqlite://")


def lines(folder: Path) -> list[dict[str, Any]]:
    files = sorted((folder / "var" / "logs").glob("crosstie.log*"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


@contextmanager
def forgotten() -> Iterator[None]:
    """What a test makes known as a secret is not hidden in the next."""
    before = set(redaction._known)
    try:
        yield
    finally:
        redaction._known.clear()
        redaction._known.update(before)


def test_a_line_says_when_who_what_and_in_which_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "0190-aa")
    with log_to(installed(tmp_path)), traced(run="20260331T101500-1a2b3c4d", system="s4", obj="orders"):
        logging.getLogger("crosstie.pull").info("%s stored", "page", extra={"rows": 7})
    [line] = lines(tmp_path)
    assert list(line)[:8] == ["ts", "level", "logger", "event", "run", "system", "obj", "prefect_run"]
    assert line["ts"].endswith("Z")
    assert (line["level"], line["logger"], line["event"]) == ("info", "crosstie.pull", "page stored")
    assert (line["run"], line["system"], line["obj"]) == ("20260331T101500-1a2b3c4d", "s4", "orders")
    assert (line["prefect_run"], line["rows"]) == ("0190-aa", 7)
    assert isinstance(line["pid"], int)


def test_names_go_with_the_thread_that_reads_ahead(tmp_path: Path) -> None:
    def pages() -> Iterator[int]:
        logging.getLogger("crosstie.erp").info("asked")
        yield 1

    with log_to(installed(tmp_path)), traced(run="R-1"), Prefetched(pages()) as read:
        assert list(read) == [1]
    assert [line["run"] for line in lines(tmp_path)] == ["R-1"]


def test_libraries_are_heard_only_when_they_warn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSTIE_LOG_LEVEL", "debug")
    with log_to(installed(tmp_path)):
        for name in ("httpx", "httpcore.http11", "sqlalchemy.engine", "alembic.runtime.migration"):
            logging.getLogger(name).info("GET https://erp/?$filter=Name")
            logging.getLogger(name).warning("look")
        logging.getLogger("crosstie").debug("ours")
    assert [line["event"] for line in lines(tmp_path)] == ["look"] * 4 + ["ours"]


def test_the_level_is_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSTIE_LOG_LEVEL", "ERROR")
    with log_to(installed(tmp_path)):
        logging.getLogger("crosstie").warning("no")
        logging.getLogger("crosstie").error("yes")
    assert [line["event"] for line in lines(tmp_path)] == ["yes"]


def test_a_container_logs_to_stderr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CROSSTIE_LOG", "stderr")
    with log_to(installed(tmp_path)):
        logging.getLogger("crosstie").info("out")
    assert json.loads(capsys.readouterr().err)["event"] == "out"
    assert lines(tmp_path) == []


def test_a_setting_that_makes_no_sense_counts_as_not_set_and_is_named() -> None:
    wrong = {"CROSSTIE_LOG": "syslog", "CROSSTIE_LOG_LEVEL": "LOUD", "CROSSTIE_LOG_MB": "0", "CROSSTIE_LOG_FILES": "x"}
    found = log_settings(wrong)
    assert [variable for variable, _ in found.bad] == list(wrong)
    assert (found.place, found.level, found.megabytes, found.files) == ("file", "INFO", 5, 5)
    right = log_settings({"CROSSTIE_LOG_MB": "0.5", "CROSSTIE_LOG_FILES": "2", "CROSSTIE_LOG_LEVEL": "warning"})
    assert (right.megabytes, right.files, right.level, right.bad) == (0.5, 2, "WARNING", ())


def test_a_home_that_cannot_be_written_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "var").write_text("a file where the home should be")
    with log_to(installed(tmp_path)):
        logging.getLogger("crosstie").info("lost")
    assert capsys.readouterr().err == ""


def test_old_files_go_when_new_ones_come(tmp_path: Path) -> None:
    handler = SharedFile(tmp_path / "crosstie.log", size=300, files=2)
    handler.setFormatter(JsonLines())
    for number in range(20):
        handler.handle(logging.LogRecord("crosstie", logging.INFO, "", 0, f"line {number}", None, None))
    kept = sorted(tmp_path.iterdir())
    assert len(kept) == 3
    assert all(file.stat().st_size < 600 for file in kept)
    assert "line 19" in (tmp_path / "crosstie.log").read_text(encoding="utf-8")


def test_processes_share_a_file_and_no_line_is_lost_or_torn(tmp_path: Path) -> None:
    program = (
        "import logging, sys\n"
        "from pathlib import Path\n"
        "from config.logs import SharedFile\n"
        "handler = SharedFile(Path(sys.argv[1]), size=20_000, files=10_000)\n"
        "for number in range(400):\n"
        "    text = f'{sys.argv[2]}-{number} ' + 'x' * 150\n"
        "    handler.handle(logging.LogRecord('crosstie', logging.INFO, '', 0, text, None, None))\n"
    )
    path = tmp_path / "crosstie.log"
    writers = [subprocess.Popen([sys.executable, "-c", program, str(path), str(n)], cwd=ROOT) for n in range(4)]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    found = [line for file in tmp_path.iterdir() for line in file.read_text(encoding="utf-8").splitlines()]
    assert sorted(found) == sorted(f"{writer}-{number} " + "x" * 150 for writer in range(4) for number in range(400))
    assert len(list(tmp_path.iterdir())) > 5


def logged(message: str, **facts: Any) -> str:
    record = logging.LogRecord("crosstie", logging.INFO, "", 0, message, None, None)
    record.__dict__.update(facts)
    return JsonLines().format(record)


@given(words, around, around)
def test_a_known_secret_is_hidden_wherever_it_stands(secret: str, before: str, after: str) -> None:
    with forgotten():
        hide(secret)
        facts = {"why": f"x{secret}y", "list": [{"deep": secret}]}
        assert secret not in logged(f"{before}{secret}{after}", **facts)


@given(words, words)
def test_what_signs_in_is_hidden(user: str, secret: str) -> None:
    for text in (
        f"Authorization: Basic {secret}",
        f"{{'authorization': 'Bearer {secret}', 'x': '{secret}'}}",
        f"sent bearer {secret}",
        f"Cookie: SAP_SESSIONID={secret}; MYSAPSSO2={secret}",
        f"set-cookie={secret}; path=/",
        f"password={secret}",
        f'{{"client_secret": "{secret}"}}',
        f"access_token: {secret}, more",
        f"postgresql://{user}:{secret}@db/crosstie",
        f"https://{user}:{secret}@erp.example.com/sap",
        f"/orders?key={secret}&next={secret}",
    ):
        assert secret not in redacted(text), text


@given(st.emails(), around)
def test_mail_addresses_are_hidden(address: str, before: str) -> None:
    assert address not in redacted(f"{before} {address}")
    assert address not in logged(f"customer {address} has none", customer=address)


def test_an_address_ends_where_a_text_goes_on() -> None:
    for text, hidden in (
        ("url 不能是 `https://u:geheim@x.example`。它是一个地址", "url 不能是 `https://***@x.example`。它是一个地址"),
        ("写给 ada@x.example，然后再试", "写给 ***，然后再试"),
        ("地址：ada@x.example。再试", "地址：***。再试"),
        ("write to `ada@x.example`.", "write to `***`."),
        ('"ada b"@x.example，然后', "***，然后"),
    ):
        assert redacted(text) == hidden


def iban(country: str, rest: str) -> str:
    digits = "".join(str(int(letter, 36)) for letter in f"{rest}{country}00")
    return f"{country}{98 - int(digits) % 97:02d}{rest}"


@given(st.sampled_from(["DE", "GB", "FR", "NL"]), st.text("0123456789ABCDEFGH", min_size=12, max_size=26), around)
def test_ibans_are_hidden_as_written_and_in_groups(country: str, rest: str, before: str) -> None:
    number = iban(country, rest)
    grouped = " ".join(number[start : start + 4] for start in range(0, len(number), 4))
    for text in (number, number.lower(), grouped):
        assert text not in redacted(f"{before} paid from {text}, today")


@given(st.text("0123456789", min_size=12, max_size=19))
def test_numbers_as_long_as_a_bank_account_are_hidden(number: str) -> None:
    grouped = " ".join(number[start : start + 4] for start in range(0, len(number), 4))
    assert number not in redacted(f"account {number}.")
    assert len(number) > 19 or grouped not in redacted(f"to {grouped}")


@given(words)
def test_facts_are_hidden_by_their_names(value: str) -> None:
    names = ("password", "Authorization", "Set-Cookie", "access_token", "email", "iban", "bank_account", "payload")
    found = redacted_facts(dict.fromkeys(names, value) | {"inside": {"client_secret": value}, "rows": 3})
    assert value not in json.dumps(found)
    assert found["rows"] == 3


def test_what_people_need_to_find_things_stays() -> None:
    text = (
        "POST /sap/opu/odata/sap/API_SALES_ORDER_SRV/A_SalesOrder('0004711') 201 in 0.123 s, run "
        "20260331T101500-1a2b3c4d.17, key CT7-Q000123-v2, document 4900001234, 1,234,567.89 CNY, 2026-03-31T10:15:00Z"
    )
    assert redacted(text) == text
    assert redacted("request 3f2a9c0d1e4b5a6978d0c1b2a3f4e5d6 of 10.1.2.3:44300") == (
        "request 3f2a9c0d1e4b5a6978d0c1b2a3f4e5d6 of 10.1.2.3:44300"
    )


def test_an_error_is_logged_by_its_place_not_by_what_it_held(tmp_path: Path) -> None:
    with log_to(installed(tmp_path)):
        try:
            raise ValueError("first line\nINSERT INTO customer VALUES " + "gnaW"[::-1])
        except ValueError:
            logging.getLogger("crosstie").exception("broken")
    [line] = lines(tmp_path)
    assert "test_logs.py" in line["exception"]
    assert "ValueError: first line" in line["exception"]
    assert "Wang" not in json.dumps(line)


def test_the_databases_and_prefects_passwords_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "crosstie:abcdefgh12")
    here = Settings(tmp_path / "c", tmp_path / "var", "postgresql://u:p%40ss-word@h/d")
    with forgotten(), log_to(here):
        logging.getLogger("crosstie").info("p@ss-word and crosstie:abcdefgh12")
    assert lines(tmp_path)[0]["event"] == "*** and ***"


def test_a_password_in_an_addresss_query_is_known_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    query = "user=crosstie&password=p%40ss-word&sslpassword=of-the-key&passfile=/etc/crosstie/pgpass"
    here = Settings(tmp_path / "c", tmp_path / "var", f"postgresql:///crm?{query}")
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "postgresql+asyncpg://p:of-prefect@h/d")
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", "postgresql+asyncpg:///d?password=of-old")
    with forgotten(), log_to(here):
        logging.getLogger("crosstie").info("p@ss-word of-the-key of-prefect of-old crosstie /etc/crosstie/pgpass")
    assert lines(tmp_path)[0]["event"] == "*** *** *** *** crosstie /etc/crosstie/pgpass"
