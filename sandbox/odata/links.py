"""$links of V2: the addresses of what a navigation leads to. Gateway reads them by itself, whatever the service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast
from xml.sax.saxutils import escape

from sandbox.http import Response
from sandbox.odata.answers import json_answer
from sandbox.odata.backend import Backend, ReadRow
from sandbox.odata.errors import segment_not_found
from sandbox.odata.metadata import EntitySet, Service
from sandbox.odata.paths import Resource

_NAMESPACE = 'xmlns="http://schemas.microsoft.com/ado/2007/08/dataservices"'
Uris = Callable[[EntitySet], Callable[[ReadRow], str]]


def read_links(service: Service, backend: Backend, resource: Resource, uris: Uris, *, as_json: bool) -> Response:
    """The answer to `…/$links/NAVIGATION` of one entity; ODataError 404 for anything else behind $links."""
    name = "/".join(resource.tail[1:])
    nav = resource.entity_set.navigations.get(name)
    if nav is None or resource.row is None:
        raise segment_not_found(name or "$links")
    found: Any = backend.navigate(resource.entity_set.name, resource.row, name)
    rows = cast(Sequence[ReadRow], found if nav.many else [found] if found is not None else [])
    addresses = [uris(service.sets[nav.target])(row) for row in rows]
    if not nav.many and not addresses:
        raise segment_not_found(name)
    return _json(addresses, many=nav.many) if as_json else _xml(addresses, many=nav.many)


def _json(addresses: list[str], *, many: bool) -> Response:
    links = [{"uri": address} for address in addresses]
    return json_answer(200, {"results": links} if many else links[0])


def _xml(addresses: list[str], *, many: bool) -> Response:
    uris = "".join(f"<uri>{escape(address)}</uri>" for address in addresses)
    body = f"<links {_NAMESPACE}>{uris}</links>" if many else uris.replace("<uri>", f"<uri {_NAMESPACE}>", 1)
    return Response(200, {"content-type": "application/xml"}, f'<?xml version="1.0" encoding="utf-8"?>{body}'.encode())
