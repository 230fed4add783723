"""One system's WebAPI: calls by method, metadata read once, rows of queries, and what a product's words resolve to."""

from __future__ import annotations

import importlib
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from connectors.answer import Answer
from connectors.base import System, Wire
from connectors.descriptor import Limits
from connectors.errors import ConfigurationError, PermanentError
from connectors.http import Http
from connectors.kdsvc.auth import Logon, make_auth
from connectors.kdsvc.descriptor import FORM, Beside, Form, Product, Resource, Write
from connectors.kdsvc.errors import Judge, SessionLostError, Status, lost
from connectors.kdsvc.metadata import Metadata, parse_metadata
from connectors.kdsvc.paths import paths_of
from connectors.kdsvc.query import bill_query
from connectors.kdsvc.shape import Selection, Shaper, UnknownFieldError
from connectors.kdsvc.site import resources_of
from connectors.pace import Deadline
from connectors.product_yaml import nearest
from connectors.words import Words

SERVICE = "Kingdee.BOS.WebApi.ServicesStub.DynamicFormService"
HEADERS = {"Content-Type": "application/json"}
T = TypeVar("T")
_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one answer, and the ERP's clock."""

    rows: list[list[Any]]
    erp_time: datetime


class Client(Words[Resource, Write]):
    def __init__(self, product: Product, system: System, limits: Limits, auth: Logon) -> None:
        super().__init__(product, system, resources_of(product, system.options))
        self.file = product
        lcid = self._lcid(product, system)
        self.zone = ZoneInfo(system.tables.get("time_zone", {}).get("system") or "UTC")
        base = str(system.url).strip().rstrip("/")
        self.http = Http(system, limits, headers={}, auth=make_auth(system, auth, base, lcid))
        self.judge = Judge(system.name, system.username, product.texts)
        self._metadata: dict[str, Metadata] = {}
        self._lock = threading.Lock()

    @staticmethod
    def _lcid(product: Product, system: System) -> str:
        """The number of the logon language; ConfigurationError for a language that the product does not speak."""
        language = (system.language or next(iter(product.lcid))).upper()
        if language not in product.lcid:
            facts: dict[str, Any] = {"system": system.name, "product": product.name}
            raise ConfigurationError("unknown-language", language=language, known=", ".join(product.lcid), **facts)
        return product.lcid[language]

    def carrier(self, obj: str) -> str:
        """As in every product, or a text field of this tenant's own whose name the product file's pattern allows."""
        write, chosen = self.write_spec(obj, "key_carrier"), self.system.key_carrier
        name = chosen if isinstance(chosen, str) else chosen.get(obj, "")
        if name and write.custom_carrier and re.fullmatch(write.custom_carrier, name):
            return name
        return super().carrier(obj)

    @property
    def stop_at(self) -> str:
        """The step after which documents are left to the ERP's own people."""
        return self.system.options.get("stop_at") or self.file.stop_at

    def check_options(self) -> None:
        """ConfigurationError for a step that no document of this product takes."""
        known = [step.name for write in self._writes().values() for step in write.steps]
        if self.stop_at not in ("save", *known):
            names = ", ".join(dict.fromkeys(["save", *known]))
            facts: dict[str, Any] = {"option": "stop_at", "value": self.stop_at, "known": names}
            raise ConfigurationError("option-value", system=self.system.name, **facts)

    # calls

    def url(self, method: str) -> str:
        return f"{self.http.base}/{SERVICE}.{method}.common.kdsvc"

    def ask(self, method: str, body: dict[str, Any], use: Callable[[Answer], T], deadline: Deadline | None = None) -> T:
        """A call that changes nothing. A lost session is opened again once."""
        content = _encode(body)
        try:
            return self.http.ask(self.url(method), content, HEADERS, use=use, deadline=deadline)
        except SessionLostError as exc:
            if not self.http.renew():
                raise lost(exc) from None
        try:
            return self.http.ask(self.url(method), content, HEADERS, use=use, deadline=deadline)
        except SessionLostError as exc:
            raise lost(exc) from None

    def write(
        self, method: str, body: dict[str, Any], obj: str, key: str, deadline: Deadline
    ) -> tuple[dict[str, Any], Status]:
        """A call that changes something, sent once; SessionLostError where nobody heard it."""
        answer = self.http.write("POST", self.url(method), _encode(body), HEADERS, deadline)
        return self.judge.write(answer, obj, key)

    # metadata

    def metadata(self, form: str) -> Metadata:
        with self._lock:
            if form not in self._metadata:
                body = {"data": {"FormId": form}}
                self._metadata[form] = self.ask("QueryBusinessInfo", body, self._parsed(form))
            return self._metadata[form]

    def _parsed(self, form: str) -> Callable[[Answer], Metadata]:
        def parse(answer: Answer) -> Metadata:
            body = self.judge.read(answer)
            try:
                return parse_metadata(form, body["Result"]["NeedReturnData"])
            except (ValueError, KeyError, TypeError) as exc:
                facts: dict[str, Any] = {"system": self.system.name, "service": form, "reason": str(exc)}
                raise PermanentError("metadata-broken", **facts) from None

        return parse

    # queries

    def rows(
        self,
        form: str,
        keys: Sequence[str],
        where: str,
        order: Sequence[str],
        *,
        limit: int = 0,
        deadline: Deadline | None = None,
    ) -> Rows:
        """One answer of at most `limit` rows (0: as many as the product allows)."""
        data = bill_query(form, keys, where, order, limit or self.file.query_limit)
        return self.ask("ExecuteBillQuery", {"data": data}, self._rows(len(keys)), deadline)

    def _rows(self, width: int) -> Callable[[Answer], Rows]:
        def rows(answer: Answer) -> Rows:
            body = self.judge.read(answer)
            if not isinstance(body, list) or any(not isinstance(row, list) or len(row) != width for row in body):
                raise PermanentError("answer-shape", system=self.system.name, path=answer.path, what="rows of its keys")
            return Rows(body, answer.erp_time)

        return rows

    # what is asked for

    def shaper(self, resource: Resource, form: Form) -> Shaper:
        beside = {name: self._beside(other) for name, other in form.beside.items()}
        return Shaper(form, resource.group, self.metadata(form.form), self.zone, self.file.moments, beside)

    def _beside(self, other: Beside) -> Shaper:
        return Shaper(_entries(other), None, self.metadata(other.form), self.zone, self.file.moments)

    def selection(self, obj: str, form: Form, fields: Iterable[str]) -> Selection:
        """What to ask of `form` so that `fields` and the key come. A field that the form lacks must be known to be."""
        resource, named = self.resource(obj), list(fields)
        keys = [name for name in resource.key if name != FORM]
        firsts = {path.partition(".")[0] for path in named}
        joins = [other.of for name, other in form.beside.items() if name in firsts]
        wanted = dict.fromkeys([*keys, *named, *joins, *form.needs])
        try:
            return self.shaper(resource, form).selection(
                resource.key, wanted, skip=lambda path: self._may_lack(resource, form, path)
            )
        except UnknownFieldError as exc:
            near = (nearest(exc.path.split(".")[-1], exc.known) or ["nothing like it"])[0]
            facts: dict[str, Any] = {"system": self.system.name, "obj": obj, "field": exc.path, "nearest": near}
            raise ConfigurationError("source-field-missing", **facts) from None

    def _may_lack(self, resource: Resource, form: Form, path: str) -> bool:
        """Whether a field may be absent from the form: the product file says so, or another form has it as its own."""
        first = path.partition(".")[0]
        if path in resource.optional or {path, first} & {*form.lacks}:
            return True
        others = (self.shaper(resource, other) for other in resource.forms if other.form != form.form)
        return bool(re.fullmatch(self.file.own_fields, first)) and any(other.has(path) for other in others)

    def hook(self, form: Form) -> Callable[[Wire], Iterable[Wire]] | None:
        """The function of the vendor's quirks that makes records of this form's documents, if it needs one."""
        if not form.hook:
            return None
        quirks = importlib.import_module(f"connectors.{self.file.name.partition('/')[0]}.quirks")
        found: Callable[[Wire], Iterable[Wire]] = getattr(quirks, form.hook)
        return found

    def first_forms(self) -> list[Form]:
        """Every form that is read, once."""
        return list({form.form: form for resource in self.resources.values() for form in resource.forms}.values())

    def source_paths(self, obj: str) -> dict[str, str]:
        """Paths of all forms of the object in the forms' own spelling, by the names that the first form gives them."""
        resource = self.resource(obj)
        found = {FORM: "text"}
        for form in resource.forms:
            found |= dict(paths_of(form, resource.group, self.metadata(form.form)))
            for name, other in form.beside.items():
                own = paths_of(_entries(other), None, self.metadata(other.form))
                found |= {f"{name}.{path}": kind for path, kind in own}
        return found

    def close(self) -> None:
        self.http.close()


def _entries(other: Beside) -> Form:
    return Form(form=other.form, id=other.id, entity=other.entity, entry=other.entry)
