"""What the golden CSV files say, computed straight from them: the oracle the sandbox's books are held against."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from sandbox.sap.documents import Line, rest
from sandbox.sap.fi import Ledger
from sandbox.sap.s4 import S4Backend, open_backend

Row = dict[str, str]
Balance = dict[tuple[str, str, str], Decimal]
"""By company code, customer and currency."""

ZERO = Decimal(0)
NOTED, BILL = "F", "W"


@cache
def table(folder: Path, name: str) -> list[Row]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def books(folder: Path | None, day: date | None = None, rows: int | None = None, seed: int = 7) -> S4Backend:
    return open_backend(folder, rows, day, seed)[0]


def day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def counts(row: Row, start: str, on: date) -> bool:
    """From its day on, until it is reversed."""
    end = day(row.get("reversed_on", ""))
    return date.fromisoformat(row[start]) <= on and (end is None or on < end)


def document_key(row: Row, prefix: str = "") -> tuple[str, str, str]:
    return row["company_code"], row[f"{prefix}fiscal_year"], row[f"{prefix}number"]


class Oracle:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        accounts = table(folder, "customer_accounts")
        self.customers = {(row["company_code"], row["account_number"]): row["customer_id"] for row in accounts}
        self.invoices = {document_key(row): row for row in table(folder, "invoices")}
        self.items = {(*document_key(row), row["instalment"]): row for row in table(folder, "open_items")}
        self.payments = {document_key(row): row for row in table(folder, "payments")}

    def customer(self, row: Row) -> str:
        return self.customers[row["company_code"], row["account_number"]]

    def is_noted(self, invoice: Row) -> bool:
        kind = invoice["kind"]
        reversed_ = self.invoices.get(document_key(invoice, "reference_")) if kind == "reversal" else None
        return kind in ("pro_forma", "provisional") or bool(reversed_ and self.is_noted(reversed_))

    def posted(self, key: tuple[str, ...]) -> str:
        company, year, number, *_ = key
        return self.invoices[company, year, number]["posting_date"]

    def balance(self, on: date) -> Balance:
        """Documents less payments, discounts and write-offs; money across currencies moves from one to the other."""
        sums: Balance = defaultdict(lambda: ZERO)
        for invoice in self.invoices.values():
            if not self.is_noted(invoice) and date.fromisoformat(invoice["posting_date"]) <= on:
                noted = sum((Decimal(i["amount"]) for i in self._noted_items(invoice)), ZERO)
                at = (invoice["company_code"], self.customer(invoice), invoice["currency"])
                sums[at] += Decimal(invoice["gross_amount"]) - noted
        for payment in self.payments.values():
            if counts(payment, "posting_date", on):
                at = (payment["company_code"], self.customer(payment), payment["currency"])
                sums[at] -= Decimal(payment["amount"])
        for row in table(self.folder, "applications"):
            if counts(row, "applied_on", on):
                self._add_application(sums, row)
        return {key: value for key, value in sums.items() if value}

    def _noted_items(self, invoice: Row) -> Iterator[Row]:
        key = document_key(invoice)
        return (i for at, i in self.items.items() if at[:3] == key and i["kind"] == "advance_request")

    def _add_application(self, sums: Balance, row: Row) -> None:
        target = self.invoices[document_key(row)]
        at = (row["company_code"], self.customer(target), row["currency"])
        if row["kind"] in ("discount", "write_off"):
            sums[at] -= Decimal(row["amount"])
        elif row["source_currency"] != row["currency"] or self._source_customer(row) != at[1]:
            source = (row["company_code"], self._source_customer(row), row["source_currency"])
            sums[source] += Decimal(row["source_amount"])
            sums[at] -= Decimal(row["amount"])

    def _source_customer(self, row: Row) -> str:
        sources = self.payments if row["source_kind"] == "payment" else self.invoices
        return self.customer(sources[document_key(row, "source_")])

    def rests(self, on: date) -> dict[tuple[str, ...], Decimal]:
        """What is left of each item that counts; a reversed document's items are closed."""
        left = {}
        reversed_on = {
            document_key(row, "reference_"): row["posting_date"]
            for row in self.invoices.values()
            if row["kind"] == "reversal"
        }
        for key, item in self.items.items():
            invoice = self.invoices[key[:3]]
            gone = reversed_on.get(key[:3])
            if item["kind"] == "advance_request" or self.is_noted(invoice):
                continue
            if invoice["posting_date"] > on.isoformat() or (gone and gone <= on.isoformat()):
                continue
            left[key] = Decimal(item["amount"])
        for row in table(self.folder, "applications"):
            if counts(row, "applied_on", on):
                self._apply(left, row)
        return {key: amount for key, amount in left.items() if amount}

    def _apply(self, left: dict[tuple[str, ...], Decimal], row: Row) -> None:
        target = (*document_key(row), row["instalment"])
        if target in left:
            left[target] -= Decimal(row["amount"])
        if row["source_kind"] == "credit_memo":
            source = next(key for key in self.items if key[:3] == document_key(row, "source_"))
            left[source] += Decimal(row["source_amount"])

    def unapplied(self, on: date) -> dict[tuple[str, str, str], Decimal]:
        """What is left of each payment."""
        left = {key: Decimal(row["amount"]) for key, row in self.payments.items() if counts(row, "posting_date", on)}
        for row in table(self.folder, "applications"):
            if row["source_kind"] == "payment" and counts(row, "applied_on", on):
                left[document_key(row, "source_")] -= Decimal(row["source_amount"])
        return {key: amount for key, amount in left.items() if amount}

    def days(self) -> list[date]:
        """Every day on which something happens, and those around the entry of something back-dated."""
        names = ("posting_date", "entry_date", "applied_on", "reversed_on", "maturity_date")
        rows = [*self.invoices.values(), *self.payments.values(), *table(self.folder, "applications")]
        return sorted({date.fromisoformat(row[name]) for row in rows for name in names if row.get(name)})

    def entered_late(self) -> list[tuple[date, date]]:
        """Documents known only after the day they count from: (posting date, entry date)."""
        rows = [*self.invoices.values(), *self.payments.values()]
        spans = [(date.fromisoformat(row["posting_date"]), date.fromisoformat(row["entry_date"])) for row in rows]
        return [(posted, entered) for posted, entered in spans if posted < entered]


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    """The golden data set."""
    return shared_data / "golden"


