"""How the installation stands: what the database knows of each system, and what the settings say will end soon."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from config import expiry
from config.errors import ConfigError
from config.expiry import Expiry
from config.settings import Settings
from config.systems import load_system

if TYPE_CHECKING:
    from crm_core.access import Actor
    from crm_core.database import Database
    from crm_core.status import Standing


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on age is a problem, in seconds and days."""

    stale_s: float = 86_400
    waiting_s: float = 3_600
    expiry_days: int = expiry.SOON_DAYS


@dataclass(frozen=True, slots=True)
class Health:
    """`problems`: code and params each; the text of a code is in an island's messages. Empty when all is well."""

    standing: Standing
    expiries: list[Expiry]
    problems: list[dict[str, str]]


def health(
    settings: Settings,
    database: Database,
    actor: Actor,
    now: datetime,
    systems: Sequence[str] = (),
    limits: Limits | None = None,
) -> Health:
    """All systems that are configured or known, or those named. Raises StoreError."""
    from crm_core import status

    limits = limits or Limits()
    names = [name for name in settings.system_names() if not systems or name in systems]
    standing = status.standing(database, actor, now, systems, also=names)
    ends = [one for one in expiry.expiries(settings, now) if not systems or one.system in systems]
    found = status.problems(standing.systems, stale_s=limits.stale_s, waiting_s=limits.waiting_s, armed=standing.armed)
    read = {row["system"] for row in standing.systems if row["objects"]}
    found += [problem for name in names for problem in _file_problems(settings, name, read)]
    return Health(standing, ends, [*found, *expiry.problems(ends, soon_days=limits.expiry_days)])


def _file_problems(settings: Settings, name: str, read: Container[str]) -> list[dict[str, str]]:
    """A system whose file is broken is neither read nor written; one that has a schedule should be in `read`."""
    try:
        system = load_system(settings, name)
    except ConfigError as exc:
        return [{"system": name, **exc.params, "code": exc.code}]
    unread = system.file.schedule.active and name not in read
    return [{"system": name, "code": "never-read"}] if unread else []
