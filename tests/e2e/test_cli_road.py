"""From the command line to the emulated ERP and back: what each command says, and its exit code."""

from __future__ import annotations

import csv
import io
import json
import shutil
import socket
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import load_workbook

from tests.flows.road import Road, open_road
from tests.unit.cli_help import Place, new_place

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """One sandbox, pulled once; every test works on a copy of that home."""
    with open_road(tmp_path_factory.mktemp("road")) as opened:
        with opened.context() as ctx:
            from flows.pull import pull

            pull(ctx)
        yield opened


@pytest.fixture
def place(road: Road, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    shutil.copytree(road.settings.config, tmp_path / "config")
    shutil.copytree(road.settings.home, tmp_path / "var")
    place = new_place(tmp_path, monkeypatch, capsys)
    armed = place.run("systems", "arm", "--unchecked", "a copy that pushes to its original's sandbox on purpose")
    assert armed.code == 0, armed.err
    return place


def edit_system(place: Place, old: str, new: str) -> None:
    path = place.config / "systems" / "s4.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def write_overlay(place: Place, text: str) -> None:
    (place.config / "mappings").mkdir(exist_ok=True)
    (place.config / "mappings" / "s4.yaml").write_text(text, encoding="utf-8")


def test_ping_and_doctor_find_everything_well(place: Place) -> None:
    pong = place.run("ping", "s4", "--json").json
    assert set(pong["services"].values()) == {"ok"}
    assert pong["product"] == "sap/s4"
    checked = place.run("doctor", "s4", "--json")
    assert (checked.code, checked.json["ok"]) == (0, True), checked.out
    report = checked.json["report"]
    assert report["objects"]["orders"]["changed"]["mapped"] == report["objects"]["orders"]["changed"]["read"] > 0
    assert report["unverified"]
    names = [row["name"] for row in place.run("customers", "list", "--json").json["customers"]]
    assert not any(name in json.dumps(report, ensure_ascii=False) for name in names)
    assert len(checked.json["checks"]) > 10


def test_a_second_pull_writes_nothing_and_says_so(place: Place) -> None:
    said = place.run("pull", "s4", "--json")
    assert said.code == 0
    for counts in said.json["objects"].values():
        assert (counts["created"], counts["updated"], counts["rejected"], counts["removed"]) == (0, 0, 0, 0)
    assert said.json["held"] == {}


def test_a_dry_run_counts_and_writes_nothing(place: Place) -> None:
    place.run("pull", "s4")
    write_overlay(place, "product: sap/s4\nobjects: {orders: {pull: {fields: {payment_terms: \"'X'\"}}}}\n")
    said = place.run("pull", "s4", "orders", "--full", "--dry-run", "--json")
    assert said.json["objects"]["orders"]["updated"] > 10
    assert place.run("pull", "s4", "orders", "--full", "--dry-run", "--json").json["objects"] == said.json["objects"]


def test_reconciling_finds_a_changed_cent_and_names_the_document(place: Place, road: Road) -> None:
    assert place.run("reconcile", "s4").code == 0
    number = road.control("book?object=orders")["documents"][0]["number"]
    road.control("mutate", {"what": "amount", "object": "orders", "number": number, "by": "0.01"})
    try:
        said = place.run("reconcile", "s4", "orders", "--json")
        assert said.code == 6
        assert [d["key"] for d in said.json["differences"] if d["kind"] == "amount"] == [number]
        assert number in place.run("--lang", "zh", "reconcile", "s4", "orders").out
    finally:
        road.control("mutate", {"what": "amount", "object": "orders", "number": number, "by": "-0.01"})


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_wrong_password_is_configuration(place: Place, road: Road, language: str) -> None:
    (place.home / "secrets" / "s4.password").write_text("wrong")
    try:
        said = place.run("--lang", language, "pull", "s4")
        assert said.code == 2
        assert "401" in said.err
        assert "Traceback" not in said.all
    finally:
        road.control("locks", {}, "DELETE")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_host_that_does_not_answer_is_a_remote_down(place: Place, road: Road, language: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        edit_system(place, road.erp.url, f"http://127.0.0.1:{free.getsockname()[1]}")
        edit_system(place, "companies:", "limits: {retry_s: 0}\ncompanies:")
        said = place.run("--lang", language, "pull", "s4")
    assert said.code == 5
    assert "s4" in said.err
    assert "Traceback" not in said.all


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_mapping_typo_is_named_with_its_line(place: Place, language: str) -> None:
    write_overlay(
        place, "product: sap/s4\nobjects:\n  orders:\n    pull:\n      fields:\n        curency: TransactionCurrency\n"
    )
    said = place.run("--lang", language, "pull", "s4")
    assert said.code == 2
    assert "s4.yaml:6:9" in said.err
    assert "currency" in said.err
    assert place.run("mappings", "check", "s4").code == 2


def test_rejected_records_become_dead_letters_and_come_in_after_the_fix(place: Place) -> None:
    number = place.run("orders", "list", "--json").json["orders"][0]["number"]
    text = f"SalesOrder = '{number}' ? 'XXX' : TransactionCurrency"
    write_overlay(place, f'product: sap/s4\nobjects: {{orders: {{pull: {{fields: {{currency: "{text}"}}}}}}}}\n')
    said = place.run("pull", "s4", "orders", "--full")
    assert said.code == 3
    assert "dead-letters list" in said.err
    letters = place.run("dead-letters", "list", "--json").json["dead_letters"]
    assert [letter["key"] for letter in letters] == [number]
    for language in ("en", "zh"):
        assert "XXX" in place.run("--lang", language, "dead-letters", "list").out
    assert place.run("dead-letters", "list", "--by-cause", "--json").json["groups"][0]["count"] == 1
    assert place.run("dead-letters", "show", letters[0]["id"]).code == 0
    assert place.run("dead-letters", "replay", letters[0]["id"]).code == 3
    (place.config / "mappings" / "s4.yaml").unlink()
    assert place.run("dead-letters", "replay", "--system", "s4").code == 0
    assert place.run("dead-letters", "list", "--json").json["dead_letters"] == []


def test_a_dead_letter_is_discarded_only_with_a_reason(place: Place) -> None:
    write_overlay(place, "product: sap/s4\nobjects: {products: {pull: {fields: {unit: \"''\"}}}}\n")
    place.run("pull", "s4", "products", "--full")
    letters = place.run("dead-letters", "list", "--json").json["dead_letters"]
    assert letters
    assert place.run("dead-letters", "discard", letters[0]["id"], "--why", " ").code == 2
    assert place.run("dead-letters", "discard", letters[0]["id"], "--why", "test").code == 0
    assert place.run("dead-letters", "discard", letters[0]["id"], "--why", "test").code == 2


def test_preview_shows_a_record_on_both_sides(place: Place) -> None:
    number = place.run("orders", "list", "--json").json["orders"][0]["number"]
    record = place.run("preview", "s4", "orders", "--record", number, "--json").json["records"][0]
    assert record["source"]["SalesOrder"] == record["mapped"]["number"] == number
    assert len(place.run("preview", "s4", "customers", "--limit", "2", "--json").json["records"]) == 2
    assert place.run("preview", "s4", "orders", "--record", "99").code == 2


def test_a_published_mapping_stays_until_the_file_changes(place: Place) -> None:
    first = place.run("mappings", "history", "s4", "--json").json["versions"]
    write_overlay(place, "product: sap/s4\nobjects: {orders: {pull: {fields: {payment_terms: \"'X'\"}}}}\n")
    assert "payment_terms" in place.run("mappings", "diff", "s4").out
    published = place.run("mappings", "publish", "s4", "--why", "a test", "--json").json["version"]
    assert place.run("mappings", "diff", "s4").out.strip() == "No difference."
    assert "payment_terms" in place.run("mappings", "diff", "s4", first[0]["version"][:12]).out
    assert place.run("mappings", "rollback", "s4", first[0]["version"][:12], "--why", "back").code == 0
    place.run("pull", "s4", "products")
    current = [row for row in place.run("mappings", "history", "s4", "--json").json["versions"] if row["current"]]
    assert current[0]["version"] == first[0]["version"] != published
    (place.config / "mappings" / "s4.yaml").unlink()
    place.run("pull", "s4", "products")
    assert place.run("mappings", "history", "s4", "--json").json["versions"][0]["version"] in (
        first[0]["version"],
        published,
    )


def new_quote(place: Place, customer: str = "K1005", *more: str) -> str:
    line = ("--line", "LQ-1010:2:4800:13")
    said = place.run(
        "quotes", "new", "--system", "s4", "--company", "CN01", "--customer", customer, *line, *more, "--json"
    )
    assert said.code == 0, said.all
    return str(said.json["number"])


def test_a_quote_becomes_an_order_is_amended_and_cancelled(place: Place, road: Road) -> None:
    number = new_quote(place, "K1005", "--po", "MY-PO-1", "--instalment", "30:0:order", "--instalment", "70:30")
    shown = place.run("quotes", "show", number, "--json").json
    assert (shown["net_total"], shown["tax_total"], shown["gross_total"]) == ("9600.00", "1248.00", "10848.00")
    assert [part["amount"] for part in shown["instalments"]] == ["3254.40", "7593.60"]
    assert place.run("quotes", "check", number).code == 0
    accepted = place.run("quotes", "accept", number, "--json").json
    assert place.run("push", "s4", "--dry-run", "--json").json["entries"][0]["wire"]
    pushed = place.run("push", "s4", "--wait", "10", "--json")
    assert (pushed.code, pushed.json["sent"]) == (0, 1), pushed.out
    assert place.run("push", "s4", "--json").json["sent"] == 0
    place.run("quotes", "amend", number, "--quantity", "10:3")
    assert place.run("push", "s4", "--wait", "10", "--json").json["sent"] == 1
    orders = [d for d in road.control("book?object=orders")["documents"] if accepted["key"] in d["key"].values()]
    assert [(o["total"], o["created_count"]) for o in orders] == [("14400.00", 1)]
    place.run("quotes", "cancel", number, "--why", "a test")
    assert place.run("push", "s4", "--wait", "10", "--json").json["sent"] == 1
    orders = [d for d in road.control("book?object=orders")["documents"] if accepted["key"] in d["key"].values()]
    assert [o["status"] for o in orders] == ["cancelled"]
    place.run("pull", "s4")
    for named in (number, accepted["key"], orders[0]["number"], "MY-PO-1"):
        assert place.run("orders", "timeline", named, "--json").json["orders"][0]["quote"] == number
    assert place.run("--lang", "zh", "orders", "timeline", number).code == 0
    entry = place.run("outbox", "show", accepted["key"], "--json").json["entries"][0]
    assert entry["state"] == "sent"
    found = place.run("outbox", "probe", accepted["key"], "--json").json["documents"]
    assert [document["external_id"] for document in found] == [orders[0]["number"]]


def test_a_quote_that_cannot_be_an_order_says_why(place: Place) -> None:
    number = new_quote(place, "K1005", "--requested", "2001-01-01")
    checked = place.run("quotes", "check", number, "--json")
    assert checked.code == 2
    assert "2001-01-01" in checked.json["findings"][0]["message"]
    for language in ("en", "zh"):
        said = place.run("--lang", language, "quotes", "accept", number)
        assert said.code == 2
        assert number in said.err
        assert "2001-01-01" in said.err


def test_an_entry_in_doubt_is_settled_by_a_person(place: Place) -> None:
    number = new_quote(place)
    key = place.run("quotes", "accept", number, "--json").json["key"]
    assert key in place.run("outbox", "list").out
    assert place.run("outbox", "settle", key, "--dead", "--why", "withdrawn").code == 0
    listed = place.run("outbox", "list", "--json").json["entries"]
    assert [(entry["key"], entry["state"]) for entry in listed] == [(key, "dead")]
    assert "withdrawn" in listed[0]["reason_text"]
    assert place.run("status", "--check").code == 3
    assert place.run("outbox", "settle", key, "--resend", "--why", "after all").code == 0


def test_a_push_to_a_dead_host_loses_nothing_and_says_remote_down(place: Place, road: Road) -> None:
    key = place.run("quotes", "accept", new_quote(place), "--json").json["key"]
    url = road.erp.url
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        edit_system(place, url, f"http://127.0.0.1:{free.getsockname()[1]}")
        said = place.run("push", "s4", "--json")
    assert said.code == 5
    assert [(entry["key"], entry["state"]) for entry in said.json["entries"]] == [(key, "pending")]


def test_a_disarmed_installation_pushes_nothing(place: Place) -> None:
    place.run("quotes", "accept", new_quote(place))
    place.run("systems", "disarm")
    for language in ("en", "zh"):
        said = place.run("--lang", language, "push", "s4")
        assert said.code == 4
        assert "crosstie systems arm" in said.err


def test_a_system_of_another_environment_gets_nothing(place: Place) -> None:
    place.run("quotes", "accept", new_quote(place))
    edit_system(place, 'environment: "local"', "environment: production")
    said = place.run("push", "s4")
    assert said.code == 2
    assert "production" in said.err


def test_a_customer_who_means_several_is_asked_about(place: Place) -> None:
    said = place.run("quotes", "new", "--system", "s4", "--company", "CN01", "--customer", "K10", "--line", "LQ-1010:1")
    assert said.code == 2
    assert "K1001" in said.err


def test_a_prospect_becomes_an_erp_customer_with_his_order(place: Place, road: Road) -> None:
    number = place.run(
        "customers", "new", "--name", "测试示例贸易有限公司", "--country", "CN", "--city", "上海", "--json"
    ).json["number"]
    assert place.run("customers", "send", number, "--system", "s4", "--company", "XX").code == 2
    assert place.run("customers", "send", number, "--system", "s4", "--company", "CN01").code == 0
    said = place.run("push", "s4", "--wait", "10", "--json")
    assert (said.code, said.json["sent"]) == (0, 1), said.out
    assert place.run("customers", "show", number).code == 0


@pytest.mark.parametrize("basis", ["due", "invoice", "posting"])
def test_the_same_receivables_in_every_form(place: Place, tmp_path: Path, basis: str) -> None:
    asked = ("receivables", "ageing", "--basis", basis)
    data = place.run(*asked, "--json").json
    assert data["basis"] == basis
    for row in (*data["rows"], *data["totals"]):
        assert sum(map(Decimal, row["buckets"].values())) == Decimal(row["open"])
    table = list(csv.reader(io.StringIO(place.run(*asked, "--format", "csv").out)))
    heads, count = table[0], len(data["rows"])
    column = heads.index("Receivable")
    assert [row[column] for row in table[1 : count + 1]] == [row["open"] for row in data["rows"]]
    assert [row[column] for row in table[count + 1 :]] == [row["open"] for row in data["totals"]]
    target = tmp_path / "ageing.xlsx"
    assert place.run(*asked, "--format", "xlsx", "--output", target).code == 0
    sheet = [[cell.value for cell in row] for row in load_workbook(target).active.iter_rows()]
    top = next(number for number, row in enumerate(sheet) if "Receivable" in row)
    written = [Decimal(str(row[column])) for row in sheet[top + 1 :]]
    assert written == [Decimal(row["open"]) for row in (*data["rows"], *data["totals"])]


def test_totals_open_their_documents(place: Place) -> None:
    totals = place.run("receivables", "ageing", "--by", "company", "--json").json["totals"]
    documents = place.run("receivables", "documents", "--json").json["documents"]
    for total in totals:
        mine = [
            d
            for d in documents
            if (d["company"], d["currency"], d["column"]) == (total["company"], total["currency"], "open")
        ]
        assert sum(Decimal(d["open"]) for d in mine) == Decimal(total["open"])


def test_status_is_well_after_a_pull_and_a_reconciliation(place: Place) -> None:
    place.run("pull", "s4")
    place.run("reconcile", "s4")
    said = place.run("status", "--check", "--json")
    assert (said.code, said.json["ok"]) == (0, True), said.out
    assert place.run("--lang", "zh", "status").code == 0
    assert place.run("status", "--check", "--stale-after", "0").code == 3


def test_no_secret_and_no_personal_data_reach_the_log(place: Place) -> None:
    place.run("ping", "s4")
    place.run("pull", "s4", "customers", "--full")
    log = (place.home / "logs" / "crosstie.log").read_text(encoding="utf-8")
    name = place.run("customers", "list", "--json").json["customers"][0]["name"]
    password = (place.home / "secrets" / "s4.password").read_text(encoding="utf-8")
    assert name not in log
    assert f"{password}@" not in log
    assert "Authorization" not in log
