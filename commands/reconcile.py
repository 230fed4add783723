"""crosstie reconcile: does the CRM hold what the ERP holds, in money?"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from commands import session
from commands.app import Command, examples
from commands.output import listing, money, output, table
from commands.progress import progress
from commands.sync import SYSTEM
from commands.texts import _, say
from commands.words import difference_name, object_name
from config.exit_codes import DIFFERS, OK

if TYPE_CHECKING:
    from flows.reconcile import ReconcileReport

SHOWN_DIFFERENCES = 50


def reconcile(
    system: str = SYSTEM,
    objects: list[str] = typer.Argument(None, metavar="OBJECT", help="only these; else everything with amounts"),
) -> int:
    """Compare every document of the ERP with the CRM, in money, by a path that knows no mapping."""
    from config.wiring import open_context
    from flows.reconcile import reconcile as run

    with open_context(session.settings(), system) as ctx, progress(say("Reconcile {system}", system=system)) as tell:
        report = run(ctx, objects or [], progress=tell)
    show_reconcile(report)
    return DIFFERS if report.differences else OK


def show_reconcile(report: ReconcileReport) -> None:
    data = {"system": report.system, "compared": report.compared, "totals": report.totals}
    if output.result({**data, "differences": [asdict(found) for found in report.differences]}):
        return
    if not output.quiet:
        table([_("Object"), _("Compared")], [[object_name(obj), count] for obj, count in report.compared.items()])
        _totals_table(report)
    if not report.differences:
        output.note(_("No difference: the CRM holds what the ERP holds."))
        return
    listing(
        report.differences[:SHOWN_DIFFERENCES],
        (_("Object"), lambda found: object_name(found.obj)),
        (_("Difference"), lambda found: difference_name(found.kind)),
        (_("Key"), lambda found: found.key),
        (_("Company"), lambda found: found.company),
        (_("Customer"), lambda found: found.customer),
        (_("Currency"), lambda found: found.currency),
        (_("Period"), lambda found: found.period),
        (_("ERP"), lambda found: found.erp),
        (_("CRM"), lambda found: found.crm),
        title=say("{count} differences", count=len(report.differences)),
    )
    if len(report.differences) > SHOWN_DIFFERENCES:
        output.note(say("The first {count} are shown; --json prints all.", count=SHOWN_DIFFERENCES))


def _totals_table(report: ReconcileReport) -> None:
    listing(
        report.totals,
        (_("Object"), lambda row: object_name(row["object"])),
        (_("Company"), "company"),
        (_("Currency"), "currency"),
        (_("ERP"), lambda row: money(row["erp"], row["currency"])),
        (_("CRM"), lambda row: money(row["crm"], row["currency"])),
    )


def register(app: typer.Typer) -> None:
    app.command(
        cls=Command,
        epilog=examples(("reconcile erp1", ""), ("reconcile erp1 open_items --json", "one object, all differences")),
    )(reconcile)
