"""What the CRM cannot do, named by a code whose text is in `crm_core.messages`."""

from __future__ import annotations

from collections.abc import Sequence

from crm_core.messages import MESSAGES


class CrmError(Exception):
    """`code` names the message, `params` fill it: the place and the cure; `others` are further findings."""

    others: Sequence[CrmError] = ()

    def __init__(self, code: str, **params: str) -> None:
        self.code, self.params = code, params
        super().__init__(MESSAGES[code].format(**params))


class NotFoundError(CrmError):
    """There is no such row."""


class RefusedError(CrmError):
    """The request breaks a rule; nothing was changed."""


class StoreError(CrmError):
    """The database cannot be used: read-only, locked, full, missing or of another version."""


class LeaseLostError(CrmError):
    """Somebody else holds the entry now; whatever we know of it is stale and must not be written."""
