"""Exact money: Decimal only, each currency with its own digits, rounded half away from zero.

>>> quantize(Decimal("-49.245"), "CNY"), quantize(Decimal("1234.5"), "JPY"), quantize(Decimal(7), "KWD")
(Decimal('-49.25'), Decimal('1235'), Decimal('7.000'))
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, InvalidOperation, Overflow, localcontext

from crm_core.errors import RefusedError

EXACT = Context(prec=60, rounding=ROUND_HALF_UP, traps=[InvalidOperation, DivisionByZero, Overflow])
"""Digits for any sum of any amounts times a rate; ROUND_HALF_UP is half away from zero for negative amounts too."""

# ISO 4217, currencies in use and funds codes that are quoted; minor units as the standard states them.
_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE"
    " CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL"
    " HRK HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR"
    " MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD"
    " SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG"
    " YER ZAR ZMW ZWG ZWL",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_QUANTUM = {code: Decimal(1).scaleb(-digits) for digits, codes in _DIGITS.items() for code in codes.split()}
_ZERO = {code: Decimal(0).quantize(quantum) for code, quantum in _QUANTUM.items()}


def is_currency(code: str) -> bool:
    """Whether `code` is an ISO 4217 currency."""
    return code in _QUANTUM


def digits(currency: str) -> int:
    """Decimal places of the currency's smallest unit; raises RefusedError unknown-currency."""
    return -int(_quantum(currency).as_tuple().exponent)


def quantize(amount: Decimal, currency: str) -> Decimal:
    """`amount` in the currency's own digits, half away from zero, never a negative zero; raises RefusedError."""
    return EXACT.quantize(amount, _quantum(currency)) or _ZERO[currency]


def zero(currency: str) -> Decimal:
    """Nothing, in the currency's own digits: a sum that starts here keeps them; raises RefusedError."""
    try:
        return _ZERO[currency]
    except KeyError:
        raise _unknown(currency) from None


def total(amounts: Iterable[Decimal], currency: str) -> Decimal:
    """The exact sum."""
    with exact():
        return sum(amounts, zero(currency))


def exact() -> AbstractContextManager[Context]:
    """Within it, sums and products are exact whatever the caller's decimal context is."""
    return localcontext(EXACT)


def _quantum(currency: str) -> Decimal:
    try:
        return _QUANTUM[currency]
    except KeyError:
        raise _unknown(currency) from None


def _unknown(currency: str) -> RefusedError:
    return RefusedError("unknown-currency", field="currency", value=currency)
