"""crosstie contracts: what customers subscribed to, as the ERPs hold it."""

from __future__ import annotations

import typer

from commands import filters, session
from commands.app import Command, examples, new_app
from commands.output import listing, money, output
from commands.texts import _, say
from commands.words import state_name
from config.exit_codes import OK

STATES = ("draft", "active", "closed", "cancelled")
app = new_app(help="Contracts (subscriptions) of the ERPs: list.")


@app.callback()
def _group() -> None:
    """Keeps the group a group."""


@app.command(
    "list",
    cls=Command,
    epilog=examples(("contracts list", "those that end first come first"), ("contracts list --status active", "")),
)
def list_(
    system: str = typer.Option("", "--system", metavar="SYSTEM", help="only this system"),
    customer: str = typer.Option("", "--customer", metavar="NUMBER", help="only this customer (the CRM's number)"),
    status: str = typer.Option("", "--status", metavar="STATUS", help="draft, active, closed or cancelled"),
    limit: str = typer.Option("100", "--limit", metavar="NUMBER", help="at most so many"),
) -> int:
    """List contracts as the ERPs hold them, by their end."""
    from crm_core import contracts

    count = session.a_count(limit)
    status = session.one_of(status, STATES) if status else ""
    with session.database() as database:
        rows = contracts.listing(
            database, session.actor(), system=system, customer=customer, status=status, limit=count
        )
        if not rows:
            filters.require_known(database, system=system, customer=customer)
    if output.result({"contracts": rows}):
        return OK
    listing(
        rows,
        (_("System"), "system"),
        (_("Contract"), "number"),
        (_("Customer"), lambda row: row["customer"] or row["customer_key"]),
        (_("Name"), "customer_name"),
        (_("State"), lambda row: state_name(row["status"])),
        (_("Start"), "start_date"),
        (_("End"), "end_date"),
        (_("Net"), lambda row: money(row["net_amount"], row["currency"])),
        (_("Currency"), "currency"),
        nothing=_("No contracts."),
    )
    if len(rows) == count:
        output.note(say("The first {count} are shown; --limit shows more.", count=count))
    return OK
