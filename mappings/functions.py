"""Our own functions in expressions: exact on money, strict on codes and dates.

A missing value (absent, or empty text) gives a missing value, never zero. Amounts go in as text or whole numbers and
come out as text. A value that cannot be used raises ValueProblem; the record is refused, nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation, Overflow
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from mappings.currencies import digits
from mappings.errors import ValueProblem, shown

Tables = Mapping[str, Mapping[str, str]]

_EXACT = Context(prec=120, traps=[Inexact, InvalidOperation, Overflow])
_ROUNDING = Context(prec=120, rounding=ROUND_HALF_UP, traps=[InvalidOperation, Overflow])
_NUMBER = re.compile(r"[+-]?(\d{1,60}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,2})?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NO_DAY = {"0000-00-00", "00000000"}

ARITY: dict[str, tuple[int, int]] = {
    "money": (1, 2), "neg": (1, 1), "abs": (1, 1), "signed": (2, 2), "sumMoney": (1, 1), "mulMoney": (2, 3),
    "roundMoney": (2, 2), "compare": (2, 2), "date": (1, 1), "stamp": (1, 3), "localDate": (2, 2), "code": (2, 3),
    "lookup": (2, 3), "key": (1, 8), "stripZeros": (1, 1), "default": (2, 2), "text": (1, 1),
}  # fmt: skip
"""Fewest and most arguments of each function of ours."""

AMOUNTS = {"money", "neg", "abs", "signed", "sumMoney", "mulMoney", "roundMoney", "compare"}
"""Functions whose arguments are amounts: a source field seen in them is one."""


def functions(codes: Tables, lookups: Tables, *, backwards: bool) -> dict[str, Callable[..., Any]]:
    """All functions by name; `backwards`: $code goes from our word to the ERP's code (for writing)."""
    tables = {name: reverse(table) for name, table in codes.items()} if backwards else codes
    return {
        "money": money, "neg": neg, "abs": absolute, "signed": signed, "sumMoney": sum_money, "mulMoney": mul_money,
        "roundMoney": round_money, "compare": compare, "date": day, "stamp": stamp, "localDate": local_date,
        "code": _code(tables), "lookup": _lookup(lookups), "key": key, "stripZeros": strip_zeros, "default": default,
        "text": text,
    }  # fmt: skip


def reverse(table: Mapping[str, str]) -> dict[str, str]:
    """Our word → the ERP's code (the check refuses tables for writing in which one word has several codes)."""
    return {ours: erp for erp, ours in table.items()}


# -- amounts ------------------------------------------------------------------------------------------------------


def money(value: Any, currency: Any = None) -> str | None:
    """Canonical text of an amount: with a currency exactly its decimals, else without needless zeros.

    >>> money("1200.500"), money("7", "CNY"), money("250000.00", "JPY")
    ('1200.5', '7.00', '250000')
    """
    number = decimal(value)
    if number is None:
        return None
    if currency is None:
        plain = format(number, "f")
        return _unsigned_zero(plain.rstrip("0").rstrip(".") if "." in plain else plain)
    kept = _quantized(number, currency)
    if kept != number:
        raise ValueProblem("too-many-digits", value=shown(value), currency=str(currency))
    return _shown(kept)


def neg(value: Any) -> str | None:
    number = decimal(value)
    return None if number is None else _shown(number.copy_negate())


def absolute(value: Any) -> str | None:
    number = decimal(value)
    return None if number is None else _shown(number.copy_abs())


def signed(sign: Any, value: Any) -> str | None:
    """The amount with its sign turned when `sign` is '-', as it is when '+'."""
    if sign not in ("+", "-"):
        raise ValueProblem("not-a-sign", value=shown(sign))
    number = decimal(value)
    return None if number is None else _shown(number if sign == "+" else number.copy_negate())


def sum_money(values: Any) -> str | None:
    """Exact sum of a list; of nothing at all nothing, of an empty list 0."""
    if values is None:
        return None
    total = Decimal(0)
    for value in values if isinstance(values, list) else [values]:
        total = _EXACT.add(total, decimal(value) or Decimal(0))
    return _shown(total)


def mul_money(left: Any, right: Any, currency: Any = None) -> str | None:
    """Exact product; with a currency rounded to its decimals, half away from zero."""
    a, b = decimal(left), decimal(right)
    if a is None or b is None:
        return None
    product = _EXACT.multiply(a, b)
    return _shown(product if currency is None else _quantized(product, currency))


def round_money(value: Any, currency: Any) -> str | None:
    """Rounded to the currency's decimals, half away from zero: -49.245 CNY is -49.25."""
    number = decimal(value)
    return None if number is None else _shown(_quantized(number, currency))


def compare(left: Any, right: Any) -> int | None:
    """-1, 0 or 1 as the first amount is smaller than, equal to or greater than the second."""
    a, b = decimal(left), decimal(right)
    return None if a is None or b is None else (a > b) - (a < b)


