"""The S/4 sandbox's books of the classicmodels data set."""

from __future__ import annotations

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from sandbox.office.dataset import DataError
from sandbox.sap.documents import rest
from sandbox.sap.s4 import S4Backend
from tests.unit.sandbox_books_help import assert_sound, books, table


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "classicmodels"


@pytest.fixture(scope="module")
def held(folder: Path) -> S4Backend:
    return books(folder)


def test_every_document_is_there(held: S4Backend) -> None:
    orders, items = held.rows("A_SalesOrder"), held.rows("A_SalesOrderItem")
    assert (len(held.rows("A_Customer")), len(held.rows("A_Product")), len(orders), len(items)) == (122, 110, 326, 2996)
    assert sum(row["NetAmount"] for row in items) == Decimal("9604190.61")
    assert (len(held.rows("A_BillingDocument")), len(held.rows("A_OutbDeliveryHeader"))) == (310, 310)
    assert held.now().date() == date(2005, 6, 9)


def test_open_at_the_end_of_may(folder: Path) -> None:
    ledger = books(folder, date(2005, 5, 31)).books.ledger
    left = [rest(line) for line in ledger.lines() if rest(line)]
    assert (len(left), sum(left)) == (10, Decimal("265739.33"))
    assert_sound(ledger)


@pytest.mark.parametrize("day", ["2003-03-01", "2003-11-15", "2004-06-30", "2004-12-31", "2005-02-28", "2005-06-09"])
def test_what_is_owed_is_what_was_billed_and_not_paid(folder: Path, day: str) -> None:
    """By customer, straight from the files; money paid ahead is the customer's credit."""
    customer_of = {row["number"]: row["customer_number"] for row in table(folder, "orders")}
    invoiced = {
        row["number"]
        for row in table(folder, "orders")
        if "" < row["shipped_date"] <= day and row["status"] != "Cancelled"
    }
    owed: dict[str, Decimal] = {row["number"]: Decimal(0) for row in table(folder, "customers")}
    for row in table(folder, "order_lines"):
        if row["order_number"] in invoiced:
            owed[customer_of[row["order_number"]]] += Decimal(row["quantity"]) * Decimal(row["unit_price"])
    for row in table(folder, "payments"):
        if row["paid_on"] <= day:
            owed[row["customer_number"]] -= Decimal(row["amount"])
    backend = books(folder, date.fromisoformat(day))
    names = {row["BusinessPartner"]: row["BusinessPartnerIDByExtSystem"] for row in backend.rows("A_BusinessPartner")}
    found = dict.fromkeys(owed, Decimal(0))
    signs: dict[str, set[bool]] = {}
    for line in backend.books.ledger.lines():
        found[names[line.customer]] += rest(line)
        if rest(line):
            signs.setdefault(line.customer, set()).add(rest(line) > 0)
    assert found == owed
    assert all(len(kinds) == 1 for kinds in signs.values())  # nobody owes and has money on account


def test_living_through_the_days_ends_as_starting_later(folder: Path) -> None:
    lived, started = books(folder, date(2004, 11, 1)), books(folder, date(2005, 1, 10))
    lived.advance(70)
    assert [line["rest"] for line in lived.book("open_items")] == [line["rest"] for line in started.book("open_items")]
    assert [order["status"] for order in lived.book("orders")] == [order["status"] for order in started.book("orders")]


def test_statuses(held: S4Backend, folder: Path) -> None:
    status = {row["key"]["ExternalDocumentID"]: row["status"] for row in held.book("orders")}
    expected = {"Shipped": "complete", "Resolved": "complete", "Disputed": "complete", "In Process": "open", "On Hold": "credit_hold", "Cancelled": "cancelled"}  # fmt: skip  # noqa: E501
    assert status == {row["number"]: expected[row["status"]] for row in table(folder, "orders")}
    disputed = {
        row["DocumentReferenceID"]
        for row in held.rows("A_OperationalAcctgDocItemCube")
        if row["DunningBlockingReason"] == "D"
    }
    assert disputed == {row["number"] for row in table(folder, "orders") if row["status"] == "Disputed"}


def test_names_come_through_as_they_are(held: S4Backend, folder: Path) -> None:
    names = {
        row["BusinessPartnerIDByExtSystem"]: row["BusinessPartnerFullName"] for row in held.rows("A_BusinessPartner")
    }
    assert names == {row["number"]: row["name"] for row in table(folder, "customers")}


@pytest.mark.parametrize(
    ("name", "before", "after", "message"),
    [
        ("orders", "2003-01-06,2003-01-13", "2003-13-06,2003-01-13",
        "orders.csv:2: order_date '2003-13-06' is not an ISO date"),
        ("order_lines", "10100,1,S24_3969,49", "10100,1,S24_3969,4x9",
        "order_lines.csv:2: quantity '4x9' is not a number"),
        ("order_lines", "10100,1,S24_3969", "10100,1,S00_0000",
        "order_lines.csv:2: product_code 'S00_0000' is not in products.csv"),
        ("orders", "Shipped,", "Sent,", "orders.csv:2: status 'Sent' must be one of Shipped"),
        ("payments", "customer_number,", "customer,", "payments.csv:2: column 'customer_number' is missing"),
        ("customers", "103,Atelier graphique,", "103,Atelier graphique,x,",
        "customers.csv:2: not as many columns as the header row"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(folder: Path, tmp_path: Path, name: str, before: str, after: str, message: str) -> None:
    copy = shutil.copytree(folder, tmp_path / "data")
    file = copy / f"{name}.csv"
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        books(copy)
    assert str(caught.value).startswith(message)


def test_a_missing_file_is_named(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "data")
    (copy / "order_lines.csv").unlink()
    with pytest.raises(DataError, match=r"order_lines\.csv is missing"):
        books(copy)
    (copy / "sales_reps.csv").unlink()
    with pytest.raises(DataError, match=r"for the layout of classicmodels these are missing: order_lines\.csv"):
        books(copy)
    with pytest.raises(DataError, match="is not a folder"):
        books(tmp_path / "nowhere")
