"""What `crosstie doctor SYSTEM` says of a page of every object, and the report of it that can be sent to us."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from commands.doctor_finding import Finding, failed, note, well
from commands.texts import _, say
from config.settings import Settings

if TYPE_CHECKING:
    from config.systems import System
    from config.wiring import Connector
    from flows.tenant import Look

SHOWN = 12


def pages(settings: Settings, system: System, connector: Connector, report: dict[str, Any]) -> Iterator[Finding]:
    """One page of every object by every way of reading it; `report` is filled on the way."""
    from config.mapping_files import system_text
    from config.wiring import product_of
    from flows.tenant import looks

    product = product_of(system)
    objects: dict[str, Any] = {}
    report |= {"product": product.name, "unverified": product.unverified, "objects": objects}
    for look in looks(connector, system_text(settings, system).load()):
        objects.setdefault(look.obj, {})[look.read] = _facts(look)
        yield _finding(look)


def _facts(look: Look) -> dict[str, Any]:
    if look.error:
        return {"error": type(look.error).__name__, "code": getattr(look.error, "code", "")}
    told = {"mapped": look.mapped, "refused": dict(look.refused), "doubles": look.doubles}
    return {"read": look.records, **told, "empty": list(look.empty)}


def _finding(look: Look) -> Finding:
    what = say("First page of {obj} ({read})", obj=look.obj, read=look.read)
    if look.error:
        return failed(what, look.error)
    if look.refused:
        codes = ", ".join(f"{code} {count}" for code, count in look.refused.items())
        left = look.records - look.mapped
        told = say("{count} of {read} cannot be mapped: {codes}", count=left, read=look.records, codes=codes)
        return note(what, told, _("`crosstie preview SYSTEM OBJECT` shows such a record and why."))
    told = say("{count} read and mapped", count=look.records)
    if not look.empty:
        return well(what, told)
    fields = ", ".join(look.empty[:SHOWN])
    return well(what, say("{told}; without a value in all of them: {fields}", told=told, fields=fields))
