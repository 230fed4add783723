"""New databases of either kind for tests: SQLite in a file, PostgreSQL in the session's cluster.

Each is a copy of one that the migrations made, which is what an installation has, and quicker than making the tables.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import make_url

from crm_core.database import Database
from tests.postgres import Cluster


class Databases:
    """Makes databases of one kind: in `folder`, or in the cluster."""

    def __init__(self, folder: Path, cluster: Cluster | None = None) -> None:
        self.kind = "sqlite" if cluster is None else "postgresql"
        self._folder, self._cluster = folder, cluster
        self._numbers, self._template = count(1), ""

    @contextmanager
    def one(self, *, tables: bool = True) -> Iterator[str]:
        """The address of a new database, gone at the end; without `tables` it is quite empty."""
        url = self.copy(self._migrated()) if tables else self._empty()
        try:
            yield url
        finally:
            self.drop(url)

    def copy(self, url: str) -> str:
        """The address of a new database that holds what `url` holds. Nobody may be connected to that."""
        if self._cluster:
            return self._cluster.url(self._cluster.create(str(make_url(url).database)))
        copied = self._empty()
        for suffix in ("", "-wal"):  # the second one is there when a process that wrote was killed
            if (part := Path(f"{_file(url)}{suffix}")).is_file():
                shutil.copyfile(part, f"{_file(copied)}{suffix}")
        return copied

    def drop(self, url: str) -> None:
        """Remove a database with what it holds."""
        if self._cluster:
            self._cluster.drop(str(make_url(url).database))
            return
        for file in _file(url).parent.glob(f"{_file(url).name}*"):
            file.unlink()

    def _empty(self) -> str:
        if self._cluster:
            return self._cluster.url(self._cluster.create())
        return f"sqlite:///{self._folder / f'crm-{next(self._numbers)}.sqlite'}"

    def _migrated(self) -> str:
        if not self._template:
            self._template = self._empty()
            database = Database(self._template)
            database.upgrade()
            database.dispose()
        return self._template


def _file(url: str) -> Path:
    return Path(str(make_url(url).database))
