"""crosstie deployments: what Prefect runs, and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import typer

from commands import prefect_process, session
from commands.app import Command, examples, new_app
from commands.output import listing, output
from commands.texts import N_, _, say
from config.exit_codes import OK, REMOTE_DOWN, SOME_FAILED
from config.settings import INSTALLATION, Settings, shown

app = new_app(help="What Prefect runs and when: follows from the system files.")

EXAMPLES = INSTALLATION / "config" / "systems"


@app.command("list", cls=Command, epilog=examples(("deployments list", "")))
def list_() -> int:
    """List the deployments that the system files ask for, with their schedules."""
    found, broken = _planned(session.settings())
    rows = [
        {"name": one.full_name, "schedule": one.cron, "time_zone": one.time_zone, "active": one.active,
         "collision": one.collision, "next_run": _next_run(one.cron, one.time_zone) if one.active else None}
        for one in found
    ]  # fmt: skip
    if not output.result({"deployments": rows, "broken": broken}):
        listing(
            rows,
            (_("Deployment"), "name"),
            (_("Schedule"), lambda row: row["schedule"] or _("on demand")),
            (_("Time zone"), "time_zone"),
            (_("Active"), lambda row: _("yes") if row["active"] else _("no")),
            (_("Next run"), "next_run"),
        )
        _warn(broken)
    return SOME_FAILED if broken else OK


def _next_run(cron: str, zone: str) -> datetime | None:
    """The schedule's next moment in its own zone; None for what runs on demand."""
    from cronsim import CronSim

    return next(CronSim(cron, datetime.now(ZoneInfo(zone)))) if cron else None


@app.command(
    cls=Command,
    epilog=examples(
        ("deployments write", "prefect.yaml of the configured systems, for `prefect deploy --all`"),
        ("deployments write --check", "whether that file is what the system files say: exit code 3 if not"),
    ),
)
def write(
    file: Path = typer.Option(Path("prefect.yaml"), "--file", metavar="FILE", help="where to write"),
    example: bool = typer.Option(False, "--examples", help="of the example systems instead of the configured ones"),
    check: bool = typer.Option(False, "--check", help="write nothing; say whether the file is up to date"),
) -> int:
    """Write prefect.yaml from the system files."""
    from config.files import write_text
    from config.yaml_file import read_text
    from flows.deployments import as_prefect_yaml

    found, broken = _planned(session.settings(), of_examples=example)
    text = as_prefect_yaml(found)
    same = file.is_file() and read_text(file) == text
    if not check and not same:
        write_text(file, text)
    if not output.result({"file": str(file), "deployments": len(found), "current": same, "broken": broken}):
        output.note(_said(file, len(found), same=same, check=check))
        _warn(broken)
    return SOME_FAILED if broken or (check and not same) else OK


def _said(file: Path, count: int, *, same: bool, check: bool) -> str:
    if same:
        return say("{file} is up to date: {count} deployments.", file=shown(file.absolute()), count=count)
    text = N_("{file} differs from the system files.") if check else N_("{file} written: {count} deployments.")
    return say(text, file=shown(file.absolute()), count=count)


@app.command(
    cls=Command,
    epilog=examples(("deployments apply", "at the Prefect server of PREFECT_API_URL, or that of `crosstie up` here")),
)
def apply(
    take_over: bool = typer.Option(False, "--take-over", help="also at a server that another installation had"),
) -> int:
    """Bring Prefect's deployments and automations in line with the system files; `crosstie up` does so by itself."""
    url = prefect_process.ready_url()
    report = prefect_process.asked("flows.deploy", *(["--take-over"] if take_over else []))
    error, broken, exit_code = report.get("error", ""), report.get("broken", {}), report.pop("exit_code", REMOTE_DOWN)
    if not output.result({**report, "ok": not error}):
        if error:
            output.warn(say("Prefect at {url} did not take it: {why}", url=url, why=error))
        for name in report.get("deployments", []):
            output.note(name)
        for name in report.get("removed", []):
            output.note(say("{name} removed", name=name))
        _warn(broken)
    return exit_code if error else SOME_FAILED if broken else OK


def _planned(settings: Settings, *, of_examples: bool = False) -> tuple[list[Any], dict[str, str]]:
    """The deployments, and what is wrong with the files of the other systems."""
    from commands.failures import lines
    from config.failures import describe
    from flows.deployments import planned

    names = settings.system_names()
    if of_examples:
        names = sorted(file.stem for file in EXAMPLES.glob("example*.yaml"))
        settings = replace(settings, config=EXAMPLES.parent)
    found, wrong = planned(settings, names)
    broken = {name: "\n".join(lines(failure)) for name, exc in wrong.items() if (failure := describe(exc))}
    return found, broken


def _warn(broken: dict[str, str]) -> None:
    for name, why in broken.items():
        output.warn(say("{name} keeps the deployments it has: {why}", name=name, why=why))
