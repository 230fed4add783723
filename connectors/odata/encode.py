"""Plain values as a JSON request states them, by the service's own types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from connectors.base import Wire
from connectors.errors import ConfigurationError, RecordRejectedError
from connectors.odata.metadata import Entity, Metadata
from connectors.product_yaml import nearest


class Encoder:
    """Messages name `system` and `obj`; `metadata` is of the service that is written."""

    def __init__(self, system: str, obj: str, metadata: Metadata) -> None:
        self._system, self._obj, self._metadata = system, obj, metadata

    def encode(self, entity: Entity, plain: Mapping[str, Any]) -> bytes:
        """JSON of a record and its lines; ConfigurationError for a field the service does not have."""
        return msgspec.json.encode(self._wire(entity, plain, ""))

    def _wire(self, entity: Entity, plain: Mapping[str, Any], prefix: str) -> Wire:
        found: Wire = {}
        for name, value in plain.items():
            if name in entity.navigations:
                target, below = self._metadata.target(entity.navigations[name]), f"{prefix}{name}."
                many = isinstance(value, list)
                lines = [self._wire(target, line, below) for line in (value if many else [value])]
                found[name] = lines if many else lines[0]
            elif name in entity.properties:
                found[name] = self._value(entity, prefix + name, entity.properties[name].type, value)
            else:
                raise self._unknown(prefix + name, [*entity.properties, *entity.navigations])
        return found

    def _unknown(self, field: str, known: list[str]) -> ConfigurationError:
        near = (nearest(field.rpartition(".")[2], known) or ["nothing like it"])[0]
        return ConfigurationError("target-field-missing", system=self._system, obj=self._obj, field=field, nearest=near)

    def _value(self, entity: Entity, field: str, edm: str, value: Any) -> Any:
        try:
            return entity.types.to_wire(edm, value)
        except (ValueError, TypeError):
            facts: dict[str, Any] = {
                "system": self._system,
                "obj": self._obj,
                "field": field,
                "type": edm.removeprefix("Edm."),
            }
            raise RecordRejectedError("bad-value", value=repr(value), **facts) from None
