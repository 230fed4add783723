"""What a pull is asked for and what it says: objects in their order, counts, and who or what an object waits for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from crm_core.model import PULLED
from crm_core.store import Counts
from flows.context import Context
from flows.errors import FlowError, UsageError


@dataclass(slots=True)
class PullReport:
    """Counts by object; `held` says why an object waits for a person, `busy` who pulls it already (by object)."""

    system: str
    counts: dict[str, Counts] = field(default_factory=dict)
    held: dict[str, FlowError] = field(default_factory=dict)
    busy: dict[str, FlowError] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def rejected(self) -> int:
        return sum(counts.rejected for counts in self.counts.values())


def objects_of(ctx: Context, wanted: Sequence[str] = ()) -> list[str]:
    """The objects to pull, in order; raises UsageError for one that the mapping does not have."""
    known = [obj for obj in PULLED if "pull" in ctx.mapping.sections(obj)]
    for obj in wanted:
        if obj not in known:
            raise UsageError("unknown-object", system=ctx.system, object=obj, objects=", ".join(known))
    return [obj for obj in known if not wanted or obj in wanted]
