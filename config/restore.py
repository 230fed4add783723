"""Bring an installation back from a backup: checked first, the database in one transaction, then settings and history.

Afterwards it writes to no ERP until it was asked what happened since (`crm_core.doubt`).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from config import archive, prefect_history
from config.archive import Archive, Manifest, Member, Note, Watch
from config.errors import ConfigError
from config.files import read_bytes, write_bytes
from config.settings import Settings, shown

if TYPE_CHECKING:
    from crm_core.access import Actor
    from crm_core.database import Database


@dataclass(slots=True)
class Restored:
    """What came back. `unknown` entries are looked up before they are sent; `interrupted` runs were under way.

    `kept` is where files lie that others took the place of; `history` says why Prefect's did not come back.
    """

    manifest: Manifest
    rows: int = 0
    unknown: int = 0
    interrupted: int = 0
    files: list[str] = field(default_factory=list)
    kept: str = ""
    history: Note | None = None


def verify(path: Path, watch: Watch) -> Manifest:
    """Check a backup from end to end. Raises ConfigError."""
    with archive.opened(path, watch) as found:
        return found.manifest


def restore(
    settings: Settings,
    db: Database,
    actor: Actor,
    now: datetime,
    path: Path,
    *,
    replace: bool,
    with_config: bool,
    watch: Watch,
) -> Restored:
    """Nothing is touched unless the whole backup is good; a database that is not empty is refused without `replace`.

    Raises ConfigError, StoreError or RefusedError.
    """
    from crm_core import restored

    with archive.opened(path, watch) as found:
        manifest = found.manifest
        if with_config:
            _require_writable(settings, manifest)
        tables = {member.name[9:-6]: member for member in manifest.named("database")}
        source = {name: _counted(found, member, watch) for name, member in tables.items()}
        facts = restored.restore(db, actor, now, manifest.database_version, source, replace=replace, name=path.name)
        done = Restored(manifest, facts["rows"], facts["unknown"], facts["interrupted"])
        if with_config:
            done.files, done.kept = _put_files(settings, found, now)
        done.history = _put_history(settings, found, settings.home / "backups")
    return done


def _counted(found: Archive, member: Member, watch: Watch) -> Iterator[bytes]:
    for number, line in enumerate(found.lines(member)):
        if number % 1000 == 0:
            watch(member.name, number)
        yield line


def _targets(settings: Settings, manifest: Manifest) -> Iterator[tuple[Member, Path]]:
    """Settings and secrets, and where each belongs."""
    for member in [*manifest.named("config"), *manifest.named("secrets")]:
        folder, _, rest = member.name.partition("/")
        yield member, (settings.config if folder == "config" else settings.secrets) / rest


def _require_writable(settings: Settings, manifest: Manifest) -> None:
    """Else the database would be another one already when that shows. Raises ConfigError."""
    for _member, target in _targets(settings, manifest):
        folder = next(parent for parent in target.parents if os.path.exists(parent))
        if not os.access(folder, os.W_OK):
            raise ConfigError("file-unwritable", place=shown(target), why=os.strerror(errno.EACCES))


def _put_files(settings: Settings, found: Archive, now: datetime) -> tuple[list[str], str]:
    """Settings and secrets as they were; what differs here is moved aside first."""
    aside = settings.home / "backups" / f"replaced-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    written, kept = [], ""
    for member, target in _targets(settings, found.manifest):
        content = found.read(member)
        before = read_bytes(target) if target.is_file() else content
        if before != content:
            write_bytes(aside / member.name, before, private=True)
            kept = shown(aside)
        write_bytes(target, content, private=member.private or member.name.startswith("secrets/"))
        written.append(member.name)
    return written, kept


def _put_history(settings: Settings, found: Archive, folder: Path) -> Note | None:
    members = found.manifest.named("prefect")
    if not members:
        return Note("history-not-there")
    file = archive.aside(folder / "history")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as out:
            found.copy(members[0], out)
        return prefect_history.put_back(settings, members[0].name, file)
    except OSError as exc:
        raise ConfigError("file-unwritable", place=shown(folder), why=exc.strerror or str(exc)) from exc
    finally:
        file.unlink(missing_ok=True)
