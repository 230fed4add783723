"""crosstie orders: what the ERPs hold, and the way of one order from the quote to the money."""

from __future__ import annotations

from typing import Any

import typer

from commands import session
from commands.app import Command, examples, new_app
from commands.output import money, output, shown, table
from commands.texts import _, say
from commands.words import stage_name, state_name
from config.failures import OK

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

    wanted = {"system": system, "company": company, "customer": customer, "status": status}
    days = {"since": session.a_date(since), "until": session.a_date(until)}
    count = session.a_whole_number(limit)
    with session.database() as database:
        rows = orders.listing(database, session.actor(), **wanted, **days, ours=ours, limit=count)
    if not output.result({"orders": rows}):
        show_orders(rows)
        if len(rows) == count:
            output.note(say("The newest {count} are shown; --limit shows more.", count=count))
    return OK


def show_orders(rows: list[dict[str, Any]]) -> None:
    """The list as a table."""
    heads = [
        _("System"),
        _("Order"),
        _("Date"),
        _("Customer"),
        _("Name"),
        _("Customer's number"),
        _("Quote"),
        _("State"),
    ]
    cells = [
        [
            r["system"],
            r["number"],
            r["order_date"],
            r["customer"] or r["customer_key"],
            r["customer_name"],
            r["customer_po"],
            r["quote"],
            state_name(r["status"]),
            money(r["net_amount"], r["currency"]),
            r["currency"],
        ]
        for r in rows
    ]
    table([*heads, _("Net"), _("Currency")], cells, right=(8,))
    if not rows:
        output.note(_("No orders."))


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
    table([_("Step"), _("When"), _("Document"), _("Source"), _("Remark")], [_step(step) for step in order["steps"]])
    heads = [
        _("Line"),
        _("Product"),
        _("Text"),
        _("Ordered"),
        _("Delivered"),
        _("Invoiced"),
        _("Remaining"),
        _("Unit"),
        _("Stage"),
    ]
    lines = order["lines"]
    cells = [
        [
            r["line"] or r["our_line"],
            r["product"],
            r["text"],
            r["ordered"],
            r["delivered"],
            r["invoiced"],
            r["remaining"],
            r["unit"],
            stage_name(r["stage"]),
        ]
        for r in lines
    ]
    table(heads, cells)
    steps = [[row["line"] or row["our_line"], *_step(step)] for row in lines for step in row["steps"]]
    if steps:
        table([_("Line"), _("Step"), _("When"), _("Document"), _("Source"), _("Remark")], steps)


def _step(step: dict[str, Any]) -> list[Any]:
    return [stage_name(step["stage"]), step["on"], step["document"], step["source"], _remark(step)]


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
