"""Ports of this machine: whether one is free, and who has it."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Collection
from contextlib import ExitStack, suppress

from config.errors import ConfigError

HOST = "127.0.0.1"


def is_free(port: int) -> bool:
    return _hindrance(port) is None


def _hindrance(port: int) -> OSError | None:
    """Why nothing of ours can listen there; None when it can."""
    try:
        with socket.create_server((HOST, port)):
            return None
    except OSError as exc:
        return exc


def any_free() -> int:
    return several_free(1)[0]


def several_free(count: int) -> list[int]:
    """So many different ones."""
    with ExitStack() as held:
        servers = [held.enter_context(socket.create_server((HOST, 0))) for _number in range(count)]
        return [int(server.getsockname()[1]) for server in servers]


def require_free(port: int, option: str, ours: Collection[int] = ()) -> None:
    """Raises ConfigError that names the port, who has it, and how to choose another; `ours` are ids who may have it.

    Of a port that nobody has and this user may not listen on, it says why.
    """
    hindrance = _hindrance(port)
    if hindrance is None:
        return
    name, pid = _owner(port)
    if not pid and hindrance.errno != errno.EADDRINUSE:
        raise ConfigError("port-refused", port=str(port), why=os.strerror(hindrance.errno or 0), option=option)
    if pid not in ours:
        raise ConfigError("port-used", port=str(port), owner=f"{name} {pid}" if pid else "?", option=option)


def free_or_other(port: int, ours: Collection[int] = ()) -> int:
    """The port, or another one where it is taken by anybody but `ours`."""
    return port if is_free(port) or _owner(port)[1] in ours else any_free()


def _owner(port: int) -> tuple[str, int]:
    """Name and id of the process that listens there; nothing where this user may not know."""
    import psutil

    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and tuple(connection.laddr)[1:] == (port,)
            if listens and connection.pid:
                return psutil.Process(connection.pid).name(), connection.pid
    return "", 0
