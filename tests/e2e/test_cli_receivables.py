"""What only the CRM knows about receivables, from the command line to the figures: exchange rates and disputes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select

from config.settings import default_database_url
from crm_core import schema
from crm_core.database import Database
from tests import golden_tables
from tests.crm import NOW
from tests.unit.cli_help import Place, Said, new_place

pytestmark = pytest.mark.e2e
HEADER = "rate_date,from_currency,to_currency,rate"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    return new_place(tmp_path, monkeypatch, capsys)


@pytest.fixture
def db(place: Place) -> Iterator[Database]:
    """The tables of that place, with a run that tells the ERP's date: 2026-03-31."""
    assert place.run("db", "upgrade").code == 0
    database = Database(default_database_url(place.home))
    with database.write() as conn:
        run = {"id": "r1", "system": "s4", "obj": "open_items", "direction": "pull", "state": "done"}
        conn.execute(insert(schema.run).values(**run, started_at=NOW, erp_time=NOW, counts={}))
    yield database
    database.dispose()


def add_item(db: Database, number: str, amount: str = "100.00", *, system: str = "s4", **more: Any) -> str:
    """An open item of customer 10000001, who is our C000001; returns its key."""
    key = f"CN01/2026/{number}/{more.get('instalment', '1')}"
    row: dict[str, Any] = {"company_code": "CN01", "customer_key": "10000001", "fiscal_year": "2026", "kind": "trade"}
    row |= {"instalment": "1", "document_kind": "invoice", "reference": "", "invoice_key": "", "disputed": False}
    row |= {"document_date": date(2026, 1, 5), "posting_date": date(2026, 1, 5), "due_date": date(2026, 2, 5)}
    row |= {"currency": "CNY", "local_currency": "CNY", "amount": Decimal(amount), "rate": Decimal(1)}
    with db.write() as conn:
        conn.execute(insert(schema.open_item).values(system=system, key=key, document_number=number, **{**row, **more}))
    return key


def write_rates(place: Place, *rows: str) -> Path:
    file = place.home / "rates.csv"
    file.write_text("\n".join((HEADER, *rows)) + "\n", encoding="utf-8-sig")
    return file


def audited(db: Database, obj: str) -> list[Any]:
    with db.read() as conn:
        return list(conn.execute(select(schema.audit.c.detail).where(schema.audit.c.obj == obj)).scalars())


# -- rates


def import_rates(place: Place, *rows: str) -> Said:
    return place.run("receivables", "rates", "--import", write_rates(place, *rows), "--json")


def test_rates_come_in_from_a_file_and_the_newest_of_each_pair_is_listed(place: Place, db: Database) -> None:
    said = import_rates(place, "2026-02-28,USD,CNY,7.20", "2026-03-31,USD,CNY,7.1636", "2026-02-28,JPY,CNY,0.0496")
    assert (said.code, said.json["added"], said.json["changed"], said.json["unchanged"]) == (0, 3, 0, 0)
    assert listed(place) == [("2026-02-28", "JPY", "CNY", "0.0496"), ("2026-03-31", "USD", "CNY", "7.1636")]
    assert listed(place, "--on", "2026-03-30")[1] == ("2026-02-28", "USD", "CNY", "7.20")
    assert listed(place, "--on", "2026-02-27") == []
    assert len(listed(place, "--all")) == 3
    assert "7.1636" in place.run("--lang", "zh", "receivables", "rates").out


def listed(place: Place, *more: str) -> list[tuple[str, ...]]:
    rows = place.run("receivables", "rates", *more, "--json").json["rates"]
    return [tuple(row[name] for name in HEADER.split(",")) for row in rows]


def test_the_same_file_again_writes_nothing_and_another_rate_is_audited(place: Place, db: Database) -> None:
    import_rates(place, "2026-03-31,USD,CNY,7.1636", "2026-03-31,USD,CNY,7.1636")
    assert import_rates(place, "2026-03-31,USD,CNY,7.16360").json["unchanged"] == 1
    assert len(audited(db, "rates")) == 1
    assert import_rates(place, "2026-03-31,USD,CNY,7.2").json["changed"] == 1
    assert audited(db, "rates")[-1]["changed"] == {"2026-03-31 USD/CNY": ["7.1636", "7.2"]}
    assert listed(place) == [("2026-03-31", "USD", "CNY", "7.2")]


