"""The outbox as a push run uses it: claim, begin an attempt, then say what became of it.

Exclusivity rests on leases in this table and nowhere else. Every write names the fencing token of the claim; when
somebody else claimed the entry meanwhile, it raises LeaseLostError and nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from sqlalchemy import Connection, insert, or_, select, update

from crm_core import access, installation, outbox_entry
from crm_core.access import Actor
from crm_core.database import Clock, Database, done_anew
from crm_core.errors import LeaseLostError
from crm_core.outbox_entry import ATTEMPT, TABLE, Entry, at


class Found(Protocol):
    """A document that a look-up by our key found at the ERP."""

    @property
    def external_id(self) -> str: ...
    @property
    def customer(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def total(self) -> Any: ...
    @property
    def state(self) -> str: ...


class Coded(Protocol):
    """Why: an error of any island."""

    code: str
    params: dict[str, str]


def lease_left(entry: Entry, now: datetime) -> float:
    """Seconds until the lease ends; negative when it has."""
    return (entry.lease_until - now).total_seconds() if entry.lease_until else -1.0


class Outbox:
    """One pusher's hands on the outbox; `owner` names its process, unlike any other's."""

    def __init__(
        self, db: Database, clock: Clock, *, owner: str, run_id: str = "", actor: Actor = access.PROGRAM
    ) -> None:
        access.require(actor, "outbox.push")
        self.db, self.clock, self.owner, self.run_id, self.actor = db, clock, owner, run_id, actor

    @done_anew
    def claim(self, system: str, *, lease_s: float, limit: int = 1) -> list[Entry]:
        """Lease what is due and free, oldest first: nobody else gets these entries until the lease ends.

        Raises RefusedError when the installation is not armed.
        """
        now = self.clock()
        until = now + timedelta(seconds=lease_s)
        with self.db.write(alone=False) as conn:
            installation.require_armed(conn)  # again at every claim: who disarms stops also a push that is at work
            rows = list(conn.execute(_due(system, now).limit(limit)))
            for row in rows:
                lease = {"lease_owner": self.owner, "lease_until": until, "lease_token": row.lease_token + 1}
                conn.execute(update(TABLE).where(*at(row.key, row.version)).values(**lease))
            return [entry for row in rows if (entry := outbox_entry.load(conn, row.key, row.version))]

    @done_anew
    def renew(self, entry: Entry, *, lease_s: float) -> Entry:
        """The claim, held for so long from now: looking it up took of its time. Nobody else had it meanwhile."""
        until = self.clock() + timedelta(seconds=lease_s)
        with self.db.write(alone=False) as conn:
            self._write(conn, entry, {"lease_until": until}, release=False)
        return replace(entry, lease_until=until)

    @done_anew
    def begin_attempt(
        self, entry: Entry, wire: Mapping[str, Any] | None, mapping_version: str, deadline: datetime
    ) -> Entry:
        """Commit that a send begins, before it does; it must have ended by `deadline`, and the lease outlasts that.

        The first attempt freezes wire and mapping version; later ones send what is frozen, whatever is given. One that
        only takes steps leaves the entry pending: its document is known.
        """
        now = self.clock()
        if entry.lease_until is None or not now < deadline <= entry.lease_until:
            raise LeaseLostError("lease-short", key=entry.key, version=str(entry.version))
        frozen = entry.wire if entry.wire is not None else dict(wire or {})
        mapping = entry.mapping_version if entry.wire is not None else mapping_version
        state = "pending" if entry.step else "unknown"
        begun = replace(
            entry, state=state, attempts=entry.attempts + 1, last_sent_at=now, wire=frozen, mapping_version=mapping
        )
        changed = ("state", "attempts", "last_sent_at", "wire", "mapping_version")
        with self.db.write(alone=False) as conn:
            self._write(conn, entry, {name: getattr(begun, name) for name in changed}, release=False)
            self._finish_attempt(conn, entry, "lost", now, {})
            conn.execute(insert(ATTEMPT).values(**self._attempt(begun, now)))
            outbox_entry.note(conn, begun, now, self.actor.name, "attempt", self.run_id, number=begun.attempts)
        return begun

    @done_anew
    def settle(self, entry: Entry, state: Literal["sent"], external_id: str, warnings: Sequence[str] = ()) -> str:
        """The ERP has the document: keep its number, link it, and the entry is done. `warnings` are the ERP's words."""
        now = self.clock()
        said = _said(entry, warnings)
        detail: dict[str, Any] = {"external_id": external_id, "warnings": said}
        reason = {"code": "sent-with-warnings", "params": {"warnings": "; ".join(said)}} if said else None
        values = {"state": state, "external_id": external_id, "settled_at": now, "reason": reason, "step": ""}
        with self.db.write(alone=False) as conn:
            self._write(conn, entry, values)
            self._finish_attempt(conn, entry, state, now, detail)
            if external_id:
                outbox_entry.link(conn, entry, external_id, now, self.actor.name)
            self._note(conn, entry, state, now, **detail)
        return state

    @done_anew
    def steps_left(self, entry: Entry, external_id: str, until: datetime, warnings: Sequence[str] = ()) -> str:
        """The ERP has the document, but it waits for steps of ours: link it at once, and take them at `until`."""
        now = self.clock()
        reason = outbox_entry.steps_left(external_id, _said(entry, warnings))
        values = {"state": "pending", "external_id": external_id, "step": "finish", "due_at": until, "reason": reason}
        with self.db.write(alone=False) as conn:
            self._write(conn, entry, values)
            self._finish_attempt(conn, entry, "steps-left", now, {"external_id": external_id})
            outbox_entry.link(conn, entry, external_id, now, self.actor.name)
            self._note(conn, entry, "pending", now, external_id=external_id, step="finish")
        return "pending"

    @done_anew
    def wait(
        self, entry: Entry, state: Literal["pending", "unknown"], until: datetime, reason: Coded | None = None
    ) -> str:
        """Try again at `until`. *pending* says: this attempt surely changed nothing at the ERP.

        An entry of which an earlier attempt may have arrived stays *unknown* all the same, unless only steps are left.
        """
        now = self.clock()
        with self.db.write(alone=False) as conn:
            outcome = "not-sent" if state == "pending" else "unknown"
            self._check(conn, entry)
            self._finish_attempt(conn, entry, outcome, now, _why(reason) or {})
            sent_at = outbox_entry.maybe_sent_at(conn, entry.key, entry.version, entry.action)
            became = "unknown" if sent_at and not entry.step else state
            why = _why(reason)
            if why and (said := _said(entry)):
                why["warnings"] = said
            values = {"state": became, "due_at": until, "last_sent_at": sent_at, "reason": why}
            self._write(conn, entry, values)
            self._note(conn, entry, became, now, reason=_why(reason))
        return became

    @done_anew
    def review(self, entry: Entry, hits: Sequence[Found]) -> str:
        """A person must look: the ERP has several documents under our key, or one that is not what we sent."""
        now = self.clock()
        reason = doubtful(entry.key, "several-documents" if len(hits) > 1 else "document-differs", hits)
        with self.db.write(alone=False) as conn:
            self._write(conn, entry, {"state": "review", "reason": reason})
            self._finish_attempt(conn, entry, "review", now, reason)
            self._note(conn, entry, "review", now, reason=reason)
        return "review"

    @done_anew
    def bury(self, entry: Entry, reason: Coded) -> str:
        """The ERP, or our own mapping, refused it for good: a person must change something first."""
        now = self.clock()
        with self.db.write(alone=False) as conn:
            self._check(conn, entry)
            self._finish_attempt(conn, entry, "refused", now, _why(reason) or {})
            sent_at = outbox_entry.maybe_sent_at(conn, entry.key, entry.version, entry.action)
            dead = {"state": "dead", "reason": _why(reason), "settled_at": now, "last_sent_at": sent_at}
            self._write(conn, entry, dead)
            if entry.action == "create" and not entry.step:
                outbox_entry.take_place(conn, replace(entry, last_sent_at=sent_at), now, refused=True)
            self._note(conn, entry, "dead", now, reason=_why(reason))
        return "dead"

    @done_anew
    def release(self, entry: Entry) -> None:
        """Give a claimed entry back untouched."""
        with self.db.write(alone=False) as conn:
            self._write(conn, entry, {})

    def _write(self, conn: Connection, entry: Entry, values: dict[str, Any], *, release: bool = True) -> None:
        lease = {"lease_owner": "", "lease_until": None} if release else {}
        if conn.execute(update(TABLE).where(*_held(entry)).values(**lease, **values)).rowcount != 1:
            raise _lost(entry)

    def _check(self, conn: Connection, entry: Entry) -> None:
        if conn.execute(select(TABLE.c.key).where(*_held(entry)).with_for_update()).first() is None:
            raise _lost(entry)

    def _attempt(self, entry: Entry, now: datetime) -> dict[str, Any]:
        attempt = {"key": entry.key, "version": entry.version, "number": entry.attempts, "run_id": self.run_id}
        return {**attempt, "lease_token": entry.lease_token, "started_at": now, "outcome": ""}

    def _finish_attempt(
        self, conn: Connection, entry: Entry, outcome: str, now: datetime, detail: dict[str, Any]
    ) -> None:
        """Close the attempt under this lease, and those that died with their process."""
        mine = ATTEMPT.c.lease_token == entry.lease_token
        still_open = (ATTEMPT.c.key == entry.key, ATTEMPT.c.version == entry.version, ATTEMPT.c.outcome == "")
        lost = update(ATTEMPT).where(*still_open, ~mine).values(outcome="lost", finished_at=now)
        conn.execute(lost)
        done = {"outcome": outcome, "finished_at": now, "detail": detail}
        conn.execute(update(ATTEMPT).where(*still_open, mine).values(**done))

    def _note(self, conn: Connection, entry: Entry, state: str, now: datetime, **detail: Any) -> None:
        outbox_entry.note(conn, entry, now, self.actor.name, state, self.run_id, state=[entry.state, state], **detail)


