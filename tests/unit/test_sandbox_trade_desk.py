"""What products write into a trade book, what the days and an ERP user do to it, and what a refusal leaves behind."""

from __future__ import annotations

import pickle
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.front import Caller, ControlError
from sandbox.http import Tweaks
from sandbox.office.agreements import NewTerm
from sandbox.office.listing import cut, renamed
from sandbox.office.trade import Account, NewLine, Office, Order, TradeError, open_office

TODAY = date(2026, 6, 15)
ZERO = Decimal(0)
BOOKS = ("orders", "customers", "deliveries", "invoices", "open_items", "payments", "applications", "contracts")


@pytest.fixture
def office() -> Office:
    return opened()


def opened(seed: int = 7) -> Office:
    office = open_office(None, None, TODAY, seed)
    office.begin(Caller("request-1", "CROSSTIE"))
    return office


def customer(office: Office, key: str = "K1002") -> Any:
    return next(each for each in office.customers.values() if each.key == key)


def line(office: Office, code: str = "LQ-1010", quantity: str = "3", **more: Any) -> NewLine:
    product = next(each for each in office.products.values() if each.code == code)
    return NewLine(product, Decimal(quantity), **more)


def order(office: Office, *lines: NewLine, **more: Any) -> Order:
    return office.sales.create_order(customer(office), "CN01", lines or (line(office),), **more)


def book(office: Office) -> dict[str, Any]:
    return {name: office.book(name) for name in BOOKS}


def row(office: Office, name: str, number: object) -> dict[str, Any]:
    return next(each for each in office.book(name) if each["number"] == str(number))


# -- orders ------------------------------------------------------------------------------------------------------------


def test_an_order_takes_prices_and_tax_from_the_books(office: Office) -> None:
    made = order(office, line(office), line(office, "LQ-1310", "10", price=Decimal("100.00"), includes_tax=True))
    assert (made.currency, made.terms, made.ordered) == ("CNY", "N30", TODAY)
    assert [each.amounts for each in made.lines] == [
        (Decimal("14580.00"), Decimal("1895.40")),
        (Decimal("884.96"), Decimal("115.04")),
    ]
    shown = row(office, "orders", made.id)
    assert (shown["created_by_request"], shown["status"], shown["created_count"]) == ("request-1", "open", 1)
    assert shown["total"] == Decimal("15464.96")


@pytest.mark.parametrize(
    ("code", "values"),
    [
        ("no-lines", {"lines": ()}),
        ("no-account", {"company": "US01"}),
        ("unknown-currency", {"currency": "XXX"}),
        ("unknown-terms", {"terms": "NEVER"}),
        ("bad-quantity", {"quantity": "0"}),
        ("bad-price", {"price": Decimal(-1)}),
        ("no-price", {"currency": "GBP"}),
        ("customer-blocked", {"blocked": True}),
    ],
)
def test_a_refused_order_leaves_no_trace(office: Office, code: str, values: dict[str, Any]) -> None:
    customer(office).blocked = values.pop("blocked", False)
    new = line(office, quantity=values.pop("quantity", "3"), price=values.pop("price", None))
    before = book(office)
    with pytest.raises(TradeError) as refusal, office.attempt():
        office.sales.create_order(
            customer(office), values.pop("company", "CN01"), values.pop("lines", (line(office), new)), **values
        )
    assert refusal.value.code == code
    assert book(office) == before


def test_an_order_changes_line_by_line(office: Office) -> None:
    made = order(office, line(office), line(office, "LQ-1310"))
    first, second = made.lines
    stamp = made.changed
    office.sales.change_line(first, quantity=Decimal(5))
    third = office.sales.add_line(made, line(office, "LQ-1400", "2", fixed=(Decimal("800.00"), Decimal("104.00"))))
    office.sales.cancel_line(second)
    office.sales.change_order(made, customer_po="PO-2", extra={"memo": "x"})
    assert made.changed > stamp
    assert made.net == first.amounts[0] + Decimal("800.00")
    assert [change["request"] for change in row(office, "orders", made.id)["changes"]] == ["request-1"] * 4
    office.sales.remove_line(third)
    assert [each.number for each in made.lines] == [10, 20]
    with pytest.raises(TradeError, match="cannot be changed"):
        office.sales.change_order(made, currency="USD")
    office.sales.cancel_order(made)
    assert made.status == "cancelled"
    with pytest.raises(TradeError, match="is cancelled"):
        office.sales.change_line(first, quantity=Decimal(6))


