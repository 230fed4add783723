"""Backup of an installation into one file: the CRM's database, settings, and Prefect's history. It works while running.

Mapping versions are rows of the database. Secrets stay out unless they are asked for.
"""

from __future__ import annotations

import os
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
from config.settings import Settings, shown
from config.system_file import SECRET
from config.systems import System, load_system

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
    left_out = [] if with_secrets else [Note("left-out-secrets")]
    try:
        plain, secret = _settings(settings), _all_secrets(settings) if with_secrets else []
        members: dict[str, tuple[Path, bool]] = {}
        for file, private in (dict.fromkeys(plain, False) | dict.fromkeys(secret, True)).items():
            if not (name := _member(settings, file)):
                left_out.append(Note("left-out-elsewhere", {"name": str(file)}))
            elif not archive.NAME.fullmatch(name):
                left_out.append(Note("left-out-file", {"name": name}))
            elif file.is_file():
                members[name] = file, private
    except OSError as exc:
        raise ConfigError("file-unreadable", place=shown(Path(exc.filename)), why=exc.strerror or str(exc)) from exc
    for name, (file, private) in members.items():
        out.add(name, [read_bytes(file)], private=private)
    return left_out


def _settings(settings: Settings) -> list[Path]:
    """Settings, with the certificates of authorities that systems trust; a client's own is a secret."""
    found = [
        *_in(settings.systems, "*.yaml"),
        *_in(settings.overlays, "*.yaml"),
        *_in(settings.config, "ownership.yaml"),
    ]
    bundles = [system.path(system.file.ca_bundle) for system in _systems(settings) if system.file.ca_bundle]
    return [_plain(file) for file in [*found, *bundles]]


def _all_secrets(settings: Settings) -> list[Path]:
    """What is kept for them in the home, and every file that a system names for one, wherever it lies."""
    named = [file for system in _systems(settings) for file in _secrets(system)]
    return [_plain(file) for file in [*_kept(settings.secrets), *named]]


def _secrets(system: System) -> Iterator[Path]:
    if own := system.file.client_certificate:
        yield from (system.path(text) for text in (own.certificate, own.key) if text)
    for text in _texts(system.file.model_dump()):
        if (found := SECRET.fullmatch(text)) and found[1] == "file":
            yield system.settings.home / Path(found[2]).expanduser()


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)


def _systems(settings: Settings) -> Iterator[System]:
    for name in settings.system_names():
        with suppress(ConfigError):  # a broken file is kept as it is
            yield load_system(settings, name)


def _member(settings: Settings, file: Path) -> str:
    """The name in a backup of what lies in a folder of ours; empty elsewhere."""
    for name, folder in (("secrets", settings.secrets), ("config", settings.config)):
        if file.is_relative_to(own := _plain(folder)):
            return f"{name}/{file.relative_to(own).as_posix()}"
    return ""


def _plain(path: Path) -> Path:
    """Without `..`; where links lead is left to those who made them."""
    return Path(os.path.abspath(path))


def _in(folder: Path, pattern: str) -> Iterator[Path]:
    return (file for file in sorted(folder.glob(pattern)) if file.is_file() and not file.name.startswith("."))


def _kept(folder: Path) -> Iterator[Path]:
    """Every file below it, none that is hidden. Raises OSError where we may not look."""
    for place, folders, names in os.walk(folder, onerror=_unless_missing):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def _unless_missing(exc: OSError) -> None:
    if not isinstance(exc, FileNotFoundError):
        raise exc


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
