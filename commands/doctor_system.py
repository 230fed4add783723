"""What `crosstie doctor SYSTEM` asks of an ERP; nothing is written there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from commands.doctor_database import clock
from commands.doctor_files import ending
from commands.doctor_finding import Finding, bad, failed, note, tried, well
from commands.output import clean
from commands.texts import _, say
from config.exit_codes import OK, USAGE
from config.settings import Settings

if TYPE_CHECKING:
    from config.systems import System
    from config.wiring import Connector, Pong

PROBE_KEY = "CROSSTIE-DOCTOR"


def system_files(settings: Settings, only: str | None) -> Iterator[Finding]:
    """Each system's file, its secrets and its mapping."""
    names = [only] if only else settings.system_names()
    if not names:
        cure = _("Copy an example in config/systems, or run `crosstie sandbox up sap/s4 --system NAME`.")
        yield note(_("Systems"), _("none is configured"), cure)
    for name in names:
        yield _file(settings, name)


def _file(settings: Settings, name: str) -> Finding:
    from config.mapping_files import system_text
    from config.systems import load_system
    from config.wiring import open_connector

    def look() -> str:
        system = load_system(settings, name)
        open_connector(system).close()
        system_text(settings, system).load()
        return say("{product}, secrets found, mapping sound", product=system.file.product)

    return tried(say("System file {name}", name=name), look)


def online(settings: Settings, name: str, report: dict[str, Any]) -> Iterator[Finding]:
    """Everything we can see of it; `report` is filled with what can be sent to us."""
    from commands.doctor_tenant import pages
    from config.systems import load_system
    from config.wiring import open_connector

    system = load_system(settings, name)
    yield _way(system)
    connector = open_connector(system)
    what = say("Logging on to {name}", name=name)
    try:
        pong = connector.ping()
    except Exception as exc:
        yield failed(what, exc)
        return
    else:
        yield well(what, say("{url} as {user}", url=pong.url, user=pong.user))
        yield clock(_("Its clock"), pong.clock_offset_s, sandbox=True)
        yield from _certificate(system, pong)
        yield from _services(pong)
        yield from _carriers(system, connector)
        yield from _of_product(connector)
        yield _source_paths(settings, system, connector)
        yield from pages(settings, system, connector, report)
    finally:
        connector.close()


def _way(system: System) -> Finding:
    """Whether calls go by a proxy: only one that the system file names, never one of the variables."""
    what = say("Way to {name}", name=system.name)
    if system.file.proxy:
        return well(what, _("by the proxy in its file"))
    return well(what, _("direct, past any proxy variable"))


def _certificate(system: System, pong: Pong) -> Iterator[Finding]:
    from config.expiry import expiry, last_day

    if pong.certificate_until:
        on = last_day(pong.certificate_until, system)
        yield ending(expiry(system, "server-certificate", on, pong.url, datetime.now(UTC)))


def _services(pong: Pong) -> Iterator[Finding]:
    for service, state in sorted(pong.services.items()):
        what = say("Service {name}", name=service)
        if state == "ok":
            yield well(what, _("ok"))
        else:
            yield bad(what, clean(state), _("Activate it in the ERP and allow our user to call it."))


def _carriers(system: System, connector: Connector) -> Iterator[Finding]:
    """A look-up by a key that nobody uses must be answered, with nothing."""
    from config.wiring import product_of

    written = [obj for obj, resource in product_of(system).resources.items() if resource.write]
    for obj in written:
        what = say("Looking up our key in {obj}", obj=obj)

        def look(obj: str = obj) -> str:
            return say("{count} found, as expected", count=len(connector.find(obj, PROBE_KEY)))

        yield tried(what, look)


def _of_product(connector: Connector) -> Iterator[Finding]:
    """What only its product can have wrong."""
    from commands.failures import cause

    try:
        for check in connector.checks():
            state, found = check.state, cause(check.code, check.params)
            yield Finding(check.subject, state, clean(found), exit_code=USAGE if state == "bad" else OK)
    except Exception as exc:  # `failed` tells an island's error and raises any other again
        yield failed(_("Checks of the product"), exc)


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
        return failed(what, exc)
    errors = [line for one in found if one.severity == "error" for line in lines(finding(one))]
    if errors:
        return bad(what, say("{count} are not there", count=len(errors)), "\n".join(errors))
    return well(what, _("all there"))
