"""Answers for a client that does not ask for JSON: a plain Atom feed or entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, cast
from xml.sax.saxutils import escape, quoteattr

from sandbox.odata.backend import Backend, ReadRow
from sandbox.odata.etags import etag_text
from sandbox.odata.json_values import json_decimal
from sandbox.odata.literals import duration, initial
from sandbox.odata.metadata import EntitySet, Property, Service
from sandbox.odata.render import Renderer, Shape, is_wanted

_NAMESPACES = (
    'xmlns="http://www.w3.org/2005/Atom" xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"'
    ' xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices"'
)
_SCHEME = "http://schemas.microsoft.com/ado/2007/08/dataservices/scheme"
_RELATED = "http://schemas.microsoft.com/ado/2007/08/dataservices/related/"
_WRITERS: dict[str, Callable[[Any], str]] = {
    "Edm.Decimal": json_decimal,
    "Edm.Boolean": lambda value: "true" if value else "false",
    "Edm.Time": duration,
}


class AtomWriter:
    def __init__(self, backend: Backend, service: Service, root: str, at: datetime) -> None:
        self._backend = backend
        self._service = service
        self._root = root
        self._updated = f"{at:%Y-%m-%dT%H:%M:%SZ}"
        self._renderer = Renderer(backend, service, root)

    def feed(
        self, entity_set: EntitySet, shape: Shape, rows: Sequence[ReadRow], *, count: int | None, following: str | None
    ) -> bytes:
        inside = self._feed(entity_set, shape, rows, self._root + "/" + entity_set.name)
        counted = f"<m:count>{count}</m:count>" if count is not None else ""
        link = f'<link rel="next" href={quoteattr(following)}/>' if following else ""
        root = f"<feed {_NAMESPACES} xml:base={quoteattr(self._root + '/')}>"
        return f'<?xml version="1.0" encoding="utf-8"?>{root}{counted}{inside}{link}</feed>'.encode()

    def entry(self, entity_set: EntitySet, shape: Shape, row: ReadRow) -> bytes:
        root = f"<entry {_NAMESPACES} xml:base={quoteattr(self._root + '/')}"
        return f'<?xml version="1.0" encoding="utf-8"?>{root}{self._entry(entity_set, shape, row)}</entry>'.encode()

    def _feed(self, entity_set: EntitySet, shape: Shape, rows: Sequence[ReadRow], address: str) -> str:
        entries = "".join(f"<entry{self._entry(entity_set, shape, row)}</entry>" for row in rows)
        title = f'<title type="text">{entity_set.name}</title><updated>{self._updated}</updated>'
        return f"<id>{escape(address)}</id>{title}{entries}"

    def _entry(self, entity_set: EntitySet, shape: Shape, row: ReadRow) -> str:
        """From the attributes of the start tag to before the end tag."""
        address = self._renderer.uri(entity_set)(row)
        version = self._backend.etag(entity_set.name, row) if entity_set.version else None
        etag = f" m:etag={quoteattr(etag_text(version))}" if version is not None else ""
        kind = f'<category term="{self._service.name}.{entity_set.type_name}" scheme="{_SCHEME}"/>'
        links = "".join(self._link(entity_set, shape, row, address, name) for name in entity_set.navigations)
        properties = "".join(_element(prop, row) for prop in entity_set.properties.values() if is_wanted(shape, prop))
        return (
            f"{etag}><id>{escape(address)}</id><title/><updated>{self._updated}</updated>{kind}{links}"
            f'<content type="application/xml"><m:properties>{properties}</m:properties></content>'
        )

    def _link(self, entity_set: EntitySet, shape: Shape, row: ReadRow, address: str, name: str) -> str:
        if shape.selected is not None and name not in shape.selected:
            return ""
        nav = entity_set.navigations[name]
        kind = f"application/atom+xml;type={'feed' if nav.many else 'entry'}"
        head = f'<link rel="{_RELATED}{name}" type="{kind}" title="{name}" href={quoteattr(f"{address}/{name}")}'
        if name not in shape.children:
            return head + "/>"
        target, child = self._service.sets[nav.target], shape.children[name]
        found = self._backend.navigate(entity_set.name, row, name)
        if nav.many:
            inside = self._feed(target, child, cast(Sequence[ReadRow], found), f"{address}/{name}")
            return f"{head}><m:inline><feed>{inside}</feed></m:inline></link>"
        entry = f"<entry{self._entry(target, child, cast(ReadRow, found))}</entry>" if found is not None else ""
        return f"{head}><m:inline>{entry}</m:inline></link>"


def _element(prop: Property, row: ReadRow) -> str:
    value = row.get(prop.name, initial(prop))
    if value is None:
        return f'<d:{prop.name} m:null="true"/>'
    return f"<d:{prop.name}>{escape(plain_text(prop, value))}</d:{prop.name}>"


def plain_text(prop: Property, value: Any) -> str:
    """A value as XML and $value write it."""
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return moment.isoformat() + ("Z" if prop.edm == "Edm.DateTimeOffset" else "")
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00"
    return _WRITERS.get(prop.edm, str)(value)
