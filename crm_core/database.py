"""One door to the database: engine, transactions, and errors a person can act on.

SQLite runs in WAL with one writer (BEGIN IMMEDIATE, so that a transaction never fails half-way for a lock);
PostgreSQL by URL alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from crm_core.errors import StoreError

Clock = Callable[[], datetime]
BUSY_SECONDS = 30
MIGRATIONS = Path(__file__).parent / "migrations"


def utc_now() -> datetime:
    """The present, aware, in UTC."""
    return datetime.now(UTC)


class Database:
    """`url` as SQLAlchemy takes it. Raises StoreError where the database cannot be used."""

    def __init__(self, url: str) -> None:
        self.url = _parsed(url)
        self.place = self.url.database if self.is_sqlite else self.url.render_as_string(hide_password=True)
        if self.is_sqlite and self.url.database:
            _make_folder(Path(self.url.database), str(self.place))
        self.engine = _engine(self.url)

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that may write; all of it is stored, or nothing."""
        with self._errors(), self.engine.connect() as connection, connection.begin():
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view; what it writes by mistake is rolled back."""
        with self._errors(), self.engine.connect() as connection, connection.begin() as transaction:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            yield connection
            transaction.rollback()

    def upgrade(self) -> str:
        """Bring the tables to this program's version; return that version."""
        from alembic import command  # slow to import, and hardly ever needed
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self._errors(), self.engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
        return head_version()

    def version(self) -> str:
        """The version of the tables; empty when there are none yet."""
        with self._errors(), self.engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return ""
            return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() or ""

    def require_version(self) -> None:
        """Refuse to work on tables of another version."""
        found, needed = self.version(), head_version()
        if found == needed:
            return
        code = "database-old" if not found or found in versions() else "database-new"
        raise StoreError(code, place=str(self.place), found=found or "-", needed=needed)

    def dispose(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as exc:
            raise self._store_error(exc) from exc

    def _store_error(self, exc: DBAPIError) -> Exception:
        text, place = str(exc.orig).lower(), str(self.place)
        if "readonly" in text or "read-only" in text or "permission denied" in text:
            return StoreError("database-read-only", place=place)
        if "locked" in text or "lock timeout" in text:
            return StoreError("database-busy", place=place, seconds=str(BUSY_SECONDS))
        if "not a database" in text or "malformed" in text:
            return StoreError("database-broken", place=place)
        if "full" in text or "no space" in text:
            return StoreError("database-full", place=place)
        if isinstance(exc.orig, sqlite3.OperationalError) and "no such table" in text:
            return StoreError("database-old", place=place, found="-", needed=head_version())
        if "unable to open" in text or "could not connect" in text or "connection refused" in text:
            return StoreError("database-unreachable", place=place, why=text.splitlines()[0])
        return exc


def versions() -> list[str]:
    """All versions the tables ever had, oldest first: each migration's file begins with its own."""
    return sorted(file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def head_version() -> str:
    """The version of the tables that this program needs."""
    return versions()[-1]


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError("database-url") from None  # the text may hold a password
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError("database-url")
    return parsed


def _make_folder(path: Path, place: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreError("database-unreachable", place=place, why=exc.strerror or str(exc)) from exc


def _engine(url: Any) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are ours: BEGIN is sent by write() and read()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_SECONDS * 1000}",
        ):
            try:
                connection.execute(f"PRAGMA {pragma}")
            except sqlite3.OperationalError as exc:
                if "readonly" not in str(exc):
                    raise  # a read-only database can still be read; a write says so itself

    return engine
