"""Payments and applications as rows, of an ERP that hands over what settled what: receipts and settlements.

An application ends with its own reversal or that of either side, whichever comes first; a side that is not here yet
hinders nothing, and when it arrives the application is made anew. Keys bear what they are, for an item's id may be a
payment's as well. An ERP that clears account lines is not one of these: the two ways never mix within a system.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, exists, insert, or_, select

from crm_core import companies, schema, today_balances
from crm_core.errors import RefusedError
from crm_core.model import AccountLine, Receipt, Settlement
from crm_core.receivables import Application, Payment

PAYMENT, APPLICATION = "payments:", "applications:"
_RECEIPT, _SETTLEMENT, _LINE = schema.erp_receipt, schema.erp_settlement, schema.account_line
_RECEIPT_FIELDS = [name for name, _, _ in schema.plain_fields(Receipt)]
_SETTLEMENT_FIELDS = [name for name, _, _ in schema.plain_fields(Settlement)]
_CHUNK = 400


def follow_receipts(conn: Connection, system: str, touched: Iterable[str], erp_time: datetime) -> None:
    """Replace the payments that these receipts are, and what hangs on them. Raises RefusedError two-ways."""
    keys = sorted(set(touched))
    _refuse_two_ways(conn, system)
    zones = companies.zones(conn, system)
    receipts = [(row[0], Receipt(**_named(_RECEIPT_FIELDS, row[1:]))) for row in _select(conn, _RECEIPT, system, keys)]
    today = {key: erp_time.astimezone(zones.get(one.company_code, UTC)).date() for key, one in receipts}
    payments = [_payment(system, key, one) for key, one in receipts]
    lefts = [
        today_balances.Left(pay, one.balance, today[key])
        for pay, (key, one) in zip(payments, receipts, strict=True)
        if one.balance is not None
    ]
    known = today_balances.before(conn, system, schema.payment, [PAYMENT + key for key in keys])
    _delete(conn, schema.payment, system, [PAYMENT + key for key in keys])
    since, applications = today_balances.settled(known, lefts)
    _insert(conn, schema.payment, [{**_row(pay), "known_from": since.get(pay.key)} for pay in payments])
    _insert(conn, schema.application, [_row(one) for one in applications])
    of_payments = or_(_SETTLEMENT.c.source_kind == "payment", _SETTLEMENT.c.target_kind == "payment")
    _follow_sides(conn, system, keys, of_payments)


def follow_settlements(conn: Connection, system: str, touched: Iterable[str]) -> None:
    """Replace the applications that these settlements are. Raises RefusedError two-ways."""
    keys = sorted(set(touched))
    _refuse_two_ways(conn, system)
    _delete(conn, schema.application, system, [APPLICATION + key for key in keys])
    _resolve(conn, system, _settlements(conn, system, _SETTLEMENT.c.key, keys))


def follow_items(conn: Connection, system: str, lines: Mapping[str, AccountLine], gone: Iterable[str]) -> None:
    """Items were derived anew, or are gone: what settles them ends with them. Raises RefusedError two-ways."""
    if not conn.execute(select(exists().where(_SETTLEMENT.c.system == system))).scalar():
        return
    if any(line.clearing or line.settles or line.cleared_on for line in lines.values()):
        raise RefusedError("two-ways", system=system)
    of_items = or_(_SETTLEMENT.c.source_kind == "item", _SETTLEMENT.c.target_kind == "item")
    _follow_sides(conn, system, sorted({*lines, *gone}), of_items)


def _refuse_two_ways(conn: Connection, system: str) -> None:
    """Whoever clears account lines tells with them what was paid: it would count twice."""
    tied = (exists().where(_LINE.c.system == system, column > "") for column in (_LINE.c.clearing, _LINE.c.settles))
    if conn.execute(select(or_(*tied))).scalar():
        raise RefusedError("two-ways", system=system)


def _follow_sides(conn: Connection, system: str, keys: Sequence[str], where: ColumnElement[bool]) -> None:
    found: dict[str, Settlement] = {}
    for side in (_SETTLEMENT.c.source_key, _SETTLEMENT.c.target_key):
        found |= _settlements(conn, system, side, keys, where)
    _delete(conn, schema.application, system, [APPLICATION + key for key in sorted(found)])
    _resolve(conn, system, found)


def _settlements(
    conn: Connection, system: str, column: ColumnElement[Any], keys: Sequence[str], *where: ColumnElement[bool]
) -> dict[str, Settlement]:
    rows = _select(conn, _SETTLEMENT, system, keys, column, *where)
    return {row[0]: Settlement(**_named(_SETTLEMENT_FIELDS, row[1:])) for row in rows}


def _resolve(conn: Connection, system: str, settlements: Mapping[str, Settlement]) -> None:
    """Write the applications, each until the first of its own and its two sides' reversals.

    RefusedError two-ways where a side says by itself what is left of it.
    """
    sides = {side for one in settlements.values() for side in _sides(one)}
    ends = _reversals(conn, schema.open_item, system, [key for key in sides if not key.startswith(PAYMENT)])
    ends |= _reversals(conn, schema.payment, system, [key for key in sides if key.startswith(PAYMENT)])
    rows = []
    for key in sorted(settlements):
        one = settlements[key]
        until = [day for day in (one.reversed_on, *(ends.get(side) for side in _sides(one))) if day]
        rows.append(_row(_application(system, key, one, min(until, default=None))))
    _insert(conn, schema.application, rows)


def _sides(one: Settlement) -> tuple[str, str]:
    """The keys of the derived rows on both sides."""
    return _derived(one.source_kind, one.source_key), _derived(one.target_kind, one.target_key)


def _derived(kind: str, key: str) -> str:
    return PAYMENT + key if key and kind == "payment" else key


def _application(system: str, key: str, one: Settlement, until: date | None) -> Application:
    source, target = _sides(one)
    return Application(
        system=system,
        key=APPLICATION + key,
        kind=one.kind,
        applied_on=one.applied_on,
        reversed_on=until,
        source_kind=one.source_kind,
        source_key=source,
        source_amount=one.source_amount,
        target_key=target,
        amount=one.amount,
        group_key=APPLICATION + key,
    )


def _payment(system: str, key: str, one: Receipt) -> Payment:
    return Payment(
        system=system,
        key=PAYMENT + key,
        company_code=one.company_code,
        customer_key=one.customer_key,
        fiscal_year=one.fiscal_year,
        document_number=one.number,
        kind=one.kind,
        document_date=one.document_date,
        posting_date=one.posting_date,
        currency=one.currency,
        amount=one.amount,
        local_currency=one.local_currency,
        rate=one.rate,
        maturity_date=one.maturity_date,
        reversed_on=one.reversed_on,
        reference=one.reference,
    )


def _reversals(conn: Connection, table: Table, system: str, keys: Sequence[str]) -> dict[str, date]:
    query = select(table.c.key, table.c.reversed_on, table.c.known_from).where(table.c.system == system)
    rows = [row for some in _chunks(sorted(keys)) for row in conn.execute(query.where(table.c.key.in_(some)))]
    if any(row.known_from for row in rows):
        raise RefusedError("two-ways", system=system)
    return {row.key: row.reversed_on for row in rows if row.reversed_on}


def _select(
    conn: Connection,
    table: Table,
    system: str,
    keys: Sequence[str],
    column: ColumnElement[Any] | None = None,
    *where: ColumnElement[bool],
) -> list[Any]:
    """Rows with their key and then their fields, where `column` (else the key) is one of `keys`."""
    fields = _RECEIPT_FIELDS if table is _RECEIPT else _SETTLEMENT_FIELDS
    query = select(table.c.key, *(table.c[name] for name in fields)).where(table.c.system == system, *where)
    by = table.c.key if column is None else column
    return [row for some in _chunks(keys) for row in conn.execute(query.where(by.in_(some)).order_by(table.c.key))]


def _named(fields: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(fields, values, strict=True))


def _row(struct: Application | Payment) -> dict[str, Any]:
    """The columns that the struct has; `customer` is none."""
    table = schema.payment if isinstance(struct, Payment) else schema.application
    return {column.name: getattr(struct, column.name) for column in table.columns}


def _insert(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        conn.execute(insert(table), list(rows))


def _delete(conn: Connection, table: Table, system: str, keys: Sequence[str]) -> None:
    for some in _chunks(keys):
        conn.execute(delete(table).where(table.c.system == system, table.c.key.in_(some)))


def _chunks(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))
