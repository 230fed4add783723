"""What every test stands on: no network beyond this machine, a home of its own, the shared data where it is there."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, settings

from tests import postgres
from tests.databases import Databases

pytest.register_assert_rewrite("tests.flows.push_faults")

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
SET_BY_PEOPLE = (
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "LANGUAGE",
    "LC_ALL",
)
REQUIRE_ALL = os.environ.get("CROSSTIE_REQUIRE_ALL") == "1"

# A deadline would measure the load of the machine; a run that must be repeatable draws the same examples every time.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, database=None)
settings.load_profile("ci" if REQUIRE_ALL or os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of golden and classicmodels data; skips where it is absent, fails if CROSSTIE_REQUIRE_ALL=1."""
    return need_folder(SHARED / "data")


@pytest.fixture(scope="session")
def shared_reference() -> Path:
    """The vendors' own files (EDMX, suites); skips where it is absent, fails if CROSSTIE_REQUIRE_ALL=1."""
    return need_folder(SHARED / "reference")


def need_folder(folder: Path) -> Path:
    if not folder.is_dir():
        absent(f"needs ../shared/{folder.name} beside the checkout")
    return folder


def absent(needed: str) -> NoReturn:
    """Skip the test, or fail it where nothing may be skipped: `needed` says what there is not, and how to get it."""
    pytest.fail(needed) if REQUIRE_ALL else pytest.skip(needed)


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Cluster]:
    """A PostgreSQL server of our own."""
    if postgres.binaries() is None:
        absent(postgres.HOW_TO_GET_IT)
    with postgres.temporary_cluster() as running:
        yield running


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> Databases:
    return Databases(tmp_path_factory.mktemp("databases"))


@pytest.fixture(scope="session")
def postgresql_databases(tmp_path_factory: pytest.TempPathFactory, cluster: postgres.Cluster) -> Databases:
    return Databases(tmp_path_factory.mktemp("databases"), cluster)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> Databases:
    """Makes databases. Whatever uses it runs twice: on SQLite and on PostgreSQL."""
    made: Databases = request.getfixturevalue(f"{request.param}_databases")
    return made


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """The address of a database with tables and nothing in them."""
    with databases.one() as url:
        yield url


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Nothing of the person who runs the tests is read or written: settings, database, proxy and language are ours."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("CROSSTIE_") and n != "CROSSTIE_REQUIRE_ALL"]:
            patch.delenv(name)
        for name in SET_BY_PEOPLE:
            patch.delenv(name, raising=False)
        patch.setenv("LANG", "C.UTF-8")
        patch.setenv("CROSSTIE_HOME", str(home))
        yield home


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Fail any test that reaches for another machine, also when the code under test swallows the error.

    Yields the addresses tried; a test that means to be refused clears the list.
    """
    tried: list[str] = []

    def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
        def connect(self: socket.socket, *args: Any) -> Any:
            if not is_local(self.family, args[-1]):
                tried.append(str(args[-1]))
                raise ConnectionRefusedError(f"tests may only connect to this machine, not to {args[-1]}")
            return method(self, *args)

        return connect

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
    yield tried
    assert not tried, f"the test reached for another machine: {', '.join(tried)}"


def is_local(family: int, address: Any) -> bool:
    """Whether the address is this machine's loopback or a Unix socket; names other than localhost are not."""
    if family not in (socket.AF_INET, socket.AF_INET6):
        return True
    host = str(address[0])
    return host in ("localhost", "::1", "::ffff:127.0.0.1") or host.startswith("127.")