def test_a_dry_run_of_an_import_counts_and_stores_nothing(place: Place, db: Database) -> None:
    import_rates(place, "2026-03-31,USD,CNY,7.1636")
    file = write_rates(place, "2026-03-31,USD,CNY,7.2", "2026-03-31,JPY,CNY,0.05")
    said = place.run("receivables", "rates", "--import", file, "--dry-run")
    assert said.code == 0
    assert "1 new, 1 changed" in said.out
    assert listed(place) == [("2026-03-31", "USD", "CNY", "7.1636")]
    assert len(audited(db, "rates")) == 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_one_wrong_row_keeps_the_whole_file_out_and_every_one_is_named(
    place: Place, db: Database, language: str
) -> None:
    file = write_rates(place, "2026-03-31,USD,CNY,7.2", "2026-03-31,USD,RMB,7.2", '2026-03-31,JPY,CNY,"0,05"')
    said = place.run("--lang", language, "receivables", "rates", "--import", file)
    assert said.code == 2
    first, second = said.err.splitlines()
    assert f"{file}:3" in first
    assert "to_currency" in first
    assert "RMB" in first
    assert f"{file}:4" in second
    assert "0,05" in second
    assert "Traceback" not in said.all
    assert listed(place, "--all") == []
    assert place.run("receivables", "rates", "--import", file, "--json").json["error"]["code"] == "rates-code"


def test_a_folder_is_no_file_of_rates(place: Place, db: Database) -> None:
    said = place.run("receivables", "rates", "--import", place.home)
    assert said.code == 2
    assert "Traceback" not in said.all


def test_a_missing_rate_is_told_with_its_cure_until_it_is_there(place: Place, db: Database) -> None:
    add_item(db, "1", "100.00", currency="USD", rate=Decimal("7"))
    for language in ("en", "zh"):
        said = place.run("--lang", language, "receivables", "ageing")
        assert "USD/CNY" in said.out
        assert "crosstie receivables rates --import" in said.out
    assert place.run("receivables", "ageing", "--json").json["missing_rates"] == [["USD", "CNY"]]
    import_rates(place, "2026-03-01,USD,CNY,7.25")
    answer = place.run("receivables", "ageing", "--json").json
    assert answer["missing_rates"] == []
    assert [row["revalued"]["open"] for row in answer["totals"]] == ["725.00"]
    assert "--import" not in place.run("receivables", "ageing").out


# -- disputes


def dispute(place: Place, item: str, *more: str) -> Said:
    return place.run("receivables", "dispute", item, "--reason", "3 pumps damaged", *more, "--json")


def in_dispute(place: Place, day: str) -> str:
    rows = place.run("receivables", "ageing", "--as-of", day, "--by", "company", "--json").json["totals"]
    return str(sum(Decimal(row["disputed"]) for row in rows))


def numbers(place: Place, *more: str) -> list[str]:
    return [row["id"] for row in place.run("receivables", "disputes", *more, "--json").json["disputes"]]


def test_a_dispute_stands_in_the_ageing_from_its_first_day_until_it_ends(place: Place, db: Database) -> None:
    key = add_item(db, "1800000005", "1000.00")
    made = dispute(place, key, "--amount", "300.00", "--on", "2026-03-10")
    assert (made.code, made.json["item"], made.json["opened_on"]) == (0, key, "2026-03-10")
    number = made.json["id"]
    assert [in_dispute(place, f"2026-03-{day}") for day in ("09", "10", "31")] == ["0.00", "300.00", "300.00"]
    assert numbers(place) == [number]
    assert place.run("receivables", "undispute", number, "--on", "2026-03-20").code == 0
    assert [in_dispute(place, f"2026-03-{day}") for day in ("19", "20")] == ["300.00", "0.00"]
    assert (numbers(place), numbers(place, "--state", "closed")) == ([], [number])
    place.write_system(name="other")
    assert numbers(place, "--state", "all", "--system", "other") == []
    assert place.run("receivables", "disputes", "--system", "nosuch").code == 2
    shown = place.run("--lang", "zh", "receivables", "disputes", "--state", "all").out
    assert key in shown
    assert "3 pumps damaged" in shown
    assert [detail["id"] for detail in audited(db, "disputes")] == [number, number]


