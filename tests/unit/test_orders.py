"""The way of an order, from the quote to the money, told by documents only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from crm_core import model, orders, quotes, schema
from crm_core.database import Database
from crm_core.errors import NotFoundError
from crm_core.outbox import Outbox
from crm_core.quote_rows import DraftLine
from tests.crm import NOW, SALES, TODAY, Clock, add_record, draft, small_crm

D = Decimal
LATER = NOW + timedelta(days=60)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = small_crm(database_url)
    yield database
    database.dispose()


@pytest.fixture
def quote(db: Database) -> str:
    """A quote of 10 pumps and 5 seals, accepted."""
    lines = (DraftLine("P1", D(10)), DraftLine("P2", D(5)))
    number = quotes.create(db, SALES, NOW, draft(*lines, customer_po="PO-9"))
    quotes.accept(db, SALES, NOW, number)
    return number


def send(db: Database) -> None:
    box = Outbox(db, Clock(), owner="a")
    for entry in box.claim("s4", lease_s=60):
        begun = box.begin_attempt(entry, {}, "m1", NOW + timedelta(seconds=9))
        box.settle(begun, "sent", "4500001")


def order(db: Database, **more: Any) -> None:
    """The ERP's order of the quote."""
    values: dict[str, Any] = {
        "number": "4500001",
        "company_code": "CN01",
        "customer_key": "10000001",
        "customer_po": "PO-9",
        "our_key": "CT7-Q000001",
        "order_date": TODAY,
        "currency": "CNY",
        "net_amount": D("1003.75"),
        "status": "open",
        "lines": [
            model.OrderLine(line="10", product_key="P1", quantity=D(10), unit="PCE", our_line="10"),
            model.OrderLine(line="20", product_key="P2", quantity=D(5), unit="PCE", our_line="20"),
        ],
        **more,
    }
    with db.write() as conn:
        add_record(conn, "orders", "4500001", model.Order(**values))


def deliver(db: Database, number: str, line: str, quantity: int, issued: date | None, kind: str = "delivery") -> None:
    lines = [model.DeliveryLine(line="10", order_key="4500001", order_line=line, quantity=D(quantity), unit="PCE")]
    with db.write() as conn:
        record = model.Delivery(number=number, kind=kind, planned_on=TODAY, goods_issued_on=issued, lines=lines)
        add_record(conn, "deliveries", number, record)


def invoice(db: Database, number: str, line: str, quantity: int, on: date, **more: Any) -> None:
    values: dict[str, Any] = {
        "number": number,
        "kind": "invoice",
        "company_code": "CN01",
        "fiscal_year": "2026",
        "document_key": f"CN01/2026/18{number}",
        "customer_key": "10000001",
        "document_date": on,
        "posting_date": on,
        "currency": "CNY",
        "net_amount": D(100),
        "gross_amount": D(100),
        **more,
    }
    lines = [model.InvoiceLine(line="10", order_key="4500001", order_line=line, quantity=D(quantity), unit="PCE")]
    with db.write() as conn:
        add_record(conn, "invoices", number, model.Invoice(**values, lines=lines))


def owed(db: Database, number: str, amount: str, on: date, *, by_invoice: bool = True) -> str:
    key = f"CN01/2026/18{number}/1"
    row = {
        "company_code": "CN01",
        "customer_key": "10000001",
        "fiscal_year": "2026",
        "document_number": f"18{number}",
        "instalment": "1",
        "kind": "trade",
        "document_kind": "invoice",
        "document_date": on,
        "posting_date": on,
        "currency": "CNY",
        "amount": D(amount),
        "local_currency": "CNY",
        "rate": D(1),
        "disputed": False,
        "reference": "",
        "invoice_key": number if by_invoice else "",
    }
    with db.write() as conn:
        conn.execute(insert(schema.open_item).values(system="s4", key=key, **row))
    return key


def pay(db: Database, key: str, amount: str, on: date, *, undone: date | None = None) -> None:
    row = {"kind": "payment", "applied_on": on, "reversed_on": undone, "source_kind": "payment", "source_key": "p"}
    more = {"source_amount": D(amount), "target_key": key, "amount": D(amount), "group_key": ""}
    with db.write() as conn:
        conn.execute(insert(schema.application).values(system="s4", key=f"{key}-{on}-{amount}", **row, **more))


