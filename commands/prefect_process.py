"""Prefect's client in a process of its own: importing it here would take seconds each time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from commands import session
from commands.texts import language
from config.errors import ConfigError
from config.prefect_api import installed_version, prefect_api
from config.settings import INSTALLATION


def ready_url() -> str:
    """The API that the variables name, when it is well and of our version. Raises ConfigError."""
    api = prefect_api()
    if api is None:
        raise ConfigError("no-prefect")
    api.ready()
    server, here = api.version(), installed_version()
    if server != here:
        raise ConfigError("prefect-differs", url=api.url, server=server, here=here)
    return api.url


def asked(module: str, *arguments: str) -> dict[str, Any]:
    """What `python -m MODULE` reports in its last line; under `error` why it did not do it."""
    variables = {**os.environ, **session.settings().variables(), "CROSSTIE_LANG": language()}
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=INSTALLATION, env=variables, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else {"error": (done.stderr.strip().splitlines() or ["?"])[-1]}
