"""What a client sends in: request bodies and function parameters, typed and checked."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from sandbox.odata.backend import ODataError, Row
from sandbox.odata.errors import bad_request, unknown_property
from sandbox.odata.http import Request
from sandbox.odata.json_values import from_json
from sandbox.odata.literals import fits, parse_literal, shown
from sandbox.odata.metadata import EntitySet, Function, Property, Service
from sandbox.odata.render import Shape

_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def read_values(service: Service, entity_set: EntitySet, body: Mapping[str, Any], *, creating: bool) -> Row:
    """Typed values of a body; what the client may not set is passed over, as Gateway does."""
    values: Row = {}
    for name, raw in body.items():
        if nav := entity_set.navigations.get(name):
            if _is_link(raw):
                continue
            if not creating:
                raise bad_request(f"Navigation '{name}': a deep update is not supported, update the child by itself")
            values[name] = _children(service, service.sets[nav.target], raw, many=nav.many)
        elif prop := entity_set.properties.get(name):
            value = from_json(prop, raw)
            if prop.creatable if creating else prop.updatable and prop not in entity_set.keys:
                values[name] = value
        elif not name.startswith("__"):
            raise unknown_property(name, entity_set.type_name)
    return values


def _children(service: Service, entity_set: EntitySet, raw: Any, *, many: bool) -> list[Row] | Row | None:
    """A list, {"results": list}, or one object for a to-one navigation."""
    if many:
        members = raw.get("results") if isinstance(raw, Mapping) else raw
        if not isinstance(members, list) or not all(isinstance(member, Mapping) for member in members):
            raise bad_request(f"A list of '{entity_set.type_name}' is expected")
        return [read_values(service, entity_set, member, creating=True) for member in members]
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        raise bad_request(f"One '{entity_set.type_name}' is expected")
    return read_values(service, entity_set, raw, creating=True)


def read_parameters(function: Function, options: dict[str, str]) -> Row:
    return {name: _parameter(prop, options.get(name)) for name, prop in function.parameters.items()}


def _parameter(prop: Property, text: str | None) -> Any:
    if text is None:
        raise bad_request(f"Parameter '{prop.name}' is missing")
    try:
        kind, value = parse_literal(text)
    except ValueError as problem:
        raise bad_request(f"Parameter '{prop.name}': {problem}") from problem
    if not fits(prop, kind):
        raise bad_request(f"Parameter '{prop.name}': a literal of type {prop.edm} is expected")
    return shown(prop, value)


def read_body(request: Request) -> Mapping[str, Any]:
    """The JSON object sent; a wrapping {"d": …} is taken off."""
    kind = request.headers.get("content-type", "")
    if "json" not in kind:
        raise ODataError(415, "/IWFND/CM_MGW/415", f"Content type '{kind}' is not supported; send application/json")
    try:
        body = _decode(request.body)
    except (ValueError, ArithmeticError, RecursionError) as problem:
        raise bad_request(f"The request body is not valid JSON: {problem}") from problem
    body = body.get("d", body) if isinstance(body, Mapping) else body
    if not isinstance(body, Mapping):
        raise bad_request("The request body must be one JSON object")
    return body


def _is_link(raw: Any) -> bool:
    return isinstance(raw, Mapping) and "__deferred" in raw


def sent_shape(service: Service, entity_set: EntitySet, values: Row) -> Shape:
    """A create answers with the children that were sent, expanded."""
    shape = Shape()
    for name, nav in entity_set.navigations.items():
        if sent := values.get(name):
            shape.children[name] = Shape()
            for member in sent if isinstance(sent, list) else [sent]:
                deeper = sent_shape(service, service.sets[nav.target], member)
                shape.children[name].children |= deeper.children
    return shape
