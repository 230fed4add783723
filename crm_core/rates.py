"""Exchange rates that receivables are revalued at: units of one currency for 1 of another, from a day on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from crm_core import access, audit, schema
from crm_core.access import Actor
from crm_core.database import Database
from crm_core.errors import RefusedError
from crm_core.money import is_currency
from crm_core.receivables import Rate
from crm_core.upserts import upsert

_TABLE = schema.exchange_rate
_Key = tuple[date, str, str]


class Stored(NamedTuple):
    """How many rates were new, took the place of another value, or stood there already."""

    added: int
    changed: int
    unchanged: int


def put(db: Database, actor: Actor, now: datetime, rates: Iterable[Rate], *, dry_run: bool = False) -> Stored:
    """Store rates, replacing those of the same day and pair; all or none. With `dry_run` they are only compared.

    Raises RefusedError naming a wrong one.
    """
    access.require(actor, "rates.write")
    rows = {_key(row): row for row in map(_checked, rates)}
    with db.read() if dry_run else db.write() as conn:
        known = _known(conn, rows)
        added = [row for key, row in rows.items() if key not in known]
        changed = [row for key, row in rows.items() if key in known and known[key] != row["rate"]]
        if not dry_run and (added or changed):
            upsert(conn, _TABLE, [*added, *changed])
            _audit(conn, actor, now, added, {_name(row): [known[_key(row)], row["rate"]] for row in changed})
    return Stored(len(added), len(changed), len(rows) - len(added) - len(changed))


def _key(row: dict[str, Any]) -> _Key:
    return row["rate_date"], row["from_currency"], row["to_currency"]


def _name(row: dict[str, Any]) -> str:
    return f"{row['rate_date']} {row['from_currency']}/{row['to_currency']}"


def _known(conn: Connection, rows: Iterable[_Key]) -> dict[_Key, Decimal]:
    """The rates there are of those days."""
    days = sorted({day for day, *_pair in rows})
    if not days:
        return {}
    query = select(_TABLE).where(_TABLE.c.rate_date.between(days[0], days[-1]))
    return {_key(dict(row)): row["rate"] for row in conn.execute(query).mappings()}


def _audit(
    conn: Connection, actor: Actor, now: datetime, added: list[dict[str, Any]], changed: dict[str, list[Decimal]]
) -> None:
    days = sorted(row["rate_date"].isoformat() for row in added)
    detail: dict[str, Any] = {"added": len(added), **({"first": days[0], "last": days[-1]} if days else {})}
    detail["changed"] = {name: [f"{rate:f}" for rate in values] for name, values in changed.items()}
    audit.append(conn, at=now, actor=actor.name, action="rates.put", obj="rates", detail=detail)


def listing(db: Database, actor: Actor, *, on: date | None = None) -> list[dict[str, Any]]:
    """Rates, newest first; with `on` only the one of each pair that is in force that day (date.max: the newest)."""
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
