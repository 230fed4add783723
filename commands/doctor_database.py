"""What `crosstie doctor` looks at in our database and in Prefect's API."""

from __future__ import annotations

from collections.abc import Iterator

from commands.doctor_finding import Finding, bad, failed, note, well
from commands.texts import _, say
from config.errors import ConfigError
from config.settings import Settings

CLOCK_LIMIT_S = 300
"""More than this and leases, due times and stamps of several machines no longer fit together."""
NEEDED_POSTGRESQL = 14


def database(settings: Settings) -> Iterator[Finding]:
    """Version, write permission, and the clock of a server; nothing is made or changed."""
    from config.wiring import existing_database
    from crm_core.server import server

    what = _("Database")
    try:
        with existing_database(settings) as found:
            with found.write():
                pass
            told = {"place": found.place, "version": found.version()}
            yield well(what, say("{place}, version {version}, writable", **told))
            if facts := server(found):
                yield _version(facts.version)
                yield clock(_("Clock of the database"), facts.clock_offset_s)
    except Exception as exc:
        if getattr(exc, "code", "") == "database-missing":
            yield note(what, _("there is none yet"), failed(what, exc).cure)
        else:
            yield failed(what, exc)


def _version(version: str) -> Finding:
    if int(version.partition(".")[0]) < NEEDED_POSTGRESQL:
        return bad("PostgreSQL", version, say("Upgrade the server to {needed} or newer.", needed=NEEDED_POSTGRESQL))
    return well("PostgreSQL", version)


def clock(what: str, offset_s: float, *, sandbox: bool = False) -> Finding:
    """`offset_s`: how far the other clock is ahead of ours."""
    found = say("{seconds} s ahead of ours", seconds=f"{offset_s:+.0f}")
    if abs(offset_s) <= CLOCK_LIMIT_S:
        return well(what, found)
    if sandbox:
        return note(what, found, _("Set both clocks by NTP. A sandbox keeps a clock of its own: there it is meant."))
    return bad(what, found, _("Set both clocks by NTP."))


def prefect() -> Iterator[Finding]:
    """Prefect's API, where the variables name one."""
    from config.prefect_api import installed_version, prefect_api

    api = prefect_api()
    if api is None:
        return
    try:
        api.ready()
        server, here = api.version(), installed_version()
        if server != here:
            raise ConfigError("prefect-differs", url=api.url, server=server, here=here)
        yield well("Prefect", f"{api.url}, {server}")
    except ConfigError as exc:
        yield failed("Prefect", exc)
