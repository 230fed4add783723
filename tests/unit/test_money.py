"""Money is exact, and rounded half away from zero by each currency's own digits."""

from __future__ import annotations

from decimal import Decimal, getcontext, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.errors import RefusedError
from crm_core.money import digits, exact, is_currency, quantize, total, zero

AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**15), max_value=10**15)
CURRENCIES = st.sampled_from(["CNY", "JPY", "KWD", "CLF"])


@given(AMOUNTS, CURRENCIES)
def test_rounding_is_to_the_nearest_unit_and_away_from_zero_in_the_middle(amount: Decimal, currency: str) -> None:
    unit = Fraction(1, 10 ** digits(currency))
    rounded, given_amount = Fraction(quantize(amount, currency)), Fraction(amount)
    assert (rounded / unit).denominator == 1
    assert abs(rounded - given_amount) <= unit / 2
    assert abs(rounded - given_amount) < unit / 2 or abs(rounded) > abs(given_amount)
    assert -quantize(amount, currency) == quantize(-amount, currency)


@given(st.lists(AMOUNTS.map(lambda amount: quantize(amount, "KWD"))))
def test_sums_are_exact_whatever_the_callers_precision(amounts: list[Decimal]) -> None:
    with localcontext() as caller:
        caller.prec = 3
        added = total(amounts, "KWD")
    assert Fraction(added) == sum(map(Fraction, amounts))


def test_nothing_is_never_negative_and_shows_the_currencys_digits() -> None:
    assert [str(quantize(Decimal("-0.004"), code)) for code in ("CNY", "JPY", "KWD")] == ["0.00", "0", "-0.004"]
    assert [str(zero(code)) for code in ("CNY", "JPY", "KWD")] == ["0.00", "0", "0.000"]


def test_the_callers_context_is_left_as_it_was() -> None:
    before = getcontext().prec
    with exact():
        assert Decimal("9999999999999999999999999999.99") + 0 == Decimal("9999999999999999999999999999.99")
    assert getcontext().prec == before


@pytest.mark.parametrize("code", ["", "cny", "XXY", "RMB", "人民币"])
def test_what_is_no_currency_is_refused_by_name(code: str) -> None:
    assert not is_currency(code)
    for ask in (digits, zero, lambda currency: quantize(Decimal(1), currency)):
        with pytest.raises(RefusedError) as refusal:
            ask(code)
        assert (refusal.value.code, refusal.value.params["value"]) == ("unknown-currency", code)
