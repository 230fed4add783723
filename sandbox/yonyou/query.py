"""The conditions, orders and pages of a list call, over rows that are shown flat: a header with one of its lines.

Pages are cut through the flat rows, so a document may begin on one page and end on the next. Rows whose order the
call leaves open (equal stamps, nothing after them) come in another order on every page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sandbox.office.trade import Document
from sandbox.yonyou.apis import whole
from sandbox.yonyou.envelope import RefusalError, business
from sandbox.yonyou.wire import Row, moment

FEW_OPS = frozenset({"eq", "neq", "lt", "gt", "like", "between"})
NOTHING_QUICK: Mapping[str, Callable[[Any], Any]] = {}
MANY_OPS = FEW_OPS | {"elt", "egt", "in", "nin", "leftlike", "rightlike", "is_null", "is_not_null"}


class Entry:
    """One document: its header, and its lines (shown flat beside the header), made when they are needed.

    `quick` gives single fields of the header without making all of it.
    """

    __slots__ = ("_header", "_line", "_made", "_stamp", "document", "id", "lines", "quick")

    def __init__(
        self,
        document: Document,
        id: int | str,
        header: Callable[[], Row],
        lines: Sequence[Any] = (),
        line: Callable[[Any], Row] | None = None,
        quick: Mapping[str, Callable[[Any], Any]] = NOTHING_QUICK,
    ) -> None:
        self.document, self.id, self.lines, self.quick = document, id, lines, quick
        self._header, self._line = header, line
        self._made: Row | None = None
        self._stamp: str | None = None

    @property
    def header(self) -> Row:
        if self._made is None:
            self._made = self._header()
        return self._made

    def row(self, at: int) -> Row:
        """The line at this place; nothing for -1, a header alone."""
        return self._line(self.lines[at]) if self._line and at >= 0 else {}

    def value(self, name: str) -> Any:
        """A field that needs no header; KeyError for another one."""
        if name == "id":
            return self.id
        if name == "pubts":
            self._stamp = self._stamp or moment(self.document.changed)
            return self._stamp
        return self.quick[name](self.document)


Pair = tuple[Entry, int]
"""A document and the place of one of its lines; -1: its header alone."""


@dataclass(frozen=True)
class Shape:
    """How one list may be asked: `lines` is the name its lines go by in conditions (orderDetails.id)."""

    ops: frozenset[str] = FEW_OPS
    lines: str = ""
    exact: tuple[str, ...] = ("code",)
    """Parameters that must equal the field of the same name; a list means one of them."""

    renamed: Mapping[str, str] = field(default_factory=dict)
    """Parameters that go by another name than their field."""

    headers_only: bool = False
    """What isSum is when the call does not say."""

    largest: int = 5000


Test = Callable[[Entry, int], bool]


def select(shape: Shape, body: Row, entries: Iterable[Entry]) -> list[Pair]:
    """What meets the call, in its order."""
    tests = [*_joined(shape, _parts(body)), *_shortcuts(shape, body)]
    alone = headers_only(shape, body)
    pairs = [(entry, at) for entry in entries for at in _places(entry)]
    found = [pair for pair in pairs if all(test(*pair) for test in tests)]
    return _sorted(shape, body, _headers(found) if alone else found)


def _places(entry: Entry) -> Iterable[int]:
    return range(len(entry.lines)) if entry.lines else (-1,)


def _headers(pairs: list[Pair]) -> list[Pair]:
    """Each document once: a condition on a line's field is met by any of its lines."""
    return [(entry, -1) for entry in dict.fromkeys(entry for entry, _ in pairs)]


def headers_only(shape: Shape, body: Row) -> bool:
    asked = body.get("isSum")
    return shape.headers_only if asked is None or asked == "" else str(asked).lower() == "true"


def page_of(shape: Shape, body: Row) -> tuple[int, int]:
    """pageIndex from 1, pageSize."""
    size = whole("pageSize", body["pageSize"])
    if size > shape.largest:
        raise business(f"每页行数不能超过{shape.largest}")
    return whole("pageIndex", body["pageIndex"]), size


# --- conditions ------------------------------------------------------------------------------------------------------


def _parts(body: Row) -> Sequence[Row]:
    parts = body.get("simpleVOs") or []
    if isinstance(parts, dict):
        parts = [parts]
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise RefusalError("310023", "参数[simpleVOs]类型错误")
    return parts


def _joined(shape: Shape, parts: Sequence[Row]) -> list[Test]:
    """All of them must hold; one that says logicOp "or" is joined with the next by that."""
    tests: list[Test] = []
    either: list[Test] = []
    for part in parts:
        either.append(_condition(shape, part))
        if part.get("conditions") or str(part.get("logicOp") or "").lower() != "or":
            tests.append(_any(either))
            either = []
    return [*tests, _any(either)] if either else tests


def _any(tests: list[Test]) -> Test:
    return lambda entry, at: any(test(entry, at) for test in tests)


def _condition(shape: Shape, part: Row) -> Test:
    """A single condition, or a group of them joined by logicOp."""
    if part.get("conditions"):
        inner = [_condition(shape, one) for one in part["conditions"]]
        joined = any if part.get("logicOp") == "or" else all
        return lambda entry, at: joined(test(entry, at) for test in inner)
    name, op = str(part.get("field") or ""), str(part.get("op") or "")
    if op not in shape.ops:
        raise RefusalError("506", f"查询条件[{name}]的比较符[{op}]不合法")
    wanted = _wanted(name, op, part)
    return lambda entry, at: _meets(op, _value(shape, name, entry, at), wanted)


