"""Asks Prefect's API whether it is well, without Prefect: by plain HTTP, past any proxy, in a few seconds at most."""

from __future__ import annotations

import base64
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata

from config.errors import ConfigError

LIMIT_S = 3.0


@dataclass(frozen=True, slots=True)
class PrefectApi:
    """`url` ends in /api; `auth` is user:password, or empty."""

    url: str
    auth: str = ""

    def ready(self) -> None:
        """Raises ConfigError unless the server answers and has its database."""
        self._get("/ready")

    def version(self) -> str:
        """The server's version, which only a caller who may sign in is told. Raises ConfigError."""
        return str(json.loads(self._get("/admin/version")))

    def _get(self, path: str) -> bytes:
        try:
            request = urllib.request.Request(self.url.rstrip("/") + path, headers=self._headers())
            if request.type not in ("http", "https"):
                raise ConfigError("prefect-unreachable", url=self.url, why=f"{request.type}://")
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=LIMIT_S) as answer:
                return bytes(answer.read(1_000_000))
        except urllib.error.HTTPError as exc:
            exc.close()
            code = "prefect-refused" if exc.code in (401, 403) else "prefect-unready"
            raise ConfigError(code, url=self.url, status=str(exc.code)) from None
        except (OSError, ValueError) as exc:
            why = str(getattr(exc, "reason", "") or exc)
            raise ConfigError("prefect-unreachable", url=self.url, why=why) from None

    def _headers(self) -> dict[str, str]:
        proof = base64.b64encode(self.auth.encode()).decode("ascii")
        return {"Authorization": f"Basic {proof}"} if self.auth else {}


def prefect_api(environ: Mapping[str, str] | None = None) -> PrefectApi | None:
    """The API that the variables name; None when they name none."""
    env = os.environ if environ is None else environ
    url = env.get("PREFECT_API_URL", "")
    return PrefectApi(url, env.get("PREFECT_API_AUTH_STRING", "")) if url else None


def installed_version() -> str:
    return metadata.version("prefect")
