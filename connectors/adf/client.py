"""One system's ADF REST resources: addresses, pages of rows, single items, and what a product's words resolve to."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.adf.descriptor import Product, Resource, Write
from connectors.adf.errors import Judge
from connectors.adf.source import Source
from connectors.adf.types import both, compare, query
from connectors.answer import Answer
from connectors.auth import make_auth
from connectors.base import System, Wire
from connectors.descriptor import Limits
from connectors.errors import PermanentError
from connectors.http import Http
from connectors.pace import Deadline
from connectors.words import Words

COMPANY_TABLE = "business_unit"
"""The system's table from a company code to the business unit's name; without an entry the two are the same."""


@dataclass(frozen=True, slots=True)
class Rows:
    """One answered page as the wire had it, whether more follow, and the ERP's clock."""

    rows: list[Wire]
    more: bool
    erp_time: datetime


class Client(Words[Resource, Write]):
    def __init__(self, product: Product, system: System, limits: Limits, auth: str) -> None:
        super().__init__(product, system, product.resources)
        headers = {"REST-Framework-Version": product.framework, "X-Requested-By": "crosstie"}
        self.http = Http(system, limits, headers=headers, auth=make_auth(system, auth))
        self.judge = Judge(system.name, system.username, product.texts.locked, product.texts.duplicate)
        self._version = product.version
        self.us = system.options.get("source_system") or product.us
        units = system.tables.get(COMPANY_TABLE, {})
        self.units = frozenset(units.get(code, code) for code in system.companies)

    def url(self, path: str) -> str:
        """The address of context/resource, version in between."""
        context, _, name = path.partition("/")
        return f"{self.http.base}/{context}/resources/{self._version}/{name}"

    def paths(self) -> list[str]:
        """Every resource of the product, each once."""
        found = [source.path for resource in self.resources.values() for source in resource.sources]
        return list(dict.fromkeys(found))

    def _company_filter(self, source: Source) -> str:
        """Only the configured companies, where the ERP can be asked for them; else `counts` looks."""
        if not self.units or source.company not in source.queryable:
            return ""
        kind = source.queryable[source.company]
        return " or ".join(compare(source.company, "=", kind, unit) for unit in sorted(self.units))

    def bounds(self, source: Source) -> str:
        """What every read of this source is bound to: the configured companies, and options of the system file."""
        asked = {name: self.system.options.get(option, "") for name, option in source.bound.items()}
        limits = [compare(name, "=", source.queryable[name], value) for name, value in asked.items() if value]
        return both(self._company_filter(source), *limits)

    def hook(self, source: Source) -> Callable[[list[Wire]], None] | None:
        """The function of the vendor's quirks that completes this source's records, if it needs one."""
        if not source.hook:
            return None
        quirks = importlib.import_module(f"connectors.{self.product.name.partition('/')[0]}.quirks")
        found: Callable[[list[Wire]], None] = getattr(quirks, source.hook)
        return found

    def rows(self, url: str, deadline: Deadline | None = None) -> Rows:
        return self.http.read(url, use=self._rows, deadline=deadline)

    def _rows(self, answer: Answer) -> Rows:
        self.judge.read(answer)
        body = self.judge.data(answer)
        rows, more = body.get("items"), body.get("hasMore")
        if not isinstance(rows, list) or not isinstance(more, bool):
            raise PermanentError("answer-shape", system=self.system.name, path=answer.path, what="items and hasMore")
        return Rows(rows, more, answer.erp_time)

    def item(self, url: str, deadline: Deadline | None = None) -> Wire | None:
        """A single record as the wire has it; None for 404, which can also mean that we may not see it."""

        def record(answer: Answer) -> Wire | None:
            self.judge.read(answer, absent_ok=True)
            return None if answer.status == 404 else self.judge.data(answer)

        return self.http.read(url, use=record, deadline=deadline)

    def own(self, row: Wire) -> str:
        """The item's own address, verbatim: path keys are never built. PermanentError without links."""
        link = self_link(row)
        if not link:
            raise PermanentError("answer-shape", system=self.system.name, path="", what="the self link of an item")
        return self.http.same_origin(str(link.get("href", "")), str(self.http.base))

    def whole(self, source: Source, row: Wire) -> Wire:
        """The record in place with all its children, where the ERP had cut a list of them short."""
        if not any(is_cut(value) for value in row.values()):
            return row
        condition = compare(source.id, "=", source.queryable[source.id], str(row.get(source.id)))
        found = self.rows(self.url(source.path) + query(q=condition, fields=source.id, links="self")).rows
        if len(found) != 1:
            raise PermanentError("answer-shape", system=self.system.name, path=source.path, what="a record's lines")
        address = self.own(found[0])
        for name, value in row.items():
            if is_cut(value):
                below = [child.removeprefix(f"{name}.") for child in source.children if child.startswith(f"{name}.")]
                row[name] = self._children(f"{address}/child/{name}", ",".join(below))
        return row

    def _children(self, url: str, expand: str) -> list[Wire]:
        """All of one list, from its beginning; the children of one document do not move."""
        found: list[Wire] = []
        while True:
            page = self.rows(url + query(onlyData="true", limit=500, offset=len(found), expand=expand))
            found += page.rows
            if not page.more or not page.rows:
                return found

    def close(self) -> None:
        self.http.close()


def self_link(row: Wire) -> Mapping[str, Any] | None:
    links: Sequence[Any] = row.get("links") or []
    return next((link for link in links if isinstance(link, dict) and link.get("rel") == "self"), None)


def version_of(row: Wire) -> str:
    """The ETag that a PATCH of this item must be based on; empty where the resource has none."""
    link = self_link(row) or {}
    return str((link.get("properties") or {}).get("changeIndicator") or "")


def is_cut(value: Any) -> bool:
    """A list of children that the ERP did not show in full."""
    return isinstance(value, dict) and value.get("hasMore") is True
