"""The frame keeps its word: locks complete and anonymous, pins that Prefect needs, no trace of a machine."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.conftest import ROOT, is_local

LOCKS = ("requirements.lock", "requirements-dev.lock")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?P<rest>(?:.*\\\n)*.*)$", re.MULTILINE)


def locked(lock: str) -> dict[str, set[Version]]:
    """Versions by name; a name has several where the lock tells platforms or Python versions apart."""
    found: dict[str, set[Version]] = {}
    for match in PINNED.finditer(read(lock)):
        found.setdefault(canonicalize_name(match["name"]), set()).add(Version(match["version"]))
    return found


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_no_lock_slows_each_process_of_prefect() -> None:
    """jsonschema loads rfc3987-syntax wherever it is installed, and that builds a grammar: 2 s at each start."""
    assert [lock for lock in LOCKS if "rfc3987-syntax" in locked(lock)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address_and_hashes_everything(lock: str) -> None:
    assert "://" not in read(lock)
    assert not re.search(r"^\s*-", re.sub(r"^ {4}--hash=.*$", "", read(lock), flags=re.MULTILINE), re.MULTILINE)
    entries = list(PINNED.finditer(read(lock)))
    assert len(entries) > 100
    assert [m["name"] for m in entries if "--hash=sha256:" not in m["rest"]] == []


@pytest.mark.parametrize(("lock", "extras"), [(LOCKS[0], []), (LOCKS[1], ["dev"])])
def test_a_lock_satisfies_the_project(lock: str, extras: list[str]) -> None:
    wanted = [*PROJECT["dependencies"], *(r for e in extras for r in PROJECT["optional-dependencies"][e])]
    versions = locked(lock)
    for requirement in map(Requirement, wanted):
        for version in versions.get(canonicalize_name(requirement.name), {Version("0")}):
            assert version in requirement.specifier, f"{lock}: run `make lock` for {requirement}"


def test_both_locks_agree() -> None:
    runtime, dev = (locked(lock) for lock in LOCKS)
    assert {n: v for n, v in runtime.items() if dev.get(n) != v} == {}


@pytest.mark.parametrize(
    ("package", "pin"),
    [("prefect", "==3.8.*"), ("fastapi", ">=0.139,<0.150"), ("sqlalchemy", ">=2.0.40,<2.1"), ("pydantic", "<3")],
)
def test_the_pins_prefect_needs_hold(package: str, pin: str) -> None:
    """Outside them the server does not start, or starts and schedules nothing (docs/adr/0002)."""
    assert all(version in Requirement(f"{package}{pin}").specifier for version in locked(LOCKS[0])[package])


def test_there_are_at_most_ten_targets_and_help_names_each() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    assert {"setup", "demo", "test", "lint", "bench"} <= targets
    assert len(targets) <= 10
    assert all(f"make {target}" in read("CONTRIBUTING.md") for target in targets)


def test_no_tracked_file_names_a_machine() -> None:
    if not (shutil.which("git") and (ROOT / ".git").exists()):
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    trace = re.compile(r"/(wor[k]|roo[t]|far[m]|home/[a-z]+)/[a-z.]|[/@]pypi\.org|files\.pythonhoste[d]")
    files = [ROOT / line for line in listed.split("\0") if line]
    assert [p.name for p in files if p.is_file() and trace.search(text_of(p))] == []


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="ignore")


def test_the_changelog_opens_with_what_is_not_released() -> None:
    assert re.search(r"^## \[(.+?)\]", read("CHANGELOG.md"), re.MULTILINE)[1] == "Unreleased"  # type: ignore[index]


@pytest.mark.parametrize(
    ("family", "address", "local"),
    [
        (socket.AF_INET, ("127.0.0.1", 80), True),
        (socket.AF_INET, ("127.8.8.8", 80), True),
        (socket.AF_INET6, ("::1", 80, 0, 0), True),
        (socket.AF_INET, ("10.0.0.1", 80), False),
        (socket.AF_INET6, ("2001:db8::1", 80, 0, 0), False),
    ],
)
def test_the_guard_knows_this_machine(family: int, address: tuple[object, ...], local: bool) -> None:
    assert is_local(family, address) is local


def test_the_guard_refuses_another_machine(only_this_machine: list[str]) -> None:
    """192.0.2.0/24 is reserved for documentation: nobody answers there, and the guard must not even try."""
    with socket.socket() as sock, pytest.raises(ConnectionRefusedError, match="this machine"):
        sock.connect(("192.0.2.1", 9))
    assert only_this_machine == ["('192.0.2.1', 9)"]
    only_this_machine.clear()
