"""A call on several documents: which ones it names, and what became of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sandbox.kingdee.body import Call, load
from sandbox.kingdee.envelope import NOT_FOUND, PARAMETER, Done, GalaxyError, Refused
from sandbox.kingdee.tables import Table
from sandbox.office.trade import Office

Outcome = Done | Refused


def outcomes_of(
    office: Office, table: Table, wanted: Iterable[tuple[str, str]], work: Callable[[Any], None]
) -> Iterator[Outcome]:
    for at, (kind, value) in enumerate(wanted):
        found = [table.by_id(value)] if kind == "id" else table.by_number(value)[:1]
        if not found or found[0] is None:
            yield Refused(at, GalaxyError(f"{value} 对应的单据不存在", NOT_FOUND))
            continue
        doc = found[0]
        done = Done(at, str(table.id_of(doc)), table.number_of(doc), {})
        try:
            with office.attempt():
                work(doc)
            yield done
        except GalaxyError as error:
            yield Refused(at, error)


def wanted_of(call: Call) -> list[tuple[str, str]]:
    """What Ids (text or array) or Numbers name."""
    ids, numbers = listed(call.data.get("ids")), listed(call.data.get("numbers"))
    if not ids and not numbers:
        raise GalaxyError("data 数据包中的参数 Numbers 与 Ids 不能同时为空", PARAMETER)
    return [("id", value) for value in ids] or [("number", value) for value in numbers]


def listed(value: Any) -> list[str]:
    if isinstance(value, str) and value.strip().startswith("["):
        value = load(value)
    parts = value if isinstance(value, list) else str(value or "").split(",")
    return [str(part).strip() for part in parts if str(part).strip()]
