"""Exchange rates that receivables are revalued at: units of one currency for 1 of another, from a day on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from crm_core import access, audit, schema
from crm_core.access import Actor
from crm_core.database import Database
from crm_core.errors import RefusedError
from crm_core.money import is_currency
from crm_core.receivables import Rate
from crm_core.upserts import upsert

_TABLE = schema.exchange_rate


def put(db: Database, actor: Actor, now: datetime, rates: Iterable[Rate]) -> int:
    """Store rates, replacing those of the same day and pair; all or none. Raises RefusedError naming a wrong one."""
    access.require(actor, "rates.write")
    rows = [_checked(rate) for rate in rates]
    with db.write() as conn:
        upsert(conn, _TABLE, rows)
        if rows:
            days = sorted({row["rate_date"].isoformat() for row in rows})
            detail = {"rates": len(rows), "first": days[0], "last": days[-1]}
            audit.append(conn, at=now, actor=actor.name, action="rates.put", obj="rates", detail=detail)
    return len(rows)


def listing(db: Database, actor: Actor, *, on: date | None = None) -> list[dict[str, Any]]:
    """Rates, newest first; with `on` only the one of each pair that is in force that day."""
    access.require(actor, "rates.read")
    query = select(_TABLE).order_by(_TABLE.c.from_currency, _TABLE.c.to_currency, _TABLE.c.rate_date.desc())
    with db.read() as conn:
        rows = [dict(row) for row in conn.execute(query).mappings()]
    if on is None:
        return rows
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        if row["rate_date"] <= on:
            newest.setdefault((row["from_currency"], row["to_currency"]), row)
    return list(newest.values())


def _checked(rate: Rate) -> dict[str, Any]:
    for currency in (rate.from_currency, rate.to_currency):
        if not is_currency(currency):
            raise RefusedError("rate-currency", value=currency, day=str(rate.rate_date))
    if not rate.rate > Decimal(0) or rate.from_currency == rate.to_currency:
        pair = f"{rate.from_currency}/{rate.to_currency}"
        raise RefusedError("rate-unfit", pair=pair, rate=str(rate.rate), day=str(rate.rate_date))
    return {name: getattr(rate, name) for name in ("rate_date", "from_currency", "to_currency", "rate")}
