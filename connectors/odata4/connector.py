"""The connector for OData V4, as SAP Gateway speaks it: V2's, in V4's dialect, told in the words the file names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from connectors.base import WHOLE, Ack, Page, Part, Position, Quota, System, Wire
from connectors.descriptor import Limits
from connectors.odata.connector import ODataConnector
from connectors.odata4.descriptor import Product
from connectors.odata4.dialect import V4
from connectors.odata4.names import NONE, Names, names_of, told_pages
from connectors.words import limits_of, logon_of


class OData4Connector(ODataConnector):
    """See `connectors.base.Connector`. May be used by several threads; each has its own session at the ERP."""

    def __init__(self, product: Product, system: System, limits: Limits, auth: str) -> None:
        super().__init__(product, system, limits, auth, V4())
        self._names = {obj: names_of(one.names, one.codes) for obj, one in product.resources.items()}

    def _of(self, obj: str) -> Names:
        return self._names.get(obj, NONE)

    def _asked(self, obj: str, fields: Iterable[str]) -> list[str]:
        """The service's own paths; those that it has nothing for are not asked."""
        return list(dict.fromkeys(filter(None, map(self._of(obj).path, fields))))

    def pull(
        self, obj: str, read: str, *, since: str, after: Position, fields: Iterable[str], part: Part = WHOLE
    ) -> Iterator[Page]:
        asked = self._asked(obj, fields)
        return told_pages(super().pull(obj, read, since=since, after=after, fields=asked, part=part), self._of(obj))

    def lookup(self, obj: str, keys: Sequence[str], *, fields: Iterable[str]) -> Iterator[Page]:
        return told_pages(super().lookup(obj, keys, fields=self._asked(obj, fields)), self._of(obj))

    def push(self, obj: str, wire: Wire, key: str, *, deadline_s: float) -> Ack:
        return super().push(obj, self._of(obj).write(wire), key, deadline_s=deadline_s)

    def change(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        return super().change(obj, external_id, self._of(obj).write(wire), deadline_s=deadline_s)

    def cancel(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        return super().cancel(obj, external_id, self._of(obj).write(wire), deadline_s=deadline_s)

    def source_paths(self, obj: str) -> dict[str, str] | None:
        """In the words that `names` gives, with what the service has nothing for: nobody need leave that out."""
        names = self._of(obj)
        return names.told(super().source_paths(obj) or {}) | dict.fromkeys(names.lacking(), "absent")


def open_connector(product: Product, system: System, quota: Quota | None = None) -> OData4Connector:
    """See `connectors.products.open_connector`; OData products have no quotas."""
    auth = logon_of(product, [*product.auth], system)
    connector = OData4Connector(product, system, limits_of(product, system), auth)
    connector.check_carriers()
    return connector
