"""Receivables from the tables: every figure of the golden answers, the JSON shape, and how old the data are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from crm_core import access, order_books, receivables_report, schema
from crm_core.ageing_report import COLUMNS
from crm_core.buckets import BASES, parse_buckets
from crm_core.database import Database
from crm_core.errors import RefusedError
from crm_core.receivables_report import Question
from tests import golden, golden_tables
from tests.crm import FINANCE, NOW, empty_database
from tests.databases import Databases

DATES = ["2025-12-31", "2026-03-31", "2026-06-30"]


@pytest.fixture(scope="module")
def db(shared_data: Path, databases: Databases) -> Iterator[Database]:
    with databases.one() as url:
        database = empty_database(url)
        golden_tables.store(database, shared_data / "golden")
        yield database
        database.dispose()


def answers(shared_data: Path, as_of: str) -> Any:
    return json.loads((shared_data / "golden" / "answers" / f"{as_of}.json").read_text(encoding="utf-8"))


def asked(db: Database, as_of: str, **more: Any) -> Any:
    question = Question(date.fromisoformat(as_of), **more)
    return receivables_report.as_json(receivables_report.ask(db, FINANCE, question))


@pytest.mark.parametrize("as_of", DATES)
@pytest.mark.parametrize("basis", BASES)
def test_every_row_and_total_is_the_answer_to_the_last_digit(
    db: Database, shared_data: Path, as_of: str, basis: str
) -> None:
    expected = {}
    for company, part in answers(shared_data, as_of)["companies"].items():
        for currency, level in part["currencies"].items():
            expected[company, currency, None] = level["total"]
            expected |= {(company, currency, customer): figures for customer, figures in level["customers"].items()}
    found = asked(db, as_of, basis=basis)
    rows = {(row["company"], row["currency"], row.get("customer")): row for row in found["rows"] + found["totals"]}
    assert rows.keys() == expected.keys()
    for key, figures in expected.items():
        row = rows[key]
        assert {name: row[name] for name in COLUMNS} == {name: figures[name] for name in COLUMNS}
        assert row["buckets"] == figures["buckets"][basis]
        for view in ("local", "revalued"):
            assert row[view] == {name: figures[view][name] for name in COLUMNS}


@pytest.mark.parametrize("as_of", DATES)
def test_every_total_opens_its_documents(db: Database, shared_data: Path, as_of: str) -> None:
    expected = answers(shared_data, as_of)
    documents = receivables_report.documents(db, FINANCE, Question(date.fromisoformat(as_of)))
    by_column = {
        "open_items": ("open", "retention", "other"),
        "payments": ("unapplied", "advances"),
        "bills": ("bills",),
    }
    amount = {"open_items": "open", "payments": "rest", "bills": "amount"}
    for part, columns in by_column.items():
        found = [row for row in documents if row["column"] in columns]
        facts = [
            (row["company"], row["number"], row["instalment"], row["customer"], f"{row['open']:f}") for row in found
        ]
        wanted = [
            (row["company_code"], row["number"], row.get("instalment", ""), row["customer_id"], row[amount[part]])
            for row in expected[part]
        ]
        assert facts == wanted


@pytest.mark.parametrize("as_of", DATES)
def test_orders_stand_as_the_answers_say(db: Database, shared_data: Path, as_of: str) -> None:
    found = order_books.progress(db, FINANCE, date.fromisoformat(as_of))
    assert [golden.order_answer(order) for order in found] == answers(shared_data, as_of)["orders"]


def test_a_part_is_the_same_as_in_the_whole(db: Database) -> None:
    whole = {(row["company"], row["currency"], row["customer"]): row for row in asked(db, "2026-03-31")["rows"]}
    for (company, currency, customer), row in whole.items():
        (part,) = asked(db, "2026-03-31", company=company, currency=currency, customer=customer)["rows"]
        assert part == row


def test_rows_by_company_are_the_totals_and_totals_are_the_sum_of_the_rows(db: Database) -> None:
    by_company = asked(db, "2026-05-15", by="company")
    assert by_company["rows"] == by_company["totals"]
    rows = asked(db, "2026-05-15")["rows"]
    for total in by_company["totals"]:
        mine = [row for row in rows if (row["company"], row["currency"]) == (total["company"], total["currency"])]
        for name in COLUMNS:
            assert sum(Decimal(row[name]) for row in mine) == Decimal(total[name])
        assert sum(row["items"] for row in mine) == total["items"]


def test_the_table_has_a_column_for_every_bucket_and_adds_up(db: Database) -> None:
    answer = receivables_report.ask(db, FINANCE, Question(date(2026, 3, 31), buckets=parse_buckets("15,45")))
    names, rows = receivables_report.as_table(answer)
    first = names.index("not_due")
    assert names[first : first + 4] == ["not_due", "1-15", "16-45", ">45"]
    for row in rows:
        assert len(row) == len(names)
        assert sum(row[first : first + 4]) == row[names.index("open")]


def test_the_json_names_our_customer_and_the_erps(db: Database) -> None:
    row = next(row for row in asked(db, "2026-03-31", customer="C04")["rows"])
    assert (row["customer"], len(row["erp_customers"])) == ("C04", 2)


def test_an_unknown_basis_is_refused(db: Database) -> None:
    with pytest.raises(RefusedError):
        asked(db, "2026-03-31", basis="moon")


def test_nobody_sees_receivables_without_a_role(db: Database) -> None:
    with pytest.raises(access.AccessDeniedError):
        receivables_report.ask(db, access.Actor("x", frozenset()), Question(date(2026, 3, 31)))


def test_it_says_how_old_the_data_are_and_since_when_they_are_verified(shared_data: Path, database_url: str) -> None:
    db = empty_database(database_url)
    golden_tables.store(db, shared_data / "golden")
    found = asked(db, "2026-03-31")
    assert (found["data_as_of"], found["verified_through"]) == (None, None)
    erp_time = NOW - timedelta(days=200)
    pulled = {"system": "s4", "obj": "open_items", "direction": "pull", "state": "done", "counts": {}}
    checked = {"system": "s4", "obj": "open_items", "run_id": "r2", "compared": 9}
    with db.write() as conn:
        conn.execute(insert(schema.run).values(id="r1", started_at=NOW, erp_time=erp_time, **pulled))
        conn.execute(insert(schema.reconciliation).values(at=NOW, differences=[], **checked))
    found = asked(db, "2026-03-31")
    assert (found["data_as_of"], found["verified_through"]) == (erp_time.isoformat(), NOW.isoformat())
    assert receivables_report.default_as_of(db, NOW) == erp_time.date()
    evening = datetime(2026, 5, 18, 23, 30, tzinfo=UTC)  # the 19th in Shanghai, where some of the companies are
    with db.write() as conn:
        conn.execute(insert(schema.run).values(id="r3", started_at=NOW, erp_time=evening, **pulled))
    assert receivables_report.default_as_of(db, NOW) == date(2026, 5, 19)
    with db.write() as conn:
        conn.execute(insert(schema.reconciliation).values(at=NOW, differences=[{"key": "1"}], **checked))
    assert asked(db, "2026-03-31")["verified_through"] is None
    db.dispose()
