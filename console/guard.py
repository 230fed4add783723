"""What stands before every page: which names we answer to, and what a browser may do with our answers."""

from __future__ import annotations

import os
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "::1", "[::1]")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def own_names(environ: Mapping[str, str] | None = None) -> frozenset[str]:
    """This machine's own names, and those in CROSSTIE_CONSOLE_HOSTS (with commas): a proxy's, a container's."""
    env = os.environ if environ is None else environ
    more = (name.strip().lower() for name in env.get("CROSSTIE_CONSOLE_HOSTS", "").split(","))
    return frozenset({*LOOPBACK, *more} - {""})


class SafeHeaders:
    """Adds HEADERS to every answer, errors too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, with_headers)


def guarded(app: ASGIApp, names: frozenset[str]) -> ASGIApp:
    """The app behind both guards: a page elsewhere that makes its own name point here is refused."""
    return SafeHeaders(TrustedHostMiddleware(app, allowed_hosts=sorted(names), www_redirect=False))
