"""A product whose resources speak several protocols: one connector for each of these, behind the one `Connector`.

A product file has one `protocol`; a resource may name another, and `ways` holds the same objects by another protocol:
a system's option `OBJECT: PROTOCOL` chooses. `also` says, by protocol, what else its product file would say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from connectors.base import (
    WHOLE,
    Ack,
    Check,
    Connector,
    Hit,
    Keyed,
    Page,
    Part,
    Pong,
    Position,
    Quota,
    RawAmount,
    Read,
    Splits,
    System,
    Wire,
)
from connectors.descriptor import BaseProduct, BaseResource
from connectors.errors import ConfigurationError
from connectors.pace import Pace
from connectors.words import limits_of


class MixedProduct(BaseProduct):
    """`parts`: the product file of each protocol, for all but its resources; the first is that of `protocol`.

    `protocols`: of each resource. `ways`: by object, then by protocol.
    """

    parts: Mapping[str, BaseProduct]
    protocols: Mapping[str, str]
    ways: Mapping[str, Mapping[str, BaseResource]]

    def chosen(self, system: System) -> dict[str, dict[str, BaseResource]]:
        """The resources of each protocol for this system; ConfigurationError for a way that there is not."""
        found: dict[str, dict[str, BaseResource]] = {name: {} for name in self.parts}
        for obj, resource in self.resources.items():
            own = self.protocols[obj]
            ways = {own: resource, **self.ways.get(obj, {})}
            way = system.options.get(obj, own) if obj in self.ways else own
            if way not in ways:
                facts: dict[str, Any] = {"system": system.name, "option": obj, "known": ", ".join(ways)}
                raise ConfigurationError("option-value", value=way, **facts)
            found[way][obj] = ways[way]
        return {name: resources for name, resources in found.items() if resources}


class PartOfSystem:
    """A system as one of the protocols sees it: one key carrier for all objects is meant for those that allow it.

    `pace`: the system's limits hold for all protocols together.
    """

    def __init__(self, system: System, key_carrier: str | Mapping[str, str], pace: Pace) -> None:
        self._system, self.key_carrier, self.pace = system, key_carrier, pace

    def __getattr__(self, name: str) -> Any:
        return getattr(self._system, name)


class MixedConnector:
    """See `connectors.base.Connector`."""

    def __init__(self, product: MixedProduct, system: System, parts: Mapping[str, Connector]) -> None:
        """`parts`: the connector of each object; those of one protocol are the same."""
        self.product, self.system = product, system
        self._of = parts

    def _for(self, obj: str) -> Connector:
        if obj not in self._of:
            facts: dict[str, Any] = {"system": self.system.name, "product": self.product.name}
            raise ConfigurationError("unknown-object", obj=obj, known=", ".join(self._of), **facts)
        return self._of[obj]

    def _all(self) -> list[Connector]:
        return list({id(one): one for one in self._of.values()}.values())

    def ping(self) -> Pong:
        """Of all together: one of them that is refused altogether raises."""
        first, *others = [one.ping() for one in self._all()]
        services = {name: said for pong in (first, *others) for name, said in pong.services.items()}
        return Pong(self.product.name, first.url, first.user, first.clock_offset_s, services, first.certificate_until)

    def reads(self, obj: str) -> list[Read]:
        return self._for(obj).reads(obj)

    def splits(self, obj: str) -> Splits | None:
        return self._for(obj).splits(obj)

    def pull(
        self, obj: str, read: str, *, since: str, after: Position, fields: Iterable[str], part: Part = WHOLE
    ) -> Iterator[Page]:
        return self._for(obj).pull(obj, read, since=since, after=after, fields=fields, part=part)

    def lookup(self, obj: str, keys: Sequence[str], *, fields: Iterable[str]) -> Iterator[Page]:
        return self._for(obj).lookup(obj, keys, fields=fields)

    def find(self, obj: str, key: str) -> list[Hit]:
        return self._for(obj).find(obj, key)

    def bearing(self, obj: str, prefix: str) -> Iterator[Keyed]:
        return self._for(obj).bearing(obj, prefix)

    def push(self, obj: str, wire: Wire, key: str, *, deadline_s: float) -> Ack:
        return self._for(obj).push(obj, wire, key, deadline_s=deadline_s)

    def finish(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        return self._for(obj).finish(obj, external_id, wire, deadline_s=deadline_s)

    def change(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        return self._for(obj).change(obj, external_id, wire, deadline_s=deadline_s)

    def cancel(self, obj: str, external_id: str, wire: Wire, *, deadline_s: float) -> Ack:
        return self._for(obj).cancel(obj, external_id, wire, deadline_s=deadline_s)

    def raw_amounts(self, obj: str) -> Iterator[RawAmount]:
        return self._for(obj).raw_amounts(obj)

    def checks(self) -> Iterator[Check]:
        for one in self._all():
            yield from one.checks()

    def source_paths(self, obj: str) -> dict[str, str] | None:
        return self._for(obj).source_paths(obj)

    def close(self) -> None:
        for one in self._all():
            one.close()


Connect = Callable[[BaseProduct, System, Quota | None], Connector]


def open_connector(product: MixedProduct, system: System, quota: Quota | None, connect: Connect) -> MixedConnector:
    """See `connectors.products.open_connector`; `connect` opens the part of one protocol."""
    parts = product.chosen(system)
    carriers = {name: _carriers(resources) for name, resources in parts.items()}
    _check_carrier(product, system, carriers)
    limits = limits_of(product, system)
    pace = Pace(limits.requests_per_s, limits.concurrency)
    opened: dict[str, Connector] = {}
    for name, resources in parts.items():
        part = product.parts[name].model_copy(update={"resources": resources})
        seen = cast(System, PartOfSystem(system, _carrier(system, resources, carriers[name]), pace))
        opened |= dict.fromkeys(resources, connect(part, seen, quota))
    return MixedConnector(product, system, {obj: opened[obj] for obj in product.resources})


def _carriers(resources: Mapping[str, BaseResource]) -> set[str]:
    """All fields that may carry our key in one of these."""
    carriers = [resource.write.key_carrier for resource in resources.values() if resource.write]
    return {name for carrier in carriers for name in (carrier.default, *carrier.allowed)}


def _carrier(system: System, resources: Mapping[str, BaseResource], carriers: set[str]) -> str | Mapping[str, str]:
    chosen = system.key_carrier
    if isinstance(chosen, str):
        return chosen if chosen in carriers else ""
    return {obj: name for obj, name in chosen.items() if obj in resources}


def _check_carrier(product: MixedProduct, system: System, carriers: Mapping[str, set[str]]) -> None:
    known = set().union(*carriers.values())
    if isinstance(system.key_carrier, str) and system.key_carrier and system.key_carrier not in known:
        facts: dict[str, Any] = {"system": system.name, "product": product.name, "known": ", ".join(sorted(known))}
        raise ConfigurationError("unknown-carrier", carrier=system.key_carrier, **facts)
