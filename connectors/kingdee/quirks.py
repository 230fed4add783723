"""What Galaxy's forms need beyond their product file."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

Row = dict[str, Any]

SETTLES = ("1", "2")
"""Kinds of write-off that take from a source: money, or a red receivable. Discounts and losses take from nothing."""

RECEIVABLES, REFUND = ("AR_receivable", "AR_OTHERRECABLE"), "AR_REFUNDBILL"


def pairs(document: Row) -> Iterator[Row]:
    """A write-off lists what was settled and what settled it, without saying which settled which: one record a pair.

    `FEntity` of a pair is the settled row and, where there is one, its source, each with its share; money that went
    back is settled by what it was taken from, and its amount is positive whatever its sign. Both sides are shared out
    in their order. Where that leaves a rest, or currencies differ among several rows, the write-off stays whole, as
    pair 0 without rows: nobody can say what settled what.
    """
    rows = [_positive(row) if row["FSRCFORMID"] == REFUND else row for row in document.get("FEntity") or []]
    targets = [row for row in rows if _is_target(row)]
    sources = [row for row in rows if not _is_target(row)]
    if not targets:
        yield {**document, "Pair": "0", "FEntity": []}
        return
    if document.get("FMatchType") not in SETTLES or len(targets) == len(sources) == 1:
        found = [[target, *sources[:1]] for target in targets]
    else:
        found = list(_shared(targets, sources))
    for number, pair in enumerate(found, 1 if found else 0):
        yield {**document, "Pair": str(number), "FEntity": pair}
    if not found:
        yield {**document, "Pair": "0", "FEntity": []}


def refunds(document: Row) -> Iterator[Row]:
    """Whether a refund takes bills of exchange back is told by rows that most refunds lack: `TakesBills` 1 or 0."""
    yield {**document, "TakesBills": "1" if document.get("FREFUNDBILLRECEIVENTRY") else "0"}


def _is_target(row: Row) -> bool:
    return row["FSRCFORMID"] == REFUND or (row["FSRCFORMID"] in RECEIVABLES and _amount(row) > 0)


def _amount(row: Row) -> Decimal:
    return Decimal(row["FMatchAMOUNTFOR"] or 0)


def _shared(targets: list[Row], sources: list[Row]) -> Iterator[list[Row]]:
    """Pairs of a target and a source with what both have in common; none unless they come out even."""
    left, given = [_amount(row) for row in targets], [abs(_amount(row)) for row in sources]
    if len({row["FCURRENCYID"]["FCODE"] for row in [*targets, *sources]}) > 1 or sum(left) != sum(given):
        return
    place = 0
    for target, wanted in zip(targets, left, strict=True):
        while wanted:
            share = min(wanted, given[place])
            if share:
                yield [_with(target, share), _with(sources[place], share)]
            wanted, given[place] = wanted - share, given[place] - share
            place += not given[place] and place < len(sources) - 1


def _positive(row: Row) -> Row:
    return {**row, "FMatchAMOUNTFOR": format(abs(_amount(row)), "f")}


def _with(row: Row, share: Decimal) -> Row:
    return {**row, "FMatchAMOUNTFOR": format(share if _amount(row) >= 0 else -share, "f")}
