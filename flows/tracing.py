"""Names that go with every log line while a run works: run, system, object."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog


@contextmanager
def traced(**names: str) -> Iterator[None]:
    """Bind names to everything that is logged meanwhile, in this thread."""
    with structlog.contextvars.bound_contextvars(**names):
        yield
