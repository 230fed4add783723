"""What went wrong at the ERP, named by what the caller must do next.

ConnectorError(code, **params)
├── ConfigurationError       a product or system file is wrong: nothing was sent (exit 2)
├── TransientError           nothing was changed; the same call may be sent again (after `retry_after_s`)
│   └── RateLimitedError     ... the ERP named the wait
├── OutcomeUnknownError      a write was sent and no answer came: look it up, never resend
└── PermanentError           the same call can never work
    ├── RecordRejectedError  this record only: dead-letter it, go on
    ├── ConflictError        somebody else changed the document meanwhile (412): read it again, then decide
    └── AccessError          the connection: stop the run, tell an admin
"""

from __future__ import annotations

from connectors.messages import MESSAGES


class ConnectorError(Exception):
    """`code` names the message in `connectors.messages`, `params` fill it; `erp_code` is the ERP's own code, if any."""

    def __init__(self, code: str, *, retry_after_s: float | None = None, erp_code: str = "", **params: str) -> None:
        self.code, self.params, self.erp_code, self.retry_after_s = code, params, erp_code, retry_after_s
        super().__init__(MESSAGES[code].format(**params))


class ConfigurationError(ConnectorError):
    """A product or system file cannot be used as it stands."""


class TransientError(ConnectorError):
    """Nothing was changed at the ERP; the same call may be sent again."""


class RateLimitedError(TransientError):
    """The ERP asks to wait `retry_after_s` seconds."""


class OutcomeUnknownError(ConnectorError):
    """A write was sent and no answer came: whether it was booked is unknown."""


class PermanentError(ConnectorError):
    """The same call can never work."""


class RecordRejectedError(PermanentError):
    """The ERP refused this record; others may pass."""


class ConflictError(PermanentError):
    """The document was changed meanwhile (stale version)."""


class AccessError(PermanentError):
    """Address, credentials, certificate or authorisation: no call can work until an admin acts."""