def test_over_the_limit_an_order_waits(office: Office) -> None:
    buyer = customer(office)
    buyer.credit_limit = office.exposure(buyer, "CNY") + 20000
    assert order(office).credit == "ok"
    held = order(office)
    assert (held.status, held.holds) == ("credit_hold", [(TODAY, None)])
    office.advance(3)
    assert not held.deliveries
    office.mutate({"what": "release_credit", "order": str(held.id)})
    assert (held.credit, held.holds) == ("released", [(TODAY, TODAY + timedelta(days=3))])
    office.advance(3)
    assert held.deliveries


def test_orders_live_on_until_they_are_paid(office: Office) -> None:
    made = [order(office, line(office, quantity=str(n))) for n in range(1, 21)]
    draft = order(office, released=False)
    office.advance(150)
    assert draft.status == "draft" and not draft.deliveries
    for each in made:
        assert each.status == "complete"
        invoices = [invoice for invoice in each.invoices if invoice.kind == "invoice"]
        assert sum((invoice.gross for invoice in invoices), ZERO) == each.gross
        assert sum((invoice.balance() for invoice in invoices), ZERO) == 0
    assert any(len(each.deliveries) == 2 for each in made)
    assert any(len(invoice.instalments[0].applications) == 2 for each in made for invoice in each.invoices)
    days = {a.on - a.item.due for each in made for i in each.invoices for p in i.instalments for a in p.applications
            if a.item.due}  # fmt: skip
    assert max(days) > timedelta(days=30)


def test_the_same_days_again_bring_the_same(office: Office) -> None:
    other = opened()
    for each in (office, other):
        for n in range(1, 6):
            order(each, line(each, quantity=str(n)))
        each.advance(60)
    kept = [
        [{k: v for k, v in r.items() if not k.endswith("_at")} for r in o.book("payments")] for o in (office, other)
    ]
    assert kept[0] == kept[1]


# -- an ERP user -------------------------------------------------------------------------------------------------------


def posted(office: Office, amount: str = "100.00", **more: Any) -> str:
    made = office.mutate(
        {"what": "post_invoice", "customer": str(customer(office).id), "company": "CN01", "amount": amount, **more}
    )
    assert len(made["items"]) == 1
    return str(made["number"])


def test_money_by_hand(office: Office) -> None:
    invoice = posted(office)
    item = f"{invoice}/1"
    paid = office.mutate({"what": "pay", "company": "CN01", "item": item, "amount": "60.00", "discount": "1.00"})
    assert row(office, "open_items", item)["rest"] == Decimal("39.00")
    office.mutate({"what": "return_payment", "payment": paid["number"], "on": "2026-06-20"})
    assert row(office, "open_items", item)["rest"] == Decimal("100.00")
    memo = posted(office, "-30.00")
    used = office.mutate({"what": "apply", "credit": f"{memo}/1", "item": item, "amount": "30.00"})
    assert (row(office, "open_items", item)["rest"], row(office, "open_items", f"{memo}/1")["rest"]) == (70, 0)
    office.mutate({"what": "reset", "application": used["number"], "on": "2026-07-01"})
    found = next(each for each in office.instalments() if str(each.invoice.id) == invoice)
    assert (found.balance(), found.balance(date(2026, 6, 30)), found.balance(date(2026, 6, 15))) == (100, 70, 9)
    office.mutate({"what": "write_off", "item": item, "amount": "100.00", "posting_date": "2026-07-02"})
    office.mutate({"what": "reverse", "invoice": invoice, "posting_date": "2026-07-03"})
    assert found.balance() == 0
    assert found.balance(date(2026, 7, 1)) == 100


@pytest.mark.parametrize(
    "change",
    [
        {"what": "fly"},
        {"what": "reverse", "invoice": "none"},
        {"what": "set", "object": "planets", "number": "1", "values": {}},
        {"what": "pay", "company": "CN01", "customer": "1", "amount": "much"},
        {"what": "amount", "object": "orders", "number": "1", "by": "1", "line": "11"},
        {"what": "write_off", "item": "1/1", "amount": "99999999999"},
        {"what": "apply", "payment": "1", "item": "1/1", "amount": "99999999999"},
        {"what": "credit_limit", "customer": "1", "amount": "1", "currency": "XXX"},
        {"what": "delete", "object": "applications", "number": "1"},
        {"what": "price", "company": "XX", "product": "LQ-1010", "rate": "1"},
    ],
)
def test_a_change_that_makes_no_sense_is_explained(office: Office, change: dict[str, Any]) -> None:
    before = book(office)
    with pytest.raises(ControlError):
        office.mutate(change)
    assert book(office) == before


