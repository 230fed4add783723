"""A site's overlay: the lines in which one company differs from a shipped mapping.

Same shape as the shipped file. Tables merge key by key, everything else replaces, null removes. `base_hash:` pins what
each line was written against: `<dotted path>: <hash of the shipped text there>`; a pin covers all that lies under it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from mappings.document import Node, Scalar, Table, plain, read_document
from mappings.errors import Findings, Place

_PINS = "base_hash"


def merge_overlay(base: Table, overlay: Table, findings: Findings) -> Table:
    """The shipped table with the overlay's lines in it; every node keeps the place where it was written."""
    merged = _merged(base, overlay, "", findings)
    merged.entries.pop(_PINS, None)
    merged.keys.pop(_PINS, None)
    return merged


def read_merged(text: str, source: str, overlay: str | None, overlay_source: str, findings: Findings) -> Table:
    """The shipped file with the site's overlay, if there is one."""
    base = read_document(text, source, findings)
    if overlay is None:
        return base
    return merge_overlay(base, read_document(overlay, overlay_source, findings), findings)


def _merged(base: Table, overlay: Table, where: str, findings: Findings) -> Table:
    entries, keys = dict(base.entries), dict(base.keys)
    for key, node in overlay.entries.items():
        path, old = f"{where}{key}", entries.get(key)
        if isinstance(node, Scalar) and node.text is None:
            if entries.pop(key, None) is None:
                findings.warning(overlay.keys[key], "overlay-removes-nothing", path=path)
            keys.pop(key, None)
            continue
        both = isinstance(node, Table) and isinstance(old, Table)
        entries[key] = _merged(old, node, f"{path}.", findings) if both else node  # type: ignore[arg-type]  # both: tables
        keys[key] = overlay.keys[key]
    return Table(entries, keys, base.place)


def check_pins(base: Table, overlay: Table, findings: Findings) -> None:
    """Warn of overlay lines whose shipped text has moved since, or that do not say what they were written against."""
    pins = overlay.entries.get(_PINS)
    pinned = pins.entries if isinstance(pins, Table) else {}
    shipped = dict(_nodes(base))
    changed = {path: place for path, place in _changes(base, overlay) if path in shipped}
    for path, place in changed.items():
        if not any(_covers(pin, path) for pin in pinned):
            findings.warning(place, "overlay-unpinned", path=path, hash=base_hash(shipped[path]))
    for pin, node in pinned.items():
        if not any(_covers(pin, path) for path in changed):
            findings.warning(node.place, "overlay-pin-unused", path=pin)
        elif plain(node) != (found := base_hash(shipped.get(pin))):
            findings.warning(node.place, "overlay-base-moved", path=pin, hash=found)


def moved_lines(text: str, overlay: str, *, source: str = "", overlay_source: str = "") -> Findings:
    """Overlay lines to look at again: their shipped text has moved, or they are not pinned."""
    found, ignored = Findings(), Findings()
    check_pins(read_document(text, source, ignored), read_document(overlay, overlay_source, ignored), found)
    return found


def base_hash(node: Node | None) -> str:
    """What a pin must say for this shipped text; comments, quotes and layout do not matter."""
    return content_hash(plain(node) if node is not None else None)[:12]


def content_hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _covers(pin: str, path: str) -> bool:
    return path == pin or path.startswith(f"{pin}.")


def _nodes(table: Table, prefix: str = "") -> Iterator[tuple[str, Node]]:
    for key, node in table.entries.items():
        yield prefix + key, node
        if isinstance(node, Table):
            yield from _nodes(node, f"{prefix}{key}.")


def _changes(base: Table, overlay: Table, prefix: str = "") -> Iterator[tuple[str, Place]]:
    """Paths at which the overlay replaces or removes something, with the place of its line."""
    for key, node in overlay.entries.items():
        old = base.entries.get(key)
        if isinstance(node, Table) and isinstance(old, Table):
            yield from _changes(old, node, f"{prefix}{key}.")
        elif key not in (_PINS, "product"):
            yield prefix + key, overlay.keys[key]
