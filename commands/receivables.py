"""crosstie receivables: what customers owe, by age, at any day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from commands import disputes, filters, rates, render, session
from commands.app import Command, examples, new_app
from commands.output import shown
from commands.texts import N_, _, say
from config.exit_codes import OK

if TYPE_CHECKING:
    from datetime import datetime

    from crm_core.database import Database
    from crm_core.receivables_report import Answer, Question

app = new_app(help="What customers owe: ageing, documents; exchange rates and disputes, which no ERP tells.")
app.add_typer(rates.app)
app.add_typer(disputes.app)
COLUMNS = {
    "system": N_("System"),
    "company": N_("Company"),
    "customer": N_("Customer"),
    "name": N_("Name"),
    "currency": N_("Currency"),
    "open": N_("Receivable"),
    "not_due": N_("Not due"),
    "credits": N_("of it credits"),
    "retention": N_("Retention"),
    "other": N_("Other"),
    "unapplied": N_("Unapplied cash"),
    "advances": N_("Advances"),
    "bills": N_("Bills"),
    "disputed": N_("Disputed"),
    "items": N_("Items"),
    "local_currency": N_("Local currency"),
    "local_open": N_("Receivable, local"),
    "revalued_open": N_("Receivable, revalued"),
}
SELDOM = ("credits", "retention", "other", "unapplied", "advances", "bills", "disputed")
LOCAL = ("local_currency", "local_open", "revalued_open")
DOCUMENT_COLUMNS = {
    **COLUMNS,
    "number": N_("Document"),
    "fiscal_year": N_("Fiscal year"),
    "instalment": N_("Instalment"),
    "kind": N_("Kind"),
    "column": N_("Column"),
    "document_date": N_("Document date"),
    "posting_date": N_("Posting date"),
    "due_date": N_("Due date"),
    "amount": N_("Amount"),
    "open": N_("Open amount"),
    "days": N_("Days overdue"),
    "bucket": N_("Bucket"),
    "local": N_("Local amount"),
}
KINDS = {
    "invoice": N_("invoice"),
    "credit_memo": N_("credit memo"),
    "debit_memo": N_("debit memo"),
    "opening": N_("opening balance"),
    "advance_request": N_("advance request"),
    "receipt": N_("receipt"),
    "advance": N_("advance"),
    "bill": N_("bill of exchange"),
}
DOCUMENT_NAMES = (
    *("company", "customer", "number", "fiscal_year", "instalment", "kind", "column", "document_date", "posting_date"),
    *("due_date", "currency", "amount", "open", "disputed", "days", "bucket"),
)
MISSING_RATES = N_(
    "No exchange rate for {pairs}: their revalued amounts use the booked rates."
    " `crosstie receivables rates --import FILE` brings rates in."
)
BASES = {"due": N_("by due date"), "invoice": N_("by invoice date"), "posting": N_("by posting date")}
AS_OF = typer.Option(None, "--as-of", metavar="DATE", help="the day; else the ERP's date at the newest pull")
BASIS = typer.Option("due", "--basis", metavar="due|invoice|posting", help="from which date the age counts")
BUCKETS = typer.Option(
    "", "--buckets", metavar="NAME|DAYS", help="a named set, or limits such as 30,60,90; else 30,60,90,180"
)
SYSTEM = typer.Option("", "--system", metavar="SYSTEM", help="only this system")
COMPANY = typer.Option("", "--company", metavar="CODE", help="only this company")
CURRENCY = typer.Option("", "--currency", metavar="XXX", help="only this currency")
CUSTOMER = typer.Option("", "--customer", metavar="NUMBER", help="only this customer (the CRM's number)")
BY = typer.Option(
    "customer",
    "--by",
    metavar="customer|company|group",
    help="one row for each customer in each company, totals, or customers over all companies and systems",
)
FORMAT = typer.Option("table", "--format", metavar="table|json|csv|xlsx", help="how to show it")
OUTPUT = typer.Option(None, "--output", metavar="FILE", help="write it there; xlsx always writes a file")


@app.callback()
def _group() -> None:
    """Keeps the group a group."""


@app.command(
    cls=Command,
    epilog=examples(
        ("receivables ageing", "by customer, at the ERP's date"),
        ("receivables ageing --as-of 2026-03-31 --by company", "totals at the end of a quarter"),
        ("receivables ageing --by group", "what each customer owes all our companies, in whatever ERP"),
        ("receivables ageing --basis invoice --buckets 30,60,90", "other basis and buckets"),
        ("receivables ageing --format xlsx --output ageing.xlsx", "for Excel, with the same totals"),
    ),
)
def ageing(
    as_of: str = AS_OF,
    basis: str = BASIS,
    buckets: str = BUCKETS,
    system: str = SYSTEM,
    company: str = COMPANY,
    currency: str = CURRENCY,
    customer: str = CUSTOMER,
    by: str = BY,
    form: str = FORMAT,
    target: str = OUTPUT,
) -> int:
    """Receivables by age; advances, unapplied cash, retention, bills and other receivables stand apart."""
    from crm_core import receivables_report as report

    session.one_of(form, render.FORMATS)
    with session.database() as database:
        question = _question(database, as_of, basis, buckets, system, company, currency, customer, by)
        answer = report.ask(database, session.actor(), question)
        if not answer.rows:
            filters.require_known(database, system=system, company=company, customer=customer)
    render.deliver(_sheet(answer), report.as_json(answer), form, target)
    return OK


def show_ageing(database: Database, now: datetime) -> None:
    """Receivables by customer at the ERP's date, as a table."""
    from crm_core import receivables_report as report

    question = report.Question(as_of=report.default_as_of(database, now))
    render.show(_sheet(report.ask(database, session.actor(), question)))


