"""crosstie doctor: what is wrong with this installation, and how to put it right."""

from __future__ import annotations

import ctypes.util
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from commands import session
from commands.app import Command, examples
from commands.output import clean, output, table
from commands.texts import _, say
from config.exit_codes import OK, USAGE
from config.settings import Settings, shown

if TYPE_CHECKING:
    from config.systems import System
    from config.wiring import Connector, Pong

NEEDED_PYTHON = (3, 11)
NEEDED_MB = 500
CLOCK_LIMIT_S = 300
PROBE_KEY = "CROSSTIE-DOCTOR"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `cure` says what to do where it is not well. `state`: ok, note or bad."""

    what: str
    state: str
    found: str
    cure: str = ""
    exit_code: int = OK


def doctor(
    system: str = typer.Argument(None, metavar="SYSTEM", help="also ask this system; else only this machine"),
) -> int:
    """Look at Python, disk, database, files and secrets; with a system also at its address, clock and services."""
    settings = session.settings()
    found = [*_machine(settings), *_database(settings)]
    files = list(_systems(settings, system))
    found += files
    if system and not _bad(files):
        found += _online(settings, system)
    if not output.result({"checks": [_plain(finding) for finding in found], "ok": not _bad(found)}):
        states = {"ok": _("ok"), "note": _("note"), "bad": _("bad")}
        cells = [[finding.what, states[finding.state], finding.found, finding.cure] for finding in found]
        table([_("Looked at"), _("State"), _("Found"), _("What to do")], cells)
        output.note(_("Something is wrong.") if _bad(found) else _("All is well."))
    return max((finding.exit_code for finding in _bad(found)), default=OK)


def _bad(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.state == "bad"]


def _plain(finding: Finding) -> dict[str, Any]:
    return {"check": finding.what, "state": finding.state, "found": finding.found, "cure": finding.cure}


def _well(what: str, found: str) -> Finding:
    return Finding(what, "ok", clean(found))


def _failed(what: str, exc: Exception) -> Finding:
    """An error of an island says place and cure itself; any other is a bug and goes on."""
    from commands.failures import lines
    from config.failures import describe

    failure = describe(exc)
    if failure is None:
        raise exc
    return Finding(what, "bad", _("does not work"), "\n".join(lines(failure)), failure.exit_code or USAGE)


def _tried(what: str, attempt: Callable[[], str]) -> Finding:
    """Well with what `attempt` returns, or what it raised."""
    try:
        return _well(what, attempt())
    except Exception as exc:
        return _failed(what, exc)


def _machine(settings: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < NEEDED_PYTHON:
        yield Finding("Python", "bad", version, _("Install Python 3.11 or newer."), USAGE)
    else:
        yield _well("Python", version)
    yield _tried(_("Home"), lambda: _writable(settings))
    free = shutil.disk_usage(_existing(settings)).free // 1_000_000
    if free < NEEDED_MB:
        cure = say("Free some space: {needed} MB are needed.", needed=NEEDED_MB)
        yield Finding(_("Disk"), "bad", f"{free:,} MB", cure, USAGE)
    else:
        yield _well(_("Disk"), say("{free} MB free", free=f"{free:,}"))
    yield _odbc()


def _existing(settings: Settings) -> str:
    home = settings.home
    return str(next(path for path in (home, *home.parents) if path.exists()))


def _writable(settings: Settings) -> str:
    from config.files import write_text

    probe = settings.home / ".doctor"
    write_text(probe, "")
    probe.unlink()
    return shown(settings.home)


def _odbc() -> Finding:
    name = ctypes.util.find_library("odbc32" if sys.platform == "win32" else "odbc")
    if name:
        return _well("ODBC", name)
    cure = _("Only SQL Server products and EBS need it: apt-get install unixodbc, or brew install unixodbc.")
    return Finding("ODBC", "note", _("the library libodbc is missing"), cure)


def _database(settings: Settings) -> Iterator[Finding]:
    from config.wiring import open_database

    def look() -> str:
        database = open_database(settings)
        try:
            with database.write():
                return say("{place}, version {version}, writable", place=database.place, version=database.version())
        finally:
            database.dispose()

    yield _tried(_("Database"), look)


def _systems(settings: Settings, only: str | None) -> Iterator[Finding]:
    names = [only] if only else settings.system_names()
    if not names:
        cure = _("Copy an example in config/systems, or run `crosstie sandbox up sap/s4 --system NAME`.")
        yield Finding(_("Systems"), "note", _("none is configured"), cure)
    for name in names:
        # mypy cannot infer the type of a default argument in a lambda
        yield _tried(say("System file {name}", name=name), lambda name=name: _offline(settings, name))  # type: ignore[misc]


def _offline(settings: Settings, name: str) -> str:
    from config.mapping_files import system_text
    from config.systems import load_system
    from config.wiring import endpoint, product_of

    system = load_system(settings, name)
    product_of(system)
    endpoint(system)
    system_text(settings, system).load()
    return say("{product}, secrets found, mapping sound", product=system.file.product)


def _online(settings: Settings, name: str) -> Iterator[Finding]:
    from config.systems import load_system
    from config.wiring import open_connector

    system = load_system(settings, name)
    connector = open_connector(system)
    what = say("Logging on to {name}", name=name)
    try:
        pong = connector.ping()
    except Exception as exc:
        yield _failed(what, exc)
        return
    else:
        yield _well(what, say("{url} as {user}", url=pong.url, user=pong.user))
        yield _clock(pong)
        yield from _services(pong)
        yield from _carriers(system, connector)
        yield _source_paths(settings, system, connector)
    finally:
        connector.close()


def _clock(pong: Pong) -> Finding:
    found = say("{seconds} s ahead of ours", seconds=f"{pong.clock_offset_s:+.0f}")
    if abs(pong.clock_offset_s) <= CLOCK_LIMIT_S:
        return _well(_("Its clock"), found)
    cure = _("Set both clocks by NTP. A sandbox keeps a clock of its own: there it is meant.")
    return Finding(_("Its clock"), "note", found, cure)


def _services(pong: Pong) -> Iterator[Finding]:
    for service, state in sorted(pong.services.items()):
        what = say("Service {name}", name=service)
        if state == "ok":
            yield _well(what, _("ok"))
        else:
            yield Finding(what, "bad", clean(state), _("Activate it in the ERP and allow our user to call it."), USAGE)


def _carriers(system: System, connector: Connector) -> Iterator[Finding]:
    """A look-up by a key that nobody uses must be answered, with nothing."""
    from config.wiring import product_of

    written = [obj for obj, resource in product_of(system).resources.items() if resource.write]
    for obj in written:
        what = say("Looking up our key in {obj}", obj=obj)

        def look(obj: str = obj) -> str:
            return say("{count} found, as expected", count=len(connector.find(obj, PROBE_KEY)))

        yield _tried(what, look)


def _source_paths(settings: Settings, system: System, connector: Connector) -> Finding:
    from commands.failures import lines
    from config.failures import finding
    from config.mapping_files import check, system_text
    from config.mapping_targets import targets
    from config.wiring import product_of

    what = _("Fields that the mapping reads")
    try:
        wires = {obj: connector.source_paths(obj) for obj in targets() if obj in product_of(system).resources}
        found = check(system_text(settings, system), system=system, wires=wires)
    except Exception as exc:
        return _failed(what, exc)
    errors = [line for one in found if one.severity == "error" for line in lines(finding(one))]
    if errors:
        return Finding(what, "bad", say("{count} are not there", count=len(errors)), "\n".join(errors), USAGE)
    return _well(what, _("all there"))


def register(app: typer.Typer) -> None:
    app.command(
        cls=Command,
        epilog=examples(("doctor", "this machine"), ("doctor erp1", "and a system: nothing is written there")),
    )(doctor)
