"""What the versions of OData do not have in common, as the parts that are common to them ask for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import httpx

from connectors.base import Wire
from connectors.odata.errors import Judge, warnings
from connectors.odata.metadata import Entity, Metadata, parse_metadata
from connectors.odata.query import query
from connectors.odata.shape import Decode, Shape, Tree, decoder, expand, keep_etags, select

Plain = Callable[[Wire], None]


class Dialect(Protocol):
    @property
    def headers(self) -> Mapping[str, str]:
        """Of every call that asks for data."""

    @property
    def json(self) -> Mapping[str, str]:
        """Of every write."""

    def metadata(self, text: bytes) -> Metadata:
        """ValueError when it is none."""

    def judge(self, system: str, user: str, locked: Sequence[str], single_write: Sequence[str]) -> Judge: ...

    def options(self, tree: Tree, entity: Entity, metadata: Metadata) -> dict[str, str]:
        """The options of an address that ask for `tree`, by names without `$`."""

    def query(self, **options: str | int) -> str: ...

    def decoder(self, tree: Tree, entity: Entity, metadata: Metadata) -> Decode: ...

    def shape(self, tree: Tree, entity: Entity, metadata: Metadata) -> Plain:
        """Makes a record plain, in place; raises CutLinesError."""

    def keep_etags(self, row: Wire) -> None:
        """Move the versions of a record and its lines to `@etag`."""

    def page(self, data: Any) -> tuple[Any, str]:
        """The rows of an answer, and the address of the next ones (empty: there are none)."""

    def warnings(self, headers: httpx.Headers) -> list[str]:
        """What an accepted write says beside its yes, `code: text` each."""


class V2:
    headers: Mapping[str, str] = {}
    json: Mapping[str, str] = {"Content-Type": "application/json", "Accept": "application/json"}

    def metadata(self, text: bytes) -> Metadata:
        return parse_metadata(text)

    def judge(self, system: str, user: str, locked: Sequence[str], single_write: Sequence[str]) -> Judge:
        return Judge(system, user, locked, single_write)

    def options(self, tree: Tree, entity: Entity, metadata: Metadata) -> dict[str, str]:
        return {"select": select(tree, entity, metadata), "expand": ",".join(expand(tree, entity, metadata))}

    def query(self, **options: str | int) -> str:
        return query(options, "$format=json")

    def decoder(self, tree: Tree, entity: Entity, metadata: Metadata) -> Decode:
        return decoder(tree, entity, metadata)

    def shape(self, tree: Tree, entity: Entity, metadata: Metadata) -> Plain:
        return Shape(tree, entity, metadata).plain

    def keep_etags(self, row: Wire) -> None:
        keep_etags(row)

    def page(self, data: Any) -> tuple[Any, str]:
        return (data, "") if isinstance(data, list) else (data.get("results"), data.get("__next") or "")

    def warnings(self, headers: httpx.Headers) -> list[str]:
        return warnings(headers.get("sap-message", ""))
