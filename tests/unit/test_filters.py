"""A filter that names nothing there is is an error, on every list: a typing error must not read as "nobody owes"."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crm import small_crm
from tests.databases import Databases
from tests.unit.cli_help import GOOD, Place, new_place

AGEING, DOCUMENTS = ["receivables", "ageing"], ["receivables", "documents"]
BY_SYSTEM = [
    AGEING,
    DOCUMENTS,
    ["receivables", "disputes"],
    ["orders", "list"],
    ["contracts", "list"],
    ["customers", "list"],
    ["quotes", "list"],
    ["outbox", "list"],
    ["dead-letters", "list"],
    ["dead-letters", "list", "--by-cause"],
]
BY_CUSTOMER = [AGEING, DOCUMENTS, ["orders", "list"], ["contracts", "list"], ["quotes", "list"]]
BY_COMPANY = [AGEING, DOCUMENTS, ["orders", "list"]]


@pytest.fixture(scope="module")
def url(sqlite_databases: Databases) -> Iterator[str]:
    """What is refused is refused before a database is asked, of whatever kind; nothing here writes."""
    with sqlite_databases.one() as url:
        small_crm(url).dispose()
        yield url


@pytest.fixture
def place(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    """s4 has data and no file, erp1 has a file and no data."""
    made = new_place(tmp_path, monkeypatch, capsys, {"CROSSTIE_DATABASE_URL": url})
    made.write_system(GOOD.replace("CN01", "CN09"))
    return made


def refused(place: Place, *line: str) -> tuple[str, str]:
    """Code and text, the same in both languages."""
    said, chinese = place.run(*line), place.run("--lang", "zh", *line)
    assert (said.code, chinese.code, said.out, chinese.out) == (2, 2, "", "")
    assert len(said.err.splitlines()) == 1
    return place.run(*line, "--json").json["error"]["code"], said.err


@pytest.mark.parametrize("line", BY_SYSTEM, ids=" ".join)
def test_a_system_that_nobody_knows_is_refused(place: Place, line: list[str]) -> None:
    code, text = refused(place, *line, "--system", "plant")
    assert code == "no-such-system"
    assert "erp1" in text
    assert refused(place, *line, "--system", "erp2")[0] == "no-such-system-near"
    for known in ("s4", "erp1"):
        assert place.run(*line, "--system", known).code == 0


def test_a_system_named_by_itself_is_refused_too(place: Place) -> None:
    assert refused(place, "mappings", "history", "plant")[0] == "no-such-system"
    assert refused(place, "dead-letters", "replay", "--system", "plant")[0] == "no-such-system"
    assert refused(place, "status", "plant")[0] == "no-such-system"
    checked = place.run("status", "--check", "plant")
    assert (checked.code, checked.out[:26]) == (2, "CRIT - There is no system ")
    assert place.run("mappings", "history", "erp1").code == place.run("mappings", "history", "s4").code == 0
    assert place.run("status", "s4", "erp1").code == 0


@pytest.mark.parametrize("line", BY_CUSTOMER, ids=" ".join)
def test_a_customer_that_nobody_knows_is_refused(place: Place, line: list[str]) -> None:
    code, text = refused(place, *line, "--customer", "NOSUCH")
    assert (code, "crosstie customers list" in text) == ("customer-unknown", True)
    assert place.run(*line, "--customer", "C01").code == 0


@pytest.mark.parametrize("line", BY_COMPANY, ids=" ".join)
def test_a_company_that_nobody_knows_is_refused(place: Place, line: list[str]) -> None:
    code, text = refused(place, *line, "--company", "NOSUCH")
    assert code == "company-unknown"
    assert "CN01, CN09, US01" in text
    assert "CN09." in refused(place, *line, "--company", "CN01", "--system", "erp1")[1]
    for known in ("CN01", "CN09"):
        assert place.run(*line, "--company", known).code == 0


@pytest.mark.parametrize("line", [AGEING, DOCUMENTS], ids=" ".join)
def test_a_currency_is_read_in_small_letters_and_must_be_one(place: Place, line: list[str]) -> None:
    code, text = refused(place, *line, "--currency", "yuan")
    assert (code, "yuan" in text) == ("bad-currency", True)
    assert place.run(*line, "--currency", "cny").code == 0


@pytest.mark.parametrize(
    ("line", "known"),
    [
        (["orders", "list", "--status", "nonsense"], "credit_hold"),
        (["contracts", "list", "--status", "nonsense"], "active"),
        (["dead-letters", "list", "--object", "nonsense"], "open_items"),
        (["outbox", "list", "--object", "nonsense"], "orders"),
    ],
)
def test_a_word_that_is_none_of_the_known_ones_is_refused(place: Place, line: list[str], known: str) -> None:
    code, text = refused(place, *line)
    assert (code, known in text) == ("bad-choice", True)
    assert place.run(*line[:-1], known).code == 0


def test_a_filter_that_finds_nothing_although_its_name_is_known_is_an_empty_answer(place: Place) -> None:
    said = place.run("orders", "list", "--system", "s4", "--company", "US01", "--customer", "C02", "--json")
    assert (said.code, said.json) == (0, {"orders": []})
