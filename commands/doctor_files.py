"""What `crosstie doctor` looks at in files and variables: who may read what, whom we trust, proxies, what ends soon."""

from __future__ import annotations

import os
import ssl
import stat
import sys
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from commands.doctor_finding import Finding, bad, failed, note, well
from commands.texts import _, say
from config.errors import ConfigError
from config.redaction import redacted
from config.settings import Settings, shown
from config.system_file import SECRET
from config.systems import load_system

if TYPE_CHECKING:
    from config.expiry import Expiry

OTHERS = stat.S_IRWXG | stat.S_IRWXO
STRANGERS = stat.S_IRWXO
PROXIES = ("http", "https", "all")


def files(settings: Settings) -> Iterator[Finding]:
    if sys.platform != "win32":  # there, who may read a file is not in its mode
        yield _looked(_("Files with secrets"), _secrets, settings)
        yield _looked(_("Folder of state"), _data, settings)
    yield _proxies()
    yield _trust()


def _looked(what: str, look: Callable[[str, Settings], Finding], settings: Settings) -> Finding:
    """What `look` found; bad where this user may not look."""
    try:
        return look(what, settings)
    except OSError as exc:
        place = shown(Path(os.fsdecode(exc.filename or settings.home)))
        return failed(what, ConfigError("file-unreadable", place=place, why=exc.strerror or str(exc)))


def _secrets(what: str, settings: Settings) -> Finding:
    """Files with secrets, readable by their owner alone."""
    open_ones = [path for path in sorted(_secret_files(settings)) if path.stat().st_mode & OTHERS]
    if not open_ones:
        return well(what, _("readable by this user alone"))
    names = " ".join(shown(path) for path in open_ones)
    return bad(what, _("others may read them"), say("Run `chmod 600 {files}`.", files=names))


def _secret_files(settings: Settings) -> set[Path]:
    """Those in the home's folder of secrets, and those that a system file names."""
    found = set(_files_below(settings.secrets)) if settings.secrets.is_dir() else set()
    for name in settings.system_names():
        try:
            text = (settings.systems / f"{name}.yaml").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # told of the system file itself
        named = (settings.home / Path(source).expanduser() for kind, source in SECRET.findall(text) if kind == "file")
        found.update(path for path in named if path.is_file())
    return found


def _files_below(folder: Path) -> Iterator[Path]:
    """All, at any depth. Raises OSError for a folder that may not be looked into, which `rglob` passes over."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            yield from _files_below(path)
        elif path.is_file():
            yield path


def _data(what: str, settings: Settings) -> Finding:
    """The database holds customers; whoever may enter its folder and read it sees them."""
    database = Path(settings.database_url.removeprefix("sqlite:///"))
    places = [settings.home, database] if settings.database_url.startswith("sqlite:///") else [settings.home]
    there = [path for path in places if path.exists()]
    if settings.home.exists() and settings.home.stat().st_mode & stat.S_IWOTH:
        cure = say("Run `chmod o-w {files}`.", files=shown(settings.home))
        return bad(what, _("anybody may write into it"), cure)
    if there and all(path.stat().st_mode & STRANGERS for path in there):
        cure = say("Run `chmod 700 {files}`.", files=shown(settings.home))
        return note(what, _("every user of this machine may read it"), cure)
    return well(what, _("closed to other users"))


def _proxies() -> Finding:
    """Variables that other programs, Prefect among them, send their calls by; an ERP's proxy is in its own file."""
    set_ones = {scheme: url for scheme, url in urllib.request.getproxies().items() if scheme in PROXIES}
    if not set_ones:
        return well(_("Proxy variables"), _("none is set"))
    told = redacted(", ".join(f"{scheme}={url}" for scheme, url in sorted(set_ones.items())))
    if urllib.request.proxy_bypass("127.0.0.1"):
        return well(_("Proxy variables"), told + _("; not for this machine. ERPs are called as their files say"))
    cure = _("Add 127.0.0.1,localhost to NO_PROXY: Prefect's workers would ask the proxy for Prefect's own API.")
    return bad(_("Proxy variables"), told, cure)


def _trust() -> Finding:
    """Where certificates of authorities come from when a system names no ca_bundle."""
    what = _("Certificates of authorities")
    named = os.environ.get("SSL_CERT_FILE", "")
    if named and not os.access(named, os.R_OK):
        cure = say("SSL_CERT_FILE names {file}, which cannot be read. Correct it, or unset it.", file=named)
        return bad(what, _("cannot be read"), cure)
    usual = named or ssl.get_default_verify_paths().cafile or ssl.get_default_verify_paths().capath or "-"
    return well(what, say("those of Python's certifi, and {place}", place=usual))


def endings(settings: Settings, only: str | None) -> Iterator[Finding]:
    """Passwords and certificates of the systems, by what their files say."""
    from config.expiry import of_system

    now = datetime.now(UTC)
    for name in [only] if only else settings.system_names():
        try:
            for one in of_system(load_system(settings, name), now):
                yield ending(one)
        except ConfigError as exc:
            if exc.code in ("not-pem", "file-unreadable"):
                yield failed(say("Certificates of {name}", name=name), exc)


def ending(one: Expiry) -> Finding:
    """Bad when it has ended, a note when it ends soon."""
    from commands.failures import cause
    from config.expiry import SOON_DAYS, problem

    kinds = {
        "password": _("Password of {name}"),
        "client-certificate": _("Client certificate of {name}"),
        "ca-bundle": _("CA bundle of {name}"),
        "server-certificate": _("Certificate that {name} shows"),
    }
    what, until = kinds[one.what].format(name=one.system), say("until {on}", on=one.on.isoformat())
    if one.days > SOON_DAYS:
        return well(what, until)
    facts = problem(one)
    told = cause(facts["code"], facts)
    return bad(what, until, told) if one.days < 0 else note(what, until, told)
