"""What a database that is a copy, a restored backup, or older than it was no longer knows: what happened since.

In doubt it writes to no ERP. Every entry that is not *sent* may have been sent since, so it is looked up before it is
sent; numbers may have been given out, so the next ones are far ahead. The doubt ends when the installation is armed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, delete, insert, literal, select, update

from crm_core import audit, place, schema
from crm_core.errors import RefusedError
from crm_core.upserts import upsert

Why = Literal["restored", "copied", "put-back"]
"""`restored` by our own command; `copied`: the database lives elsewhere; `put-back`: it lacks what it once held."""
_INSTALLATION, _OUTBOX, _ATTEMPT = schema.installation, schema.outbox, schema.outbox_attempt
_RUN, _LEASE, _SEQUENCE = schema.run, schema.run_lease, schema.sequence
_NUMBERED = ("quote", "customer", "dispute")
SEQUENCES = {"Q": "quote", "C": "customer"}
"""Of which sequence a number is, by its first letter."""
_DOUBTED = "-doubted"
"""After the name of a sequence: up to which number there may be more of it elsewhere than we know."""
_ELSEWHERE = "restored"
"""The outcome of an attempt that is only feared."""
_STEP = 10_000
_TOKENS_AHEAD = 1_000_000


def begin(conn: Connection, now: datetime, why: Why, by: str) -> dict[str, int]:
    """Disarm, and take nothing for granted that may have happened elsewhere. Returns what was touched, for people."""
    counts = {"unknown": _outbox(conn, now), "interrupted": _runs(conn, now)}
    numbers = jump(conn)
    upsert(conn, _SEQUENCE, [{"name": name + _DOUBTED, "value": value} for name, value in numbers.items()])
    conn.execute(delete(schema.adoption))
    state = {"armed": False, "doubt": why, "doubted_at": now, "place": place.of(conn)}
    conn.execute(update(_INSTALLATION).values(**state))
    detail: dict[str, Any] = {"why": why, **counts, "numbers": numbers}
    audit.append(conn, at=now, actor=by, action="installation.doubt", obj="installation", detail=detail)
    return counts


def _outbox(conn: Connection, now: datetime) -> int:
    """Each unsent entry gets an attempt that nobody knows the end of. Returns how many wait to be looked up."""
    conn.execute(update(_ATTEMPT).where(_ATTEMPT.c.outcome == "").values(outcome="lost", finished_at=now))
    columns = ["key", "version", "number", "run_id", "lease_token", "started_at", "finished_at", "outcome"]
    at, unsent = literal(now, schema.Stamp), _OUTBOX.c.state != "sent"
    attempt = select(
        _OUTBOX.c.key,
        _OUTBOX.c.version,
        _OUTBOX.c.attempts + 1,
        literal(""),
        _OUTBOX.c.lease_token,
        at,
        at,
        literal(_ELSEWHERE),
    )
    conn.execute(insert(_ATTEMPT).from_select(columns, attempt.where(unsent)))
    free = {"lease_owner": "", "lease_until": None, "attempts": _OUTBOX.c.attempts + 1, "last_sent_at": now}
    conn.execute(update(_OUTBOX).where(unsent).values(**free))
    waiting = update(_OUTBOX).where(_OUTBOX.c.state.in_(("pending", "unknown")))
    return conn.execute(waiting.values(state="unknown", due_at=now)).rowcount


def _runs(conn: Connection, now: datetime) -> int:
    """End runs that no process of ours carries on, and fence off those that still try."""
    conn.execute(update(_LEASE).values(run_id="", token=_LEASE.c.token + _TOKENS_AHEAD))
    ended = {"state": "interrupted", "finished_at": now, "lease_until": None}
    return conn.execute(update(_RUN).where(_RUN.c.state == "running").values(**ended)).rowcount


def jump(conn: Connection) -> dict[str, int]:
    """Move every sequence to a round number, 10,000 further and a tenth of it: gaps cost nothing, and a number given
    out twice would name two documents.
    """
    known = select(_SEQUENCE.c.name, _SEQUENCE.c.value).where(_SEQUENCE.c.name.not_like(f"%{_DOUBTED}"))
    have = dict.fromkeys(_NUMBERED, 0) | dict(conn.execute(known).tuples().all())
    ahead = {name: -(-(value + max(_STEP, value // 10)) // _STEP) * _STEP for name, value in have.items()}
    upsert(conn, _SEQUENCE, [{"name": name, "value": value} for name, value in ahead.items()])
    return ahead


def covers(conn: Connection, number: str) -> bool:
    """Whether a quote or customer of this number (Q000042) was there when a doubt began, also one that has ended:
    what it became since may be at the ERP under its key, whatever we know of it.
    """
    name = SEQUENCES.get(number[:1], "") + _DOUBTED
    until = conn.execute(select(_SEQUENCE.c.value).where(_SEQUENCE.c.name == name)).scalar()
    return until is not None and number[1:].isdecimal() and int(number[1:]) <= until


def note_attempt(conn: Connection, key: str, version: int, at: datetime) -> None:
    """That somebody else may have sent it, as its first attempt."""
    ended = {"started_at": at, "finished_at": at, "outcome": _ELSEWHERE}
    conn.execute(insert(_ATTEMPT).values(key=key, version=version, number=1, run_id="", lease_token=0, **ended))


def reserve(conn: Connection, name: str, value: int) -> None:
    """Never give out `value`, or one before it, from now on."""
    upsert(conn, _SEQUENCE, [{"name": name, "value": 0}], change=False)
    conn.execute(update(_SEQUENCE).where(_SEQUENCE.c.name == name, _SEQUENCE.c.value < value).values(value=value))


def note_asked(conn: Connection, system: str, now: datetime, by: str, counts: dict[str, int]) -> None:
    """The system was asked for everything that bears our keys, and what it has was taken in."""
    upsert(conn, schema.adoption, [{"system": system, "asked_at": now, "asked_by": by, "counts": counts}])


def not_asked(conn: Connection, configured: Iterable[str]) -> list[str]:
    """Systems that may hold documents of ours we do not know: the configured ones, and those we ever sent to."""
    asked = set(conn.execute(select(schema.adoption.c.system)).scalars())
    sent_to = conn.execute(select(_OUTBOX.c.system).distinct()).scalars()
    return sorted({*configured, *sent_to} - asked)


def live_runs(conn: Connection, now: datetime) -> list[str]:
    """Who is at work on this database: owners of runs and of outbox entries whose lease has not ended."""
    runs = select(_RUN.c.owner).where(_RUN.c.state == "running", _RUN.c.lease_until > now)
    entries = select(_OUTBOX.c.lease_owner).where(_OUTBOX.c.lease_owner != "", _OUTBOX.c.lease_until > now)
    return sorted({*conn.execute(runs).scalars(), *conn.execute(entries).scalars()})


def require_asked(conn: Connection, configured: Iterable[str]) -> None:
    """Raise RefusedError unless every system was asked since the doubt began."""
    if missing := not_asked(conn, configured):
        raise RefusedError("adoption-needed", systems=", ".join(missing), first=missing[0])
