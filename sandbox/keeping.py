"""Keeps a sandbox's books in a file while it runs, so that one started again goes on where it was.

The file is a pickle: only the program that wrote it reads it, of the same version, from a folder of the user's own.
"""

from __future__ import annotations

import copyreg
import hashlib
import os
import pickle
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sandbox.front import Backend

EVERY_S = 1.0
"""The books are written so long after a change at the latest; large ones less often, at most a tenth of the time."""


def load(file: Path, product: str) -> tuple[Backend, dict[str, Any]]:
    """Books and info as `Keeper` wrote them. ValueError when the file is damaged or another program's."""
    try:
        kept = pickle.loads(file.read_bytes())
        head, backend, info = kept["of"], kept["backend"], kept["info"]
    except Exception as problem:  # a damaged pickle can raise anything
        raise ValueError(f"{file} does not hold a sandbox's books; delete it to begin anew") from problem
    if head != _head(product):
        raise ValueError(f"{file} comes from another product or version of the sandbox; delete it to begin anew")
    return backend, info


class Keeper:
    """Writes the books soon after they change; `lock` is held while they are looked at."""

    def __init__(
        self, file: Path, product: str, backend: Backend, info: dict[str, Any], lock: AbstractContextManager[Any]
    ) -> None:
        self._file, self._backend, self._lock = file, backend, lock
        self._kept = {"of": _head(product), "backend": backend, "info": info}
        self._version: int | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox keeper", daemon=True)

    def start(self) -> None:
        self._save()
        self._thread.start()

    def stop(self) -> None:
        """Write what is still to be written."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        pause, stopped = EVERY_S, False
        while not stopped:
            stopped = self._stopped.wait(pause)
            began = time.monotonic()
            try:
                self._save(even_unchanged=stopped)
            except OSError as problem:
                print(f"sandbox: the books could not be kept: {problem}", file=sys.stderr)
            pause = max(EVERY_S, 10 * (time.monotonic() - began))

    def _save(self, *, even_unchanged: bool = False) -> None:
        with self._lock:
            version = self._backend.version()
            if version == self._version and not even_unchanged:
                return
            content = pickle.dumps(self._kept, pickle.HIGHEST_PROTOCOL)
        _write(self._file, content)
        self._version = version


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all, for the owner's eyes alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
    part.replace(file)


def _head(product: str) -> tuple[str, str]:
    """The product, and a digest of the program: books of another version may lack what this one looks for."""
    digest = hashlib.blake2b(digest_size=16)
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    return product, digest.hexdigest()


def _mapping(proxy: MappingProxyType[Any, Any]) -> tuple[Any, tuple[Mapping[Any, Any]]]:
    return _frozen, (dict(proxy),)


def _frozen(content: Mapping[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(content)


copyreg.pickle(MappingProxyType, _mapping)  # pickle has no word of its own for it
