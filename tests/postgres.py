"""A PostgreSQL of our own for the tests: a temporary cluster where the binaries are, made anew and thrown away.

It sorts as a Chinese installation does, not as bytes do, so that whoever relies on the order of text is found out.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

HOW_TO_GET_IT = "needs PostgreSQL's own binaries (initdb, postgres): apt-get install postgresql"
ROLE, GUARDED, PASSWORD = "crosstie", "guarded", "not-for-logs"
"""Who owns the databases, without a password; and who must give PASSWORD, over TCP."""
ACCESS = f"""\
local all all trust
host all {GUARDED} 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""
FAST_AND_SMALL = {  # a crash of the machine may lose it: it is thrown away anyway
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "max_wal_size": "512MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


def binaries() -> Path | None:
    """The folder of initdb and postgres: by PATH, pg_config, or where Debian keeps them; None when there is none.

    None as well for root where nobody is called postgres.
    """
    if admin()["as"] and not _known(admin()["name"]):
        return None
    found = [Path(path).resolve().parent for name in ("postgres", "pg_ctl") if (path := shutil.which(name))]
    if shutil.which("pg_config"):
        answer = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
        found.append(Path(answer.stdout.strip()))
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in found if (folder / "initdb").is_file() and (folder / "postgres").is_file()), None)


@dataclass
class Cluster:
    """A running server. Addresses are SQLAlchemy's; `port` is on the loopback, the socket in `folder`."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def url(self, database: str, *, role: str = ROLE, password: str = "") -> str:
        """Over the Unix socket; with a password, over TCP."""
        if password:
            return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"
        return f"postgresql://{role}@/{database}?host={self.folder}&port={self.port}"

    def create(self, template: str = "template1") -> str:
        """A new database, a copy of `template`, to which nobody may be connected; its name."""
        name = f"crm_{next(self.numbers)}"
        names = map(sql.Identifier, (name, template, ROLE))
        self.run(sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(*names))
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        self.run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def run(self, statement: Any, database: str = "postgres") -> list[tuple[Any, ...]]:
        """One statement as the server's own admin, outside any transaction."""
        with closing(self.connect(database)) as connection:
            answer = connection.execute(statement)
            return answer.fetchall() if answer.description else []

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=str(self.folder), port=self.port, dbname=database, user=admin()["name"], autocommit=True
        )


def _known(user: str) -> bool:
    import pwd  # POSIX only, and so is root

    try:
        return bool(pwd.getpwnam(user))
    except KeyError:
        return False


def admin() -> dict[str, Any]:
    """Who runs the server: postgres refuses root, so there it is the user postgres; `as` is for subprocess."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return {"name": "postgres", "as": {"user": "postgres"}} if root else {"name": getpass.getuser(), "as": {}}


@contextmanager
def temporary_cluster() -> Iterator[Cluster]:
    """Start a cluster in a folder of its own; gone at the end. Only where `binaries()` are."""
    bin_ = binaries()
    assert bin_ is not None, HOW_TO_GET_IT
    folder = Path(tempfile.mkdtemp(prefix="crosstie-pg-"))
    try:
        if admin()["as"]:
            shutil.chown(folder, admin()["name"])
        _initialise(bin_, folder)
        cluster = _start(bin_, folder)
        try:
            yield cluster
        finally:
            cluster.process.send_signal(signal.SIGINT)  # "fast": whoever is still connected is thrown out
            cluster.process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _initialise(bin_: Path, folder: Path) -> None:
    made = _initdb(bin_, folder, "--locale-provider=icu", "--icu-locale=zh-Hans-CN")
    if made.returncode:  # a build without ICU
        made = _initdb(bin_, folder)
    assert made.returncode == 0, made.stderr
    (folder / "data" / "pg_hba.conf").write_text(ACCESS)


def _initdb(bin_: Path, folder: Path, *order: str) -> subprocess.CompletedProcess[str]:
    data = folder / "data"
    shutil.rmtree(data, ignore_errors=True)
    command = [bin_ / "initdb", "-D", data, "-U", admin()["name"], "--encoding=UTF8", "--locale=C", "--no-sync"]
    command += ["--auth=trust", *order]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **admin()["as"])


def _start(bin_: Path, folder: Path) -> Cluster:
    for _ in range(5):  # somebody may take the free port before we do
        port = _free_port()
        cluster = Cluster(folder, port, _server(bin_, folder, port))
        if _answers(cluster):
            _make_roles(cluster)
            return cluster
    raise AssertionError((folder / "log").read_text())


def _server(bin_: Path, folder: Path, port: int) -> subprocess.Popen[bytes]:
    settings = {**FAST_AND_SMALL, "port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": folder}
    options = [f"--{name}={value}" for name, value in settings.items()]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [bin_ / "postgres", "-D", folder / "data", *options], cwd=folder, stdout=log, stderr=log, **admin()["as"]
        )


def _answers(cluster: Cluster) -> bool:
    for _ in range(300):
        if cluster.process.poll() is not None:
            return False
        try:
            cluster.connect().close()
            return True
        except psycopg.OperationalError:
            time.sleep(0.1)
    return False


def _make_roles(cluster: Cluster) -> None:
    cluster.run(f"CREATE ROLE {ROLE} LOGIN CREATEDB")
    cluster.run(f"CREATE ROLE {GUARDED} LOGIN PASSWORD '{PASSWORD}'")


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
