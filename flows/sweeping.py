"""What must happen now and then whoever forgot it: pushes of what is due, and an end to runs whose process is gone.

Prefect notices most lost runs by itself (flows.automations), but not one that was started again and lost within the
same window. Our own leases see every one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from config.errors import ConfigError
from config.settings import Settings
from config.systems import load_system
from config.wiring import open_database
from crm_core import installation, outbox_entry, sync_state
from crm_core.server import clock_of

REST = timedelta(seconds=30)
"""Between two leases of one run of Prefect's: reconciling object after object, or waiting for a place."""
log = logging.getLogger("crosstie.flow")


@dataclass(frozen=True, slots=True)
class Swept:
    """How many dead runs were closed, for which systems a push was started, and how many runs Prefect had lost."""

    closed: int
    started: list[str]
    lost: int


def sweep(settings: Settings, start_push: Callable[[str], bool], end_lost: Callable[[set[str]], int]) -> Swept:
    """`start_push` asks for a push of a system and says whether it did; a disarmed database starts none.

    `end_lost` is given Prefect's ids of the runs that live, ends those it believes in beside them, and says how many.
    """
    database = open_database(settings)
    try:
        now = clock_of(database)()
        closed = sync_state.interrupt_stale_runs(database, now)
        alive = sync_state.alive_in_prefect(database, now, REST)
        due = outbox_entry.due_systems(database, now) if installation.armed(database) else []
    finally:
        database.dispose()
    lost = end_lost(alive)
    return Swept(closed, [name for name in due if _runs_by_itself(settings, name) and start_push(name)], lost)


def _runs_by_itself(settings: Settings, name: str) -> bool:
    """Not a system whose schedule is switched off, nor one whose file is gone or broken: `status` tells of those."""
    try:
        return load_system(settings, name).file.schedule.active
    except ConfigError as exc:
        log.warning("%s is not pushed: %s", name, exc.code)
        return False
