"""Runs that died without a word: Prefect is told to notice, and to start them again. It does neither by itself.

A run whose heartbeats stop is *Crashed* after SILENT_S, one that was handed to a worker and never began after BEGIN_S.
What was killed at work is put back on the queue until it has been started LAST_START times; what could not even start
is left to its schedule: nothing would slow the two down. Only runs that bear our tag are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from prefect.automations import AutomationCore
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture

from flows.deployments import TAG
from flows.prefect_env import SILENT_S

STARTS = 5
"""A run that was killed so often is given up: something in it kills."""
LAST_START = STARTS + 1
"""The start in which a run says that it is given up (flows.deployed)."""
BEGIN_S = 60
"""How long a worker may need to bring a run up, on a machine that is busy."""
BEAT = "prefect.flow-run.heartbeat"
DONE_WITH = {
    f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Held", "Cancelled", "Crashed", "Scheduled")
}
"""Nobody works on it now: it ended, or was planned anew, which may wait for a place for longer than we watch."""
TAKEN = {f"prefect.flow-run.{state}" for state in ("Pending", "Submitting", "InfrastructurePending")}
BEGUN = "prefect.flow-run.Running"
CRASHED = "prefect.flow-run.Crashed"
LET_GO_S = 10
"""A worker of 3.8 with a limit that is given a run again before it has let go of it ends with an error."""
SILENT, NOT_BEGUN = "heartbeats stopped", "it was taken by a worker and never began"
KILLED = [
    "Process exited with status code: -*",
    "Flow run process exited with non-zero status code -*",
    "Flow run infrastructure exited with non-zero status code -*",
    "Execution was aborted by *",
    "Execution was cancelled by *",
]
"""What Prefect says of a run that worked and was ended by a signal; one that cannot start ends with a positive code."""
VANISHED = [f"{SILENT}*", f"{NOT_BEGUN}*"]
"""What we say of a run of which nobody knows."""
AGAIN = "started again after a crash"
RUNS = {"prefect.resource.id": "prefect.flow-run.*"}
OURS = {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}


def automations() -> Iterator[AutomationCore]:
    yield _crashed("crosstie: a silent run has crashed", SILENT, SILENT_S, {BEGUN, BEAT}, {BEAT, *DONE_WITH})
    yield _crashed("crosstie: a run that never began has crashed", NOT_BEGUN, BEGIN_S, TAKEN, {BEGUN, *DONE_WITH})
    starts = [str(count) for count in range(LAST_START)]
    yield _again("crosstie: a run that was lost starts again", VANISHED, starts)
    yield _again("crosstie: a run that was killed starts again", KILLED, starts[1:], wait_s=LET_GO_S)


def _crashed(name: str, message: str, seconds: float, after: set[str], expect: set[str]) -> AutomationCore:
    """After one of these events the others must come within so many seconds."""
    trigger = _trigger(RUNS, posture=Posture.Proactive, after=after, expect=expect, within=timedelta(seconds=seconds))
    return AutomationCore(
        name=name, trigger=trigger, actions=[ChangeFlowRunState(state=StateType.CRASHED, message=message)]
    )


def _again(name: str, messages: list[str], counts: list[str], wait_s: float = 0) -> AutomationCore:
    """A run that crashed with such a message after so many starts is scheduled, after `wait_s`."""
    crashed = {**RUNS, "prefect.state-message": messages, "prefect.run-count": counts}
    when: dict[str, Any] = {"posture": Posture.Reactive, "expect": {CRASHED}}
    if wait_s:
        when = {
            "posture": Posture.Proactive,
            "after": {CRASHED},
            "expect": {BEGUN},
            "within": timedelta(seconds=wait_s),
        }
    again = ChangeFlowRunState(state=StateType.SCHEDULED, message=AGAIN, force=True)
    return AutomationCore(name=name, trigger=_trigger(crashed, **when), actions=[again])


def _trigger(match: dict[str, Any], **more: Any) -> EventTrigger:
    """For each run of ours by itself."""
    return EventTrigger.model_validate(
        {"match": match, "match_related": OURS, "for_each": {"prefect.resource.id"}, "threshold": 1, **more}
    )


async def install(client: PrefectClient) -> None:
    """Each once, by its name, as this program means it; one that is so already keeps what it watches at the moment."""
    for wanted in automations():
        found = await client.read_automations_by_name(wanted.name)
        for one in found[1:]:
            await client.delete_automation(one.id)
        if not found:
            await client.create_automation(wanted)
        elif _meaning(found[0]) != _meaning(wanted):
            await client.update_automation(found[0].id, wanted)


def _meaning(automation: AutomationCore) -> dict[str, Any]:
    """What it does, without the ids and moments that Prefect adds and whether somebody switched it off."""
    return automation.model_dump(include={"name": True, "trigger": True, "actions": True})
