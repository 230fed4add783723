"""The product file of an OData product: services and entity sets, lines behind navigations, how lines cancel."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from connectors.descriptor import BaseProduct, BaseResource, BaseWrite, Pattern, Strict


class Cancel(Strict):
    """A document is cancelled by writing `values` to each line below `nav` where the first of them is still empty."""

    nav: str
    values: dict[str, str] = Field(min_length=1)


class Write(BaseWrite):
    cancel: Cancel | None = None


class Resource(BaseResource):
    """`path` is service/entity set."""

    protocol: Literal["odata"] | None = None
    path: str = Field(pattern=r"^[^/]+/[^/]+$")
    write: Write | None = None

    @property
    def service(self) -> str:
        return self.path.split("/")[0]

    @property
    def set(self) -> str:
        return self.path.split("/")[1]


class LogonHeaders(Strict):
    """Names of the request headers that carry the tenant and the logon language; empty: not sent."""

    client: str = ""
    language: str = ""


class Texts(Strict):
    """Regular expressions over the ERP's error texts: `locked`, try later; `single_write`, no changeset of several."""

    locked: list[Pattern] = Field(default_factory=list)
    single_write: list[Pattern] = Field(default_factory=list)


class Product(BaseProduct):
    protocol: Literal["odata"]
    root: str
    auth: list[Literal["basic", "oauth2", "certificate"]] = Field(["basic"], min_length=1)
    logon: LogonHeaders = LogonHeaders()
    texts: Texts = Texts()
    resources: dict[str, Resource]
