"""What a run shows in Prefect: one small table, first while it works and at last with its counts."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Completed

EVERY_S, REST_S = 5.0, 60.0
"""Between two notes of progress, and before the next one after Prefect did not take one."""
AT_ONCE = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: 2.0}
"""Prefect's client would try for minutes, and the sync would wait."""
log = logging.getLogger("crosstie.flow")


class RunArtifact:
    """One markdown artifact of the run under way. It is a courtesy: when Prefect does not take it, the work goes on."""

    def __init__(self, key: str) -> None:
        self._key = re.sub(r"[^a-z0-9]+", "-", key)
        self._id: UUID | None = None
        self._next = 0.0

    def progress(self, obj: str, done: int) -> None:
        """How many records so far; written every few seconds at most."""
        if time.monotonic() >= self._next:
            taken = self._show({obj: done}, "working")
            self._next = time.monotonic() + (EVERY_S if taken else REST_S)

    def completed(self, counts: Mapping[str, int]) -> State[Any]:
        """The end of a run, with what it did; one that did nothing need not be shown."""
        if counts:
            self._show(counts, "done")
        return Completed(message=", ".join(f"{name} {count}" for name, count in counts.items()) or "nothing to do")

    def _show(self, counts: Mapping[str, int], state: str) -> bool:
        """Whether Prefect took it."""
        rows = "".join(f"| {name} | {count} |\n" for name, count in counts.items())
        text = f"| {state} | |\n|---|---:|\n{rows}"
        try:
            with temporary_settings(AT_ONCE), get_client(sync_client=True) as client:
                if self._id is None:
                    new = ArtifactCreate(type="markdown", key=self._key, data=text, flow_run_id=runtime.flow_run.id)
                    self._id = client.create_artifact(new).id
                else:
                    client.update_artifact(self._id, ArtifactUpdate(data=text))
        except Exception as exc:  # whatever keeps Prefect from answering must not stop the sync
            log.warning("no artifact: %s", type(exc).__name__)
            return False
        return True
