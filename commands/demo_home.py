"""The demo's home, below the installation's: made, claimed, emptied, and worked in."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from commands import session
from config.errors import ConfigError
from config.settings import Settings, default_database_url, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commands.home_lock import HomeLock

MARK = ".crosstie-demo"


def settings() -> Settings:
    """A home of its own below the installation's, so that nothing of a user's is touched."""
    home = session.settings().home / "demo"
    return Settings(home / "config", home, default_database_url(home))


@contextmanager
def inside(settings: Settings) -> Iterator[None]:
    """Commands and services called meanwhile work on the demo's home."""
    before = dict(os.environ)
    os.environ.update(settings.variables())
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def claim(settings: Settings) -> HomeLock:
    """The lock of the demo's home. Raises ConfigError for a folder that no demo made, and while another demo runs."""
    from commands import up
    from config.files import write_text

    home = settings.home
    if not (os.path.exists(home / MARK) or _is_empty(home)):
        raise ConfigError("demo-home-used", place=shown(home))
    write_text(home / MARK, "")
    try:
        return up.claim(settings)
    except ConfigError as exc:
        if exc.code != "up-runs-already":
            raise
        raise ConfigError("demo-runs", url=exc.params["console"], place=shown(home)) from exc


def _is_empty(folder: Path) -> bool:
    """Also where it is not there yet. Raises ConfigError where we may not look."""
    try:
        return not any(folder.iterdir())
    except FileNotFoundError:
        return True
    except OSError as exc:
        raise ConfigError("file-unreadable", place=shown(folder), why=exc.strerror or str(exc)) from exc


def start_clean(settings: Settings) -> None:
    """End and remove what the last demo left, but for the mark and the lock that we hold."""
    from commands import children
    from commands.supervisor import lock_file

    children.end([process for _name, process in children.found(settings)], grace_s=5)
    kept = {settings.home / MARK, lock_file(settings)}
    for path in sorted(settings.home.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            with suppress(OSError):  # one that holds what is kept
                path.rmdir()
        elif path not in kept:
            path.unlink()
