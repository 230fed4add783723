"""Records that could not be taken: kept with the reason and what they held, masked, until they came in after all.

One row per record: the same record failing again counts up, it does not pile up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from crm_core import access, audit, schema
from crm_core.access import Actor
from crm_core.database import Database
from crm_core.errors import NotFoundError, RefusedError
from crm_core.intake import Reject, storable

_PERSONAL = re.compile(
    r"name|phone|mobile|tel(?![a-z])|fax|e?mail|street|address|house_?n|contact|person|birth|iban|bank|postal|"
    r"tax.?(id|n|reg)|taxpayer|(?<!debit)credit_?code|social_?cre|text|comment|note|memo|remark|"
    r"电话|手机|邮箱|地址|姓名|名称|联系人|税号|备注",
    re.IGNORECASE,
)
"""Fields that hold personal data, or free text in which it may stand. Amounts, dates, codes and keys are kept."""
_TABLE = schema.dead_letter
_CHUNK = 500


def record(
    conn: Connection,
    system: str,
    obj: str,
    direction: str,
    rejects: Iterable[Reject],
    mapping_version: str,
    run_id: str,
    now: datetime,
) -> None:
    """Store rejects, open again where they had been closed; inside the caller's transaction."""
    for reject in rejects:
        values = {
            "code": reject.code,
            "params": _masked_params(reject.params),
            "payload": mask(reject.payload),
            "mapping_version": mapping_version,
            "state": "open",
            "last_seen": now,
            "run_id": run_id,
            "closed_by": "",
            "closed_why": "",
        }
        same = update(_TABLE).where(*_at(system, obj, direction), _TABLE.c.key == storable(reject.key))
        if conn.execute(same.values(times=_TABLE.c.times + 1, **values)).rowcount == 0:
            key = {"system": system, "obj": obj, "direction": direction, "key": storable(reject.key)}
            conn.execute(insert(_TABLE).values(**key, times=1, first_seen=now, **values))


def close_for(conn: Connection, system: str, obj: str, direction: str, keys: Sequence[str], now: datetime) -> int:
    """Close what came in after all; returns how many. Costs one look when nothing is open."""
    where = (*_at(system, obj, direction), _TABLE.c.state == "open")
    waiting = set(conn.execute(select(_TABLE.c.key).where(*where)).scalars())
    came = sorted(waiting.intersection(keys))
    for start in range(0, len(came), _CHUNK):
        some = _TABLE.c.key.in_(came[start : start + _CHUNK])
        conn.execute(update(_TABLE).where(*where, some).values(state="replayed", closed_by="pull", last_seen=now))
    return len(came)


