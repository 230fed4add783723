"""What a quote's lines and instalments come to: exact, rounded half away from zero by the currency's digits.

Tax per line. Price without tax: net = quantity x price, tax = net x rate. With tax: gross = quantity x price,
net = gross / (1 + rate), tax = gross - net. Each step is rounded (golden data set, "Money").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from crm_core.money import exact, quantize

HUNDRED = Decimal(100)
BASES = ("order", "delivery", "invoice", "acceptance")


@dataclass(frozen=True, slots=True)
class Amounts:
    """Of a line or a whole quote, in its currency."""

    net: Decimal
    tax: Decimal
    gross: Decimal


def line_amounts(
    quantity: Decimal, price: Decimal, per: Decimal, tax_rate: Decimal, currency: str, *, includes_tax: bool
) -> Amounts:
    """`price` is for `per` units, `tax_rate` in per cent.

    >>> line_amounts(Decimal(3), Decimal("33.335"), Decimal(1), Decimal(13), "CNY", includes_tax=False)
    Amounts(net=Decimal('100.01'), tax=Decimal('13.00'), gross=Decimal('113.01'))
    """
    with exact():
        value = quantize(quantity * price / per, currency)
        if includes_tax:
            net = quantize(value * HUNDRED / (HUNDRED + tax_rate), currency)
            return Amounts(net, value - net, value)
        tax = quantize(value * tax_rate / HUNDRED, currency)
        return Amounts(value, tax, value + tax)


def total(parts: Sequence[Amounts], currency: str) -> Amounts:
    """The sum of the lines."""
    zero = quantize(Decimal(0), currency)
    with exact():
        sums = (sum((getattr(part, name) for part in parts), zero) for name in ("net", "tax", "gross"))
        return Amounts(*sums)


def instalments(gross: Decimal, percents: Sequence[Decimal], currency: str) -> list[Decimal]:
    """Amounts of a payment plan; each rounded, the last takes what is left, so they sum exactly to `gross`.

    >>> instalments(Decimal("100.00"), [Decimal("33.33"), Decimal("33.33"), Decimal("33.34")], "CNY")
    [Decimal('33.33'), Decimal('33.33'), Decimal('33.34')]
    """
    with exact():
        parts = [quantize(gross * percent / HUNDRED, currency) for percent in percents[:-1]]
        return [*parts, gross - sum(parts, Decimal(0))] if percents else []


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """For one unit, without tax and with it; 9 digits after the point where it has no exact value."""

    net: Decimal
    gross: Decimal


def unit_price(quantity: Decimal, amounts: Amounts, price: Decimal, per: Decimal, *, includes_tax: bool) -> UnitPrice:
    """What an ERP that knows prices of one unit is told; times the quantity, rounded, it is our net and our gross."""
    with exact():
        said = _nine_digits(price / per)
        other = _nine_digits((amounts.net if includes_tax else amounts.gross) / quantity) if quantity else said
    return UnitPrice(other, said) if includes_tax else UnitPrice(said, other)


def _nine_digits(value: Decimal) -> Decimal:
    rounded = value.quantize(Decimal("1E-9"))
    return rounded.quantize(Decimal(1)) if rounded == rounded.to_integral_value() else rounded.normalize()


def net_price(
    quantity: Decimal, net: Decimal, price: Decimal, per: Decimal, *, includes_tax: bool
) -> tuple[Decimal, Decimal]:
    """(price, per) without tax from which an ERP computes exactly our `net`.

    A price with tax has no exact net price; the line's net for its whole quantity has, where that is a whole number.
    """
    if not includes_tax:
        return price, per
    if quantity == quantity.to_integral_value():
        return net, quantity
    with exact():
        return (net / quantity).quantize(Decimal("1E-9")), Decimal(1)
