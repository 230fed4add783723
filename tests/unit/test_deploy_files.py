"""What we give to systemd, HAProxy and Docker Compose, judged by these programs themselves."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT, absent

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PASSWORDS = ("POSTGRES_PASSWORD", "CROSSTIE_DB_PASSWORD", "PREFECT_DB_PASSWORD", "REDIS_PASSWORD", "PREFECT_PASSWORD")
ADDRESSES = ("CROSSTIE_DATABASE_URL", "PREFECT_DATABASE_URL", "REDIS_URL")


def said(*command: str | Path, folder: Path | None = None) -> tuple[int, str]:
    done = subprocess.run([*map(str, command)], cwd=folder, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


# -- systemd ----------------------------------------------------------------------------------------------------------


def verified(folder: Path, spoil: str = "") -> tuple[int, str]:
    """What systemd says of the units, with an installation made up below `folder`; `spoil` becomes another word."""
    if not shutil.which("systemd-analyze"):
        absent("needs systemd-analyze: apt-get install systemd")
    for command in ("crosstie", "crosstie-python"):
        (folder / command).write_text("#!/bin/sh\n", encoding="utf-8")
        (folder / command).chmod(0o755)
    units = []
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace("/opt/crosstie/", f"{folder}/")
        units.append(folder / unit.name.replace("@", "@1"))
        units[-1].write_text(text.replace(spoil, "Nonsense") if spoil else text, encoding="utf-8")
    return said("systemd-analyze", "verify", *units)


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    assert len(UNITS) == 6
    assert verified(tmp_path) == (0, "")


@pytest.mark.parametrize("word", ["NoNewPrivileges=", "KillMode=mixed"])
def test_the_check_of_units_can_fail(tmp_path: Path, word: str) -> None:
    assert verified(tmp_path, word)[1]


# -- HAProxy ----------------------------------------------------------------------------------------------------------


def checked(folder: Path, text: str) -> tuple[int, str]:
    if not shutil.which("haproxy"):
        absent("needs haproxy: apt-get install haproxy")
    (folder / "haproxy.cfg").write_text(text, encoding="utf-8")
    return said("haproxy", "-c", "-f", folder / "haproxy.cfg")


def test_haproxy_understands_its_file(tmp_path: Path) -> None:
    """In Docker the two names are known later; nothing else may be strange to it."""
    code, told = checked(tmp_path, (DEPLOY / "haproxy.cfg").read_text(encoding="utf-8"))
    strange = [line for line in told.splitlines() if re.search("WARNING|ALERT", line)]
    assert code == 0, told
    assert [line for line in strange if "could not resolve address 'prefect-api-" not in line] == []


def test_haproxy_understands_it_without_docker_too(tmp_path: Path) -> None:
    """Changed as the manual says."""
    text = (DEPLOY / "haproxy.cfg").read_text(encoding="utf-8")
    plain = re.sub(r"^resolvers docker\n(?: +.*\n)+", "", text, flags=re.MULTILINE)
    plain = re.sub(
        r"prefect-api-(\d):4200", r"192.0.2.\1:4200", plain.replace(" resolvers docker init-addr libc,none", "")
    )
    assert "nameserver" not in plain and "init-addr" not in plain and "prefect-api-1:4200" not in plain
    code, told = checked(tmp_path, plain)
    assert (code, "WARNING" in told) == (0, False), told
    assert checked(tmp_path, plain.replace("redispatch", "redispatched"))[0] == 1


# -- Docker Compose ---------------------------------------------------------------------------------------------------


def compose() -> list[str]:
    """A Docker Compose of 2.24 or newer; Debian's own is older, so no CI of ours is sure to have one."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            code, told = said(*command, "version", "--short")
            if code == 0 and tuple(map(int, re.findall(r"\d+", told)[:2])) >= (2, 24):
                return command
    pytest.skip("needs Docker Compose 2.24 or newer")  # not `absent`: no package that CI can install has one


def services(folder: Path, env: str, *files: str) -> set[str]:
    (folder / ".env").write_text(env, encoding="utf-8")
    listed = [part for file in files for part in ("-f", str(ROOT / file))]
    where = ["--project-directory", str(ROOT), "--env-file", str(folder / ".env")]
    code, told = said(*compose(), *where, *listed, "config", "--services", folder=folder)
    assert code == 0, told
    return set(told.split())


def test_compose_understands_its_files(tmp_path: Path) -> None:
    env = "".join(f"{name}=abc\n" for name in PASSWORDS)
    ours = services(tmp_path, env, "docker-compose.yml")
    assert {"postgres", "redis", "worker", "console"} <= ours
    env += "".join(f"{name}=abc\n" for name in ADDRESSES)
    assert services(tmp_path, env, "docker-compose.yml", "deploy/compose.own-database.yml") == ours - {
        "postgres",
        "redis",
    }
