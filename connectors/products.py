"""Product files by name, and the connector that speaks a product's protocol."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from connectors.descriptor import BaseProduct, BaseResource
from connectors.errors import ConfigurationError
from connectors.mixed import MixedProduct
from connectors.mixed import open_connector as open_mixed
from connectors.product_yaml import Lines, nearest, read_yaml
from connectors.words import check_options

if TYPE_CHECKING:
    from connectors.base import Connector, Quota, System

HOME = Path(__file__).parent
PROTOCOLS = ("odata", "odata4", "yonbip", "adf", "kdsvc")
"""Each is a package: its module `descriptor` has `Product`, its module `connector` has `open_connector`."""


def open_connector(product: BaseProduct, system: System, quota: Quota | None = None) -> Connector:
    """A connector for one system, to be closed; ConfigurationError when the system file does not fit the product.

    `quota` counts calls over all workers, for products that limit them by the minute; without it only our own count.
    """
    check_options(product, system)
    if isinstance(product, MixedProduct):
        return open_mixed(product, system, quota, open_connector)
    module = importlib.import_module(f"connectors.{product.protocol}.connector")
    connector: Connector = module.open_connector(product, system, quota)
    return connector


def product_names(home: Path = HOME) -> list[str]:
    """Every product there is a file for, as vendor/product."""
    return sorted(f"{path.parent.name}/{path.stem}" for path in home.glob("*/*.yaml"))


def load_product(name: str, home: Path = HOME) -> BaseProduct:
    """The product file of `name` (vendor/product); ConfigurationError names file, line and the nearest valid key."""
    known = product_names(home)
    if name not in known:
        raise ConfigurationError("unknown-product", product=name, known=", ".join(nearest(name, known) or known))
    return parse_product((home / f"{name}.yaml").read_text(encoding="utf-8"), source=f"connectors/{name}.yaml")


def parse_product(text: str, source: str) -> BaseProduct:
    data, lines = read_yaml(text, source)
    file = _File(data, lines, source)
    return file.mixed() if file.is_mixed else file.part(file.protocol(("protocol",)))


Place = tuple[str | int, ...]


class _File:
    """A product file, read; every error names its place in it."""

    def __init__(self, data: Any, lines: Lines, source: str) -> None:
        self._data: dict[str, Any] = data if isinstance(data, dict) else {}
        self._lines, self._source = lines, source

    @property
    def is_mixed(self) -> bool:
        named = [one.get("protocol") for one in self._resources().values() if isinstance(one, dict)]
        return bool({"ways", "also"} & self._data.keys() or {*named} - {None, self._data.get("protocol")})

    def _resources(self) -> dict[str, Any]:
        found = self._data.get("resources")
        return found if isinstance(found, dict) else {}

    def _at(self, place: Place) -> Any:
        found: Any = self._data
        for part in place:
            found = found.get(part) if isinstance(found, dict) else None
        return found

    def protocol(self, place: Place) -> str:
        """The protocol named at a place of the file; a resource that names none speaks the file's."""
        name = self._at(place) or self._at(("protocol",))
        self._known(name, place)
        return str(name)

    def _known(self, name: Any, place: Place) -> None:
        if name not in PROTOCOLS:
            line, known = str(self._lines.at(place)), ", ".join(PROTOCOLS)
            problem = f"{name or 'nothing'} is no protocol; known are {known}"
            path = ".".join(map(str, place))
            raise ConfigurationError("product-value", file=self._source, line=line, path=path, problem=problem)

    def mixed(self) -> MixedProduct:
        """The file's resources, each validated by its own protocol's model."""
        own = self.protocol(("protocol",))
        spoken = {obj: self.protocol(("resources", obj, "protocol")) for obj in self._resources()}
        parts = {name: self.part(name, spoken) for name in dict.fromkeys([own, *spoken.values()])}
        ways: dict[str, dict[str, BaseResource]] = {}
        for obj, by in (self._at(("ways",)) or {}).items():
            for name in by or {}:
                self._known(name, ("ways", obj, name))
                way = self.part(name, {obj: name}, ("ways", obj, name))
                parts.setdefault(name, way)
                ways.setdefault(obj, {})[name] = way.resources[obj]
        if stray := ways.keys() - spoken.keys():
            raise self._stray_way(sorted(stray)[0])
        facts = {name: getattr(parts[own], name) for name in BaseProduct.model_fields}
        resources = {obj: parts[name].resources[obj] for obj, name in spoken.items()}
        facts |= {"protocol": ", ".join(parts), "resources": resources}
        return MixedProduct(**facts, parts=parts, protocols=spoken, ways=ways)

    def _stray_way(self, obj: str) -> ConfigurationError:
        place: dict[str, Any] = {
            "file": self._source,
            "line": str(self._lines.at(("ways", obj))),
            "path": f"ways.{obj}",
        }
        return ConfigurationError("product-value", problem=f"there is no resource {obj}", **place)

    def part(self, name: str, spoken: Mapping[str, str] | None = None, way: Place = ()) -> BaseProduct:
        """The file as one of `name` alone: with those of its resources, or the one at `way`."""
        kind: type[BaseProduct] = importlib.import_module(f"connectors.{name}.descriptor").Product
        data = {key: value for key, value in self._data.items() if spoken is None or key not in ("ways", "also")}
        also = self._at(("also", name)) or {}
        if spoken is not None:
            if name != data.get("protocol"):
                data = {key: value for key, value in data.items() if key in kind.model_fields}
            chosen = {obj: self._resources().get(obj) for obj, one in spoken.items() if one == name}
            resources = {next(iter(spoken)): self._at(way)} if way else chosen
            data |= {**also, "protocol": name, "resources": resources}
        try:
            return kind.model_validate(data)
        except ValidationError as exc:
            # a typo explains what is missing
            first = min(exc.errors(), key=lambda error: error["type"] != "extra_forbidden")
            loc = tuple(first["loc"])
            place = (*way, *loc[2:]) if way and loc[:1] == ("resources",) else loc
            place = ("also", name, *loc) if loc[:1] and loc[0] in also else place
            raise self._explained(first, kind, place) from None

    def _explained(self, error: Any, product: type[BaseProduct], at: Place) -> ConfigurationError:
        place: dict[str, Any] = {
            "file": self._source,
            "line": str(self._lines.at(at)),
            "path": ".".join(map(str, at[:-1])) or "the file",
        }
        if error["type"] != "extra_forbidden":
            place["path"] = ".".join(map(str, at)) or "the file"
            return ConfigurationError("product-value", problem=str(error["msg"]).removeprefix("Value error, "), **place)
        loc = tuple(error["loc"])
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
