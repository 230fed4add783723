"""The command line itself: help, usage errors, languages, exit codes; no ERP is asked here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import cli
from commands import build
from commands.texts import use_language
from crm_core.errors import StoreError
from sandbox.__main__ import main as sandbox_main
from tests.conftest import ROOT
from tests.unit.cli_help import GOOD, Place, new_place

HEAVY = {"prefect", "sqlalchemy", "alembic", "pydantic", "httpx", "jsonata", "lxml", "zeep", "babel", "xlsxwriter"}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    return new_place(tmp_path, monkeypatch, capsys)


def commands(command: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    below = getattr(command, "commands", {})
    return [path, *(found for name, one in below.items() for found in commands(one, (*path, name)))]


ALL = commands(build.tree())


def test_the_commands_of_the_manual_are_there() -> None:
    """docs and design name these; scripts rely on them."""
    wanted = (
        "demo doctor ping pull push preview status reconcile outbox/list outbox/show outbox/probe outbox/settle "
        "dead-letters/list dead-letters/show dead-letters/replay dead-letters/discard quotes/list quotes/show "
        "quotes/new quotes/check quotes/accept quotes/amend quotes/cancel orders/list orders/timeline contracts/list "
        "receivables/ageing receivables/rates receivables/disputes receivables/dispute receivables/undispute "
        "mappings/check mappings/test mappings/preview mappings/schema mappings/publish "
        "mappings/history mappings/diff mappings/rollback systems/list systems/add systems/check systems/arm "
        "systems/disarm sandbox/up sandbox/down sandbox/list db/upgrade db/version audit/verify"
    )
    assert {tuple(name.split("/")) for name in wanted.split()} <= set(ALL)


@pytest.mark.parametrize("path", ALL, ids="-".join)
def test_every_command_has_help_in_both_languages(place: Place, path: tuple[str, ...]) -> None:
    english, chinese = (place.run(*path, "--help", "--lang", language) for language in ("en", "zh"))
    assert (english.code, chinese.code) == (0, 0)
    assert english.out.startswith(f"Usage: {' '.join(('crosstie', *path))}")
    assert re.search("[\u4e00-\u9fff]", chinese.out)
    for option in ("--json", "--lang", "--quiet", "--help"):
        assert option in english.out
        assert option in chinese.out
    is_group = any(len(other) == len(path) + 1 and other[: len(path)] == path for other in ALL)
    assert is_group or "Examples" in english.out


ADD = ["systems", "add", "x", "--url", "https://x"]
CN01 = "CN01:CNY:Asia/Shanghai"
USAGE = [
    (["nosuch"], "no-such-command", "nosuch"),
    (["pul"], "no-such-command-near", "pull"),
    (["outbox", "lst"], "no-such-command-near", "list"),
    (["pull", "x", "--ful"], "no-such-option-near", "--full"),
    (["pull", "x", "--zzz"], "no-such-option", "--zzz"),
    (["pull"], "missing-parameter", "SYSTEM"),
    (["outbox", "settle", "K"], "missing-parameter", "--why"),
    (["push", "x", "--wait"], "option-needs-value", "--wait"),
    (["db", "version", "1"], "too-many-arguments", "1"),
    (["push", "x", "--wait", "soon"], "bad-number", "soon"),
    (["receivables", "ageing", "--as-of", "31.03.2026"], "bad-date", "31.03.2026"),
    (["receivables", "ageing", "--basis", "day"], "bad-choice", "posting"),
    (["receivables", "ageing", "--format", "pdf"], "bad-choice", "xlsx"),
    (["receivables", "ageing", "--buckets", "30,20"], "bad-buckets", "30,20"),
    (["receivables", "rates", "--all", "--on", "2026-03-31"], "not-together", "--all"),
    (["receivables", "rates", "--dry-run"], "option-needs-option", "--import"),
    (["receivables", "rates", "--import", "no-such.csv"], "file-missing", "no-such.csv"),
    (["receivables", "disputes", "--state", "ended"], "bad-choice", "closed"),
    (["receivables", "dispute", "1"], "missing-parameter", "--reason"),
    (["receivables", "dispute", "1", "--reason", "r"], "item-unknown", "1"),
    (["receivables", "dispute", "1", "--reason", "r", "--amount", "1,5"], "bad-number", "1,5"),
    (["receivables", "undispute", "D7"], "no-dispute", "--state all"),
    (["quotes", "new", "--system", "s", "--company", "c", "--customer", "k", "--line", "A"], "bad-line", "A"),
    (["outbox", "settle", "K", "--why", "w", "--dead", "--resend"], "choose-one", "--dead"),
    (["dead-letters", "replay"], "letter-or-system", "--system"),
    (["pull", "nosuch"], "no-such-system", "nosuch"),
    (["pull", "../etc/passwd"], "bad-system-name", "../etc/passwd"),
    (["quotes", "show", "Q000001"], "no-quote", "Q000001"),
    (["outbox", "show", "CT-Q1"], "no-entry", "CT-Q1"),
    (["dead-letters", "show", "7"], "no-dead-letter", "7"),
    (["orders", "timeline", "1"], "no-order", "1"),
    (["customers", "show", "C1"], "no-customer", "C1"),
    (["mappings", "check", "no/product"], "bad-system-name", "no/product"),
    (["mappings", "rollback", "s", "1", "--why", "w"], "no-mapping-version", "1"),
    (["mappings", "check", "--online"], "option-needs-option", "SYSTEM"),
    (["mappings", "check", "sap/s4", "--online"], "option-needs-option", "SYSTEM"),
    (["mappings", "history", "nosuch"], "no-such-system", "nosuch"),
    (["sandbox", "down", "x"], "no-such-sandbox", "x"),
    (["sandbox", "up", "sap/s4", "--data", "/no/such/folder"], "file-missing", "/no/such/folder"),
    (["sandbox", "up", "sap/s4", "--system", "a", "--system", "b"], "names-differ", "1"),
    ([*ADD, "--product", "sap/s4", "--company", "CN01"], "bad-company", "CN01"),
    ([*ADD, "--product", "sap/s5", "--company", CN01], "no-such-product", "kingdee/galaxy"),
    ([*ADD, "--product", "sap/s4", "--company", CN01, "--company", "D1:EUR:Europe/Berlin"], "time-zone-needed", "D1"),
    ([*ADD, "--product", "sap/s4", "--company", CN01, "--url", "https://u:p@x.example"], "bad-value", "***@x.example"),
    (["systems", "list"], "no-systems", "sandbox up"),
]


@pytest.mark.parametrize(("arguments", "code", "says"), USAGE, ids=[case[1] for case in USAGE])
def test_bad_usage_is_one_clear_line_in_both_languages(
    place: Place, arguments: list[str], code: str, says: str
) -> None:
    english, chinese = place.run(*arguments), place.run("--lang", "zh", *arguments)
    for said in (english, chinese):
        assert said.code == 2
        assert says in said.err
        assert "Traceback" not in said.all
        assert said.out == ""
    assert english.err.startswith("Error: ")
    assert chinese.err.startswith("错误：")
    error = place.run("--json", *arguments).json["error"]
    assert (error["code"], error["exit_code"]) == (code, 2)


TOO_MUCH = [
    ["orders", "list", "--limit", "1e30"],
    ["orders", "list", "--limit", "1e999999999"],
    ["orders", "list", "--limit", "-1"],
    ["orders", "list", "--limit", "1.5"],
    ["contracts", "list", "--limit", "99999999999999999999"],
    ["dead-letters", "show", "99999999999999999999"],
    ["dead-letters", "replay", "99999999999999999999"],
    ["dead-letters", "discard", "99999999999999999999", "--why", "w"],
    ["outbox", "show", "CT-Q1", "--version", "99999999999999999999"],
    ["outbox", "settle", "CT-Q1", "--dead", "--why", "w", "--version", "-1"],
    ["status", "--stale-after", "1e20"],
    ["status", "--waiting-after", "99999999999999"],
    ["status", "--expiring", "-1"],
    ["preview", "erp1", "orders", "--limit", "-1"],
    ["preview", "erp1", "orders", "--limit", "0"],
    ["push", "erp1", "--wait", "-1"],
    ["backfill", "erp1", "--workers", "0"],
    ["backfill", "erp1", "--workers", "1e9"],
    ["up", "--workers", "0"],
    ["sandbox", "up", "sap/s4", "--rows", "-5"],
    ["sandbox", "up", "sap/s4", "--port", "70000"],
    ["sandbox", "up", "sap/s4", "kingdee/galaxy", "--port", "65535"],
    ["sandbox", "advance", "--days", "1e6"],
]


@pytest.mark.parametrize("arguments", TOO_MUCH, ids=" ".join)
def test_a_number_that_is_too_small_or_too_large_is_told_with_its_bounds(place: Place, arguments: list[str]) -> None:
    place.write_system()
    said, chinese = place.run(*arguments), place.run("--lang", "zh", *arguments)
    assert (said.code, chinese.code, said.out) == (2, 2, "")
    assert re.fullmatch(r"Error: \S+ is not possible here. Give a whole number from \d+ to \d+.\n", said.err)
    assert place.run(*arguments, "--json").json["error"]["code"] == "number-range"


def test_numbers_at_their_bounds_are_taken(place: Place) -> None:
    assert place.run("orders", "list", "--limit", "1000000000").code == 0
    assert place.run("contracts", "list", "--limit", "1").code == 0
    most = ("--stale-after", "1000000000", "--waiting-after", "1000000000", "--expiring", "1000000000")
    assert place.run("status", *most).code == 0


@pytest.mark.parametrize("bounds", [["--step", "9999999999"], ["--to", "0001-06-01"], ["--from", "9999-12-30"]])
def test_a_backfill_that_no_calendar_holds_is_bad_usage(
    place: Place, monkeypatch: pytest.MonkeyPatch, bounds: list[str]
) -> None:
    monkeypatch.setenv("ERP1_PASSWORD", "x")
    place.write_system()
    said = place.run("backfill", "erp1", "--plan", *bounds)
    assert (said.code, len(said.err.splitlines())) == (2, 1), said.all
    assert bounds[1] in said.err


def test_a_file_that_is_no_text_is_not_overwritten_with_deployments(place: Place) -> None:
    file = place.home / "picture.png"
    place.home.mkdir()
    file.write_bytes(b"\x89PNG\xff")
    said = place.run("deployments", "write", "--file", file)
    assert (said.code, len(said.err.splitlines())) == (2, 1)
    assert "picture.png" in said.err
    assert file.read_bytes() == b"\x89PNG\xff"


def test_a_sandbox_is_named_before_anything_is_written(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commands.sandbox_process.launch", lambda *_, **__: pytest.fail("was started"))
    said = place.run("sandbox", "up", "sap/s4", "--system", "../evil")
    assert said.code == 2
    assert "../evil" in said.err
    assert not [path for path in place.home.rglob("*") if "evil" in path.name]


def test_a_language_that_is_not_spoken_is_refused(place: Place) -> None:
    assert place.run("--lang", "fr", "db", "version").code == 2
    assert "zh-x" in place.run("db", "version", "--lang", "zh-x").err


def test_a_group_alone_shows_its_help_and_is_no_success(place: Place) -> None:
    said = place.run("quotes")
    assert said.code == 2
    assert "accept" in said.out


@pytest.mark.parametrize("where", ["before", "after", "between"])
def test_json_may_stand_anywhere(place: Place, where: str) -> None:
    line = {
        "before": ["--json", "db", "version"],
        "after": ["db", "version", "--json"],
        "between": ["db", "--json", "version"],
    }
    assert place.run(*line[where]).json["needed"]


def test_quiet_leaves_results_and_errors(place: Place) -> None:
    assert place.run("db", "version", "--quiet").all == ""
    assert place.run("--quiet", "pull", "nosuch").err
    assert place.run("orders", "list", "--quiet").out.strip().startswith("System")


def test_one_run_leaves_nothing_for_the_next(place: Place) -> None:
    assert place.run("--json", "--lang", "zh", "db", "version").json
    assert place.run("db", "version").out.endswith("0001.\n") or "version" in place.run("db", "version").out


def test_a_bug_is_told_in_one_line_and_logged_without_what_it_held(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = "geheim123"

    def broken(*_: object) -> int:
        raise ValueError("first line\n" + held)

    monkeypatch.setattr(build, "run", broken)
    said = place.run("status")
    assert said.code == 1
    assert len(said.err.splitlines()) == 1
    assert "crosstie.log" in said.err
    log = (place.home / "logs" / "crosstie.log").read_text(encoding="utf-8")
    assert "ValueError: first line" in log
    assert "geheim123" not in log


def test_a_bug_whose_cause_is_itself_is_told_too(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        problem = ValueError("again")
        raise problem from problem

    monkeypatch.setattr(build, "run", broken)
    assert place.run("status").code == 1


def test_an_interruption_says_that_nothing_is_lost(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "run", interrupted)
    said = place.run("pull", "x")
    assert said.code == 130
    assert "run the command again" in said.err


@pytest.mark.parametrize(
    ("code", "params", "exit_code"),
    [
        ("database-read-only", {"place": "x.sqlite"}, 2),
        ("database-unreachable", {"place": "x.sqlite", "why": "w"}, 2),
        ("database-unreachable", {"place": "postgresql://h/d", "why": "w"}, 5),
        ("database-busy", {"place": "x", "seconds": "30"}, 5),
        ("database-full", {"place": "x"}, 2),
    ],
)
def test_a_database_that_cannot_be_used_is_told_with_its_exit_code(
    place: Place, monkeypatch: pytest.MonkeyPatch, code: str, params: dict[str, str], exit_code: int
) -> None:
    def broken(*_: object) -> int:
        raise StoreError(code, **params)

    monkeypatch.setattr(build, "run", broken)
    for language in ("en", "zh"):
        said = place.run("--lang", language, "status")
        assert said.code == exit_code
        assert params["place"] in said.err


def test_a_database_of_another_version_is_not_touched(place: Place) -> None:
    assert place.run("orders", "list").code == 0
    import sqlite3

    with sqlite3.connect(place.home / "crosstie.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    said = place.run("orders", "list")
    assert said.code == 2
    assert "9999" in said.err


def test_a_home_that_is_a_file_is_told(tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("CROSSTIE_HOME", str(tmp_path / "taken"))
    said = place.run("orders", "list")
    assert said.code == 2
    assert "taken" in said.err


def test_systems_are_listed_with_what_they_lack(place: Place) -> None:
    place.write_system()
    place.write_system(GOOD.replace("product:", "prodcut:"), "erp2")
    said = place.run("systems", "list", "--json")
    states = {row["name"]: row for row in said.json["systems"]}
    assert "ERP1_PASSWORD" in states["erp1"]["state"]
    assert "product" in states["erp2"]["state"]
    assert place.run("systems", "check").code == 2


def test_a_system_that_could_never_connect_is_not_usable(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERP1_PASSWORD", "x")
    place.write_system()
    assert "erp1: usable" in place.run("systems", "check").out
    assert place.run("systems", "list", "--json").json["systems"][0]["ok"]
    place.write_system(GOOD + "options: {colour: red}\n")
    said = place.run("systems", "check")
    assert said.code == 2
    assert "colour" in said.err
    [row] = place.run("systems", "list", "--json").json["systems"]
    assert not row["ok"] and "colour" in row["state"] and row["url"]


def test_arm_and_disarm_are_audited(place: Place) -> None:
    place.run("db", "upgrade")
    assert place.run("systems", "disarm", "--json").json["armed"] is False
    assert place.run("systems", "arm", "--json").json["armed"] is True
    assert place.run("audit", "verify").code == 0


def test_a_changed_audit_entry_is_found(place: Place) -> None:
    import sqlite3

    place.run("db", "upgrade")
    place.run("systems", "disarm")
    place.run("systems", "arm")
    with sqlite3.connect(place.home / "crosstie.sqlite") as connection:
        connection.execute("UPDATE audit SET actor = 'somebody else' WHERE id = 2")
    connection.close()
    said = place.run("audit", "verify")
    assert said.code == 6
    assert "2" in said.err


def test_mapping_files_are_checked_and_their_examples_run(place: Place) -> None:
    assert place.run("mappings", "check").code == 0
    tested = place.run("mappings", "test", "--json").json
    assert tested["ok"]
    assert len(tested["examples"]) > 5
    assert place.run("mappings", "schema").json["title"]


def test_doctor_looks_at_this_machine(place: Place) -> None:
    said = place.run("doctor", "--json")
    assert said.code == 0
    assert {check["state"] for check in said.json["checks"]} <= {"ok", "note"}
    place.write_system(GOOD.replace("product:", "prodcut:"))
    assert place.run("doctor").code == 2


def test_help_starts_without_the_heavy_parts() -> None:
    """Under half a second: nothing that a command might need is loaded before it does."""
    program = f"import sys, cli; sys.exit(cli.main(['--help']) or {HEAVY!r} & set(sys.modules) or 0)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments", [("--port", "70000"), ("--port", "-1"), ("--rows", "-5")])
def test_a_sandbox_refuses_numbers_out_of_range_in_one_line(
    arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        sandbox_main(["up", "sap/s4", *arguments])
    assert ended.value.code == 2
    assert arguments[1] in capsys.readouterr().err.splitlines()[-1]


def test_the_language_of_one_run_does_not_stick() -> None:
    use_language("zh")
    try:
        assert cli.main(["--lang", "en", "db", "--help"]) == 0
    finally:
        use_language("en")