def test_stamps_move_unless_it_is_done_in_silence(office: Office) -> None:
    made = order(office)
    number, stamp = str(made.id), made.changed
    by = {"what": "amount", "object": "orders", "number": number, "by": "0.01"}
    office.mutate({**by, "silent": True})
    assert (made.changed, made.net) == (stamp, Decimal("14580.01"))
    office.mutate(by)
    assert made.changed > stamp
    office.mutate({"what": "set", "object": "orders", "number": number,
                   "values": {"customer_po": "PO-9", "requested": "2026-08-01", "colour": "blue"}})  # fmt: skip
    assert (made.customer_po, made.requested, made.extra["colour"]) == ("PO-9", date(2026, 8, 1), "blue")
    office.mutate({"what": "rename", "customer": str(made.customer.id), "name": "新名"})
    office.mutate({"what": "block_customer", "customer": str(made.customer.id)})
    office.mutate({"what": "price", "company": "CN01", "product": "LQ-1010", "rate": "1.00", "from": "2026-07-01"})
    office.mutate({"what": "delete", "object": "orders", "number": number})
    assert made.id not in office.orders
    assert (made.customer.name, made.customer.blocked) == ("新名", True)
    product = made.lines[0].product
    prices = [office.price("CN01", product, made.customer, "CNY", date(2026, month, 1)) for month in (6, 7)]
    assert [price.amount for price in prices if price] == [Decimal("4860.00"), Decimal("1.00")]


def test_a_backdated_posting_is_entered_today(office: Office) -> None:
    number = posted(office, posting_date="2026-03-31", due="2026-05-01")
    shown = row(office, "invoices", number)
    assert (shown["posted_on"], shown["entered_on"], shown["created_at"].date()) == (date(2026, 3, 31), TODAY, TODAY)
    office.mutate({"what": "backdate", "object": "invoices", "number": number, "on": "2026-02-28"})
    assert row(office, "invoices", number)["posted_on"] == date(2026, 2, 28)


def test_what_others_refer_to_cannot_be_deleted(office: Office) -> None:
    made = order(office)
    office.advance(1)
    (delivery,) = made.deliveries
    for name, number in (("orders", made.id), ("customers", made.customer.id), ("products", "LQ-1010")):
        with pytest.raises(ControlError):
            office.mutate({"what": "delete", "object": name, "number": str(number)})
    office.mutate({"what": "delete", "object": "deliveries", "number": str(delivery.id)})
    assert (made.deliveries, made.lines[0].remaining) == ([], 3)
    office.advance(3)
    (invoice,) = made.invoices
    office.mutate({"what": "delete", "object": "invoices", "number": str(invoice.id)})
    assert (made.invoices, made.lines[0].invoiced, made.deliveries[0].invoiced) == ([], 0, False)
    office.advance(6)
    assert made.status == "complete"
    receipt = office.mutate({"what": "pay", "company": "CN01", "customer": str(made.customer.id), "amount": "5.00"})
    office.mutate({"what": "delete", "object": "payments", "number": receipt["number"]})
    assert receipt["number"] not in [each["number"] for each in office.book("payments")]


# -- the rest ----------------------------------------------------------------------------------------------------------


def test_a_customer_and_his_contract_come_in(office: Office) -> None:
    made = office.master.create_customer("新客户", [Account("CN01", "9", "CNY", "N30")], our_number="C000123")
    with pytest.raises(TradeError, match="already"):
        office.master.add_account(made, Account("CN01", "9", "CNY", "N30"))
    assert row(office, "customers", made.id)["key"] == {"our_number": "C000123"}
    product = next(iter(office.products.values()))
    term = NewTerm(product, Decimal(1), Decimal("500.00"), TODAY, date(2027, 6, 14))
    contract = office.agreements.create(made, "CN01", [term], external_id="CT7-S1")
    assert (contract.status(TODAY), contract.status(date(2028, 1, 1)), contract.net) == ("active", "expired", 500)
    office.agreements.cancel(contract)
    with pytest.raises(TradeError, match="is cancelled"):
        office.agreements.change(contract, end=date(2028, 1, 1))


