"""What this home remembers of its database: its newest audit entry. A database that lacks it was put back.

The note also bears the mark of the very file it stands in, which no copy of that file has. So a home that was put back
as a whole, database and note alike, is noticed too. A file that is missing or unreadable remembers nothing; nothing
depends on it but these checks.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec

from config.errors import ConfigError
from config.files import write_made
from config.settings import Settings

if TYPE_CHECKING:
    from crm_core.database import Database
    from crm_core.installation import Seen


def recall(settings: Settings) -> Seen | None:
    """What was seen last of the database that this home worked on."""
    from crm_core.installation import Seen

    try:
        with _note(settings).open("rb") as file:
            note = msgspec.json.decode(file.read(), type=dict[str, Any])
            mark = note.pop("mark", None)
            seen = msgspec.convert(note, type=Seen)
            return replace(seen, original=mark is None or _is_of(mark, file))
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
        note = asdict(seen)
        del note["original"]
        write_made(_note(settings), lambda file: msgspec.json.encode({**note, "mark": _mark(file)}))


def _note(settings: Settings) -> Path:
    return settings.home / "witness.json"


def _mark(file: IO[bytes]) -> str:
    """What tells an open file from every copy of it, also from one made in its place: its number and its generation."""
    return f"{os.fstat(file.fileno()).st_ino}/{_generation(file)}"


def _is_of(mark: str, file: IO[bytes]) -> bool:
    """A generation that was not told once says nothing."""
    number, _, generation = mark.partition("/")
    have = _mark(file).partition("/")
    return number == have[0] and (not generation or not have[2] or generation == have[2])


if sys.platform == "linux":
    import array
    import fcntl

    def _generation(file: IO[bytes]) -> str:
        """What the file system drew when the file was made, for numbers are used again; empty where it does not say."""
        found = array.array("l", [0])
        ask = (2 << 30) | (found.itemsize << 16) | (ord("v") << 8) | 1  # FS_IOC_GETVERSION of linux/fs.h
        try:
            fcntl.ioctl(file.fileno(), ask, found, True)
        except OSError:
            return ""
        return str(found[0])

else:

    def _generation(file: IO[bytes]) -> str:
        """Elsewhere the number alone must do; on Windows it never comes again."""
        return ""
