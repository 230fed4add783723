"""crosstie quotes: offer, check, accept, amend, cancel."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

from commands import filters, session
from commands.app import Command, UsageFault, examples, new_app
from commands.output import listing, money, output, table
from commands.quote_lines import a_draft_line, a_part, changed_lines
from commands.texts import N_, _, say
from commands.words import action_name, basis_name, state_name
from config.exit_codes import OK, USAGE

if TYPE_CHECKING:
    from crm_core.database import Database
    from crm_core.quote_check import Finding

app = new_app(help="Quotes: list, show, new, check, accept, amend, cancel.")
NUMBER = typer.Argument(..., metavar="NUMBER", help="the quote's number, such as Q000123")
LINES = typer.Option(
    None,
    "--line",
    metavar="PRODUCT:QUANTITY[:PRICE[:TAX]]",
    help="a line; without a price the list price; repeatable",
)
PO = typer.Option(None, "--po", metavar="TEXT", help="the customer's own order number")
REQUESTED = typer.Option(None, "--requested", metavar="DATE", help="when the customer wants it")
VALID = typer.Option(None, "--valid-until", metavar="DATE", help="until when the offer stands")
TERMS = typer.Option(None, "--terms", metavar="CODE", help="payment terms; else the customer's")
NOTE = typer.Option(None, "--note", metavar="TEXT", help="a note of our own")


@app.command(
    "list", cls=Command, epilog=examples(("quotes list", ""), ("quotes list --state accepted --system erp1", ""))
)
def list_(
    state: str = typer.Option("", "--state", metavar="STATE", help="draft, accepted or cancelled"),
    system: str = typer.Option("", "--system", metavar="SYSTEM", help="only this system"),
    customer: str = typer.Option("", "--customer", metavar="NUMBER", help="only this customer (the CRM's number)"),
) -> int:
    """List quotes, newest first, and whether the ERP has them."""
    from crm_core import quotes

    state = session.one_of(state, ("draft", "accepted", "cancelled")) if state else ""
    with session.database() as database:
        rows = quotes.listing(database, session.actor(), state=state, customer=customer, system=system)
        if not rows:
            filters.require_known(database, system=system, customer=customer)
    if not output.result({"quotes": rows}):
        show_quotes(rows)
    return OK


def show_quotes(rows: list[dict[str, Any]]) -> None:
    """The list as a table."""
    listing(
        rows,
        (_("Quote"), "number"),
        (_("Version"), "version"),
        (_("Customer"), "customer_number"),
        (_("Name"), "customer_name"),
        (_("System"), "system"),
        (_("State"), lambda row: state_name(row["state"])),
        (_("Net"), lambda row: money(row["net_total"], row["currency"])),
        (_("Currency"), "currency"),
        (_("Sending"), lambda row: state_name(row["entry_state"])),
        (_("ERP number"), "external_id"),
        nothing=_("No quotes."),
    )


@app.command(cls=Command, epilog=examples(("quotes show Q000123", "")))
def show(number: str = NUMBER) -> int:
    """Show a quote with lines, payment plan, versions and what became of it."""
    from crm_core import quotes

    with session.database() as database:
        quote = quotes.show(database, session.actor(), number)
    if not output.result(quote):
        _show_quote(quote)
    return OK


def _show_quote(quote: dict[str, Any]) -> None:
    title = say("Quote {number} version {version}: {state}", **{**quote, "state": state_name(quote["state"])})
    listing(
        quote["lines"],
        (_("Line"), "line"),
        (_("Product"), "product_key"),
        (_("Text"), "text"),
        (_("Quantity"), "quantity"),
        (_("Unit"), "unit"),
        (_("Price"), "price"),
        (_("Net"), "net_amount"),
        (_("Tax"), "tax_amount"),
        (_("Gross"), "gross_amount"),
        title=title,
    )
    sums = [[_("Net"), quote["net_total"]], [_("Tax"), quote["tax_total"]], [_("Gross"), quote["gross_total"]]]
    table([_("Total"), quote["currency"]], sums)
    if quote["instalments"]:
        listing(
            quote["instalments"],
            (_("Instalment"), "seq"),
            (_("Percent"), "percent"),
            (_("Amount"), "amount"),
            (_("Days"), "days"),
            (_("after"), lambda row: basis_name(row["basis"])),
        )
    if quote["entries"]:
        listing(
            quote["entries"],
            (_("Key"), "key"),
            (_("Version"), "version"),
            (_("Action"), lambda row: action_name(row["action"])),
            (_("State"), lambda row: state_name(row["state"])),
            (_("ERP number"), "external_id"),
        )


@app.command(
    cls=Command,
    epilog=examples(
        ("quotes new --system erp1 --company CN01 --customer C000012 --line TG11:10", "at the list price"),
        ("quotes new --system erp1 --company CN01 --customer C000012 --line TG11:10:99.50:13 --instalment 30:0:order "
         "--instalment 70:30", "price 99.50, tax 13 %, a payment plan"),
    ),
)  # fmt: skip
def new(
    system: str = typer.Option(..., "--system", metavar="SYSTEM", help="the system that is to deliver"),
    company: str = typer.Option(..., "--company", metavar="CODE", help="the company that sells"),
    customer: str = typer.Option(
        ..., "--customer", metavar="NUMBER", help="CRM number, ERP number or part of the name"
    ),
    line: list[str] = typer.Option(
        ...,
        "--line",
        metavar="PRODUCT:QUANTITY[:PRICE[:TAX]]",
        help="a line; without a price the list price; repeatable",
    ),
    instalment: list[str] = typer.Option(
        None,
        "--instalment",
        metavar="PERCENT:DAYS[:BASIS]",
        help="part of the payment plan; repeatable, 100 % in all",
    ),
    currency: str = typer.Option("", "--currency", metavar="XXX", help="else the currency of the customer's account"),
    gross: bool = typer.Option(False, "--with-tax", help="prices include tax"),
    po: str = PO,
    requested: str = REQUESTED,
    valid_until: str = VALID,
    terms: str = TERMS,
    note: str = NOTE,
) -> int:
    """Write a quote. It stays a draft until `quotes accept`."""
    from crm_core import quotes
    from crm_core.quote_rows import QuoteDraft

    lines = [a_draft_line(text, with_tax=gross) for text in line]
    parts = [a_part(text) for text in instalment or []]
    with session.database() as database:
        draft = QuoteDraft(
            system=system,
            company_code=company,
            customer_number=find_customer(database, customer, system),
            lines=lines,
            parts=parts,
            currency=currency,
            customer_po=po or "",
            payment_terms=terms or "",
            note=note or "",
            valid_until=session.a_date(valid_until),
            requested_on=session.a_date(requested),
        )
        number = quotes.create(database, session.actor(), session.now(), draft)
        quote = quotes.show(database, session.actor(), number)
    if not output.result(quote):
        _show_quote(quote)
        output.note(say("Next: crosstie quotes accept {number}", number=number))
    return OK


def find_customer(database: Database, text: str, system: str) -> str:
    """The CRM's number of the customer that `text` means: a number, an ERP's number, or part of a name."""
    from crm_core import customers

    rows = customers.listing(database, session.actor(), text=text)
    exact = [row for row in rows if row["number"] == text]
    found = exact or customers.listing(database, session.actor(), text=text, system=system) or rows
    if not found:
        raise UsageFault("customer-unknown", text=text)
    if len(found) > 1:
        numbers = ", ".join(row["number"] for row in found[:10])
        raise UsageFault("customer-unclear", text=text, count=str(len(found)), numbers=numbers)
    return str(found[0]["number"])


@app.command(cls=Command, epilog=examples(("quotes check Q000123", "")))
def check(number: str = NUMBER) -> int:
    """Say what stands in the way of a quote becoming an order, before anything is sent."""
    from crm_core import quotes

    with session.database() as database:
        found = quotes.check(database, session.actor(), session.now(), number)
    rows = [_finding(finding) for finding in found]
    errors = any(row["severity"] == "error" for row in rows)
    if not output.result({"number": number, "findings": rows, "ok": not errors}):
        show_findings(rows)
        if not rows:
            output.note(say("{number}: nothing stands in the way.", number=number))
    return USAGE if errors else OK


def show_findings(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        text = N_("Error: {text}") if row["severity"] == "error" else N_("Note: {text}")
        output.warn(say(text, text=row["message"]))


def _finding(finding: Finding) -> dict[str, Any]:
    from commands.failures import filled
    from config.failures import finding as failure_of

    message = filled(failure_of(finding))
    return {"code": finding.code, "severity": finding.severity, "line": finding.line, "message": message}


@app.command(cls=Command, epilog=examples(("quotes accept Q000123", "the next push makes it an order, once")))
def accept(number: str = NUMBER) -> int:
    """The customer said yes: the quote becomes an order with the next push."""
    from crm_core import quotes

    with session.database() as database:
        rows = [_finding(finding) for finding in quotes.check(database, session.actor(), session.now(), number)]
        key, version = quotes.accept(database, session.actor(), session.now(), number)
        system = quotes.draft_of(database, session.actor(), number).system
    warnings = [row for row in rows if row["severity"] != "error"]
    if not output.result({"number": number, "key": key, "version": version, "system": system, "warnings": warnings}):
        show_findings(warnings)
        output.note(say("{number} is accepted; its order will bear {key}.", number=number, key=key))
        output.note(say("Next: crosstie push {system}", system=system))
    return OK


@app.command(
    cls=Command,
    epilog=examples(
        ("quotes amend Q000123 --quantity 10:5", "line 10: five"),
        ("quotes amend Q000123 --line TG12:3 --remove 20", "one line more, one less"),
    ),
)
def amend(
    number: str = NUMBER,
    quantity: list[str] = typer.Option(
        None, "--quantity", metavar="LINE:QUANTITY", help="another quantity; repeatable"
    ),
    price: list[str] = typer.Option(None, "--price", metavar="LINE:PRICE", help="another price; repeatable"),
    tax: list[str] = typer.Option(None, "--tax", metavar="LINE:PERCENT", help="another rate of tax; repeatable"),
    line: list[str] = LINES,
    remove: list[str] = typer.Option(None, "--remove", metavar="LINE", help="take a line out; repeatable"),
    po: str = PO,
    requested: str = REQUESTED,
    valid_until: str = VALID,
    terms: str = TERMS,
    note: str = NOTE,
) -> int:
    """Change a quote as a new version; an accepted one changes its order with the next push."""
    from crm_core import quotes

    given = {"customer_po": po, "payment_terms": terms, "note": note}
    given_dates = {"valid_until": session.a_date(valid_until), "requested_on": session.a_date(requested)}
    changes: dict[str, Any] = {name: value for name, value in {**given, **given_dates}.items() if value is not None}
    with session.database() as database:
        draft = quotes.draft_of(database, session.actor(), number)
        lines = changed_lines(draft.lines, quantity or [], price or [], tax or [], line or [], remove or [])
        version = quotes.amend(database, session.actor(), session.now(), number, replace(draft, lines=lines, **changes))
        quote = quotes.show(database, session.actor(), number)
    if not output.result({**quote, "version": version}):
        _show_quote(quote)
    return OK


@app.command(cls=Command, epilog=examples(('quotes cancel Q000123 --why "customer withdrew"', "")))
def cancel(
    number: str = NUMBER,
    why: str = typer.Option(..., "--why", metavar="TEXT", help="the reason; it stands in the audit trail"),
) -> int:
    """Call a quote off; an order made from it is cancelled with the next push."""
    from crm_core import quotes

    with session.database() as database:
        version = quotes.cancel(database, session.actor(), session.now(), number, why=why)
    if not output.result({"number": number, "version": version, "state": "cancelled"}):
        output.note(say("{number} is cancelled.", number=number))
    return OK
