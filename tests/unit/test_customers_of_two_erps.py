"""Who buys through two ERPs, or two companies of one, is one customer: accounts of both, and what he owes added up."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, select

from crm_core import customer_joins, customers, linking, receivables_report, schema
from crm_core.ageing_report import COLUMNS
from crm_core.database import Database
from crm_core.errors import NotFoundError, RefusedError
from crm_core.intake import Mapped
from crm_core.model import Account, Customer
from crm_core.receivables_report import Question
from crm_core.store import Page, Store
from tests import golden, golden_records
from tests.crm import ADMIN, FINANCE, NOW, SALES, customer_row, empty_database
from tests.databases import Databases
from tests.unit.cli_help import new_place

DAY = "2026-03-31"
TWO_SYSTEMS, ONE_SYSTEM = {"CN01": "galaxy", "US02": "plant"}, {"CN01": "galaxy", "US02": "galaxy"}


def take(store: Store, system: str, obj: str, records: dict[str, Any]) -> None:
    mapped = [Mapped(key, msgspec.to_builtins(record), {}) for key, record in records.items()]
    assert not store.store_page(Page(system, obj, mapped, (), "m1", "r1", NOW)).rejects


@pytest.fixture(params=[TWO_SYSTEMS, ONE_SYSTEM], ids=["two-systems", "one-system"], scope="module")
def sold(request: Any, databases: Databases, shared_data: Path) -> Iterator[tuple[Database, dict[str, str]]]:
    """The golden books, each company's from its system; the ERP holds our numbers of the customers."""
    with databases.one() as url:
        database = empty_database(url)
        _take_all(Store(database, lambda: NOW), shared_data / "golden", request.param)
        yield database, request.param
        database.dispose()


def _take_all(store: Store, folder: Path, systems: dict[str, str]) -> None:
    with (folder / "customer_accounts.csv").open(encoding="utf-8") as file:
        accounts = list(csv.DictReader(file))
    books = golden.load(folder)
    with store.database.write() as conn:
        conn.execute(insert(schema.exchange_rate), [msgspec.structs.asdict(rate) for rate in books.rates])
    for company, system in systems.items():
        own = [row for row in accounts if row["company_code"] == company]
        take(store, system, "customers", {f"{company}/{row['account_number']}": _customer(row) for row in own})
        for obj, documents, made in (
            ("open_items", books.items, golden_records.line),
            ("payments", books.payments, golden_records.receipt),
            ("applications", books.applications, golden_records.settlement),
        ):
            found = [document for document in documents if document.key.startswith(company)]
            take(store, system, obj, {document.key: made(document) for document in found})


def _customer(row: dict[str, str]) -> Customer:
    account = Account(company_code=row["company_code"], account_number=row["account_number"], currency=row["currency"])
    return Customer(name=f"Customer {row['customer_id']}", number=row["customer_id"], accounts=[account])


@pytest.mark.parametrize("number", ["C05", "C06"])
def test_he_is_one_customer_with_an_account_in_each(sold: tuple[Database, dict[str, str]], number: str) -> None:
    database, systems = sold
    shown = customers.show(database, SALES, number)
    assert {(row["system"], row["company_code"]) for row in shown["accounts"]} == {(s, c) for c, s in systems.items()}
    assert {link["system"] for link in shown["links"]} == set(systems.values())
    assert [row["number"] for row in customers.listing(database, SALES)].count(number) == 1


@pytest.mark.parametrize("number", ["C05", "C06"])
def test_what_he_owes_is_added_up_per_currency(
    sold: tuple[Database, dict[str, str]], shared_data: Path, number: str
) -> None:
    database, systems = sold
    answers = json.loads((shared_data / "golden" / "answers" / f"{DAY}.json").read_text(encoding="utf-8"))
    expected: dict[str, list[dict[str, Any]]] = {}
    for part in answers["companies"].values():
        for currency, of in part["currencies"].items():
            if number in of["customers"]:
                expected.setdefault(currency, []).append(of["customers"][number])
    question = Question(date.fromisoformat(DAY), customer=number, by="group")
    answer = receivables_report.ask(database, FINANCE, question)
    assert {row["currency"] for row in answer.rows} == set(expected)
    seen: set[tuple[str, str]] = set()
    for row in answer.rows:
        parts = expected[row["currency"]]
        for name in {*COLUMNS} - {"disputed"}:  # disputes are kept here, and none was entered
            assert row[name] == sum(Decimal(figures[name]) for figures in parts)
        for bucket, amount in row["buckets"].items():
            assert amount == sum(Decimal(figures["buckets"]["due"][bucket]) for figures in parts)
        seen |= {(one["system"], one["company"]) for one in row["erp_customers"]}
    assert seen == {(system, company) for company, system in systems.items()}
    assert [row["open"] for row in answer.totals] == [row["open"] for row in answer.rows]
    names, rows = receivables_report.as_table(answer)
    assert (names[:3], len(rows), {len(row) for row in rows}) == (
        ["customer", "name", "currency"], len(answer.rows), {len(names)},
    )  # fmt: skip


