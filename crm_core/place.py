"""What tells a database from every copy of it: where it lives, as the database itself knows it.

It is the same for every worker, on whatever machine, and stays through restarts and moves of the program. It differs in
a dump loaded elsewhere, a clone, a file copied to another folder or machine, and a standby that was promoted (which may
lack what its master committed last). A whole machine cloned with its identity is not told apart: docs/adr/0012.
"""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

_MACHINE_IDS = ("/etc/machine-id", "/var/lib/dbus/machine-id")
_CLUSTER = (
    "SELECT (SELECT system_identifier FROM pg_control_system())"
    " || '/' || CASE WHEN pg_is_in_recovery() THEN '' ELSE substring(pg_walfile_name(pg_current_wal_lsn()) FOR 8) END"
    " || '/'"
)
_NEVER_TOLD = ("0A", "42", "55000")
"""SQLSTATE of a server that has no such function, grants none, or holds no such thing (a managed one)."""
_DATABASE = "(SELECT oid FROM pg_database WHERE datname = current_database())"


def of(conn: Connection) -> str:
    """The mark of this database: a hash, since it may stand in a log; empty for one in memory."""
    known = _file(conn) if conn.dialect.name == "sqlite" else _server(conn)
    return hashlib.blake2b(known.encode(), digest_size=12).hexdigest() if known else ""


def _file(conn: Connection) -> str:
    """The machine and the file's number on it: a file that is moved is the same, one that is copied is not."""
    path = conn.exec_driver_sql("PRAGMA database_list").all()[0][2]
    return f"{machine()}/{Path(path).stat().st_ino}" if path else ""


def _server(conn: Connection) -> str:
    """The cluster, its timeline and the database's number; without the first two where the server hides them."""
    try:
        with conn.begin_nested():
            return str(conn.exec_driver_sql(f"{_CLUSTER} || {_DATABASE}").scalar_one())
    except DBAPIError as exc:
        if not str(getattr(exc.orig, "sqlstate", None)).startswith(_NEVER_TOLD):
            raise
        return str(conn.exec_driver_sql(f"SELECT {_DATABASE}").scalar_one())


@cache
def machine() -> str:
    """The operating system's own number of this installation; empty where it has none (a container)."""
    if sys.platform == "win32":
        import winreg

        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography") as key:
            return str(winreg.QueryValueEx(key, "MachineGuid")[0])
    for name in _MACHINE_IDS:
        try:
            if found := Path(name).read_text(encoding="ascii").strip():
                return found
        except (OSError, ValueError):
            continue
    return ""
