"""Runs the command line inside the test's process: arguments in, exit code and what was printed out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import cli

GOOD = """\
product: sap/s4
url: https://erp.example.com:44300
username: CRM
password: ${env:ERP1_PASSWORD}
companies:
  CN01: {currency: CNY, time_zone: Asia/Shanghai, sales_area: {organization: "1010"}}
"""


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def all(self) -> str:
        return self.out + self.err


@dataclass(frozen=True)
class Place:
    """An installation of its own: config and home below one folder."""

    config: Path
    home: Path
    run: Callable[..., Said]

    def write_system(self, text: str = GOOD, name: str = "erp1") -> Path:
        path = self.config / "systems" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


def new_place(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    env: Mapping[str, str] | None = None,
) -> Place:
    config, home = folder / "config", folder / "var"
    monkeypatch.setenv("CROSSTIE_CONFIG", str(config))
    monkeypatch.setenv("CROSSTIE_HOME", str(home))
    for name, value in (env or {}).items():
        monkeypatch.setenv(name, value)

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Said(code, out, err)

    return Place(config, home, run)
