"""How far an order has come: the rules one by one, and all together against a slow count."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from crm_core.order_progress import (
    DeliveredLine,
    InvoicedLine,
    OrderedLine,
    OrderProgress,
    PlacedOrder,
    order_progress,
)

D = Decimal
DAY = date(2026, 3, 31)
BEFORE, AFTER = DAY - timedelta(1), DAY + timedelta(1)


def order(*quantities: str, **more: Any) -> PlacedOrder:
    lines = tuple(
        OrderedLine(line=str(number * 10), unit="PCS", quantity=D(quantity))
        for number, quantity in enumerate(quantities, 1)
    )
    plain = {"key": "A/1", "company_code": "A", "number": "1", "order_date": BEFORE, "lines": lines}
    return PlacedOrder(**(plain | more))


def delivered(quantity: str, line: str = "10", on: date | None = DAY) -> DeliveredLine:
    return DeliveredLine(order_key="A/1", order_line=line, quantity=D(quantity), goods_issued_on=on)


def invoiced(quantity: str, kind: str = "invoice", line: str = "10", **more: Any) -> InvoicedLine:
    plain = {
        "order_key": "A/1",
        "order_line": line,
        "quantity": D(quantity),
        "posting_date": DAY,
        "document_kind": kind,
    }
    return InvoicedLine(**(plain | more))


def only(
    placed: PlacedOrder, moved: list[DeliveredLine] | None = None, billed: list[InvoicedLine] | None = None
) -> OrderProgress:
    [progress] = order_progress([placed], moved or [], billed or [], DAY)
    return progress


def shown(progress: OrderProgress) -> list[str]:
    quantities = progress.lines[0].quantities
    return [str(getattr(quantities, name)) for name in quantities.__struct_fields__]


def test_goods_count_once_they_have_left_and_a_return_does_not_reopen_the_order() -> None:
    moved = [delivered("6"), delivered("-2.5"), delivered("4", on=AFTER), delivered("9", on=None)]
    assert shown(only(order("10"), moved)) == ["10.000", "3.500", "0.000", "4.000"]


def test_more_than_was_ordered_leaves_nothing() -> None:
    progress = only(order("10"), [delivered("12")], [invoiced("12")])
    assert (shown(progress), progress.status) == (["10.000", "12.000", "12.000", "0.000"], "complete")


def test_pro_forma_and_provisional_invoices_and_their_reversals_never_count() -> None:
    billed = [
        invoiced("10", "pro_forma"),
        invoiced("10", "provisional"),
        invoiced("-10", "reversal", reversed_kind="provisional"),
        invoiced("10"),
        invoiced("-10", "reversal", reversed_kind="invoice"),
        invoiced("7"),
        invoiced("-1", "credit_memo"),
        invoiced("5", posting_date=AFTER),
    ]
    assert shown(only(order("10"), [], billed))[2] == "6.000"


def test_status_goes_by_cancellation_then_credit_then_quantities() -> None:
    done: Any = ([delivered("10")], [invoiced("10")])
    hold = ((BEFORE, None),)
    assert only(order("10", cancelled_on=DAY, credit_holds=hold), *done).status == "cancelled"
    assert only(order("10", cancelled_on=AFTER, credit_holds=hold), *done).status == "credit_hold"
    assert only(order("10", credit_holds=((BEFORE, DAY), (AFTER, None))), *done).status == "complete"
    assert only(order("10"), done[0]).status == "open"
    assert only(order("10", "1"), *done).status == "open"
    assert only(order()).status == "open"


def test_a_cancelled_order_or_line_leaves_nothing() -> None:
    assert shown(only(order("10", cancelled_on=DAY), [delivered("4")]))[3] == "0.000"
    rejected = OrderedLine(line="20", unit="PCS", quantity=D(5), cancelled_on=DAY)
    placed = order(lines=(OrderedLine(line="10", unit="PCS", quantity=D(1)), rejected))
    assert only(placed, [delivered("1")], [invoiced("1")]).status == "complete"


def test_an_order_placed_later_is_not_there_yet() -> None:
    assert order_progress([order("1", order_date=AFTER)], [], [], DAY) == []


QUANTITIES = st.integers(-9, 30).map(lambda thousandths: D(thousandths) / 8)
DAYS = st.integers(0, 6).map(lambda days: BEFORE + timedelta(days))
LINES = st.sampled_from(["10", "20"])


@given(
    st.lists(st.builds(delivered, QUANTITIES.map(str), LINES, st.none() | DAYS)),
    st.lists(
        st.builds(invoiced, QUANTITIES.map(str), st.sampled_from(["invoice", "pro_forma"]), LINES, posting_date=DAYS)
    ),
    DAYS,
)
def test_the_figures_are_the_sums_of_what_took_effect(
    moved: list[DeliveredLine], billed: list[InvoicedLine], as_of: date
) -> None:
    placed = order("10", "2.5")
    [progress] = order_progress([placed], moved, billed, as_of)
    for line in progress.lines:
        mine = [
            m.quantity for m in moved if m.order_line == line.line and m.goods_issued_on and m.goods_issued_on <= as_of
        ]
        left = max(line.quantities.ordered - sum(q for q in mine if q > 0), D(0))
        real = [b for b in billed if b.document_kind == "invoice"]
        count = [b.quantity for b in real if b.order_line == line.line and b.posting_date <= as_of]
        assert (line.quantities.delivered, line.quantities.invoiced, line.quantities.remaining) == (
            sum(mine, D(0)),
            sum(count, D(0)),
            left,
        )
    for name in ("ordered", "delivered", "invoiced", "remaining"):
        assert getattr(progress.by_unit["PCS"], name) == sum(getattr(line.quantities, name) for line in progress.lines)
