"""Why a flow stopped as a whole; a single bad record never raises one of these."""

from __future__ import annotations

from flows.messages import MESSAGES


class FlowError(Exception):
    """`code` names the message in `flows.messages`, `params` fill it."""

    def __init__(self, code: str, **params: str) -> None:
        self.code, self.params = code, params
        super().__init__(MESSAGES[code].format(**params))


class HeldError(FlowError):
    """The run waits for a person's approval; nothing of the questionable page was stored (exit 4)."""


class UsageError(FlowError):
    """The caller asked for something that does not exist (exit 2)."""


class AlreadyRunningError(FlowError):
    """Another run works on the same object; nothing was done, and nothing needs to be (exit 3)."""
