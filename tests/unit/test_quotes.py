"""A quote's money, its versions, its check, and what accepting it leaves in the outbox."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from commands.quote_lines import changed_lines
from crm_core import adoption, audit, customers, outbox_desk, quote_pricing, quotes, schema
from crm_core.access import AccessDeniedError
from crm_core.database import Database
from crm_core.errors import NotFoundError, RefusedError
from crm_core.messages import MESSAGES
from crm_core.model import Order, OrderLine
from crm_core.quote_rows import DraftLine, DraftPart
from tests.crm import ADMIN, FINANCE, NOW, SALES, TODAY, add_record, draft, small_crm

D = Decimal


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = small_crm(database_url)
    yield database
    database.dispose()


def codes(db: Database, number: str, severity: str = "error") -> list[str]:
    return [found.code for found in quotes.check(db, SALES, NOW, number) if found.severity == severity]


def entries(db: Database) -> list[Any]:
    with db.read() as conn:
        return list(conn.execute(select(schema.outbox).order_by(schema.outbox.c.created_at, schema.outbox.c.version)))


def test_a_line_takes_price_unit_and_text_from_the_lists(db: Database) -> None:
    number = quotes.create(db, SALES, NOW, draft(DraftLine("P2", D(25), tax_rate=D(13))))
    shown = quotes.show(db, SALES, number)
    line = shown["lines"][0]
    assert (line["line"], line["price"], line["per"], line["unit"], line["text"]) == (
        "10",
        D("7.50"),
        D(10),
        "PCE",
        "Seal",
    )
    assert (line["net_amount"], line["tax_amount"], line["gross_amount"]) == (D("18.75"), D("2.44"), D("21.19"))
    assert (shown["currency"], shown["payment_terms"], shown["quoted_on"]) == ("CNY", "D30", TODAY)
    assert (shown["net_total"], shown["tax_total"], shown["gross_total"]) == (D("18.75"), D("2.44"), D("21.19"))


def test_the_customers_own_price_and_the_newest_come_first(db: Database) -> None:
    from crm_core.model import Price

    with db.write() as conn:
        newer = Price(product_key="P1", currency="CNY", amount=D(90), valid_from=date(2026, 1, 1))
        own = Price(product_key="P1", currency="CNY", amount=D(80), customer_key="10000001")
        other = Price(product_key="P1", currency="CNY", amount=D(1), customer_key="10000002")
        gone = Price(
            product_key="P1", currency="CNY", amount=D(2), valid_from=date(2026, 2, 1), valid_until=date(2026, 3, 30)
        )
        for seq, price in enumerate((newer, own, other, gone)):
            add_record(conn, "prices", f"P1/x{seq}", price)
    number = quotes.create(db, SALES, NOW, draft())
    assert quotes.show(db, SALES, number)["lines"][0]["price"] == D(80)


def test_a_list_price_of_another_company_is_none_of_the_quotes(db: Database) -> None:
    from crm_core.model import Price

    with db.write() as conn:
        for seq, (company, price) in enumerate((("US01", D(7)), ("CN01", D(8)), ("", D(9)))):
            newer = {"valid_from": date(2026, 1, 3 - seq), "company_code": company}
            add_record(conn, "prices", f"P3/{9 - seq}", Price(product_key="P3", currency="USD", amount=price, **newer))
        elsewhere = Price(product_key="P3", currency="EUR", amount=D(6), company_code="US01")
        add_record(conn, "prices", "P3/EUR", elsewhere)

    def priced(**more: str) -> D | None:
        number = quotes.create(db, SALES, NOW, draft(DraftLine("P3", D(1)), **more))
        return quotes.show(db, SALES, number)["lines"][0]["price"]

    assert priced(currency="USD") == D(8)
    assert priced(currency="USD", company_code="US01") == D(7)
    assert priced(currency="USD", company_code="DE01") == D(9)  # a price of no company is everybody's
    assert priced(currency="EUR") is None


amounts = st.decimals(0, 10**9, places=2)


@given(gross=st.decimals(-(10**9), 10**9, places=3), shares=st.lists(st.integers(1, 1000), min_size=1, max_size=12))
def test_instalments_always_sum_exactly_to_the_gross(gross: D, shares: list[int]) -> None:
    for currency in ("CNY", "JPY", "KWD"):
        whole = quote_pricing.quantize(gross, currency)
        percents = [D(share * 100) / D(sum(shares)) for share in shares]
        parts = quote_pricing.instalments(whole, percents, currency)
        assert sum(parts) == whole
        assert all(part == quote_pricing.quantize(part, currency) for part in parts)


@given(
    quantity=st.decimals(0, 10**6, places=3),
    price=st.decimals(0, 10**7, places=4),
    rate=st.sampled_from([D(0), D(6), D(9), D(13), D("19.5")]),
    includes=st.booleans(),
    currency=st.sampled_from(["CNY", "JPY", "KWD"]),
)
def test_net_tax_and_gross_agree_and_the_erp_can_compute_our_net(
    quantity: D, price: D, rate: D, includes: bool, currency: str
) -> None:
    found = quote_pricing.line_amounts(quantity, price, D(1), rate, currency, includes_tax=includes)
    assert found.net + found.tax == found.gross
    value = quote_pricing.quantize(quantity * price, currency)
    assert value == (found.gross if includes else found.net)
    if quantity:
        net_price, per = quote_pricing.net_price(quantity, found.net, price, D(1), includes_tax=includes)
        assert quote_pricing.quantize(quantity * net_price / per, currency) == found.net
        unit = quote_pricing.unit_price(quantity, found, price, D(1), includes_tax=includes)
        assert quote_pricing.quantize(quantity * unit.net, currency) == found.net
        assert quote_pricing.quantize(quantity * unit.gross, currency) == found.gross


@pytest.mark.parametrize(
    ("price", "per", "includes", "net", "gross"),
    [
        ("12.34", "100", False, "0.1234", "0.139443333"),
        ("113.00", "1", True, "100", "113"),
        ("10.00", "3", False, "3.333333333", "3.766666667"),
        ("100", "1", True, "88.496666667", "100"),
    ],
)
def test_a_price_for_one_unit(price: str, per: str, includes: bool, net: str, gross: str) -> None:
    quantity, rate = D(3000) if per == "100" else D(3), D(13)
    found = quote_pricing.line_amounts(quantity, D(price), D(per), rate, "CNY", includes_tax=includes)
    unit = quote_pricing.unit_price(quantity, found, D(price), D(per), includes_tax=includes)
    assert (format(unit.net, "f"), format(unit.gross, "f")) == (net, gross)


def test_rounding_is_half_away_from_zero() -> None:
    found = quote_pricing.line_amounts(D(1), D("49.245"), D(1), D(0), "CNY", includes_tax=False)
    assert found.net == D("49.25")
    with_tax = quote_pricing.line_amounts(D(1), D("113.00"), D(1), D(13), "CNY", includes_tax=True)
    assert (with_tax.net, with_tax.tax, with_tax.gross) == (D("100.00"), D("13.00"), D("113.00"))


def test_a_payment_plan_takes_the_gross_and_must_be_whole(db: Database) -> None:
    parts = [DraftPart(D("33.33")), DraftPart(D("33.33"), 60), DraftPart(D("33.34"), 365, "acceptance")]
    number = quotes.create(db, SALES, NOW, draft(DraftLine("P1", D(1), price=D(100)), parts=parts))
    assert [part["amount"] for part in quotes.show(db, SALES, number)["instalments"]] == [
        D("33.33"),
        D("33.33"),
        D("33.34"),
    ]
    for wrong, code in (([DraftPart(D(99))], "plan-not-whole"), ([DraftPart(D(100), 0, "moon")], "plan-basis")):
        with pytest.raises(RefusedError) as refused:
            quotes.create(db, SALES, NOW, draft(parts=wrong))
        assert refused.value.code == code


def test_the_check_names_everything_in_the_way(db: Database) -> None:
    yesterday = TODAY - timedelta(days=1)
    lines = (
        DraftLine("P1", D(0)),
        DraftLine("P3", D(1)),
        DraftLine("NONE", D(1), price=D(-1)),
        DraftLine("P1", D(1), requested_on=yesterday, text="x" * 41, unit="BOX"),
    )
    number = quotes.create(
        db, SALES, NOW, draft(*lines, customer_po="9" * 36, valid_until=yesterday, requested_on=yesterday)
    )
    assert set(codes(db, number)) == {
        "quantity-not-positive",
        "price-missing",
        "product-unknown",
        "price-negative",
        "line-requested-past",
        "line-text-long",
        "text-long",
        "quote-expired",
        "requested-past",
    }
    assert codes(db, number, "warning") == ["unit-differs"]
    with pytest.raises(quotes.QuoteRefusedError) as refused:
        quotes.accept(db, SALES, NOW, number)
    assert len(refused.value.findings) == 11  # P1 has no price by the box either
    assert entries(db) == []


def test_every_finding_has_a_text_that_its_params_fill(db: Database) -> None:
    number = quotes.create(db, SALES, NOW, draft(DraftLine("P3", D(0))))
    for found in quotes.check(db, SALES, NOW, number):
        assert found.text == MESSAGES[found.code].format(**found.params)


def test_a_blocked_customer_and_a_company_without_account_are_errors(db: Database) -> None:
    blocked = quotes.create(db, SALES, NOW, draft(customer_number="C02"))
    assert codes(db, blocked) == ["customer-blocked"]
    elsewhere = quotes.create(db, SALES, NOW, draft(DraftLine("P1", D(1), price=D(1)), company_code="US01"))
    assert codes(db, elsewhere) == ["customer-not-in-company"]
    nowhere = quotes.create(db, SALES, NOW, draft(company_code="XX", currency="CNY"))
    assert set(codes(db, nowhere)) == {"company-unknown", "customer-not-in-company"}
    with pytest.raises(RefusedError) as refused:
        quotes.create(db, SALES, NOW, draft(company_code="XX"))
    assert refused.value.code == "company-unknown"


def test_blocks_of_account_and_product_are_told_apart(db: Database) -> None:
    account, product, customer = schema.customer_account, schema.erp_product, schema.customer
    number = quotes.create(db, SALES, NOW, draft(payment_terms="D30XX"))
    assert codes(db, number) == ["text-long"]
    number = quotes.create(db, SALES, NOW, draft())
    with db.write() as conn:
        conn.execute(update(account).where(account.c.parent == "10000001").values(delivery_block="01"))
    assert (codes(db, number), codes(db, number, "warning")) == ([], ["customer-held"])
    with db.write() as conn:
        conn.execute(update(product).where(product.c.key == "P1").values(blocked=True))
        conn.execute(update(customer).where(customer.c.number == "C01").values(blocked=True))
    assert set(codes(db, number)) == {"product-blocked", "customer-blocked"}


def test_lines_that_cannot_be_written_down_are_refused(db: Database) -> None:
    same = DraftLine("P1", D(1), line="10")
    for lines, code in (
        ((same, same), "line-twice"),
        ((DraftLine("P1", D(1), price=D(1), per=D(0)),), "line-unfit"),
        ((DraftLine("P1", D(1), price=D(1), tax_rate=D(101)),), "line-unfit"),
    ):
        with pytest.raises(RefusedError) as refused:
            quotes.create(db, SALES, NOW, draft(*lines))
        assert refused.value.code == code
    empty = quotes.create(db, SALES, NOW, replace(draft(), lines=()))
    assert codes(db, empty) == ["quote-empty"]


def test_the_credit_limit_and_another_currency_are_warnings(db: Database) -> None:
    number = quotes.create(db, SALES, NOW, draft(DraftLine("P1", D(100))))
    assert codes(db, number, "warning") == []
    number = quotes.create(db, SALES, NOW, draft(DraftLine("P1", D(101))))
    assert codes(db, number, "warning") == ["credit-limit"]
    number = quotes.create(db, SALES, NOW, draft(DraftLine("P1", D(1), price=D(1)), currency="USD"))
    assert set(codes(db, number, "warning")) == {"currency-differs", "credit-unknown"}
    quotes.accept(db, SALES, NOW, number)


def test_accepting_stores_state_and_entry_together(db: Database) -> None:
    taxed = DraftLine("P1", D(2), price=D("113.00"), tax_rate=D(13), price_includes_tax=True)
    number = quotes.create(db, SALES, NOW, draft(taxed, DraftLine("P2", D(25)), customer_po="PO-1", requested_on=TODAY))
    assert quotes.accept(db, SALES, NOW, number) == ("CT7-Q000001", 1)
    entry = entries(db)[0]
    assert (entry.key, entry.version, entry.system, entry.obj, entry.action) == (
        "CT7-Q000001",
        1,
        "s4",
        "orders",
        "create",
    )
    assert (entry.state, entry.crm_id, entry.after_key, entry.created_by) == ("pending", number, "", "sam")
    assert entry.document == {
        "kind": "order",
        "key": "CT7-Q000001",
        "quote": number,
        "version": 1,
        "company_code": "CN01",
        "currency": "CNY",
        "order_date": "2026-03-31",
        "requested_on": "2026-03-31",
        "customer": {"number": "C01", "name": "上海明华贸易有限公司", "erp_key": "10000001", "account_number": ""},
        "customer_po": "PO-1",
        "payment_terms": "D30",
        "total": "218.75",
        "gross": "244.75",
        "prices_with_tax": False,
        "lines": [
            {
                "line": "10",
                "product": "P1",
                "erp_product": "P1",
                "text": "Pump",
                "quantity": "2",
                "unit": "PCE",
                "price": "200.00",
                "per": "2",
                "unit_price": "100",
                "unit_price_with_tax": "113",
                "net": "200.00",
                "tax_rate": "13",
                "tax": "26.00",
                "gross": "226.00",
                "requested_on": "2026-03-31",
            },
            {
                "line": "20",
                "product": "P2",
                "erp_product": "P2",
                "text": "Seal",
                "quantity": "25",
                "unit": "PCE",
                "price": "7.50",
                "per": "10",
                "unit_price": "0.75",
                "unit_price_with_tax": "0.75",
                "net": "18.75",
                "tax_rate": "0",
                "tax": "0.00",
                "gross": "18.75",
                "requested_on": "2026-03-31",
            },
        ],
    }
    assert quotes.show(db, SALES, number)["state"] == "accepted"
    assert quotes.listing(db, SALES)[0]["entry_state"] == "pending"


def test_a_failure_on_the_way_leaves_neither_state_nor_entry(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    number = quotes.create(db, SALES, NOW, draft())

    def crash(*_: Any, **__: Any) -> None:
        raise RuntimeError("crash")

    monkeypatch.setattr(audit, "append", crash)
    with pytest.raises(RuntimeError):
        quotes.accept(db, SALES, NOW, number)
    monkeypatch.undo()
    assert quotes.show(db, SALES, number)["state"] == "draft"
    assert entries(db) == []


def test_a_quote_is_accepted_once(db: Database) -> None:
    number = quotes.create(db, SALES, NOW, draft())
    quotes.accept(db, SALES, NOW, number)
    with pytest.raises(RefusedError) as refused:
        quotes.accept(db, SALES, NOW, number)
    assert refused.value.code == "quote-state"
    assert len(entries(db)) == 1


def test_a_prospect_becomes_a_customer_before_the_order(db: Database) -> None:
    prospect = customers.create(db, SALES, NOW, customers.CustomerDraft("新客户", country="CN", city="苏州"))
    number = quotes.create(db, SALES, NOW, draft(customer_number=prospect, currency="CNY"))
    assert codes(db, number, "warning") == ["customer-new"]
    quotes.accept(db, SALES, NOW, number)
    by_obj = {entry.obj: entry for entry in entries(db)}
    assert by_obj["customers"].key == f"CT7-{prospect}" == by_obj["orders"].after_key
    assert by_obj["customers"].document["companies"] == [
        {"company_code": "CN01", "currency": "CNY", "payment_terms": ""}
    ]
    assert by_obj["orders"].document["customer"]["erp_key"] == ""
    waits = {row["obj"]: row["waits_for"] for row in outbox_desk.listing(db, ADMIN)}
    assert waits["customers"] is None
    assert waits["orders"]["key"] == f"CT7-{prospect}"
    second = quotes.create(db, SALES, NOW, draft(customer_number=prospect, currency="CNY"))
    quotes.accept(db, SALES, NOW, second)
    assert len([entry for entry in entries(db) if entry.obj == "customers"]) == 1


def test_a_prospect_without_a_city_is_refused(db: Database) -> None:
    prospect = customers.create(db, SALES, NOW, customers.CustomerDraft("新客户"))
    number = quotes.create(db, SALES, NOW, draft(customer_number=prospect, currency="CNY"))
    assert codes(db, number) == ["customer-incomplete"]


def test_an_amended_quote_changes_the_same_order(db: Database) -> None:
    number = quotes.create(db, SALES, NOW, draft(DraftLine("P1", D(1)), DraftLine("P2", D(1))))
    quotes.accept(db, SALES, NOW, number)
    old = quotes.draft_of(db, SALES, number)
    wanted = replace(old, lines=[replace(old.lines[0], quantity=D(3)), DraftLine("P2", D(5))])
    assert quotes.amend(db, SALES, NOW, number, wanted) == 2
    first, second = entries(db)
    assert (second.key, second.version, second.action, second.after_key) == (first.key, 2, "change", first.key)
    assert [(line["line"], line["quantity"]) for line in second.document["lines"]] == [("10", "3"), ("30", "5")]
    kept = quotes.show(db, SALES, number)["versions"]
    assert [version["version"] for version in kept] == [1, 2]
    assert kept[0]["content"]["lines"][0]["quantity"] == "1"


def test_an_adopted_order_is_changed_only_with_the_tax_that_the_seller_states(db: Database) -> None:
    """The CRM does not know it: sent as none, it would take the tax away that the ERP's order has."""
    number = adopted(db)
    one_more = changed_lines(quotes.draft_of(db, SALES, number).lines, ["10:3"], [], [], [], [])
    with pytest.raises(quotes.QuoteRefusedError) as refused:
        quotes.amend(db, SALES, NOW, number, replace(quotes.draft_of(db, SALES, number), lines=one_more))
    assert [(finding.code, finding.line) for finding in refused.value.findings] == [
        ("tax-missing", "10"),
        ("tax-missing", "20"),
    ]
    assert f"quotes amend {number} --tax 10:13" in refused.value.findings[0].text
    assert quotes.show(db, SALES, number)["version"] == 1

    stated = changed_lines(quotes.draft_of(db, SALES, number).lines, ["10:3"], [], ["10:13", "20:0"], [], [])
    quotes.amend(db, SALES, NOW, number, replace(quotes.draft_of(db, SALES, number), lines=stated))
    change = entries(db)[-1]
    assert [(line["tax_rate"], line["tax"]) for line in change.document["lines"]] == [("13", "39.00"), ("0", "0.00")]
    assert (change.action, change.document["total"], change.document["gross"]) == ("change", "307.50", "346.50")