def decimal(value: Any) -> Decimal | None:
    """An exact number; None for a missing one."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    if isinstance(value, float):
        raise ValueProblem("float-refused")
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    raise ValueProblem("not-a-number", value=shown(value))


def _quantized(number: Decimal, currency: Any) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-digits(currency)), context=_ROUNDING)


def _shown(number: Decimal) -> str:
    return _unsigned_zero(format(number, "f"))


def _unsigned_zero(shown_number: str) -> str:
    return shown_number[1:] if shown_number[0] == "-" and not shown_number.strip("-0.") else shown_number


# -- dates and times ----------------------------------------------------------------------------------------------


def day(value: Any) -> str | None:
    """ISO date of a date text (YYYY-MM-DD, YYYYMMDD, or with a time that has no zone); zero dates are missing."""
    if value is None or value == "" or value in _NO_DAY:
        return None
    if not isinstance(value, str):
        raise ValueProblem("not-a-date", value=shown(value))
    head, _, rest = value.partition("T")
    if rest and re.search(r"(Z|[+-]\d\d:?\d\d)$", rest):
        raise ValueProblem("date-needs-zone", value=shown(value))
    head = f"{head[:4]}-{head[4:6]}-{head[6:]}" if len(head) == 8 and head.isdigit() else head
    return None if head in _NO_DAY else _valid_day(head, value).isoformat()


def stamp(on: Any, at: Any = None, zone: Any = "UTC") -> str | None:
    """UTC time of a date and a time of day (midnight if missing) in `zone`, as ISO text."""
    head = day(on)
    if head is None:
        return None
    try:
        clock = time.fromisoformat(at) if at else time()
    except (ValueError, TypeError):
        raise ValueProblem("not-a-time", value=shown(at)) from None
    local = datetime.combine(date.fromisoformat(head), clock, tzinfo=_zone(zone))
    return _utc(local).strftime("%Y-%m-%dT%H:%M:%SZ")


def local_date(value: Any, zone: Any) -> str | None:
    """The calendar date of a point in time (ISO text with zone) in the time zone of a company."""
    if value is None or value == "":
        return None
    try:
        moment = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        raise ValueProblem("not-a-time", value=shown(value)) from None
    if moment.tzinfo is None:
        raise ValueProblem("not-a-time", value=shown(value))
    return moment.astimezone(_zone(zone)).date().isoformat()


def _valid_day(head: str, value: str) -> date:
    try:
        if not _DAY.fullmatch(head):
            raise ValueError(head)
        return date.fromisoformat(head)
    except ValueError:
        raise ValueProblem("not-a-date", value=shown(value)) from None


def _utc(local: datetime) -> datetime:
    offset = local.utcoffset() or timedelta()
    return local.replace(tzinfo=None) - offset


@lru_cache(maxsize=256)
def _zone_named(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _zone(name: Any) -> ZoneInfo:
    try:
        return _zone_named(name)
    except (KeyError, ValueError, TypeError, OSError):  # ZoneInfoNotFoundError is a KeyError; "" and "." are OSErrors
        raise ValueProblem("unknown-zone", value=shown(name)) from None


# -- codes, keys and texts ----------------------------------------------------------------------------------------


def _code(tables: Tables) -> Callable[..., str | None]:
    def code(table: Any, value: Any, otherwise: Any = None) -> Any:
        """The other side's word for a code. Empty or missing is missing, unless the table has an entry for ''.

        An unknown code refuses the record, unless the mapping says what to take `otherwise`.
        """
        entries = tables[table]
        found = entries.get("" if value is None else value) if value is None or isinstance(value, str) else None
        if found is None and otherwise is not None:
            return otherwise
        if found is None and value not in (None, ""):
            raise ValueProblem("unknown-code", table=str(table), value=shown(value))
        return found

    return code


def _lookup(tables: Tables) -> Callable[..., Any]:
    def lookup(table: Any, value: Any, otherwise: Any = None) -> Any:
        """What the system file says for `value`; without `otherwise` an unknown value refuses the record."""
        found = tables.get(table, {}).get(value) if isinstance(value, str) else None
        if found is not None:
            return found
        if otherwise is None and value not in (None, ""):
            raise ValueProblem("unknown-lookup", table=str(table), value=shown(value))
        return otherwise

    return lookup


def key(*parts: Any) -> str | None:
    """A full ERP key as connectors write it: parts joined by '/', a '/' inside a part as %2F; missing when a part is.

    >>> key("CN01", "2026", "90000001", "1"), key("CN01", "")
    ('CN01/2026/90000001/1', None)
    """
    texts = [text(part) for part in parts]
    if not all(texts):
        return None
    return "/".join(str(t).replace("%", "%25").replace("/", "%2F") for t in texts) if len(texts) > 1 else texts[0]


def strip_zeros(value: Any) -> str | None:
    """A number-like id without leading zeros; other ids as they are.

    >>> strip_zeros("0000004711"), strip_zeros("000"), strip_zeros("A007")
    ('4711', '0', 'A007')
    """
    shown_value = text(value)
    if shown_value and shown_value.isascii() and shown_value.isdigit():
        return shown_value.lstrip("0") or "0"
    return shown_value


def default(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None or value == "" or value == [] else value


def text(value: Any) -> str | None:
    """A text of a text, a whole number or true/false."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        raise ValueProblem("float-refused")
    raise ValueProblem("not-text", value=shown(value), type=type(value).__name__.lower())