@pytest.fixture(scope="module")
def oracle(folder: Path) -> Oracle:
    return Oracle(folder)


def customer_names(backend: S4Backend) -> dict[str, str]:
    partners = backend.books.partners.tables["A_BusinessPartner"].values()
    return {row["BusinessPartner"]: row["BusinessPartnerIDByExtSystem"] for row in partners}


def balance(backend: S4Backend, on: date) -> Balance:
    """All customer lines posted up to the day, cleared or not; bills and noted items are other accounts."""
    names, sums = customer_names(backend), defaultdict(lambda: ZERO)
    for line in receivables(backend.books.ledger):
        if line.document.posted <= on:
            sums[line.document.company.code, names[line.customer], line.document.currency] += line.amount
    return {key: value for key, value in sums.items() if value}


def receivables(ledger: Ledger) -> Iterator[Line]:
    return (line for line in ledger.lines() if line.special_gl not in (NOTED, BILL))


def assert_sound(ledger: Ledger) -> None:
    """What holds in any books: clearings balance, are dated after their members, and references lead somewhere."""
    lines = set(ledger.lines())
    for line in lines:
        assert line.settles is None or line.settles in lines
        assert line.settles is None or line.settles.settles is None
        assert (line in line.clearing.members) if line.clearing else True
    for document in ledger.documents.values():
        if clearing := document.clearing:
            assert not any(sums_by_currency(clearing.members).values())
            assert all(member.document.posted <= clearing.on for member in clearing.members)
    amounts = sums_by_currency(lines)
    rests: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for line in lines:
        rests[line.document.currency] += rest(line)
    assert amounts == {currency: rests[currency] for currency in amounts}


def sums_by_currency(lines: Iterable[Line]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for line in lines:
        sums[line.document.currency] += line.amount
    return dict(sums)
