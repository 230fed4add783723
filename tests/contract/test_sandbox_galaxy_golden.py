"""Golden and classicmodels through the Galaxy sandbox: what it shows, added up, is the right answer to the cent.

The figures of a day are made of what is on the wire alone: schedules of financial receivables, other receivables,
receipts, refunds, and write-offs with the day they were made and the day they were taken back.
"""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.contract.galaxy_help import Galaxy

pytestmark = pytest.mark.contract
ZERO = Decimal(0)
MONEY = "FPURPOSEID.FNumber<>'SFKYT03_SYS'"
DAYS = ["2025-12-31", "2026-03-31", "2026-06-30"]


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "golden"


@pytest.fixture(scope="module")
def galaxy(folder: Path) -> Iterator[Galaxy]:
    running = Galaxy(folder)
    yield running
    running.close()


def by_row(galaxy: Galaxy, at: str) -> dict[tuple[str, int], Decimal]:
    """What write-offs that stand on a day take from each row of a document, with its sign."""
    keys = "FDATE,FUnMatchDate,FIsUnMatch,FSRCFORMID,FSRCROWID,FMatchAMOUNTFOR"
    taken: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for on, undone, is_undone, form, row, amount in galaxy.query("AR_Match", keys, "", "FID,FSeq"):
        assert is_undone is (undone is not None)
        if on[:10] <= at and (undone is None or at < undone[:10]):
            taken[form, row] += amount
    return taken


def open_items(galaxy: Galaxy, at: str) -> Counter[tuple[Any, ...]]:
    common = "FSETTLEORGID.FNumber,{}.F_CRM_Text,FCURRENCYID.FCODE,F_CRM_Text,F_CRM_Date,FDATE,{}"
    trade = common.format("FCUSTOMERID", "FEntityPlan_FEntryID,FENDDATE,FPAYAMOUNTFOR,FPRESETENTRYTEXT_P1")
    other = common.format("FCONTACTUNIT", "FEntity_FEntryID,FENDDATE_H,FAMOUNTFOR,FEntity.FSeq")
    taken, found = by_row(galaxy, at), Counter[tuple[Any, ...]]()
    for form, keys, where in [
        ("AR_receivable", trade, f"FSetAccountType<>'2' and FDATE<='{at}'"),
        ("AR_OTHERRECABLE", other, f"FDATE<='{at}' and FCONTACTUNITTYPE='BD_Customer' and FEntity.FSeq=1"),
    ]:
        for company, customer, currency, number, dated, posted, row, due, amount, kind in galaxy.query(
            form, keys, where
        ):
            left = amount - taken[form, row]
            retention = kind == "质保金" and (due is None or at < due[:10])
            column = "other" if form == "AR_OTHERRECABLE" else "retention" if retention else "open"
            if left:
                item = (company, customer, currency, number, dated[:10], posted[:10], due and due[:10], left, column)
                found[item] += 1
    return found


@pytest.mark.parametrize("at", DAYS)
def test_open_items_of_a_day_are_the_answers(galaxy: Galaxy, folder: Path, at: str) -> None:
    answers = json.loads((folder / "answers" / f"{at}.json").read_text(encoding="utf-8"))
    expected = Counter(
        (item["company_code"], item["customer_id"], item["currency"], item["number"], item["document_date"],
         item["posting_date"], item["due_date"] or None, Decimal(item["open"]), item["column"])
        for item in answers["open_items"]
    )  # fmt: skip
    assert open_items(galaxy, at) == expected


@pytest.mark.parametrize("at", DAYS)
def test_money_left_over_on_a_day_is_the_answers(galaxy: Galaxy, folder: Path, at: str) -> None:
    answers = json.loads((folder / "answers" / f"{at}.json").read_text(encoding="utf-8"))
    taken, rest, bills = by_row(galaxy, at), Counter[tuple[Any, ...]](), Counter[tuple[Any, ...]]()
    refunds = {row[0]: row[1][:10] for row in galaxy.query("AR_REFUNDBILL", "FSRCBILLNO,FDATE")}
    keys = (
        "FBillNo,FRECEIVEBILLENTRY_FEntryID,FSETTLEORGID.FNumber,FCONTACTUNIT.F_CRM_Text,FCURRENCYID.FCODE,FDATE,"
        "FRECTOTALAMOUNTFOR,FPURPOSEID.FNumber,FRelateReFundAmount,FBPBILLDUEDATE"
    )
    for number, row, company, customer, currency, on, amount, purpose, refunded, due in galaxy.query(
        "AR_RECEIVEBILL", keys, MONEY
    ):
        back = refunds.get(number)
        assert refunded == (amount if back else 0)
        if on[:10] > at or (back and back[:10] <= at):
            continue
        column = "advances" if purpose == "SFKYT02_SYS" else "unapplied"
        if left := amount - taken["AR_RECEIVEBILL", row]:
            rest[company, customer, currency, column, left] += 1
        if due and at < due[:10]:
            bills[company, customer, currency, amount] += 1
    assert rest == Counter(
        (one["company_code"], one["customer_id"], one["currency"], one["column"], Decimal(one["rest"]))
        for one in answers["payments"]
    )
    assert bills == Counter(
        (one["company_code"], one["customer_id"], one["currency"], Decimal(one["amount"])) for one in answers["bills"]
    )


