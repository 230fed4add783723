"""Prefect's own database in a backup: the history of runs. Losing it loses nothing else.

SQLite is copied while it is in use; of PostgreSQL its own tools make a dump, where this machine has them.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from config.archive import Note
from config.errors import ConfigError
from config.settings import Settings, shown

VARIABLES = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL")
FILE, DUMP = "prefect/prefect.db", "prefect/prefect.dump"
"""Members of a backup."""
_OTHER_NAMES = {"ssl": "sslmode", "database": "dbname"}
"""What asyncpg, which Prefect uses, calls otherwise than libpq, which the tools use."""
_OF_LIBPQ = frozenset(
    "host hostaddr port user dbname passfile service options target_session_attrs connect_timeout"
    " sslmode sslcert sslkey sslrootcert sslcrl sslsni channel_binding require_auth requirepeer"
    " gssencmode krbsrvname gsslib".split()
)
_WITH_PORT = re.compile(r"[\w.-]+:\d+")


def save(settings: Settings, target: Path) -> str | Note:
    """Copy it into `target`, for our eyes only; returns the name it has in a backup, or why there is none."""
    server = _server()
    if server is None:
        return _copied(database_file(settings), target)
    tool = shutil.which("pg_dump")
    if tool is None:
        return Note("history-no-tool", {"tool": "pg_dump"})
    target.touch(0o600)
    said = _run([tool, "--format=custom", "--no-owner", f"--file={target}", _address(server)], server)
    return Note("history-failed", {"why": said}) if said else DUMP


def put_back(settings: Settings, member: str, file: Path) -> Note | None:
    """Take the history from `file`; why not, if that cannot be. Nobody may be at work on it. Raises ConfigError."""
    server = _server()
    if member == FILE and server is None:
        _replace(database_file(settings), file)
        return None
    if member != DUMP or server is None:
        return Note("history-other-kind")
    tool = shutil.which("pg_restore")
    if tool is None:
        return Note("history-no-tool", {"tool": "pg_restore"})
    options = ["--clean", "--if-exists", "--no-owner", "--single-transaction"]
    said = _run([tool, *options, f"--dbname={_address(server)}", str(file)], server)
    return Note("history-failed", {"why": said}) if said else None


def database_file(settings: Settings) -> Path:
    """Where `crosstie up` keeps it."""
    return settings.home / "prefect" / "prefect.db"


def _copied(source: Path, target: Path) -> str | Note:
    if not source.is_file():
        return Note("history-none")
    target.touch(0o600)
    try:
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)
    except sqlite3.Error as exc:
        return Note("history-failed", {"why": f"{shown(source)}: {exc}"})
    return FILE


def _replace(target: Path, file: Path) -> None:
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, part)
        for left in ("-wal", "-shm"):
            target.with_name(target.name + left).unlink(missing_ok=True)
        part.replace(target)
    except OSError as exc:
        raise ConfigError("file-unwritable", place=shown(target), why=exc.strerror or str(exc)) from exc


def _server(environ: Mapping[str, str] | None = None) -> SplitResult | None:
    """The PostgreSQL address of Prefect's database, None where it is a file of ours."""
    env = os.environ if environ is None else environ
    url = next((env[name] for name in VARIABLES if env.get(name)), "")
    return urlsplit(url) if url.startswith("postgresql") else None


def _address(server: SplitResult) -> str:
    """For libpq, without a password: that never stands on a command line."""
    said = [(_OTHER_NAMES.get(name, name), value) for name, value in parse_qsl(server.query)]
    where, hosts = server.netloc.rpartition("@")[2], [value for name, value in said if name == "host"]
    if any(_WITH_PORT.fullmatch(host) for host in hosts):  # host=one:5432&host=two:5433 is SQLAlchemy's own form
        where, said = ",".join(hosts), [(name, value) for name, value in said if name != "host"]
    user = f"{server.username}@" if server.username else ""
    query = urlencode([(name, value) for name, value in said if name in _OF_LIBPQ], quote_via=quote, safe="")
    return f"postgresql://{user}{where}{server.path}{'?' if query else ''}{query}"


def _password(server: SplitResult) -> str:
    return dict(parse_qsl(server.query)).get("password") or unquote(server.password or "")


def _run(command: list[str], server: SplitResult) -> str:
    """What the tool complained of, in one line; empty when it did its work."""
    password = {"PGPASSWORD": known} if (known := _password(server)) else {}
    done = subprocess.run(command, env={**os.environ, **password}, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else " ".join(done.stderr.split())[:300] or str(done.returncode)
