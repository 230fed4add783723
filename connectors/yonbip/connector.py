"""The connector for Yonyou's YonBIP and YonSuite by their OpenAPI gateway. What differs stands in the product file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from connectors.base import Ack, Quota, System, Wire
from connectors.descriptor import Limits
from connectors.pace import Deadline
from connectors.protocol import ProtocolConnector
from connectors.words import limits_of, logon_of
from connectors.yonbip.client import Client
from connectors.yonbip.descriptor import Product, Resource
from connectors.yonbip.read import Reader
from connectors.yonbip.steps import check_stop
from connectors.yonbip.write import Writer

LOGON = ["signature"]


class YonBipConnector(ProtocolConnector):
    """See `connectors.base.Connector`. May be used by several threads; they share one token and one count of calls.

    It knows no `source_paths`: a tenant publishes no metadata of its APIs.
    """

    def __init__(self, product: Product, system: System, limits: Limits, quota: Quota | None) -> None:
        self._client = Client(product, system, limits, quota)
        reader = Reader(self._client)
        self._steps = Writer(self._client, reader)
        super().__init__(product, system, self._client, reader, self._steps)

    def _services(self) -> Mapping[str, Callable[[], datetime]]:
        return {one.path: partial(self._ask, one) for one in self._client.resources.values()}

    def _ask(self, resource: Resource) -> datetime:
        return self._client.ask(resource.path, {"pageIndex": 1, "pageSize": 1, **resource.query.body}).erp_time

    def finish(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        return self._steps.finish(obj, external_id, Deadline(deadline_s))


def open_connector(product: Product, system: System, quota: Quota | None = None) -> YonBipConnector:
    """See `connectors.products.open_connector`."""
    logon_of(product, LOGON, system)
    check_stop(product, system.options, system.name)
    connector = YonBipConnector(product, system, limits_of(product, system), quota)
    connector.check_carriers()
    return connector
