"""Our own functions: exact on every amount, strict on every code and date."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core import money as crm_money
from mappings import functions as f
from mappings.currencies import DIGITS
from mappings.errors import ValueProblem

AMOUNTS = st.decimals(-(10**18), 10**18, places=3, allow_nan=False, allow_infinity=False)
CURRENCIES = st.sampled_from(sorted(DIGITS))


def refused(call: Any, *args: Any) -> str:
    with pytest.raises(ValueProblem) as caught:
        call(*args)
    return caught.value.code


@given(AMOUNTS)
def test_money_keeps_the_value_and_drops_needless_zeros(amount: Decimal) -> None:
    text = f.money(format(amount, "f"))
    assert Decimal(text) == amount
    assert f.money(text) == text
    assert text != "-0" and not (text.endswith("0") and "." in text)


@given(AMOUNTS, CURRENCIES)
def test_rounding_is_half_away_from_zero_in_the_currency_s_digits(amount: Decimal, currency: str) -> None:
    text = f.round_money(format(amount, "f"), currency)
    assert Decimal(text) == crm_money.quantize(amount, currency)
    assert f.money(text, currency) == text


@given(st.lists(AMOUNTS))
def test_a_sum_is_exact(amounts: list[Decimal]) -> None:
    assert Decimal(f.sum_money([format(a, "f") for a in amounts])) == sum(amounts, Decimal(0))


@given(AMOUNTS, AMOUNTS)
def test_products_comparisons_and_signs_are_exact(a: Decimal, b: Decimal) -> None:
    left, right = format(a, "f"), format(b, "f")
    assert Decimal(f.mul_money(left, right)) == crm_money.EXACT.multiply(a, b)
    assert f.compare(left, right) == (a > b) - (a < b)
    assert Decimal(f.neg(left)) == -a and Decimal(f.absolute(left)) == abs(a)
    assert Decimal(f.signed("-", left)) == -a and Decimal(f.signed("+", left)) == a


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: f.round_money("-49.245", "CNY"), "-49.25"),
        (lambda: f.round_money("1.005", "USD"), "1.01"),
        (lambda: f.round_money("2.5", "JPY"), "3"),
        (lambda: f.round_money("0.0005", "KWD"), "0.001"),
        (lambda: f.sum_money(["0.1", "0.2"]), "0.3"),
        (lambda: f.sum_money([]), "0"),
        (lambda: f.sum_money("7.50"), "7.50"),
        (lambda: f.money(12, "CNY"), "12.00"),
        (lambda: f.money("9999999999999.99", "CNY"), "9999999999999.99"),
        (lambda: f.money("1E+3"), "1000"),
        (lambda: f.money("+.50"), "0.5"),
        (lambda: f.neg("0.00"), "0.00"),
        (lambda: f.neg("-0.00"), "0.00"),
        (lambda: f.mul_money("1250.00", "0.13", "CNY"), "162.50"),
        (lambda: f.money(""), None),
        (lambda: f.round_money(None, "CNY"), None),
        (lambda: f.mul_money("1", None), None),
        (lambda: f.compare("", "1"), None),
        (lambda: f.sum_money(None), None),
    ],
)
def test_amounts_at_the_edges(call: Any, expected: Any) -> None:
    assert call() == expected


@pytest.mark.parametrize("value", ["1,5", "12 ", "abc", "--1", "1.2.3", "NaN", "Infinity", True, [], {}, "1e999"])
def test_what_is_no_number_is_refused(value: Any) -> None:
    if value == []:
        assert refused(f.neg, [["x"]]) == "not-a-number"
    else:
        assert refused(f.money, value) == "not-a-number"


def test_floats_digits_and_currencies_are_refused() -> None:
    assert refused(f.money, 0.1) == "float-refused"
    assert refused(f.money, "1.005", "CNY") == "too-many-digits"
    assert refused(f.money, "1.00", "XYZ") == "unknown-currency"
    assert refused(f.round_money, "1.00", None) == "unknown-currency"
    assert refused(f.signed, "", "1") == "not-a-sign"


def test_both_islands_know_the_same_currencies() -> None:
    assert {code: crm_money.digits(code) for code in DIGITS} == DIGITS
    assert not crm_money.is_currency("XYZ") and "XYZ" not in DIGITS


@given(st.dates())
def test_a_day_is_found_in_every_way_it_is_written(day: date) -> None:
    iso = day.isoformat()
    assert f.day(iso) == f.day(iso.replace("-", "")) == f.day(f"{iso}T00:00:00") == iso


@pytest.mark.parametrize("value", ["", None, "0000-00-00", "00000000"])
def test_no_day_is_missing(value: Any) -> None:
    assert f.day(value) is None and f.stamp(value) is None


@pytest.mark.parametrize("value", ["2025-02-30", "2025-W01-1", "31.12.2025", "2025-1-1", 20250101, "2025-01-01 x"])
def test_what_is_no_day_is_refused(value: Any) -> None:
    assert refused(f.day, value) == "not-a-date"


def test_a_point_in_time_is_no_day() -> None:
    assert refused(f.day, "2025-07-20T18:30:00Z") == "date-needs-zone"
    assert refused(f.day, "2025-07-20T18:30:00+08:00") == "date-needs-zone"


@given(st.datetimes(datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2090-01-01")), st.integers(-12, 12))
def test_the_local_day_does_not_depend_on_how_the_moment_is_written(moment: datetime, hours: int) -> None:
    utc = moment.replace(tzinfo=UTC)
    elsewhere = utc.astimezone(timezone(timedelta(hours=hours)))
    expected = utc.astimezone(ZoneInfo("Asia/Shanghai")).date().isoformat()
    assert f.local_date(utc.isoformat(), "Asia/Shanghai") == expected
    assert f.local_date(elsewhere.isoformat(), "Asia/Shanghai") == expected


def test_stamps_and_zones() -> None:
    assert f.local_date("2025-07-20T18:30:00.123456Z", "Asia/Shanghai") == "2025-07-21"
    assert f.local_date("2025-07-20T03:00:00Z", "America/Chicago") == "2025-07-19"
    assert f.stamp("2025-07-20", "08:00:00", "Asia/Shanghai") == "2025-07-20T00:00:00Z"
    assert f.stamp("2025-07-20") == "2025-07-20T00:00:00Z"
    assert f.stamp("9999-12-31", "23:00:00") == "9999-12-31T23:00:00Z"
    assert refused(f.local_date, "2025-07-20T03:00:00", "UTC") == "not-a-time"
    assert refused(f.local_date, "yesterday", "UTC") == "not-a-time"
    assert refused(f.stamp, "2025-07-20", "noon") == "not-a-time"
    for zone in ("Mars/Base", "", "../etc", None, "Asia"):
        assert refused(f.local_date, "2025-07-20T03:00:00Z", zone) == "unknown-zone"


def test_codes_go_both_ways() -> None:
    codes = {"status": {"A": "open", "C": "done", "": "none"}, "plain": {"1": "one"}}
    there, back = (f.functions(codes, {}, backwards=way)["code"] for way in (False, True))
    assert there("status", "A") == "open" and back("status", "done") == "C"
    assert there("status", None) == there("status", "") == "none"
    assert there("plain", "") is None and there("plain", None) is None
    assert refused(there, "status", "X") == refused(there, "status", ["A"]) == "unknown-code"
    assert refused(back, "status", "A") == "unknown-code"


def test_lookups_refuse_what_the_system_file_does_not_have_unless_told_otherwise() -> None:
    lookup = f.functions({}, {"company": {"1010": "CN01"}}, backwards=False)["lookup"]
    assert lookup("company", "1010") == "CN01"
    assert lookup("company", "9", "none") == "none" and lookup("absent", "9", "") == ""
    assert lookup("company", "") is None
    assert refused(lookup, "company", "9") == refused(lookup, "absent", "9") == "unknown-lookup"


@given(st.lists(st.text(min_size=1), min_size=2, max_size=4), st.lists(st.text(min_size=1), min_size=2, max_size=4))
def test_different_parts_make_different_keys(left: list[str], right: list[str]) -> None:
    assert (f.key(*left) == f.key(*right)) == (left == right)


def test_texts() -> None:
    assert [f.text(v) for v in ("x", 7, True, False, None)] == ["x", "7", "true", "false", None]
    assert [f.strip_zeros(v) for v in ("0000", "0010", "A0", "", None, "²")] == ["0", "10", "A0", "", None, "²"]
    assert [f.default(v, "d") for v in (None, "", [], "x", False)] == ["d", "d", "d", "x", False]
    assert f.key("CN01", "") is None and f.key("a/b") == "a/b" and f.key("a/b", "c") == "a%2Fb/c"
    assert refused(f.text, 0.5) == "float-refused" and refused(f.text, {}) == "not-text"
