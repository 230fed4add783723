"""`python -m flows.prefect_server OPTIONS`: `prefect server start OPTIONS`, whose event loop waits for no SQLite lock.

Python collects garbage in the thread that happens to make an object. To collect a cursor it waits until another thread
lets go of its connection, and that one may be waiting for the write lock of a request that this very loop works on: the
server stood still for up to a minute, again and again (measured with ten systems). Here a thread that nobody waits for
collects. PostgreSQL needs none of this.
"""

from __future__ import annotations

import gc
import sys
import threading
import time

EVERY_S = 10.0


def main() -> None:
    collect_apart()
    from prefect.cli import app

    sys.argv[1:1] = ["server", "start"]
    app()


def collect_apart(every_s: float = EVERY_S) -> None:
    """From now on no thread but one of its own collects garbage."""
    gc.disable()
    threading.Thread(target=_collect, args=(every_s,), name="garbage", daemon=True).start()


def _collect(every_s: float) -> None:
    while True:
        time.sleep(every_s)
        gc.collect()


if __name__ == "__main__":
    main()
