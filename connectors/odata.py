"""The connector for OData V2, as SAP Gateway speaks it. What differs between products stands in their files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from connectors.answer import Answer
from connectors.base import WHOLE, Ack, Hit, Keyed, Page, Part, Pong, Position, RawAmount, Read, Splits, System, Wire
from connectors.descriptor import Limits, Product
from connectors.errors import AccessError, ConfigurationError
from connectors.odata_client import Client
from connectors.odata_read import Reader
from connectors.odata_write import Writer
from connectors.pace import Deadline


class ODataConnector:
    """See `connectors.base.Connector`. May be used by several threads; each has its own session at the ERP."""

    def __init__(self, product: Product, system: System, limits: Limits, auth: str) -> None:
        self.product, self.system = product, system
        self._client = Client(product, system, limits, auth)
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
        specs = self._client.resource(obj).reads
        return [Read(spec.name, spec.complete, spec.keeps_watermark, spec.covered_by) for spec in specs]

    def splits(self, obj: str) -> Splits | None:
        return self._reader.splits(obj)

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

    def change(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        return self._writer.change(obj, external_id, wire, Deadline(deadline_s))

    def cancel(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        return self._writer.cancel(obj, external_id, wire, Deadline(deadline_s))

    def raw_amounts(self, obj: str) -> Iterator[RawAmount]:
        return self._reader.raw_amounts(obj)

    def source_paths(self, obj: str) -> dict[str, str] | None:
        resource = self._client.resource(obj)
        return dict(self._client.metadata(resource.service).paths(self._client.entity(resource)))

    def check_carriers(self) -> None:
        """ConfigurationError when the system's key_carrier is none that the product allows."""
        for obj, resource in self.product.resources.items():
            if resource.write:
                self._client.carrier(obj)

    def close(self) -> None:
        self._client.close()


def open_connector(product: Product, system: System) -> ODataConnector:
    """A connector for one system, to be closed; ConfigurationError when the system file does not fit the product."""
    auth = system.auth or product.auth[0]
    if auth not in product.auth:
        facts: dict[str, Any] = {"system": system.name, "product": product.name, "known": ", ".join(product.auth)}
        raise ConfigurationError("unknown-auth", auth=auth, **facts)
    try:
        limits = Limits.model_validate({**product.limits.model_dump(), **system.limits})
    except ValidationError as exc:
        error = exc.errors()[0]
        problem = f"{'.'.join(map(str, error['loc']))}: {error['msg']}"
        raise ConfigurationError("bad-limits", system=system.name, problem=problem) from None
    connector = ODataConnector(product, system, limits, auth)
    connector.check_carriers()
    return connector
