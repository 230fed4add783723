"""One system's OData services: addresses, metadata read once, raw pages, and what a product's words resolve to."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.answer import Answer
from connectors.auth import make_auth
from connectors.base import System, Wire
from connectors.descriptor import Limits
from connectors.errors import ConfigurationError, PermanentError, TransientError
from connectors.http import Http
from connectors.odata.descriptor import ODataProduct, ODataResource, Write
from connectors.odata.dialect import Dialect, Plain
from connectors.odata.metadata import Entity, Metadata
from connectors.odata.shape import Decode, Tree, UnknownFieldError, tree_of, with_keys
from connectors.odata.types import join_key, strip_zeros
from connectors.pace import Deadline
from connectors.product_yaml import nearest
from connectors.words import Words


@dataclass(frozen=True, slots=True)
class Rows:
    """One answered page: its records as the wire had them, the next page's address (empty: none), the ERP's clock."""

    rows: list[Wire]
    next: str
    erp_time: datetime


class Client(Words[ODataResource, Write]):
    def __init__(self, product: ODataProduct, system: System, limits: Limits, auth: str, dialect: Dialect) -> None:
        headers = {product.logon.client: system.client, product.logon.language: system.language}
        kept = {name: value for name, value in headers.items() if name and value}
        self.dialect = dialect
        super().__init__(product, system, product.resources)
        self._root = product.root
        self.http = Http(system, limits, headers={**kept, **dialect.headers}, auth=make_auth(system, auth))
        self.judge = dialect.judge(system.name, system.username, product.texts.locked, product.texts.single_write)
        self._metadata: dict[str, Metadata] = {}
        self._lock = threading.Lock()

    # services and their metadata

    def services(self) -> list[str]:
        return sorted({resource.service for resource in self.resources.values()})

    def root(self, service: str) -> str:
        return f"{self.http.base}{self._root}/{service}"

    def url(self, resource: ODataResource) -> str:
        return f"{self.root(resource.service)}/{resource.set}"

    def metadata(self, service: str) -> Metadata:
        with self._lock:
            if service not in self._metadata:
                headers = {"Accept": "application/xml"}
                self._metadata[service] = self.http.read(
                    f"{self.root(service)}/$metadata", headers, use=self._parsed(service)
                )
            return self._metadata[service]

    def _parsed(self, service: str) -> Any:
        def parse(answer: Answer) -> Metadata:
            self.judge.read(answer)
            try:
                return self.dialect.metadata(answer.body)
            except ValueError as exc:
                facts: dict[str, Any] = {"system": self.system.name, "service": service, "reason": str(exc)}
                raise PermanentError("metadata-broken", **facts) from None

        return parse

    def entity(self, resource: ODataResource) -> Entity:
        entity = self.metadata(resource.service).of_set(resource.set)
        if entity is None:
            facts: dict[str, Any] = {"system": self.system.name, "service": resource.service, "set": resource.set}
            raise ConfigurationError("set-missing", **facts)
        return entity

    def selection(self, obj: str, fields: Iterable[str], also: Iterable[str] = ()) -> Selection:
        """What to ask for so that `fields` come; all header fields when none is named. `also`: what we need."""
        resource = self.resource(obj)
        entity, metadata = self.entity(resource), self.metadata(resource.service)
        named = list(fields)
        try:
            tree: Tree = with_keys(tree_of([*named, *(also if named else ())]), entity, metadata)
        except UnknownFieldError as exc:
            near = (nearest(exc.path.rpartition(".")[2], exc.known) or ["nothing like it"])[0]
            facts: dict[str, Any] = {"system": self.system.name, "obj": obj, "field": exc.path, "nearest": near}
            raise ConfigurationError("source-field-missing", **facts) from None
        speak, place = self.dialect, (tree, entity, metadata)
        return Selection(resource, entity, speak, speak.options(*place), speak.shape(*place), speak.decoder(*place))

    # reading

    def page(self, url: str, decode: Decode) -> Rows:
        return self.http.read(url, use=lambda answer: self._rows(answer, decode, url))

    def pages(self, url: str, decode: Decode) -> Iterator[Rows]:
        """This address's page and those the server names after it, verbatim; a page named twice ends in an error."""
        passed = {url}
        while url:
            rows = self.page(url, decode)
            yield rows
            url = rows.next
            if url in passed:
                path = url.partition("?")[0].removeprefix(str(self.http.base))
                raise TransientError("repeated-page", system=self.system.name, path=path)
            passed.add(url)

    def _rows(self, answer: Answer, decode: Decode, url: str) -> Rows:
        self.judge.read(answer)
        data = self.judge.data(answer, decode)
        rows, following = self.dialect.page(data)
        if not isinstance(rows, list):
            raise PermanentError("answer-shape", system=self.system.name, path=answer.path, what="rows")
        return Rows(rows, self.http.same_origin(following, url) if following else "", answer.erp_time)

    def one(self, url: str, deadline: Deadline | None = None) -> Wire | None:
        """A single entity as the wire has it, None when it does not exist."""

        def entity(answer: Answer) -> Wire | None:
            self.judge.read(answer, absent_ok=True)
            return None if answer.status == 404 else self.judge.data(answer)

        return self.http.read(url, use=entity, deadline=deadline)

    def close(self) -> None:
        self.http.close()


@dataclass(frozen=True, slots=True)
class Selection:
    """A resource with the fields to be read of it."""

    resource: ODataResource
    entity: Entity
    dialect: Dialect
    options: Mapping[str, str]
    plain: Plain
    decode: Decode

    def query(self, **options: str | int) -> str:
        return self.dialect.query(**options, **self.options)

    def key(self, row: Wire) -> str:
        """The full ERP key of a plain record; KeyError when a part is missing."""
        names, strip = self.resource.key, self.resource.strip_zeros
        if len(names) == 1:
            return strip_zeros(row[names[0]]) if strip else row[names[0]]
        return join_key([strip_zeros(row[name]) if name in strip else row[name] for name in names])
