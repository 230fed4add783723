"""crosstie receivables disputes, dispute, undispute: what customers do not accept."""

from __future__ import annotations

from datetime import date
from typing import Any

import typer

from commands import filters, session
from commands.app import Command, UsageFault, examples, new_app
from commands.output import listing, money, output
from commands.texts import N_, _, say
from config.exit_codes import OK

app = new_app()
MOST_NAMED = 10
STATES = {"open": N_("in dispute"), "closed": N_("ended")}
SYSTEM = typer.Option("", "--system", metavar="SYSTEM", help="only this system")


@app.command(
    cls=Command,
    epilog=examples(
        ("receivables disputes", "those that stand"),
        ("receivables disputes --state all", "also those that ended"),
    ),
)
def disputes(
    state: str = typer.Option("open", "--state", metavar="open|closed|all", help="by the ERP's date today"),
    system: str = SYSTEM,
) -> int:
    """List disputes kept in the CRM. The ERP's own mark on an item counts as well, but is not listed here."""
    from crm_core import disputes as service

    session.one_of(state, ("open", "closed", "all"))
    with session.database() as database:
        rows, today = service.listing(database, session.actor()), _erp_today(database)
        rows = [row for row in rows if system in ("", row["system"])]
        if not rows:
            filters.require_known(database, system=system)
    rows = [{**row, "state": _state(row, today)} for row in rows]
    rows = [row for row in rows if state in ("all", row["state"])]
    if not output.result({"disputes": rows}):
        listing(
            rows,
            (_("Number"), "id"),
            (_("State"), lambda row: _(STATES[row["state"]])),
            (_("System"), "system"),
            (_("Item"), "item_key"),
            (_("Customer"), lambda row: row["customer"] or row["customer_key"]),
            (_("Amount"), _amount),
            (_("Currency"), "currency"),
            (_("Since"), "opened_on"),
            (_("Ended"), "closed_on"),
            (_("Reason"), "reason"),
            (_("By"), "opened_by"),
            nothing=_("No disputes."),
        )
    return OK


def _state(row: dict[str, Any], today: date) -> str:
    return "closed" if row["closed_on"] is not None and row["closed_on"] <= today else "open"


def _amount(row: dict[str, Any]) -> object:
    return _("the whole item") if row["amount"] is None else money(row["amount"], row["currency"] or "")


def _erp_today(database: Any) -> date:
    from crm_core.receivables_report import default_as_of

    return default_as_of(database, session.now())


@app.command(
    cls=Command,
    epilog=examples(
        ('receivables dispute 1800000005 --reason "3 pumps damaged"', "the whole item, from the ERP's date on"),
        ('receivables dispute CN01/2026/1800000005/1 --amount 1200.00 --reason "price"', "a part of it, by its key"),
        ('receivables dispute 1800000005 --on 2026-03-10 --reason "quality"', "since an earlier day"),
    ),
)
def dispute(
    item: str = typer.Argument(..., metavar="ITEM", help="its document number, its reference or its ERP key"),
    reason: str = typer.Option(..., "--reason", metavar="TEXT", help="what the customer does not accept"),
    amount: str = typer.Option(
        None, "--amount", metavar="AMOUNT", help="how much of it, in its currency; else all that is open"
    ),
    on: str = typer.Option(None, "--on", metavar="DATE", help="since when; else the ERP's date at the newest pull"),
    system: str = SYSTEM,
) -> int:
    """Record that a customer disputes an open item. It counts as disputed in the ageing from that day on."""
    from crm_core import disputes as service

    part = None if amount is None else session.a_number(amount)
    day = session.a_date(on)
    with session.database() as database:
        found = _one(service.items(database, session.actor(), item, system=system), item)
        day = day or _erp_today(database)
        number = service.start(
            database,
            session.actor(),
            session.now(),
            system=found["system"],
            item_key=found["key"],
            opened_on=day,
            reason=reason,
            amount=part,
        )
    result = {"id": number, "system": found["system"], "item": found["key"], "amount": part, "opened_on": day}
    if not output.result(result):
        output.note(say("Dispute {id} stands: item {item}, since {day}.", id=number, item=found["key"], day=day))
    return OK


def _one(found: list[dict[str, Any]], text: str) -> dict[str, Any]:
    """The only item; raises UsageFault naming those that `text` may mean."""
    if len(found) == 1:
        return found[0]
    several = len({row["system"] for row in found}) > 1
    names = [
        f"{row['system'] + ' ' if several else ''}{row['key']} ({row['amount']:,f} {row['currency']})" for row in found
    ]
    shown = ", ".join([*names[:MOST_NAMED], *(["…"] if len(names) > MOST_NAMED else [])])
    raise UsageFault("item-unclear", text=text, count=str(len(found)), items=shown)


@app.command(
    cls=Command,
    epilog=examples(
        ("receivables undispute D000001", "from the ERP's date on"),
        ("receivables undispute D000001 --on 2026-06-30", "from an earlier day on; also corrects the day"),
    ),
)
def undispute(
    number: str = typer.Argument(..., metavar="ID", help="the dispute's number, as in the list"),
    on: str = typer.Option(
        None, "--on", metavar="DATE", help="the first day without it; else the ERP's date at the newest pull"
    ),
) -> int:
    """End a dispute: from that day on its item counts as undisputed again."""
    from crm_core import disputes as service

    day = session.a_date(on)
    with session.database() as database:
        day = day or _erp_today(database)
        service.end(database, session.actor(), session.now(), number, closed_on=day)
    if not output.result({"id": number, "closed_on": day}):
        output.note(say("Dispute {id} ended on {day}.", id=number, day=day))
    return OK
