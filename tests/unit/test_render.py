"""Files add up to the screen to the last digit, and no cell is ever a formula."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from commands import output as out
from commands import render
from commands.render import Sheet
from config.errors import ConfigError

AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**15), max_value=10**15)
LARGEST = Decimal("9999999999999.99")
TOO_LONG = Decimal("12345678901234567.89")


def sheet(*amounts: Decimal) -> Sheet:
    return Sheet("Ageing", ["Name", "Amount"], [["A", one] for one in amounts], totals=[["Total", sum(amounts)]])


def cells(content: bytes) -> list[list[Any]]:
    return [[cell.value for cell in row] for row in load_workbook(io.BytesIO(content)).active.iter_rows()]


@given(st.lists(AMOUNTS, min_size=1, max_size=8))
def test_a_spreadsheet_gives_every_amount_back_exactly(amounts: list[Decimal]) -> None:
    """Numbers come back as binary floats that print as the decimal did; longer ones as text."""
    rows = cells(render.to_xlsx(sheet(*amounts)))[1:]
    assert [Decimal(str(row[1])) for row in rows] == [*amounts, sum(amounts)]


def test_a_spreadsheet_holds_numbers_where_a_number_can_hold_it() -> None:
    rows = cells(render.to_xlsx(sheet(LARGEST, TOO_LONG)))[1:]
    assert [type(row[1]) for row in rows] == [float, str, str]
    assert rows[1][1] == "12345678901234567.89"


@given(st.lists(AMOUNTS, min_size=1, max_size=8))
def test_a_csv_gives_every_amount_back_exactly(amounts: list[Decimal]) -> None:
    rows = list(csv.reader(io.StringIO(render.to_csv(sheet(*amounts)))))[1:]
    assert [Decimal(row[1]) for row in rows] == [*amounts, sum(amounts)]


@given(st.text(min_size=1))
def test_no_text_cell_starts_like_a_formula(text: str) -> None:
    row = next(csv.reader(io.StringIO(render.to_csv(Sheet("t", [text], [])))), [""])
    assert not row or not row[0].startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "{=1}", "http://x.example"])
def test_a_spreadsheet_takes_text_for_text(text: str) -> None:
    book = load_workbook(io.BytesIO(render.to_xlsx(Sheet("t", ["h"], [[text]]))))
    cell = book.active["A2"]
    assert cell.data_type == "s"
    assert cell.hyperlink is None
    assert str(cell.value).endswith(text.lstrip("\t"))


def test_an_amount_is_no_formula_though_it_is_negative() -> None:
    assert render.to_csv(Sheet("t", ["h"], [[Decimal("-1.50")]])).splitlines()[1] == "-1.50"


def test_a_csv_file_opens_in_excel_with_its_characters(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    render.deliver(Sheet("t", ["客户"], [["星垣"]]), {}, "csv", str(target))
    assert target.read_bytes().startswith(b"\xef\xbb\xbf")
    assert "客户" in target.read_text(encoding="utf-8-sig")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        render.deliver(Sheet("t", ["h"], []), {}, "csv", str(tmp_path / "file" / "a.csv"))


def test_a_sheet_name_that_excel_refuses_is_made_fit() -> None:
    assert load_workbook(io.BytesIO(render.to_xlsx(Sheet("a/b[c]:" + "x" * 40, ["h"], [])))).sheetnames[0]


def test_a_terminal_hides_columns_that_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    made = Sheet(
        "t", ["A", "B", "C"], [["1", Decimal("0.00"), "x"]], optional=frozenset({"A", "B"}), repeated=frozenset({"C"})
    )
    render.show(made)
    heading = capsys.readouterr().out
    assert "A" in heading
    assert "B" not in heading
    assert "C" not in heading


def test_what_an_erp_sends_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    out.table(["h"], [["\x1b[31mred\x07"]])
    assert "\x1b" not in capsys.readouterr().out


def test_names_of_any_width_line_up(capsys: pytest.CaptureFixture[str]) -> None:
    out.table(["Name", "Amount"], [["星垣", Decimal("1.00")], ["Acme", Decimal("12.50")]])
    lines = [line for line in capsys.readouterr().out.splitlines() if "." in line]
    assert out.shown(Decimal("1234567.10")) == "1,234,567.10"
    assert lines[0].endswith(" 1.00")
    assert lines[1].endswith("12.50")


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [("1234.5", "CNY", "1,234.50"), ("1234", "JPY", "1,234"), ("1.5", "KWD", "1.500"), ("0.125", "CNY", "0.125")],
)
def test_an_amount_has_its_currencys_digits(amount: str, currency: str, text: str) -> None:
    assert out.money(amount, currency) == text