def test_what_is_left_today_is_what_the_write_offs_leave(galaxy: Galaxy) -> None:
    taken = by_row(galaxy, "9999-12-31")
    plan = galaxy.query(
        "AR_receivable", "FEntityPlan_FEntryID,FPAYAMOUNTFOR,FNOTVERIFICATEAMOUNT,FWRITTENOFFAMOUNTFOR_P",
        "FSetAccountType<>'2'",
    )  # fmt: skip
    assert len(plan) > 90
    for row, amount, left, settled in plan:
        assert left == amount - taken["AR_receivable", row] and settled == amount - left
    heads = galaxy.query("AR_receivable", "FID,FALLAMOUNTFOR,FWRITTENOFFSTATUS", "FSetAccountType<>'2'")
    rows = galaxy.query("AR_receivable", "FID,FPAYAMOUNTFOR,FNOTVERIFICATEAMOUNT", "FSetAccountType<>'2'")
    for number, total, state in heads:
        mine = [row for row in rows if row[0] == number]
        left = sum(row[2] for row in mine)
        assert total == sum(row[1] for row in mine)
        assert state == ("C" if not left else "A" if left == total else "B")


def test_provisional_receivables_are_told_apart_and_noted_items_are_none(galaxy: Galaxy, folder: Path) -> None:
    tables = {}
    for name in ("invoices", "open_items"):
        with (folder / f"{name}.csv").open(encoding="utf-8") as file:
            tables[name] = list(csv.DictReader(file))
    due: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for item in tables["open_items"]:
        if item["kind"] in ("trade", "retention"):
            due[item["company_code"], item["fiscal_year"], item["number"]] += Decimal(item["amount"])
    kinds = {(row["company_code"], row["fiscal_year"], row["number"]): row["kind"] for row in tables["invoices"]}
    expected = Counter[tuple[Any, ...]]()
    for row in tables["invoices"]:
        key = (row["company_code"], row["fiscal_year"], row["number"])
        origin, sign = key, 1
        if row["kind"] == "reversal":
            origin, sign = (row["company_code"], row["reference_fiscal_year"], row["reference_number"]), -1
        if origin in due and kinds[origin] != "pro_forma":
            claim = "1" if row["company_code"] == "US02" else "3"
            account_type = "2" if kinds[origin] == "provisional" else claim
            expected[row["company_code"], row["number"], account_type, sign * due[origin]] += 1
    keys = "FSETTLEORGID.FNumber,F_CRM_Text,FSetAccountType,FALLAMOUNTFOR"
    assert Counter(map(tuple, galaxy.query("AR_receivable", keys))) == expected
    assert {key[2] for key in expected} == {"1", "2", "3"}


@pytest.mark.parametrize("at", ["2026-10-31"])
def test_orders_show_what_was_delivered_and_invoiced(galaxy: Galaxy, folder: Path, at: str) -> None:
    tables = {}
    for name in ("order_lines", "deliveries", "invoice_lines", "invoices", "orders"):
        with (folder / f"{name}.csv").open(encoding="utf-8") as file:
            tables[name] = list(csv.DictReader(file))
    kinds = {(row["company_code"], row["fiscal_year"], row["number"]): row["kind"] for row in tables["invoices"]}
    out, back, billed = Counter[Any](), Counter[Any](), Counter[Any]()
    for row in tables["deliveries"]:
        quantity = Decimal(row["quantity"])
        target = out if row["kind"] == "delivery" else back
        target[row["company_code"], row["order_number"], row["order_line"]] += abs(quantity)
    names = {(row["company_code"], row["order_number"]): row["customer_po"] for row in tables["orders"]}
    expected = Counter[Any]()
    reversed_ = {
        (row["company_code"], row["reference_fiscal_year"], row["reference_number"])
        for row in tables["invoices"] if row["kind"] == "reversal"
    }  # fmt: skip
    for row in tables["invoice_lines"]:
        key = (row["company_code"], row["fiscal_year"], row["number"])
        if row["order_number"] and kinds[key] in ("invoice", "credit_memo") and key not in reversed_:
            billed[row["company_code"], row["order_number"], row["order_line"]] += Decimal(row["quantity"])
    for row in tables["order_lines"]:
        line = (row["company_code"], row["order_number"], row["line_number"])
        expected[line[0], names[line[:2]], row["product_code"], Decimal(row["quantity"]), Decimal(out[line]),
                 Decimal(back[line]), Decimal(billed[line])] += 1  # fmt: skip
    keys = "FSaleOrgId.FNumber,F_CRM_PO,FMaterialId.FNumber,FQty,FStockOutQty,FReturnQty,FARQTY"
    assert Counter(map(tuple, galaxy.query("SAL_SaleOrder", keys))) == expected