def way(db: Database, number: str = "4500001") -> dict[str, Any]:
    (found,) = orders.timeline(db, SALES, LATER, number)
    return found


def stages(db: Database) -> list[str]:
    return [line["stage"] for line in way(db)["lines"]]


def test_before_the_erp_knows_of_it_the_way_ends_in_the_outbox(db: Database, quote: str) -> None:
    for name in (quote, "PO-9", "CT7-Q000001"):
        found = way(db, name)
        assert [step["stage"] for step in found["steps"]] == ["quoted", "accepted", "accepted"]
        assert (found["status"], found["number"]) == ("accepted", "")
        assert [(line["our_line"], line["stage"]) for line in found["lines"]] == [
            ("10", "accepted"),
            ("20", "accepted"),
        ]
    send(db)
    assert [line["stage"] for line in way(db, quote)["lines"]] == ["sent", "sent"]
    assert way(db, quote)["steps"][-1]["document"] == "4500001"


def test_every_name_of_an_order_leads_to_the_same_way(db: Database, quote: str) -> None:
    send(db)
    order(db)
    whole = way(db)
    assert (whole["quote"], whole["customer"], whole["customer_name"]) == (quote, "C01", "上海明华贸易有限公司")
    assert (whole["key"], whole["seen_at"]) == ("CT7-Q000001", NOW)
    for name in (quote, "PO-9", "CT7-Q000001"):
        assert way(db, name) == whole
    assert [step["stage"] for step in whole["steps"]] == ["quoted", "accepted", "sent", "ordered"]
    assert {step["source"] for step in whole["steps"]} == {"crm", "s4"}
    with pytest.raises(NotFoundError):
        orders.timeline(db, SALES, LATER, "nothing")


def test_a_line_moves_only_on_evidence(db: Database, quote: str) -> None:
    order(db)
    assert stages(db) == ["ordered", "ordered"]
    deliver(db, "80000001", "10", 4, None)
    assert stages(db) == ["picked", "ordered"]
    deliver(db, "80000002", "10", 4, TODAY + timedelta(days=1))
    assert stages(db) == ["part-shipped", "ordered"]
    deliver(db, "80000003", "10", 6, TODAY + timedelta(days=3))
    assert stages(db) == ["shipped", "ordered"]
    assert [step["stage"] for step in way(db)["lines"][0]["steps"]] == ["picked", "part-shipped", "shipped"]
    invoice(db, "90000001", "10", 4, TODAY + timedelta(days=4))
    assert stages(db) == ["shipped", "ordered"]
    invoice(db, "90000002", "10", 6, TODAY + timedelta(days=5))
    assert stages(db) == ["invoiced", "ordered"]
    first = owed(db, "90000001", "400.00", TODAY)
    second = owed(db, "90000002", "600.00", TODAY, by_invoice=False)
    pay(db, first, "400.00", TODAY + timedelta(days=30))
    pay(db, second, "599.99", TODAY + timedelta(days=31))
    assert stages(db) == ["invoiced", "ordered"]
    pay(db, second, "0.01", TODAY + timedelta(days=33))
    assert stages(db) == ["paid", "ordered"]
    last = way(db)["lines"][0]["steps"][-1]
    assert (last["stage"], last["on"]) == ("paid", TODAY + timedelta(days=33))
    line = way(db)["lines"][0]
    assert (line["ordered"], line["delivered"], line["invoiced"], line["remaining"]) == (D(10), D(10), D(10), D(0))


def test_what_the_erp_takes_back_takes_the_step_back(db: Database, quote: str) -> None:
    order(db)
    deliver(db, "80000001", "10", 10, TODAY)
    invoice(db, "90000001", "10", 10, TODAY)
    key = owed(db, "90000001", "100.00", TODAY)
    pay(db, key, "100.00", TODAY + timedelta(days=3), undone=TODAY + timedelta(days=9))
    assert stages(db)[0] == "invoiced"
    invoice(db, "90000002", "10", -10, TODAY + timedelta(days=9), kind="reversal", reverses="90000001")
    assert stages(db)[0] == "shipped"
    deliver(db, "84000001", "10", -2, TODAY + timedelta(days=9), "return")
    line = way(db)["lines"][0]
    assert (line["stage"], line["delivered"], line["remaining"]) == ("shipped", D(8), D(0))


