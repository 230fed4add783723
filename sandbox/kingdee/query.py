"""ExecuteBillQuery and BillQuery: rows of any form by keys, a condition, an order and a page.

An entry's key multiplies the rows: one for each entry of the document; keys of two entities give their product.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Context, Decimal
from typing import Any

from sandbox.http import Tweaks
from sandbox.kingdee.envelope import FAILED, NO_FIELD, PARAMETER, Answer, GalaxyError
from sandbox.kingdee.filters import Row, Value, compile_filter, normal
from sandbox.kingdee.metadata import Entity, Field
from sandbox.kingdee.tables import Get, Tenant
from sandbox.office.listing import cut

MAX_LIMIT = 10000
"""The server's maximum since patch 23.11 (2000 before): what is asked for beyond it is not given."""

_PLACES, _WIDE = Decimal(1).scaleb(-10), Context(prec=60)
_KINDS = {"decimal": "number", "int": "number", "id": "number", "date": "time", "time": "time", "bool": "bool"}


@dataclass(frozen=True)
class Path:
    """One key of a query, resolved: `slot` of a row, what is read there, and its field."""

    name: str
    slot: int
    get: Get
    field: Field

    @property
    def kind(self) -> str:
        return _KINDS.get(self.field.kind, "text")


class Query:
    def __init__(self, tenant: Tenant, data: Mapping[str, Any], tweaks: Tweaks, limit: int = MAX_LIMIT) -> None:
        self.tenant, self.tweaks = tenant, tweaks
        self.table = tenant.table(str(data.get("formid") or ""))
        self._entities: list[Entity] = []
        names = [name.strip() for name in str(data.get("fieldkeys") or "").split(",") if name.strip()]
        if not names:
            raise GalaxyError("data 数据包中的参数 FieldKeys 的值不能为空", PARAMETER)
        self.paths = [self._path(name) for name in names]
        self._condition = compile_filter(data.get("filterstring"), self._value)
        self._order = list(self._order_of(str(data.get("orderstring") or "")))
        self._start, self._stop = _span(data, limit)

    def rows(self) -> list[list[Any]]:
        """The page that was asked for, as JSON values in the order of the keys."""
        whole = self._ordered_rows()
        found = list(whole if self.tweaks.move else itertools.islice(whole, self._stop))
        page = cut(found, self._start, max(0, self._stop - self._start), self.tweaks)
        return [[wire(path.get(row[path.slot]), path.field) for path in self.paths] for row in page.rows]

    def objects(self) -> list[Answer]:
        names = [path.name for path in self.paths]
        return [dict(zip(names, row, strict=True)) for row in self.rows()]

    # -- rows ------------------------------------------------------------------------------------------------------

    def _ordered_rows(self) -> Iterator[Row]:
        """Documents by their own keys first; their rows are made as they are asked for."""
        conditions = list(self._condition.conjuncts()) if self._condition else []
        on_head = [one.test for one in conditions if one.slots <= {0}]
        on_rows = [one.test for one in conditions if not one.slots <= {0}]
        heads: list[Row] = [(doc,) for doc in self.table.docs()]
        heads = [head for head in heads if all(test(head) for test in on_head)]
        of_head = list(itertools.takewhile(lambda part: part[0].slot == 0, self._order))
        rest = self._order[len(of_head) :]
        for _, group in itertools.groupby(_sorted(heads, of_head), key=lambda head: _keys(head, of_head, rest)):
            rows = [row for head in group for row in self._expanded(head[0])]
            yield from _sorted([row for row in rows if all(test(row) for test in on_rows)], rest)

    def _expanded(self, doc: Any) -> Iterable[Row]:
        if not self._entities:
            return ((doc,),)
        children = [self.table.rows(entity, doc) or [None] for entity in self._entities]
        return ((doc, *combination) for combination in itertools.product(*children))

    # -- keys ------------------------------------------------------------------------------------------------------

    def _path(self, name: str) -> Path:
        asked = name
        for old, new in self.tweaks.rename:
            if name.lower() == old.lower():
                raise GalaxyError(f"元数据中标识为{name}的字段不存在", NO_FIELD)
            asked = old if name.lower() == new.lower() else asked
        entity, field, rest = self._resolve(asked)
        slot = self._slot(entity)
        get, field = _part(self.tenant, self.table.getter(entity, field), field, rest)
        return Path(name, slot, _guarded(get) if slot else get, field)

    def _resolve(self, name: str) -> tuple[Entity, Field, str]:
        """The longest head of a dotted name that is a key, and the rest, which is a part of what it refers to."""
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            if found := self.table.form.find(".".join(parts[:length])):
                return *found, ".".join(parts[length:])
        if name.lower() == "fid":
            raise GalaxyError("列名 'FID' 无效。", FAILED)
        raise GalaxyError(f"元数据中标识为{parts[0]}的字段不存在", NO_FIELD)

    def _slot(self, entity: Entity) -> int:
        if not entity.id_key:
            return 0
        if entity not in self._entities:
            self._entities.append(entity)
        return self._entities.index(entity) + 1

    def _value(self, name: str) -> Value:
        path = self._path(name)
        slot, get = path.slot, path.get
        return Value(lambda row: get(row[slot]), path.kind, frozenset({slot}))

    def _order_of(self, text: str) -> Iterator[tuple[Path, bool]]:
        for part in text.split(","):
            words = part.split()
            if words:
                if len(words) > 2 or (len(words) == 2 and words[1].lower() not in ("asc", "desc")):
                    raise GalaxyError(f"GetRealExpress error: 排序不正确：{part.strip()}", FAILED)
                yield self._path(words[0]), words[-1].lower() == "desc"


