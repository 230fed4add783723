"""crosstie up, crosstie down: everything that runs by itself, under one command."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from commands import session
from commands.app import Command, UsageFault, examples
from commands.output import output, write
from commands.texts import N_, _, say
from config.errors import ConfigError
from config.exit_codes import INTERRUPTED, OK
from config.files import write_text
from config.settings import Settings, load_settings, shown

if TYPE_CHECKING:
    from commands.home_lock import HomeLock
    from commands.up_plan import Options

DOWN_S = 120
"""How long a supervisor may take to end everything; after that it is ended itself."""
NOTED = ("pid", "since", "console", "prefect")
SQLITE = b"SQLite format 3\0"


def up(
    port: str = typer.Option("8400", "--port", metavar="NUMBER", help="of the console, on 127.0.0.1"),
    prefect_port: str = typer.Option(
        "8401", "--prefect-port", metavar="NUMBER", help="of Prefect's server, on 127.0.0.1"
    ),
    workers: str = typer.Option("1", "--workers", metavar="NUMBER", help="how many workers"),
) -> int:
    """Run everything by itself: schedules and workers (Prefect) and the console, until Ctrl-C or `crosstie down`.

    What falls is started again, also this command itself: a standby takes its place.
    """
    from commands.up_plan import Options

    settings = load_settings()
    options = Options(session.a_port(port), session.a_port(prefect_port), session.a_count(workers, session.WORKERS))
    if options.port == options.prefect_port:
        raise UsageFault("ports-same", options="--port, --prefect-port")
    lock = claim(settings)
    try:
        check_state(settings)
        _require_ports(settings, options)
        return keep_up(settings, options, lambda: _announce(settings, options))
    finally:
        lock.release()


def claim(settings: Settings) -> HomeLock:
    """The lock of the home. Raises ConfigError when somebody supervises it, or it cannot be written."""
    from commands.home_lock import HomeLock
    from commands.supervisor import lock_file, noted, stop_file

    lock = HomeLock(lock_file(settings))
    if not any(_taken(lock) for _turn in range(3)):
        pid, since, console, prefect = (str(noted(settings).get(name, "?")) for name in NOTED)
        raise ConfigError(
            "up-runs-already", place=shown(settings.home), pid=pid, since=since, console=console, prefect=prefect
        )
    stop_file(settings).unlink(missing_ok=True)
    return lock


def _taken(lock: HomeLock) -> bool:
    """Whether we have it; somebody may have held it just to look."""
    taken = lock.take()
    if not taken:
        time.sleep(0.2)
    return taken


def check_state(settings: Settings) -> None:
    """Raises ConfigError for files of an earlier run that nothing could start on, and says which to delete."""
    from commands.supervisor import noted, state_file

    if state_file(settings).exists() and not noted(settings):
        output.note(say(N_("{place} is damaged; it is written anew."), place=shown(state_file(settings))))
    database = settings.home / "prefect" / "prefect.db"
    if _begins(database, len(SQLITE)) not in (b"", SQLITE):
        raise ConfigError("prefect-database-broken", place=shown(database))
    sign_in = settings.secrets / "prefect-auth"
    if sign_in.is_file() and b":" not in _begins(sign_in, 1000).strip(b":\n "):
        raise ConfigError("prefect-sign-in-broken", place=shown(sign_in))


def _begins(file: Path, size: int) -> bytes:
    """The first bytes of a file, none where there is none. Raises ConfigError where we must not write it."""
    try:
        with file.open("r+b") as opened:
            return opened.read(size)
    except FileNotFoundError:
        return b""
    except OSError as exc:
        raise ConfigError("file-unwritable", place=shown(file), why=exc.strerror or str(exc)) from exc


def _require_ports(settings: Settings, options: Options) -> None:
    """A port that is held by what an earlier supervisor left alive is ours."""
    from commands import ports
    from commands.children import found

    ours = {process.pid for _name, process in found(settings)}
    ports.require_free(options.port, "--port", ours)
    ports.require_free(options.prefect_port, "--prefect-port", ours)


def keep_up(settings: Settings, options: Options, on_ready: Callable[[], None]) -> int:
    """Supervise until told to end; the caller holds the lock. Raises ConfigError when something does not come up."""
    from commands import children
    from commands.signals import told_to_stop
    from commands.supervisor import Supervisor
    from commands.up_plan import plan
    from config.wiring import open_database

    open_database(settings).dispose()  # its tables are there before several processes look for them
    wanted = plan(settings, options)
    running = {name for name, _process in children.found(settings)}
    for child in wanted:
        if child.name not in running:
            children.turn_log(children.log_file(settings, child.name))
    ready: list[bool] = []

    def announce() -> None:
        ready.append(True)
        on_ready()

    with told_to_stop() as stop:
        Supervisor(settings, wanted, tell=output.note, facts=options.facts()).run(stop, announce)
    output.note(_("Everything has ended."))
    return OK if ready else INTERRUPTED


def _announce(settings: Settings, options: Options) -> None:
    sign_in = shown(settings.secrets / "prefect-auth")
    if output.json:
        write(json.dumps({**options.facts(), "sign_in": sign_in, "home": str(settings.home), "pid": os.getpid()}))
        return
    tell_addresses(settings, options)
    if not settings.system_names():
        output.note(say(N_("No system is configured yet in {place}: there is nothing to run."),
                        place=shown(settings.systems)))  # fmt: skip
    output.note(_("Ctrl-C ends it; so does `crosstie down`."))


def tell_addresses(settings: Settings, options: Options) -> None:
    output.note("")
    output.note(say(N_("Console: {url}"), url=options.console_url))
    output.note(say(N_("Prefect: {url} (its sign-in text stands in {file})"), url=options.prefect_url,
                    file=shown(settings.secrets / "prefect-auth")))  # fmt: skip


def down() -> int:
    """End what `crosstie up` (or a demo, by its home) runs; nothing is left behind."""
    from commands import children
    from commands.supervisor import noted, stop_file

    settings = load_settings()  # it ends what runs there, whatever its database
    names = sorted({name for name, _process in children.found(settings)})
    if _is_supervised(settings):
        names = sorted({*names, *noted(settings).get("children", {})})
        write_text(stop_file(settings), "")
        output.note(_("Ending everything ..."))
        until = time.monotonic() + DOWN_S
        while _is_supervised(settings) and time.monotonic() < until:
            time.sleep(0.3)
        _end_supervisor(settings)
    children.end([process for _name, process in children.found(settings)], grace_s=10)
    stop_file(settings).unlink(missing_ok=True)
    if not output.result({"ended": names}):
        output.note(say(N_("Ended: {names}"), names=", ".join(names)) if names else _("Nothing was running."))
    return OK


def _is_supervised(settings: Settings) -> bool:
    from commands.home_lock import HomeLock
    from commands.supervisor import lock_file

    try:
        lock_file(settings).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # the lock itself says what keeps us from looking
        pass
    return not HomeLock(lock_file(settings)).is_free()


def _end_supervisor(settings: Settings) -> None:
    """End one that did not end by itself, if it still is the process that was noted."""
    import psutil

    from commands import children
    from commands.supervisor import noted

    facts = noted(settings)
    if _is_supervised(settings) and psutil.pid_exists(int(facts.get("pid", 0))):
        process = psutil.Process(int(facts["pid"]))
        if process.create_time() == facts.get("created"):
            children.end([process], grace_s=0)


def register(app: typer.Typer) -> None:
    app.command(
        cls=Command,
        epilog=examples(
            ("up", "console on port 8400, Prefect on 8401"),
            ("up --port 9400 --prefect-port 9401", "where those ports are taken"),
        ),
    )(up)
    app.command(cls=Command, epilog=examples(("down", "from another terminal, or after that one was closed")))(down)
