"""The connector for OData, as SAP Gateway speaks it. What differs between products stands in their files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from connectors.answer import Answer
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
from connectors.odata_client import Client
from connectors.odata_descriptor import ODataProduct, Product
from connectors.odata_dialect import V2, Dialect
from connectors.odata_read import Reader
from connectors.odata_write import Writer
from connectors.pace import Deadline
from connectors.words import limits_of, logon_of


class ODataConnector:
    """See `connectors.base.Connector`. May be used by several threads; each has its own session at the ERP."""

    def __init__(self, product: ODataProduct, system: System, limits: Limits, auth: str, dialect: Dialect) -> None:
        self.product, self.system = product, system
        self._client = Client(product, system, limits, auth, dialect)
        self._reader, self._writer = Reader(self._client), Writer(self._client)

    def ping(self) -> Pong:
        """Ask every service; one that refuses is reported, wrong credentials or an unreachable host are raised."""
        offsets: list[float] = []
        services = {}
        for service in self._client.services():
            try:
                offsets.append(self._client.http.read(f"{self._client.root(service)}/", use=self._clock_offset))
                services[service] = "ok"
            except AccessError as exc:
                if exc.code not in ("forbidden", "service-missing"):
                    raise
                services[service] = str(exc)
        offset = offsets[0] if offsets else 0.0
        http = self._client.http
        return Pong(self.product.name, str(http.base), self.system.username, offset, services, http.certificate_until)

    def _clock_offset(self, answer: Answer) -> float:
        self._client.judge.read(answer)
        self._client.judge.refuse_web_page(answer)
        return (answer.erp_time - datetime.now(UTC)).total_seconds()

    def reads(self, obj: str) -> list[Read]:
        return self._client.reads(obj)

    def splits(self, obj: str) -> Splits | None:
        return self._client.splits(obj)

    def pull(
        self, obj: str, read: str, *, since: str, after: Position, fields: Iterable[str], part: Part = WHOLE
    ) -> Iterator[Page]:
        """Starts earlier than `since` by the read's overlap: stamps of long transactions become visible late."""
        return self._reader.pull(obj, read, since, after, fields, part)

    def lookup(self, obj: str, keys: Sequence[str], *, fields: Iterable[str]) -> Iterator[Page]:
        return self._reader.lookup(obj, keys, fields)

    def find(self, obj: str, key: str) -> list[Hit]:
        return self._reader.find(obj, key)

    def bearing(self, obj: str, prefix: str) -> Iterator[Keyed]:
        return self._reader.bearing(obj, prefix)

    def push(self, obj: str, wire: Wire, key: str, *, deadline_s: float) -> Ack:
        return self._writer.push(obj, wire, key, Deadline(deadline_s))

    def finish(self, obj: str, external_id: str, *, deadline_s: float) -> Ack:
        return Ack(external_id, changed=False)

    def change(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        return self._writer.change(obj, external_id, wire, Deadline(deadline_s))

    def cancel(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        return self._writer.cancel(obj, external_id, wire, Deadline(deadline_s))

    def raw_amounts(self, obj: str) -> Iterator[RawAmount]:
        return self._reader.raw_amounts(obj)

    def checks(self) -> Iterator[Check]:
        return iter(())

    def source_paths(self, obj: str) -> dict[str, str] | None:
        resource = self._client.resource(obj)
        return dict(self._client.metadata(resource.service).paths(self._client.entity(resource)))

    def check_carriers(self) -> None:
        self._client.check_carriers()

    def close(self) -> None:
        self._client.close()


def open_connector(product: Product, system: System, quota: Quota | None = None) -> ODataConnector:
    """See `connectors.products.open_connector`; OData products have no quotas."""
    auth = logon_of(product, [*product.auth], system)
    connector = ODataConnector(product, system, limits_of(product, system), auth, V2())
    connector.check_carriers()
    return connector
