"""The connector for ADF Business Object REST, as Oracle Fusion speaks it. What differs stands in the product file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from connectors.adf_client import Client
from connectors.adf_descriptor import Product
from connectors.adf_read import Reader
from connectors.adf_types import query
from connectors.adf_write import Writer
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
from connectors.pace import Deadline
from connectors.words import limits_of, logon_of


class AdfConnector:
    """See `connectors.base.Connector`. May be used by several threads; each has its own connection."""

    def __init__(self, product: Product, system: System, limits: Limits, auth: str) -> None:
        self.product, self.system = product, system
        self._client = Client(product, system, limits, auth)
        self._reader, self._writer = Reader(self._client), Writer(self._client)

    def ping(self) -> Pong:
        """Ask every resource; one that refuses is reported, wrong credentials or an unreachable host are raised."""
        offsets: list[float] = []
        services = {}
        for path in self._client.paths():
            url = self._client.url(path) + query(onlyData="true", limit=1)
            try:
                offsets.append(self._client.http.read(url, use=self._clock_offset))
                services[path] = "ok"
            except AccessError as exc:
                if exc.code not in ("forbidden", "service-missing"):
                    raise
                services[path] = str(exc)
        offset = offsets[0] if offsets else 0.0
        http = self._client.http
        return Pong(self.product.name, str(http.base), self.system.username, offset, services, http.certificate_until)

    def _clock_offset(self, answer: Answer) -> float:
        self._client.judge.read(answer)
        self._client.judge.data(answer)
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
        """Orders are submitted as they are created; nothing is left to do."""
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
        """None: what describes a resource there depends on the release and says nothing of what joins add."""
        return None

    def check_carriers(self) -> None:
        self._client.check_carriers()

    def close(self) -> None:
        self._client.close()


def open_connector(product: Product, system: System, quota: Quota | None = None) -> AdfConnector:
    """See `connectors.products.open_connector`; Fusion states no calls per minute."""
    connector = AdfConnector(product, system, limits_of(product, system), logon_of(product, [*product.auth], system))
    connector.check_carriers()
    return connector
