"""What every record of `crm_core.model` is made of."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Record(msgspec.Struct, kw_only=True, omit_defaults=False, gc=False):
    """What every object has: the ERP's change stamp (aware, UTC) and the typed custom fields of this site, as text."""

    changed_at: datetime | None = None
    custom: dict[str, str] = msgspec.field(default_factory=dict)


class Line(msgspec.Struct, kw_only=True, gc=False):
    """A child of a record: replaced together with its parent."""
