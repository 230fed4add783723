"""Account lines become items, payments and applications: the ways in which an ERP settles, one by one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from crm_core.ageing import ageing
from crm_core.clearing import Cleared, Derived, components, derive
from crm_core.money import quantize
from crm_core.receivables import Application
from tests.ledger import START, Ledger

D = Decimal
TODAY = date(2026, 12, 31)


def shown(derived: Derived) -> list[tuple[Any, ...]]:
    """kind, from, to, source, amount given, target, amount taken."""
    return sorted(
        (a.kind, a.applied_on.isoformat(), a.reversed_on and a.reversed_on.isoformat(), *sides(a))
        for a in derived.applications
    )


def sides(a: Application) -> tuple[str, str, str, str]:
    return a.source_key, str(a.source_amount), a.target_key, str(a.amount)


def paid(books: Ledger) -> tuple[str, str]:
    """An item, and the payment that clears it on the same day."""
    [item] = books.item(D(80))
    return item, books.pay(D(80), {item: D(80)})


def transferred(books: Ledger, money: Decimal, part: Decimal) -> tuple[str, str, str]:
    """An item of 100, money on account, and the transfer of a part of it to the item."""
    [item] = books.item(D(100))
    payment = books.pay(money, {})
    return item, payment, books.offset(f"{payment}/1", item, part)


def reset_later(books: Ledger, payment: str) -> list[Cleared]:
    """Reset what the payment cleared, 20 days after it; what had been seen of it until then."""
    seen = derive(books.account_lines(), [], books.today).cleared
    books.wait(20)
    books.reset(payment)
    return seen


def test_a_payment_in_full_on_its_own_day_clears_the_item() -> None:
    books = Ledger()
    [item] = books.item(D("100.00"))
    books.wait(5)
    payment = books.pay(D("100.00"), {item: D("100.00")})
    derived = derive(books.account_lines(), [], TODAY)
    assert shown(derived) == [("payment", "2026-01-06", None, payment, "100.00", item, "100.00")]
    assert [p.amount for p in derived.payments] == [D("100.00")]
    assert {row.line for row in derived.cleared} == {item, f"{payment}/1"}


def test_part_payments_count_from_their_own_day_and_the_last_one_clears_them_all() -> None:
    books = Ledger()
    [item] = books.item(D(100))
    first = books.pay(D(40), {item: D(40)})
    books.wait(10)
    second = books.pay(D(75), {item: D(60)})
    derived = derive(books.account_lines(), [], TODAY)
    assert shown(derived) == [
        ("payment", "2026-01-01", None, first, "40", item, "40"),
        ("payment", "2026-01-11", None, second, "60", item, "60"),
    ]


def test_money_on_account_settles_an_item_later_by_a_transfer_in_between() -> None:
    books = Ledger()
    [item] = books.item(D(100))
    payment = books.pay(D(60), {})
    books.wait(7)
    transfer = books.offset(f"{payment}/1", item, D(60))
    derived = derive(books.account_lines(), [], TODAY)
    assert shown(derived) == [("payment", "2026-01-08", None, payment, "60", item, "60")]
    assert [a.group_key for a in derived.applications] == [transfer]
    assert [i.key for i in derived.items] == [item] and [p.key for p in derived.payments] == [payment]


def test_a_transfer_of_a_part_to_a_part_is_one_application() -> None:
    books = Ledger()
    [item] = books.item(D(100))
    payment = books.pay(D(90), {}, kind="advance")
    books.offset(f"{payment}/1", item, D(25))
    derived = derive(books.account_lines(), [], TODAY)
    assert shown(derived) == [("payment", "2026-01-01", None, payment, "25", item, "25")]
    assert derived.payments[0].kind == "advance"


def test_a_credit_memo_settles_the_rest_of_an_item_without_lines_of_its_own() -> None:
    books = Ledger()
    [item] = books.item(D(100))
    books.pay(D(70), {item: D(70)})
    [memo] = books.item(D(-30))
    books.wait(1)
    books.offset(memo, item, D(30))
    derived = derive(books.account_lines(), [], TODAY)
    assert ("credit", "2026-01-02", None, memo, "30", item, "30") in shown(derived)


def test_a_discount_takes_nothing_from_the_payment() -> None:
    books = Ledger()
    [item] = books.item(D("10000.00"))
    payment = books.pay(D("10000.00"), {item: D("10000.00")}, discount=D("-200.00"))
    derived = derive(books.account_lines(), [], TODAY)
    assert shown(derived) == [
        ("discount", "2026-01-01", None, payment, "0", item, "200.00"),
        ("payment", "2026-01-01", None, payment, "9800.00", item, "9800.00"),
    ]
    assert derived.payments[0].amount == D("9800.00")


def test_a_discount_on_a_part_payment_is_taken_with_it() -> None:
    books = Ledger()
    [item] = books.item(D(4500))
    payment = books.pay(D(3060), {item: D(3060)}, discount=D(-60))
    derived = derive(books.account_lines(), [], TODAY)
    assert [row[0] for row in shown(derived)] == ["discount", "payment"]
    assert derived.payments[0].amount == 3000
    assert {a.source_key for a in derived.applications} == {payment}


def test_write_offs_come_from_nowhere_in_part_or_in_full() -> None:
    books = Ledger()
    [item] = books.item(D(100))
    books.write_off(item, D(60))
    books.wait(1)
    books.write_off(item, D(40))
    assert shown(derive(books.account_lines(), [], TODAY)) == [
        ("write_off", "2026-01-01", None, "", "0", item, "60"),
        ("write_off", "2026-01-02", None, "", "0", item, "40"),
    ]


def test_money_in_another_currency_gives_in_the_one_and_takes_in_the_other() -> None:
    books = Ledger()
    [item] = books.item(D(333333), currency="JPY")
    payment = books.pay(D("2250.00"), {}, currency="USD")
    books.across(f"{payment}/1", item, D("2222.22"), D(333333))
    assert shown(derive(books.account_lines(), [], TODAY)) == [
        ("payment", "2026-01-01", None, "", "0", item, "333333"),
        ("payment", "2026-01-01", None, payment, "2222.22", "", "0"),
    ]


def test_a_bill_is_a_payment_with_a_maturity_and_its_collection_moves_no_receivable() -> None:
    books = Ledger()
    [item] = books.item(D(500))
    face = {"role": "bill", "amount": D(500), "due_date": date(2026, 6, 30)}
    name = books.document({"role": "payment", "amount": D(-500)}, face)
    books.settle(f"{name}/1", item)
    books.wait(100)
    collected = books.document({"role": "transfer", "amount": D(-500)})
    books.settle(f"{collected}/1", f"{name}/2")
    derived = derive(books.account_lines(), [], TODAY)
    [payment] = derived.payments
    assert (payment.kind, payment.maturity_date, payment.amount) == ("bill", date(2026, 6, 30), 500)
    assert shown(derived) == [("payment", "2026-01-01", None, name, "500", item, "500")]


def test_a_reversal_ends_what_it_reverses_and_is_no_item_itself() -> None:
    books = Ledger()
    first = books.item(D(50), D(50))
    books.wait(3)
    books.reverse(first[0].rpartition("/")[0])
    payment = books.pay(D(10), {})
    books.wait(1)
    books.reverse(payment)
    derived = derive(books.account_lines(), [], TODAY)
    assert [(i.key, i.reversed_on) for i in derived.items] == [(key, date(2026, 1, 4)) for key in first]
    assert [(p.key, p.reversed_on) for p in derived.payments] == [(payment, date(2026, 1, 5))]
    assert derived.applications == [] and derived.cleared == []


def test_a_reversed_transfer_was_an_application_until_then() -> None:
    books = Ledger()
    item, payment, transfer = transferred(books, D(60), D(50))
    books.wait(9)
    books.reverse(transfer)
    assert shown(derive(books.account_lines(), [], TODAY)) == [
        ("payment", "2026-01-01", "2026-01-10", payment, "50", item, "50")
    ]


def test_money_put_back_on_account_stays_the_payments_own() -> None:
    books = Ledger()
    [first], [second] = books.item(D(100)), books.item(D(40))
    payment = books.pay(D(40), {first: D(40)})
    books.wait(2)
    books.transfer_back(f"{payment}/1")
    books.wait(2)
    kept = next(key for key, account in books.owner.items() if account == payment and books.rest(key))
    books.offset(kept, second, D(40))
    derived = derive(books.account_lines(), [], TODAY)
    assert shown(derived) == [
        ("payment", "2026-01-01", "2026-01-03", payment, "40", first, "40"),
        ("payment", "2026-01-05", None, payment, "40", second, "40"),
    ]
    assert [p.key for p in derived.payments] == [payment]


def test_a_reset_is_remembered_and_dated_by_what_happened_next() -> None:
    books = Ledger()
    item, payment = paid(books)
    seen = reset_later(books, payment)
    books.wait(5)
    books.reverse(payment)
    books.wait(5)
    derived = derive(books.account_lines(), seen, books.today)
    assert shown(derived) == [("payment", "2026-01-01", "2026-01-26", payment, "80", item, "80")]


def test_a_reset_that_left_no_trace_is_dated_by_the_day_it_was_seen_and_keeps_that_day() -> None:
    books = Ledger()
    item, payment = paid(books)
    seen = reset_later(books, payment)
    seen = derive(books.account_lines(), seen, books.today).cleared
    books.wait(9)
    derived = derive(books.account_lines(), seen, books.today)
    assert shown(derived) == [("payment", "2026-01-01", "2026-01-21", payment, "80", item, "80")]
    assert derived.cleared == seen
    again = books.pay(D(1), {item: D(1)})
    books.wait(9)
    assert ("payment", "2026-01-30", None, again, "1", item, "1") in shown(derive(books.account_lines(), seen, TODAY))


def test_a_use_dated_before_the_day_a_reset_was_seen_dates_it_better() -> None:
    books = Ledger()
    item, payment = paid(books)
    seen = reset_later(books, payment)
    seen = derive(books.account_lines(), seen, date(2026, 3, 1)).cleared
    books.pay(D(5), {item: D(5)})
    derived = derive(books.account_lines(), seen, date(2026, 4, 1))
    assert ("payment", "2026-01-01", "2026-01-21", payment, "80", item, "80") in shown(derived)


def test_a_clearing_seen_in_two_pages_is_no_reset() -> None:
    books = Ledger()
    item, payment = paid(books)
    lines = books.account_lines()
    part = derive({item: lines[item]}, [], TODAY)
    assert shown(part) == [("payment", "2026-01-01", None, "", "0", item, "80")]
    whole = derive(lines, part.cleared, TODAY)
    assert whole == derive(lines, [], TODAY)
    assert shown(whole) == [("payment", "2026-01-01", None, payment, "80", item, "80")]


def test_a_line_cleared_elsewhere_stops_settling_what_it_refers_to() -> None:
    books = Ledger()
    [first], [second] = books.item(D(100)), books.item(D(30))
    payment = books.pay(D(30), {first: D(30)})
    books.wait(4)
    name = books.document()
    books.clear(name, [f"{payment}/1", second])
    assert shown(derive(books.account_lines(), [], TODAY)) == [
        ("payment", "2026-01-01", "2026-01-05", payment, "30", first, "30"),
        ("payment", "2026-01-05", None, payment, "30", second, "30"),
    ]


def test_an_item_split_by_a_transfer_lives_on_in_its_parts() -> None:
    books = Ledger()
    [item] = books.item(D(90))
    books.wait(1)
    debits = [{"role": "transfer", "amount": D(30), "due_date": date(2026, month, 1)} for month in (3, 4, 5)]
    name = books.document({"role": "transfer", "amount": D(-90)}, *debits)
    books.settle(f"{name}/1", item)
    derived = derive(books.account_lines(), [], TODAY)
    parts = [i for i in derived.items if i.document_kind == "transfer"]
    assert [(i.amount, i.due_date and i.due_date.month) for i in parts] == [(30, 3), (30, 4), (30, 5)]
    assert shown(derived) == [("payment", "2026-01-02", None, "", "0", item, "90")]


def test_a_refund_gives_money_back_to_its_payment() -> None:
    books = Ledger()
    payment = books.pay(D(100), {})
    books.wait(1)
    refund = books.document({"role": "payment", "amount": D(100)})
    books.clear(refund, [f"{payment}/1", f"{refund}/1"])
    derived = derive(books.account_lines(), [], TODAY)
    assert shown(derived) == [("payment", "2026-01-02", None, payment, "100", refund, "100")]
    assert [p.amount for p in derived.payments] == [100, -100]


def test_a_noted_item_is_never_paid() -> None:
    books = Ledger()
    [noted] = books.item(D(100), kind="advance_request")
    payment = books.pay(D(100), {noted: D(100)}, kind="advance")
    derived = derive(books.account_lines(), [], TODAY)
    assert derived.applications == [] and [p.key for p in derived.payments] == [payment]


def test_money_for_two_accounts_in_one_document_is_a_payment_on_each() -> None:
    books = Ledger()
    name = books.document(*({"role": "payment", "amount": D(-5), "customer_key": k} for k in ("K", "L")))
    derived = derive(books.account_lines(), [], TODAY)
    assert [(p.key, p.customer_key, p.amount) for p in derived.payments] == [(name, "K", 5), (f"{name}@L", "L", 5)]


def test_what_was_cleared_by_one_document_in_two_currencies_is_never_mixed() -> None:
    books = Ledger()
    [yen], [yuan] = books.item(D(100), currency="JPY"), books.item(D(7))
    payment = books.pay(D(7), {})
    books.clear("C1/2026/99", [yen, yuan, f"{payment}/1"])
    assert shown(derive(books.account_lines(), [], TODAY)) == [
        ("payment", "2026-01-01", None, "", "0", yen, "100"),
        ("payment", "2026-01-01", None, payment, "7", yuan, "7"),
    ]


def test_components_hold_together_by_clearing_reference_reversal_and_memory() -> None:
    books = Ledger()
    [a], [b], [c], [d] = (books.item(D(10)) for _ in range(4))
    books.pay(D(4), {a: D(4)})
    books.clear(f"{books.pay(D(10), {})}", [b])
    books.reverse(c.rpartition("/")[0])
    memory = [Cleared(line=d, clearing="C1/2026/77", cleared_on=START)]
    memory.append(Cleared(line=a, clearing="C1/2026/77", cleared_on=START))
    found = components(books.account_lines(), memory)
    assert [sorted({a, b, c, d} & keys) for keys in found] == [sorted([a, d]), [b], [c]]


def observed(books: Ledger, *moves: Callable[[], object]) -> Derived:
    """Let each move happen and look at the books after it, on the day it happens."""
    derived = derive(books.account_lines(), [], books.today)
    for move in moves:
        move()
        derived = derive(books.account_lines(), derived.cleared, books.today)
    return derived


@pytest.mark.parametrize("pair_is_cleared", [True, False])
def test_a_reset_is_dated_by_the_reversal_of_a_transfer_that_took_part(pair_is_cleared: bool) -> None:
    books = Ledger()
    item, first, transfer = transferred(books, D(40), D(40))
    second = books.pay(D(60), {item: D(60)})
    seen = derive(books.account_lines(), [], books.today).cleared
    books.wait(5)
    books.undo_transfer(transfer)
    if not pair_is_cleared:
        books.reset(books.lines[f"{transfer}/1"]["clearing"])
    books.wait(5)
    assert shown(derive(books.account_lines(), seen, books.today)) == [
        ("payment", "2026-01-01", "2026-01-06", first, "40", item, "40"),
        ("payment", "2026-01-01", "2026-01-06", second, "60", item, "60"),
    ]


def test_a_reset_is_dated_by_the_clearing_that_came_after_it() -> None:
    books = Ledger()
    item, first = paid(books)
    seen = derive(books.account_lines(), [], books.today).cleared
    books.reset(first)
    books.wait(5)
    second = books.pay(D(80), {item: D(80)})
    books.wait(5)
    assert shown(derive(books.account_lines(), seen, books.today)) == [
        ("payment", "2026-01-01", "2026-01-06", first, "80", item, "80"),
        ("payment", "2026-01-06", None, second, "80", item, "80"),
    ]


def test_a_clearing_undone_on_its_own_day_does_not_end_the_one_that_followed() -> None:
    books = Ledger()
    item, first = paid(books)
    second: list[str] = []
    derived = observed(
        books,
        lambda: books.reset(first),
        lambda: second.append(books.pay(D(80), {item: D(80)})),
        lambda: books.wait(3),
        lambda: books.reset(second[0]),
    )
    assert shown(derived) == [("payment", "2026-01-01", "2026-01-04", second[0], "80", item, "80")]


def test_money_posted_before_the_item_settles_it_from_the_items_day() -> None:
    books = Ledger()
    payment = books.pay(D(30), {})
    books.wait(4)
    [item] = books.item(D(50))
    books.lines[f"{payment}/1"]["settles"] = item
    assert shown(derive(books.account_lines(), [], TODAY)) == [
        ("payment", "2026-01-05", None, payment, "30", item, "30")
    ]


def test_money_moved_to_another_account_is_a_payment_there() -> None:
    books = Ledger()
    payment = books.pay(D(30), {})
    name = books.document(
        {"role": "transfer", "amount": D(30)}, {"role": "transfer", "amount": D(-30), "customer_key": "L"}
    )
    books.settle(f"{name}/1", f"{payment}/1")
    derived = derive(books.account_lines(), [], TODAY)
    assert [(p.key, p.customer_key, p.amount) for p in derived.payments] == [(payment, "K", 30), (f"{name}/2", "L", 30)]
    assert shown(derived) == [("payment", "2026-01-01", None, payment, "30", "", "0")]


def test_an_item_deferred_by_a_transfer_takes_its_new_due_date() -> None:
    books = Ledger()
    [item] = books.item(D(90))
    debit = {"role": "transfer", "amount": D(90), "due_date": date(2026, 9, 9)}
    name = books.document({"role": "transfer", "amount": D(-90)}, debit)
    books.settle(f"{name}/1", item)
    derived = derive(books.account_lines(), [], TODAY)
    assert [(i.key, i.due_date) for i in derived.items] == [(item, None), (f"{name}/2", date(2026, 9, 9))]


def test_a_transfer_reversed_after_a_forgotten_reset_leaves_item_and_payment_as_if_never_settled() -> None:
    books = Ledger()
    item, payment, transfer = transferred(books, D(60), D(60))
    books.wait(5)
    books.undo_transfer(transfer)
    derived = derive(books.account_lines(), [], TODAY)
    assert [i.key for i in derived.items] == [item] and [p.key for p in derived.payments] == [payment]
    assert derived.applications == []


def test_equal_amounts_find_each_other_so_that_a_discount_lands_where_it_was_granted() -> None:
    books = Ledger()
    [large], [small] = books.item(D(70)), books.item(D(30))
    less = {"role": "payment", "amount": D(-30), "discount": D(-1)}
    name = books.document(less, {"role": "payment", "amount": D(-70)})
    books.clear(name, [large, small, f"{name}/1", f"{name}/2"])
    assert ("discount", "2026-01-01", None, name, "0", small, "1") in shown(derive(books.account_lines(), [], TODAY))


def test_equal_amounts_on_one_account_come_before_those_of_others() -> None:
    books = Ledger()
    [other], [own] = books.item(D(30), customer_key="L"), books.item(D(30))
    name = books.document({"role": "payment", "amount": D(-30), "discount": D(-1)})
    more = books.document({"role": "payment", "amount": D(-30), "customer_key": "L"})
    books.clear(name, [other, own, f"{name}/1", f"{more}/1"])
    assert ("discount", "2026-01-01", None, name, "0", own, "1") in shown(derive(books.account_lines(), [], TODAY))


def test_everything_cleared_by_the_transfer_itself_goes_from_source_to_target() -> None:
    books = Ledger()
    [item] = books.item(D(10))
    payment = books.pay(D(10), {})
    both = ({"role": "transfer", "amount": D(10)}, {"role": "transfer", "amount": D(-10)})
    name = books.document(*both)
    books.clear(name, [item, f"{payment}/1", f"{name}/1", f"{name}/2"])
    assert shown(derive(books.account_lines(), [], TODAY)) == [
        ("payment", "2026-01-01", None, payment, "10", item, "10")
    ]


def test_a_bill_collected_and_then_dishonoured_leaves_no_money_behind() -> None:
    books = Ledger()
    name = books.document({"role": "payment", "amount": D(-500)}, {"role": "bill", "amount": D(500)})
    books.wait(10)
    collected = books.document({"role": "bill", "amount": D(-500)})
    books.settle(f"{collected}/1", f"{name}/2")
    books.wait(10)
    books.undo_transfer(collected)
    books.reverse(name)
    derived = derive(books.account_lines(), [], TODAY)
    assert [(p.key, p.reversed_on) for p in derived.payments] == [(name, date(2026, 1, 21))]
    assert derived.items == [] and derived.applications == []


@pytest.mark.parametrize(
    ("currency", "amount", "local", "booked", "stated", "quarter"),
    [
        ("USD", "1080.00", "EUR", "1000.00", "1", "250.00"),  # quoted the other way round, 1.08 USD for 1 EUR
        ("JPY", "10000", "EUR", "60.00", "0.60000", "15.00"),  # quoted for 100 JPY
        ("USD", "7.77", "CNY", "55.83", "7.1845", "13.96"),  # a cent beside, as the last line of a document takes it
        ("VND", "26123457", "KWD", "309.211", "1", "77.303"),
        ("USD", "-1080.00", "EUR", "-1000.00", "1", "-250.00"),
        ("USD", "1000.00", "CNY", "7184.50", "7.1845", "1796.13"),
    ],
)
def test_what_an_item_is_in_local_money_is_what_the_erp_booked_however_it_quotes_the_rate(
    currency: str, amount: str, local: str, booked: str, stated: str, quarter: str
) -> None:
    books = Ledger()
    money = {"currency": currency, "local_currency": local, "rate": D(stated)}
    books.item(D(amount), local_amount=D(booked), **money)
    [item] = derive(books.account_lines(), [], TODAY).items
    [row] = ageing([item], [], [], [], [], TODAY).items
    assert row.local == D(booked)
    paid = Application(key="A", kind="payment", applied_on=START, target_key=item.key, amount=D(amount) * 3 / 4)
    [row] = ageing([item], [], [paid], [], [], TODAY).items
    assert row.local == D(quarter)


@pytest.mark.parametrize("stated", ["1", "0.60000"])
def test_what_a_payment_is_in_local_money_is_what_its_lines_were_booked_at(stated: str) -> None:
    books = Ledger()
    yen = {"currency": "JPY", "local_currency": "EUR", "rate": D(stated)}
    books.document(
        {"role": "payment", "amount": D(-7_000), "discount": D(-100), "local_amount": D("-41.90"), **yen},
        {"role": "payment", "amount": D(-3_000), "local_amount": D("-17.95"), **yen},
    )
    [payment] = derive(books.account_lines(), [], TODAY).payments
    assert (payment.amount, quantize(payment.rate * 10_000, "EUR")) == (D(9_900), D("59.85"))


def test_a_rate_that_gives_the_booked_amount_stays_as_the_erp_states_it() -> None:
    books = Ledger()
    for amount, booked in (("1000.00", "7184.50"), ("0.07", "0.50"), ("0.00", "0.00"), ("0.00", "3.00")):
        books.item(D(amount), currency="USD", local_currency="CNY", local_amount=D(booked), rate=D("7.1845"))
    assert {item.rate for item in derive(books.account_lines(), [], TODAY).items} == {D("7.1845")}
