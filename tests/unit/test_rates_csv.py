"""Rates from a CSV file: all of it or nothing, and what is wrong is named with file, line and column."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core import rates_csv
from crm_core.errors import RefusedError
from crm_core.receivables import Rate

HEADER = "rate_date,from_currency,to_currency,rate\n"
GOOD = "2026-03-31,USD,CNY,7.1636\n"


def refused(text: str | bytes) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        rates_csv.read("r.csv", text if isinstance(text, bytes) else text.encode())
    return caught.value


@given(
    st.dictionaries(
        st.tuples(st.dates(), st.permutations(["USD", "CNY", "JPY"]).map(lambda codes: tuple(codes[:2]))),
        st.decimals("0.000000000001", "999999999999", places=12),
    ),
    st.permutations(rates_csv.COLUMNS),
    st.sampled_from(["utf-8", "utf-8-sig"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_spreadsheet_saves_is_read_as_it_stands(
    rates: dict[tuple[date, tuple[str, str]], Decimal], columns: list[str], encoding: str, end: str
) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator=end)
    writer.writeheader()
    wanted = []
    for (day, (source, target)), rate in rates.items():
        wanted.append(Rate(rate_date=day, from_currency=source, to_currency=target, rate=rate))
        writer.writerow(dict(zip(rates_csv.COLUMNS, (day.isoformat(), source, target, f"{rate:f}"), strict=True)))
    text.write(f",,,{end}{end}")
    assert rates_csv.read("r.csv", text.getvalue().encode(encoding)) == wanted


@pytest.mark.parametrize(
    ("row", "code", "column"),
    [
        ("31.03.2026,USD,CNY,7.2", "rates-date", "rate_date"),
        ("20260331,USD,CNY,7.2", "rates-date", "rate_date"),
        ("2026-02-30,USD,CNY,7.2", "rates-date", "rate_date"),
        ("2026-04-01,usd,CNY,7.2", "rates-code", "from_currency"),
        ("2026-04-01,USD,RMB,7.2", "rates-code", "to_currency"),
        ("2026-04-01,USD,USD,1", "rates-pair", "to_currency"),
        ('2026-04-01,USD,CNY,"7,2"', "rates-number", "rate"),
        ("2026-04-01,USD,CNY,0.00", "rates-number", "rate"),
        ("2026-04-01,USD,CNY,-7", "rates-number", "rate"),
        ("2026-04-01,USD,CNY,7e0", "rates-number", "rate"),
        ("2026-04-01,USD,CNY,NaN", "rates-number", "rate"),
        ("2026-04-01,USD,CNY,", "rates-number", "rate"),
        ("2026-03-31,USD,CNY,7.2", "rates-twice", "rate"),
    ],
)
def test_a_wrong_cell_is_named_with_file_line_and_column(row: str, code: str, column: str) -> None:
    error = refused(f"{HEADER}{GOOD}\n{row}\n{GOOD}")
    assert (error.code, error.params["column"], error.params["line"]) == (code, column, "4")
    assert str(error).startswith("r.csv:4: ")


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"", "rates-columns", ""),
        (b"rate_date;from_currency;to_currency;rate\n", "rates-columns", ""),
        ((HEADER.strip() + ",per\n").encode(), "rates-columns", ""),
        ((HEADER + GOOD + "2026-03-31,USD,CNY\n").encode(), "rates-cells", "3"),
        ((HEADER + GOOD + '2026-03-31,USD,CNY,"7').encode(), "rates-csv", "3"),
        ((HEADER + "日期,USD,CNY,7\n").encode("gb18030"), "rates-encoding", "2"),
        ((HEADER + GOOD).encode("utf-16"), "rates-encoding", "1"),
    ],
)
def test_a_file_of_another_shape_is_refused(content: bytes, code: str, line: str) -> None:
    error = refused(content)
    assert (error.code, error.params.get("line", "")) == (code, line)


def test_every_wrong_row_is_told_up_to_a_screenful() -> None:
    error = refused(HEADER + "x,USD,CNY,7\n2026-03-31,USD,CNY\n" + "2026-03-31,USD,CNY,y\n" * 100)
    found = [error, *error.others]
    assert [one.code for one in found[:3]] == ["rates-date", "rates-cells", "rates-number"]
    assert len(found) == rates_csv.MOST_FINDINGS
    assert all(isinstance(one, RefusedError) for one in found)


def test_the_same_row_twice_is_one_rate() -> None:
    rates = rates_csv.read("r.csv", (HEADER + GOOD + GOOD.replace("7.1636", "7.16360")).encode())
    assert [rate.rate for rate in rates] == [Decimal("7.1636")]
