"""The import rules of docs/adr/0001: import-linter's contracts, and what it cannot see (cli, modules, platforms)."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PRODUCT = ("cli", "commands", "config", "connectors", "console", "crm_core", "flows", "mappings")
POSIX_ONLY = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
POSIX_ONLY_NAMES = {
    "os": {"fork", "forkpty", "getuid", "geteuid", "getpgid", "killpg", "setsid", "setpgid", "uname", "wait4"},
    "signal": {"SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "alarm", "setitimer", "pause"},
}
ONE_HOME = {  # third party -> where it may be imported, beyond what import-linter's contracts say
    "jsonata": ("mappings/engine.py",),
    "sandbox": (),
    "tests": (),
    "benchmarks": (),
}
CLI_NEVER = {"connectors", "mappings", "httpx", "zeep", "pyodbc", "jsonata", "sqlalchemy", "alembic", "prefect"}
PURE = ("crm_core/model.py", "crm_core/receivables.py")
PURE_MAY = {*sys.stdlib_module_names, "crm_core", "msgspec", "pydantic"}


def source_files(*tops: str) -> Iterator[Path]:
    for top in tops:
        module = ROOT / f"{top}.py"
        yield from [module] if module.is_file() else sorted((ROOT / top).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Top-level names of all absolute imports in the file, those inside functions too."""
    found: set[str] = set()
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def posix_only(tree: ast.Module) -> Iterator[str]:
    """Imports and attributes that Windows does not have, except below `if` or `try`, where the author saw to it."""
    nodes: list[ast.AST] = list(tree.body)
    while nodes:
        node = nodes.pop()
        match node:
            case ast.If() | ast.Try():
                continue
            case ast.Import(names=aliases):
                yield from (a.name for a in aliases if a.name.partition(".")[0] in POSIX_ONLY)
            case ast.ImportFrom(module=str(module), names=aliases):
                if module.partition(".")[0] in POSIX_ONLY:
                    yield module
                yield from (f"{module}.{a.name}" for a in aliases if a.name in POSIX_ONLY_NAMES.get(module, ()))
            case ast.Attribute(value=ast.Name(id=module), attr=attr) if attr in POSIX_ONLY_NAMES.get(module, ()):
                yield f"{module}.{attr}"
        nodes.extend(ast.iter_child_nodes(node))


def test_the_import_contracts_hold() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_product_folder_is_under_the_contracts() -> None:
    """A new top-level package without a rule would be a hole in the wall."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    packages = {p.parent.name for p in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert packages - {"cli"} == set(rules["root_packages"])


@pytest.mark.parametrize("guest", ONE_HOME)
def test_a_third_party_has_one_home(guest: str) -> None:
    assert {name(p) for p in source_files(*PRODUCT) if guest in imports(p)} <= set(ONE_HOME[guest])


def test_the_command_line_goes_through_services_wiring_and_flows() -> None:
    assert {name(p): bad for p in source_files("cli") if (bad := imports(p) & CLI_NEVER)} == {}


def test_the_core_rules_are_pure() -> None:
    files = [ROOT / p for p in PURE if (ROOT / p).is_file()]
    assert {name(p): bad for p in files if (bad := imports(p) - PURE_MAY)} == {}


def test_windows_can_import_the_product() -> None:
    files = source_files(*PRODUCT)
    assert {name(p): bad for p in files if (bad := sorted(set(posix_only(parse(p)))))} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import fcntl",
        "def lock():\n    import fcntl",
        "from resource import getrusage",
        "import os\nos.fork()",
        "import signal\nSTOP = signal.SIGKILL",
        "from signal import SIGKILL",
    ],
)
def test_the_scan_finds_what_windows_lacks(source: str) -> None:
    assert list(posix_only(ast.parse(source)))


def test_the_scan_leaves_a_guarded_use_alone() -> None:
    assert list(posix_only(ast.parse("import sys\nif sys.platform != 'win32':\n    import resource"))) == []
    assert list(posix_only(ast.parse("try:\n    import fcntl\nexcept ImportError:\n    fcntl = None"))) == []
