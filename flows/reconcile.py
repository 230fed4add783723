"""Does the CRM hold what the ERP holds, in money? Read by its own path: without mappings, without row hashes.

First the documents: keys missing on either side, amounts, open or cleared. Then the sums by company, customer, currency
and period, and what we derived (open items, payments, applications) against the ERP's uncleared lines, or document by
document against what the ERP says is left of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from typing import Any

from connectors.base import RawAmount
from crm_core import books, sync_state
from flows.context import Context, Progress, nobody_watches
from flows.errors import UsageError
from flows.runs import Run, running

Place = tuple[str, str, str]  # company, customer, currency


@dataclass(frozen=True, slots=True)
class Difference:
    """`kind`: missing_in_crm, missing_in_erp, amount, currency, customer, cleared, sum or balance."""

    obj: str
    kind: str
    key: str
    company: str
    customer: str
    currency: str
    erp: str
    crm: str
    period: str = ""


@dataclass(slots=True)
class ReconcileReport:
    """Documents compared by object, the sums both sides agree on, and every difference."""

    system: str
    compared: dict[str, int] = field(default_factory=dict)
    totals: list[dict[str, str]] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)


def reconcile(ctx: Context, objects: Sequence[str] = (), *, progress: Progress = nobody_watches) -> ReconcileReport:
    """Compare every document of the system; nothing is changed at either side but the note of the result."""
    report = ReconcileReport(ctx.system)
    for obj in objects:
        if obj not in books.RECONCILED:
            known = ", ".join(books.RECONCILED)
            raise UsageError("unknown-object", system=ctx.system, object=obj, objects=known)
    for obj in books.RECONCILED:
        if (objects and obj not in objects) or "pull" not in ctx.mapping.sections(obj):
            continue
        before = len(report.differences)
        with running(ctx, obj, "reconcile") as run:
            _compare(ctx, obj, report, progress)
            _note(ctx, obj, run, report.compared[obj], report.differences[before:])
    return report


def _note(ctx: Context, obj: str, run: Run, compared: int, found: Sequence[Difference]) -> None:
    rows = [asdict(difference) for difference in found]
    sync_state.save_reconciliation(ctx.database, ctx.system, obj, run.id, ctx.clock(), compared, rows)
    run.counts = {"compared": compared, "differences": len(rows)}


def _compare(ctx: Context, obj: str, report: ReconcileReport, progress: Progress) -> None:
    ours = {held.key: held for held in books.held(ctx.database, ctx.system, obj)}
    sums: defaultdict[tuple[str, ...], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    uncleared: defaultdict[Place, Decimal] = defaultdict(Decimal)
    for held in ours.values():
        sums[_bucket(held)][1] += held.amount
    clears = obj == "open_items" and not _hands_over(ctx)
    for stated in ctx.connector.raw_amounts(obj):
        report.compared[obj] = report.compared.get(obj, 0) + 1
        progress(obj, report.compared[obj])
        held_one = ours.pop(stated.key, None)
        raw = _completed(stated, held_one) if obj == "applications" else stated
        sums[_bucket(raw)][0] += raw.amount
        if raw.open and raw.in_balance:
            uncleared[raw.company, raw.customer, raw.currency] += raw.amount
        report.differences += _differences(obj, raw, held_one, clears=clears)
    report.compared.setdefault(obj, 0)
    report.differences += [_missing_in_erp(obj, held) for held in ours.values()]
    report.differences += _sums(obj, sums, report)
    if clears:
        report.differences += _balances(ctx, uncleared)


def _hands_over(ctx: Context) -> bool:
    """Whether the ERP tells payments apart from open items; one that clears shows both as account lines."""
    return any("pull" in ctx.mapping.sections(obj) for obj in ("payments", "applications"))


def _completed(raw: RawAmount, held: books.Held | None) -> RawAmount:
    """An application need not name the customer, the currency and the day: its item does."""
    if held is None:
        return raw
    customer, currency = raw.customer or held.customer, raw.currency or held.currency
    return replace(raw, customer=customer, currency=currency, company=raw.company or held.company, on=raw.on or held.on)


def _bucket(row: RawAmount | books.Held) -> tuple[str, ...]:
    period = f"{row.on:%Y-%m}" if row.on else ""
    return row.company, row.customer, row.currency, period


def _differences(obj: str, raw: RawAmount, held: books.Held | None, *, clears: bool) -> Iterator[Difference]:
    def difference(kind: str, erp: Any, crm: Any) -> Difference:
        return Difference(obj, kind, raw.key, raw.company, raw.customer, raw.currency, str(erp), str(crm))

    if held is None:
        yield difference("missing_in_crm", raw.amount, "")
        return
    if raw.amount != held.amount:
        yield difference("amount", raw.amount, held.amount)
    for name in ("company", "customer", "currency"):
        if getattr(raw, name) != getattr(held, name):
            yield difference(name, getattr(raw, name), getattr(held, name))
    if clears and raw.open != held.open:
        yield difference("cleared", "open" if raw.open else "cleared", "open" if held.open else "cleared")
    if raw.balance is not None and raw.in_balance and raw.balance != held.rest:
        yield difference("balance", raw.balance, "" if held.rest is None else held.rest)


def _missing_in_erp(obj: str, held: books.Held) -> Difference:
    return Difference(obj, "missing_in_erp", held.key, held.company, held.customer, held.currency, "", str(held.amount))


def _sums(obj: str, sums: dict[tuple[str, ...], list[Decimal]], report: ReconcileReport) -> Iterator[Difference]:
    totals: defaultdict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for (company, customer, currency, period), (erp, crm) in sorted(sums.items()):
        totals[company, currency][0] += erp
        totals[company, currency][1] += crm
        if erp != crm:
            yield Difference(obj, "sum", "", company, customer, currency, str(erp), str(crm), period)
    for (company, currency), (erp, crm) in sorted(totals.items()):
        if currency:
            total = {"object": obj, "company": company, "currency": currency, "erp": str(erp), "crm": str(crm)}
            report.totals.append(total)


def _balances(ctx: Context, uncleared: dict[Place, Decimal]) -> Iterator[Difference]:
    derived = {balance[:3]: balance.amount for balance in books.balances(ctx.database, ctx.system)}
    for place in sorted(derived.keys() | uncleared.keys()):
        erp, crm = uncleared.get(place, Decimal(0)), derived.get(place, Decimal(0))
        if erp != crm:
            yield Difference("open_items", "balance", "", *place, str(erp), str(crm))
