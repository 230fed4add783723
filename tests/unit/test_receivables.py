"""Ageing, one rule at a time."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from crm_core.ageing import ageing
from crm_core.ageing_report import ItemRow, Report
from crm_core.buckets import NAMED, parse_buckets
from crm_core.errors import RefusedError
from crm_core.receivables import Application, Dispute, OpenItem, Payment, Rate

D = Decimal
DAY = date(2026, 3, 31)
BEFORE, AFTER = DAY - timedelta(1), DAY + timedelta(1)
PLAIN: dict[str, Any] = {
    "company_code": "CN01", "customer": "C1", "customer_key": "10001", "fiscal_year": "2026", "document_date": DAY,
    "posting_date": DAY, "currency": "CNY", "local_currency": "CNY",
}  # fmt: skip


def item(amount: str, key: str = "1", **more: Any) -> OpenItem:
    return OpenItem(**(PLAIN | {"key": key, "document_number": key, "instalment": "1", "amount": D(amount)} | more))


def payment(amount: str, key: str = "p", **more: Any) -> Payment:
    return Payment(**(PLAIN | {"key": key, "document_number": key, "amount": D(amount)} | more))


def applied(amount: str, source: str = "p", target: str = "1", **more: Any) -> Application:
    plain = {"key": f"{source}-{target}", "kind": "payment", "applied_on": DAY, "source_kind": "payment"}
    sides = {"source_key": source, "source_amount": D(amount), "target_key": target, "amount": D(amount)}
    return Application(**(plain | sides | more))


def report(
    items: list[OpenItem] | None = None,
    payments: list[Payment] | None = None,
    applications: list[Application] | None = None,
    disputes: list[Dispute] | None = None,
    rates: list[Rate] | None = None,
    as_of: date = DAY,
) -> Report:
    return ageing(items or [], payments or [], applications or [], disputes or [], rates or [], as_of)


def only(found: Report) -> ItemRow:
    [row] = found.items
    return row


def test_a_document_counts_from_its_posting_date_until_the_day_before_its_reversal() -> None:
    books = [item("5", posting_date=DAY, reversed_on=AFTER)]
    assert [len(report(books, as_of=day).items) for day in (BEFORE, DAY, AFTER)] == [0, 1, 0]


def test_noted_items_pro_forma_and_provisional_documents_never_count() -> None:
    kinds = ["pro_forma", "provisional"]
    books = [item("5", kind, document_kind=kind) for kind in kinds] + [item("5", kind="advance_request")]
    assert report(books).companies == {}


def test_an_application_holds_only_while_both_sides_count() -> None:
    books, money = [item("10", reversed_on=AFTER)], [payment("10", posting_date=BEFORE)]
    before, on, after = (report(books, money, [applied("10")], as_of=day) for day in (BEFORE, DAY, AFTER))
    assert [len(found.payments) for found in (before, on, after)] == [1, 0, 1]
    assert [len(found.items) for found in (before, on, after)] == [0, 0, 0]


def test_a_payment_that_came_back_leaves_the_item_open_again() -> None:
    found = report([item("10")], [payment("10", reversed_on=DAY)], [applied("10")])
    assert only(found).open == 10 and found.payments == []


def test_a_side_that_was_not_given_does_not_hinder_the_other() -> None:
    assert only(report([item("10")], [], [applied("4")])).open == 6


@pytest.mark.parametrize(
    ("due", "column"), [(None, "retention"), (AFTER, "retention"), (DAY, "open"), (BEFORE, "open")]
)
def test_retention_is_open_from_its_due_day(due: date | None, column: str) -> None:
    row = only(report([item("10", kind="retention", due_date=due)]))
    assert (row.column, bool(row.buckets)) == (column, column == "open")


def test_other_receivables_stay_in_their_column_and_are_not_aged_or_disputed() -> None:
    row = only(report([item("10", kind="other", due_date=BEFORE, disputed=True)]))
    assert (row.column, row.days, row.buckets, row.disputed) == ("other", 1, {}, 0)


def test_without_a_due_date_an_item_ages_from_its_document_date() -> None:
    row = only(report([item("10", document_date=DAY - timedelta(40))]))
    assert (row.days, row.buckets["due"]) == (None, "31-60")


@pytest.mark.parametrize(
    ("days", "bucket"),
    [(-1, "not_due"), (0, "not_due"), (1, "1-30"), (30, "1-30"), (31, "31-60"), (180, "91-180"), (181, ">180")],
)
def test_the_due_day_is_not_overdue_and_each_edge_belongs_below(days: int, bucket: str) -> None:
    row = only(report([item("1", due_date=DAY - timedelta(days))]))
    assert (row.days, row.buckets["due"]) == (days, bucket)


def test_an_erps_mark_disputes_the_whole_item_and_disputes_add_up_to_at_most_that() -> None:
    quarrels = [Dispute(item_key="1", amount=D(8), opened_on=BEFORE), Dispute(item_key="1", amount=D(7), opened_on=DAY)]
    assert only(report([item("10")], disputes=quarrels[:1])).disputed == 8
    assert only(report([item("10")], disputes=quarrels)).disputed == 10
    assert only(report([item("10", disputed=True)])).disputed == 10
    assert only(report([item("-10", disputed=True)])).disputed == 0


def test_credit_memos_are_part_of_open_and_nothing_is_netted() -> None:
    found = report([item("10"), item("-3", "2")], [payment("4"), payment("2", "a", kind="advance")])
    own = found.companies["", "CN01"].currencies["CNY"].total.own
    assert (own.open, own.credits, own.unapplied, own.advances) == (7, -3, 4, 2)


def test_a_bill_stands_until_the_day_before_it_matures() -> None:
    bill = payment("5", kind="bill", maturity_date=AFTER)
    assert [len(report(payments=[bill], as_of=day).bills) for day in (BEFORE, DAY, AFTER)] == [0, 1, 0]
    assert len(report(payments=[payment("5", kind="bill")], as_of=date(2030, 1, 1)).bills) == 1


def test_local_is_booked_and_revalued_is_the_newest_rate_but_not_for_advances() -> None:
    foreign = {"currency": "JPY", "rate": D("0.0450")}
    rates = [
        Rate(rate_date=on, from_currency="JPY", to_currency="CNY", rate=D(rate))
        for on, rate in ((BEFORE, "0.0469"), (DAY - timedelta(30), "0.0400"), (AFTER, "9"))
    ]
    found = report([item("101", **foreign)], [payment("101", kind="advance", **foreign)], rates=rates)
    assert (only(found).local, only(found).revalued) == (D("4.55"), D("4.74"))
    assert (found.payments[0].local, found.payments[0].revalued) == (D("4.55"), D("4.55"))
    assert found.missing_rates == []


def test_a_rate_that_is_missing_is_named_and_the_booked_one_taken() -> None:
    found = report([item("100", currency="USD", rate=D(7))], [payment("1", currency="JPY", kind="advance")])
    assert (only(found).revalued, found.missing_rates) == (700, [("USD", "CNY")])


def test_each_document_is_rounded_by_itself() -> None:
    found = report([item("1", key, currency="JPY", rate=D("0.005")) for key in "123"])
    assert found.companies["", "CN01"].local.open == D("0.03")


def test_a_company_code_of_two_systems_is_two_companies() -> None:
    found = report([item("1", system="a"), item("2", system="b", local_currency="USD")])
    assert {key: one.local_currency for key, one in found.companies.items()} == {
        ("a", "CN01"): "CNY",
        ("b", "CN01"): "USD",
    }


def test_applications_find_their_sides_in_their_own_system() -> None:
    found = report([item("10", system="a"), item("10", system="b")], [], [applied("4", "", system="b")])
    assert [row.open for row in found.items] == [10, 6]


def test_a_customer_without_a_number_of_ours_is_shown_by_the_erps() -> None:
    level = report([item("1", customer="")]).companies["", "CN01"].currencies["CNY"].customers
    assert {name: one.erp_customers for name, one in level.items()} == {"10001": ("10001",)}


def test_buckets_are_data() -> None:
    five = ageing([item("1", due_date=date(2025, 3, 31))], [], [], [], [], DAY, "due", NAMED["five"])
    assert only(five).buckets == {"due": ">90"}
    assert parse_buckets("7, 14").names == ("not_due", "1-7", "8-14", ">14")
    assert parse_buckets("five").names == ("not_due", "1-30", "31-60", "61-90", ">90")


@pytest.mark.parametrize("text", ["", "30,30", "60,30", "0", "-5", "thirty", "30;60", "1e3", "３０", "999999999"])
def test_what_is_no_set_of_buckets_is_refused(text: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        parse_buckets(text)
    assert refusal.value.code == "bad-buckets"


def test_what_is_no_basis_or_currency_is_refused() -> None:
    with pytest.raises(RefusedError, match="due, invoice, posting"):
        ageing([], [], [], [], [], DAY, "delivery")
    with pytest.raises(RefusedError, match="RMB"):
        report([item("1", currency="RMB")])
