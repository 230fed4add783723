"""Ports of this machine: who has one, and why it is not for us."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import NoReturn

import pytest

from commands import doctor_machine, ports
from config.errors import ConfigError
from config.settings import Settings


@pytest.mark.skipif(os.name == "nt", reason="the process that listens is named as elsewhere, but `python` is not")
def test_a_port_in_use_is_told_with_its_owner() -> None:
    port = ports.any_free()

    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(ConfigError) as caught:
            ports.require_free(port, "--port")
        ports.require_free(port, "--port", {os.getpid()})
        assert ports.free_or_other(port) != port
    assert caught.value.code == "port-used"
    assert str(os.getpid()) in caught.value.params["owner"]
    assert ports.free_or_other(port) == port


@pytest.mark.parametrize(("number", "code"), [(errno.EACCES, "port-refused"), (errno.EADDRINUSE, "port-used")])
def test_a_port_that_is_not_for_us_is_told_with_the_systems_own_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int, code: str
) -> None:
    """Nobody listens there: the system alone knows why we may not, or who has it."""
    port = ports.any_free()

    def refuse(*_arguments: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched, pytest.raises(ConfigError) as caught:
        patched.setattr("socket.create_server", refuse)
        ports.require_free(port, "--port")
    assert caught.value.code == code
    assert (os.strerror(number) in str(caught.value)) == (code == "port-refused")
    assert "--port" in str(caught.value)
    with monkeypatch.context() as patched:
        patched.setattr("socket.create_server", refuse)
        console, _prefect = doctor_machine._ports(Settings(tmp_path, tmp_path, "sqlite://"))
    assert (os.strerror(number) in console.found) == (code == "port-refused")
