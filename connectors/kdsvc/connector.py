"""The connector for Kingdee's WebAPI (services ending in .kdsvc). What differs stands in the product files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial

from connectors.base import Ack, Check, Quota, System, Wire
from connectors.descriptor import Limits
from connectors.kdsvc.auth import Logon
from connectors.kdsvc.checks import checks
from connectors.kdsvc.client import Client
from connectors.kdsvc.descriptor import Form, Product
from connectors.kdsvc.read import Reader
from connectors.kdsvc.write import Writer
from connectors.pace import Deadline
from connectors.protocol import ProtocolConnector
from connectors.words import limits_of, logon_of


class KdsvcConnector(ProtocolConnector):
    """See `connectors.base.Connector`. May be used by several threads; each has its own session at the ERP."""

    def __init__(self, product: Product, system: System, limits: Limits, auth: Logon) -> None:
        self._client = Client(product, system, limits, auth)
        reader = Reader(self._client)
        self._steps = Writer(self._client, reader)
        super().__init__(product, system, self._client, reader, self._steps)

    def _services(self) -> Mapping[str, Callable[[], datetime]]:
        return {form.form: partial(self._ask, form) for form in self._client.first_forms()}

    def _ask(self, form: Form) -> datetime:
        return self._client.rows(form.form, [form.id], "", [form.id], limit=1).erp_time

    def finish(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        return self._steps.finish(obj, external_id, wire, Deadline(deadline_s))

    def source_paths(self, obj: str) -> dict[str, str] | None:
        return self._client.source_paths(obj)

    def checks(self) -> Iterator[Check]:
        """What can be said of this tenant without writing: key carriers, bill types, organisations."""
        return checks(self._client)

    def check_carriers(self) -> None:
        super().check_carriers()
        self._client.check_options()


def open_connector(product: Product, system: System, quota: Quota | None = None) -> KdsvcConnector:
    """See `connectors.products.open_connector`; no public figure of calls a minute is known, so none is counted."""
    kind = logon_of(product, [*product.auth], system)
    connector = KdsvcConnector(product, system, limits_of(product, system), next(k for k in product.auth if k == kind))
    connector.check_carriers()
    return connector
