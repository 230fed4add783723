"""What the bundle's installer says; that it installs is shown by tests/e2e/test_bundle.py."""

from __future__ import annotations

import ast
import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT


@pytest.fixture
def bundle(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of deploy/bundle.py."""
    monkeypatch.syspath_prepend(str(ROOT / "deploy"))
    return runpy.run_path(str(ROOT / "deploy" / "bundle.py"))


def test_the_bundle_has_what_any_release_of_its_python_needs(bundle: dict[str, Any], tmp_path: Path) -> None:
    """Debian 12 has 3.11.2; the machine that makes the bundle may have 3.11.7, and would leave out async-timeout."""
    mine = f"{sys.version_info.major}.{sys.version_info.minor}"
    lock = tmp_path / "lock"
    lock.write_text(
        f"early==1.0 ; python_full_version < '{mine}.3' \\\n    --hash=sha256:00\n"
        f"late==1.0 ; python_full_version >= '{mine}.4' \\\n    --hash=sha256:00\n"
        f"always==1.0 ; python_full_version < '4' \\\n    --hash=sha256:00\n"
        f"never==1.0 ; python_full_version < '3.0' \\\n    --hash=sha256:00\n",
        encoding="utf-8",
    )
    bundle["conditions"].__globals__["LOCKS"] = [lock]
    assert re.findall(r"^(\w+)==1.0 \\$", bundle["for_every_release"](lock), re.MULTILINE) == [
        "early",
        "late",
        "always",
    ]
    assert bundle["conditions"]() == {
        "early": f"python_full_version < '{mine}.3'",
        "late": f"python_full_version >= '{mine}.4'",
    }
    wheel = tmp_path / "early-1.0-py3-none-any.whl"
    wheel.write_bytes(b"")
    assert bundle["requirement"](wheel, bundle["conditions"]()).startswith(
        f"early==1.0 ; python_full_version < '{mine}.3' --hash=sha256:"
    )


def test_the_real_lock_has_such_a_package(bundle: dict[str, Any]) -> None:
    """Else the rule above holds for nothing, and can go."""
    lines = [line for lock in bundle["LOCKS"] for line in lock.read_text(encoding="utf-8").splitlines()]
    some = [line for line in lines if re.search(r"== *\S+ ; .*python_full_version", line)]
    assert some and all(bundle["CONDITIONAL"].match(line) for line in some)


def test_what_the_installer_tells_to_type_can_be_typed(tmp_path: Path) -> None:
    told = runpy.run_path(str(ROOT / "deploy" / "install.py"))["told"]
    folder = Path("/srv/our tools")
    for text in (told(folder, "2.0", "", False), told(folder, "2.0", "1.0", False)):
        assert "/srv/our tools/c" in text
        assert re.findall(r"(?m)(?:^  |> |&& )[^'\n]*/srv/our tools/c", text) == [], text


def test_the_installer_says_everything_in_chinese_too() -> None:
    """All that it says is a template of its own or the first argument of an error; each has its Chinese."""
    source = (ROOT / "deploy" / "install.py").read_text(encoding="utf-8")
    names = runpy.run_path(str(ROOT / "deploy" / "install.py"))
    said = [names["FIRST"], names["UPGRADE"], names["SAME"]]
    said += [node.args[0].value for node in ast.walk(ast.parse(source)) if _says(node)]
    assert len(said) > 8 and set(said) <= names["CHINESE"].keys()
    for english, chinese in names["CHINESE"].items():
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", chinese))


def _says(node: ast.AST) -> bool:
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("say", "InstallError")
    return called and isinstance(node.args[0], ast.Constant)
