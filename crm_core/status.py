"""Each system by outcome: how fresh its data are, what waits, what is in doubt, when it last agreed with the ERP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from crm_core import access, schema
from crm_core.access import Actor
from crm_core.database import Database

STATES = ("pending", "unknown", "review", "dead")
_OUTBOX, _RUN, _DEAD, _CHECK = schema.outbox, schema.run, schema.dead_letter, schema.reconciliation


def overview(db: Database, actor: Actor, now: datetime, systems: Sequence[str] = ()) -> list[dict[str, Any]]:
    """One row a system; ages in seconds, None where nothing of the kind ever happened."""
    access.require(actor, "status.read")
    with db.read() as conn:
        return [_system(conn, system, now) for system in (systems or _known(conn))]


def problems(rows: Sequence[dict[str, Any]], *, stale_s: float = 86400) -> list[dict[str, str]]:
    """What needs somebody, as code and params: the answer of `status --check`; empty when all is well."""
    found: list[dict[str, str]] = []
    for row in rows:
        counts = {"review": row["review"], "dead": row["dead"], "dead-letters": row["dead_letters"]}
        found += [_problem(f"status-{name}", row, count=str(count)) for name, count in counts.items() if count]
        if row["differences"]:
            found.append(_problem("status-differs", row, count=str(row["differences"])))
        for obj in row["objects"]:
            if obj["state"] in ("failed", "held", "interrupted"):
                found.append(_problem("status-run", row, obj=obj["obj"], state=obj["state"]))
            elif obj["age_s"] is None or obj["age_s"] > stale_s:
                age = "-" if obj["age_s"] is None else str(timedelta(seconds=int(obj["age_s"])))
                found.append(_problem("status-stale", row, obj=obj["obj"], age=age))
    return found


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


def _objects(conn: Connection, system: str, now: datetime) -> list[dict[str, Any]]:
    """The pulls by object: the newest run and how old the newest complete one is."""
    pulls = (_RUN.c.system == system, _RUN.c.direction == "pull")
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
