"""Plain records in the product file's words: what a found document says, and amounts for reconciliation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.base import Hit, RawAmount, Record, System
from connectors.descriptor import Find, Match, Raw
from connectors.errors import PermanentError


def text(row: Mapping[str, Any], path: str) -> str:
    """The value at a path as text; empty where there is none. A flat name with dots goes before a path.

    Of a list the first item is meant.
    """
    value: Any = row.get(path) if path else None
    if value is None and "." in path:
        value = row
        for part in path.split("."):
            value = value[0] if isinstance(value, list) and value else value
            value = value.get(part) if isinstance(value, Mapping) else None
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def matches(row: Mapping[str, Any], rule: Match) -> bool:
    return text(row, rule.field) in rule.values


def strip_zeros(value: str) -> str:
    """A number without leading zeros; a text that holds anything but digits stays as it is."""
    return value.lstrip("0") or "0" if value.isascii() and value.isdigit() else value


def hit_of(spec: Find, record: Record) -> Hit:
    row = record.data
    return Hit(
        external_id=record.key,
        customer=strip_zeros(text(row, spec.customer)),
        currency=text(row, spec.currency),
        total=Decimal(text(row, spec.total) or 0),
        state=text(row, spec.state),
        cancelled=spec.cancelled is not None and matches(row, spec.cancelled),
    )


def raw_of(obj: str, raw: Raw, record: Record, system: System) -> RawAmount:
    """PermanentError for a kind of document whose sign nobody has stated: guessing would hide a difference."""
    row, on = record.data, text(record.data, raw.date)[:10]
    company = text(row, raw.company)
    table = system.tables.get(raw.company_table, {}) if raw.company_table else {}
    balance = text(row, raw.balance)
    sign = _sign(obj, raw, record, system)
    return RawAmount(
        key=record.key,
        company=table.get(company, company),
        customer=strip_zeros(text(row, raw.customer)),
        currency=text(row, raw.currency),
        amount=sign * Decimal(text(row, raw.amount) or 0),
        on=date.fromisoformat(on) if on else None,
        open=raw.open is None or matches(row, raw.open),
        in_balance=raw.outside is None or not matches(row, raw.outside),
        balance=sign * Decimal(balance) if balance else None,
    )


def raw_fields(raw: Raw) -> list[str]:
    """The source paths that `raw_of` reads."""
    parts = [raw.amount, raw.currency, raw.company, raw.customer, raw.date, raw.balance]
    return [name for name in [*parts, *(rule.field for rule in (raw.open, raw.outside, raw.sign) if rule)] if name]


def _sign(obj: str, raw: Raw, record: Record, system: System) -> int:
    if raw.sign is None:
        return 1
    value = text(record.data, raw.sign.field)
    if value not in raw.sign.values:
        facts: dict[str, Any] = {"system": system.name, "obj": obj, "key": record.key, "field": raw.sign.field}
        raise PermanentError("unknown-sign", value=value or "nothing", **facts)
    return raw.sign.values[value]
