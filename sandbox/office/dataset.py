"""What any data set is turned into before it becomes documents, and how its files are read.

Amounts as the source has them: credit memos and reversals negative, payments positive. Keys are the source's own.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from sandbox.office.company import Company
from sandbox.office.money import DIGITS

T = TypeVar("T")
Key = tuple[str, ...]


class DataError(ValueError):
    """A file of the data set is missing or wrong: the text names file, line and cure."""


@dataclass
class PartnerData:
    key: str
    external_id: str
    name: str
    name_2: str = ""
    language: str = "EN"
    country: str = ""
    region: str = ""
    city: str = ""
    postal_code: str = ""
    street: str = ""
    phone: str = ""
    email: str = ""
    tax_type: str = ""
    tax_number: str = ""
    credit_limit: Decimal | None = None
    accounts: list[tuple[str, str, str, str]] = field(default_factory=list)
    """(company code, account number, currency, payment terms)"""


@dataclass
class ProductData:
    code: str
    names: dict[str, str]
    unit: str
    tax_rate: Decimal
    group: str = ""
    prices: list[tuple[str, Decimal, str]] = field(default_factory=list)
    """(company code, price without tax, currency)"""


@dataclass
class OrderLineData:
    number: int
    product: str
    quantity: Decimal
    unit: str
    price: Decimal
    includes_tax: bool
    tax_rate: Decimal


@dataclass
class OrderData:
    key: Key
    company: str
    partner: str
    ordered: date
    currency: str
    terms: str
    external_id: str
    customer_po: str = ""
    requested: date | None = None
    text: str = ""
    cancelled: date | None = None
    held_from: date | None = None
    held_until: date | None = None
    lines: list[OrderLineData] = field(default_factory=list)


@dataclass
class DeliveryData:
    external_id: str
    issued: date
    is_return: bool
    lines: list[tuple[Key, int, Decimal]]
    """(order key, order line, quantity > 0)"""


@dataclass
class InvoiceLineData:
    product: str
    quantity: Decimal
    unit: str
    net: Decimal
    tax: Decimal
    order: Key | None = None
    order_line: int = 0
    delivery: str = ""


@dataclass
class InstalmentData:
    number: str
    kind: str
    baseline: date | None
    due: date | None
    amount: Decimal


@dataclass
class VoucherData:
    """`dated` as on paper, `posted` by accounting, `entered` when it came into the books."""

    key: Key
    kind: str
    company: str
    partner: str
    dated: date
    posted: date
    entered: date
    currency: str
    rate: Decimal


@dataclass
class InvoiceData(VoucherData):
    """kind: invoice, credit_memo, reversal, pro_forma, provisional, opening."""

    net: Decimal
    tax: Decimal
    terms: str
    reference: Key | None = None
    source_number: str = ""
    disputed: bool = False
    customer_po: str = ""
    text: str = ""
    lines: list[InvoiceLineData] = field(default_factory=list)
    instalments: list[InstalmentData] = field(default_factory=list)


@dataclass
class PaymentData(VoucherData):
    """kind: receipt, advance, bill; `returned`: the bank took it back or the bill was dishonoured."""

    amount: Decimal
    source_number: str
    maturity: date | None = None
    returned: date | None = None
    text: str = ""


@dataclass
class ApplicationData:
    """kind: payment, credit, discount, write_off. `taken` is in the source's currency; source None: none."""

    key: str
    kind: str
    company: str
    on: date
    undone: date | None
    source: tuple[str, Key] | None
    """("payment" | "credit_memo", key)"""

    taken: Decimal
    item: Key
    instalment: str
    amount: Decimal

    @property
    def counts(self) -> bool:
        """Undone on its own day it never does, and is not booked at all."""
        return self.undone is None or self.undone > self.on


@dataclass
class DataSet:
    name: str
    companies: list[Company]
    partners: list[PartnerData]
    products: list[ProductData]
    orders: list[OrderData] = field(default_factory=list)
    deliveries: list[DeliveryData] = field(default_factory=list)
    invoices: list[InvoiceData] = field(default_factory=list)
    payments: list[PaymentData] = field(default_factory=list)
    applications: list[ApplicationData] = field(default_factory=list)
    rates: dict[tuple[str, str], list[tuple[date, Decimal]]] = field(default_factory=dict)
    terms: set[str] = field(default_factory=set)
    last_day: date = date.min


@dataclass
class Record:
    """One line of a CSV file; every accessor's error names file and line."""

    file: Path
    line: int
    values: dict[str, str]

    def error(self, problem: str) -> DataError:
        return DataError(f"{self.file.name}:{self.line}: {problem}")

    def text(self, column: str) -> str:
        try:
            return self.values[column]
        except KeyError:
            raise self.error(f"column {column!r} is missing; columns here: {', '.join(self.values)}") from None

    def needed(self, column: str) -> str:
        return self.text(column) or self._bad(column, "is empty; fill it in")

    def day(self, column: str) -> date:
        return self._parse(column, date.fromisoformat, "an ISO date such as 2026-03-31")

    def maybe_day(self, column: str) -> date | None:
        return self.day(column) if self.text(column) else None

    def decimal(self, column: str) -> Decimal:
        value = self._parse(column, Decimal, "a number such as 1250.00")
        return value if value.is_finite() else self._bad(column, "is not a number; write one such as 1250.00")

    def integer(self, column: str) -> int:
        return self._parse(column, int, "a whole number")

    def currency(self, column: str) -> str:
        code = self.needed(column)
        return code if code in DIGITS else self._bad(column, "is not a currency; use an ISO 4217 code such as CNY")

    def one_of(self, column: str, *allowed: str) -> str:
        value = self.text(column)
        return value if value in allowed else self._bad(column, f"must be one of {', '.join(allowed)}")

    def _parse(self, column: str, parse: Callable[[str], T], example: str) -> T:
        text = self.text(column)
        try:
            return parse(text)
        except (ValueError, InvalidOperation):
            raise self.error(f"{column} {text!r} is not {example}; correct it") from None

    def _bad(self, column: str, problem: str) -> NoReturn:
        raise self.error(f"{column} {self.values[column]!r} {problem}")


def read(folder: Path, name: str) -> Iterator[Record]:
    """The lines of NAME.csv."""
    file = folder / f"{name}.csv"
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            for values in reader:
                if None in values or None in values.values():
                    raise DataError(
                        f"{file.name}:{reader.line_num}: not as many columns as the header row; quote commas"
                    )
                yield Record(file, reader.line_num, values)
    except FileNotFoundError:
        raise DataError(f"{file.name} is missing in {folder}; a data set needs all its files") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file.name} cannot be read ({error}); save it as CSV in UTF-8") from None


def known(record: Record, column: str, key: Key | str, table: Container[Any], where: str) -> None:
    if key not in table:
        raise record.error(
            f"{column} {key if isinstance(key, str) else '/'.join(key)!r} is not in {where}; correct it or add it there"
        )
