"""crosstie systems: the configured ERP instances, and whether this installation may write to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from commands import arming, erp_products, session
from commands.app import Command, examples, new_app
from commands.output import output, table
from commands.texts import _, say
from config.errors import ConfigError
from config.exit_codes import OK, USAGE
from config.settings import shown

if TYPE_CHECKING:
    from config.systems import System
    from crm_core.installation import Installation

app = new_app(help="Configured ERP instances: list, add, check, arm, disarm, adopt; the products they can be of.")


@app.command("list", cls=Command, epilog=examples(("systems list", "every system file and whether it can be used")))
def list_() -> int:
    """List the configured systems."""
    settings = session.settings()
    names = settings.system_names()
    if not names:
        raise ConfigError("no-systems", place=shown(settings.systems))
    rows, here = [_row(name) for name in names], _installation()
    if not output.result({"systems": rows, "installation": arming.facts(here) if here else None}):
        heads = [_("System"), _("Product"), _("Address"), _("Environment"), _("Companies"), _("State")]
        cells = [[r["name"], r["product"], r["url"], r["environment"], r["companies"], r["state"]] for r in rows]
        table(heads, cells)
        if here:
            output.note(arming.standing(here))
    return OK


def _installation() -> Installation | None:
    """What the database says of itself; None where there is none yet."""
    from config.wiring import existing_database
    from crm_core import installation
    from crm_core.errors import StoreError

    try:
        with existing_database(session.settings()) as database:
            return installation.peek(database, session.actor())
    except StoreError:
        return None


def _row(name: str) -> dict[str, Any]:
    from commands.failures import lines
    from config.failures import describe
    from config.systems import load_system

    row: dict[str, Any] = {"name": name, "product": "", "url": "", "environment": "", "companies": [], "ok": False}
    try:
        system = load_system(session.settings(), name)
        file = system.file
        row |= {
            "product": file.product,
            "url": file.url,
            "environment": file.environment,
            "companies": [*file.companies],
        }
        _require_usable(system)
    except Exception as exc:
        failure = describe(exc)
        if failure is None:
            raise
        return row | {"state": next(lines(failure))}
    return row | {"ok": True, "state": _("usable")}


def _require_usable(system: System) -> None:
    """Product, secrets and all that the connector needs are there; the ERP is not called. Raises an island's error."""
    from config.wiring import open_connector

    open_connector(system).close()


@app.command(
    cls=Command,
    epilog=examples(
        ("systems add erp1 --product sap/s4 --url https://erp.example.com:44300 --company CN01:CNY:Asia/Shanghai", ""),
    ),
)
def add(
    name: str = typer.Argument(..., metavar="NAME", help="how the system is called from now on"),
    product: str = typer.Option(..., "--product", metavar="PRODUCT", help="its product, such as sap/s4"),
    url: str = typer.Option(..., "--url", metavar="URL", help="its address"),
    company: list[str] = typer.Option(
        ...,
        "--company",
        metavar="CODE:CURRENCY:ZONE",
        help="a company code with currency and time zone; repeatable",
    ),
    client: str = typer.Option("", "--client", metavar="TEXT", help="the client or tenant"),
    language: str = typer.Option("EN", "--language", metavar="XX", help="logon language"),
    time_zone: str = typer.Option(
        "", "--time-zone", metavar="ZONE", help="of the ERP itself, such as Asia/Shanghai; else that of its companies"
    ),
) -> int:
    """Write a system file to start from; user and password come from environment variables."""
    from config.system_writer import new_system_file

    path, variables = new_system_file(
        session.settings(), name, product, url, company, client, language, time_zone=time_zone
    )
    if not output.result({"name": name, "file": str(path), "variables": variables}):
        output.note(say("Written: {file}", file=shown(path)))
        output.note(
            say("Set {variables}, then run `crosstie systems check {name}`.", variables=", ".join(variables), name=name)
        )
    return OK


@app.command(
    cls=Command,
    epilog=examples(
        ("systems check", "all system files"),
        ("systems check erp1", "one of them, its secrets and its product"),
    ),
)
def check(
    name: str = typer.Argument(None, metavar="SYSTEM", help="one system; without it all of them"),
) -> int:
    """Check system files and their secrets without calling the ERP; `doctor` and `ping` call it."""
    from commands.failures import lines
    from config.failures import describe
    from config.systems import load_system

    settings = session.settings()
    names = [name] if name else settings.system_names()
    if not names:
        raise ConfigError("no-systems", place=shown(settings.systems))
    found: dict[str, list[str]] = {}
    for one in names:
        try:
            _require_usable(load_system(settings, one))
        except Exception as exc:
            failure = describe(exc)
            if failure is None:
                raise
            found[one] = list(lines(failure))
    if not output.result({"systems": {one: found.get(one, []) for one in names}, "ok": not found}):
        for one in names:
            for line in found.get(one, []):
                output.warn(say("Error: {text}", text=line))
            if one not in found:
                output.note(say("{name}: usable", name=one))
    return USAGE if found else OK


arming.register(app)
erp_products.register(app)
