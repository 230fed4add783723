"""What this home remembers of its database: its newest audit entry. A database that lacks it was put back.

A file that is missing or unreadable remembers nothing; nothing depends on it but this one check.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

import msgspec

from config.errors import ConfigError
from config.files import write_bytes
from config.settings import Settings

if TYPE_CHECKING:
    from crm_core.database import Database
    from crm_core.installation import Seen


def recall(settings: Settings) -> Seen | None:
    """What was seen last of the database that this home worked on."""
    from crm_core.installation import Seen

    try:
        return msgspec.json.decode((settings.home / "witness.json").read_bytes(), type=Seen)
    except (OSError, msgspec.MsgspecError):
        return None


def remember(settings: Settings, database: Database) -> None:
    """Keep what is newest in the database now; without a word where that cannot be read or written."""
    from crm_core import installation
    from crm_core.errors import CrmError

    with suppress(ConfigError, CrmError):
        seen = installation.newest(database)
        if seen is None or seen == recall(settings):
            return
        write_bytes(settings.home / "witness.json", msgspec.json.encode(asdict(seen)))
