"""What a command needs of this machine: settings, database, who acts, and how typed values are read."""

from __future__ import annotations

import getpass
import os
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
    """Raises ConfigError where `crosstie up` works for this home with another database: both would be believed."""
    found = load_settings()
    if os.access(found.home / "run" / "up.json", os.R_OK):
        from commands.same_database import require_same
        from commands.supervisor import noted

        require_same(found, noted(found))
    return found


@contextmanager
def database(*, make: bool = True) -> Iterator[Database]:
    """The database, ready for work; not `make`: StoreError where there is none yet."""
    from config.wiring import close_database, existing_database, open_database

    ours = settings()
    if not make:
        with existing_database(ours):
            pass
    opened = open_database(ours)
    try:
        yield opened
    finally:
        close_database(ours, opened)


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
