"""CRM decision -> ERP document, exactly once: claim, look first, note the attempt, send, say what became of it.

The rules are design §5's. What makes it exact: the attempt is committed before the send; nothing is sent again before a
look-up by our key found nothing *and* the commit horizon has passed since the end of the last send; the payload is
frozen. A document that is there but waits for further steps of ours is never sent again: it is finished.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.base import Ack, Hit
from connectors.errors import (
    AccessError,
    ConfigurationError,
    ConnectorError,
    RecordRejectedError,
    TransientError,
)
from connectors.pace import Deadline
from crm_core import installation, outbox_entry
from crm_core.errors import CrmError, LeaseLostError
from crm_core.outbox import Outbox
from crm_core.outbox_entry import Entry
from flows.context import Context, Progress, nobody_watches
from flows.runs import running
from mappings.errors import RecordMappingError

LEASE_MARGIN = timedelta(seconds=30)  # between the send's deadline and the end of the lease: time to write the outcome
FIRST_LOOK_S, LONGEST_WAIT_S = 1.0, 300.0


@dataclass(slots=True)
class PushReport:
    """What became of the entries this run held: outcomes by state, and `lost`: leases that somebody else took over.

    `run` is the run's id: every call to the ERP bore it.
    """

    system: str
    run: str = ""
    outcomes: Counter[str] = field(default_factory=Counter)
    entries: list[tuple[str, int, str]] = field(default_factory=list)
    seconds: float = 0.0


def push(ctx: Context, *, wait_s: float = 0, progress: Progress = nobody_watches) -> PushReport:
    """Send what is due. With `wait_s`, stay that long for entries that become due (a look-up, a commit horizon).

    Raises RefusedError when the installation is not armed, AccessError or ConfigurationError when no call can work.
    """
    with ctx.database.read() as conn:
        installation.require_armed(conn, ctx.environment)
    started = time.monotonic()
    report = PushReport(ctx.system)
    with running(ctx, "outbox", "push") as run:
        report.run, run.counts = run.id, report.outcomes
        box = Outbox(ctx.database, ctx.clock, owner=ctx.owner, run_id=run.id)
        _send_due(ctx, box, report, started + wait_s, progress)
    report.seconds = time.monotonic() - started
    return report


def _send_due(ctx: Context, box: Outbox, report: PushReport, stay_until: float, progress: Progress) -> None:
    while True:
        claimed = box.claim(ctx.system, lease_s=_lease_s(ctx))
        for entry in claimed:
            outcome = send(ctx, box, entry)
            report.outcomes[outcome] += 1
            report.entries.append((entry.key, entry.version, outcome))
            progress("outbox", len(report.entries))
        if claimed:
            continue
        if time.monotonic() >= stay_until or not _waiting(ctx):
            return
        time.sleep(0.2)


def _lease_s(ctx: Context) -> float:
    return (ctx.send_deadline + LEASE_MARGIN).total_seconds()


def _waiting(ctx: Context) -> bool:
    return bool(outbox_entry.waiting(ctx.database, ctx.system))


def send(ctx: Context, box: Outbox, entry: Entry) -> str:
    """Return the entry's new state: sent, pending, unknown, review or dead; `lost` when its lease was taken over."""
    try:
        if not entry.step and _may_have_arrived(entry):
            if outcome := _look_first(ctx, box, entry):
                return outcome
            entry = box.renew(entry, lease_s=_lease_s(ctx))
        return _attempt(ctx, box, entry)
    except LeaseLostError:
        return "lost"


def _may_have_arrived(entry: Entry) -> bool:
    return bool(entry.attempts) or entry.last_sent_at is not None


def _look_first(ctx: Context, box: Outbox, entry: Entry) -> str:
    """Settle an entry that may have arrived before; empty when it is safe to send."""
    asked = ctx.clock()
    if entry.action == "create":
        try:
            hits = ctx.connector.find(entry.obj, entry.key)
        except (AccessError, ConfigurationError) as exc:
            box.wait(entry, "unknown", ctx.clock() + _backoff(entry), exc)
            raise
        except ConnectorError as exc:
            return box.wait(entry, "unknown", ctx.clock() + _backoff(entry, exc), exc)
        if len(hits) == 1 and same_document(hits[0], entry):
            return _arrived(ctx, box, entry, hits[0])
        if hits:
            return box.review(entry, hits)
    until = booked_until(ctx, entry.last_sent_at) if entry.last_sent_at else asked
    if asked < until:  # it may have been booked since
        return box.wait(entry, "unknown", until, CrmError("commit-horizon", until=f"{until:%H:%M:%S}"))
    return ""


