"""Codes whose outside form depends on the logon language: order types, partner functions, units."""

from __future__ import annotations

from sandbox.sap.sd import UNITS

_FUNCTIONS = {"AG": "SP", "WE": "SH", "RE": "BP", "RG": "PY"}
_INTERNAL = {outside: inside for inside, outside in _FUNCTIONS.items()}
_BY_CODE = {code: unit for unit, codes in UNITS.items() for code in (*codes, unit)}
_BY_CODE |= {"PCS": "ST", "HUR": "STD", "HR": "STD"}


def order_type(internal: str, language: str) -> str:
    return "OR" if internal == "TA" and language != "DE" else internal


def internal_order_type(code: str) -> str:
    return "TA" if code == "OR" else code


def function(internal: str, language: str) -> str:
    return internal if language == "DE" else _FUNCTIONS.get(internal, internal)


def internal_function(code: str) -> str:
    return _INTERNAL.get(code, code)


def unit(internal: str, language: str) -> str:
    english, german, _ = UNITS[internal]
    return german if language == "DE" else english


def iso_unit(internal: str) -> str:
    return UNITS[internal][2]


def internal_unit(code: str) -> str | None:
    """The internal unit for an outside, internal or ISO code; None when there is no such unit."""
    return _BY_CODE.get(code.upper())
