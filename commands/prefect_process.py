"""Prefect's client in a process of its own: importing it here would take seconds each time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from commands import session
from commands.texts import language
from config.errors import ConfigError
from config.prefect_api import installed_version, prefect_api
from config.settings import INSTALLATION, Settings


def ready_url() -> str:
    """The API of the variables, or of `crosstie up` here, when it is well and of our version. Raises ConfigError."""
    api = prefect_api(_variables(session.settings()))
    if api is None:
        raise ConfigError("no-prefect")
    api.ready()
    server, here = api.version(), installed_version()
    if server != here:
        raise ConfigError("prefect-differs", url=api.url, server=server, here=here)
    return api.url


def asked(module: str, *arguments: str) -> dict[str, Any]:
    """What `python -m MODULE` reports in its last line; under `error` why it did not do it."""
    variables = {**_variables(session.settings()), "CROSSTIE_LANG": language()}
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=INSTALLATION, env=variables, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else {"error": (done.stderr.strip().splitlines() or ["?"])[-1]}


def _variables(settings: Settings) -> Mapping[str, str]:
    """Ours; where they name no Prefect, those with which `crosstie up`, if it runs for this home, deploys."""
    port = None if os.environ.get("PREFECT_API_URL") else _supervised_port(settings)
    if port is None:
        return {**os.environ, **settings.variables()}
    from commands import children
    from flows.prefect_env import embedded_variables

    return children.environment(settings, "deployments", embedded_variables(settings, port))


def _supervised_port(settings: Settings) -> int | None:
    """Where the Prefect of `crosstie up` listens; None where it does not run, or this user may not ask."""
    from commands.home_lock import HomeLock
    from commands.supervisor import lock_file, noted

    lock = lock_file(settings)
    if not os.access(lock, os.R_OK | os.W_OK) or HomeLock(lock).is_free():
        return None
    return urlsplit(str(noted(settings).get("prefect", ""))).port