# -- who bears no number of ours ---------------------------------------------------------------------------------------


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = empty_database(database_url)
    store = Store(database, lambda: NOW)
    record = Customer(name="清源泵业", tax_id="91310115MA1K4RJU5T")
    take(store, "galaxy", "customers", {"7": msgspec.structs.replace(record, number="C05")})
    take(store, "plant", "customers", {"10000001": record, "2": Customer(name="Other", tax_id="")})
    yield database
    database.dispose()


def test_the_same_tax_number_is_proposed_and_joined_by_a_person(db: Database) -> None:
    assert customers.show(db, SALES, "C05")["perhaps_same"] == [
        {"number": "PLANT-10000001", "name": "清源泵业", "origin": "plant"}
    ]
    assert customers.show(db, SALES, "PLANT-2")["perhaps_same"] == []
    moved = customer_joins.join(db, ADMIN, NOW, "C05", "PLANT-10000001", why="same licence")
    assert moved == [("plant", "10000001")]
    shown = customers.show(db, SALES, "C05")
    assert [link["system"] for link in shown["links"]] == ["galaxy", "plant"]
    assert shown["perhaps_same"] == []
    with pytest.raises(NotFoundError):
        customers.show(db, SALES, "PLANT-10000001")
    with db.write() as conn:  # and the next pull keeps it so
        again = {"10000001": Customer(name="New name", tax_id="91310115MA1K4RJU5T")}
        linking.link_customers(conn, "plant", again, NOW)
        assert conn.execute(select(schema.customer.c.number)).scalars().all() == ["C05", "PLANT-2"]
        assert conn.execute(select(schema.customer.c.name)).scalars().first() == "清源泵业"


def test_what_cannot_be_joined(db: Database) -> None:
    def code(number: str, other: str, why: str = "x") -> str:
        with pytest.raises((RefusedError, NotFoundError)) as refused:
            customer_joins.join(db, ADMIN, NOW, number, other, why=why)
        return refused.value.code

    with db.write() as conn:
        row = {"key": "CT7-PLANT-2", "version": 1, "system": "x", "obj": "customers", "action": "create"}
        texts = dict.fromkeys(("after_key", "mapping_version", "external_id", "lease_owner", "created_by"), "")
        rest = {"state": "dead", "document": {}, "attempts": 0, "due_at": NOW, "lease_token": 0, "created_at": NOW}
        conn.execute(insert(schema.outbox).values(**row, **texts, **rest, crm_id="PLANT-2"))
        conn.execute(insert(schema.customer).values(**customer_row("C9", name="x")))
    assert code("C05", "C05") == "customer-join-same"
    assert code("C05", "nobody") == "no-customer"
    assert code("C05", "C9", why=" ") == "reason-needed"
    assert code("C05", "PLANT-2") == "customer-join-used"


def test_by_command(
    db: Database,
    database_url: str,
    shared_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = Store(db, lambda: NOW)
    documents = golden.load(shared_data / "golden").items[:1]
    for system, key in (("galaxy", "7"), ("plant", "10000001")):
        owed = msgspec.structs.replace(golden_records.line(documents[0]), customer_key=key)
        take(store, system, "open_items", {documents[0].key: owed})
    place = new_place(tmp_path, monkeypatch, capsys, {"CROSSTIE_DATABASE_URL": database_url})
    assert "PLANT-10000001" in place.run("customers", "show", "C05").out
    assert place.run("customers", "join", "C05", "PLANT-10000001", "--why", "one licence").code == 0
    day = documents[0].posting_date.isoformat()
    grouped = place.run("receivables", "ageing", "--as-of", day, "--by", "group", "--json").json
    [row] = grouped["rows"]
    amount = documents[0].amount * 2
    assert (row["customer"], Decimal(row["open"]) + Decimal(row["retention"])) == ("C05", amount)
    assert {one["system"] for one in row["erp_customers"]} == {"galaxy", "plant"}
    assert "C05" in place.run("receivables", "ageing", "--as-of", day, "--by", "group").out


def test_of_several_erp_customers_the_first_linked_gives_the_master_data(database_url: str) -> None:
    """Whatever their keys are, and however often the others change."""
    database, days = empty_database(database_url), iter(range(9))
    store = Store(database, lambda: NOW + timedelta(days=next(days)))

    def seen(key: str, name: str) -> str:
        take(store, "plant", "customers", {key: Customer(name=name, number="C000009")})
        return str(customers.show(database, SALES, "C000009")["name"])

    assert seen("20", "First") == "First"
    assert seen("100", "Second") == "First"
    assert seen("100", "Second again") == "First"
    assert seen("20", "First, renamed") == "First, renamed"
    database.dispose()
