"""An answer of the ERP, whole and read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx


@dataclass(frozen=True, slots=True)
class Answer:
    method: str
    path: str
    status: int
    headers: httpx.Headers
    body: bytes
    request_id: str

    @property
    def content_type(self) -> str:
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    @property
    def erp_time(self) -> datetime:
        """The ERP's clock as its Date header states it, else ours; aware, UTC."""
        try:
            return parsedate_to_datetime(self.headers["date"]).astimezone(UTC)
        except (KeyError, ValueError, TypeError):
            return datetime.now(UTC)

    @property
    def retry_after_s(self) -> float | None:
        return _retry_after(self.headers.get("retry-after", ""), self.erp_time)


def _retry_after(text: str, now: datetime) -> float | None:
    """Seconds to wait from either form of Retry-After: seconds, or a date on the server's clock."""
    if re.fullmatch(r"\d{1,6}", text.strip()):
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError):
        return None
