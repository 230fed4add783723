"""A command typed by hand must work on the database on which `crosstie up` works, or on none.

Variables that only the service has are easily forgotten; what a command then finds (an empty database, or the file of
before a move to PostgreSQL) looks like an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import psutil

from config.errors import ConfigError
from config.settings import Settings, shown
from crm_core.engines import address


def require_same(settings: Settings, noted: Mapping[str, Any]) -> None:
    """Raises ConfigError when the supervisor that noted this of itself lives and has another database."""
    theirs, ours = str(noted.get("database", "")), address(settings.database_url)
    if theirs and ours and theirs != ours and _lives(noted):
        home, pid = shown(settings.home), str(noted["pid"])
        raise ConfigError("other-database", place=home, pid=pid, theirs=theirs, ours=ours)


def _lives(noted: Mapping[str, Any]) -> bool:
    with suppress(psutil.Error, TypeError, ValueError, KeyError):
        return bool(psutil.Process(int(noted["pid"])).create_time() == noted["created"])
    return False
