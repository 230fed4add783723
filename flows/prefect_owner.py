"""Whose a Prefect server is: noted there as a variable, for two installations would work on each other's runs.

An installation is known by its environment and the prefix of its keys: both stay through moves and restores.
"""

from __future__ import annotations

from contextlib import suppress

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import VariableCreate, VariableUpdate
from prefect.exceptions import ObjectAlreadyExists

from config.errors import ConfigError
from config.settings import Settings
from config.wiring import close_database, open_database
from crm_core import access, installation

NOTE = "crosstie_installation"


def owner(settings: Settings) -> str:
    """What we call this installation in Prefect: local/CT7. Raises StoreError."""
    database = open_database(settings)
    try:
        here = installation.read(database, access.PROGRAM)
    finally:
        close_database(settings, database)
    return f"{here.environment}/{here.prefix}"


async def claim(client: PrefectClient, ours: str, *, take_over: bool) -> None:
    """Note that the server is ours. Raises ConfigError where it is another's, unless we are to take it over."""
    with suppress(ObjectAlreadyExists):  # of two who claim it at once the server lets one
        await client.create_variable(VariableCreate(name=NOTE, value=ours))
        return
    noted = await client.read_variable_by_name(NOTE)
    theirs = str(noted.value) if noted else ""
    if theirs != ours and not take_over:
        raise ConfigError("prefect-of-another", url=str(client.api_url), theirs=theirs, ours=ours)
    if theirs != ours:
        await client.update_variable(VariableUpdate(name=NOTE, value=ours))
