"""Whether what is typed of a customer can be right, and whether we know him already."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import phonenumbers
from rapidfuzz import fuzz, process
from sqlalchemy import select
from stdnum import get_cc_module
from stdnum.cn import uscc
from stdnum.exceptions import ValidationError

from crm_core import access, schema
from crm_core.access import Actor
from crm_core.database import Database
from crm_core.errors import RefusedError

SIMILAR = 88
"""Score (0-100) from which two names are shown as perhaps the same; a warning only, so rather too low than too high."""
_MAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_COUNTRY = re.compile(r"[A-Z]{2}")
_CATEGORY = re.compile(r"organisation|person")
_LEGAL_FORMS = re.compile(
    r"股份有限公司|有限责任公司|有限公司|公司|\b(co|ltd|limited|inc|incorporated|corp|corporation|company|llc|plc|gmbh|ag|sa|bv)\b\.?",
    re.IGNORECASE,
)


def checked(values: Mapping[str, str], known: Mapping[str, str] | None = None) -> dict[str, str]:
    """`values` trimmed, a phone in E.164, a tax id compact; `known` are the customer's other fields, left as they are.

    Raises RefusedError naming the field that cannot be right.
    """
    found = {name: value.strip() for name, value in values.items()}
    whole = {**(known or {}), **found}
    if not whole["name"]:
        raise RefusedError("customer-nameless")
    country = whole["country"].upper()
    fixed = {
        "country": lambda value: _matching(_COUNTRY, value.upper(), "country-unknown"),
        "category": lambda value: _matching(_CATEGORY, value, "category-unknown"),
        "email": lambda value: _matching(_MAIL, value, "email-invalid"),
        "phone": lambda value: phone(value, country),
        "tax_id": lambda value: tax_id(value, country, whole["category"]),
    }
    return {name: fixed[name](value) if name in fixed and value else value for name, value in found.items()}


def _matching(pattern: re.Pattern[str], value: str, code: str) -> str:
    if not pattern.fullmatch(value):
        raise RefusedError(code, value=value)
    return value


def phone(text: str, country: str) -> str:
    """A number in E.164 (+8613800138000); empty stays empty. A national number needs the country.

    >>> phone("138 0013 8000", "CN")
    '+8613800138000'
    """
    if not text:
        return ""
    try:
        number = phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException as exc:
        raise RefusedError("phone-invalid", value=text, country=country or "-") from exc
    if not phonenumbers.is_possible_number(number):
        raise RefusedError("phone-invalid", value=text, country=country or "-")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def tax_id(text: str, country: str, category: str = "organisation") -> str:
    """A compact tax number. In China an organisation's is its 统一社会信用代码, checked with its check digit.

    Elsewhere it is checked where the country's rule is known and taken as it stands where it is not.
    """
    if not text:
        return ""
    module = uscc if country == "CN" and category == "organisation" else _tax_module(country)
    if module is None:
        return text
    try:
        return str(module.validate(text))
    except ValidationError as exc:
        raise RefusedError("tax-id-invalid", value=text, country=country) from exc


@cache
def _tax_module(country: str) -> Any:
    return get_cc_module(country.lower(), "vat") if country and country != "CN" else None


@dataclass(frozen=True, slots=True)
class Twin:
    """A customer who may be the same; `score` is 100 for an equal tax id, phone or mail address."""

    number: str
    name: str
    score: int
    because: str


def duplicates(
    db: Database, actor: Actor, values: Mapping[str, str], *, besides: str = "", limit: int = 5
) -> list[Twin]:
    """Customers who may be the one described, most alike first: same tax id, phone or mail, or nearly the same name."""
    access.require(actor, "customers.read")
    table = schema.customer
    with db.read() as conn:
        columns = select(*table.c["number", "name", "name_en", "tax_id", "phone", "email"])
        rows = [dict(row) for row in conn.execute(columns.where(table.c.number != besides)).mappings()]
    exact = [Twin(row["number"], row["name"], 100, same) for row in rows if (same := _same_fact(row, values))]
    seen = {twin.number for twin in exact}
    alike = [twin for twin in _alike(rows, values) if twin.number not in seen]
    return [*exact, *alike][:limit]


def _same_fact(row: Mapping[str, str], values: Mapping[str, str]) -> str:
    facts = ("tax_id", "phone", "email")
    return next((name for name in facts if values.get(name) and values[name].casefold() == row[name].casefold()), "")


def _alike(rows: list[dict[str, str]], values: Mapping[str, str]) -> list[Twin]:
    names = {
        (index, field): plain
        for index, row in enumerate(rows)
        for field in ("name", "name_en")
        if (plain := core(row[field]))
    }
    best: dict[int, int] = {}
    for wanted in filter(None, (core(values.get("name", "")), core(values.get("name_en", "")))):
        for _, score, (index, _) in process.extract(
            wanted, names, scorer=fuzz.token_sort_ratio, score_cutoff=SIMILAR, limit=20
        ):
            best[index] = max(best.get(index, 0), int(score))
    order = sorted(best, key=lambda index: (-best[index], rows[index]["number"]))
    return [Twin(rows[index]["number"], rows[index]["name"], best[index], "name") for index in order]


def core(name: str) -> str:
    """A name without its legal form, punctuation and case: what makes two names the same.

    >>> core("上海明华贸易有限公司"), core("Minghua Trading Co., Ltd.")
    ('上海明华贸易', 'minghua trading')
    """
    return " ".join(re.sub(r"[^\w]+", " ", _LEGAL_FORMS.sub(" ", name)).casefold().split())
