"""crosstie sandbox: emulated ERPs to try things on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import typer

from commands import session
from commands.app import Command, UsageFault, examples, new_app
from commands.output import output, table
from commands.texts import _, say
from config.errors import ConfigError
from config.exit_codes import INTERRUPTED, OK, REMOTE_DOWN
from config.settings import Settings

MOST_DAYS = 3_650
app = new_app(help="Emulated ERPs to try things on: up, down, list, advance.")
NAME = typer.Argument(None, metavar="NAME", help="which one; else all of them")


@app.command(
    cls=Command,
    epilog=examples(
        ("sandbox up sap/s4 --system erp1", "made-up data; ends with Ctrl-C"),
        (
            "sandbox up sap/s4 --data ../shared/data/classicmodels --system real --background",
            "a data set; goes on running",
        ),
        ("sandbox up sap/s4 --rows 20000 --system load", "so many orders, for load"),
    ),
)
def up(
    products: list[str] = typer.Argument(..., metavar="PRODUCT", help="such as sap/s4; several are possible"),
    system: list[str] = typer.Option(
        None, "--system", metavar="NAME", help="name of its system file; repeat it for several products"
    ),
    port: str = typer.Option(
        "0", "--port", metavar="NUMBER", help="0 takes a free one; further products the next ones"
    ),
    data: str = typer.Option(None, "--data", metavar="DIR", help="folder of a data set; made-up data without it"),
    rows: str = typer.Option(None, "--rows", metavar="NUMBER", help="so many made-up orders"),
    date: str = typer.Option(None, "--date", metavar="DATE", help="the day the ERP's clock starts at"),
    seed: str = typer.Option(None, "--seed", metavar="NUMBER", help="of everything made up"),
    background: bool = typer.Option(False, "--background", help="leave it running; `sandbox down` ends it"),
) -> int:
    """Start sandboxes and write a ready system file for each, so that `pull NAME` works at once."""
    from commands import sandbox_process as processes

    settings = session.settings()
    names = _names(products, system or [])
    first_port = session.a_whole_number(port, most=session.LAST_PORT + 1 - len(products))
    common = _options(data, rows, date, seed)
    with processes.ended_by_a_signal(), ExitStack() as ending:
        running: list[processes.Sandbox] = []
        for number, (product, name) in enumerate(zip(products, names, strict=True)):
            _require_free(settings, name)
            options = ["--port", str(first_port + number if first_port else 0), *common]
            running.append(processes.start(settings, name, product, options, background=background))
            ending.callback(processes.end, settings, running[-1])
        _announce(running, background=background)
        if not background:
            return _stay(running)
        ending.pop_all()
    return OK


def _names(products: Sequence[str], given: Sequence[str]) -> list[str]:
    from config.systems import require_name

    if len(given) > len(products) or len(set(given)) < len(given):
        raise UsageFault("names-differ", products=str(len(products)), names=str(len(given)))
    for name in given:
        require_name(name)
    names = list(given)
    for product in products[len(given) :]:
        name, turn = product.replace("/", "-"), 2
        while name in names:
            name, turn = f"{product.replace('/', '-')}-{turn}", turn + 1
        names.append(name)
    return names


def _options(data: str | None, rows: str | None, date: str | None, seed: str | None) -> list[str]:
    from pathlib import Path

    options: list[str] = []
    if data:
        folder = Path(data).expanduser().absolute()
        if not folder.is_dir():
            raise ConfigError("file-missing", place=data)
        options += ["--data", str(folder)]
    if rows:
        options += ["--rows", str(session.a_whole_number(rows))]
    if date:
        options += ["--date", str(session.a_date(date))]
    return [*options, "--seed", str(session.a_whole_number(seed))] if seed else options


def _require_free(settings: Settings, name: str) -> None:
    from commands import sandbox_process as processes

    if any(sandbox.name == name and sandbox.alive() for sandbox in processes.known(settings)):
        raise ConfigError("sandbox-runs", name=name)
    file = settings.systems / f"{name}.yaml"
    if file.exists() and not _is_sandbox(settings, name):
        raise ConfigError("system-exists", place=str(file))


def _is_sandbox(settings: Settings, name: str) -> bool:
    """Whether the file stands for a sandbox of this machine, so that it may be replaced."""
    from config.systems import is_loopback, load_system

    try:
        return is_loopback(load_system(settings, name).file.url)
    except ConfigError:
        return False


def _announce(running: Sequence[Any], *, background: bool) -> None:
    rows = [{"name": one.name, "product": one.product, "url": one.url, "pid": one.pid} for one in running]
    if output.result({"sandboxes": rows}):
        return
    for one in running:
        output.note(say("{name}: {product} at {url}", name=one.name, product=one.product, url=one.url))
        output.note(say("Now try: crosstie pull {name}", name=one.name))
    if not background:
        output.note(_("Ctrl-C ends it."))


def _stay(running: Sequence[Any]) -> int:
    try:
        while all(one.process.poll() is None for one in running):
            time.sleep(0.3)
    except KeyboardInterrupt:
        return INTERRUPTED if output.json else OK  # Ctrl-C is how it is meant to end
    return REMOTE_DOWN


@app.command(cls=Command, epilog=examples(("sandbox down", "all"), ("sandbox down erp1", "")))
def down(name: str = NAME) -> int:
    """End sandboxes that run in the background; their system files stay."""
    from commands import sandbox_process as processes

    settings = session.settings()
    chosen = _chosen(settings, name)
    ended = []
    for sandbox in chosen:
        if sandbox.alive():
            ended.append(sandbox.name)
            processes.end(settings, sandbox)
        else:
            processes.forget(settings, sandbox)
    if not output.result({"ended": ended}):
        output.note(say("Ended: {names}", names=", ".join(ended)) if ended else _("No sandbox was running."))
    return OK


@app.command("list", cls=Command, epilog=examples(("sandbox list", "")))
def list_() -> int:
    """List sandboxes that were started from here."""
    from commands import sandbox_process as processes

    rows = [
        {"name": one.name, "product": one.product, "url": one.url, "pid": one.pid, "running": one.alive()}
        for one in processes.known(session.settings())
    ]
    if not output.result({"sandboxes": rows}):
        table([_("Name"), _("Product"), _("Address"), _("Process"), _("Running")], [list(row.values()) for row in rows])
        if not rows:
            output.note(_("No sandbox was started from here."))
    return OK


@app.command(
    cls=Command, epilog=examples(("sandbox advance erp1 --days 7", "deliveries, invoices and payments of a week"))
)
def advance(
    name: str = NAME,
    days: str = typer.Option("1", "--days", metavar="NUMBER", help="how many days"),
) -> int:
    """Let days pass in a sandbox: orders are delivered, invoiced and paid."""
    count = session.a_whole_number(days, most=MOST_DAYS)
    results = {one.name: one.control("POST", "advance", {"days": count}) for one in _chosen(session.settings(), name)}
    if not output.result(results):
        for system, result in results.items():
            output.note(say("{name}: it is now {clock}", name=system, clock=result.get("clock", "")))
    return OK


def _chosen(settings: Settings, name: str | None) -> list[Any]:
    from commands import sandbox_process as processes

    found = [one for one in processes.known(settings) if name in (None, one.name)]
    if name and not found:
        raise ConfigError(
            "no-such-sandbox", name=name, known=", ".join(one.name for one in processes.known(settings)) or "-"
        )
    return found