def test_a_list_is_bent_as_a_fault_orders_it() -> None:
    rows = list(range(10))
    assert (cut(rows, 8, 4).rows, cut(rows, 8, 4).more) == ([8, 9], False)
    assert (cut(rows, 0, 5, Tweaks(page_limit=2)).rows, cut(rows, 0, 5, Tweaks(page_limit=2)).stop) == ([0, 1], 2)
    assert cut(rows, 0, 3, Tweaks(repeat="row")).rows == [0, 1, 2, 2]
    again = cut(rows, 3, 3, Tweaks(repeat="page"))
    assert (again.rows, again.stop, again.more) == ([0, 1, 2], 3, True)
    assert cut(rows, 0, 3, Tweaks(move=1)).rows == [0, 1, 2]
    assert cut(rows, 3, 3, Tweaks(move=1)).rows == [4, 5, 6]
    assert renamed({"a": [{"a": 1}], "b": 2}, Tweaks(rename=(("a", "c"),))) == {"c": [{"c": 1}], "b": 2}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["order", "line", "cancel", "pay", "reverse", "return", "reset", "advance", "rename"]),
        st.integers(0, 10**6),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(STEPS, STEPS)
def test_whatever_is_rolled_back_leaves_no_trace_and_money_adds_up(
    kept: list[tuple[str, int]], undone: list[tuple[str, int]]
) -> None:
    """What is owed is what was invoiced less what was paid, at any time; taking steps back restores every figure."""
    office = opened()
    for step in kept:
        take(office, step)
    sound(office)
    before, point = pickle.dumps(book(office)), office.savepoint()
    for step in undone:
        take(office, step, moves_clock=False)
    sound(office)
    office.rollback(point)
    assert pickle.dumps(book(office)) == before


def sound(office: Office) -> None:
    """Nothing falls below zero, and for each currency the documents are what is left of them plus what settled them."""
    for item in office.instalments():
        assert abs(item.balance()) <= abs(item.amount) and item.balance() * item.amount >= 0
    for receipt in office.receipts.values():
        assert ZERO <= receipt.unapplied() <= receipt.amount
    for currency in {invoice.currency for invoice in office.invoices.values()}:
        items = [i for i in office.instalments() if i.invoice.currency == currency and not i.invoice.reversed_by]
        receipts = [r for r in office.receipts.values() if r.currency == currency and not r.returned]
        given_away = [a for a in office.applications.values() if a.stands() and not a.taken
                      and a.item.invoice.currency == currency]  # fmt: skip
        left = sum((i.balance() for i in items), ZERO) - sum((r.unapplied() for r in receipts), ZERO)
        assert left == (
            sum((i.amount for i in items), ZERO)
            - sum((r.amount for r in receipts), ZERO)
            - sum((a.amount for a in given_away), ZERO)
        )


def take(office: Office, step: tuple[str, int], *, moves_clock: bool = True) -> None:
    """One step on some document that the number chooses; what the books refuse does not count."""
    name, n = step

    def some(table: Any) -> Any:
        found = list(table)
        return found[n % len(found)]

    try:
        with office.attempt():
            if name == "order":
                order(office, line(office, quantity=str(n % 50 + 1)))
            elif name == "line":
                office.sales.change_line(some(some(office.orders.values()).lines), quantity=Decimal(n % 50 + 1))
            elif name == "cancel":
                office.sales.cancel_order(some(office.orders.values()))
            elif name == "pay":
                item = some(office.instalments())
                receipt = office.ledger.receive(
                    "receipt",
                    item.invoice.company,
                    item.invoice.customer,
                    item.invoice.currency,
                    abs(item.amount),
                    TODAY,
                )
                office.ledger.apply("payment", item, item.balance() / 2, TODAY, receipt=receipt)
            elif name == "reverse":
                office.ledger.reverse(some(office.invoices.values()), TODAY)
            elif name == "return":
                office.ledger.give_back(some(office.receipts.values()), TODAY)
            elif name == "reset":
                office.ledger.undo(some(office.applications.values()), TODAY)
            elif name == "rename":
                office.master.change_customer(some(office.customers.values()), name=f"客户 {n}")
            elif moves_clock:
                office.advance(n % 20)
    except TradeError:
        pass