def test_an_adopted_order_is_cancelled_without_its_tax(db: Database) -> None:
    number = adopted(db)
    quotes.cancel(db, SALES, NOW, number, why="customer withdrew")
    assert entries(db)[-1].action == "cancel"
    assert [line["tax_rate"] for line in entries(db)[-1].document["lines"]] == ["", ""]


def adopted(db: Database) -> str:
    """An order of ours that only the ERP still knew: 2 pumps and 10 seals."""
    lines = [
        OrderLine(line="10", our_line="10", product_key="P1", quantity=D(2), unit="PCE", net_amount=D("200.00")),
        OrderLine(line="20", our_line="20", product_key="P2", quantity=D(10), unit="PCE", net_amount=D("7.50")),
    ]
    head = {"number": "45", "company_code": "CN01", "customer_key": "10000001", "order_date": TODAY, "currency": "CNY"}
    order = Order(**head, our_key="CT7-Q000007", net_amount=D("207.50"), status="open", lines=lines)
    with db.write() as conn:
        add_record(conn, "orders", "45", order)
    return adoption.adopt_order(db, ADMIN, NOW, "s4", "CT7-Q000007", "45", "restored")


def test_what_an_order_cannot_change_takes_a_new_quote(db: Database) -> None:
    number = quotes.create(db, SALES, NOW, draft())
    quotes.accept(db, SALES, NOW, number)
    wanted = replace(quotes.draft_of(db, SALES, number), customer_number="C02")
    with pytest.raises(RefusedError) as refused:
        quotes.amend(db, SALES, NOW, number, wanted)
    assert (refused.value.code, refused.value.params["field"]) == ("quote-fixed", "customer_number")


