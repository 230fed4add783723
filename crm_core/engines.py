"""How each kind of database is opened, and how its transactions begin.

SQLite: WAL and one writer (BEGIN IMMEDIATE, so that a transaction never fails half-way for a lock).
PostgreSQL: psycopg, every wait bounded, and no lock kept for a client that is gone.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from crm_core.errors import StoreError

BUSY_SECONDS = 30
"""The longest wait for a lock that another transaction holds."""
STATEMENT_SECONDS = 900
"""The longest that one statement may take; migrations may take longer."""
WRITERS_LOCK = 4710
"""Advisory lock on PostgreSQL: held alone by a transaction that stands for itself, shared by pulls and pushes."""
# FULL: a power cut must not take back the note of an attempt whose order has left already; 1 ms a commit where measured
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_SECONDS * 1000}")
_SERVER_SETTINGS: dict[str, int | str] = {  # milliseconds, or seconds where the name says keepalives
    "timezone": "UTC",  # what the driver gives to times that it reads
    "datestyle": "ISO",  # the only one that it reads
    "lock_timeout": BUSY_SECONDS * 1000,
    "statement_timeout": STATEMENT_SECONDS * 1000,
    "idle_in_transaction_session_timeout": 300_000,
    "tcp_keepalives_idle": 30,
    "tcp_keepalives_interval": 10,
    "tcp_keepalives_count": 3,
}
_CLIENT_SETTINGS: dict[str, Any] = {
    "application_name": "crosstie",
    "client_encoding": "utf8",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_RECYCLE_SECONDS = 1800  # firewalls forget what is idle for long
_TELLING = ("host", "hostaddr", "port", "dbname", "user", "service")
"""What of an address's query says where a server is. Of the rest nothing is shown: it may be a password."""


def shown(url: URL) -> str:
    """The address as people may see it: which file, or which server and database."""
    if url.get_backend_name() == "sqlite":
        return url.database or ":memory:"
    telling = {name: value for name, value in url.query.items() if name in _TELLING}
    return url.set(query=telling).render_as_string(hide_password=True)


def address(text: str) -> str:
    """Which file, or which server and database, whoever the user is; empty for what is no address."""
    try:
        url = make_url(text)
    except ArgumentError:
        return ""
    if url.get_backend_name() == "sqlite":
        return os.path.realpath(url.database or "")
    server = URL.create(url.drivername, None, None, url.host, url.port, url.database, url.query)
    return shown(server.difference_update_query(["user"]))


def open_engine(url: URL) -> Engine:
    """The engine for an address; connects to nothing yet."""
    return _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)


def begin_writing(connection: Connection, *, alone: bool) -> None:
    """Begin as the only writer, or, not `alone`, beside others of the same kind. SQLite has one writer anyway."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        shared = "" if alone else "_shared"
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock{shared}({WRITERS_LOCK})")


def begin_reading(connection: Connection) -> None:
    """Begin a transaction that sees one moment only."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """The one transaction that changes the tables: it waits for every writer, and for another migration, to end."""
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{STATEMENT_SECONDS}s'")
            begin_writing(connection, alone=True)
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'")
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            yield connection
            connection.commit()
        else:
            yield from _migrating_sqlite(connection)


def _migrating_sqlite(connection: Connection) -> Iterator[Connection]:
    """References are checked at the end: a table that is rebuilt is dropped for a moment."""
    connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
    try:
        begin_writing(connection, alone=True)
        yield connection
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        assert broken is None, f"the migration broke a reference: {broken}"
        connection.commit()
    finally:
        connection.rollback()
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")


def _postgresql(url: URL) -> Engine:
    """What the address itself says counts more than our settings."""
    options = " ".join(f"-c {name}={value}" for name, value in _SERVER_SETTINGS.items())
    theirs = url.query.get("options", "")
    settings = {name: value for name, value in _CLIENT_SETTINGS.items() if name not in url.query}
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={**settings, "options": f"{options} {theirs}".strip()},
        pool_pre_ping=True,
        pool_recycle=_RECYCLE_SECONDS,
    )

    @event.listens_for(engine, "connect")
    def _refuse_other_text(connection: Any, _record: object) -> None:
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            connection.close()
            raise StoreError("database-encoding", place=shown(url), encoding=str(encoding), name=str(url.database))

    return engine


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are ours: BEGIN is sent when they begin
        for pragma in _PRAGMAS:
            try:
                connection.execute(f"PRAGMA {pragma}")
            except sqlite3.OperationalError as exc:
                if "readonly" not in str(exc):
                    raise  # a read-only database can still be read; a write says so itself

    return engine
