"""What ERP users do behind our back is seen by the next pull: back-dated postings, reversals, resets, bad records."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from crm_core import access, dead_letters, receivables_report, schema
from crm_core.receivables_report import Question
from flows.context import Context
from flows.errors import HeldError
from flows.pull import pull, replay
from flows.reconcile import ReconcileReport, reconcile
from tests.flows.road import Road, open_road

ADMIN = access.local_admin("test")


@pytest.fixture
def road(tmp_path: Path, database_url: str) -> Iterator[Road]:
    with open_road(tmp_path, database_url=database_url) as opened:
        with opened.context() as ctx:
            assert not pull(ctx).held
        yield opened


def today(road: Road) -> date:
    return date.fromisoformat(road.control("health")["clock"][:10])


def ageing_total(ctx: Context, as_of: date, customer: str, company: str, currency: str) -> dict[str, Any]:
    answer = receivables_report.ask(ctx.database, ADMIN, Question(as_of, customer=customer, company=company))
    rows = [row for row in answer.rows if row["currency"] == currency]
    return rows[0] if rows else {"open": Decimal(0), "unapplied": Decimal(0)}


def kinds(report: ReconcileReport) -> set[tuple[str, str]]:
    return {(found.kind, found.key) for found in report.differences}


def some_account(ctx: Context) -> tuple[str, str, str]:
    """(ERP customer, CRM customer, company) of a customer who buys in yuan."""
    account, ref = schema.customer_account, schema.external_ref
    query = select(account.c.parent, ref.c.crm_id, account.c.company_code).join(
        ref, (ref.c.erp_key == account.c.parent) & (ref.c.obj == "customers")
    )
    with ctx.database.read() as conn:
        row = conn.execute(query.where(account.c.company_code == "CN01", account.c.currency == "CNY")).first()
    assert row is not None
    return row.parent, row.crm_id, row.company_code


def post(road: Road, customer: str, company: str, amount: str, posted: date) -> dict[str, Any]:
    change = {"what": "post_invoice", "customer": customer, "company": company, "amount": amount, "currency": "CNY"}
    answer: dict[str, Any] = road.control(
        "mutate", {**change, "posting_date": str(posted), "document_date": str(posted)}
    )
    return answer


def test_a_back_dated_posting_a_reversal_and_a_reset_are_seen(road: Road) -> None:
    with road.context() as ctx:
        customer, number, company = some_account(ctx)
        now, before = today(road), today(road) - timedelta(days=70)
        base = ageing_total(ctx, before, number, company, "CNY")["open"]
        document = post(road, customer, company, "1234.56", before)
        pull(ctx)
        assert ageing_total(ctx, before, number, company, "CNY")["open"] == base + Decimal("1234.56")
        assert ageing_total(ctx, before - timedelta(days=1), number, company, "CNY")["open"] <= base

        posted = document["document"]
        paid = {"what": "pay", "customer": customer, "company": company, "amount": "1234.56", "currency": "CNY"}
        receipt = road.control("mutate", {**paid, "item": {**posted, "item": "1"}, "posting_date": str(now)})
        pull(ctx)
        owed = ageing_total(ctx, now, number, company, "CNY")["open"]
        road.control("mutate", {"what": "reset_clearing", "clearing": receipt["document"]})
        road.control("advance", {"days": 1})
        pull(ctx)
        later = today(road)
        assert ageing_total(ctx, later, number, company, "CNY")["open"] == owed + Decimal("1234.56")
        assert ageing_total(ctx, now, number, company, "CNY")["open"] == owed  # what was paid stays paid in the past
        assert kinds(reconcile(ctx)) == set()

        road.control("mutate", {"what": "reverse", "document": posted, "posting_date": str(before + timedelta(days=5))})
        pull(ctx)
        assert ageing_total(ctx, before + timedelta(days=4), number, company, "CNY")["open"] == base + Decimal(
            "1234.56"
        )
        assert ageing_total(ctx, later, number, company, "CNY")["open"] == owed
        assert kinds(reconcile(ctx)) == set()


@pytest.mark.parametrize("obj", ["orders", "invoices", "open_items"])
def test_one_cent_changed_in_the_erp_names_its_document(road: Road, obj: str) -> None:
    documents = road.control(f"book?object={obj}")["documents"]
    with road.context() as ctx:
        assert kinds(reconcile(ctx)) == set()
        found = next(document for document in documents if Decimal(document["total"]) > 0)
        number = found["number"]
        road.control("mutate", {"what": "amount", "object": obj, "number": number, "by": "0.01"})
        differing = {key for kind, key in kinds(reconcile(ctx)) if kind == "amount"}
        assert len(differing) == 1 and number in differing.pop()


def overlay(road: Road, text: str) -> None:
    path = road.settings.config / "mappings" / "s4.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("obj", "field", "expression"),
    [
        ("open_items", "amount", "$neg($money(AmountInTransactionCurrency, TransactionCurrency))"),
        ("invoices", "gross_amount", "$neg($money(TotalGrossAmount, TransactionCurrency))"),
        ("orders", "net_amount", "$neg($money(TotalNetAmount, TransactionCurrency))"),
    ],
)
def test_a_mapping_whose_sign_is_flipped_is_found(road: Road, obj: str, field: str, expression: str) -> None:
    overlay(road, f'product: sap/s4\nobjects: {{{obj}: {{pull: {{fields: {{{field}: "{expression}"}}}}}}}}\n')
    with road.context() as ctx:
        pull(ctx, [obj])
        found = reconcile(ctx, [obj]).differences
        assert {"amount", "sum"} <= {difference.kind for difference in found}


def test_bad_records_wait_and_come_in_after_the_fix(road: Road) -> None:
    """Codes that the mapping does not have reject their records; the others of the page are stored."""
    only_yuan = "$code('house', TransactionCurrency)"
    overlay(
        road,
        "product: sap/s4\ncodes: {house: {CNY: CNY}}\n"
        f'objects: {{orders: {{pull: {{fields: {{currency: "{only_yuan}"}}}}}}}}\n',
    )
    with road.context() as ctx:
        counts = pull(ctx, ["orders"]).counts["orders"]
        assert 0 < counts.rejected < counts.read
        assert counts.updated == counts.read - counts.rejected
        (cause, *others) = dead_letters.groups(ctx.database, ADMIN)
        assert (cause["code"], {other["code"] for other in others}) == ("unknown-code", {"unknown-code"})
        keys = [letter["key"] for letter in dead_letters.listing(ctx.database, ADMIN)]
        assert len(keys) == counts.rejected
    overlay(road, "product: sap/s4\n")
    with road.context() as ctx:
        replayed = replay(ctx, "orders", keys)
        assert (replayed.read, replayed.rejected) == (len(keys), 0)
        assert dead_letters.listing(ctx.database, ADMIN) == []
        assert kinds(reconcile(ctx)) == set()


def test_a_field_renamed_in_the_erps_answers_holds_the_run(road: Road) -> None:
    fault = {"fault": "field_renamed", "from": "SoldToParty", "to": "SoldToPartyX", "match": {"path": "A_SalesOrder"}}
    with road.context() as ctx:
        road.control("advance", {"days": 2})
        road.control("faults", {"seed": 7, "schedule": [fault]})
        before = ctx.store.listed_keys("s4", "orders")
        report = pull(ctx, ["orders"], full=True)
        assert isinstance(report.held["orders"], HeldError)
        assert "SoldToParty" in str(report.held["orders"])
        assert ctx.store.listed_keys("s4", "orders") == before
        road.control("faults", None, "DELETE")
        assert not pull(ctx, ["orders"], full=True).held