def test_without_a_day_a_dispute_begins_and_ends_on_the_erps_date(place: Place, db: Database) -> None:
    number = dispute(place, add_item(db, "1")).json["id"]
    assert place.run("receivables", "disputes", "--json").json["disputes"][0]["opened_on"] == "2026-03-31"
    assert place.run("receivables", "undispute", number, "--json").json["closed_on"] == "2026-03-31"


@pytest.mark.parametrize("named", ["CN01/2026/100000007/1", "100000007", "0100000007", "INV-7"])
def test_an_item_goes_by_its_key_its_document_number_or_its_reference(place: Place, db: Database, named: str) -> None:
    add_item(db, "100000008", reference="100000009")
    key = add_item(db, "100000007", reference="INV-7")
    assert dispute(place, named).json["item"] == key


def test_a_document_number_that_means_several_items_is_asked_about(place: Place, db: Database) -> None:
    keys = [add_item(db, "7", instalment=part) for part in ("1", "2")]
    for language in ("en", "zh"):
        said = place.run("--lang", language, "receivables", "dispute", "7", "--reason", "r")
        assert said.code == 2
        assert all(key in said.err for key in keys)
    assert numbers(place) == []
    assert dispute(place, keys[1]).json["item"] == keys[1]


def test_a_key_of_two_systems_is_asked_about_by_system(place: Place, db: Database) -> None:
    key = add_item(db, "7")
    add_item(db, "7", system="erp2")
    said = dispute(place, key)
    assert said.code == 2
    assert f"erp2 {key}" in said.err
    assert dispute(place, key, "--system", "erp2").json["system"] == "erp2"


@pytest.mark.parametrize("amount", ["100.01", "0", "-5", "0.001"])
def test_an_amount_that_the_item_does_not_have_is_refused(place: Place, db: Database, amount: str) -> None:
    said = dispute(place, add_item(db, "1"), f"--amount={amount}")
    assert (said.code, said.json["error"]["code"]) == (2, "dispute-amount")


def test_the_same_dispute_twice_is_refused_and_names_the_first(place: Place, db: Database) -> None:
    key = add_item(db, "1")
    number = dispute(place, key, "--amount", "60").json["id"]
    said = dispute(place, key, "--amount", "60")
    assert said.json["error"]["code"] == "dispute-twice"
    assert number in said.err
    assert dispute(place, key, "--amount", "70").code == 0
    assert in_dispute(place, "2026-03-31") == "100.00"


def test_a_dispute_that_ends_before_it_began_is_refused(place: Place, db: Database) -> None:
    number = dispute(place, add_item(db, "1"), "--on", "2026-03-10").json["id"]
    for language in ("en", "zh"):
        said = place.run("--lang", language, "receivables", "undispute", number, "--on", "2026-03-09")
        assert said.code == 2
        assert "2026-03-10" in said.err
    assert numbers(place) == [number]


# -- both, on the golden books


def test_golden_rates_and_disputes_by_command_give_the_golden_figures(
    place: Place, db: Database, shared_data: Path
) -> None:
    golden_tables.store(db, shared_data / "golden")
    with db.write() as conn:
        conn.execute(delete(schema.exchange_rate))
        conn.execute(delete(schema.dispute))
    assert place.run("receivables", "rates", "--import", shared_data / "golden" / "rates.csv").code == 0
    with (shared_data / "golden" / "disputes.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            record(place, row)
    for day in ("2025-12-31", "2026-03-31", "2026-06-30"):
        answers = json.loads((shared_data / "golden" / "answers" / f"{day}.json").read_text(encoding="utf-8"))
        wanted = {
            (company, currency): (level["total"]["disputed"], level["total"]["revalued"]["open"])
            for company, part in answers["companies"].items()
            for currency, level in part["currencies"].items()
        }
        totals = place.run("receivables", "ageing", "--as-of", day, "--by", "company", "--json").json["totals"]
        figures = {(row["company"], row["currency"]): (row["disputed"], row["revalued"]["open"]) for row in totals}
        assert figures == wanted


def record(place: Place, row: dict[str, str]) -> None:
    key = "/".join(row[name] for name in ("company_code", "fiscal_year", "number", "instalment"))
    part = ("--amount", row["amount"]) if row["amount"] else ()
    made = place.run(
        "receivables", "dispute", key, "--reason", row["reason"], "--on", row["opened_on"], *part, "--json"
    )
    assert made.code == 0, made.all
    if row["closed_on"]:
        assert place.run("receivables", "undispute", made.json["id"], "--on", row["closed_on"]).code == 0
