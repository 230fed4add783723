"""Ageing equals a slow, independent reading of the same rules, on random books and on the golden ones at many dates."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from crm_core.ageing import ageing
from crm_core.ageing_report import Figures, Level, Report
from crm_core.receivables import Application, Dispute, OpenItem, Payment, Rate
from tests import golden
from tests.oracle import Oracle, rounded

START = date(2026, 1, 1)
LOCAL = {"A": "CNY", "B": "USD"}
DAYS = st.integers(0, 250).map(lambda days: START + timedelta(days))
MAYBE = st.none() | DAYS
CENTS = st.integers(-500, 3000)
RATES = st.sampled_from(["0.0045", "1", "7.1035", "0.14445", "3.27435"]).map(Decimal)
Books = tuple[list[OpenItem], list[Payment], list[Application], list[Dispute], list[Rate]]


def money(units: int, currency: str) -> Decimal:
    return Decimal(units).scaleb(-{"CNY": 2, "USD": 2, "JPY": 0, "KWD": 3}[currency])


@st.composite
def documents(draw: st.DrawFn, number: int) -> dict[str, Any]:
    company, currency = draw(st.sampled_from("AB")), draw(st.sampled_from(["CNY", "USD", "JPY", "KWD"]))
    return {
        "key": str(number), "company_code": company, "customer": draw(st.sampled_from(["C1", "C2"])),
        "customer_key": "K", "fiscal_year": "2026", "document_number": str(number), "currency": currency,
        "local_currency": LOCAL[company], "rate": draw(RATES), "document_date": draw(DAYS), "posting_date": draw(DAYS),
        "reversed_on": draw(st.none() | st.none() | DAYS),
    }  # fmt: skip


@st.composite
def items(draw: st.DrawFn, number: int) -> OpenItem:
    row = draw(documents(number))
    return OpenItem(
        **row,
        instalment="1",
        kind=draw(st.sampled_from(["trade", "trade", "trade", "retention", "other", "advance_request"])),
        document_kind=draw(st.sampled_from(["invoice", "invoice", "opening", "pro_forma", "provisional"])),
        due_date=draw(MAYBE),
        amount=money(draw(CENTS), row["currency"]),
        disputed=draw(st.integers(0, 4)) == 0,
    )


@st.composite
def payments(draw: st.DrawFn, number: int) -> Payment:
    row = draw(documents(number))
    kind = draw(st.sampled_from(["receipt", "advance", "bill"]))
    return Payment(
        **row,
        kind=kind,
        amount=money(abs(draw(CENTS)), row["currency"]),
        maturity_date=draw(MAYBE) if kind == "bill" else None,
    )


@st.composite
def applications(draw: st.DrawFn, number: int, its: list[OpenItem], pays: list[Payment]) -> Application:
    """Any source to any target, or from or to nothing; amounts in the currency of each side."""
    source = draw(st.sampled_from([None, *its, *pays]))
    target = draw(st.sampled_from([None, *its, *pays]))
    kind = draw(st.sampled_from(["payment", "credit", "discount", "write_off"]))
    given_units = 0 if kind == "discount" else abs(draw(CENTS))
    return Application(
        key=str(number),
        kind=kind,
        applied_on=draw(DAYS),
        reversed_on=draw(MAYBE),
        source_kind="" if source is None else "item" if isinstance(source, OpenItem) else "payment",
        source_key=source.key if source else "",
        source_amount=money(given_units, source.currency) if source else Decimal(0),
        target_key=target.key if target else "",
        amount=money(abs(draw(CENTS)), target.currency) if target else Decimal(0),
    )


@st.composite
def books(draw: st.DrawFn) -> Books:
    its = [draw(items(number)) for number in range(draw(st.integers(1, 6)))]
    pays = [draw(payments(100 + number)) for number in range(draw(st.integers(0, 4)))]
    apps = [draw(applications(number, its, pays)) for number in range(draw(st.integers(0, 6)))]
    quarrels = [
        Dispute(
            item_key=draw(st.sampled_from(its)).key,
            amount=draw(st.none() | st.integers(1, 20).map(Decimal)),
            opened_on=draw(DAYS),
            closed_on=draw(MAYBE),
        )
        for _ in range(draw(st.integers(0, 4)))
    ]
    pairs = [(own, local) for own in ("CNY", "USD", "JPY", "KWD") for local in LOCAL.values() if own != local]
    on = st.sampled_from([START, START + timedelta(59), START + timedelta(120)])
    rates = {(draw(on), *draw(st.sampled_from(pairs))): draw(RATES) for _ in range(draw(st.integers(0, 12)))}
    return its, pays, apps, quarrels, [rate(*place, value) for place, value in rates.items()]


def rate(on: date, own: str, local: str, value: Decimal) -> Rate:
    return Rate(rate_date=on, from_currency=own, to_currency=local, rate=value)


def flat(report: Report) -> dict[str, Any]:
    """The oracle's shape."""
    found: dict[str, Any] = {}
    for (_, company), one in report.companies.items():
        for currency, by in one.currencies.items():
            levels = {**by.customers, "": by.total}
            found.setdefault(company, {})[currency] = {name: views(level) for name, level in levels.items()}
    return found


