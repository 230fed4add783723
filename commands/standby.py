"""`python -m commands.standby OPTIONS`: waits until the supervisor of the home is gone, then takes its place.

The lock that the supervisor holds is freed by the operating system the moment he dies, so nothing can be missed.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from datetime import UTC, datetime

from commands.home_lock import HomeLock
from config.settings import Settings, load_settings

POLL_S = 0.5


def main() -> int:
    """Becomes the supervisor when the lock is free; what it says from then on stands in logs/up.log."""
    settings = load_settings()
    lock = HomeLock(settings.home / "run" / "up.lock")
    while not lock.take():
        time.sleep(POLL_S)
    try:
        _supervise(settings, sys.argv[1])
    finally:
        lock.release()
    return 0


def _supervise(settings: Settings, options_text: str) -> None:
    from commands.signals import told_to_stop
    from commands.supervisor import Supervisor
    from commands.texts import N_, choose_language, say, use_language
    from commands.up_plan import Options, plan

    use_language(choose_language(()))
    _tell(settings, say(N_("The supervisor is gone; its standby takes over.")))
    options = Options.from_text(options_text)
    supervisor = Supervisor(
        settings,
        plan(settings, options),
        tell=lambda text: _tell(settings, text),
        facts=options.facts(),
        patient=True,
    )
    with told_to_stop() as stop:
        supervisor.run(stop)


def _tell(settings: Settings, text: str) -> None:
    log = settings.home / "logs" / "up.log"
    with suppress(OSError):  # a full disk is no reason to go
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {text}\n")


if __name__ == "__main__":
    raise SystemExit(main())
