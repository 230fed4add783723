"""The data sets through the Fusion sandbox: what its own figures add up to is what the data sets' answers say."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.contract.fusion_help import ERP, EVER, INVOICES, ORDERS, SALES, Fusion, running

pytestmark = pytest.mark.contract
ZERO = Decimal(0)
NEVER = "~"
MEMOS, RECEIPTS = f"{ERP}/receivablesCreditMemos", f"{ERP}/standardReceipts"
Place = tuple[str, str, str]


@dataclass
class Figures:
    """Everything on all customers' accounts, dated: (day, amount) by item and by receipt."""

    places: dict[int, Place] = field(default_factory=dict)
    moves: dict[int, list[tuple[str, Decimal]]] = field(default_factory=lambda: defaultdict(list))
    receipts: set[int] = field(default_factory=set)
    ends: dict[int, str] = field(default_factory=dict)

    def left(self, key: int, at: str) -> Decimal:
        if at >= self.ends.get(key, NEVER):
            return ZERO
        moves = self.moves[key]
        return sum((amount for day, amount in moves if day <= at), ZERO) if moves[0][0] <= at else ZERO

    def by_customer(self, at: str, receipts: bool) -> dict[Place, Decimal]:
        sums: dict[Place, Decimal] = defaultdict(Decimal)
        for key, place in self.places.items():
            if (key in self.receipts) is receipts:
                sums[place] += self.left(key, at)
        return {place: amount for place, amount in sums.items() if amount}


def figures(fusion: Fusion) -> Figures:
    """Read as a client would: documents, and each account's activities beyond the 90 days."""
    every = Figures()
    customers = _customers(fusion)
    for invoice in fusion.items(INVOICES, q="InvoiceStatus = 'Complete'", expand="receivablesInvoiceInstallments"):
        place = (
            invoice["BusinessUnit"][:4],
            customers[invoice["BillToCustomerNumber"]],
            invoice["InvoiceCurrencyCode"],
        )
        for item in invoice["receivablesInvoiceInstallments"]["items"]:
            _add(every, item["InstallmentId"], place, invoice["AccountingDate"], item["OriginalAmount"])
    for memo in fusion.items(MEMOS, finder="creditMemosFinder;BindCreditMemoStatus=Complete"):
        place = (memo["BusinessUnit"][:4], customers[memo["BillToCustomerNumber"]], memo["CreditMemoCurrency"])
        _add(every, memo["CustomerTransactionId"], place, memo["AccountingDate"], memo["EnteredAmount"])
    for receipt in fusion.items(RECEIPTS):
        place = (receipt["BusinessUnit"][:4], customers[receipt["CustomerAccountNumber"]], receipt["Currency"])
        _add(every, receipt["StandardReceiptId"], place, receipt["AccountingDate"], receipt["Amount"])
        every.receipts.add(receipt["StandardReceiptId"])
        if receipt["ReversalDate"]:
            every.ends[receipt["StandardReceiptId"]] = receipt["ReversalDate"]
    _apply(fusion, every)
    return every


def _customers(fusion: Fusion) -> dict[str, str]:
    """Our customer number by customer account."""
    parties = {p["PartyId"]: p["SourceSystemReferenceValue"] for p in fusion.items(f"{SALES}/hubOrganizations")}
    accounts = fusion.items(f"{ERP}/receivablesCustomerAccountActivities")
    return {account["AccountNumber"]: parties[account["CustomerId"]] for account in accounts}


def _add(every: Figures, key: int, place: Place, day: str, amount: Any) -> None:
    every.places[key] = place
    every.moves[key].append((day, Decimal(amount)))


def _apply(fusion: Fusion, every: Figures) -> None:
    expand = "standardReceiptApplications.standardReceiptApplicationDFF,creditMemoApplications,transactionAdjustments"
    finder = f"CustomerAccountActivitiesFinder;TransactionLimitByDays={EVER}"
    for account in fusion.items(f"{ERP}/receivablesCustomerAccountActivities", finder=finder, expand=expand):
        for row in account["standardReceiptApplications"]["items"]:
            taken = row["standardReceiptApplicationDFF"]["items"][0]["receiptAmount"]
            every.moves[row["ReferenceInstallmentId"]].append(
                (row["ApplicationDate"], -Decimal(row["ApplicationAmount"]))
            )
            every.moves[row["StandardReceiptId"]].append((row["ApplicationDate"], -Decimal(taken)))
        for row in account["creditMemoApplications"]["items"]:
            every.moves[row["ReferenceInstallmentId"]].append(
                (row["ApplicationDate"], -Decimal(row["ApplicationAmount"]))
            )
            every.moves[row["CreditMemoId"]].append((row["ApplicationDate"], Decimal(row["ApplicationAmount"])))
        for row in account["transactionAdjustments"]["items"]:
            every.moves[row["ReferenceInstallmentId"]].append(
                (row["ApplicationDate"], Decimal(row["AdjustmentAmount"]))
            )


@pytest.fixture(scope="module")
def fusion(shared_data: Path) -> Iterator[Fusion]:
    with running(shared_data / "golden") as fusion:
        yield fusion


