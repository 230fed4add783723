"""crosstie receivables rates: the exchange rates that receivables are revalued at."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import typer

from commands import session
from commands.app import Command, UsageFault, examples, new_app
from commands.output import listing, output
from commands.texts import _, say
from config.exit_codes import OK

app = new_app()


@app.command(
    cls=Command,
    epilog=examples(
        ("receivables rates", "the newest rate of each pair"),
        ("receivables rates --on 2026-03-31", "those in force at the end of a quarter"),
        ("receivables rates --import rates.csv --dry-run", "check a file and count what is new"),
        ("receivables rates --import rates.csv", "take it in: all of it or nothing"),
    ),
)
def rates(
    source: str = typer.Option(
        None, "--import", metavar="FILE", help="CSV in UTF-8: rate_date,from_currency,to_currency,rate"
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="with --import: check and count, store nothing"),
    on: str = typer.Option(None, "--on", metavar="DATE", help="the rates in force on that day"),
    everything: bool = typer.Option(False, "--all", help="every rate there is, not only the newest"),
) -> int:
    """List exchange rates, or bring them in from a file.

    A rate says how many units of to_currency 1 unit of from_currency is, from its day until a newer one. A row that
    is there already changes nothing; another rate for the same day and pair replaces the old one, and the audit trail
    keeps both.
    """
    if (source is not None) + (on is not None) + everything > 1:
        raise UsageFault("not-together", options="--import, --on, --all")
    if dry_run and source is None:
        raise UsageFault("option-needs-option", option="--dry-run", other="--import")
    if source is not None:
        return _import(source, dry_run)
    return _list(None if everything else session.a_date(on) or date.max)


def _list(on: date | None) -> int:
    from crm_core import rates as service

    with session.database() as database:
        rows = service.listing(database, session.actor(), on=on)
    if not output.result({"rates": rows}):
        listing(
            rows,
            (_("Day"), "rate_date"),
            (_("From"), "from_currency"),
            (_("To"), "to_currency"),
            (_("Rate"), "rate"),
            nothing=_("No exchange rates. `crosstie receivables rates --import FILE` brings them in."),
        )
    return OK


def _import(source: str, dry_run: bool) -> int:
    from config.files import read_bytes
    from crm_core import rates as service
    from crm_core import rates_csv

    found = rates_csv.read(source, read_bytes(Path(source).expanduser()))
    with session.database() as database:
        stored = service.put(database, session.actor(), session.now(), found, dry_run=dry_run)
    if not output.result({"file": source, "dry_run": dry_run, **stored._asdict()}):
        output.note(say("Rates: {added} new, {changed} changed, {unchanged} there already.", **stored._asdict()))
        if dry_run:
            output.note(_("Nothing was stored: --dry-run."))
    return OK