def _part(tenant: Tenant, get: Get, field: Field, rest: str) -> tuple[Get, Field]:
    """What stands behind the dots: a reference's own field, or the caption of a list's value."""
    if field.kind == "list" and rest.lower() == "fcaption":
        captions = tenant.metadata.lists[field.target]
        return (lambda row: captions.get(get(row), "")), Field(field.key, field.caption, "text")
    if field.kind != "ref":
        if rest:
            raise GalaxyError(f"元数据中标识为{rest}的字段不存在", NO_FIELD)
        return get, field
    target, refer = tenant.table(field.target), referred(tenant, get, field)
    if not rest:
        return (lambda row: _of(refer(row), target.id_of, 0)), Field(field.key, field.caption, "id")
    parts = rest.split(".", 1)
    entity, inner = target.form.field(parts[0])
    read = target.getter(entity, inner)
    return _part(tenant, lambda row: _of(refer(row), read), inner, parts[1] if len(parts) > 1 else "")


def referred(tenant: Tenant, get: Get, field: Field) -> Get:
    """A reference's document: shapes give it, or the number it has."""
    target = tenant.table(field.target)

    def refer(row: Any) -> Any:
        value = get(row)
        return next(iter(target.by_number(value)), None) if isinstance(value, str) else value

    return refer


def _of(doc: Any, read: Get, otherwise: Any = None) -> Any:
    return otherwise if doc is None else read(doc)


def _guarded(get: Get) -> Get:
    return lambda row: None if row is None else get(row)


def _sorted(rows: list[Row], order: list[tuple[Path, bool]]) -> list[Row]:
    for path, descending in reversed(order):
        rows.sort(key=lambda row: _sort_key(row, path), reverse=descending)
    return rows


def _keys(head: Row, of_head: list[tuple[Path, bool]], rest: list[tuple[Path, bool]]) -> Any:
    """Documents that only the keys of their entries tell apart are sorted together."""
    return tuple(_sort_key(head, path) for path, _ in of_head) if rest else id(head)


def _sort_key(row: Row, path: Path) -> tuple[bool, Any]:
    value = path.get(row[path.slot])
    return (False, 0) if value is None else (True, normal(value, path.kind))


def _span(data: Mapping[str, Any], most: int) -> tuple[int, int]:
    """First row and the one after the last. TopRowCount is an absolute last row, not a number of rows."""
    start, limit, top = (_count(data, name) for name in ("startrow", "limit", "toprowcount"))
    stop = start + (min(limit, most) if limit else most)
    return start, min(stop, top) if top else stop


def _count(data: Mapping[str, Any], name: str) -> int:
    try:
        return max(0, int(str(data.get(name) or 0)))
    except ValueError:
        raise GalaxyError(f"data 数据包中的参数 {name} 的值不正确", PARAMETER) from None


def wire(value: Any, field: Field) -> Any:
    """A value as the answer shows it: numbers with ten decimals, moments to the millisecond, ids for references."""
    if isinstance(value, datetime):
        shown = value.isoformat(timespec="milliseconds")
        return shown.removesuffix(".000")
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00"
    if isinstance(value, Decimal):
        return value.quantize(_PLACES, context=_WIDE) if field.kind == "decimal" else value
    return value
