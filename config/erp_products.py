"""Which ERP products there are and what each can do, told by their own files: docs/products.md is made from this."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from config.settings import INSTALLATION
from connectors.descriptor import BaseProduct, KeyCarrier
from connectors.products import HOME, load_product, product_names

DIRECTIONS = ("pull", "push", "change", "cancel")
OBJECTS = (
    "customers", "products", "prices", "contracts", "orders", "deliveries", "invoices", "open_items", "payments",
    "applications",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Facts:
    """`objects`: directions by object. `python`: lines of quirks.py. `carriers`: by object, where our key stands.

    `past`: whether earlier dates of receivables can be told, not only today's.
    """

    name: str
    product: BaseProduct
    objects: dict[str, list[str]]
    product_lines: int
    mapping_lines: int
    python: int
    carriers: dict[str, KeyCarrier]
    past: bool


def all_facts() -> list[Facts]:
    return [facts(name) for name in product_names()]


def facts(name: str) -> Facts:
    product, mapping = load_product(name), INSTALLATION / "mappings" / f"{name}.yaml"
    objects = yaml.safe_load(mapping.read_text(encoding="utf-8"))["objects"]
    items = objects.get("open_items", {}).get("pull", {}).get("fields", {})
    writes = {obj: resource.write for obj, resource in product.resources.items() if resource.write}
    return Facts(
        name=name,
        product=product,
        objects={obj: [way for way in DIRECTIONS if way in objects[obj]] for obj in OBJECTS if obj in objects},
        product_lines=_lines([HOME / f"{name}.yaml"]),
        mapping_lines=_lines([mapping]),
        python=_lines([HOME / name.split("/")[0] / "quirks.py"]),
        carriers={obj: write.key_carrier for obj, write in writes.items()},
        past="balance" not in items,
    )


def _lines(files: Iterable[Path]) -> int:
    """Lines that say something: no blank ones, no comments."""
    texts = (file.read_text(encoding="utf-8") for file in files if file.is_file())
    lines = (line.strip() for text in texts for line in text.splitlines())
    return sum(1 for line in lines if line and not line.startswith("#"))
