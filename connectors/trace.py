"""Headers by which a call can be found again in the logs on its way."""

from __future__ import annotations

import itertools
import uuid

from structlog.contextvars import get_contextvars

_numbers = itertools.count(1)


def trace() -> dict[str, str]:
    """Headers that name the run and its requests: 20260331T101500-1a2b3c4d and 20260331T101500-1a2b3c4d.7.

    X-Correlation-ID is what gateways and SAP's cloud products read; X-CorrelationID what SAP's ICM and Web Dispatcher
    write into their access log (format SAPSMD).
    """
    run = str(get_contextvars().get("run", ""))
    if not run:
        return {"X-Request-ID": uuid.uuid4().hex}
    return {"X-Correlation-ID": run, "X-CorrelationID": run, "X-Request-ID": f"{run}.{next(_numbers)}"}
