"""Each system by outcome: how fresh its data are, what waits, what is in doubt, when it last agreed with the ERP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from crm_core import access, installation, schema
from crm_core.access import Actor
from crm_core.database import Database

STATES = ("pending", "unknown", "review", "dead")
STALE_S, WAITING_S = 86_400.0, 3_600.0
"""How old data, and how old a waiting entry, may be before somebody should look."""
SHORT_LIVED = timedelta(days=1)
"""Runs are counted as far back as this."""
_OUTBOX, _RUN, _DEAD, _CHECK = schema.outbox, schema.run, schema.dead_letter, schema.reconciliation


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything at one moment. `systems`: one row each; `runs`: the newest first; `counts`: runs of the last day by
    system, object, direction and state; `ended`: how long the newest ended run of each system, object, direction took.
    """

    at: datetime
    environment: str
    armed: bool
    systems: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    counts: list[dict[str, Any]]
    ended: list[dict[str, Any]]


def standing(
    db: Database, actor: Actor, now: datetime, systems: Sequence[str] = (), *, also: Sequence[str] = (), runs: int = 20
) -> Standing:
    """One consistent view of the systems named, else of all known ones and those in `also`.

    Raises RefusedError where nothing is installed yet.
    """
    access.require(actor, "status.read")
    with db.read() as conn:
        here = installation.current(conn)
        names = list(systems) or sorted({*_known(conn), *also})
        return Standing(
            now,
            here.environment,
            here.armed,
            [_system(conn, name, now) for name in names],
            _newest(conn, names, runs),
            _counts(conn, names, now),
            _ended(conn, names),
        )


def overview(db: Database, actor: Actor, now: datetime, systems: Sequence[str] = ()) -> list[dict[str, Any]]:
    """One row a system; ages in seconds, None where nothing of the kind ever happened."""
    access.require(actor, "status.read")
    with db.read() as conn:
        return [_system(conn, system, now) for system in (systems or _known(conn))]


def problems(
    rows: Sequence[dict[str, Any]], *, stale_s: float = STALE_S, waiting_s: float = WAITING_S, armed: bool = True
) -> list[dict[str, str]]:
    """What needs somebody, as code and params: the answer of `status --check`; empty when all is well."""
    found = [] if armed else [{"code": "status-disarmed", "system": ""}]
    for row in rows:
        counts = {"review": row["review"], "dead": row["dead"], "dead-letters": row["dead_letters"]}
        found += [_problem(f"status-{name}", row, count=str(count)) for name, count in counts.items() if count]
        if row["differences"]:
            found.append(_problem("status-differs", row, count=str(row["differences"])))
        if row["silent_runs"]:
            found.append(_problem("status-silent", row, count=str(row["silent_runs"])))
        if (row["oldest_waiting_s"] or 0) > waiting_s:
            facts = {"count": str(row["backlog"]), "age": _age(row["oldest_waiting_s"])}
            found.append(_problem("status-waiting", row, **facts))
        found += _late(row, stale_s)
    return found


def _late(row: dict[str, Any], stale_s: float) -> list[dict[str, str]]:
    """Objects whose newest pull went wrong, or that were not read completely for too long."""
    found = []
    for obj in row["objects"]:
        if obj["state"] in ("failed", "held", "interrupted"):
            found.append(_problem("status-run", row, obj=obj["obj"], state=obj["state"]))
        elif obj["age_s"] is None or obj["age_s"] > stale_s:
            found.append(_problem("status-stale", row, obj=obj["obj"], age=_age(obj["age_s"])))
    return found