def doubtful(key: str, code: str, hits: Sequence[Found]) -> dict[str, Any]:
    """Why a person must look, with the documents that he must look at."""
    numbers = ", ".join(hit.external_id for hit in hits)
    return {"code": code, "params": {"key": key, "documents": numbers}, "hits": [_hit(hit) for hit in hits]}


def _said(entry: Entry, warnings: Sequence[str] = ()) -> list[str]:
    """The ERP's words to every step, each once."""
    earlier = (entry.reason or {}).get("warnings", [])
    return list(dict.fromkeys([*earlier, *warnings]))


def _due(system: str, now: datetime) -> Any:
    free = or_(TABLE.c.lease_until.is_(None), TABLE.c.lease_until <= now)
    waiting = (TABLE.c.system == system, TABLE.c.state.in_(("pending", "unknown")), TABLE.c.due_at <= now)
    query = select(TABLE.c.key, TABLE.c.version, TABLE.c.lease_token).where(
        *waiting, free, ~outbox_entry.blockers(TABLE)
    )
    return query.order_by(TABLE.c.due_at, TABLE.c.created_at, TABLE.c.key, TABLE.c.version).with_for_update(
        skip_locked=True, of=TABLE
    )


def _held(entry: Entry) -> tuple[Any, ...]:
    mine = (
        TABLE.c.lease_token == entry.lease_token,
        TABLE.c.lease_owner == entry.lease_owner,
        TABLE.c.lease_owner != "",
    )
    return (*at(entry.key, entry.version), *mine)


def _lost(entry: Entry) -> LeaseLostError:
    return LeaseLostError("lease-lost", key=entry.key, version=str(entry.version))


def _why(reason: Coded | None) -> dict[str, Any] | None:
    return None if reason is None else {"code": reason.code, "params": dict(reason.params)}


def _hit(hit: Found) -> dict[str, str]:
    return {name: str(getattr(hit, name)) for name in ("external_id", "customer", "currency", "total", "state")}
