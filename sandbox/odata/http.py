"""A request as Gateway reads it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from sandbox import http
from sandbox.http import WRITES


@dataclass(frozen=True)
class Request(http.Request):
    @property
    def verb(self) -> str:
        """The method meant: a POST may carry MERGE, PATCH, PUT or DELETE in X-HTTP-Method."""
        tunnelled = self.headers.get("x-http-method", "").upper()
        return tunnelled if self.method == "POST" and tunnelled in WRITES else self.method

    @property
    def is_write(self) -> bool:
        return self.method in WRITES

    @property
    def wants_json(self) -> bool:
        """$format decides, else Accept; without either the answer is Atom."""
        if form := self.options.get("$format"):
            return form == "json"
        return "application/json" in self.headers.get("accept", "")

    @property
    def language(self) -> str:
        asked = (
            self.options.get("sap-language")
            or self.headers.get("sap-language")
            or self.headers.get("accept-language", "")
        )
        return _LANGUAGES.get(asked[:2].upper().rstrip(",;"), asked[:2].upper() or "EN")


_LANGUAGES = {"E": "EN", "D": "DE", "1": "ZH", "*": "EN"}


def read(request: http.Request) -> Request:
    """The same request, with what Gateway asks of it."""
    return Request(**{field.name: getattr(request, field.name) for field in fields(http.Request)})
