"""`python -m console`: serve the console until it is told to end."""

from __future__ import annotations

import argparse

from config.logs import log_to
from config.settings import load_settings

HOST, PORT = "127.0.0.1", 8400
GRACE_S = 5
"""How long answers under way may take once the console is told to end."""


def main() -> None:
    import uvicorn

    from console.app import create_app

    parser = argparse.ArgumentParser(prog="python -m console", description="Serve the status page, health and metrics.")
    parser.add_argument("--host", default=HOST, help="the address to listen on (default: %(default)s, this machine)")
    parser.add_argument("--port", default=PORT, type=int, help="the port to listen on (default: %(default)s)")
    wanted = parser.parse_args()
    settings = load_settings()
    with log_to(settings):
        uvicorn.run(
            create_app(settings),
            host=wanted.host,
            port=wanted.port,
            log_config=None,  # uvicorn's own lines go where ours go
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )


if __name__ == "__main__":
    main()
