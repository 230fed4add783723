"""Who may pull an object now: a lease with a fencing token, and the life sign of every run.

A run lives until its `lease_until`, which its heartbeat moves. The token of a place (system, object, part) rises with
every holder; whatever a run writes checks in the same transaction that the token is still its own. On PostgreSQL the
database's clock counts; on SQLite that of the one machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, update

from crm_core import schema
from crm_core.audit import schema_is_postgres
from crm_core.errors import LeaseLostError
from crm_core.upserts import upsert

UNLEASED = timedelta(hours=6)
"""After it a run of a program older than leases counts as dead."""
_LEASE, _RUN = schema.run_lease, schema.run


@dataclass(frozen=True, slots=True)
class Lease:
    """What a run holds; token 0: it shares the object with others and only shows that it is alive."""

    run_id: str
    system: str
    obj: str
    part: str = ""
    token: int = 0


@dataclass(frozen=True, slots=True)
class Holder:
    """The run that has the place: which process's (host:pid:...; empty: it is just taking it) and since when."""

    owner: str
    since: datetime
    until: datetime | None = None


def moment(conn: Connection, now: datetime) -> datetime:
    """The time that leases go by; `now` is the caller's own clock."""
    if not schema_is_postgres(conn):
        return now
    at: datetime = conn.execute(select(func.clock_timestamp())).scalar_one()
    return at


def take(conn: Connection, lease: Lease, now: datetime, gone: Callable[[str], bool]) -> Lease | Holder:
    """The place under a higher token, after closing the dead run that had it; or who has it.

    `gone` says of an owner whether its process surely is no more, though its lease goes on.
    """
    place = {"system": lease.system, "obj": lease.obj, "part": lease.part}
    upsert(conn, _LEASE, [{**place, "token": 0, "run_id": ""}], change=False)
    at = tuple(_LEASE.c[name] == value for name, value in place.items())
    row = conn.execute(select(_LEASE).where(*at).with_for_update(skip_locked=True)).first()
    holder = _holder(conn, at, now)
    if row is None:  # somebody takes it this moment, or stores a page
        return holder or Holder("", now)
    if holder and holder.until and holder.until > moment(conn, now) and not gone(holder.owner):
        return holder
    _interrupt(conn, _RUN.c.id == row.run_id, now)
    conn.execute(update(_LEASE).where(*at).values(token=row.token + 1, run_id=lease.run_id))
    return Lease(lease.run_id, **place, token=row.token + 1)


def _holder(conn: Connection, at: tuple[Any, ...], now: datetime) -> Holder | None:
    query = select(_RUN.c.owner, _RUN.c.started_at, _RUN.c.lease_until).join(_LEASE, _LEASE.c.run_id == _RUN.c.id)
    row = conn.execute(query.where(*at, _RUN.c.state == "running")).first()
    return None if row is None else Holder(*row)


def renew(conn: Connection, lease: Lease, now: datetime, seconds: float) -> bool:
    """Show that the run is alive for so long from now; false when it was closed meanwhile."""
    until = moment(conn, now) + timedelta(seconds=seconds)
    running = (_RUN.c.id == lease.run_id, _RUN.c.state == "running")
    return bool(conn.execute(update(_RUN).where(*running).values(lease_until=until)).rowcount)


def require(conn: Connection, lease: Lease | None) -> None:
    """Raise LeaseLostError when somebody else holds the place now; until the transaction ends nobody can take it."""
    if lease is None or not lease.token:
        return
    if conn.execute(select(_LEASE.c.token).where(*_held(lease)).with_for_update(read=True)).first() is None:
        raise LeaseLostError("run-lease-lost", system=lease.system, object=lease.obj, run=lease.run_id)


def release(conn: Connection, lease: Lease) -> None:
    """Free the place; the token stays, so that the next one is higher."""
    if lease.token:
        conn.execute(update(_LEASE).where(*_held(lease)).values(run_id=""))


def any_dead(conn: Connection, now: datetime) -> bool:
    """Whether there is a run to be closed."""
    return conn.execute(select(_RUN.c.id).where(_lapsed(moment(conn, now))).limit(1)).first() is not None


def close_dead(conn: Connection, now: datetime) -> int:
    """Mark every run interrupted whose lease is past, and take its place from it. Returns how many there were.

    A place that is locked belongs to a run that stores a page this moment: it is left to the next time.
    """
    dead = list(conn.execute(select(_RUN.c.id).where(_lapsed(moment(conn, now)))).scalars())
    if not dead:
        return 0
    held = select(_LEASE.c.run_id).where(_LEASE.c.run_id.in_(dead))
    free = set(conn.execute(held.with_for_update(skip_locked=True)).scalars())
    busy = set(conn.execute(held).scalars()) - free
    closed = _interrupt(conn, and_(_RUN.c.id.in_(set(dead) - busy), _lapsed(moment(conn, now))), now)
    taken = _LEASE.c.run_id.in_(closed)
    conn.execute(update(_LEASE).where(taken).values(run_id="", token=_LEASE.c.token + 1))
    return len(closed)


def _lapsed(now: datetime) -> Any:
    unleased = and_(_RUN.c.lease_until.is_(None), _RUN.c.started_at < now - UNLEASED)
    return and_(_RUN.c.state == "running", or_(_RUN.c.lease_until <= now, unleased))


def _interrupt(conn: Connection, which: Any, now: datetime) -> list[str]:
    query = update(_RUN).where(which, _RUN.c.state == "running").values(state="interrupted", finished_at=now)
    return list(conn.execute(query.returning(_RUN.c.id)).scalars())


def _held(lease: Lease) -> tuple[Any, ...]:
    place = (_LEASE.c.system == lease.system, _LEASE.c.obj == lease.obj, _LEASE.c.part == lease.part)
    return (*place, _LEASE.c.token == lease.token, _LEASE.c.run_id == lease.run_id)
