"""A sandbox that says the same at every run, and everything that is said to it taken down."""

from __future__ import annotations

import base64
import json
import random
import secrets
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx

from commands.sandbox_process import system_data
from config.settings import Settings
from config.system_writer import write_system
from sandbox.office import data_sets
from sandbox.office.clock import noon_of
from sandbox.office.office import Office
from sandbox.server import Sandbox, start
from tests.control_plane import Controlled
from tests.products import PRODUCTS
from tests.recordings import book
from tests.recordings.recording import Answered, Asked, Exchange
from tests.recordings.tenant import NAME, PASSWORD

HOST = "erp.example.com"
_send = httpx.HTTPTransport.handle_request


@dataclass
class Studio(Controlled):
    """`read`: what anybody reads of any answer, beyond what is asked for; None: answers stay whole."""

    sandbox: Sandbox
    read: frozenset[str] | None = None

    def mutate(self, **change: Any) -> None:
        """What an ERP user does by hand."""
        self.control("POST", "mutate", **change)

    @contextmanager
    def blocked(self, ours: str) -> Iterator[None]:
        """Meanwhile the customer may not order."""
        block = {"what": "block_customer", "customer": self.number("customers", ours)}
        self.mutate(**block)
        yield
        self.mutate(**block, blocked=False)

    def number(self, obj: str, ours: str = "") -> str:
        """The ERP's number of the document that bears a number of ours, which products do; without one, the first."""
        if obj == "products":
            return ours
        return next(str(row["number"]) for row in self.book(obj) if not ours or ours in _numbers(row))

    def stir(self) -> None:
        """Do by hand what fills the fields that a data set leaves empty."""
        buyer, price = self.number("customers", book.MILL), {"what": "price", "company": book.CN, "currency": "CNY"}
        self.mutate(**price, product=book.CARE, rate="17500.00", customer=buyer)
        self.mutate(**price, product=book.PUMP, rate="4900.00", **{"from": "2026-07-01"})
        for obj, ours, values in book.CHANGES.get(self.sandbox.product, []):
            self.mutate(what="set", object=obj, number=self.number(obj, ours), values=values)
        self.mutate(what="block_customer", customer=self.number("customers", book.FARM))
        if isinstance(self.sandbox.backend, Office):
            book.renew(self.sandbox.backend)

    def system_file(self, folder: Path, home: Path) -> None:
        """What the sandbox says of itself, as an installation's file; its address is HOST's."""
        said = self.sandbox.announcement().replace(self.sandbox.url, f"http://{HOST}")
        settings = Settings(home / "config", home, "sqlite://")
        data = system_data(settings, NAME, json.loads(said))
        data["options"] = {**data.get("options", {}), **PRODUCTS[self.sandbox.product].system}
        del data["name"]
        path = write_system(settings, NAME, {name: value for name, value in data.items() if value}, replace=True)
        folder.mkdir()
        (folder / "system.yaml").write_text(path.read_text(encoding="utf-8"), encoding="utf-8", newline="\n")

    @contextmanager
    def recording(self) -> Iterator[list[Exchange]]:
        """Requests to HOST go to the sandbox, and are taken down."""
        taken: list[Exchange] = []

        def handle(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
            if request.url.host != HOST:
                return _send(transport, request)
            url = httpx.URL(self.sandbox.url).copy_with(raw_path=request.url.raw_path)
            real = httpx.Request(request.method, url, headers=request.headers, content=request.read())
            response = _send(transport, real)
            response.read()
            asked = Asked.of(request)
            taken.append(Exchange(asked, Answered.of(response, asked, self.read)))
            return httpx.Response(response.status_code, headers=response.headers, content=response.content)

        with patch.object(httpx.HTTPTransport, "handle_request", handle):
            yield taken


@contextmanager
def open_studio(product: str) -> Iterator[Studio]:
    """The small book in the product's sandbox; neither its clock nor chance moves."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(data_sets, "choose", lambda *_: book.small()))
        for owner, name, made in _chance(random.Random(7)):
            stack.enter_context(patch.object(owner, name, made))
        options = PRODUCTS[product].sandbox
        sandbox = start(product, date=book.TODAY, seed=7, password=PASSWORD, options=options)
        stack.callback(sandbox.stop)
        getattr(sandbox.backend, "books", sandbox.backend).clock.move_to(noon_of(book.TODAY))
        yield Studio(sandbox)


def _numbers(row: dict[str, Any]) -> tuple[str, ...]:
    """Numbers of ours that a document of the sandbox's book bears."""
    keys = row["key"]
    return row.get("our_number", ""), row.get("reference", ""), *(keys.values() if isinstance(keys, dict) else ())


def _chance(dice: random.Random) -> list[tuple[Any, str, Callable[..., Any]]]:
    """What asks chance, answered by dice."""
    return [
        (uuid, "uuid4", lambda: uuid.UUID(int=dice.getrandbits(128), version=4)),
        (secrets, "token_bytes", lambda size=32: dice.randbytes(size)),
        (secrets, "token_hex", lambda size=32: dice.randbytes(size).hex()),
        (secrets, "token_urlsafe", lambda size=32: base64.urlsafe_b64encode(dice.randbytes(size)).decode().rstrip("=")),
    ]
