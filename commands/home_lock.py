"""Who supervises a home: a lock held by the operating system, so that it is free the moment its holder is gone."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from config.errors import ConfigError
from config.settings import shown


class HomeLock:
    """At most one process holds the lock of a file; child processes do not inherit it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def take(self) -> bool:
        """Whether it is ours now. Raises ConfigError where the file cannot be written."""
        file = self._open()
        try:
            _lock(file)
        except OSError:  # somebody else holds it
            file.close()
            return False
        self._file = file
        return True

    def is_free(self) -> bool:
        """Whether nobody holds it at this moment."""
        free = self.take()
        self.release()
        return free

    def release(self) -> None:
        if self._file:
            with suppress(OSError):
                _unlock(self._file)
            self._file.close()
            self._file = None

    def _open(self) -> IO[bytes]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return self._path.open("ab")
        except OSError as exc:
            raise ConfigError("file-unwritable", place=shown(self._path), why=exc.strerror or str(exc)) from exc


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    def _unlock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