@pytest.fixture(scope="module")
def golden_figures(fusion: Fusion) -> Figures:
    return figures(fusion)


def answers(folder: Path, at: str, *columns: str) -> dict[Place, Decimal]:
    answer = json.loads((folder / "golden" / "answers" / f"{at}.json").read_text(encoding="utf-8"))
    return {
        (company, customer, currency): amount
        for company, content in answer["companies"].items()
        for currency, part in content["currencies"].items()
        for customer, row in part["customers"].items()
        if (amount := sum((Decimal(row[column]) for column in columns), ZERO))
    }


@pytest.mark.parametrize("at", ["2025-12-31", "2026-03-31", "2026-06-30"])
def test_golden_balances_per_customer_are_the_answers(golden_figures: Figures, shared_data: Path, at: str) -> None:
    owed = golden_figures.by_customer(at, receipts=False)
    assert owed == answers(shared_data, at, "open", "retention", "other")
    left = golden_figures.by_customer(at, receipts=True)
    assert left == answers(shared_data, at, "unapplied", "advances")


def test_golden_todays_figures_agree_with_the_history(fusion: Fusion, golden_figures: Figures) -> None:
    today = date.max.isoformat()
    for invoice in fusion.items(INVOICES, expand="receivablesInvoiceInstallments"):
        for item in invoice["receivablesInvoiceInstallments"]["items"]:
            assert item["InstallmentBalanceDue"] == golden_figures.left(item["InstallmentId"], today)
            assert (item["InstallmentStatus"] == "Open") is bool(item["InstallmentBalanceDue"])
    for receipt in fusion.items(RECEIPTS):
        assert receipt["UnappliedAmount"] == golden_figures.left(receipt["StandardReceiptId"], today)
    for memo in fusion.items(MEMOS, finder="creditMemosFinder;BindCreditMemoStatus=Complete"):
        assert memo["TransactionBalanceDue"] == golden_figures.left(memo["CustomerTransactionId"], today)


def test_golden_kinds_are_told_apart(fusion: Fusion, shared_data: Path) -> None:
    """Retention by its flexfield, what does not count by its status, bills by their method and maturity."""
    path = "receivablesInvoiceInstallments.receivablesInvoiceInstallmentGDF"
    contexts: dict[str | None, int] = defaultdict(int)
    for invoice in fusion.items(INVOICES, expand=path):
        assert (invoice["InvoiceStatus"] == "Incomplete") is (not invoice["receivablesInvoiceInstallments"]["items"])
        for item in invoice["receivablesInvoiceInstallments"]["items"]:
            contexts[item["receivablesInvoiceInstallmentGDF"]["items"][0]["__FLEX_Context"]] += 1
    with (shared_data / "golden" / "open_items.csv").open(encoding="utf-8") as stream:
        kinds = [row["kind"] for row in csv.DictReader(stream)]
    assert contexts["RETENTION"] == kinds.count("retention")
    assert contexts["OTHER_RECEIVABLE"] == kinds.count("other")
    with (shared_data / "golden" / "payments.csv").open(encoding="utf-8") as stream:
        bills = sorted(row["maturity_date"] for row in csv.DictReader(stream) if row["kind"] == "bill")
    assert sorted(each["MaturityDate"] for each in fusion.items(RECEIPTS) if each["ReceiptMethod"] == "Bill") == bills


def test_golden_orders_show_what_left_and_came_back(fusion: Fusion, shared_data: Path) -> None:
    shipped: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for order in fusion.items(ORDERS, expand="lines"):
        for line in order["lines"]["items"]:
            sign = -1 if line["TransactionCategoryCode"] == "RETURN" else 1
            number = order["SourceTransactionNumber"].replace("/", " ").split()[-1]
            shipped[order["BusinessUnitName"][:4] + number, line["ProductNumber"]] += sign * (
                line["ShippedQuantity"] or 0
            )
    expected: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    tables = {}
    for name in ("order_lines", "deliveries"):
        with (shared_data / "golden" / f"{name}.csv").open(encoding="utf-8") as stream:
            tables[name] = list(csv.DictReader(stream))
    products = {
        (r["company_code"], r["order_number"], r["line_number"]): r["product_code"] for r in tables["order_lines"]
    }
    for row in tables["deliveries"]:
        key = (row["company_code"], row["order_number"], row["order_line"])
        expected[row["company_code"] + row["order_number"], products[key]] += Decimal(row["quantity"])
    assert {key: value for key, value in shipped.items() if value} == {k: v for k, v in expected.items() if v}


def test_classicmodels_owes_what_its_books_owe(shared_data: Path) -> None:
    with running(shared_data / "classicmodels") as fusion:
        every = figures(fusion)
        items = fusion.book("open_items")
        rest = sum((Decimal(item["rest"]) for item in items), ZERO)
        assert rest == sum(every.by_customer(date.max.isoformat(), receipts=False).values(), ZERO)
        left = sum((Decimal(receipt["rest"]) for receipt in fusion.book("payments")), ZERO)
        assert left == sum(every.by_customer(date.max.isoformat(), receipts=True).values(), ZERO)
        assert len(items) > 200
