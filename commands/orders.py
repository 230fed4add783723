"""crosstie orders: what the ERPs hold, and the way of one order from the quote to the money."""

from __future__ import annotations

from typing import Any

import typer

from commands import filters, session
from commands.app import Command, examples, new_app
from commands.output import Column, listing, money, output, shown, table
from commands.texts import _, say
from commands.words import stage_name, state_name
from config.exit_codes import OK

STATES = ("open", "incomplete", "credit_hold", "approval", "complete", "cancelled")
app = new_app(help="Orders: list, timeline.")


@app.command(
    "list",
    cls=Command,
    epilog=examples(
        ("orders list --ours", "those that our quotes made"),
        ("orders list --system erp1 --status credit_hold", "what waits for credit"),
    ),
)
def list_(
    system: str = typer.Option("", "--system", metavar="SYSTEM", help="only this system"),
    company: str = typer.Option("", "--company", metavar="CODE", help="only this company"),
    customer: str = typer.Option("", "--customer", metavar="NUMBER", help="only this customer (the CRM's number)"),
    status: str = typer.Option(
        "", "--status", metavar="STATUS", help="open, incomplete, credit_hold, approval, complete or cancelled"
    ),
    since: str = typer.Option(None, "--since", metavar="DATE", help="ordered on this day or later"),
    until: str = typer.Option(None, "--until", metavar="DATE", help="ordered on this day or earlier"),
    ours: bool = typer.Option(False, "--ours", help="only orders that our quotes made"),
    limit: str = typer.Option("100", "--limit", metavar="NUMBER", help="at most so many"),
) -> int:
    """List orders as the ERPs hold them, newest first."""
    from crm_core import orders

    count = session.a_count(limit)
    status = session.one_of(status, STATES) if status else ""
    with session.database() as database:
        rows = orders.listing(
            database,
            session.actor(),
            system=system,
            company=company,
            customer=customer,
            status=status,
            since=session.a_date(since),
            until=session.a_date(until),
            ours=ours,
            limit=count,
        )
        if not rows:
            filters.require_known(database, system=system, company=company, customer=customer)
    if not output.result({"orders": rows}):
        show_orders(rows)
        if len(rows) == count:
            output.note(say("The newest {count} are shown; --limit shows more.", count=count))
    return OK


def show_orders(rows: list[dict[str, Any]]) -> None:
    """The list as a table."""
    listing(
        rows,
        (_("System"), "system"),
        (_("Order"), "number"),
        (_("Date"), "order_date"),
        (_("Customer"), lambda row: row["customer"] or row["customer_key"]),
        (_("Name"), "customer_name"),
        (_("Customer's number"), "customer_po"),
        (_("Quote"), "quote"),
        (_("State"), lambda row: state_name(row["status"])),
        (_("Net"), lambda row: money(row["net_amount"], row["currency"])),
        (_("Currency"), "currency"),
        nothing=_("No orders."),
    )


@app.command(
    cls=Command,
    epilog=examples(
        ("orders timeline 4500000001", "by the ERP's number"),
        ("orders timeline Q000123", "by quote; our key or the customer's own number do as well"),
    ),
)
def timeline(
    number: str = typer.Argument(
        ..., metavar="NUMBER", help="order number, our key, quote or the customer's own number"
    ),
) -> int:
    """Show the whole way of an order, line by line: quoted, ordered, shipped, invoiced, paid, with document numbers."""
    from crm_core import orders

    with session.database() as database:
        found = orders.timeline(database, session.actor(), session.now(), number)
    if not output.result({"orders": found}):
        for order in found:
            _show(order)
    return OK


def _show(order: dict[str, Any]) -> None:
    title = say(
        "{system} order {number}: {status}",
        **{**order, "number": order["number"] or "-", "status": state_name(order["status"])},
    )
    facts = [
        (_("Customer"), f"{order['customer']} {order['customer_name']}".strip()),
        (_("Customer's number"), order["customer_po"]),
        (_("Quote"), order["quote"]),
        (_("Key"), order["key"]),
        (_("Net"), f"{money(order['net_amount'], order['currency'])} {order['currency']}"),
        (_("Requested"), order["requested_on"]),
        (_("Read from the ERP"), order["seen_at"]),
    ]
    table([_("Field"), _("Value")], [fact for fact in facts if fact[1]], title=title)
    listing(order["steps"], *_step_columns())
    listing(
        order["lines"],
        (_("Line"), _line_name),
        (_("Product"), "product"),
        (_("Text"), "text"),
        (_("Ordered"), "ordered"),
        (_("Delivered"), "delivered"),
        (_("Invoiced"), "invoiced"),
        (_("Remaining"), "remaining"),
        (_("Unit"), "unit"),
        (_("Stage"), lambda row: stage_name(row["stage"])),
    )
    steps = [{**step, "line": _line_name(row)} for row in order["lines"] for step in row["steps"]]
    if steps:
        listing(steps, (_("Line"), "line"), *_step_columns())


def _line_name(row: dict[str, Any]) -> str:
    return str(row["line"] or row["our_line"])


def _step_columns() -> list[Column]:
    return [
        (_("Step"), lambda step: stage_name(step["stage"])),
        (_("When"), "on"),
        (_("Document"), "document"),
        (_("Source"), "source"),
        (_("Remark"), _remark),
    ]


def _remark(step: dict[str, Any]) -> str:
    """What a step says beside its document: quantity, amount, state, who."""
    parts = []
    if step.get("quantity") is not None:
        parts.append(f"{shown(step['quantity'])} {step.get('unit', '')}".strip())
    if step.get("amount") is not None:
        parts.append(shown(step["amount"]))
    parts += [state_name(str(step[name])) for name in ("state", "by") if step.get(name)]
    if step.get("field"):
        parts.append(f"{step['field']}: {step.get('from', '')} → {step.get('to', '')}")
    return ", ".join(parts)
