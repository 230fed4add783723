"""The connector for OData, as SAP Gateway speaks it. What differs between products stands in their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from connectors.answer import Answer
from connectors.base import Quota, System
from connectors.descriptor import Limits
from connectors.odata.client import Client
from connectors.odata.descriptor import ODataProduct, Product
from connectors.odata.dialect import V2, Dialect
from connectors.odata.read import Reader
from connectors.odata.write import Writer
from connectors.protocol import ProtocolConnector
from connectors.words import limits_of, logon_of


class ODataConnector(ProtocolConnector):
    """See `connectors.base.Connector`. May be used by several threads; each has its own session at the ERP."""

    def __init__(self, product: ODataProduct, system: System, limits: Limits, auth: str, dialect: Dialect) -> None:
        self._client = Client(product, system, limits, auth, dialect)
        super().__init__(product, system, self._client, Reader(self._client), Writer(self._client))

    def _services(self) -> Mapping[str, Callable[[], datetime]]:
        return {service: partial(self._ask, service) for service in self._client.services()}

    def _ask(self, service: str) -> datetime:
        return self._client.http.read(f"{self._client.root(service)}/", use=self._told)

    def _told(self, answer: Answer) -> datetime:
        self._client.judge.read(answer)
        self._client.judge.refuse_web_page(answer)
        return answer.erp_time

    def source_paths(self, obj: str) -> dict[str, str] | None:
        resource = self._client.resource(obj)
        return dict(self._client.metadata(resource.service).paths(self._client.entity(resource)))


def open_connector(product: Product, system: System, quota: Quota | None = None) -> ODataConnector:
    """See `connectors.products.open_connector`; OData products have no quotas."""
    auth = logon_of(product, [*product.auth], system)
    connector = ODataConnector(product, system, limits_of(product, system), auth, V2())
    connector.check_carriers()
    return connector
