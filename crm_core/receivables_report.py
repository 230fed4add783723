"""Receivables by age as finance asks for them: read from the tables, computed by `ageing`, shown with its age.

Amounts stay in their own currency; `local` and `revalued` are the same documents in the company's currency.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, select

from crm_core import access, companies, receivables_age, receivables_books, schema, today_balances
from crm_core.access import Actor
from crm_core.ageing import ageing
from crm_core.ageing_report import COLUMNS, CompanyAgeing, Level, Report
from crm_core.buckets import STANDARD, Buckets, parse_basis
from crm_core.database import Database
from crm_core.errors import RefusedError
from crm_core.money import exact, quantize
from crm_core.receivables_books import Scope
from crm_core.receivables_groups import added
from crm_core.settlement_rows import PAYMENT


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: empty names mean all. `by` is customer, company, or group: a customer over all companies."""

    as_of: date
    basis: str = "due"
    buckets: Buckets = STANDARD
    system: str = ""
    company: str = ""
    currency: str = ""
    customer: str = ""
    by: str = "customer"


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows with Decimal amounts; totals per company and currency. `data_as_of`: when the oldest of the data was read.

    `verified_through`: since when a clean reconciliation vouches for all of it; None when none does.
    """

    question: Question
    rows: list[dict[str, Any]]
    totals: list[dict[str, Any]]
    verified_through: datetime | None
    data_as_of: datetime | None
    missing_rates: list[tuple[str, str]] = field(default_factory=list)


def ask(db: Database, actor: Actor, question: Question) -> Answer:
    """Receivables by age. Raises RefusedError for an unknown basis, or a day that an ERP cannot tell any more."""
    access.require(actor, "receivables.read")
    parse_basis(question.basis)
    with db.read() as conn:
        report = _report(conn, question)
        names = _names(conn)
        systems = receivables_age.systems(conn, question.system)
        since, read = receivables_age.verified_through(conn, systems), receivables_age.read_at(conn, systems)
    totals = rows = list(_rows(report, question, by_customer=False))
    if question.by != "company":
        rows = [{**row, "name": names.get(row["customer"], "")} for row in _rows(report, question, by_customer=True)]
    if question.by == "group":
        rows, totals = added(rows, ("customer", "name", "currency")), added(totals, ("currency",))
    return Answer(question, rows, totals, since, read, report.missing_rates)


def as_json(answer: Answer) -> dict[str, Any]:
    """The shape of `receivables ageing --json`; amounts and dates are text."""
    return {
        "as_of": answer.question.as_of.isoformat(),
        "basis": answer.question.basis,
        "rows": [_plain(row) for row in answer.rows],
        "totals": [_plain(row) for row in answer.totals],
        "verified_through": _plain(answer.verified_through),
        "data_as_of": _plain(answer.data_as_of),
        "missing_rates": [list(pair) for pair in answer.missing_rates],
    }


def as_table(answer: Answer) -> tuple[list[str], list[list[Any]]]:
    """Column names and rows (amounts as Decimal, lists as text) for a table, CSV or spreadsheet."""
    steps = list(answer.question.buckets.names)
    place = _PLACES[answer.question.by]
    rest = ["credits", "retention", "other", "unapplied", "advances", "bills", "disputed", "items"]
    local = [] if answer.question.by == "group" else ["local_currency", "local_open", "revalued_open"]
    rows = [
        [*(row[name] for name in [*place, "currency", "open"]), *(row["buckets"][step] for step in steps)]
        + [row[name] for name in rest]
        + ([row["local_currency"], row["local"]["open"], row["revalued"]["open"]] if local else [])
        for row in answer.rows
    ]
    return [*place, "currency", "open", *steps, *rest, *local], rows


_PLACES = {
    "customer": ("system", "company", "customer", "name"),
    "company": ("system", "company"),
    "group": ("customer", "name"),
}
"""Which row it is, but for its currency."""


def documents(db: Database, actor: Actor, question: Question) -> list[dict[str, Any]]:
    """The documents behind the figures: open items, payments with something left, bills, in the order of numbers.

    Raises RefusedError as `ask` does.
    """
    access.require(actor, "receivables.read")
    with db.read() as conn:
        report = _report(conn, question)
    found = [*_items(report, question.basis), *_payments(report), *_bills(report)]
    return [row for row in found if _wanted(question, row["currency"], row["customer"])]


def default_as_of(db: Database, now: datetime) -> date:
    """The latest of the companies' own dates at their ERP's newest pull (its clock may differ from ours), else at
    `now`; a day that all can tell.
    """
    newest = select(schema.run.c.system, func.max(schema.run.c.erp_time)).group_by(schema.run.c.system)
    with db.read() as conn:
        pulled = {system: at for system, at in conn.execute(newest) if at is not None}
        days = [
            pulled.get(system, now).astimezone(zone).date()
            for system in {*pulled, *companies.systems(conn)}
            for zone in companies.zones(conn, system).values() or [UTC]
        ]
        told = today_balances.first_known(conn).values()
    return max([*days, *told], default=now.date())


def exposure(conn: Connection, system: str, company_code: str, customer: str, as_of: date) -> Decimal:
    """What a customer owes a company, all columns netted, in its local currency at the newest rates."""
    books = receivables_books.load(conn, Scope(system, company_code, customer))
    report = ageing(*books, as_of=as_of, basis="due")
    figures = [company.revalued for company in report.companies.values()]
    with exact():
        owed = sum((one.open + one.retention + one.other + one.bills for one in figures), Decimal(0))
        return owed - sum((one.unapplied + one.advances for one in figures), Decimal(0))


def in_local(
    conn: Connection, system: str, company_code: str, amount: Decimal, currency: str, on: date
) -> Decimal | None:
    """An amount in the company's own currency at the newest rate dated on or before `on`; None without one."""
    company = companies.one(conn, system, company_code)
    if company is None or company["currency"] == currency:
        return amount if company else None
    table = schema.exchange_rate
    pair = (table.c.from_currency == currency, table.c.to_currency == company["currency"], table.c.rate_date <= on)
    rate = conn.execute(select(table.c.rate).where(*pair).order_by(table.c.rate_date.desc()).limit(1)).scalar()
    with exact():
        return None if rate is None else quantize(amount * rate, company["currency"])


