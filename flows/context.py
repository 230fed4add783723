"""What a flow works with: one system's connector and mapping, and our database."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from connectors.base import Connector
from crm_core.database import Clock, Database, utc_now
from crm_core.store import Store
from mappings.engine import MappingSet

Progress = Callable[[str, int], None]
"""Called with the object's name and how many records were read so far."""


def nobody_watches(obj: str, read: int) -> None:
    """Progress for callers without a screen."""


@dataclass(frozen=True)
class Context:
    """`companies`: code -> currency, time_zone, name, country; `owner` names this process in leases."""

    system: str
    database: Database
    connector: Connector
    mapping: MappingSet
    companies: Mapping[str, Mapping[str, str]]
    environment: str = "default"
    commit_horizon: timedelta = timedelta(minutes=10)
    send_deadline: timedelta = timedelta(seconds=60)
    clock: Clock = utc_now
    owner: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}")

    @property
    def store(self) -> Store:
        return Store(self.database, self.clock)
