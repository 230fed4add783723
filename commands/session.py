"""What a command needs of this machine: settings, database, who acts, and how typed values are read."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from commands.app import UsageFault
from config.settings import Settings, load_settings

if TYPE_CHECKING:
    from crm_core.access import Actor
    from crm_core.database import Database

MOST = 1_000_000_000
"""No whole number that is typed is larger; every column and every span of time has room for it."""
LAST_PORT = 65_535
WORKERS = 100
"""More processes than this no machine is asked for."""


def settings() -> Settings:
    return load_settings()


@contextmanager
def database() -> Iterator[Database]:
    """The database, ready for work."""
    from config.wiring import close_database, open_database

    settings = load_settings()
    opened = open_database(settings)
    try:
        yield opened
    finally:
        close_database(settings, opened)


def actor() -> Actor:
    """Whoever runs this command: an admin, since he can read the database's file anyway."""
    from crm_core.access import local_admin

    try:
        return local_admin(getpass.getuser())
    except (OSError, KeyError, ImportError):  # a container whose user has no name
        return local_admin("cli")


def now() -> datetime:
    from crm_core.database import utc_now

    return utc_now()


def a_date(value: str | None) -> date | None:
    """An ISO date. Raises UsageFault."""
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError as exc:
        raise UsageFault("bad-date", value=value) from exc


def a_number(value: str) -> Decimal:
    """A plain decimal: 1234.50. Raises UsageFault."""
    try:
        number = Decimal(value)
    except InvalidOperation as exc:
        raise UsageFault("bad-number", value=value) from exc
    if not number.is_finite():
        raise UsageFault("bad-number", value=value)
    return number


def a_whole_number(value: str, least: int = 0, most: int = MOST) -> int:
    """Within these bounds. Raises UsageFault."""
    number = a_number(value)
    if number != number.to_integral_value() or not least <= number <= most:
        raise UsageFault("number-range", value=value, least=str(least), most=str(most))
    return int(number)


def a_count(value: str, most: int = MOST) -> int:
    """A whole number of at least 1. Raises UsageFault."""
    return a_whole_number(value, 1, most)


def a_port(value: str) -> int:
    """Raises UsageFault."""
    return a_count(value, LAST_PORT)


def a_currency(value: str) -> str:
    """An ISO 4217 code in capital letters, or none. Raises UsageFault."""
    from crm_core.money import is_currency

    code = value.upper()
    if code and not is_currency(code):
        raise UsageFault("bad-currency", value=value)
    return code


def one_of(value: str, choices: tuple[str, ...]) -> str:
    """`value` if it is one of `choices`; raises UsageFault naming them."""
    if value not in choices:
        raise UsageFault("bad-choice", value=value, choices=", ".join(choices))
    return value
