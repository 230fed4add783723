"""Where a pulled page becomes rows: one transaction a page, safe to repeat, safe to kill.

A newer ERP version overwrites, an older one never does, and within one stamp the latest read wins. Equal rows are not
touched. With the rows, in the same transaction: dead letters, links, derived receivables, the audit entry and the
resume position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, func, null, select

from crm_core import (
    audit,
    backfill,
    dead_letters,
    linking,
    order_history,
    receivable_rows,
    run_lease,
    schema,
    settlement_rows,
)
from crm_core.database import Clock, Database, done_anew, utc_now
from crm_core.erp_rows import ErpRows, Seen, hasher, stamp_or_none
from crm_core.intake import IntakeError, Mapped, Reject, Taken, taker
from crm_core.run_lease import Lease


@dataclass(slots=True)
class Counts:
    """What became of the records read; `stale` were older than what we hold."""

    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    removed: int = 0
    stale: int = 0

    def add(self, other: Counts) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def as_dict(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Page:
    """A mapped page. `rejects` could not even be mapped; `erp_time` is the ERP's own clock at the read.

    `position` is where a killed run goes on: (stamp, key). Nothing is written when `lease` is lost.
    """

    system: str
    obj: str
    mapped: Sequence[Mapped]
    rejects: Sequence[Reject]
    mapping_version: str
    run_id: str
    erp_time: datetime
    read: str = ""
    since: str = ""
    position: tuple[str, str] | None = None
    read_from: datetime | None = None
    gone: Sequence[str] = field(default_factory=tuple)  # keys that the ERP no longer has
    lease: Lease | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What a page changed, for those who follow it (links, receivables, timeline); `before`: old columns."""

    created: dict[str, Any]
    updated: dict[str, Any]
    before: dict[str, dict[str, Any]]

    @property
    def written(self) -> dict[str, Any]:
        return self.created | self.updated


class Stored(NamedTuple):
    """What became of a page: its counts, the records written by key, and everything that was rejected."""

    counts: Counts
    written: dict[str, Any]
    rejects: list[Reject]


Check = Callable[[Stored], None]


