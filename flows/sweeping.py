"""What must happen now and then whoever forgot it: pushes of what is due, and an end to runs whose process is gone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from config.errors import ConfigError
from config.settings import Settings
from config.systems import load_system
from config.wiring import open_database
from crm_core import installation, outbox_entry, sync_state
from crm_core.database import utc_now

log = logging.getLogger("crosstie.flow")


@dataclass(frozen=True, slots=True)
class Swept:
    """How many dead runs were closed, and for which systems a push was started."""

    closed: int
    started: list[str]


def sweep(settings: Settings, start_push: Callable[[str], bool]) -> Swept:
    """`start_push` asks for a push of a system; it says whether it did. A disarmed database starts none."""
    database = open_database(settings)
    try:
        now = utc_now()
        closed = sync_state.interrupt_stale_runs(database, now)
        due = outbox_entry.due_systems(database, now) if installation.armed(database) else []
    finally:
        database.dispose()
    return Swept(closed, [name for name in due if _runs_by_itself(settings, name) and start_push(name)])


def _runs_by_itself(settings: Settings, name: str) -> bool:
    """Not a system whose schedule is switched off, nor one whose file is gone or broken: `status` tells of those."""
    try:
        return load_system(settings, name).file.schedule.active
    except ConfigError as exc:
        log.warning("%s is not pushed: %s", name, exc.code)
        return False
