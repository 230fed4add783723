"""The product file of an OData V4 product: as V2's, and how its names and codes are told in other words."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from connectors.odata.descriptor import ODataProduct, ODataResource


class Resource(ODataResource):
    """`path` is the service's path/entity set. All else in a resource is in the service's own words.

    `names`: for those who know another way to the same object (V2), what its paths are here, e.g.
    `to_Item.Material: Product`: a path of theirs and the last name of ours, empty where this service has nothing for
    it. `codes`: by such a path, our code → theirs, one to one.
    """

    protocol: Literal["odata4"] | None = None
    path: str = Field(pattern=r"^[^/]+(/[^/]+)+$")
    names: dict[str, str] = Field(default_factory=dict)
    codes: dict[str, dict[str, str]] = Field(default_factory=dict)


class Product(ODataProduct):
    protocol: Literal["odata4"]
    resources: dict[str, Resource]
