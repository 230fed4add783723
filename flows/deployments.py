"""Which flow runs when: one deployment for each object that is pulled, each push, each reconciliation, and the sweep.

Everything follows from the system files; prefect.yaml and Prefect's own records are made from this list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from config.errors import ConfigError
from config.mapping_files import system_text
from config.settings import Settings
from config.systems import System, load_system
from crm_core.model import PULLED
from flows.prefect_env import POOL, URGENT
from mappings.errors import MappingError

CANCEL_NEW, ENQUEUE = "CANCEL_NEW", "ENQUEUE"
"""What becomes of a run while another of its deployment works: a pull's is dropped, for the next tick goes on; a push's
waits."""
TAG = "crosstie"
SWEEP_CRON = "* * * * *"
RECONCILE_CRON = "40 5 * * *"
PULL_EVERY, STEP = 15, 2
"""Minutes between two pulls of an object, and between the pulls of two objects: they need not all start at once."""

BACKFILL_AT_ONCE = 8
"""So many runs share the parts of one system's backfill; each bears the ERP's limits anew (docs/operations.md)."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """`flow` is a function of flows.deployed; `cron` in `time_zone`; an empty cron has no schedule.

    `at_once`: so many runs may stand beside each other; what comes on top is cancelled or waits (`collision`). `queue`
    is one of the work pool.
    """

    flow: str
    name: str
    cron: str
    time_zone: str
    collision: str
    at_once: int = 1
    active: bool = True
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Sequence[str] = (TAG,)
    queue: str = "default"

    @property
    def full_name(self) -> str:
        return f"{self.flow}/{self.name}"

    @property
    def system(self) -> str:
        """Empty for the sweep, which is for all."""
        return self.parameters.get("system", "")

    @property
    def entrypoint(self) -> str:
        """As a module: it is found wherever the program is installed, not only on the machine that deploys."""
        return f"flows.deployed.{self.flow}"


SWEEP = Deployment("sweep", "all", SWEEP_CRON, "UTC", CANCEL_NEW, at_once=3, queue=URGENT)
"""It mends what was lost, so one that was lost itself must not keep the next one out."""


def deployments_of(system: System, objects: Sequence[str]) -> Iterator[Deployment]:
    """A system's deployments; `objects` are those that its mapping pulls."""
    schedule, name = system.file.schedule, system.name
    zone = schedule.time_zone or system.file.time_zone
    common: dict[str, Any] = {"time_zone": zone, "active": schedule.active}
    for number, obj in enumerate(objects):
        cron = schedule.pull.get(obj) or schedule.pull.get("default") or _staggered(number)
        parameters = {"system": name, "obj": obj}
        tags = _tags(name, "pull")
        yield Deployment(
            "pull", f"{name}-{obj}", cron, collision=CANCEL_NEW, parameters=parameters, tags=tags, **common
        )
    common["parameters"] = {"system": name}
    tags = _tags(name, "backfill")
    yield Deployment("backfill", name, "", collision=ENQUEUE, at_once=BACKFILL_AT_ONCE, tags=tags, **common)
    yield Deployment("push", name, "", collision=ENQUEUE, tags=_tags(name, "push"), queue=URGENT, **common)
    cron = schedule.reconcile or RECONCILE_CRON
    yield Deployment("reconcile", name, cron, collision=CANCEL_NEW, tags=_tags(name, "reconcile"), **common)


def _staggered(number: int) -> str:
    return f"{number * STEP % PULL_EVERY}-59/{PULL_EVERY} * * * *"


def _tags(system: str, direction: str) -> tuple[str, ...]:
    return (TAG, system, direction)


def planned(settings: Settings, names: Sequence[str]) -> tuple[list[Deployment], dict[str, Exception]]:
    """The deployments of these systems with the sweep, and what is wrong with the others, by name."""
    found = [SWEEP]
    broken: dict[str, Exception] = {}
    for name in names:
        try:
            system = load_system(settings, name)
            found += deployments_of(system, _pulled(settings, system))
        except (ConfigError, MappingError) as exc:
            broken[name] = exc
    return found, broken


def _pulled(settings: Settings, system: System) -> list[str]:
    mapping = system_text(settings, system).load()
    return [obj for obj in PULLED if "pull" in mapping.sections(obj)]


def as_prefect_yaml(deployments: Sequence[Deployment]) -> str:
    """prefect.yaml: for `prefect deploy --all` on any machine that has the program; no folder of this one is in it."""
    content = {"name": "crosstie", "pull": [], "deployments": [_entry(one) for one in deployments]}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
    return f"# Made by `crosstie deployments write` from the system files; edit those.\n{text}"


def _entry(one: Deployment) -> dict[str, Any]:
    schedules = [{"cron": one.cron, "timezone": one.time_zone, "active": one.active}] if one.cron else []
    return {
        "name": one.name,
        "entrypoint": one.entrypoint,
        "parameters": dict(one.parameters),
        "tags": list(one.tags),
        "concurrency_limit": {"limit": one.at_once, "collision_strategy": one.collision},
        "work_pool": {"name": POOL, "work_queue_name": one.queue},
        "schedules": schedules,
    }
