"""The connector for Yonyou's YonBIP and YonSuite by their OpenAPI gateway. What differs stands in the product file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from connectors.base import (
    WHOLE,
    Ack,
    Check,
    Hit,
    Keyed,
    Page,
    Part,
    Pong,
    Position,
    Quota,
    RawAmount,
    Read,
    Splits,
    System,
    Wire,
)
from connectors.descriptor import Limits
from connectors.errors import AccessError
from connectors.pace import Deadline
from connectors.words import limits_of, logon_of
from connectors.yonbip_client import Client
from connectors.yonbip_descriptor import Product
from connectors.yonbip_read import Reader
from connectors.yonbip_steps import check_stop
from connectors.yonbip_write import Writer

LOGON = ["signature"]


class YonBipConnector:
    """See `connectors.base.Connector`. May be used by several threads; they share one token and one count of calls."""

    def __init__(self, product: Product, system: System, limits: Limits, quota: Quota | None) -> None:
        self.product, self.system = product, system
        self._client = Client(product, system, limits, quota)
        self._reader = Reader(self._client)
        self._writer = Writer(self._client, self._reader)

    def ping(self) -> Pong:
        """Ask every list for one row; an API that is not granted is reported, a wrong key or address is raised."""
        services: dict[str, str] = {}
        offset: float | None = None
        for resource in self._client.resources.values():
            body = {"pageIndex": 1, "pageSize": 1, **resource.query.body}
            try:
                reply = self._client.ask(resource.path, body)
                offset = (reply.erp_time - datetime.now(UTC)).total_seconds() if offset is None else offset
                services[resource.path] = "ok"
            except AccessError as exc:
                if exc.code not in ("forbidden", "service-missing"):
                    raise
                services[resource.path] = str(exc)
        http = self._client.http
        user = self.system.username
        return Pong(self.product.name, str(http.base), user, offset or 0.0, services, http.certificate_until)

    def reads(self, obj: str) -> list[Read]:
        return self._client.reads(obj)

    def splits(self, obj: str) -> Splits | None:
        return self._client.splits(obj)

    def pull(
        self, obj: str, read: str, *, since: str, after: Position, fields: Iterable[str], part: Part = WHOLE
    ) -> Iterator[Page]:
        """Starts earlier than `since` by the read's overlap: stamps of long transactions become visible late."""
        return self._reader.pull(obj, read, since, after, fields)

    def lookup(self, obj: str, keys: Sequence[str], *, fields: Iterable[str]) -> Iterator[Page]:
        return self._reader.lookup(obj, keys, fields)

    def find(self, obj: str, key: str) -> list[Hit]:
        return self._reader.find(obj, key)

    def bearing(self, obj: str, prefix: str) -> Iterator[Keyed]:
        return self._reader.bearing(obj, prefix)

    def push(self, obj: str, wire: Wire, key: str, *, deadline_s: float) -> Ack:
        return self._writer.push(obj, wire, key, Deadline(deadline_s))

    def finish(self, obj: str, external_id: str, *, deadline_s: float) -> Ack:
        return self._writer.finish(obj, external_id, Deadline(deadline_s))

    def change(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        return self._writer.change(obj, external_id, wire, Deadline(deadline_s))

    def cancel(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        return self._writer.cancel(obj, external_id, Deadline(deadline_s))

    def raw_amounts(self, obj: str) -> Iterator[RawAmount]:
        return self._reader.raw_amounts(obj)

    def checks(self) -> Iterator[Check]:
        return iter(())

    def source_paths(self, obj: str) -> dict[str, str] | None:
        """A tenant publishes no metadata of its APIs."""
        return None

    def check_carriers(self) -> None:
        self._client.check_carriers()

    def close(self) -> None:
        self._client.close()


def open_connector(product: Product, system: System, quota: Quota | None = None) -> YonBipConnector:
    """See `connectors.products.open_connector`."""
    logon_of(product, LOGON, system)
    check_stop(product, system.options, system.name)
    connector = YonBipConnector(product, system, limits_of(product, system), quota)
    connector.check_carriers()
    return connector
