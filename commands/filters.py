"""Whether a filter names something there is: a typing error must not read as "nobody owes"."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from commands import session
from commands.app import UsageFault
from config.errors import ConfigError

if TYPE_CHECKING:
    from crm_core.database import Database


def require_known(database: Database, *, system: str = "", company: str = "", customer: str = "") -> None:
    """To be asked where an answer is empty. Raises ConfigError or UsageFault that names what there is.

    What is configured or has data is known; an empty name is no filter.
    """
    if system and system not in _systems(database):
        from config.systems import no_such_system

        raise no_such_system(session.settings(), system)
    if company and company not in (known := _companies(database, [system] if system else _systems(database))):
        raise UsageFault("company-unknown", company=company, known=", ".join(known) or "-")
    if customer and not _is_customer(database, customer):
        raise UsageFault("customer-unknown", text=customer)


def an_object(value: str) -> str:
    """An object that is pulled, or none. Raises UsageFault."""
    from crm_core.model import PULLED

    return session.one_of(value, tuple(PULLED)) if value else ""


def _systems(database: Database) -> set[str]:
    from crm_core import status

    stored = status.overview(database, session.actor(), session.now())
    return {*session.settings().system_names(), *(row["system"] for row in stored)}


def _companies(database: Database, systems: Iterable[str]) -> list[str]:
    """By the database, and by the files that are sound."""
    from config.systems import load_system
    from crm_core import companies

    found: set[str] = set()
    with database.read() as conn:
        for system in systems:
            found.update(companies.zones(conn, system))
            with suppress(ConfigError):
                found.update(load_system(session.settings(), system).file.companies)
    return sorted(found)


def _is_customer(database: Database, number: str) -> bool:
    from crm_core import customers
    from crm_core.errors import NotFoundError

    try:
        with database.read() as conn:
            return bool(customers.one(conn, number))
    except NotFoundError:
        return False
