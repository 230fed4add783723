"""What a resource says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.oracle.adf.model import JSON_TYPES, Resource, Row


def document(resource: Resource, href: str) -> Row:
    return {"Resources": {resource.name: _resource(resource, href, deep=True)}}


def catalogue(resources: Mapping[str, Resource], root: str, full: bool) -> Row:
    """Every resource of a context; without its attributes when only the list was asked for."""
    if full:
        return {"Resources": {name: _resource(each, f"{root}/{name}", deep=False) for name, each in resources.items()}}
    links = [
        {"rel": "child", "href": f"{root}/{name}", "name": name, "kind": "collection"} for name in sorted(resources)
    ]
    return {"version": root.rpartition("/")[2], "links": links}


def _resource(resource: Resource, href: str, *, deep: bool) -> Row:
    children = {name: _resource(child, f"{href}/child/{name}", deep=True) for name, child in resource.children.items()}
    described: Row = {
        "attributes": [_attribute(resource, name, kind) for name, kind in resource.attributes.items()],
        "collection": {
            "rangeSize": 25,
            "finders": [_finder(name, finder.variables) for name, finder in resource.finders.items()],
            "actions": [*_methods(resource), *({"name": name} for name in resource.collection_actions)],
        },
        "item": {"actions": [{"name": name} for name in resource.actions]},
        "links": [{"rel": "self", "href": href, "name": resource.name, "kind": "collection"}],
    }
    return {**described, "children": children} if deep and children else described


def _attribute(resource: Resource, name: str, kind: str) -> Row:
    can_change = resource.create is not None or resource.update is not None
    return {
        "name": name, "type": JSON_TYPES.get(kind, kind), "updatable": can_change, "mandatory": name == resource.key,
        "queryable": name in resource.queryable,
    }  # fmt: skip


def _finder(name: str, variables: Mapping[str, str]) -> Row:
    shown = [{"name": variable, "type": JSON_TYPES.get(kind, kind)} for variable, kind in variables.items()]
    return {"name": name, "variables": shown}


def _methods(resource: Resource) -> list[dict[str, Any]]:
    create = [{"name": "create", "method": "POST"}] if resource.create else []
    return [{"name": "get", "method": "GET"}, *create]
