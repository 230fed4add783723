"""crosstie backup, restore: an installation in one file, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import typer

from commands import session
from commands.app import Command, examples
from commands.home_lock import HomeLock
from commands.output import output
from commands.progress import progress
from commands.texts import _, say
from config.errors import ConfigError
from config.exit_codes import OK
from config.settings import Settings, shown

if TYPE_CHECKING:
    from config.archive import Manifest, Note
    from config.restore import Restored


def backup(
    words: list[str] = typer.Argument(None, metavar="[verify] FILE", help="the file to write, else one in the home"),
    with_secrets: bool = typer.Option(
        False,
        "--with-secrets",
        help="also the secrets kept in the home, and the certificates and keys that system files name",
    ),
) -> int:
    """Write the CRM's database, the settings and Prefect's history into one file; or check such a file.

    It works while everything runs, and one of SQLite restores into PostgreSQL and the reverse. The file holds customer
    data: keep it where only admins can read it.
    """
    match words or []:
        case ["verify", file]:
            return _verify(Path(file))
        case [] | [_] if words != ["verify"]:
            return _write([Path(word) for word in words or []], with_secrets=with_secrets)
    raise ConfigError("backup-usage", words=" ".join(words))


def _write(named: list[Path], *, with_secrets: bool) -> int:
    from config.backup import backup as write
    from config.wiring import raw_database

    settings = session.settings()
    database = raw_database(settings)
    try:
        with progress(_("Backup")) as tell:
            path, manifest = write(
                settings,
                database,
                session.actor(),
                session.now(),
                next(iter(named), None),
                with_secrets=with_secrets,
                watch=tell,
            )
    finally:
        database.dispose()
    size = path.stat().st_size
    if not output.result({"file": str(path), "bytes": size, **_facts(manifest)}):
        output.note(say("Written: {file} ({size} MB)", file=shown(path), size=_megabytes(size)))
        _tell(manifest)
    return OK


def _verify(path: Path) -> int:
    from config.restore import verify

    with progress(_("Verify")) as tell:
        manifest = verify(path, tell)
    if not output.result({"file": str(path), "bytes": path.stat().st_size, "ok": True, **_facts(manifest)}):
        output.note(say("{file} is whole.", file=shown(path)))
        _tell(manifest)
    return OK


def restore(
    file: str = typer.Argument(..., metavar="FILE", help="what `crosstie backup` wrote"),
    replace: bool = typer.Option(False, "--replace", help="give up everything that is in the database now"),
    with_config: bool = typer.Option(False, "--config", help="also settings, and secrets if they are in it"),
) -> int:
    """Bring the database back from a backup; it then writes to no ERP until every one was asked what happened since.

    Checked before anything is touched; killed half-way, it leaves the database as it was.
    """
    from config.restore import restore as bring_back
    from config.wiring import raw_database

    settings = session.settings()
    with _alone(settings):
        database = raw_database(settings)
        try:
            with progress(_("Restore")) as tell:
                done = bring_back(
                    settings,
                    database,
                    session.actor(),
                    session.now(),
                    Path(file),
                    replace=replace,
                    with_config=with_config,
                    watch=tell,
                )
        finally:
            database.dispose()
    _restored(settings, done)
    return OK


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Nobody runs `crosstie up` here meanwhile. Raises ConfigError when somebody does."""
    lock = HomeLock(settings.home / "run" / "up.lock")
    if not lock.take():
        raise ConfigError("up-runs", place=shown(settings.home))
    try:
        yield
    finally:
        lock.release()


def _restored(settings: Settings, done: Restored) -> None:
    manifest, names = done.manifest, settings.system_names()
    data: dict[str, Any] = {**_facts(manifest), "rows": done.rows, "unknown": done.unknown}
    data |= {"interrupted": done.interrupted, "files": done.files, "replaced_files": done.kept, "armed": False}
    if output.result({**data, "history": _text(done.history) if done.history else ""}):
        return
    facts = {"rows": f"{done.rows:,}", "at": f"{manifest.created_at.astimezone():%Y-%m-%d %H:%M:%S}"}
    output.note(say("Restored: {rows} rows, as of {at}.", **facts))
    if done.files:
        output.note(say("Settings written: {files}", files=", ".join(done.files)))
    if done.kept:
        output.note(say("What stood there before is in {folder}.", folder=done.kept))
    if done.history:
        output.note(_text(done.history))
    if done.unknown:
        output.note(
            say("{count} entries of the outbox may have been sent since: they are looked up first.", count=done.unknown)
        )
    output.note(_("Nothing is written to an ERP until these were run:"))
    for line in [*(f"systems adopt {name}" for name in names or ["SYSTEM"]), "systems arm"]:
        output.note(f"  crosstie {line}")


def _facts(manifest: Manifest) -> dict[str, Any]:
    """For --json: the manifest without every single member."""
    tables = {member.name[9:-6]: member.rows for member in manifest.named("database")}
    plain: dict[str, Any] = msgspec.to_builtins(manifest)
    del plain["members"]
    others = [member.name for member in manifest.members if member.rows is None]
    return {**plain, "left_out": [_text(note) for note in manifest.left_out], "tables": tables, "files": others}


def _tell(manifest: Manifest) -> None:
    rows = sum(member.rows or 0 for member in manifest.members)
    files = sum(member.rows is None for member in manifest.members)
    facts = {
        "environment": manifest.environment,
        "at": f"{manifest.created_at.astimezone():%Y-%m-%d %H:%M:%S}",
        "rows": f"{rows:,}",
        "files": files,
    }
    output.note(say("Environment {environment} as of {at}: {rows} rows, {files} files.", **facts))
    for note in manifest.left_out:
        output.note(_text(note))


def _text(note: Note) -> str:
    from commands.failures import cause

    return cause(note.code, note.params)


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.1f}"


def register(app: typer.Typer) -> None:
    app.command(
        cls=Command,
        epilog=examples(
            ("backup", "into the home, named after environment and time"),
            ("backup /mnt/safe/crosstie.zip --with-secrets", "into a file, with the secrets"),
            ("backup verify /mnt/safe/crosstie.zip", "is it whole?"),
        ),
    )(backup)
    app.command(
        cls=Command,
        epilog=examples(
            ("restore crosstie.zip", "into an empty database"),
            ("restore crosstie.zip --replace --config", "over what is there, settings too"),
        ),
    )(restore)
