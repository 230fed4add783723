"""Literals, keys and wire values of OData V2: they come back as what they were, whatever they hold."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.odata.types import (
    DAYS,
    MOMENTS,
    decode,
    join_key,
    key_predicate,
    literal,
    moment,
    shifted,
    split_key,
    strip_zeros,
    time_of_day,
    to_wire,
)

FIRST, LAST = datetime.fromisoformat("1900-01-01"), datetime.fromisoformat("9000-01-01")
TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


def read_text(source: str) -> str:
    """An independent reader of a quoted literal: exactly one, nothing behind it."""
    assert re.fullmatch(r"'([^']|'')*'", source, re.DOTALL)
    return source[1:-1].replace("''", "'")


@given(TEXT)
def test_a_text_literal_ends_where_the_text_ends(value: str) -> None:
    assert read_text(literal("Edm.String", value)) == value


@given(st.dates())
def test_a_day_stays_that_day_in_literals_and_bodies(day: date) -> None:
    assert literal("Edm.DateTime", day.isoformat()) == f"datetime'{day.isoformat()}T00:00:00'"
    assert DAYS[to_wire("Edm.DateTime", day.isoformat())] == day.isoformat()


@given(st.datetimes(timezones=st.timezones(), min_value=FIRST, max_value=LAST))
def test_a_moment_is_the_same_moment_in_any_zone(value: datetime) -> None:
    whole = datetime.fromisoformat(value.replace(microsecond=value.microsecond // 1000 * 1000).isoformat())
    assert moment(MOMENTS[to_wire("Edm.DateTimeOffset", whole.isoformat())] or "") == whole
    found = re.fullmatch(r"datetimeoffset'(.*)Z'", literal("Edm.DateTimeOffset", whole.isoformat()))
    assert found
    assert datetime.fromisoformat(found[1]).replace(tzinfo=UTC) == whole


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**15), max_value=10**15))
def test_a_decimal_keeps_every_digit_and_has_no_exponent(value: Decimal) -> None:
    assert Decimal(to_wire("Edm.Decimal", str(value))) == value
    text = literal("Edm.Decimal", str(value))
    assert re.fullmatch(r"-?\d+(\.\d+)?M", text)
    assert Decimal(text[:-1]) == value


@given(st.times().map(lambda t: t.replace(microsecond=0)))
def test_a_time_of_day_comes_back(value: time) -> None:
    assert time_of_day(to_wire("Edm.Time", value.isoformat())) == value.isoformat()


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_a_key_joins_and_splits_back(parts: list[str]) -> None:
    assert split_key(join_key(parts), len(parts)) == parts


@given(st.lists(TEXT.filter(bool), min_size=1, max_size=3))
def test_a_key_predicate_survives_the_address(values: list[str]) -> None:
    predicate = key_predicate([(f"K{i}", "Edm.String", value) for i, value in enumerate(values)])
    assert not set(predicate) & set(' /?#&+"<>')
    found = re.findall(r"(?:K\d=)?('(?:[^']|'')*')", unquote(predicate)[1:-1])
    assert [read_text(text) for text in found] == values


@given(st.text("0123456789", min_size=1))
def test_numbers_lose_their_leading_zeros_only(digits: str) -> None:
    assert strip_zeros(digits) == str(int(digits))


@pytest.mark.parametrize("text", ["", "S10_1678", "00A1", "1700", "٠١"])
def test_other_text_keeps_its_zeros(text: str) -> None:
    assert strip_zeros(text) == text


@pytest.mark.parametrize(
    ("edm", "value"),
    [
        ("Edm.Decimal", "12,5"),
        ("Edm.Decimal", "NaN"),
        ("Edm.Boolean", "yes"),
        ("Edm.DateTime", "2025-02-30"),
        ("Edm.Guid", "x"),
        ("Edm.Int32", "a"),
    ],
)
def test_what_is_none_of_its_type_is_refused(edm: str, value: str) -> None:
    with pytest.raises(ValueError):
        literal(edm, value)


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("/Date(1471392000000)/", "2016-08-17"),
        ("/Date(1471392030000)/", "2016-08-17T00:00:30"),
        ("/Date(-86400000)/", "1969-12-31"),
        ("/Date(253402214400000)/", "9999-12-31"),
        ("/Date(-62167392000000)/", None),  # year 0: the wire's 0000-00-00
        ("2016-08-17", "2016-08-17"),
    ],
)
def test_days_on_the_wire(raw: str, plain: str | None) -> None:
    assert DAYS[raw] == plain


@pytest.mark.parametrize("raw", ["/Date(1472796947125)/", "/Date(1472796947125+0000)/", "/Date(1472796947125+0480)/"])
def test_an_offset_does_not_move_the_moment(raw: str) -> None:
    assert MOMENTS[raw] == "2016-09-02T06:15:47.125000Z"


def test_json_numbers_never_become_floats() -> None:
    assert decode(b'{"a": 0.1, "b": 1e3, "c": 9007199254740993}') == {"a": "0.1", "b": "1e3", "c": 9007199254740993}


@given(st.datetimes(min_value=FIRST, max_value=LAST), st.integers(0, 10**6))
def test_an_earlier_start_is_earlier(value: datetime, seconds: int) -> None:
    start = value.replace(tzinfo=UTC)
    assert moment(shifted(start.isoformat(), seconds, day=False)) == start - timedelta(seconds=seconds)
    assert shifted(start.isoformat(), seconds, day=True) == (start - timedelta(seconds=seconds)).date().isoformat()