class Store:
    """Everything a pull writes."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self.database, self.clock = database, clock

    @done_anew
    def store_page(self, page: Page, *, dry_run: bool = False, check: Check | None = None) -> Stored:
        """Write a page; `dry_run` counts and writes nothing. What equals its row is not even checked again.

        `check` sees what would become of the page; what it raises keeps all of it from being written. LeaseLostError,
        and nothing written, when another run works on the same object now.
        """
        counts = Counts(read=len(page.mapped) + len(page.rejects), removed=len(page.gone))
        rows = _rows(page.obj, self.database.engine.dialect.paramstyle)
        now = self.clock()
        with self.database.write(alone=False) as conn:
            run_lease.require(conn, page.lease)
            _one_page_at_a_time(conn, page)
            taken, rejects, change = self._sort(conn, rows, page, counts)
            stored = Stored(counts, change.written, rejects)
            if check is not None:
                check(stored)
            if dry_run:
                conn.rollback()
            else:
                self._write(conn, rows, page, taken, rejects, change, now)
        return stored

    def _sort(
        self, conn: Connection, rows: ErpRows, page: Page, counts: Counts
    ) -> tuple[dict[str, Taken], list[Reject], Change]:
        """Take in what differs from its row; count what does not."""
        latest = {item.key: item for item in page.mapped}  # the same key twice in one page: the later one
        row_hash, take = hasher(page.mapping_version), taker(page.obj)
        known = rows.known(conn, page.system, list(latest))
        taken: dict[str, Taken] = {}
        created, updated, rejects = {}, {}, list(page.rejects)
        for key, item in latest.items():
            have = known.get(key)
            try:
                digest = row_hash(item.values)
                if have is not None and have.row_hash == digest:
                    continue
                record = take(item.values)
            except IntakeError as exc:
                rejects.append(Reject(key, exc.code, exc.params, item.payload))
                continue
            if have is None:
                created[key] = record
            elif have.changed_at > (stamp_or_none(record.changed_at) or have.changed_at):
                counts.stale += 1
                continue
            else:
                updated[key] = record
            taken[key] = Taken(key, record, digest)
        counts.created, counts.updated, counts.rejected = len(created), len(updated), len(rejects)
        counts.unchanged = counts.read - counts.created - counts.updated - counts.rejected - counts.stale
        return taken, rejects, Change(created, updated, rows.rows(conn, page.system, list(updated)))

    def _write(
        self,
        conn: Connection,
        rows: ErpRows,
        page: Page,
        taken: dict[str, Taken],
        rejects: list[Reject],
        change: Change,
        now: datetime,
    ) -> None:
        if taken:
            seen = Seen(page.system, page.mapping_version, schema.stamp_text(now))
            rows.write(conn, seen, taken.values(), list(change.updated))
        if page.gone:
            rows.delete(conn, page.system, page.gone)
        refused = {reject.key for reject in rejects}
        came_in = [item.key for item in page.mapped if item.key not in refused]
        dead_letters.record(conn, page.system, page.obj, "pull", rejects, page.mapping_version, page.run_id, now)
        dead_letters.close_for(conn, page.system, page.obj, "pull", came_in, now)
        if page.position is not None:
            _save_position(conn, page)
        if taken or page.gone:
            FOLLOWERS.get(page.obj, _nothing)(conn, page, change, now)
            self._audit(conn, page, change, now)  # last: nobody else can append until this page is stored

    def _audit(self, conn: Connection, page: Page, change: Change, now: datetime) -> None:
        detail = {
            "created": list(change.created),
            "updated": {key: _differences(change.before[key], record) for key, record in change.updated.items()},
            "removed": list(page.gone),
        }
        audit.append(
            conn,
            at=now,
            actor="pull",
            action="pull",
            obj=page.obj,
            system=page.system,
            run_id=page.run_id,
            mapping_version=page.mapping_version,
            detail={name: value for name, value in detail.items() if value},
        )

    def listed_keys(self, system: str, obj: str) -> list[str]:
        """Keys we hold that a complete listing must show: every key; of what can be settled, those that are open.

        Open is a line that was not cleared, and what has a balance other than 0 where the ERP states one.
        """
        table = schema.metadata.tables[schema.ERP_TABLES[obj]]
        balance = table.c.balance if "balance" in table.c else null()
        query = select(table.c.key, balance.label("balance")).where(table.c.system == system)
        if obj == "open_items":
            query = query.where(schema.account_line.c.cleared_on.is_(None))
        with self.database.read() as conn:
            return [row.key for row in conn.execute(query) if row.balance is None or row.balance]


def _nothing(conn: Connection, page: Page, change: Change, now: datetime) -> None:
    """An object that nothing follows."""


FOLLOWERS: dict[str, Callable[[Connection, Page, Change, datetime], None]] = {
    "customers": lambda conn, page, change, now: linking.link_customers(conn, page.system, change.written, now),
    "orders": lambda conn, page, change, now: order_history.follow(
        conn, page.system, change.written, change.before, page.erp_time, now
    ),
    "open_items": lambda conn, page, change, now: _follow_lines(conn, page, [*change.written, *page.gone]),
    "payments": lambda conn, page, change, now: settlement_rows.follow_receipts(
        conn, page.system, [*change.written, *page.gone], page.erp_time
    ),
    "applications": lambda conn, page, change, now: settlement_rows.follow_settlements(
        conn, page.system, [*change.written, *page.gone]
    ),
}
TOGETHER = {"open_items": "receivables", "payments": "receivables", "applications": "receivables"}
"""Objects whose pages make rows of one another."""


def _follow_lines(conn: Connection, page: Page, keys: list[str]) -> None:
    lines = receivable_rows.derive(conn, page.system, keys, page.erp_time)
    settlement_rows.follow_items(conn, page.system, lines, keys)


@cache
def _rows(obj: str, paramstyle: str) -> ErpRows:
    return ErpRows(obj, paramstyle)


def _differences(before: dict[str, Any], record: Any) -> dict[str, list[Any]]:
    plain = msgspec.to_builtins(record)
    names = [name for name in before if name in plain and name not in ("custom", "changed_at")]
    return {
        name: [_text(before[name]), _text(plain[name])] for name in names if _text(before[name]) != _text(plain[name])
    }


def _text(value: Any) -> Any:
    return (
        None if value is None else str(int(value)) if isinstance(value, int) else str(value)
    )  # a database's 1 is True


def _one_page_at_a_time(conn: Connection, page: Page) -> None:
    """Pages of one object, by whichever run, follow one another: what a page makes of the rows around it must see them.

    SQLite has one writer anyway.
    """
    group = TOGETHER.get(page.obj, page.obj)
    if audit.schema_is_postgres(conn):
        conn.execute(select(func.pg_advisory_xact_lock(func.hashtext("page"), func.hashtext(f"{page.system}/{group}"))))


def _save_position(conn: Connection, page: Page) -> None:
    stamp, key = page.position or ("", "")
    if page.lease and page.lease.part:
        backfill.save_position(conn, page.lease, stamp, key, page.read_from, len(page.mapped) + len(page.rejects))
        return
    table = schema.resume_position
    conn.execute(delete(table).where(*_same_read(table, page.system, page.obj, page.read)))
    conn.execute(
        table.insert().values(
            system=page.system,
            obj=page.obj,
            read=page.read,
            since=page.since,
            stamp=stamp,
            key=key,
            read_from=page.read_from,
            mapping_version=page.mapping_version,
        )
    )


def _same_read(table: Any, system: str, obj: str, read: str) -> Iterable[Any]:
    return (table.c.system == system, table.c.obj == obj, table.c.read == read)
