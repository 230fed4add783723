"""Reading files, and writing them so that a reader never sees half of one, and a secret is its owner's alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

from config.errors import ConfigError
from config.settings import shown

BINARY = getattr(os, "O_BINARY", 0)  # Windows only


def read_bytes(path: Path) -> bytes:
    """All of a file that a person named. Raises ConfigError."""
    try:
        return path.read_bytes()
    except FileNotFoundError as exc:
        raise ConfigError("file-missing", place=shown(path)) from exc
    except OSError as exc:
        raise ConfigError("file-unreadable", place=shown(path), why=exc.strerror or str(exc)) from exc


def write_text(path: Path, text: str, *, private: bool = False) -> None:
    """In UTF-8, whole or not at all."""
    write_bytes(path, text.encode(), private=private)


def write_bytes(path: Path, content: bytes, *, private: bool = False) -> None:
    """Whole or not at all: a reader never sees half a file."""
    write_made(path, lambda _file: content, private=private)


def write_made(path: Path, content: Callable[[IO[bytes]], bytes], *, private: bool = False) -> None:
    """`write_bytes` of what `content` makes of the new file, which is empty still and takes the place of `path`."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, 0o600 if private else 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content(file))
        part.replace(path)
    except OSError as exc:
        raise ConfigError("file-unwritable", place=shown(path), why=exc.strerror or str(exc)) from exc
