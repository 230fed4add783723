"""Ask an ERP for every document that bears our keys, and take in what the CRM does not know: after a restore, a move.

Nothing is written to the ERP. It can be stopped at any place and run again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime

from connectors.base import Hit
from crm_core import adoption, doubt, installation
from crm_core.access import Actor
from crm_core.adoption import Judged
from crm_core.errors import CrmError
from flows.context import Context, Progress, nobody_watches
from flows.pull import replay
from flows.push import booked_until, same_document
from flows.runs import running

OBJECTS = ("customers", "orders")
"""What we create at ERPs; a customer before his orders."""
ADOPTED = "adopted"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a document is to us, and what became of that: a verdict of `crm_core.adoption`, `adopted` or `refused`."""

    obj: str
    key: str
    documents: Sequence[str]
    outcome: str
    why: str = ""
    error: CrmError | None = None


@dataclass(slots=True)
class AdoptReport:
    """`complete`: what was asked shows everything sent before the doubt began; if not, ask again at `again_at`."""

    system: str
    outcomes: list[Outcome] = field(default_factory=list)
    complete: bool = True
    again_at: datetime | None = None

    @property
    def counts(self) -> Counter[str]:
        return Counter(one.outcome for one in self.outcomes)

    @property
    def open(self) -> list[Outcome]:
        """What a person must look at."""
        return [one for one in self.outcomes if one.outcome in ("review", "refused", "changed")]


def adopt(
    ctx: Context, actor: Actor, *, why: str, dry_run: bool = False, progress: Progress = nobody_watches
) -> AdoptReport:
    """Look at every document of ours, settle what is in doubt, make what the CRM lacks. `why` stands in the audit.

    Raises ConnectorError when the ERP cannot be asked: then the system counts as not asked.
    """
    report, began = AdoptReport(ctx.system), ctx.clock()
    here = installation.read(ctx.database, actor)
    if here.doubted_at and began < (safe_at := booked_until(ctx, here.doubted_at)):
        report.complete, report.again_at = False, safe_at  # what was sent just before may still be booked
    with nullcontext() if dry_run else running(ctx, "outbox", "adopt") as run:
        for obj in OBJECTS:
            if "push" in ctx.mapping.sections(obj):
                report.outcomes += _object(ctx, actor, obj, f"{here.prefix}-", why, dry_run, progress)
        counts = dict(report.counts)
        if run:
            run.counts = counts
    if report.complete and not dry_run:
        with ctx.database.write() as conn:
            doubt.note_asked(conn, ctx.system, began, actor.name, counts)
    return report


def _object(
    ctx: Context, actor: Actor, obj: str, prefix: str, why: str, dry_run: bool, progress: Progress
) -> list[Outcome]:
    found: dict[str, list[Hit]] = defaultdict(list)
    for count, (key, hit) in enumerate(ctx.connector.bearing(obj, prefix), 1):
        found[key].append(hit)
        progress(obj, count)
    judged = adoption.judge(ctx.database, obj, found, same_document)
    if dry_run:
        return [_outcome(obj, one, one.verdict) for one in judged]
    adoption.reserve_numbers(ctx.database, found)
    for one in judged:
        adoption.settle(ctx.database, actor, ctx.clock(), one, why)
    lacking = [one for one in judged if one.verdict == "lacking"]
    _fetch(ctx, obj, lacking)
    known = [_outcome(obj, one, one.verdict) for one in judged if one.verdict != "lacking"]
    return known + [_adopted(ctx, actor, obj, one, why) for one in lacking]


def _fetch(ctx: Context, obj: str, lacking: Sequence[Judged]) -> None:
    """Read the documents into the CRM, after the customers they name."""
    if obj == "orders":
        buyers = (hit.customer for one in lacking for hit in one.hits if hit.customer)
        new = adoption.unlinked_customers(ctx.database, ctx.system, buyers)
        if new:
            replay(ctx, "customers", new)
    if lacking:
        replay(ctx, obj, [one.external_id for one in lacking])


def _adopted(ctx: Context, actor: Actor, obj: str, one: Judged, why: str) -> Outcome:
    make: Callable[..., str] = adoption.adopt_order if obj == "orders" else adoption.adopt_customer
    try:
        make(ctx.database, actor, ctx.clock(), ctx.system, one.key, one.external_id, why, done=one.done)
    except CrmError as exc:
        return _outcome(obj, one, "refused", exc)
    return _outcome(obj, one, ADOPTED)


def _outcome(obj: str, one: Judged, outcome: str, error: CrmError | None = None) -> Outcome:
    return Outcome(obj, one.key, [hit.external_id for hit in one.hits], outcome, one.why, error)
