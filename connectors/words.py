"""What a product file and a system file together say: resources, reads, key carriers, limits, ways to log on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from connectors.base import Read, Splits, System
from connectors.descriptor import BaseProduct, BaseResource, BaseWrite, Limits, ReadSpec
from connectors.errors import ConfigurationError

R = TypeVar("R", bound=BaseResource)
W = TypeVar("W", bound=BaseWrite)


class Words(Generic[R, W]):
    """The words of one protocol's product file (resources R, writes W) for one system of it."""

    def __init__(self, product: BaseProduct, system: System, resources: Mapping[str, R]) -> None:
        self.product, self.system, self.resources = product, system, resources

    def resource(self, obj: str) -> R:
        if obj not in self.resources:
            known = ", ".join(self.resources)
            raise ConfigurationError("unknown-object", obj=obj, known=known, **self._names())
        return self.resources[obj]

    def read_spec(self, obj: str, read: str) -> ReadSpec:
        for spec in self.resource(obj).reads:
            if spec.name == read:
                return spec
        known = ", ".join(spec.name for spec in self.resource(obj).reads)
        raise ConfigurationError("unknown-read", obj=obj, read=read, known=known, system=self.system.name)

    def reads(self, obj: str) -> list[Read]:
        specs = self.resource(obj).reads
        return [Read(spec.name, spec.complete, spec.keeps_watermark, spec.covered_by) for spec in specs]

    def splits(self, obj: str) -> Splits | None:
        """The companies are those of the system file, by the product's table where it has one."""
        resource = self.resource(obj)
        fields, read = resource.partition, resource.first_read
        if fields is None or read is None:
            return None
        table = self.system.tables.get(fields.company_table, {})
        codes = sorted(self.system.companies)
        values = [table.get(code, "") for code in codes] if fields.company_table else codes
        companies = list(dict.fromkeys(filter(None, values))) if fields.company else None
        return Splits(read.name, companies, bool(fields.date))

    def write_spec(self, obj: str, action: str) -> W:
        """How `obj` is written; ConfigurationError when this product cannot `action` (find, change, cancel) it."""
        write: W | None = getattr(self.resource(obj), "write", None)
        if write is None or getattr(write, action, True) is None:
            raise ConfigurationError("not-writable", action=action, obj=obj, **self._names())
        return write

    def carrier(self, obj: str) -> str:
        """The field that holds our key in `obj`: the system's choice among those the product allows."""
        allowed = self.write_spec(obj, "key_carrier").key_carrier
        chosen = self.system.key_carrier
        name = chosen if isinstance(chosen, str) else chosen.get(obj, "")
        fits = name in (allowed.default, *allowed.allowed)
        if name and not fits and not (isinstance(chosen, str) and self._carries_elsewhere(name)):
            known = ", ".join([allowed.default, *allowed.allowed])
            raise ConfigurationError("unknown-carrier", carrier=name, known=known, **self._names())
        return name if name and fits else allowed.default

    def check_carriers(self) -> None:
        """ConfigurationError when the system's key_carrier is none that the product allows."""
        for obj in self._writes():
            self.carrier(obj)

    def _carries_elsewhere(self, name: str) -> bool:
        """A single name in the system file is meant for the objects that allow it."""
        carriers = [write.key_carrier for write in self._writes().values()]
        return any(name in (carrier.default, *carrier.allowed) for carrier in carriers)

    def _writes(self) -> dict[str, W]:
        found = {obj: getattr(resource, "write", None) for obj, resource in self.resources.items()}
        return {obj: write for obj, write in found.items() if write is not None}

    def _names(self) -> dict[str, Any]:
        return {"system": self.system.name, "product": self.product.name}


def logon_of(product: BaseProduct, known: list[str], system: System) -> str:
    """The system's way to log on, else the product's first; ConfigurationError for one that the product lacks."""
    auth = system.auth or known[0]
    if auth not in known:
        facts: dict[str, Any] = {"system": system.name, "product": product.name, "known": ", ".join(known)}
        raise ConfigurationError("unknown-auth", auth=auth, **facts)
    return auth


def limits_of(product: BaseProduct, system: System) -> Limits:
    """The product's limits with the system's own; ConfigurationError for one that cannot be."""
    try:
        return Limits.model_validate({**product.limits.model_dump(), **system.limits})
    except ValidationError as exc:
        error = exc.errors()[0]
        problem = f"{'.'.join(map(str, error['loc']))}: {error['msg']}"
        raise ConfigurationError("bad-limits", system=system.name, problem=problem) from None


def check_options(product: BaseProduct, system: System) -> None:
    """ConfigurationError for an option of the system file that the product does not know, or one that it lacks."""
    known = ", ".join(product.options) or "-"
    facts: dict[str, Any] = {"system": system.name, "product": product.name, "known": known}
    for name in system.options:
        if name not in product.options:
            raise ConfigurationError("unknown-option", option=name, **facts)
    for name, needed in product.options.items():
        if needed and not system.options.get(name):
            raise ConfigurationError("option-missing", option=name, **facts)
