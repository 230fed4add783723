"""All commands in one tree."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import typer
from typer.main import get_command

from commands.app import fault_of, new_app
from commands.texts import language

HELP = """
CRM that works with your ERP: accepted quotes become orders exactly once; orders, invoices and receivables come back
to the cent.

Exit codes: 0 ok, 1 our bug, 2 bad usage or configuration, 3 done but some records failed, 4 held for approval,
5 remote down, 6 reconciliation differs, 130 interrupted.
"""


def tree() -> Any:
    """The command `crosstie`, in the language in use."""
    return _tree(language())


@cache
def _tree(language: str) -> Any:
    """Its help is in the language at the time that it is made."""
    from commands import (
        audit,
        backfill,
        backup,
        contracts,
        customers,
        database,
        deadletters,
        demo,
        deployments,
        doctor,
        mappings,
        orders,
        outbox,
        preview,
        quotes,
        receivables,
        reconcile,
        sandboxes,
        status,
        sync,
        systems,
        up,
    )

    app = new_app(help=HELP)
    app.callback()(_root)
    for module in (demo, doctor, sync, backfill, backup, preview, reconcile, status, up):
        module.register(app)
    for name, group in (
        ("quotes", quotes.app),
        ("customers", customers.app),
        ("products", customers.products),
        ("orders", orders.app),
        ("contracts", contracts.app),
        ("receivables", receivables.app),
        ("outbox", outbox.app),
        ("dead-letters", deadletters.app),
        ("mappings", mappings.app),
        ("systems", systems.app),
        ("deployments", deployments.app),
        ("sandbox", sandboxes.app),
        ("db", database.app),
        ("audit", audit.app),
    ):
        app.add_typer(group, name=name)
    return get_command(app)


def _root() -> None:
    """Nothing to do before a command: the options speak for themselves."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line; return its exit code. Raises UsageFault and whatever the command raises."""
    try:
        result = tree().main(list(arguments), prog_name="crosstie", standalone_mode=False)
    except typer.TyperException as exc:
        raise fault_of(exc, getattr(exc, "ctx", None)) from exc
    return result if isinstance(result, int) else 0
