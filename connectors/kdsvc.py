"""The connector for Kingdee's WebAPI (services ending in .kdsvc). What differs stands in the product files."""

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
from connectors.kdsvc_auth import Logon
from connectors.kdsvc_checks import checks
from connectors.kdsvc_client import Client
from connectors.kdsvc_descriptor import Product
from connectors.kdsvc_read import Reader
from connectors.kdsvc_write import Writer
from connectors.pace import Deadline
from connectors.words import limits_of, logon_of


class KdsvcConnector:
    """See `connectors.base.Connector`. May be used by several threads; each has its own session at the ERP."""

    def __init__(self, product: Product, system: System, limits: Limits, auth: Logon) -> None:
        self.product, self.system = product, system
        self._client = Client(product, system, limits, auth)
        self._reader = Reader(self._client)
        self._writer = Writer(self._client, self._reader)

    def ping(self) -> Pong:
        """Ask for one row of every form; one that refuses is reported, wrong credentials are raised."""
        client, services, offset = self._client, dict[str, str](), 0.0
        for form in client.first_forms():
            try:
                answer = client.rows(form.form, [form.id], "", [form.id], limit=1)
                offset = offset or (answer.erp_time - datetime.now(UTC)).total_seconds()
                services[form.form] = "ok"
            except AccessError as exc:
                if exc.code != "forbidden":
                    raise
                services[form.form] = str(exc)
        http = client.http
        return Pong(self.product.name, str(http.base), self.system.username, offset, services, http.certificate_until)

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
        return self._writer.finish(obj, external_id, Deadline(deadline_s))

    def change(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        return self._writer.change(obj, external_id, wire, Deadline(deadline_s))

    def cancel(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        return self._writer.cancel(obj, external_id, wire, Deadline(deadline_s))

    def raw_amounts(self, obj: str) -> Iterator[RawAmount]:
        return self._reader.raw_amounts(obj)

    def source_paths(self, obj: str) -> dict[str, str] | None:
        return self._client.source_paths(obj)

    def checks(self) -> Iterator[Check]:
        """What can be said of this tenant without writing: key carriers, bill types, organisations."""
        return checks(self._client)

    def check_carriers(self) -> None:
        self._client.check_carriers()
        self._client.check_options()

    def close(self) -> None:
        self._client.close()


def open_connector(product: Product, system: System, quota: Quota | None = None) -> KdsvcConnector:
    """See `connectors.products.open_connector`; no public figure of calls a minute is known, so none is counted."""
    kind = logon_of(product, [*product.auth], system)
    connector = KdsvcConnector(product, system, limits_of(product, system), next(k for k in product.auth if k == kind))
    connector.check_carriers()
    return connector
