"""All source paths of a form: header fields, parts of references, fields of the lists below."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.kdsvc.descriptor import Form, Group
from connectors.kdsvc.metadata import HEAD, Field, Metadata

PARTS = ("FNumber", "FName", "FCODE")
"""What is read of a reference: number and name of base data, the ISO code of a currency."""


def paths_of(form: Form, group: Group | None, metadata: Metadata) -> Iterator[tuple[str, str]]:
    """(path, type) as mappings name them, both for reading and as the parts of a Model."""
    back = {own: common for common, own in form.names.items()}
    lines = {line.lower(): line for line in form.lines}
    for key in filter(None, (form.id, form.entry)):
        yield back.get(key, key), "id"
    yield from ((path, "text") for path in form.values)
    for field in metadata.all():
        for prefix in _places(field, lines.get(field.entity.lower(), ""), form, group):
            yield from ((f"{prefix}{back.get(path, path)}", kind) for path, kind in _parts(field))
    yield from ((f"{line}.{key}", "id") for line, key in form.lines.items())


def _places(field: Field, line: str, form: Form, group: Group | None) -> list[str]:
    """Before what a field's name may stand: its list; else nothing, its sub-head, and the rows of a group."""
    if line:
        return [f"{line}."]
    inside = [] if field.entity in (HEAD, form.entity) else [f"{field.entity}."]
    if inside and field.entity.lower() not in {head.lower() for head in form.heads}:
        return []
    return ["", *inside, *([f"{group.into}."] if group else [])]


def _parts(field: Field) -> Iterator[tuple[str, str]]:
    yield field.name, "entity" if field.refers_to else field.type
    if field.refers_to:
        yield from ((f"{field.name}.{part}", "text") for part in PARTS)