def _question(
    database: Any,
    as_of: str | None,
    basis: str,
    buckets: str,
    system: str,
    company: str,
    currency: str,
    customer: str,
    by: str,
) -> Question:
    from crm_core import receivables_report as report
    from crm_core.buckets import STANDARD, parse_buckets

    day = session.a_date(as_of) or report.default_as_of(database, session.now())
    return report.Question(
        as_of=day,
        basis=session.one_of(basis, tuple(BASES)),
        buckets=parse_buckets(buckets) if buckets else STANDARD,
        system=system,
        company=company,
        currency=session.a_currency(currency),
        customer=customer,
        by=session.one_of(by, ("customer", "company", "group")),
    )


def _sheet(answer: Answer) -> render.Sheet:
    from dataclasses import replace

    from crm_core.receivables_report import as_table

    names, rows = as_table(answer)
    totals: list[list[Any]] = []
    if answer.question.by != "company":
        grouped = answer.question.by == "group"
        question = answer.question if grouped else replace(answer.question, by="company")
        nobody = {"customer": "", "name": ""} if grouped else {}
        total_names, found = as_table(
            replace(answer, question=question, rows=[{**nobody, **row} for row in answer.totals])
        )
        totals = [_as_total(names, dict(zip(total_names, row, strict=True))) for row in found]
    return render.Sheet(
        title=say("Receivables at {day}, {basis}", day=answer.question.as_of, basis=_(BASES[answer.question.basis])),
        headings=[_(COLUMNS.get(name, name)) for name in names],
        rows=rows,
        totals=totals,
        notes=_notes(answer),
        optional=frozenset(_(COLUMNS[name]) for name in SELDOM),
        repeated=frozenset(_(COLUMNS[name]) for name in _repeated(answer)),
    )


def _repeated(answer: Answer) -> list[str]:
    """Columns that say nothing: the only system, and local amounts where every currency is the local one."""
    if answer.question.by == "group":
        return []
    systems = {row["system"] for row in answer.totals}
    local = all(row["currency"] == row["local_currency"] for row in answer.totals)
    return [*(["system"] if len(systems) < 2 else []), *(LOCAL if local else ())]


def _as_total(names: list[str], row: dict[str, Any]) -> list[Any]:
    """A total in the columns of the rows above it."""
    return [_("Total") if name == "customer" else row.get(name, "") for name in names]


def _notes(answer: Answer) -> list[str]:
    read, verified = answer.data_as_of, answer.verified_through
    notes = [say("Read from the ERP: {time}", time=shown(read)) if read else _("Nothing was read from the ERP yet.")]
    if verified:
        notes.append(say("Verified against the ERP, difference 0: {time}", time=shown(verified)))
    else:
        notes.append(_("Not verified: run `crosstie reconcile SYSTEM`."))
    if answer.missing_rates:
        pairs = ", ".join("/".join(pair) for pair in answer.missing_rates)
        notes.append(say(MISSING_RATES, pairs=pairs))
    return notes


@app.command(
    cls=Command,
    epilog=examples(("receivables documents --customer C000012", "the documents behind a customer's figures")),
)
def documents(
    as_of: str = AS_OF,
    basis: str = BASIS,
    buckets: str = BUCKETS,
    system: str = SYSTEM,
    company: str = COMPANY,
    currency: str = CURRENCY,
    customer: str = CUSTOMER,
    form: str = FORMAT,
    target: str = OUTPUT,
) -> int:
    """Open items, payments with something left and bills: the documents behind the figures."""
    from crm_core import receivables_report as report

    session.one_of(form, render.FORMATS)
    with session.database() as database:
        question = _question(database, as_of, basis, buckets, system, company, currency, customer, "customer")
        rows = report.documents(database, session.actor(), question)
        if not rows:
            filters.require_known(database, system=system, company=company, customer=customer)
    sheet = render.Sheet(
        title=say("Documents at {day}, {basis}", day=question.as_of, basis=_(BASES[basis])),
        headings=[_(DOCUMENT_COLUMNS.get(name, name)) for name in DOCUMENT_NAMES],
        rows=[[_word(name, row[name]) for name in DOCUMENT_NAMES] for row in rows],
    )
    render.deliver(sheet, {"as_of": question.as_of, "basis": basis, "documents": rows}, form, target)
    return OK


def _word(name: str, value: Any) -> Any:
    if name == "kind":
        return _(KINDS.get(value, value))
    return _(COLUMNS.get(value, value)) if name in ("column", "bucket") and value else value
