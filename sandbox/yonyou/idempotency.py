"""`resubmitCheckKey`: the first reply of a save is given again for an hour; after that the save is named a repeat.

The keys are kept with the books, so that a sandbox started again remembers them. Of the two numbers the documentation
gives for a late repeat, master data answers 100004 and sales documents 10004.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from sandbox.yonyou.envelope import RefusalError
from sandbox.yonyou.wire import Row, encode

KEPT = timedelta(hours=1)
_LONGEST = 32
First = tuple[datetime, Any, bytes]
"""When it was given, the id of what was saved, and the reply's data."""


class Repeats:
    """First replies by API and key."""

    def __init__(self, kept: dict[tuple[str, str], First]) -> None:
        self._kept = kept

    def replay(self, path: str, key: str, now: datetime, late_code: str) -> Any:
        """The first reply, None for a new key; RefusalError with late_code and the id once the hour is over."""
        if len(key) > _LONGEST:
            raise RefusalError("310024", "参数[resubmitCheckKey]长度不能超过32")
        known = self._kept.get((path, key))
        if known is None:
            return None
        at, external_id, first = known
        if now - at < KEPT and first:
            return msgspec.Raw(first)
        raise RefusalError(late_code, "请勿重复提交", data={"id": external_id})

    def keep(self, path: str, key: str, now: datetime, external_id: Any, first: Any) -> None:
        self._kept[path, key] = (now, external_id, encode(first))
        self._forget(now)

    def _forget(self, now: datetime) -> None:
        """The replies, not the keys, of what is older than an hour; the oldest come first."""
        for known, (at, external_id, first) in self._kept.items():
            if now - at < KEPT:
                return
            if first:
                self._kept[known] = (at, external_id, b"")


def echoed(api_id: str, tenant: str, key: str) -> str:
    """The key as the gateway has made it unique over APIs and tenants."""
    return f"OPENAPI_{api_id}_{tenant}_{key}"


def key_of(data: Row) -> str:
    return str(data.get("resubmitCheckKey") or "")
