"""The console's addresses: the status page, and what monitors ask."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from config.failures import Failure
from config.redaction import redacted
from config.settings import Settings
from console.guard import guarded, own_names
from console.language import Language, language, wanted
from console.metrics import exposition
from console.page import error_page, status_page
from console.snapshot import Watch
from crm_core.database import Clock, utc_now

STATIC = Path(__file__).parent / "static"
ASKED = ["GET", "HEAD"]
"""Monitors and `curl -I` ask for the head alone."""


def create_app(settings: Settings, *, clock: Clock = utc_now, watch: Watch | None = None) -> ASGIApp:
    """The application, behind its guards. Nothing is opened before the first request."""
    seen = watch or Watch(settings, clock)
    app = FastAPI(title="Crosstie", docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", StaticFiles(directory=STATIC))

    @app.api_route("/", methods=ASKED, response_class=HTMLResponse)
    async def status(request: Request) -> HTMLResponse:
        page = status_page(
            await seen.snapshot(), _language(request), prefect_ui=os.environ.get("CROSSTIE_PREFECT_UI", "")
        )
        return HTMLResponse(page)

    @app.api_route("/health", methods=ASKED)
    async def health() -> JSONResponse:
        return JSONResponse({"alive": True})

    @app.api_route("/ready", methods=ASKED)
    async def ready() -> JSONResponse:
        now = await seen.snapshot()
        checks = {"database": {**_check(now.failure), "version": now.version}}
        if now.uses_prefect:
            checks["prefect"] = _check(now.prefect)
        return JSONResponse({"ready": now.ready, "checks": checks}, 200 if now.ready else 503)

    @app.api_route("/metrics", methods=ASKED)
    async def metrics() -> Response:
        return Response(exposition(await seen.snapshot()), media_type=CONTENT_TYPE_LATEST)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, exc: HTTPException) -> HTMLResponse:
        return HTMLResponse(error_page(exc.status_code, _language(request)), exc.status_code, exc.headers)

    @app.exception_handler(Exception)
    async def failed(request: Request, exc: Exception) -> HTMLResponse:
        return HTMLResponse(error_page(500, _language(request)), 500)

    return guarded(app, own_names())


def _language(request: Request) -> Language:
    return wanted(request.query_params.get("lang", ""), request.headers.get("accept-language", ""))


def _check(failure: Failure | None) -> dict[str, Any]:
    if failure is None:
        return {"ok": True}
    return {"ok": False, "code": failure.code, "message": redacted(language("en").failure(failure))}