def test_a_pro_forma_invoice_is_no_invoice(db: Database, quote: str) -> None:
    order(db)
    invoice(db, "90000001", "10", 10, TODAY, kind="pro_forma", document_key="")
    assert stages(db)[0] == "ordered"


def test_a_credit_hold_shows_with_its_days_until_it_is_released(db: Database, quote: str) -> None:
    order(db, status="credit_hold", credit_status="B")
    hold = {"system": "s4", "key": "4500001", "from_on": TODAY}
    with db.write() as conn:
        conn.execute(insert(schema.order_hold).values(**hold, until_on=None))
    assert (way(db)["status"], stages(db)) == ("credit_hold", ["credit", "credit"])
    with db.write() as conn:
        conn.execute(update(schema.order_hold).values(until_on=TODAY + timedelta(days=2)))
        conn.execute(update(schema.erp_order).values(status="open"))
        event = {"system": "s4", "key": "4500001", "at": NOW, "event": "status"}
        conn.execute(insert(schema.order_event).values(**event, detail={"from": "credit_hold", "to": "open"}))
    found = way(db)
    assert (found["status"], stages(db)) == ("open", ["ordered", "ordered"])
    credit = next(step for step in found["steps"] if step["stage"] == "credit")
    assert (credit["on"], credit["until"]) == (TODAY, TODAY + timedelta(days=2))
    assert found["steps"][-1]["to"] == "open"


def test_a_cancelled_order_and_a_rejected_line(db: Database, quote: str) -> None:
    order(db)
    with db.write() as conn:
        conn.execute(update(schema.erp_order_line).where(schema.erp_order_line.c.line == "20").values(rejected=True))
    assert stages(db) == ["ordered", "cancelled"]
    with db.write() as conn:
        conn.execute(update(schema.erp_order).values(status="cancelled", cancelled_on=TODAY))
    assert (way(db)["status"], stages(db)) == ("cancelled", ["cancelled", "cancelled"])


def test_the_erps_calendar_may_be_ahead_of_ours(db: Database, quote: str) -> None:
    ahead = date(2031, 1, 5)
    order(db, order_date=ahead)
    deliver(db, "80000001", "10", 10, ahead)
    assert stages(db)[0] == "shipped"
    deliver(db, "80000002", "20", 5, ahead + timedelta(days=9))
    assert stages(db)[1] == "ordered"
    pulled = {"id": "r", "system": "s4", "obj": "orders", "direction": "pull", "state": "done", "counts": {}}
    with db.write() as conn:
        erp_time = NOW.replace(year=2031, month=2, day=1)
        conn.execute(insert(schema.run).values(**pulled, started_at=NOW, erp_time=erp_time))
    assert stages(db)[1] == "shipped"


def test_orders_are_listed_newest_first_and_filtered(db: Database, quote: str) -> None:
    send(db)
    order(db)
    with db.write() as conn:
        old = model.Order(
            number="4400000",
            company_code="US01",
            customer_key="10000002",
            order_date=TODAY - timedelta(days=9),
            currency="USD",
            status="complete",
        )
        add_record(conn, "orders", "4400000", old)

    def found(**more: Any) -> list[str]:
        return [row["number"] for row in orders.listing(db, SALES, **more)]

    assert found() == ["4500001", "4400000"]
    assert found(ours=True) == found(customer="C01") == found(company="CN01") == found(status="open") == ["4500001"]
    assert found(since=TODAY) == ["4500001"]
    assert found(until=TODAY - timedelta(days=1)) == ["4400000"]
    assert found(system="u8") == []
    row = orders.listing(db, SALES, ours=True)[0]
    assert (row["quote"], row["customer"], row["customer_name"]) == (quote, "C01", "上海明华贸易有限公司")
    with db.write() as conn:
        conn.execute(delete(schema.external_ref).where(schema.external_ref.c.obj == "customers"))
    assert found() == ["4500001", "4400000"]
    assert way(db)["customer"] == "10000001"
