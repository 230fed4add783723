"""python -m flows.deploy: bring Prefect's work pool, deployments and automations in line with the system files.

Safe to repeat: what is right already is not touched, for Prefect throws away the scheduled runs of what is written. A
system whose file is broken keeps the deployments it has; one that is gone loses them. Prints one JSON line; ends with 2
when Prefect cannot be reached or refuses us.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectAlreadyExists
from prefect.utilities.callables import parameter_schema
from prefect.utilities.processutils import command_to_string

from config.failures import told
from config.settings import load_settings
from config.texts import is_chinese, read_catalogue
from flows import automations, deployed
from flows.deployments import TAG, Deployment, planned
from flows.prefect_env import POOL, URGENT

PAGE = 200
"""As many as Prefect's API lists at a time."""


async def deploy(wanted: Sequence[Deployment], keep: Iterable[str]) -> dict[str, Any]:
    """Make exactly these, and leave alone those of the systems in `keep`."""
    async with get_client() as client:
        await _make_pool(client)
        await automations.install(client)
        flows = {name: await client.create_flow_from_name(name) for name in {one.flow for one in wanted}}
        found = {(one["flow_id"], one["name"]): one for one in await _tagged(client)}
        changed = []
        for one in wanted:
            there = found.pop((str(flows[one.flow]), one.name), None)
            if there is None or any(there[key] != value for key, value in _as_stored(one).items()):
                await _write(client, flows[one.flow], one)
                changed.append(one.full_name)
        removed = await _remove(client, found.values(), set(keep))
    return {"deployments": [one.full_name for one in wanted], "changed": changed, "removed": removed}


async def _make_pool(client: PrefectClient) -> None:
    """The pool and its queue of first priority, each unless it is there."""
    with suppress(ObjectAlreadyExists):
        await client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    with suppress(ObjectAlreadyExists):
        await client.create_work_queue(URGENT, priority=1, work_pool_name=POOL)


async def _tagged(client: PrefectClient) -> list[dict[str, Any]]:
    """Every deployment with our tag, in the form that `_as_stored` has; plain JSON, for Prefect's models are slow."""
    found: list[dict[str, Any]] = []
    while len(found) % PAGE == 0:
        asked = {"deployments": {"tags": {"all_": [TAG]}}, "sort": "NAME_ASC", "limit": PAGE, "offset": len(found)}
        page = (await client.request("POST", "/deployments/filter", json=asked)).json()
        found += page
        if not page:
            break
    return [_stored(one) for one in found]


def _stored(one: Mapping[str, Any]) -> dict[str, Any]:
    schedules = [(found["schedule"], found["active"]) for found in one["schedules"]]
    return {
        **one,
        "schedules": [(plan.get("cron"), plan.get("timezone"), active) for plan, active in schedules],
        "limit": (one["global_concurrency_limit"] or {}).get("limit"),
        "collision": (one["concurrency_options"] or {}).get("collision_strategy"),
        "pull_steps": one["pull_steps"] or [],
    }


def _as_stored(one: Deployment) -> dict[str, Any]:
    """What must be found of a deployment so that it need not be written."""
    return {
        "entrypoint": one.entrypoint,
        "parameters": dict(one.parameters),
        "parameter_openapi_schema": _schema(one),
        "tags": list(one.tags),
        "work_pool_name": POOL,
        "work_queue_name": one.queue,
        "job_variables": _job_variables(),
        "pull_steps": [],
        "schedules": [(one.cron, one.time_zone, one.active)] if one.cron else [],
        "limit": one.at_once,
        "collision": one.collision,
    }


def _schema(one: Deployment) -> dict[str, Any]:
    return parameter_schema(getattr(deployed, one.flow)).model_dump(exclude_unset=True)


def _job_variables() -> dict[str, str]:
    """How a worker starts a run at once: with the Python of CROSSTIE_WORKER_PYTHON, under `crosstie up` with our own.

    Where nobody says which Python workers have, Prefect finds it by starting three of them for each run.
    """
    ours = sys.executable if os.environ.get("CROSSTIE_SUPERVISED") else ""
    python = os.environ.get("CROSSTIE_WORKER_PYTHON") or ours
    return {"command": command_to_string([python, "-m", "prefect.engine"])} if python else {}


async def _write(client: PrefectClient, flow_id: Any, one: Deployment) -> None:
    plan = CronSchedule(cron=one.cron, timezone=one.time_zone) if one.cron else None
    await client.create_deployment(
        flow_id,
        one.name,
        description=getattr(deployed, one.flow).description,
        entrypoint=one.entrypoint,
        parameters=dict(one.parameters),
        parameter_openapi_schema=_schema(one),
        enforce_parameter_schema=True,
        tags=list(one.tags),
        work_pool_name=POOL,
        work_queue_name=one.queue,
        job_variables=_job_variables(),
        pull_steps=[],
        schedules=[DeploymentScheduleCreate(schedule=plan, active=one.active)] if plan else [],
        concurrency_limit=one.at_once,
        concurrency_options=ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy(one.collision)),
    )


async def _remove(client: PrefectClient, unwanted: Iterable[Mapping[str, Any]], keep: set[str]) -> list[str]:
    """Delete what is wanted no more, but for the systems in `keep`."""
    removed = []
    for one in unwanted:
        if one["parameters"].get("system") not in keep:
            flow = await client.read_flow(one["flow_id"])
            await client.delete_deployment(one["id"])
            removed.append(f"{flow.name}/{one['name']}")
    return removed


def main() -> int:
    settings = load_settings()
    wanted, broken = planned(settings, settings.system_names())
    words = read_catalogue("zh") if broken and is_chinese(os.environ.get("CROSSTIE_LANG", "")) else {}
    told_all = {name: told(exc, lambda text: words.get(text, text)) for name, exc in broken.items()}
    report: dict[str, Any] = {"broken": told_all}
    try:
        report |= asyncio.run(deploy(wanted, broken))
    except Exception as exc:  # whatever the API, the network or its client says: it is told, not raised
        report |= {"error": f"{type(exc).__name__}: {str(exc).splitlines()[0] if str(exc) else ''}"}
    print(json.dumps(report), flush=True)  # ASCII: whoever reads it may take another encoding for ours
    return 2 if "error" in report else 0


if __name__ == "__main__":
    sys.exit(main())