def test_an_accepted_quote_may_be_amended_after_its_dates(db: Database) -> None:
    number = quotes.create(db, SALES, NOW, draft(valid_until=TODAY, requested_on=TODAY))
    quotes.accept(db, SALES, NOW, number)
    later = NOW + timedelta(days=9)
    assert quotes.amend(db, SALES, later, number, quotes.draft_of(db, SALES, number)) == 2


def test_a_cancelled_quote_cancels_its_order_and_stays_so(db: Database) -> None:
    number = quotes.create(db, SALES, NOW, draft())
    quotes.accept(db, SALES, NOW, number)
    assert quotes.cancel(db, SALES, NOW, number, why="customer withdrew") == 2
    assert [(entry.action, entry.version) for entry in entries(db)] == [("create", 1), ("cancel", 2)]
    for attempt in (
        lambda: quotes.cancel(db, SALES, NOW, number, why="again"),
        lambda: quotes.amend(db, SALES, NOW, number, quotes.draft_of(db, SALES, number)),
    ):
        with pytest.raises(RefusedError):
            attempt()


def test_a_draft_is_cancelled_without_an_entry_and_only_with_a_reason(db: Database) -> None:
    number = quotes.create(db, SALES, NOW, draft())
    with pytest.raises(RefusedError):
        quotes.cancel(db, SALES, NOW, number, why=" ")
    quotes.cancel(db, SALES, NOW, number, why="typed twice")
    assert entries(db) == []


def test_a_key_that_no_erp_field_can_carry_is_refused(db: Database) -> None:
    with db.write() as conn:
        conn.execute(update(schema.installation).values(prefix="X" * 25))
    number = quotes.create(db, SALES, NOW, draft())
    with pytest.raises(RefusedError) as refused:
        quotes.accept(db, SALES, NOW, number)
    assert refused.value.code == "key-unfit"


def test_unknown_names_and_roles_are_refused(db: Database) -> None:
    with pytest.raises(NotFoundError):
        quotes.show(db, SALES, "Q999999")
    with pytest.raises(NotFoundError):
        quotes.create(db, SALES, NOW, draft(customer_number="nobody"))
    with pytest.raises(RefusedError):
        quotes.create(db, SALES, NOW, draft(currency="EURO"))
    with pytest.raises(AccessDeniedError):
        quotes.create(db, FINANCE, NOW, draft())


def test_a_customers_order_number_used_twice_is_a_warning(db: Database) -> None:
    first = quotes.create(db, SALES, NOW, draft(customer_po="PO-7"))
    quotes.accept(db, SALES, NOW, first)
    second = quotes.create(db, SALES, NOW, draft(customer_po="PO-7"))
    assert codes(db, second, "warning") == ["po-used"]