def _report(conn: Connection, question: Question) -> Report:
    for system, first in sorted(today_balances.first_known(conn, question.system).items()):
        if question.as_of < first:
            raise RefusedError("past-unknown", system=system, day=f"{question.as_of}", first=f"{first}")
    books = receivables_books.load(conn, Scope(question.system, question.company, question.customer))
    return ageing(*books, as_of=question.as_of, basis=question.basis, buckets=question.buckets)


def _wanted(question: Question, currency: str, customer: str) -> bool:
    return question.currency in ("", currency) and question.customer in ("", customer)


def _rows(report: Report, question: Question, *, by_customer: bool) -> Iterator[dict[str, Any]]:
    for company in report.companies.values():
        for currency, ageing_of in company.currencies.items():
            levels = ageing_of.customers if by_customer else {"": ageing_of.total}
            for customer, level in levels.items():
                if _wanted(question, currency, customer or question.customer):
                    named = {"customer": customer} if by_customer else {}
                    yield {**_place(company, currency), **named, **_figures(level, question.basis)}


def _place(company: CompanyAgeing, currency: str) -> dict[str, Any]:
    place = {"system": company.system, "company": company.company_code, "currency": currency}
    return {**place, "local_currency": company.local_currency}


def _figures(level: Level, basis: str) -> dict[str, Any]:
    return {
        **{name: getattr(level.own, name) for name in COLUMNS},
        "buckets": level.own.buckets[basis],
        "items": level.items,
        "erp_customers": list(level.erp_customers),
        "local": {name: getattr(level.local, name) for name in COLUMNS},
        "revalued": {name: getattr(level.revalued, name) for name in COLUMNS},
    }


def _items(report: Report, basis: str) -> Iterator[dict[str, Any]]:
    for row in report.items:
        item = row.item
        yield {
            **_document(item),
            "instalment": item.instalment,
            "kind": item.document_kind,
            "column": row.column,
            "due_date": item.due_date,
            "amount": item.amount,
            "open": row.open,
            "disputed": row.disputed,
            "days": row.days,
            "bucket": row.buckets.get(basis, ""),
            "local": row.local,
            "revalued": row.revalued,
        }


def _payments(report: Report) -> Iterator[dict[str, Any]]:
    for row in report.payments:
        figures = {"amount": row.payment.amount, "open": row.rest, "local": row.local, "revalued": row.revalued}
        yield {**_document(row.payment), **_NO_ITEM, "kind": row.payment.kind, "column": row.column, **figures}


def _bills(report: Report) -> Iterator[dict[str, Any]]:
    for row in report.bills:
        figures = {"amount": row.amount, "open": row.amount, "local": row.local, "revalued": row.revalued}
        due = {"due_date": row.payment.maturity_date}
        yield {**_document(row.payment), **_NO_ITEM, **due, "kind": "bill", "column": "bills", **figures}


_NO_ITEM = {"instalment": "", "due_date": None, "disputed": Decimal(0), "days": None, "bucket": ""}


def _document(document: Any) -> dict[str, Any]:
    return {
        "system": document.system,
        "company": document.company_code,
        "customer": document.customer,
        "erp_customer": document.customer_key,
        "key": document.key.removeprefix(PAYMENT),
        "number": document.document_number,
        "fiscal_year": document.fiscal_year,
        "reference": document.reference,
        "document_date": document.document_date,
        "posting_date": document.posting_date,
        "currency": document.currency,
        "local_currency": document.local_currency,
    }


def _names(conn: Connection) -> dict[str, str]:
    return dict(conn.execute(select(schema.customer.c.number, schema.customer.c.name)).tuples().all())


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value
