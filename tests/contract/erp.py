"""What the contract tests of every product stand on: a sandbox, connectors to it, and the sandbox's control plane."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from connectors.base import Connector, Position, Quota, Record
from connectors.descriptor import BaseProduct
from connectors.products import open_connector
from sandbox.server import Sandbox
from tests.control_plane import Controlled
from tests.unit.connector_help import FakeSystem


class SandboxErp(Controlled):
    """One sandbox. A product says which `product` it is, and what else its `settings` and the `fields` read are."""

    product: BaseProduct

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.info: dict[str, Any] = json.loads(sandbox.announcement())
        self._opened: list[Connector] = []
        self.connector = self.connect()

    def settings(self) -> dict[str, Any]:
        """What the system file has besides address and user."""
        return {}

    def connect(self, quota: Quota | None = None, **settings: Any) -> Connector:
        """Another connector, with these settings in place of the usual ones; `close` closes it, at the latest."""
        usual = {"username": self.sandbox.user, "password": self.sandbox.password, "limits": {"retry_s": 5}}
        given = {**usual, **self.settings(), **settings}
        system = FakeSystem(url=self.sandbox.url, allow_http=True, **given)
        self._opened.append(open_connector(self.product, system, quota))
        return self._opened[-1]

    def close(self) -> None:
        for connector in self._opened:
            connector.close()
        self.sandbox.stop()

    def orders(self, key: str) -> list[Any]:
        """Booked orders that bear our key."""
        return [document for document in self.book("orders") if key in document["key"].values()]

    def fields(self, obj: str) -> Iterable[str]:
        """What `pull` asks for unless a test says otherwise."""
        return ()

    def pull(
        self,
        obj: str,
        read: str = "",
        since: str = "",
        fields: Iterable[str] | None = None,
        connector: Connector | None = None,
    ) -> list[Record]:
        """Every record of a read, the object's first one unless it is named."""
        erp = connector or self.connector
        name, wanted = read or erp.reads(obj)[0].name, self.fields(obj) if fields is None else fields
        pages = erp.pull(obj, name, since=since, after=Position(), fields=wanted)
        return [record for page in pages for record in page.records]
