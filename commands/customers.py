"""crosstie customers, crosstie products: who buys and what is sold, as a quote needs them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer

from commands import filters, session
from commands.app import Command, examples, new_app
from commands.output import listing, money, output, table
from commands.texts import _, say
from config.exit_codes import OK

app = new_app(help="Customers: list, show, new, join, send to an ERP.")
products = new_app(help="Products and prices: list.")
NUMBER = typer.Argument(..., metavar="NUMBER", help="the CRM's number, such as C000012")
TEXT = typer.Argument(None, metavar="TEXT", help="part of number or name; else all")
SYSTEM = typer.Option("", "--system", metavar="SYSTEM", help="only this system")


@app.command("list", cls=Command, epilog=examples(("customers list", ""), ("customers list 上海 --system erp1", "")))
def list_(text: str = TEXT, system: str = SYSTEM) -> int:
    """List customers."""
    from crm_core import customers

    with session.database() as database:
        rows = customers.listing(database, session.actor(), text=text or "", system=system)
        if not rows:
            filters.require_known(database, system=system)
    if not output.result({"customers": rows}):
        listing(
            rows,
            (_("Number"), "number"),
            (_("Name"), "name"),
            (_("City"), "city"),
            (_("Country"), "country"),
            (_("Origin"), "origin"),
            (_("Blocked"), "blocked"),
            nothing=_("No customers."),
        )
    return OK


@app.command(cls=Command, epilog=examples(("customers show C000012", "")))
def show(number: str = NUMBER) -> int:
    """Show a customer with its accounts in each system and company."""
    from crm_core import customers

    with session.database() as database:
        row = customers.show(database, session.actor(), number)
    if output.result(row):
        return OK
    names = (("number", _("Number")), ("name", _("Name")), ("name_en", _("English name")), ("tax_id", _("Tax number")))
    more = (("country", _("Country")), ("city", _("City")), ("street", _("Street")), ("origin", _("Origin")))
    table([_("Field"), _("Value")], [(heading, row[name]) for name, heading in (*names, *more) if row[name]])
    listing(
        row["accounts"],
        (_("System"), "system"),
        (_("Company"), "company_code"),
        (_("ERP number"), "erp_key"),
        (_("Currency"), "currency"),
        (_("Terms"), "payment_terms"),
        (_("Credit limit"), lambda account: money(account["credit_limit"], account["currency"])),
        (_("Blocked"), "customer_blocked"),
    )
    for twin in row["perhaps_same"]:
        output.note(say("{number} ({name}) has the same tax number: `crosstie customers join` makes them one.", **twin))
    return OK


@app.command(
    cls=Command,
    epilog=examples(('customers join C000012 K3-7 --why "same tax number"', "K3-7 was numbered anew by another ERP")),
)
def join(
    number: str = NUMBER,
    other: str = typer.Argument(..., metavar="OTHER", help="the number that goes: its ERP customers become NUMBER's"),
    why: str = typer.Option(..., "--why", metavar="TEXT", help="the reason; it stands in the audit trail"),
) -> int:
    """Make two customers one: what their ERPs hold of both is his from now on."""
    from crm_core import customer_joins

    with session.database() as database:
        moved = customer_joins.join(database, session.actor(), session.now(), number, other, why=why)
    erp_customers = [{"system": system, "erp_key": key} for system, key in moved]
    if not output.result({"number": number, "moved": erp_customers}):
        output.note(
            say(
                "{other} is customer {number} now ({count} ERP customers).",
                other=other,
                number=number,
                count=len(moved),
            )
        )
    return OK


@app.command(
    cls=Command,
    epilog=examples(("customers new --name 上海示例贸易有限公司 --country CN --city 上海", "a prospect")),
)
def new(
    name: str = typer.Option(..., "--name", metavar="TEXT", help="the name"),
    name_en: str = typer.Option("", "--name-en", metavar="TEXT", help="the English name"),
    country: str = typer.Option("", "--country", metavar="XX", help="country code of two letters"),
    city: str = typer.Option("", "--city", metavar="TEXT", help="the city"),
    street: str = typer.Option("", "--street", metavar="TEXT", help="street and house number"),
    postal_code: str = typer.Option("", "--postal-code", metavar="TEXT", help="the postal code"),
    tax_id: str = typer.Option(
        "", "--tax-id", metavar="TEXT", help="the tax number; in China the unified social credit code"
    ),
    email: str = typer.Option("", "--email", metavar="TEXT", help="an address of mail"),
    phone: str = typer.Option("", "--phone", metavar="TEXT", help="a phone number with country code"),
    language: str = typer.Option("", "--language", metavar="XX", help="its language"),
) -> int:
    """Write down a prospect; tax number, mail and phone are checked, likely duplicates are named."""
    from crm_core import customer_checks, customers

    draft = customers.CustomerDraft(
        name=name,
        name_en=name_en,
        country=country,
        city=city,
        street=street,
        postal_code=postal_code,
        tax_id=tax_id,
        email=email,
        phone=phone,
        language=language,
    )
    with session.database() as database:
        twins = customer_checks.duplicates(database, session.actor(), asdict(draft))
        number = customers.create(database, session.actor(), session.now(), draft)
    alike = [{"number": twin.number, "name": twin.name, "score": twin.score} for twin in twins]
    if not output.result({"number": number, "alike": alike}):
        for twin in alike:
            output.warn(say("Note: customer {number} ({name}) may be the same.", **twin))
        output.note(say("Customer {number} is written down.", number=number))
    return OK


@app.command(
    cls=Command,
    epilog=examples(("customers send C000012 --system erp1 --company CN01", "the next push makes him one, once")),
)
def send(
    number: str = NUMBER,
    system: str = typer.Option(..., "--system", metavar="SYSTEM", help="the system that is to know him"),
    company: list[str] = typer.Option(..., "--company", metavar="CODE", help="a company that sells to him; repeatable"),
    currency: str = typer.Option("", "--currency", metavar="XXX", help="else the company's own currency"),
    terms: str = typer.Option("", "--terms", metavar="CODE", help="payment terms"),
) -> int:
    """Make a prospect a customer of an ERP with the next push."""
    from config.systems import load_system
    from crm_core import customer_decisions
    from crm_core.customer_decisions import CompanyTerms

    companies = load_system(session.settings(), system).file.companies
    codes = [session.one_of(code, tuple(companies)) for code in company]
    wanted = [CompanyTerms(code, currency or companies[code].currency, terms) for code in codes]
    with session.database() as database:
        key, version = customer_decisions.queue(database, session.actor(), session.now(), number, system, wanted)
    if not output.result({"key": key, "version": version, "system": system}):
        output.note(
            say("{number} will be a customer of {system}; its key is {key}.", number=number, system=system, key=key)
        )
        output.note(say("Next: crosstie push {system}", system=system))
    return OK


@products.callback()
def _group() -> None:
    """Keeps `list` a command of its own."""


@products.command("list", cls=Command, epilog=examples(("products list --system erp1", "")))
def list_products(text: str = TEXT, system: str = SYSTEM) -> int:
    """List products with their list prices."""
    from crm_core import products as service

    with session.database() as database:
        rows = service.listing(database, session.actor(), system=system, text=text or "")
    if not output.result({"products": rows}):
        listing(
            rows,
            (_("System"), "system"),
            (_("Product"), "key"),
            (_("Name"), "name"),
            (_("Unit"), "unit"),
            (_("Blocked"), "blocked"),
            (_("List prices, net"), _prices),
            nothing=_("No products."),
        )
    return OK


def _prices(row: dict[str, Any]) -> str:
    return ", ".join(dict.fromkeys(f"{money(p['amount'], p['currency'])} {p['currency']}" for p in row["prices"]))