def groups(db: Database, actor: Actor, *, system: str = "", state: str = "open") -> list[dict[str, Any]]:
    """Dead letters by cause (object, code and the field or value at fault), most frequent first."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for letter in listing(db, actor, system=system, state=state):
        facts = {name: letter[name] for name in ("system", "obj", "direction", "code", "params")}
        group = found.setdefault(_cause(letter), facts)
        group["count"] = group.get("count", 0) + 1
        group.setdefault("keys", []).append(letter["key"])
        group["last_seen"] = max(group.get("last_seen", letter["last_seen"]), letter["last_seen"])
    return sorted(found.values(), key=lambda group: (-group["count"], group["system"], group["obj"], group["code"]))


def _cause(letter: Mapping[str, Any]) -> tuple[str, ...]:
    """Letters of one cause fail alike: the same code on the same field; an unknown code also by its value."""
    params = letter["params"]
    value = params.get("value", "") if params.get("table") else ""
    names = ("system", "obj", "direction", "code")
    return (*(letter[name] for name in names), params.get("field", ""), params.get("table", ""), value)


def listing(
    db: Database, actor: Actor, *, system: str = "", obj: str = "", state: str = "open"
) -> list[dict[str, Any]]:
    """Dead letters, latest first, without what they held; empty `state` means all."""
    access.require(actor, "dead_letters.read")
    wanted = {"system": system, "obj": obj, "state": state}
    where = [_TABLE.c[name] == value for name, value in wanted.items() if value]
    columns = [column for column in _TABLE.c if column.name != "payload"]
    with db.read() as conn:
        rows = conn.execute(select(*columns).where(*where).order_by(_TABLE.c.last_seen.desc(), _TABLE.c.id))
        return [dict(row) for row in rows.mappings()]


def show(db: Database, actor: Actor, letter_id: int) -> dict[str, Any]:
    """One dead letter with its masked record."""
    access.require(actor, "dead_letters.read")
    with db.read() as conn:
        return dict(_one(conn, letter_id)._mapping)


def open_keys(conn: Connection, system: str, obj: str, direction: str = "pull") -> list[str]:
    """Keys that still wait: what a replay must read again."""
    query = select(_TABLE.c.key).where(*_at(system, obj, direction), _TABLE.c.state == "open")
    return list(conn.execute(query.order_by(_TABLE.c.key)).scalars())


def discard(db: Database, actor: Actor, now: datetime, letter_id: int, *, why: str) -> None:
    """Close a dead letter without its record; raises RefusedError without a reason, or when it is closed already."""
    _close(db, actor, now, letter_id, "discarded", why)


def mark_replayed(db: Database, actor: Actor, now: datetime, letter_id: int, *, why: str = "") -> None:
    """Close a dead letter whose record was brought in another way."""
    _close(db, actor, now, letter_id, "replayed", why or "replayed")


def mask(value: Any) -> Any:
    """The same structure with personal data replaced by asterisks and its length.

    >>> mask({"Customer": "C1", "PhoneNumber": "13800138000", "to_Item": [{"NetAmount": "1.00"}]})
    {'Customer': 'C1', 'PhoneNumber': '***(11)', 'to_Item': [{'NetAmount': '1.00'}]}
    """
    if isinstance(value, dict):
        return {name: _masked_field(name, part) for name, part in value.items()}
    if isinstance(value, list):
        return [mask(part) for part in value]
    return value


def _masked_field(name: str, value: Any) -> Any:
    if isinstance(value, (dict, list)):
        return mask(value)
    return hidden(value) if _PERSONAL.search(name) else value


def hidden(value: Any) -> Any:
    """How a masked value looks: only its length is left, which is what an over-long text is about."""
    return value if value in (None, "") or isinstance(value, bool) else f"***({len(str(value))})"


def _masked_params(params: dict[str, str]) -> dict[str, str]:
    personal = _PERSONAL.search(params.get("field", ""))
    return {name: hidden(value) if personal and name == "value" else value for name, value in params.items()}


def _at(system: str, obj: str, direction: str) -> tuple[Any, ...]:
    return (_TABLE.c.system == system, _TABLE.c.obj == obj, _TABLE.c.direction == direction)


def _one(conn: Connection, letter_id: int) -> Row[Any]:
    row = conn.execute(select(_TABLE).where(_TABLE.c.id == letter_id)).first()
    if row is None:
        raise NotFoundError("no-dead-letter", id=str(letter_id))
    return row


def _close(db: Database, actor: Actor, now: datetime, letter_id: int, state: str, why: str) -> None:
    access.require(actor, "dead_letters.write")
    if not why.strip():
        raise RefusedError("reason-needed", what=f"dead letter {letter_id}")
    with db.write() as conn:
        letter = _one(conn, letter_id)
        closing = update(_TABLE).where(_TABLE.c.id == letter_id, _TABLE.c.state == "open")
        if conn.execute(closing.values(state=state, closed_by=actor.name, closed_why=why)).rowcount == 0:
            raise RefusedError("dead-letter-closed", id=str(letter_id), state=letter.state)
        detail = {"key": letter.key, "state": [letter.state, state], "why": why}
        audit.append(
            conn,
            at=now,
            actor=actor.name,
            action=f"dead_letter.{state}",
            obj=letter.obj,
            system=letter.system,
            detail=detail,
        )
