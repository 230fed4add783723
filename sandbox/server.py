"""Runs a sandbox: a product's front over HTTP in a thread of its own, its books kept in a file where one is named."""

from __future__ import annotations

import importlib
import json
import os
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, cast

import uvicorn

from sandbox.app import App
from sandbox.front import Backend, Front, Opener
from sandbox.keeping import Keeper, load
from sandbox.wire import listed_protocol

USER, PASSWORD = "CROSSTIE", "sandbox"
PRODUCTS = {
    "sap/s4": "sandbox.sap.s4",
    "oracle/fusion": "sandbox.oracle.fusion",
    "yonyou/yonbip": "sandbox.yonyou.yonbip",
    "kingdee/galaxy": "sandbox.kingdee.galaxy",
}
"""The module of each product: a `sandbox.front.Opener`."""


@dataclass
class Sandbox:
    """A running sandbox."""

    product: str
    url: str
    user: str
    password: str
    info: dict[str, Any]
    backend: Backend
    _app: App = field(repr=False)
    _server: uvicorn.Server = field(repr=False)
    _thread: threading.Thread = field(repr=False)
    _keeper: Keeper | None = field(default=None, repr=False)

    def stop(self) -> None:
        """What was to be committed late is not committed any more."""
        for timer in list(self._app.timers):
            timer.cancel()
        self._server.should_exit = True
        self._thread.join(timeout=10)
        if self._keeper:
            self._keeper.stop()

    def keep(self, file: Path) -> None:
        """From here on the books are kept in `file`."""
        self._keeper = Keeper(file, self.product, self.backend, self.info, self._app.lock)
        self._keeper.start()

    def announcement(self) -> str:
        """The line on standard output that tells the caller where and what we are."""
        head = {"product": self.product, "url": self.url, "user": self.user, "password": self.password}
        info = _addressed(self.info, self.url)
        return json.dumps(head | info | {"clock": self.backend.now().isoformat()}, ensure_ascii=False, default=str)


def start(
    product: str,
    *,
    data: Path | None = None,
    rows: int | None = None,
    date: date | None = None,
    seed: int = 7,
    port: int = 0,
    user: str = USER,
    password: str = PASSWORD,
    tolerant_clock: bool = False,
    state: Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> Sandbox:
    """Run a product's sandbox in a thread of its own until `stop`; port 0 takes a free one.

    With `state` the books are kept in that file; where it exists they are read from it, and data, rows, date and seed
    mean nothing. `options` are the product's own. Raises ValueError for an unknown product or data it cannot read,
    OSError for a port in use.
    """
    if product not in PRODUCTS:
        raise ValueError(f"there is no sandbox for {product}; there is {', '.join(PRODUCTS)}")
    module = cast(Opener, importlib.import_module(PRODUCTS[product]))
    if state and state.exists():
        backend, info = load(state, product)
        front = module.front_on(backend, info, user=user, password=password)
    else:
        front, info = module.open_front(data=data, rows=rows, date=date, seed=seed, user=user, password=password)
    front.configure(options or {})
    sandbox = serve(product, front, info=info, port=port, real_dates=tolerant_clock)
    if state:
        sandbox.keep(state)
    return sandbox


def serve(
    product: str, front: Front, *, info: dict[str, Any] | None = None, port: int = 0, real_dates: bool = False
) -> Sandbox:
    """Serve these books; returns when requests are answered."""
    app = App(product, front, real_dates=real_dates)
    listening = _listen(port)
    config = uvicorn.Config(
        app,
        http=listed_protocol(app.connections),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=60,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listening]}, name=f"sandbox {product}", daemon=True
    )
    thread.start()
    _wait_until_started(server, thread)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    return Sandbox(product, url, front.user, front.password, info or {}, front.backend, app, server, thread)


def _addressed(info: Any, url: str) -> Any:
    """What the front said with {url}, which it could not know."""
    if isinstance(info, dict):
        return {name: _addressed(value, url) for name, value in info.items()}
    if isinstance(info, list):
        return [_addressed(value, url) for value in info]
    return info.replace("{url}", url) if isinstance(info, str) else info


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as problem:
        why = os.strerror(problem.errno) if problem.errno else str(problem)
        taken = f"port {port} of 127.0.0.1 cannot be used ({why}); name another one with --port, or 0 for a free one"
        raise OSError(taken) from problem


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    while not server.started:
        if not thread.is_alive():
            raise OSError("the sandbox's server did not start")
        thread.join(timeout=0.01)
