"""Ids, codes and the words of documents: what YonBIP calls the things of the trade book.

Ids have 19 digits, more than a binary float can hold. Sales documents and customers show theirs as numbers, finance
documents, contracts and organisations as text. Currencies and units are records of their own with an id and a code.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from sandbox.office.money import DIGITS

_KINDS = (
    "customer", "product", "order", "order line", "delivery", "delivery line", "invoice", "invoice line", "instalment",
    "receipt", "contract", "contract line", "red", "organisation", "unit", "opportunity", "price",
)  # fmt: skip
_FIRST = {kind: 2_077_309_745_189_120_003 + at * 10_000_000_000_000_000 for at, kind in enumerate(_KINDS)}
_STEP = 65_537
CURRENCIES = {
    code: f"G001ZM0000DEFAULTCURRENCT{at:011d}"
    for at, code in enumerate(sorted(DIGITS, key=lambda code: (code != "CNY", code)), 1)
}
_CURRENCY_NAMES = {"CNY": "人民币", "USD": "美元", "EUR": "欧元", "JPY": "日元", "KWD": "科威特第纳尔", "GBP": "英镑"}
RATE_TYPE = {"id": "0000L3WE7R4W25O1SI0000", "name": "基准汇率", "digit": 6}

ORDER_TYPE = ("1869243563519774305", "SO01", "普通销售")
INVOICE_TYPE = ("1869243563519774311", "SI01", "销售发票")
DELIVERY_TYPE = ("1869243563519774317", "SD01", "普通销售发货")
RETURN_TYPE = ("1869243563519774323", "SD02", "普通销售退货")
CONTRACT_TYPE = ("1869243563519774329", "SACT01", "标准合同")


def id_of(kind: str, serial: int) -> int:
    return _FIRST[kind] + serial * _STEP


def serial_of(kind: str, external: Any) -> int | None:
    """The serial behind an id, sent as number or text; None for what is no id of this kind."""
    text = str(external)
    if not text.isdigit():
        return None
    serial, rest = divmod(int(text) - _FIRST[kind], _STEP)
    return serial if rest == 0 and serial > 0 else None


def code_of(prefix: str, on: date, serial: int) -> str:
    return f"{prefix}{on:%Y%m%d}{serial:06d}"


def short_code_of(prefix: str, on: date, serial: int) -> str:
    return f"{prefix}{on:%y%m%d}{serial:06d}"


def currency_code(text: Any) -> str | None:
    """A currency by its id or its code."""
    return next((code for code, own in CURRENCIES.items() if str(text) in (code, own)), None)


def currency_name(code: str) -> str:
    return _CURRENCY_NAMES.get(code, code)


def money_digits(code: str) -> int:
    return DIGITS[code]


def unit_id(code: str) -> int:
    """Units have no record in the trade book: the id comes from the code, and a unit is named like its code."""
    return id_of("unit", int.from_bytes(code.encode()[:4], "big") % 1_000_000 + 1)


TAX_RATES = ("0", "3", "6", "9", "13")
"""Per cent: the tax items that the tenant has."""


def tax_item(rate: Decimal) -> str:
    return f"VAT{rate.normalize():f}"


def tax_rate(item: Any) -> Decimal | None:
    """The rate of a tax item VAT13; None for another text."""
    text = str(item)
    try:
        return Decimal(text.removeprefix("VAT")) if text.startswith("VAT") else None
    except ArithmeticError:
        return None


def organisation_id(company: str) -> str:
    """Text: organisations were there before the long numbers."""
    return str(id_of("organisation", int.from_bytes(company.encode()[:6], "big") % 10_000_000 + 1))