def _wanted(name: str, op: str, part: Row) -> list[Any]:
    first, second = part.get("value1"), part.get("value2")
    if op == "between" and (_empty(first) or _empty(second)):
        raise RefusalError("506", f"查询条件[{name}]的区间不完整")
    if op in ("in", "nin"):
        return first if isinstance(first, list) else str(first).split(",")
    return [first, second]


def _shortcuts(shape: Shape, body: Row) -> Iterable[Test]:
    """Parameters beside simpleVOs: at the top, or in `simple`."""
    simple = body.get("simple")
    given = {**body, **(simple if isinstance(simple, dict) else {})}
    for name, value in given.items():
        field_name = shape.renamed.get(name, name)
        if name.startswith("open_") and name.endswith(("_begin", "_end")):
            if not _empty(value):
                yield _bound(shape, name, str(value))
        elif field_name in shape.exact and not _empty(value):
            yield _equal(shape, field_name, value)


def _bound(shape: Shape, name: str, limit: str) -> Test:
    field_name, _, side = name.removeprefix("open_").rpartition("_")
    if side == "begin":
        return lambda entry, at: str(_value(shape, field_name, entry, at) or "") >= limit
    return lambda entry, at: "" < str(_value(shape, field_name, entry, at) or "") <= limit


def _equal(shape: Shape, name: str, value: Any) -> Test:
    wanted = {_text(one) for one in (value if isinstance(value, list) else [value])}
    return lambda entry, at: _text(_value(shape, name, entry, at)) in wanted


def _value(shape: Shape, name: str, entry: Entry, at: int) -> Any:
    """A field by its name: of the line, else of the header, with a dot into a nested object."""
    prefix, _, own = name.partition(".")
    if shape.lines and prefix == shape.lines:
        return _of_line(name, own, entry, at)
    if name in ("id", "pubts") or name in entry.quick:
        return entry.value(name)
    for row in (entry.row(at), entry.header):
        if name in row:
            return row[name]
        nested = row.get(prefix)
        if isinstance(nested, dict) and own in nested:
            return nested[own]
    raise business(f"实体上不存在字段[{name}]")


def _of_line(name: str, own: str, entry: Entry, at: int) -> Any:
    """`id` and `pubts` of a line go by other names in the flat row."""
    line = entry.row(at)
    if own == "id":
        own = next((each for each in line if each.lower().endswith("detailid")), own)
    if own == "pubts":
        return entry.value("pubts")
    if line and own not in line:
        raise business(f"实体上不存在字段[{name}]")
    return line.get(own)


def _meets(op: str, value: Any, wanted: list[Any]) -> bool:
    if op in ("is_null", "is_not_null"):
        return _empty(value) == (op == "is_null")
    if op in ("in", "nin"):
        return (_text(value) in {_text(one) for one in wanted}) == (op == "in")
    if op in ("eq", "neq"):
        return (_text(value) == _text(wanted[0])) == (op == "eq")
    if "like" in op:
        return _like(op, _text(value), _text(wanted[0]))
    return not _empty(value) and _compares(op, value, wanted)


def _like(op: str, value: str, part: str) -> bool:
    if op == "leftlike":
        return value.endswith(part)
    return value.startswith(part) if op == "rightlike" else part in value


def _compares(op: str, value: Any, wanted: list[Any]) -> bool:
    low = compare(value, wanted[0])
    if op == "between":
        return low >= 0 and compare(value, wanted[1]) <= 0
    return {"lt": low < 0, "gt": low > 0, "elt": low <= 0, "egt": low >= 0}[op]


def compare(left: Any, right: Any) -> int:
    """As numbers where the shown value is one, else as text: times are written so that text sorts them."""
    if isinstance(left, int | Decimal) and not isinstance(left, bool):
        try:
            other = Decimal(str(right))
        except ArithmeticError:
            raise business("查询条件的值不是有效数字") from None
        return (left > other) - (left < other)
    return (_text(left) > _text(right)) - (_text(left) < _text(right))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _empty(value: Any) -> bool:
    return value is None or value == "" or value == []


# --- order -----------------------------------------------------------------------------------------------------------


def _sorted(shape: Shape, body: Row, pairs: list[Pair]) -> list[Pair]:
    """Newest first when nothing is asked; what the call leaves open differs from page to page."""
    orders = body.get("queryOrders") or []
    if not isinstance(orders, list):
        raise RefusalError("310023", "参数[queryOrders]类型错误")
    odd = whole("pageIndex", body["pageIndex"]) % 2
    pairs = sorted(pairs, key=lambda pair: int(pair[0].id), reverse=not (orders and odd))
    for part in reversed(orders):
        name, descending = str(part.get("field")), str(part.get("order", "asc")).lower() == "desc"
        pairs = sorted(pairs, key=_order(shape, name), reverse=descending)
    return pairs


def _order(shape: Shape, name: str) -> Callable[[Pair], Any]:
    """Empty values come first; the values of a field are all numbers or all text."""

    def key(pair: Pair) -> tuple[bool, Any]:
        value = _value(shape, name, *pair)
        return (False, 0) if _empty(value) else (True, value)

    return key
