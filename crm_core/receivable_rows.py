"""Open items, payments and applications as rows: derived anew for every set of account lines that a page touched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, delete, insert, select

from crm_core import clearing, companies, schema, today_balances
from crm_core.clearing import Cleared
from crm_core.model import AccountLine

_LINE = schema.account_line
_MEMORY = schema.cleared_line
_CHUNK = 400
_FIELDS = [name for name, _, _ in schema.plain_fields(AccountLine)]
Lines = dict[str, AccountLine]


def derive(conn: Connection, system: str, touched: Iterable[str], erp_time: datetime) -> Lines:
    """Replace what follows from the lines that hang together with the `touched` ones, in the caller's transaction.

    Returns those lines.
    """
    keys = set(touched)
    lines, memory, documents = _connected(conn, system, keys)
    zones = companies.zones(conn, system)
    known = today_balances.before(conn, system, schema.open_item, sorted(keys | set(lines)))
    _clear(conn, system, lines, keys, documents, memory)
    remembered: defaultdict[str, list[Cleared]] = defaultdict(list)
    for row in memory:
        remembered[row.line].append(row)
    for component in clearing.components(lines, memory):
        part = {key: lines[key] for key in component}
        mine = [row for key in component for row in remembered.get(key, ())]
        today = _today(next(iter(part.values())), zones, erp_time)
        derived = clearing.derive(part, mine, today, system=system)
        _insert(conn, system, _with_balances(derived, part, known, today))
    return lines


def _with_balances(
    derived: clearing.Derived, lines: Lines, known: Mapping[str, today_balances.Known], today: date
) -> clearing.Derived:
    """What is left today of items whose product says no more than that."""
    lefts = [
        today_balances.Left(item, balance, today)
        for item in derived.items
        if (balance := lines[item.key].balance) is not None
    ]
    if not lefts:
        return derived
    since, applications = today_balances.settled(known, lefts)
    items = [msgspec.structs.replace(item, known_from=since.get(item.key)) for item in derived.items]
    return derived._replace(items=items, applications=[*derived.applications, *applications])


def _connected(conn: Connection, system: str, touched: set[str]) -> tuple[Lines, list[Cleared], set[str]]:
    """Every line that hangs together with the touched ones, the memory of their clearings, and all their documents."""
    lines: Lines = {}
    memory: dict[tuple[str, str, date], Cleared] = {}
    documents: set[str] = set()
    frontier = {clearing.document_of(key) for key in touched}
    while frontier:
        documents |= frontier
        new = _lines_of(conn, system, frontier, lines)
        lines |= new
        remembered = _remembered(conn, system, frontier, new)
        memory |= {(row.line, row.clearing, row.cleared_on): row for row in remembered}
        tied = {document for key, line in new.items() for document in clearing.documents(key, line)}
        tied |= {name for row in remembered for name in (row.clearing, clearing.document_of(row.line))}
        frontier = tied - documents
    return lines, list(memory.values()), documents


def _lines_of(conn: Connection, system: str, documents: set[str], have: Lines) -> Lines:
    """Lines of these documents, and those cleared by them, reversing them or settling a line of theirs."""
    found: Lines = {}
    for column in (_LINE.c.document_key, _LINE.c.clearing, _LINE.c.reverses):
        found |= _select(conn, system, column, documents)
    own = {key for key in found if clearing.document_of(key) in documents}
    found |= _select(conn, system, _LINE.c.settles, own)
    return {key: line for key, line in found.items() if key not in have}


def _select(conn: Connection, system: str, column: ColumnElement[Any], values: Iterable[str]) -> Lines:
    query = select(_LINE.c.key, *(_LINE.c[name] for name in _FIELDS)).where(_LINE.c.system == system)
    found: Lines = {}
    for chunk in _chunks(sorted(values)):
        for key, *row in conn.execute(query.where(column.in_(chunk))):
            found[key] = AccountLine(**dict(zip(_FIELDS, row, strict=True)))
    return found


def _remembered(conn: Connection, system: str, documents: set[str], lines: Lines) -> list[Cleared]:
    query = select(_MEMORY.c.line, _MEMORY.c.clearing, _MEMORY.c.cleared_on, _MEMORY.c.reset_on)
    query = query.where(_MEMORY.c.system == system)
    rows: list[Any] = []
    for column, values in ((_MEMORY.c.clearing, documents), (_MEMORY.c.line, set(lines))):
        for chunk in _chunks(sorted(values)):
            rows += conn.execute(query.where(column.in_(chunk))).mappings().all()
    return [Cleared(**row) for row in rows]


def _clear(
    conn: Connection, system: str, lines: Lines, gone: set[str], documents: set[str], memory: Iterable[Cleared]
) -> None:
    """Remove the derived rows of these components; `derive` writes them again."""
    keys = set(lines) | gone
    owners = {clearing.document_of(key) for key in keys} | keys
    owners |= {f"{clearing.document_of(key)}@{line.customer_key}" for key, line in lines.items()}
    _delete(conn, schema.open_item, "key", system, keys)
    _delete(conn, schema.payment, "key", system, owners)
    _delete(conn, schema.application, "group_key", system, documents)
    _delete(conn, _MEMORY, "line", system, {row.line for row in memory})


def _delete(conn: Connection, table: Table, column: str, system: str, values: Iterable[str]) -> None:
    for chunk in _chunks(sorted(values)):
        conn.execute(delete(table).where(table.c.system == system, table.c[column].in_(chunk)))


def _insert(conn: Connection, system: str, derived: clearing.Derived) -> None:
    for table, rows in (
        (schema.open_item, derived.items),
        (schema.payment, derived.payments),
        (schema.application, derived.applications),
    ):
        _write(conn, table, [{name: getattr(row, name) for name in _columns(table)} for row in rows])
    _write(conn, _MEMORY, [{"system": system, **msgspec.structs.asdict(row)} for row in derived.cleared])


def _write(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        conn.execute(insert(table), list(rows))


def _columns(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def _today(line: AccountLine, zones: Mapping[str, ZoneInfo], erp_time: datetime) -> date:
    return erp_time.astimezone(zones.get(line.company_code, UTC)).date()


def _chunks(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))