def views(level: Level) -> dict[str, dict[str, str]]:
    return {view: texts(getattr(level, view)) for view in ("own", "local", "revalued")}


def texts(figures: Figures) -> dict[str, str]:
    plain = {name: str(getattr(figures, name)) for name in figures.__struct_fields__ if name != "buckets"}
    for basis, by in figures.buckets.items():
        plain |= {f"{basis} {bucket}": str(amount) for bucket, amount in by.items()}
    return plain


@given(books(), DAYS)
@settings(max_examples=120)
def test_ageing_equals_the_slow_reading_of_the_rules(rows: Books, as_of: date) -> None:
    assert flat(ageing(*rows, as_of)) == Oracle(*rows, as_of).answer()


@given(books(), DAYS)
@settings(max_examples=50)
def test_sums_hold_at_every_level(rows: Books, as_of: date) -> None:
    check_sums(ageing(*rows, as_of))


@given(books(), DAYS)
@settings(max_examples=30)
def test_the_order_of_rows_is_of_no_account(rows: Books, as_of: date) -> None:
    backwards = [list(reversed(part)) for part in rows]
    assert ageing(*backwards, as_of) == ageing(*rows, as_of)  # type: ignore[arg-type]


def check_sums(report: Report) -> None:
    for company in report.companies.values():
        for view in ("local", "revalued"):
            whole = getattr(company, view)
            parts = [getattr(by.total, view) for by in company.currencies.values()]
            assert texts(whole) == added(parts)
        for by in company.currencies.values():
            for view in ("own", "local", "revalued"):
                assert texts(getattr(by.total, view)) == added([getattr(each, view) for each in by.customers.values()])
                figures = getattr(by.total, view)
                assert all(sum(buckets.values()) == figures.open for buckets in figures.buckets.values())


def added(parts: list[Figures]) -> dict[str, str]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for part in parts:
        for name, amount in texts(part).items():
            sums[name] += Decimal(amount)
    return {name: str(amount) for name, amount in sums.items()}


def balance(rows: golden.Golden, company: str, currency: str, day: date) -> Decimal:
    """Documents posted - payments - discounts - write-offs; across currencies: given back in one, taken in one."""
    stands = Oracle([], [], [], [], [], day)
    total = Decimal(0)
    place = {document.key: document for document in (*rows.items, *rows.payments)}
    for document in place.values():
        if (document.company_code, document.currency) == (company, currency) and stands.counts(document):
            total += document.amount if isinstance(document, OpenItem) else -document.amount
    for application in rows.applications:
        if stands.stands(application.applied_on, application.reversed_on):
            target, source = place[application.target_key], place.get(application.source_key)
            if (target.company_code, target.currency) == (company, currency):
                total -= application.amount
            if source and (source.company_code, source.currency) == (company, currency):
                total += application.source_amount
    return total


def test_the_golden_books_equal_the_oracle_and_balance_at_every_date(shared_data: Path) -> None:
    rows = golden.load(shared_data / "golden")
    for number in range(490):
        day = date(2025, 6, 30) + timedelta(number)
        report = ageing(rows.items, rows.payments, rows.applications, rows.disputes, rows.rates, day)
        if day.day in (1, 15, 28):
            check_sums(report)
            oracle = Oracle(rows.items, rows.payments, rows.applications, rows.disputes, rows.rates, day)
            assert flat(report) == oracle.answer(), day
        for (_, company), one in report.companies.items():
            for currency, by in one.currencies.items():
                own = by.total.own
                left = own.open + own.retention + own.other - own.unapplied - own.advances
                assert left == balance(rows, company, currency, day), (day, company, currency)


def test_the_oracle_rounds_half_away_from_zero() -> None:
    assert [rounded(Fraction(text), 2) for text in ("49.245", "-49.245", "0.004", "-0.005")] == [4925, -4925, 0, -1]