def _arrived(ctx: Context, box: Outbox, entry: Entry, answer: Ack | Hit) -> str:
    """The document is there; what is left of its steps the next claim takes: at once, but where it just tried."""
    document, warnings = answer.external_id or entry.external_id, getattr(answer, "warnings", ())
    if answer.done:
        return box.settle(entry, "sent", document, warnings)
    if entry.action == "cancel":  # its steps lead to another end than `finish`: it is repeated, which is safe
        return box.wait(entry, "unknown", ctx.clock() + _backoff(entry), CrmError("steps-left", document=document))
    pause = _backoff(entry) if entry.step else timedelta(0)
    return box.steps_left(entry, document, ctx.clock() + pause, warnings)


def booked_until(ctx: Context, sent_at: datetime) -> datetime:
    """Until when an attempt begun at `sent_at` may still be booked: it may leave as late as its deadline allows."""
    return sent_at + ctx.send_deadline + ctx.commit_horizon


def _attempt(ctx: Context, box: Outbox, entry: Entry) -> str:
    try:
        wire = _wire(ctx, entry)
    except RecordMappingError as exc:
        return box.bury(entry, exc)
    deadline = Deadline(ctx.send_deadline.total_seconds())  # it runs while the attempt is noted: that can take long
    begun = box.begin_attempt(entry, wire, ctx.mapping.version, ctx.clock() + ctx.send_deadline)
    try:
        ack = _write(ctx, begun, deadline.left())
    except (AccessError, ConfigurationError) as exc:
        box.wait(begun, "pending", ctx.clock() + _backoff(begun), exc)
        raise
    except TransientError as exc:
        return box.wait(begun, "pending", ctx.clock() + _backoff(begun, exc), exc)
    except RecordRejectedError as exc:
        return box.bury(begun, exc)
    except ConnectorError as exc:  # nobody knows what became of it, or nobody says
        if begun.step:
            return box.wait(begun, "pending", ctx.clock() + _backoff(begun, exc), exc)
        return box.wait(begun, "unknown", ctx.clock() + timedelta(seconds=FIRST_LOOK_S), exc)
    return _arrived(ctx, box, begun, ack)


def _wire(ctx: Context, entry: Entry) -> dict[str, Any] | None:
    """What is sent: what was frozen, else mapped now. What is there and only to be finished needs no mapping for it."""
    if entry.wire is not None:
        return entry.wire
    try:
        return _mapped(ctx, entry)
    except RecordMappingError:
        if entry.step:
            return None
        raise


def _mapped(ctx: Context, entry: Entry) -> dict[str, Any]:
    section = {"create": "push", "change": "change", "cancel": "cancel"}[entry.action]
    wire: dict[str, Any] = ctx.mapping.section(entry.obj, section).apply(entry.document, entry.key)
    return wire


def _write(ctx: Context, entry: Entry, seconds: float) -> Ack:
    wire = entry.wire or {}
    if entry.step:
        return ctx.connector.finish(entry.obj, entry.external_id, wire, deadline_s=seconds)
    if entry.action == "create":
        return ctx.connector.push(entry.obj, wire, entry.key, deadline_s=seconds)
    write = ctx.connector.change if entry.action == "change" else ctx.connector.cancel
    return write(entry.obj, entry.external_id, wire, deadline_s=seconds)


def _backoff(entry: Entry, exc: ConnectorError | None = None) -> timedelta:
    wait = min(LONGEST_WAIT_S, FIRST_LOOK_S * 2 ** min(entry.attempts, 10))
    return timedelta(seconds=max(wait, (exc and exc.retry_after_s) or 0))


def same_document(hit: Hit, entry: Entry) -> bool:
    """Whether the document found is the one we meant: customer, currency and total agree."""
    document = entry.document
    if "total" not in document:
        return True  # master data: the key alone says it
    return (
        hit.customer == document["customer"]["erp_key"]
        and hit.currency == document["currency"]
        and hit.total == Decimal(document["total"])
    )


def preview(ctx: Context) -> list[tuple[Entry, dict[str, Any] | RecordMappingError]]:
    """What a push would send now, mapped; nothing is claimed or sent."""
    found: list[tuple[Entry, dict[str, Any] | RecordMappingError]] = []
    for entry in outbox_entry.waiting(ctx.database, ctx.system):
        try:
            found.append((entry, _wire(ctx, entry) or {}))
        except RecordMappingError as exc:
            found.append((entry, exc))
    return found


def probe(ctx: Context, obj: str, key: str) -> list[Hit]:
    """The ERP's documents under our key, now."""
    return ctx.connector.find(obj, key)
