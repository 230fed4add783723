"""The product file of an OData product: services and entity sets, lines behind navigations, how lines cancel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from connectors.descriptor import BaseProduct, BaseResource, BaseWrite, Pattern, Strict


class Cancel(Strict):
    """A document is cancelled by writing `values` to each line below `nav` where the first of them is still empty."""

    nav: str
    values: dict[str, str] = Field(min_length=1)


class Write(BaseWrite):
    cancel: Cancel | None = None


class ODataResource(BaseResource):
    """`path` is service/entity set, below the product's root."""

    protocol: str | None = None
    path: str
    write: Write | None = None

    @property
    def service(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def set(self) -> str:
        return self.path.rpartition("/")[2]


class Resource(ODataResource):
    protocol: Literal["odata"] | None = None
    path: str = Field(pattern=r"^[^/]+/[^/]+$")


class LogonHeaders(Strict):
    """Names of the request headers that carry the tenant and the logon language; empty: not sent."""

    client: str = ""
    language: str = ""


class Texts(Strict):
    """Regular expressions over the ERP's error texts: `locked`, try later; `single_write`, no changeset of several."""

    locked: list[Pattern] = Field(default_factory=list)
    single_write: list[Pattern] = Field(default_factory=list)


class ODataProduct(BaseProduct):
    """What the products of either version say; `root` is the address below which their services are."""

    root: str
    auth: list[Literal["basic", "oauth2", "certificate"]] = Field(["basic"], min_length=1)
    logon: LogonHeaders = LogonHeaders()
    texts: Texts = Texts()
    resources: Mapping[str, ODataResource]


class Product(ODataProduct):
    protocol: Literal["odata"]
    resources: dict[str, Resource]
