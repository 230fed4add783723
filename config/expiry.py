"""What ends on a known day and then stops a system: its password, the certificates it is told to use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from config.errors import ConfigError
from config.settings import Settings, shown
from config.systems import System, load_system

SOON_DAYS = 30


@dataclass(frozen=True, slots=True)
class Expiry:
    """`what`: password, client-certificate, ca-bundle or server-certificate; `on` is the last day, in the system's
    zone; `place` is the file that says so, or that is to be replaced.
    """

    system: str
    what: str
    on: date
    place: str
    days: int


def expiries(settings: Settings, now: datetime) -> list[Expiry]:
    """Of all systems whose file is sound; nothing is asked over the network."""
    return [found for name in settings.system_names() for found in _of_file(settings, name, now)]


def _of_file(settings: Settings, name: str, now: datetime) -> list[Expiry]:
    try:
        return list(of_system(load_system(settings, name), now))
    except ConfigError:
        return []  # its own problem, told elsewhere


def of_system(system: System, now: datetime) -> Iterator[Expiry]:
    """Raises ConfigError where a certificate file cannot be read."""
    file = system.file
    if file.password_expires:
        yield expiry(system, "password", file.password_expires, system.place("password_expires"), now)
    if file.client_certificate:
        path = system.path(file.client_certificate.certificate)
        yield expiry(system, "client-certificate", _last_days(system, path, "client_certificate")[0], shown(path), now)
    if file.ca_bundle:
        path = system.path(file.ca_bundle)
        newest = max(_last_days(system, path, "ca_bundle"))  # one that still holds may be the one that is needed
        yield expiry(system, "ca-bundle", newest, shown(path), now)


def expiry(system: System, what: str, on: date, place: str, now: datetime) -> Expiry:
    """`on` as seen from the system's own day."""
    today = now.astimezone(ZoneInfo(system.file.time_zone)).date()
    return Expiry(system.name, what, on, place, (on - today).days)


def _last_days(system: System, path: Path, key: str) -> list[date]:
    """The last whole day of each certificate in a PEM file, in its order."""
    from cryptography import x509  # slow to import, and few systems need it

    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as exc:
        raise ConfigError("file-unreadable", place=shown(path), why=exc.strerror or str(exc)) from exc
    except ValueError as exc:
        raise ConfigError("not-pem", place=system.place(key), file=shown(path)) from exc
    return [last_day(certificate.not_valid_after_utc, system) for certificate in found]


def last_day(until: datetime, system: System) -> date:
    return until.astimezone(ZoneInfo(system.file.time_zone)).date()


def problems(found: Iterable[Expiry], *, soon_days: int = SOON_DAYS) -> list[dict[str, str]]:
    """What ends within so many days, as code and params; the nearest first."""
    near = sorted((one for one in found if one.days <= soon_days), key=lambda one: one.days)
    return [problem(one) for one in near]


def problem(one: Expiry) -> dict[str, str]:
    code = f"{one.what}-{'expired' if one.days < 0 else 'expires'}"
    return {
        "code": code,
        "system": one.system,
        "on": one.on.isoformat(),
        "days": str(abs(one.days)),
        "place": one.place,
    }
