"""The connector for ADF Business Object REST, as Oracle Fusion speaks it. What differs stands in the product file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from connectors.adf.client import Client
from connectors.adf.descriptor import Product
from connectors.adf.read import Reader
from connectors.adf.types import query
from connectors.adf.write import Writer
from connectors.answer import Answer
from connectors.base import Quota, System
from connectors.descriptor import Limits
from connectors.protocol import ProtocolConnector
from connectors.words import limits_of, logon_of


class AdfConnector(ProtocolConnector):
    """See `connectors.base.Connector`. May be used by several threads; each has its own connection.

    It knows no `source_paths`: what describes a resource there depends on the release and says nothing of joins.
    """

    def __init__(self, product: Product, system: System, limits: Limits, auth: str) -> None:
        self._client = Client(product, system, limits, auth)
        super().__init__(product, system, self._client, Reader(self._client), Writer(self._client))

    def _services(self) -> Mapping[str, Callable[[], datetime]]:
        return {path: partial(self._ask, path) for path in self._client.paths()}

    def _ask(self, path: str) -> datetime:
        url = self._client.url(path) + query(onlyData="true", limit=1)
        return self._client.http.read(url, use=self._told)

    def _told(self, answer: Answer) -> datetime:
        self._client.judge.read(answer)
        self._client.judge.data(answer)
        return answer.erp_time


def open_connector(product: Product, system: System, quota: Quota | None = None) -> AdfConnector:
    """See `connectors.products.open_connector`; Fusion states no calls per minute."""
    connector = AdfConnector(product, system, limits_of(product, system), logon_of(product, [*product.auth], system))
    connector.check_carriers()
    return connector
