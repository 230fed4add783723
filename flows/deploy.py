"""python -m flows.deploy: bring Prefect's work pool, deployments and automations in line with the system files.

Safe to repeat: what is right already is not touched, for Prefect throws away the scheduled runs of what is written. A
system whose file is broken keeps the deployments it has; one that is gone loses them. A server that serves another
installation is left alone, unless `--take-over` says that it is ours now; that of `crosstie up` always is. Prints one
JSON line; ends with 2 when Prefect cannot be reached or refuses us.
"""

from __future__ import annotations

import argparse
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
from pydantic import ValidationError

from config.errors import ConfigError
from config.failures import describe, told
from config.settings import Settings, load_settings, shown
from config.texts import is_chinese, read_catalogue
from flows import automations, deployed, prefect_owner
from flows.deployments import TAG, Deployment, planned
from flows.prefect_env import POOL, URGENT

PAGE = 200
"""As many as Prefect's API lists at a time."""


def takeable(settings: Settings, wanted: Sequence[Deployment]) -> tuple[list[Deployment], dict[str, Exception]]:
    """The deployments of the systems whose schedules Prefect takes, and what is wrong with the others, by name."""
    refused: dict[str, Exception] = {}
    for one in wanted:
        try:
            _schedule(one)
        except ValidationError:
            place = shown(settings.systems / f"{one.system}.yaml")
            refused[one.system] = ConfigError(
                "schedule-refused", place=place, cron=one.cron, zone=one.time_zone, deployment=one.full_name
            )
    return [one for one in wanted if one.system not in refused], refused


async def deploy(
    wanted: Sequence[Deployment], keep: Iterable[str], owner: str, *, take_over: bool = False
) -> dict[str, Any]:
    """Make exactly these, and leave alone those of the systems in `keep`. Raises ConfigError at another's server."""
    async with get_client() as client:
        await prefect_owner.claim(client, owner, take_over=take_over)
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


def _schedule(one: Deployment) -> list[DeploymentScheduleCreate]:
    if not one.cron:
        return []
    return [DeploymentScheduleCreate(schedule=CronSchedule(cron=one.cron, timezone=one.time_zone), active=one.active)]


async def _write(client: PrefectClient, flow_id: Any, one: Deployment) -> None:
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
        schedules=_schedule(one),
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


def _error(exc: Exception) -> dict[str, Any]:
    """What stopped us, and what a command that asked for it ends with, where we know it."""
    if failure := describe(exc):
        return {"error": told(exc, _translate), "exit_code": failure.exit_code}
    return {"error": f"{type(exc).__name__}: {str(exc).splitlines()[0] if str(exc) else ''}"}


def _translate(text: str) -> str:
    return read_catalogue("zh").get(text, text) if is_chinese(os.environ.get("CROSSTIE_LANG", "")) else text


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m flows.deploy", description="Deploy what the system files say.")
    parser.add_argument("--take-over", action="store_true", help="Prefect's server is another installation's no more")
    take_over = parser.parse_args(arguments).take_over or bool(os.environ.get("CROSSTIE_SUPERVISED"))
    settings = load_settings()
    planned_all, broken = planned(settings, settings.system_names())
    wanted, refused = takeable(settings, planned_all)
    broken |= refused
    report: dict[str, Any] = {"broken": {name: told(exc, _translate) for name, exc in broken.items()}}
    try:
        report |= asyncio.run(deploy(wanted, broken, prefect_owner.owner(settings), take_over=take_over))
    except Exception as exc:  # whatever the API, the network or its client says: it is told, not raised
        report |= _error(exc)
    print(json.dumps(report), flush=True)  # ASCII: whoever reads it may take another encoding for ours
    return 2 if "error" in report else 0


if __name__ == "__main__":
    sys.exit(main())
