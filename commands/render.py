"""Results as files: CSV that Excel opens, XLSX with exact sums, JSON. No cell is ever taken for a formula."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from commands.output import clean, dump_json, output, table, write
from commands.texts import N_, _, say
from config.files import write_bytes
from config.settings import shown

FORMATS = ("table", "json", "csv", "xlsx")
EXACT_DIGITS = 15
"""A spreadsheet's number is a binary float: up to 15 significant digits come back as they were written."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
WRITTEN = N_("Written: {file}")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A result as rows and columns; `totals` are rows set off at the end, `notes` lines above the table."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[object]]
    totals: Sequence[Sequence[object]] = ()
    notes: Sequence[str] = ()
    optional: frozenset[str] = frozenset()  # headings that a terminal shows only where something stands under them
    repeated: frozenset[str] = frozenset()  # headings under which every row says the same: not on a terminal


def deliver(sheet: Sheet, data: object, form: str, target: str | None) -> None:
    """Print or write a result in the form asked for; --json means json. A spreadsheet needs a file."""
    form = "json" if output.json and form == "table" else form
    if form == "table" and target is None:
        show(sheet)
    elif form in ("json", "csv") and target is None:
        write(dump_json(data)) if form == "json" else sys.stdout.write(to_csv(sheet))
    else:
        path = Path(target or "receivables.xlsx").expanduser()
        write_bytes(path, _encoded(sheet, data, form))
        output.note(say(WRITTEN, file=shown(path.absolute())))


def _encoded(sheet: Sheet, data: object, form: str) -> bytes:
    match form:
        case "json":
            return (dump_json(data) + "\n").encode()
        case "xlsx":
            return to_xlsx(sheet)
        case _:
            return to_csv(sheet).encode("utf-8-sig")  # Excel knows UTF-8 by its mark


def show(sheet: Sheet) -> None:
    """A table on the terminal."""
    for line in sheet.notes:
        output.note(line)
    everything = [*sheet.rows, *sheet.totals]
    kept = [
        i
        for i, heading in enumerate(sheet.headings)
        if heading not in sheet.repeated and (heading not in sheet.optional or _filled(everything, i))
    ]
    table([sheet.headings[i] for i in kept], [[row[i] for i in kept] for row in everything], title=sheet.title)
    if not sheet.rows:
        output.note(_("Nothing to show."))


def _filled(rows: Sequence[Sequence[object]], column: int) -> bool:
    return any(row[column] not in (None, "", 0) for row in rows)


def to_csv(sheet: Sheet) -> str:
    """Comma-separated, ISO dates, plain decimals, totals last."""
    text = io.StringIO()
    writer = csv.writer(text)
    for row in (sheet.headings, *sheet.rows, *sheet.totals):
        writer.writerow([_csv_cell(cell) for cell in row])
    return text.getvalue()


def _csv_cell(cell: object) -> str:
    if isinstance(cell, Decimal):
        return format(cell, "f")
    if isinstance(cell, (list, tuple)):
        cell = ", ".join(map(str, cell))
    return "" if cell is None else neutral(str(cell))


def neutral(text: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe goes before what could start one."""
    text = clean(text)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def to_xlsx(sheet: Sheet) -> bytes:
    """A workbook with one sheet. Amounts are numbers; one too long for a number's digits is text, exactly."""
    from xlsxwriter import Workbook

    memory = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with Workbook(memory, options) as book:
        page = _Page(book, book.add_worksheet(_sheet_name(sheet.title)))
        for line in sheet.notes:
            page.add([line])
        page.add(sheet.headings, bold=True)
        page.freeze()
        for row in sheet.rows:
            page.add(row)
        for row in sheet.totals:
            page.add(row, bold=True)
        page.fit()
    return memory.getvalue()


class _Page:
    """Rows one below the other; one format object a style, since each costs in the file."""

    def __init__(self, book: Any, sheet: Any) -> None:
        self._book, self._sheet, self._row = book, sheet, 0
        self._formats: dict[tuple[bool, str], Any] = {}

    def add(self, cells: Sequence[object], *, bold: bool = False) -> None:
        for column, cell in enumerate(cells):
            if isinstance(cell, (Decimal, int)) and not isinstance(cell, bool) and fits_a_number(Decimal(cell)):
                style = self._format(bold, number_format(Decimal(cell)))
                self._sheet.write_number(self._row, column, float(cell), style)
            else:
                self._sheet.write_string(self._row, column, _text(cell), self._format(bold, ""))
        self._row += 1

    def freeze(self) -> None:
        """Keep what was added so far in sight."""
        self._sheet.freeze_panes(self._row, 0)

    def fit(self) -> None:
        self._sheet.autofit()

    def _format(self, bold: bool, form: str) -> Any:
        if (bold, form) not in self._formats:
            style: dict[str, object] = {"bold": bold, **({"num_format": form} if form else {})}
            self._formats[bold, form] = self._book.add_format(style)
        return self._formats[bold, form]


def number_format(value: Decimal) -> str:
    """Excel's number format that shows the value's own digits: `#,##0.00` for two."""
    decimals = max(0, -int(value.as_tuple().exponent))
    return "#,##0" + ("." + "0" * decimals if decimals else "")


def fits_a_number(value: Decimal) -> bool:
    """Whether a binary double gives the same decimal back."""
    return len(value.as_tuple().digits) <= EXACT_DIGITS and Decimal(repr(float(value))) == value


def _text(cell: object) -> str:
    if isinstance(cell, Decimal):
        return format(cell, "f")
    if isinstance(cell, (list, tuple)):
        cell = ", ".join(map(str, cell))
    return "" if cell is None else clean(str(cell))


def _sheet_name(title: str) -> str:
    return "".join(" " if ch in "[]:*?/\\" else ch for ch in title)[:31] or "Sheet1"
