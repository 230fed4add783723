"""What `crosstie doctor` looks at on this machine: Python, packages, folders, disk, log, ports, drivers."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from commands.doctor_finding import Finding, bad, failed, note, tried, well
from commands.texts import _, say
from config.errors import ConfigError
from config.logs import log_settings
from config.settings import INSTALLATION, Settings, shown

NEEDED_PYTHON = (3, 11)
NEEDED_MB = 500
PORTS = (("console", 8400, "--port"), ("Prefect", 8401, "--prefect-port"))
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?: ; (.+?))? *\\?$", re.MULTILINE)
"""Name, version, and the condition under which a machine gets it."""


def machine(settings: Settings) -> Iterator[Finding]:
    yield _python()
    yield _packages()
    yield tried(_("Home"), lambda: _writable(settings))
    yield from _disk(settings)
    yield _log(settings)
    yield from _ports(settings)
    yield _odbc()


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < NEEDED_PYTHON:
        return bad("Python", version, _("Install Python 3.11 or newer."))
    return well("Python", version)


def _packages() -> Finding:
    """Whether what is installed is what the lock names: Prefect fails in silence beside some other versions."""
    lock = INSTALLATION / "requirements.lock"
    if not lock.is_file():
        return note(_("Packages"), say("{file} is missing", file=shown(lock)), _("Install the whole program again."))
    locked = [(name, version) for name, version, when in PINNED.findall(lock.read_text("utf-8")) if _here(when)]
    others = [f"{name} {found} ({version})" for name, version in locked if (found := _installed(name)) != version]
    if not others:
        return well(_("Packages"), say("{count} as locked", count=len(locked)))
    cure = _("Install what requirements.lock names (in brackets): `make setup`, or install the bundle again.")
    return bad(_("Packages"), ", ".join(others), cure)


def _here(condition: str) -> bool:
    from packaging.markers import Marker

    return not condition or Marker(condition).evaluate()


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "-"


def _writable(settings: Settings) -> str:
    from config.files import write_text

    probe = settings.home / ".doctor"
    write_text(probe, "")
    probe.unlink()
    return shown(settings.home)


def _disk(settings: Settings) -> Iterator[Finding]:
    """The disk of the home, and that of the database where it is another one."""
    places = [settings.home]
    if settings.database_url.startswith("sqlite:///"):
        places.append(Path(settings.database_url.removeprefix("sqlite:///")).parent)
    seen: set[int] = set()
    for place in map(_existing, places):
        if (device := place.stat().st_dev) not in seen:
            seen.add(device)
            yield _free(place)


def _free(place: Path) -> Finding:
    free = shutil.disk_usage(place).free // 1_000_000
    if free < NEEDED_MB:
        return bad(_("Disk"), f"{free:,} MB", say("Free some space: {needed} MB are needed.", needed=NEEDED_MB))
    return well(_("Disk"), say("{free} MB free", free=f"{free:,}"))


def _existing(folder: Path) -> Path:
    """The folder, else the nearest above it; what this user may not look for counts as not there."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if os.path.exists(path))


def _log(settings: Settings) -> Finding:
    wanted = log_settings()
    if wanted.bad:
        named = ", ".join(f"{variable} ({choices})" for variable, choices in wanted.bad)
        return bad(_("Log"), _("a setting makes no sense"), say("Correct {variables}.", variables=named))
    if wanted.place == "stderr":
        return well(_("Log"), f"stderr, {wanted.level}")
    folder = settings.log_file.parent
    place = next(path for path in (settings.log_file, folder, _existing(folder)) if os.access(path, os.F_OK))
    if not os.access(place, os.W_OK):
        cure = say("Give this user write permission on {place}, or set CROSSTIE_LOG=stderr.", place=shown(folder))
        return bad(_("Log"), _("cannot be written"), cure)
    return well(_("Log"), f"{shown(settings.log_file)}, {wanted.level}, {wanted.files} × {wanted.megabytes:g} MB")


def _ports(settings: Settings) -> Iterator[Finding]:
    from commands import ports

    runs = _supervised(settings)
    for name, number, option in PORTS:
        what = say("Port {number} ({name})", number=number, name=name)
        try:
            ports.require_free(number, option)
            yield well(what, _("free"))
        except ConfigError as exc:
            used = exc.code == "port-used"
            found = say("used by {owner}", owner=exc.params["owner"]) if used else exc.params["why"]
            yield well(what, found) if runs and used else note(what, found, failed(what, exc).cure)


def _supervised(settings: Settings) -> bool:
    """Whether `crosstie up` runs on this home: then it is who uses the ports."""
    from commands.home_lock import HomeLock
    from commands.supervisor import lock_file

    path = lock_file(settings)
    return os.access(path, os.R_OK | os.W_OK) and not HomeLock(path).is_free()


def _odbc() -> Finding:
    from config.wiring import odbc_drivers

    cure = _("Only SQL Server products and EBS need it: apt-get install unixodbc, or brew install unixodbc.")
    drivers = odbc_drivers()
    if drivers is None:
        return note("ODBC", _("the library libodbc is missing"), cure)
    return well("ODBC", ", ".join(drivers) or _("no driver is installed; only SQL Server products and EBS need one"))
