"""Who may do what: asked by every service, whether the console, the API or the command line calls it."""

from __future__ import annotations

from dataclasses import dataclass

from crm_core.errors import CrmError

ROLES = frozenset({"sales", "finance", "it", "admin"})
_EVERYONE = ROLES
_SALES = frozenset({"sales", "admin"})
_FINANCE = frozenset({"finance", "admin"})
_IT = frozenset({"it", "admin"})
_ADMIN = frozenset({"admin"})

ACTIONS: dict[str, frozenset[str]] = {
    "customers.read": _EVERYONE,
    "customers.write": _SALES,
    "products.read": _EVERYONE,
    "quotes.read": _EVERYONE,
    "quotes.write": _SALES,
    "quotes.accept": _SALES,
    "orders.read": _EVERYONE,
    "receivables.read": _EVERYONE,
    "disputes.write": frozenset({"sales", "finance", "admin"}),
    "rates.read": _EVERYONE,
    "rates.write": _FINANCE,
    "status.read": _EVERYONE,
    "outbox.read": _EVERYONE,
    "outbox.push": _IT,
    "outbox.settle": _IT,
    "dead_letters.read": _EVERYONE,
    "dead_letters.write": _IT,
    "mappings.read": _EVERYONE,
    "mappings.publish": _ADMIN,
    "installation.read": _EVERYONE,
    "installation.write": _ADMIN,
    "installation.backup": _IT,
    "installation.restore": _ADMIN,
}


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, or the program itself, with the roles it has."""

    name: str
    roles: frozenset[str]


PROGRAM = Actor("crosstie", frozenset({"it"}))
"""Who pushes and pulls when no person asked for it."""


class AccessDeniedError(CrmError):
    """The actor has no role that allows the action."""


def local_admin(name: str) -> Actor:
    """Whoever runs the command line on this machine reads its files anyway: he is its admin."""
    return Actor(name, frozenset({"admin"}))


def may(actor: Actor, action: str) -> bool:
    """Whether one of the actor's roles allows `action`; an action nobody listed is allowed to nobody."""
    return bool(ACTIONS.get(action, frozenset()) & actor.roles)


def require(actor: Actor, action: str) -> None:
    """Raise AccessDeniedError unless the actor may."""
    if not may(actor, action):
        roles = ", ".join(sorted(ACTIONS.get(action, frozenset())))
        raise AccessDeniedError("access-denied", actor=actor.name, action=action, roles=roles or "-")
