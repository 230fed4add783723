"""Amounts to the currency's own decimals, half away from zero."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache

DIGITS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(
        "AED AUD BDT BGN BRL CAD CHF CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR KES KZT LKR MAD MOP MXN MYR NGN "
        "NOK NZD PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TRY TWD UAH USD UZS ZAR".split(), 2,
    ),
}  # fmt: skip
"""Decimals of the currencies this system knows (ISO 4217); any other currency is refused."""

ZERO = Decimal(0)
_UNITS = {digits: Decimal(1).scaleb(-digits) for digits in (0, 2, 3)}
_WIDE = Context(prec=60, rounding=ROUND_HALF_UP)


def rounded(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(_UNITS[DIGITS[currency]], context=_WIDE)


@lru_cache(maxsize=8192)
def tax_split(
    quantity: Decimal, price: Decimal, rate: Decimal, includes_tax: bool, currency: str
) -> tuple[Decimal, Decimal]:
    """Net and tax of a line; `rate` in per cent. With tax inside the price, tax is what rounding the net leaves."""
    total = rounded(_WIDE.multiply(quantity, price), currency)
    if not includes_tax:
        return total, rounded(_WIDE.multiply(total, rate).scaleb(-2), currency)
    net = rounded(_WIDE.divide(total * 100, 100 + rate), currency)
    return net, total - net


def plain(value: Decimal) -> Decimal:
    """A quantity without trailing zeros: 3, 12.345."""
    value = value.normalize()
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value
