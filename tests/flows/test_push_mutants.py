"""Each mutant of push that would let a second order through is caught by the property of test_exactly_one_order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from sqlalchemy import select, update

import flows.push as push
from connectors.errors import ConnectorError
from crm_core import schema
from crm_core.database import Database
from crm_core.outbox import Outbox
from crm_core.outbox_entry import Entry, at
from flows.context import Context
from tests.databases import Databases
from tests.flows.flaky_erp import FlakyErp
from tests.flows.test_exactly_one_order import (
    FAULT_LISTS,
    QUOTES,
    armed,
    each_quote_is_one_order,
    with_plain_lists,
)

Patch = pytest.MonkeyPatch
LOOK_FIRST, ATTEMPT, BEGIN, WAIT, FIND = (
    push._look_first,
    push._attempt,
    Outbox.begin_attempt,
    Outbox.wait,
    FlakyErp.find,
)


def no_attempt_is_noted_before_the_send(patch: Patch) -> None:
    def begin(box: Outbox, entry: Entry, wire: Any, mapping_version: str, deadline: Any) -> Entry:
        return replace(entry, wire=entry.wire or dict(wire), attempts=entry.attempts + 1, last_sent_at=box.clock())

    patch.setattr(Outbox, "begin_attempt", begin)


def nothing_is_looked_up(patch: Patch) -> None:
    patch.setattr(FlakyErp, "find", lambda erp, obj, key: [])


def neither_look_up_nor_horizon(patch: Patch) -> None:
    patch.setattr(push, "_look_first", lambda ctx, box, entry: "")


def an_unknown_outcome_counts_as_not_sent(patch: Patch) -> None:
    def wait(box: Outbox, entry: Entry, state: Any, until: Any, reason: Any = None) -> str:
        return WAIT(box, entry, "pending", until, reason)

    patch.setattr(Outbox, "wait", wait)


def a_failed_look_up_makes_it_pending(patch: Patch) -> None:
    def look_first(ctx: Context, box: Outbox, entry: Entry) -> str:
        outcome = LOOK_FIRST(ctx, box, entry)
        with box.db.write() as conn:
            reason = conn.execute(select(schema.outbox.c.reason).where(*at(entry.key, entry.version))).scalar()
            if outcome == "unknown" and reason["code"] == "timed-out":
                fresh = {"state": "pending", "last_sent_at": None, "attempts": 0}
                conn.execute(update(schema.outbox).where(*at(entry.key, entry.version)).values(**fresh))
        return outcome

    patch.setattr(push, "_look_first", look_first)


def a_failed_look_up_counts_as_nothing_found(patch: Patch) -> None:
    def find(erp: FlakyErp, obj: str, key: str) -> Any:
        try:
            return FIND(erp, obj, key)
        except ConnectorError:
            return []

    patch.setattr(FlakyErp, "find", find)


def there_is_no_horizon(patch: Patch) -> None:
    patch.setattr(push, "booked_until", lambda ctx, sent_at: sent_at)


def the_horizon_counts_from_the_beginning_of_the_attempt(patch: Patch) -> None:
    patch.setattr(push, "booked_until", lambda ctx, sent_at: sent_at + ctx.commit_horizon)


def the_horizon_is_the_deadline(patch: Patch) -> None:
    patch.setattr(push, "booked_until", lambda ctx, sent_at: sent_at + ctx.send_deadline)


def a_resend_is_mapped_anew(patch: Patch) -> None:
    patch.setattr(push, "_attempt", lambda ctx, box, entry: ATTEMPT(ctx, box, replace(entry, wire=None)))


def the_first_of_several_hits_is_ours(patch: Patch) -> None:
    patch.setattr(FlakyErp, "find", lambda erp, obj, key: FIND(erp, obj, key)[:1])


def whatever_is_found_is_ours(patch: Patch) -> None:
    patch.setattr(push, "same_document", lambda hit, entry: True)


MUTANTS: list[Callable[[Patch], None]] = [
    no_attempt_is_noted_before_the_send,
    nothing_is_looked_up,
    neither_look_up_nor_horizon,
    an_unknown_outcome_counts_as_not_sent,
    a_failed_look_up_makes_it_pending,
    a_failed_look_up_counts_as_nothing_found,
    there_is_no_horizon,
    the_horizon_counts_from_the_beginning_of_the_attempt,
    the_horizon_is_the_deadline,
    a_resend_is_mapped_anew,
    the_first_of_several_hits_is_ours,
    whatever_is_found_is_ours,
]


@pytest.fixture(scope="module")
def reused(sqlite_databases: Databases) -> Iterator[Database]:
    """One database for all examples of all mutants, of the quicker kind."""
    with sqlite_databases.one() as url, armed(url) as database:
        yield database


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_every_mutant_of_push_is_caught(mutant: Callable[[Patch], None], monkeypatch: Patch, reused: Database) -> None:
    mutant(monkeypatch)
    few = settings(
        max_examples=100,
        phases=[Phase.explicit, Phase.generate],
        database=None,
        derandomize=True,
        report_multiple_bugs=False,
    )

    @few
    @with_plain_lists
    @given(faults=FAULT_LISTS, quotes=QUOTES)
    def prop(faults: list[str], quotes: int) -> None:
        each_quote_is_one_order(reused, faults, quotes)

    with pytest.raises(AssertionError):
        prop()
