"""A folder of recordings as an installation has it: system file, mapping, connectors; and what one call gives."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from config.mapping_files import system_text
from config.settings import Settings
from config.system_writer import write_secret
from config.systems import System, load_system
from config.wiring import endpoint, product_of
from connectors.base import Ack, Connector, Page, Position, Read, Record
from connectors.descriptor import BaseProduct
from connectors.products import open_connector
from crm_core.intake import taker
from mappings.engine import MappingSet

NAME = "erp"
PASSWORD = "pa55-that-no-file-knows"
DEADLINE_S = 60
Canonical = list[dict[str, Any]]


@dataclass
class Tenant:
    folder: Path
    system: System
    product: BaseProduct
    mapping: MappingSet

    def connect(self, call: dict[str, Any]) -> tuple[Connector, list[float]]:
        """A connector for the call, logging on its way; it waits for nothing, but notes how long it would have."""
        seen = endpoint(self.system)
        connector = open_connector(self.product, replace(seen, auth=call.get("auth", seen.auth)))
        waits: list[float] = []
        for one in getattr(connector, "_of", {"": connector}).values():
            one._client.http._sleep = one._client.sleep = waits.append
        return connector, waits

    def reads(self, obj: str) -> list[Read]:
        connector, _ = self.connect({})
        return connector.reads(obj)

    def pages(self, connector: Connector, call: dict[str, Any]) -> Iterator[Page]:
        """What a `pull` or `lookup` gives."""
        obj = call["object"]
        fields = sorted(self.mapping.section(obj, "pull").fields)  # in an order that stays
        if call["do"] == "lookup":
            return connector.lookup(obj, call["keys"], fields=fields)
        return connector.pull(obj, call["read"], since=call.get("since", ""), after=Position(), fields=fields)

    def read(self, connector: Connector, call: dict[str, Any]) -> list[Record]:
        return [record for page in self.pages(connector, call) for record in page.records]

    def canonical(self, obj: str, records: Sequence[Record]) -> Canonical:
        """What the CRM makes of them, mapped and validated as flows do it; amounts as text, nothing empty."""
        section, take = self.mapping.section(obj, "pull"), taker(obj)
        made = ((key, msgspec.to_builtins(take(section.apply(data, key)))) for key, data in records)
        return [{"key": key, **_filled(record)} for key, record in made]

    def push(self, connector: Connector, call: dict[str, Any]) -> Ack:
        """The decision stands beside the recordings."""
        text = (self.folder / f"{call['object']}.document.json").read_text(encoding="utf-8")
        document = {**json.loads(text), "key": call["key"]}
        wire = self.mapping.section(call["object"], "push").apply(document, call["key"])
        return connector.push(call["object"], wire, call["key"], deadline_s=DEADLINE_S)


def open_tenant(folder: Path, home: Path) -> Tenant:
    """The installation that `folder`/system.yaml (and overlay.yaml) describes, its files in `home`."""
    settings = Settings(home / "config", home, "sqlite://")
    for file, place in {"system.yaml": settings.systems, "overlay.yaml": settings.overlays}.items():
        if (folder / file).is_file():
            place.mkdir(parents=True)
            shutil.copyfile(folder / file, place / f"{NAME}.yaml")
    write_secret(settings, NAME, PASSWORD)
    system = load_system(settings, NAME)
    return Tenant(folder, system, product_of(system), system_text(settings, system).load())


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _filled(part) for name, part in value.items() if part not in (None, "", False, [], {})}
    return [_filled(part) for part in value] if isinstance(value, list) else value
