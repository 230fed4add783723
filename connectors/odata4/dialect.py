"""What is V4's own: see `connectors.odata.dialect`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import msgspec

from connectors.base import Wire
from connectors.odata.dialect import Plain
from connectors.odata.errors import SEVERITIES, Judge
from connectors.odata.metadata import Entity, Metadata
from connectors.odata.query import query
from connectors.odata.shape import Decode, Tree
from connectors.odata4 import shape
from connectors.odata4.metadata import parse_metadata

EXACT = "application/json;IEEE754Compatible=true"
"""Decimals as text, in both directions: a JSON number has been a float on the way."""


class Judge4(Judge):
    def _inside(self, body: dict[str, Any]) -> Any:
        return body


class V4:
    headers: Mapping[str, str] = {"Accept": EXACT, "OData-MaxVersion": "4.0"}
    json: Mapping[str, str] = {"Content-Type": EXACT, "Accept": EXACT, "OData-Version": "4.0"}

    def metadata(self, text: bytes) -> Metadata:
        return parse_metadata(text)

    def judge(self, system: str, user: str, locked: Sequence[str], single_write: Sequence[str]) -> Judge:
        return Judge4(system, user, locked, single_write)

    def options(self, tree: Tree, entity: Entity, metadata: Metadata) -> dict[str, str]:
        return {
            "select": shape.select(tree, entity),
            "expand": shape.expand(tree, entity, metadata),
        }

    def query(self, **options: str | int) -> str:
        return query(options)

    def decoder(self, tree: Tree, entity: Entity, metadata: Metadata) -> Decode:
        return shape.decoder(tree, entity, metadata)

    def shape(self, tree: Tree, entity: Entity, metadata: Metadata) -> Plain:
        return shape.Shape(tree, entity, metadata).plain

    def keep_etags(self, row: Wire) -> None:
        shape.keep_etags(row)

    def page(self, data: Any) -> tuple[Any, str]:
        return data.get("value"), data.get(shape.NEXT) or ""

    def warnings(self, headers: httpx.Headers) -> list[str]:
        """The messages of a `sap-messages` header that are more than an information."""
        try:
            found = msgspec.json.decode(headers.get("sap-messages", "[]").encode())
            messages = [(str(m.get("code", "")), str(m.get("numericSeverity")), m.get("message")) for m in found]
        except (msgspec.DecodeError, AttributeError, TypeError):
            return []
        return [f"{code}: {text}" for code, level, text in messages if SEVERITIES.get(level, "") != "success"]
