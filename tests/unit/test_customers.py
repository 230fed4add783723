"""Prospects, what is checked of them, who looks like whom, and becoming a customer of an ERP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from crm_core import customer_checks, customer_decisions, customers, outbox_entry, ownership, schema
from crm_core.customer_decisions import CompanyTerms
from crm_core.customers import CustomerDraft
from crm_core.database import Database
from crm_core.errors import NotFoundError, RefusedError
from crm_core.outbox import Outbox
from tests.crm import ADMIN, NOW, SALES, Clock, customer_row, small_crm

CN01, US01 = CompanyTerms("CN01", "CNY", "D30"), CompanyTerms("US01", "USD")
FULL = CustomerDraft("北京清源泵业有限公司", country="CN", city="北京")


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = small_crm(database_url)
    yield database
    ownership.use(ownership.SHIPPED)
    database.dispose()


def refusal(call: Any) -> str:
    with pytest.raises(RefusedError) as refused:
        call()
    return refused.value.code


def test_a_prospect_gets_a_number_of_ours_that_no_erp_customer_has(db: Database) -> None:
    with db.write() as conn:
        conn.execute(insert(schema.customer).values(**customer_row("C000001", name="came from an ERP")))
    number = customers.create(db, SALES, NOW, CustomerDraft("新客户", country="cn", phone="138 0013 8000"))
    assert number == "C000002"
    shown = customers.show(db, SALES, number)
    assert (shown["origin"], shown["owner"], shown["country"], shown["phone"]) == ("crm", "sam", "CN", "+8613800138000")
    assert (shown["links"], shown["accounts"]) == ([], [])


def test_what_cannot_be_right_is_named() -> None:
    def check(**facts: str) -> Any:
        return lambda: customer_checks.checked(asdict(CustomerDraft("x", **facts)))

    assert refusal(check(phone="12")) == "phone-invalid"
    assert refusal(check(phone="13800138000")) == "phone-invalid"  # whose country?
    assert refusal(check(email="nobody")) == "email-invalid"
    assert refusal(check(country="China")) == "country-unknown"
    assert refusal(check(category="robot")) == "category-unknown"
    assert refusal(check(tax_id="91310115MA1K4RJU5X", country="CN")) == "tax-id-invalid"
    assert refusal(lambda: customer_checks.checked(asdict(CustomerDraft(" ")))) == "customer-nameless"


def test_tax_numbers_are_checked_by_the_countrys_rule() -> None:
    assert customer_checks.tax_id("9111 0000 6000 3734 1L", "CN") == "91110000600037341L"
    assert customer_checks.tax_id("DE 136,695 976", "DE") == "136695976"
    assert customer_checks.tax_id("whatever", "") == "whatever"
    assert customer_checks.tax_id("110101199003070000", "CN", "person") == "110101199003070000"


def test_the_same_facts_and_nearly_the_same_name_are_shown(db: Database) -> None:
    def twins(**facts: str) -> list[tuple[str, str]]:
        return [(twin.number, twin.because) for twin in customer_checks.duplicates(db, SALES, facts)]

    assert twins(name="something else", tax_id="91310115MA1K4RJU5T") == [("C01", "tax_id")]
    assert twins(name="上海明华贸易公司") == [("C01", "name")]
    assert twins(name="ACME Tools Limited") == [("C02", "name")]
    assert twins(name="Acme Tols") == [("C02", "name")]
    assert twins(name="Bolt & Nut GmbH") == []
    assert twins(name="") == []


def test_fields_of_the_erp_are_edited_there(db: Database) -> None:
    assert customers.edit(db, SALES, NOW, "C01", {"owner": "sue"}) == ["owner"]
    assert refusal(lambda: customers.edit(db, SALES, NOW, "C01", {"name": "x"})) == "field-of-erp"
    assert refusal(lambda: customers.edit(db, SALES, NOW, "C01", {"shoe_size": "x"})) == "unknown-field"
    ownership.use({"customers": {"*": "origin", "email": ["s4", "crm"]}})
    assert customers.edit(db, SALES, NOW, "C01", {"email": "a@b.cn"}) == ["email"]
    assert customers.edit(db, SALES, NOW, "C01", {"email": "a@b.cn"}) == []


def test_ownership_rules() -> None:
    ownership.use({"customers": {"*": "origin", "owner": "crm", "blocked": "erp", "email": ["s4"]}})

    def may(field: str, writer: str, origin: str) -> bool:
        return ownership.may_write("customers", field, writer, origin=origin)

    assert (may("name", "s4", "s4"), may("name", "crm", "s4"), may("name", "s4", "crm")) == (True, False, False)
    assert (may("owner", "s4", "s4"), may("owner", "crm", "s4")) == (False, True)
    assert (may("blocked", "u8", "crm"), may("blocked", "crm", "crm")) == (True, False)
    assert (may("email", "s4", "crm"), may("email", "u8", "u8")) == (True, False)
    ownership.use(ownership.SHIPPED)


def test_the_shipped_ownership_file_is_what_the_program_assumes_without_one() -> None:
    shipped = Path(__file__).parents[2] / "config" / "ownership.yaml"
    assert ownership.load(shipped) == ownership.SHIPPED


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("customers: {nam: crm}", "customers.nam"),
        ("customers: {name: nobody}", "customers.name: nobody"),
        ("customers: {name: [u8]}", "customers.name: ['u8']"),
        ("orders: {name: crm}", "orders"),
    ],
)
def test_a_wrong_ownership_file_names_the_entry(tmp_path: Path, text: str, entry: str) -> None:
    path = tmp_path / "ownership.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RefusedError) as refused:
        ownership.load(path, ["s4"])
    assert (refused.value.code, refused.value.params["entry"]) == ("ownership-entry", entry)


@pytest.mark.parametrize("text", ["customers: [", "- a"])
def test_an_ownership_file_that_is_no_mapping_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ownership.yaml"
    path.write_text(text, encoding="utf-8")
    assert refusal(lambda: ownership.load(path)) == "ownership-yaml"


def test_a_second_company_is_a_change_of_the_same_entry(db: Database) -> None:
    number = customers.create(db, SALES, NOW, FULL)
    key, version = customer_decisions.queue(db, SALES, NOW, number, "s4", [CN01])
    assert (key, version) == (f"CT7-{number}", 1)
    assert refusal(lambda: customer_decisions.queue(db, SALES, NOW, number, "s4", [CN01])) == "customer-in-erp"
    assert customer_decisions.queue(db, SALES, NOW, number, "s4", [CN01, US01]) == (key, 2)
    with db.read() as conn:
        create, change = outbox_entry.versions(conn, key)
    assert (create.action, change.action, change.after_key) == ("create", "change", key)
    assert [company["company_code"] for company in change.document["companies"]] == ["CN01", "US01"]
    assert change.document["name"] == FULL.name


def test_the_same_customer_in_another_system_has_a_key_of_its_own(db: Database) -> None:
    number = customers.create(db, SALES, NOW, FULL)
    customer_decisions.queue(db, SALES, NOW, number, "s4", [CN01])
    assert customer_decisions.queue(db, SALES, NOW, number, "u8", [CN01]) == (f"CT7-{number}.2", 1)


def test_after_a_refusal_the_customer_is_made_anew(db: Database) -> None:
    class RefusalError(Exception):
        code, params = "record-rejected", {"why": "region"}

    number = customers.create(db, SALES, NOW, FULL)
    customer_decisions.queue(db, SALES, NOW, number, "s4", [CN01])
    box = Outbox(db, Clock(), owner="a")
    box.bury(box.claim("s4", lease_s=60)[0], RefusalError())
    assert customer_decisions.queue(db, SALES, NOW, number, "s4", [CN01])[1] == 2
    assert [(entry.version, entry.action) for entry in box.claim("s4", lease_s=60)] == [(2, "create")]


def test_an_erp_customer_and_one_without_an_address_are_refused(db: Database) -> None:
    bare = customers.create(db, SALES, NOW, CustomerDraft("x"))
    assert refusal(lambda: customer_decisions.queue(db, SALES, NOW, bare, "s4", [CN01])) == "customer-incomplete"
    assert refusal(lambda: customer_decisions.queue(db, SALES, NOW, "C01", "s4", [CN01])) == "customer-incomplete"
    with pytest.raises(NotFoundError):
        customer_decisions.queue(db, SALES, NOW, "nobody", "s4", [CN01])


def test_customers_are_found_by_name_number_and_erp_key(db: Database) -> None:
    def found(**more: str) -> list[str]:
        return [row["number"] for row in customers.listing(db, ADMIN, **more)]

    assert found() == ["C01", "C02"]
    assert found(text="acme") == ["C02"]
    assert found(text="10000001") == ["C01"]
    assert found(text="100%") == []
    assert found(system="u8") == []
    accounts = customers.show(db, ADMIN, "C01")["accounts"]
    assert [(row["company_code"], row["erp_key"]) for row in accounts] == [("CN01", "10000001")]
    with db.read() as conn:
        assert conn.execute(select(schema.contact)).all() == []
