"""Backup of an installation into one file: the CRM's database, settings, and Prefect's history. It works while running.

Mapping versions are rows of the database. Secrets stay out unless they are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from config import archive, prefect_history
from config.archive import Manifest, Note, Watch, Writer
from config.errors import ConfigError
from config.files import read_bytes
from config.settings import Settings
from config.systems import load_system

if TYPE_CHECKING:
    from crm_core.access import Actor
    from crm_core.database import Database


def default_path(settings: Settings, environment: str, now: datetime) -> Path:
    """A new name in the home, in order of time."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", environment)
    return settings.home / "backups" / f"crosstie-{name}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.zip"


def backup(
    settings: Settings,
    db: Database,
    actor: Actor,
    now: datetime,
    path: Path | None,
    *,
    with_secrets: bool,
    watch: Watch,
) -> tuple[Path, Manifest]:
    """Write the backup; without `path` into the home. Raises ConfigError or StoreError, then no file is left."""
    from crm_core import access, snapshot

    access.require(actor, "installation.backup")
    with ExitStack() as until_read:
        taken = until_read.enter_context(snapshot.taken(db))
        target = path or default_path(settings, taken.environment, now)
        with archive.written(target, now, watch) as out:
            for name in taken.tables:
                out.add(f"database/{name}.jsonl", taken.rows(name), rows=True)
            until_read.close()  # the rest may take long, and a server ends a transaction that does nothing
            left_out = _files(settings, out, with_secrets=with_secrets) + _history(settings, out, target.parent)
            manifest = Manifest(
                format=archive.FORMAT,
                created_at=now,
                program=_program(),
                environment=taken.environment,
                prefix=taken.prefix,
                database="sqlite" if db.is_sqlite else "postgresql",
                database_version=taken.version,
                members=out.members,
                left_out=left_out,
            )
            out.finish(manifest)
    return target, manifest


def _files(settings: Settings, out: Writer, *, with_secrets: bool) -> list[Note]:
    """Add the settings; returns what was left out."""
    named = [("config/systems", file) for file in _in(settings.systems, "*.yaml")]
    named += [("config/mappings", file) for file in _in(settings.overlays, "*.yaml")]
    named += [("config", file) for file in _in(settings.config, "ownership.yaml")]
    named += [("secrets", file) for file in _in(settings.secrets, "*")] if with_secrets else []
    left_out = [] if with_secrets else [Note("left-out-secrets")]
    found = {f"{folder}/{file.name}": file for folder, file in named}
    for file in _authorities(settings):
        if file.is_relative_to(settings.config):
            found[f"config/{file.relative_to(settings.config).as_posix()}"] = file
        else:
            left_out.append(Note("left-out-elsewhere", {"name": str(file)}))
    for name, file in found.items():
        if archive.NAME.fullmatch(name):
            out.add(name, [read_bytes(file)])
        else:
            left_out.append(Note("left-out-file", {"name": name}))
    return left_out


def _authorities(settings: Settings) -> list[Path]:
    """The certificates of authorities that system files name; a client's own is a secret of the installation."""
    found = set()
    for name in settings.system_names():
        with suppress(ConfigError):  # a broken file is kept as it is
            system = load_system(settings, name)
            if system.file.ca_bundle and (file := system.path(system.file.ca_bundle)).is_file():
                found.add(file)
    return sorted(found)


def _in(folder: Path, pattern: str) -> Iterator[Path]:
    return (file for file in sorted(folder.glob(pattern)) if file.is_file() and not file.name.startswith("."))


def _history(settings: Settings, out: Writer, folder: Path) -> list[Note]:
    """Add Prefect's history; returns what was left out."""
    copy = archive.aside(folder / "history")
    try:
        saved = prefect_history.save(settings, copy)
        if isinstance(saved, Note):
            return [saved]
        with copy.open("rb") as stream:
            out.add(saved, iter(lambda: stream.read(archive.PIECE), b""))
        return []
    finally:
        copy.unlink(missing_ok=True)


def _program() -> str:
    try:
        return version("crosstie")
    except PackageNotFoundError:
        return ""
