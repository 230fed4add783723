"""One door to the database: transactions, the tables' version, and errors a person can act on.

SQLite or PostgreSQL by URL alone; `crm_core.engines` knows what differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from sqlalchemy import URL, Connection, inspect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, TimeoutError

from crm_core import database_errors
from crm_core.database_errors import ConflictError
from crm_core.engines import begin_reading, begin_writing, migrating, open_engine, shown
from crm_core.errors import StoreError

P = ParamSpec("P")
T = TypeVar("T")
Clock = Callable[[], datetime]
MIGRATIONS = Path(__file__).parent / "migrations"
_TRIES = 4


def utc_now() -> datetime:
    """The present, aware, in UTC."""
    return datetime.now(UTC)


class Database:
    """`url` as SQLAlchemy takes it. Raises StoreError where the database cannot be used."""

    def __init__(self, url: str) -> None:
        self.url = _parsed(url)
        self.place = shown(self.url)
        if self.is_sqlite and self.url.database and not self.url.database.startswith("file:"):
            _make_folder(Path(self.url.database), self.place)
        self.engine = open_engine(self.url)

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def write(self, *, alone: bool = True) -> Iterator[Connection]:
        """One transaction that may write; all of it is stored, or nothing.

        `alone`: no other writes meanwhile, so what it has read stays true. Not `alone` is for pages and outbox entries
        on PostgreSQL, which leases keep apart: they run beside each other, and append to the audit last of all.
        """
        with self._errors(), self.engine.connect() as connection, connection.begin():
            begin_writing(connection, alone=alone)
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view. It is for reading only: a write is refused, or (SQLite) rolled back."""
        with self._errors(), self.engine.connect() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin() as transaction:
                begin_reading(connection)
                yield connection
                transaction.rollback()

    def upgrade(self) -> str:
        """Bring the tables to this program's version, all or nothing; return that version.

        Safe for several processes at once. Raises StoreError when a newer program made the tables.
        """
        found = self.version()
        if found and found not in versions():
            raise StoreError("database-new", place=self.place, found=found, needed=head_version())
        self._migrate("upgrade", "head")
        return head_version()

    def downgrade(self, version: str) -> None:
        """Bring the tables back to an earlier version, for an older program: what only newer ones have is lost.

        Raises StoreError for a version that is none, or newer than the tables are.
        """
        found = self.version()
        earlier = [known for known in versions() if known <= found]
        if found not in versions() or version not in earlier:
            raise StoreError("version-unknown", place=self.place, version=version, known=", ".join(earlier) or "-")
        self._migrate("downgrade", version)

    def _migrate(self, direction: str, version: str) -> None:
        from alembic import command  # slow to import, and hardly ever needed
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self._errors(), migrating(self.engine) as connection:
            config.attributes["connection"] = connection
            getattr(command, direction)(config, version)

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
        raise StoreError(code, place=self.place, found=found or "-", needed=needed)

    def dispose(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as exc:
            if error := database_errors.told(exc, self.place, head_version()):
                raise error from exc
            raise
        except TimeoutError as exc:
            raise StoreError("database-crowded", place=self.place) from exc


def done_anew(transaction: Callable[P, T]) -> Callable[P, T]:
    """For a function that is one whole transaction: when another one got in its way, it is done again, up to 3 times.

    In the way is a deadlock, or the same new key written by both.
    """

    @wraps(transaction)
    def done(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(_TRIES - 1):
            try:
                return transaction(*args, **kwargs)
            except (ConflictError, IntegrityError):
                continue
        return transaction(*args, **kwargs)

    return done


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
