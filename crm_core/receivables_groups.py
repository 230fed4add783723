"""A customer's receivables over all companies and systems, currency by currency: he is one, whoever sold to him.

Local amounts are left out: companies keep their books in different currencies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from crm_core.ageing_report import COLUMNS
from crm_core.money import exact


def added(rows: Iterable[dict[str, Any]], by: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of `receivables_report` summed where they agree in `by`; `erp_customers` says where each part comes from."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    with exact():
        for row in rows:
            place = tuple(row[name] for name in by)
            total = found.setdefault(place, _empty(row, by))
            for name in COLUMNS:
                total[name] += row[name]
            for bucket, amount in row["buckets"].items():
                total["buckets"][bucket] += amount
            total["items"] += row["items"]
            where = {"system": row["system"], "company": row["company"]}
            total["erp_customers"] += [{**where, "erp_customer": key} for key in row["erp_customers"]]
    return [found[place] for place in sorted(found)]


def _empty(row: dict[str, Any], by: Sequence[str]) -> dict[str, Any]:
    return {
        **{name: row[name] for name in by},
        **dict.fromkeys(COLUMNS, Decimal(0)),
        "buckets": dict.fromkeys(row["buckets"], Decimal(0)),
        "items": 0,
        "erp_customers": [],
    }
