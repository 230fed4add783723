"""What Prefect's processes need to know when `crosstie up` runs them here: variables, never files of the user's own.

Source of the values: Prefect 3.8's settings. Nothing here imports Prefect.
"""

from __future__ import annotations

import secrets

from config.files import write_text
from config.redaction import hide
from config.settings import Settings

POOL = "crosstie"
"""The work pool of every deployment; any process worker that serves it can run any flow."""
URGENT = "urgent"
"""The work queue of what may wait for no pull: pushes and the sweep."""
HEARTBEAT_S = 30
"""The shortest that Prefect allows; a run is given up after SILENT_S without one."""
SILENT_S = 75


def auth_string(settings: Settings) -> str:
    """User and password of Prefect's API, drawn at the first start and kept in the home, readable by us alone."""
    path = settings.secrets / "prefect-auth"
    if not path.is_file():
        write_text(path, f"crosstie:{secrets.token_urlsafe(24)}", private=True)
    return hide(path.read_text(encoding="utf-8").strip())


def client_variables(url: str, auth: str) -> dict[str, str]:
    """For whoever calls Prefect's API at `url` (ending in /api): workers, deployments, the command line."""
    return {
        "PREFECT_API_URL": url,
        "PREFECT_API_AUTH_STRING": auth,
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "crosstie",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "DO_NOT_TRACK": "1",
    }


def embedded_variables(settings: Settings, port: int) -> dict[str, str]:
    """For the server, the worker and the deployments of `crosstie up`: SQLite in the home, loopback, retention set."""
    home, url, auth = settings.home / "prefect", f"http://127.0.0.1:{port}/api", auth_string(settings)
    return {
        **client_variables(url, auth),
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_API_AUTH_STRING": auth,
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{(home / 'prefect.db').as_posix()}",
        "PREFECT_SERVER_DATABASE_TIMEOUT": "60",  # SQLite has one writer, and a busy machine makes it wait
        "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",  # to mark a pile of them takes hundreds of lost writes
        "PREFECT_SERVER_UI_API_URL": url,
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port}",
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": '["events","flow_runs"]',
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "P14D",
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P2D",
    }