def _age(seconds: float | None) -> str:
    """In its two largest units: 1 d 6 h, 1 h 20 min, 5 min."""
    if seconds is None:
        return "-"
    hours, minutes = divmod(int(seconds) // 60, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _problem(code: str, row: dict[str, Any], **params: str) -> dict[str, str]:
    return {"code": code, "system": row["system"], **params}


def _known(conn: Connection) -> list[str]:
    names: set[str] = set()
    for table in (_RUN, _OUTBOX, schema.company):
        names.update(conn.execute(select(table.c.system).distinct()).scalars())
    return sorted(names)


def _system(conn: Connection, system: str, now: datetime) -> dict[str, Any]:
    waiting = _outbox(conn, system)
    objects = _objects(conn, system, now)
    ages = [obj["age_s"] for obj in objects]
    return {
        "system": system,
        "freshness_s": None if not ages or None in ages else max(ages),
        **{state: waiting.get(state, (0, None))[0] for state in STATES},
        "backlog": sum(waiting.get(state, (0, None))[0] for state in ("pending", "unknown")),
        "oldest_waiting_s": _oldest(waiting, now),
        "dead_letters": _dead_letters(conn, system),
        "silent_runs": _silent_runs(conn, system, now),
        **_reconciled(conn, system, now),
        "objects": objects,
    }


def _outbox(conn: Connection, system: str) -> dict[str, tuple[int, datetime]]:
    """By state how many entries there are, and since when the oldest."""
    oldest = func.min(_OUTBOX.c.created_at)
    query = select(_OUTBOX.c.state, func.count(), oldest).where(_OUTBOX.c.system == system).group_by(_OUTBOX.c.state)
    return {state: (count, since) for state, count, since in conn.execute(query)}


def _oldest(waiting: dict[str, tuple[int, datetime]], now: datetime) -> float | None:
    since = [waiting[state][1] for state in ("pending", "unknown") if state in waiting]
    return (now - min(since)).total_seconds() if since else None


def _dead_letters(conn: Connection, system: str) -> int:
    query = select(func.count()).select_from(_DEAD).where(_DEAD.c.system == system, _DEAD.c.state == "open")
    return int(conn.execute(query).scalar_one())


def _silent_runs(conn: Connection, system: str, now: datetime) -> int:
    """Runs that call themselves running though their lease has ended: the process is gone, or cannot write."""
    silent = (_RUN.c.system == system, _RUN.c.state == "running", _RUN.c.lease_until < now)
    return int(conn.execute(select(func.count()).select_from(_RUN).where(*silent)).scalar_one())


def _newest(conn: Connection, systems: Sequence[str], limit: int) -> list[dict[str, Any]]:
    columns = ("id", "system", "obj", "direction", "state", "started_at", "finished_at", "counts", "error")
    query = select(*(_RUN.c[name] for name in columns)).where(_RUN.c.system.in_(systems))
    newest = query.order_by(_RUN.c.started_at.desc(), _RUN.c.id.desc()).limit(limit)
    return [dict(row) for row in conn.execute(newest).mappings()]


def _counts(conn: Connection, systems: Sequence[str], now: datetime) -> list[dict[str, Any]]:
    """How many runs of the last day are in which state."""
    by = (_RUN.c.system, _RUN.c.obj, _RUN.c.direction, _RUN.c.state)
    query = select(*by, func.count().label("count")).where(_RUN.c.system.in_(systems))
    lately = query.where(_RUN.c.started_at >= now - SHORT_LIVED).group_by(*by).order_by(*by)
    return [dict(row) for row in conn.execute(lately).mappings()]


def _ended(conn: Connection, systems: Sequence[str]) -> list[dict[str, Any]]:
    by = (_RUN.c.system, _RUN.c.obj, _RUN.c.direction)
    ended = (_RUN.c.system.in_(systems), _RUN.c.finished_at.is_not(None))
    last = select(*by, func.max(_RUN.c.started_at).label("at")).where(*ended).group_by(*by).subquery()
    same = (_RUN.c.system == last.c.system) & (_RUN.c.obj == last.c.obj) & (_RUN.c.direction == last.c.direction)
    query = select(*by, _RUN.c.state, _RUN.c.started_at, _RUN.c.finished_at).join(
        last, same & (_RUN.c.started_at == last.c.at)
    )
    return [
        {**row, "seconds": (row["finished_at"] - row["started_at"]).total_seconds()}
        for row in conn.execute(query.where(*ended).order_by(*by)).mappings()
    ]


def _objects(conn: Connection, system: str, now: datetime) -> list[dict[str, Any]]:
    """The pulls of whole objects: the newest run and how old the newest complete one is."""
    pulls = (_RUN.c.system == system, _RUN.c.direction == "pull", _RUN.c.part == "")
    started = select(_RUN.c.obj, func.max(_RUN.c.started_at).label("at")).where(*pulls).group_by(_RUN.c.obj)
    done = dict(conn.execute(started.where(_RUN.c.state == "done")).tuples().all())
    last = started.subquery()
    same = (_RUN.c.obj == last.c.obj) & (_RUN.c.started_at == last.c.at)
    newest = {row["obj"]: row for row in conn.execute(select(_RUN).join(last, same).where(*pulls)).mappings()}
    return [
        {
            "obj": obj,
            "state": run["state"],
            "run": run["id"],
            "started_at": run["started_at"],
            "finished_at": run["finished_at"],
            "counts": run["counts"],
            "error": run["error"],
            "erp_time": run["erp_time"],
            "age_s": (now - done[obj]).total_seconds() if obj in done else None,
        }
        for obj, run in sorted(newest.items())
    ]


def _reconciled(conn: Connection, system: str, now: datetime) -> dict[str, Any]:
    """The newest reconciliation of each object, together."""
    last = select(func.max(_CHECK.c.id)).where(_CHECK.c.system == system).group_by(_CHECK.c.obj)
    newest = list(conn.execute(select(_CHECK).where(_CHECK.c.id.in_(last))))
    if not newest:
        return {"reconciled_at": None, "reconciled_s": None, "compared": 0, "differences": 0}
    oldest = min(row.at for row in newest)
    return {
        "reconciled_at": oldest,
        "reconciled_s": (now - oldest).total_seconds(),
        "compared": sum(row.compared for row in newest),
        "differences": sum(len(row.differences) for row in newest),
    }
