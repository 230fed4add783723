"""Product files by name, and the connector that speaks a product's protocol."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from connectors.descriptor import BaseProduct
from connectors.errors import ConfigurationError
from connectors.product_yaml import Lines, nearest, read_yaml
from connectors.words import check_options

if TYPE_CHECKING:
    from connectors.base import Connector, Quota, System

HOME = Path(__file__).parent
PROTOCOLS = ("odata",)
"""Each is two modules: connectors.PROTOCOL_descriptor with `Product`, and connectors.PROTOCOL with `open_connector`."""


def open_connector(product: BaseProduct, system: System, quota: Quota | None = None) -> Connector:
    """A connector for one system, to be closed; ConfigurationError when the system file does not fit the product.

    `quota` counts calls over all workers, for products that limit them by the minute; without it only our own count.
    """
    check_options(product, system)
    module = importlib.import_module(f"connectors.{product.protocol}")
    connector: Connector = module.open_connector(product, system, quota)
    return connector


def load_product(name: str, home: Path = HOME) -> BaseProduct:
    """The product file of `name` (vendor/product); ConfigurationError names file, line and the nearest valid key."""
    known = sorted(f"{p.parent.name}/{p.stem}" for p in home.glob("*/*.yaml"))
    if name not in known:
        raise ConfigurationError("unknown-product", product=name, known=", ".join(nearest(name, known) or known))
    return parse_product((home / f"{name}.yaml").read_text(encoding="utf-8"), source=f"connectors/{name}.yaml")


def parse_product(text: str, source: str) -> BaseProduct:
    data, lines = read_yaml(text, source)
    kind = _kind(data, lines, source)
    try:
        return kind.model_validate(data)
    except ValidationError as exc:
        first = min(
            exc.errors(), key=lambda error: error["type"] != "extra_forbidden"
        )  # a typo explains what is missing
        raise _explained(first, kind, lines, source) from None


def _explained(error: Any, product: type[BaseProduct], lines: Lines, source: str) -> ConfigurationError:
    loc = tuple(part for part in error["loc"])
    place: dict[str, Any] = {
        "file": source,
        "line": str(lines.at(loc)),
        "path": ".".join(map(str, loc[:-1])) or "the file",
    }
    if error["type"] != "extra_forbidden":
        place["path"] = ".".join(map(str, loc)) or "the file"
        return ConfigurationError("product-value", problem=str(error["msg"]).removeprefix("Value error, "), **place)
    known = sorted(_fields_at(product, loc[:-1]))
    near = (nearest(str(loc[-1]), known) or known)[0]
    return ConfigurationError("product-key", key=str(loc[-1]), nearest=near, known=", ".join(known), **place)


def _fields_at(product: type[BaseProduct], loc: tuple[str | int, ...]) -> set[str]:
    """Names of the fields of the model at this place of a product file."""
    kind: Any = product
    for part in loc:
        kind = (
            _model_in(kind.model_fields[part].annotation)
            if isinstance(part, str) and part in kind.model_fields
            else kind
        )
    return set(kind.model_fields)


def _model_in(annotation: Any) -> Any:
    """The model inside `list[Model]`, `dict[str, Model]`, `Model | None` or the model itself."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for arg in getattr(annotation, "__args__", ()) if (model := _model_in(arg))), None)


def _kind(data: Any, lines: Lines, source: str) -> type[BaseProduct]:
    """The model of the file's protocol."""
    protocol = data.get("protocol") if isinstance(data, dict) else None
    if protocol in PROTOCOLS:
        kind: type[BaseProduct] = importlib.import_module(f"connectors.{protocol}_descriptor").Product
        return kind
    line = str(lines.at(("protocol",)))
    known = ", ".join(PROTOCOLS)
    problem = f"{protocol or 'nothing'} is no protocol; known are {known}"
    raise ConfigurationError("product-value", file=source, line=line, path="protocol", problem=problem)
