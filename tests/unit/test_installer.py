"""What the bundle's installer says; that it installs is shown by tests/e2e/test_bundle.py."""

from __future__ import annotations

import ast
import re
import runpy

from tests.conftest import ROOT


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