def test_tax_invoices_add_up_to_what_was_billed(galaxy: Galaxy, folder: Path) -> None:
    with (folder / "invoices.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    counting = [row for row in rows if row["kind"] in ("invoice", "credit_memo")]
    special = galaxy.query("IV_SALESIC", "FBILLNO,FSETTLEORGID.FNumber,FAFTERTOTALTAXFOR,FRedBlue", "FRedBlue='0'")
    ordinary = galaxy.query("IV_SALESOC", "FBILLNO,FSETTLEORGID.FNumber,FAFTERTOTALTAXFOR,FRedBlue", "FRedBlue='0'")
    assert special and ordinary and all(row[1] == "CN01" for row in special)
    blue = [row for row in counting if Decimal(row["gross_amount"]) > 0]
    assert sum(row[2] for row in special + ordinary) == sum(Decimal(row["gross_amount"]) for row in blue)


# --- another layout, and the passing of days -------------------------------------------------------------------------


def test_classicmodels_adds_up(shared_data: Path) -> None:
    folder = shared_data / "classicmodels"
    galaxy = Galaxy(folder)
    try:
        with (folder / "payments.csv").open(encoding="utf-8") as file:
            paid = sum(Decimal(row["amount"]) for row in csv.DictReader(file))
        [total] = [sum(row[0] for row in galaxy.query("AR_RECEIVEBILL", "FRECTOTALAMOUNTFOR", MONEY))]
        billed = sum(row[0] for row in galaxy.query("AR_receivable", "FALLAMOUNTFOR"))
        left = sum(row[0] for row in galaxy.query("AR_receivable", "FNOTVERIFICATEAMOUNT"))
        over = sum(row[0] for row in galaxy.query("AR_RECEIVEBILL", "FNOTVERIFICATEAMOUNT", MONEY))
        assert total == paid and left - over == billed - paid
        assert {row[0] for row in galaxy.query("SAL_SaleOrder", "FCancelStatus", "FCancelStatus='B'")} == {"B"}
    finally:
        galaxy.close()


def test_books_that_start_later_show_the_same_as_books_that_lived(folder: Path) -> None:
    lived, later = Galaxy(folder, date=date(2026, 1, 10)), Galaxy(folder, date=date(2026, 1, 10) + timedelta(days=60))
    try:
        lived.control("POST", "advance", days=60)
        for form, keys in [
            ("AR_receivable", "FBillNo,FEntityPlan_FEntryID,FENDDATE,FNOTVERIFICATEAMOUNT"),
            ("AR_RECEIVEBILL", "FBillNo,FNOTVERIFICATEAMOUNT"), ("SAL_SaleOrder", "FBillNo,FStockOutQty,FARQTY"),
            ("AR_Match", "FBillNo,FDATE,FUnMatchDate,FMatchAMOUNTFOR"),
        ]:  # fmt: skip
            assert lived.query(form, keys) == later.query(form, keys)
    finally:
        lived.close()
        later.close()


def test_what_an_erp_user_does_by_hand_is_seen(galaxy: Galaxy) -> None:
    keys = "FBillNo,FEntityPlan_FEntryID,FNOTVERIFICATEAMOUNT,FSETTLEORGID.FNumber"
    number, row, left, _ = galaxy.query(
        "AR_receivable", keys, "FNOTVERIFICATEAMOUNT>0 and FSetAccountType<>'2'", "FID"
    )[0]
    galaxy.control("POST", "mutate", what="write_off", item=f"{number}/1", amount="0.01")
    where = f"FEntityPlan_FEntryID={row}"
    assert galaxy.query("AR_receivable", "FNOTVERIFICATEAMOUNT", where) == [[left - Decimal("0.01")]]
    match = galaxy.query("AR_Match", "FBillNo,FMatchType.FCAPTION,FMatchAMOUNTFOR", f"FSRCROWID={row}", "FID desc")[0]
    assert match[1:] == ["坏账损失", Decimal("0.01")]
    galaxy.control("POST", "mutate", what="reset", application=match[0])
    assert galaxy.query("AR_receivable", "FNOTVERIFICATEAMOUNT", where) == [[left]]
    assert galaxy.query("AR_Match", "FIsUnMatch", f"FBillNo='{match[0]}'")[0] == [True]
    galaxy.control("POST", "mutate", what="reverse", invoice=number)
    assert galaxy.query("AR_receivable", "FNOTVERIFICATEAMOUNT", where) == [[0]]
