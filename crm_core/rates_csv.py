"""Exchange rates from a CSV file: rate_date,from_currency,to_currency,rate, as a spreadsheet saves it in UTF-8.

The file is taken whole or refused with every cell that is wrong: a column nobody knows (a unit of 100, say) would
change what the rates mean.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from crm_core.errors import CrmError, RefusedError
from crm_core.money import is_currency
from crm_core.receivables import Rate

COLUMNS = ("rate_date", "from_currency", "to_currency", "rate")
MOST_FINDINGS = 20
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RATE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")


def read(file: str, content: bytes) -> list[Rate]:
    """The rates in `content`; `file` is its name in errors. Raises RefusedError with up to 20 findings."""
    rates: dict[tuple[date, str, str], tuple[Rate, int]] = {}
    findings: list[CrmError] = []
    for line, header, row in _rows(file, _text(file, content)):
        try:
            cells = _cells(file, line, header, row)
            rate = _rate(file, line, cells)
            first, at = rates.setdefault((rate.rate_date, rate.from_currency, rate.to_currency), (rate, line))
            if first.rate != rate.rate:
                raise _wrong("rates-twice", file, line, "rate", cells["rate"], other=str(at), first=f"{first.rate:f}")
        except RefusedError as exc:
            findings.append(exc)
    if findings:
        findings[0].others = findings[1:MOST_FINDINGS]
        raise findings[0]
    return [rate for rate, _line in rates.values()]


def _text(file: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise RefusedError("rates-encoding", file=file, line=str(line)) from None


def _rows(file: str, text: str) -> Iterator[tuple[int, list[str], list[str]]]:
    """Line number, header and cells, without the rows in which nothing stands."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        if sorted(header) != sorted(COLUMNS):
            raise RefusedError("rates-columns", file=file, found=", ".join(header)[:200] or "-")
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield reader.line_num, header, cells
    except csv.Error as exc:
        raise RefusedError("rates-csv", file=file, line=str(reader.line_num), why=str(exc)) from None


def _cells(file: str, line: int, header: list[str], row: list[str]) -> dict[str, str]:
    if len(row) != len(header):
        raise RefusedError("rates-cells", file=file, line=str(line), found=str(len(row)), needed=str(len(header)))
    return dict(zip(header, row, strict=True))


def _rate(file: str, line: int, cells: dict[str, str]) -> Rate:
    day = _day(cells["rate_date"])
    if day is None:
        raise _wrong("rates-date", file, line, "rate_date", cells["rate_date"])
    for column in ("from_currency", "to_currency"):
        if not is_currency(cells[column]):
            raise _wrong("rates-code", file, line, column, cells[column])
    if cells["from_currency"] == cells["to_currency"]:
        raise _wrong("rates-pair", file, line, "to_currency", cells["to_currency"])
    if not _RATE.fullmatch(cells["rate"]) or not Decimal(cells["rate"]):
        raise _wrong("rates-number", file, line, "rate", cells["rate"])
    pair = {column: cells[column] for column in ("from_currency", "to_currency")}
    return Rate(rate_date=day, rate=Decimal(cells["rate"]), **pair)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def _wrong(code: str, file: str, line: int, column: str, value: str, **more: str) -> RefusedError:
    return RefusedError(code, file=file, line=str(line), column=column, value=value[:40], **more)
