"""After a restore: nothing is sent twice, and what the ERP holds of ours and the CRM forgot is found and taken in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import cli
from config.backup import backup
from config.exit_codes import HELD, SOME_FAILED
from config.restore import restore
from config.wiring import raw_database
from crm_core import customers, installation, outbox_desk, quotes
from crm_core.access import local_admin
from crm_core.customers import CustomerDraft
from crm_core.database import utc_now, versions
from crm_core.errors import CrmError
from crm_core.quote_rows import DraftLine, QuoteDraft
from flows.adopt import AdoptReport, adopt
from flows.context import Context
from flows.pull import pull
from flows.push import push
from tests.flows import selling
from tests.flows.road import Road, open_road
from tests.flows.state import Rows, broken_audit, differences, rows
from tests.products import PRODUCTS

ADMIN = local_admin("ann")
AFTER_ALL = timedelta(minutes=5)
"""When nothing that was sent before the restore can still be booked."""


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Road]:
    with open_road(tmp_path, timeout_s=10, horizon_s=1) as opened:
        with opened.context() as ctx:
            pull(ctx, ["customers", "products", "prices"])
        yield opened


def test_a_hundred_orders_pushed_after_the_backup_are_found_and_none_is_sent_again(road: Road, tmp_path: Path) -> None:
    with road.context() as ctx:
        early = selling.sell(ctx, 3)
        push(ctx)
        waiting = selling.sell(ctx, 4)
        saved = take_backup(road, tmp_path)
        later = selling.sell(ctx, 100)
        changed, cancelled = later[0], later[1]
        push(ctx)
        selling.add_a_line(ctx, changed)
        selling.cancel(ctx, cancelled)
        push(ctx)
        facts = {number: figures(ctx, number) for number in [*early, *waiting, *later]}
    book = orders(road)
    assert len(book) == 107

    put_back(road, saved)
    with road.context() as ctx:
        assert refusal(lambda: push(ctx)) == "disarmed-restored"
        assert refusal(lambda: installation.arm(ctx.database, ADMIN, ctx.clock(), systems=["s4"])) == "adoption-needed"
        (fresh,) = selling.sell(ctx, 1)
        assert fresh not in facts
        report = asked(ctx)
        assert report.counts == Counter({"known": 3, "found": 4, "adopted": 100})
        assert {number: figures(ctx, number) for number in facts} == facts
        installation.arm(ctx.database, ADMIN, ctx.clock(), systems=["s4"])
        sent = push(ctx)
        assert dict(sent.outcomes) == {"sent": 1}
        assert selling.unsent(ctx) == []
        assert selling.misbooked(road, ctx, [*facts, fresh]) == []
        assert asked(ctx).counts == Counter({"known": 108})
        assert not broken_audit(ctx.database)
    assert len(orders(road)) == 108


def test_what_was_changed_after_the_restore_goes_to_the_same_order(road: Road, tmp_path: Path) -> None:
    with road.context() as ctx:
        saved = take_backup(road, tmp_path)
        (number,) = selling.sell(ctx, 1)
        push(ctx)
    put_back(road, saved)
    with road.context() as ctx:
        asked(ctx)
        installation.arm(ctx.database, ADMIN, ctx.clock(), systems=["s4"])
        assert refusal(lambda: selling.add_only_a_line(ctx, number)) == "quote-refused"  # its tax is the ERP's alone
        state_the_tax(ctx, number)
        selling.add_only_a_line(ctx, number)
        push(ctx)
        assert selling.unsent(ctx) == []
        assert selling.misbooked(road, ctx, [number]) == []


def test_a_prospect_who_became_a_customer_after_the_backup_is_one_customer(road: Road, tmp_path: Path) -> None:
    with road.context() as ctx:
        waits = prospect(ctx, "Waits at the backup")
        saved = take_backup(road, tmp_path)
        lost = prospect(ctx, "Unknown at the backup")
        push(ctx, wait_s=5)
        assert selling.unsent(ctx) == []
        facts = {number: links(ctx, number) for number in (waits, lost)}
    book = orders(road)
    put_back(road, saved)
    with road.context() as ctx:
        pull(ctx, ["customers", "orders"])  # as the schedule may do first
        report = asked(ctx)
        assert report.counts == Counter({"found": 2, "adopted": 2})
        assert {number: links(ctx, number) for number in facts} == facts
        assert customers.show(ctx.database, ADMIN, lost)["origin"] == "crm"
        assert prospect(ctx, "New") not in facts
        installation.arm(ctx.database, ADMIN, ctx.clock(), systems=["s4"])
        push(ctx, wait_s=5)
        assert selling.unsent(ctx) == []
    assert len(orders(road)) == len(book) + 1


def test_a_draft_that_was_accepted_after_the_backup_is_accepted_again_by_its_order(road: Road, tmp_path: Path) -> None:
    with road.context() as ctx:
        same, other = (quotes.create(ctx.database, ADMIN, ctx.clock(), draft) for draft in selling.drafts(ctx)[:2])
        saved = take_backup(road, tmp_path)
        dearer(ctx, other)
        for number in (same, other):
            quotes.accept(ctx.database, ADMIN, ctx.clock(), number)
        push(ctx)
        facts = {number: figures(ctx, number) for number in (same, other)}
    put_back(road, saved)
    with road.context() as ctx:
        assert asked(ctx).counts == Counter({"adopted": 2})
        assert {number: figures(ctx, number) for number in facts} == facts
        assert selling.misbooked(road, ctx, [same, other]) == []


def test_a_draft_whose_order_could_not_be_adopted_is_looked_up_before_it_is_sent(road: Road, tmp_path: Path) -> None:
    with road.context() as ctx:
        number = quotes.create(ctx.database, ADMIN, ctx.clock(), selling.drafts(ctx)[0])
        saved = take_backup(road, tmp_path)
        quotes.accept(ctx.database, ADMIN, ctx.clock(), number)
        push(ctx)
    put_back(road, saved)
    with road.context() as ctx:
        installation.arm(ctx.database, ADMIN, ctx.clock(), systems=["s4"], unchecked="its order cannot be read")
        quotes.accept(ctx.database, ADMIN, ctx.clock(), number)
        (fresh,) = selling.sell(ctx, 1)
        assert dict(push(ctx).outcomes) == {"sent": 2}
        assert selling.unsent(ctx) == []
        assert selling.misbooked(road, ctx, [number, fresh]) == []
    assert len(orders(road)) == 2


def test_an_order_that_says_something_else_than_the_entry_waits_for_a_person(road: Road, tmp_path: Path) -> None:
    with road.context() as ctx:
        (number,) = selling.sell(ctx, 1)
        saved = take_backup(road, tmp_path)
        selling.add_a_line(ctx, number)
        push(ctx)
        push(ctx)
    put_back(road, saved)
    with road.context() as ctx:
        report = asked(ctx)
        assert [(one.outcome, one.why) for one in report.open] == [("review", "document-differs")]
        (row,) = outbox_desk.listing(ctx.database, ADMIN, states=["review"])
        assert row["crm_id"] == number


def test_nothing_is_counted_as_asked_before_the_commit_horizon_has_passed(road: Road, tmp_path: Path) -> None:
    with road.context() as ctx:
        saved = take_backup(road, tmp_path)
    put_back(road, saved)
    with road.context() as ctx:
        report = adopt(ctx, ADMIN, why="too early")
        assert not report.complete and report.again_at > ctx.clock()
        assert refusal(lambda: installation.arm(ctx.database, ADMIN, ctx.clock(), systems=["s4"])) == "adoption-needed"
        armed = installation.arm(ctx.database, ADMIN, ctx.clock(), systems=["s4"], unchecked="an empty test system")
        assert armed.armed and not armed.doubt


def test_a_dry_run_only_tells(road: Road, tmp_path: Path) -> None:
    with road.context() as ctx:
        saved = take_backup(road, tmp_path)
        selling.sell(ctx, 2)
        push(ctx)
    put_back(road, saved)
    with road.context() as ctx:
        later = replace(ctx, clock=lambda: utc_now() + AFTER_ALL)
        assert adopt(later, ADMIN, why="look", dry_run=True).counts == Counter({"lacking": 2})
        assert selling.entries(ctx) == []
        assert refusal(lambda: installation.arm(ctx.database, ADMIN, ctx.clock(), systems=["s4"])) == "adoption-needed"


def test_adopting_as_typed(
    road: Road, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with road.context() as ctx:
        saved = take_backup(road, tmp_path)
        selling.sell(ctx, 1)
        push(ctx)
    put_back(road, saved)
    for name, value in road.settings.variables().items():
        monkeypatch.setenv(name, value)
    assert cli.main(["systems", "adopt", "s4", "--dry-run", "--json"]) == SOME_FAILED  # it is too early to be sure
    looked = json.loads(capsys.readouterr().out)
    assert looked["counts"] == {"lacking": 1} and looked["complete"] is False
    assert cli.main(["systems", "adopt", "s4", "--lang", "en"]) == SOME_FAILED
    said = capsys.readouterr()
    assert "taken in" in said.out and "ask again after" in said.err
    assert cli.main(["push", "s4"]) == HELD
    assert "restored from a backup" in capsys.readouterr().err


@pytest.mark.parametrize("product", PRODUCTS)
def test_what_an_older_version_of_the_tables_lost_is_read_again(product: str, tmp_path: Path) -> None:
    """Back to an older program and forward again: nobody would think of reading everything by hand."""
    with open_road(tmp_path, product=product) as road:
        with road.context() as ctx:
            pull(ctx)
            before = without_audit(ctx)
        db = raw_database(road.settings)
        db.downgrade(versions()[0])
        db.upgrade()
        db.dispose()
        with road.context() as ctx:
            report = pull(ctx)
            assert not report.held and not report.busy
            assert differences(before, without_audit(ctx)) == {}


def without_audit(ctx: Context) -> Rows:
    left_out = ("audit", "installation", "call_quota")
    return {table: found for table, found in rows(ctx.database).items() if table not in left_out}


def take_backup(road: Road, folder: Path) -> Path:
    db = raw_database(road.settings)
    saved, _ = backup(
        road.settings, db, ADMIN, utc_now(), folder / "saved.zip", with_secrets=False, watch=lambda *_: None
    )
    db.dispose()
    return saved


def put_back(road: Road, saved: Path) -> None:
    db = raw_database(road.settings)
    restore(road.settings, db, ADMIN, utc_now(), saved, replace=True, with_config=False, watch=lambda *_: None)
    db.dispose()


def asked(ctx: Context) -> AdoptReport:
    return adopt(replace(ctx, clock=lambda: utc_now() + AFTER_ALL), ADMIN, why="after the restore")


def prospect(ctx: Context, name: str) -> str:
    """A prospect with an accepted quote."""
    model: QuoteDraft = selling.drafts(ctx)[0]
    number = customers.create(
        ctx.database, ADMIN, ctx.clock(), CustomerDraft(name=name, country="CN", city="Suzhou", category="organisation")
    )
    quote = quotes.create(ctx.database, ADMIN, ctx.clock(), replace(model, customer_number=number, currency="CNY"))
    quotes.accept(ctx.database, ADMIN, ctx.clock(), quote)
    return number


def dearer(ctx: Context, number: str) -> None:
    draft = quotes.draft_of(ctx.database, ADMIN, number)
    lines: list[DraftLine] = [replace(line, price=Decimal("77.25")) for line in draft.lines]
    quotes.amend(ctx.database, ADMIN, ctx.clock(), number, replace(draft, lines=lines))


def state_the_tax(ctx: Context, number: str) -> None:
    draft = quotes.draft_of(ctx.database, ADMIN, number)
    lines: list[DraftLine] = [replace(line, tax_rate=Decimal(13)) for line in draft.lines]
    quotes.amend(ctx.database, ADMIN, ctx.clock(), number, replace(draft, lines=lines))


def figures(ctx: Context, number: str) -> dict[str, Any]:
    """What an order is about."""
    quote = quotes.show(ctx.database, ADMIN, number)
    same = ("state", "system", "company_code", "customer_number", "customer_po", "currency", "net_total")
    lines = [(row["line"], row["product_key"], row["quantity"], row["net_amount"]) for row in quote["lines"]]
    return {**{name: quote[name] for name in same}, "lines": lines, "order": quote["entries"][0]["external_id"]}


def links(ctx: Context, number: str) -> list[dict[str, str]]:
    return customers.show(ctx.database, ADMIN, number)["links"]


def orders(road: Road) -> list[dict[str, Any]]:
    """Our orders in the ERP's own book."""
    book = road.control("book?object=orders")["documents"]
    return [one for one in book if any(key.startswith("CT") for key in one["key"].values())]


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(CrmError) as refused:
        call()
    return refused.value.code
