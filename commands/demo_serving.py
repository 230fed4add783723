"""The demo after its story: it stays up under the supervisor, and started again it goes on where it was."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands import ports, up
from commands.output import output
from commands.texts import N_, _, say
from commands.up_plan import Options, SupervisedSandbox, books_file, sandbox_child
from config.errors import ConfigError
from config.files import write_text
from config.settings import Settings, shown

if TYPE_CHECKING:
    from commands.sandbox_process import Sandbox

CONSOLE_PORT, PREFECT_PORT = 8400, 8401
SCHEDULE = {"pull": {"default": "*/10 * * * *", "orders": "* * * * *"}, "reconcile": "*/15 * * * *"}
"""Short, so that something is to be seen in Prefect within a minute."""


def start_sandbox(settings: Settings, supervised: SupervisedSandbox) -> Sandbox:
    """The emulated ERP, started as the supervisor will start it again; its books are kept in the home."""
    from commands import children
    from commands import sandbox_process as processes

    child = sandbox_child(settings, supervised)
    env = children.environment(settings, child.name, child.variables)
    more = {"schedule": SCHEDULE}
    return processes.launch(settings, supervised.name, supervised.product, child.command, env=env, more=more)


def note_story(settings: Settings, sandboxes: Sequence[SupervisedSandbox], quote: str) -> None:
    """The story was told to its end; `quote` is one whose order has a history."""
    facts = [{"name": one.name, "product": one.product, "port": one.port} for one in sandboxes]
    write_text(_story_file(settings), json.dumps({"sandboxes": facts, "quote": quote}))


def told_story(settings: Settings) -> dict[str, Any] | None:
    """What an earlier demo left to go on from; None where anything of it is missing."""
    try:
        facts = json.loads(_story_file(settings).read_text(encoding="utf-8"))
        names = [one["name"] for one in facts["sandboxes"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    whole = all(
        books_file(settings, name).is_file() and (settings.systems / f"{name}.yaml").is_file() for name in names
    )
    return dict(facts) if names and whole else None


def go_on(settings: Settings, facts: dict[str, Any]) -> None:
    """Serve what an earlier demo left; the emulated ERPs stand where they stood, if their ports are still free."""
    from commands import sandbox_process as processes

    sandboxes = tuple(_again(settings, one) for one in facts["sandboxes"])
    note_story(settings, sandboxes, facts["quote"])
    for one in sandboxes:
        shown_as = processes.Sandbox(one.name, one.product, f"http://{ports.HOST}:{one.port}", pid=0)
        processes.remember(settings, shown_as)
    try:
        serve(settings, sandboxes, facts["quote"])
    finally:
        for sandbox in processes.known(settings):
            processes.forget(settings, sandbox)


def _again(settings: Settings, facts: dict[str, Any]) -> SupervisedSandbox:
    """At its old port, or at another one that its system file names from now on."""
    from commands import sandbox_process as processes

    found = SupervisedSandbox(facts["name"], facts["product"], ports.free_or_other(facts["port"], _ours(settings)))
    if found.port != facts["port"]:
        processes.move(settings, found.name, f"http://{ports.HOST}:{found.port}")
    return found


def serve(settings: Settings, sandboxes: Sequence[SupervisedSandbox], quote: str) -> None:
    """Keep everything up until told to end. What cannot start is told; the story stands all the same."""
    from commands import failures
    from config.failures import describe

    options = _options(settings, sandboxes)
    try:
        up.keep_up(settings, options, lambda: _announce(settings, options, quote))
    except ConfigError as exc:
        failure = describe(exc)
        assert failure is not None
        for line in failures.lines(failure):
            output.warn(line)
        output.warn(_("The demo's result stands; only what runs by itself could not be started."))


def _options(settings: Settings, sandboxes: Sequence[SupervisedSandbox]) -> Options:
    """The ports of `crosstie up`, or others where those are taken."""
    ours = _ours(settings)
    options = Options(
        ports.free_or_other(CONSOLE_PORT, ours), ports.free_or_other(PREFECT_PORT, ours), sandboxes=tuple(sandboxes)
    )
    for wanted, found in ((CONSOLE_PORT, options.port), (PREFECT_PORT, options.prefect_port)):
        if wanted != found:
            output.note(say(N_("Port {port} is in use; taking {other}."), port=wanted, other=found))
    return options


def _ours(settings: Settings) -> set[int]:
    """Processes that an earlier demo left alive: what they hold is ours."""
    from commands.children import found

    return {process.pid for _name, process in found(settings)}


def _announce(settings: Settings, options: Options, quote: str) -> None:
    verb = "set" if os.name == "nt" else "export"
    up.tell_addresses(settings, options)
    output.note("")
    output.note(_("The emulated ERPs stay up. In another terminal:"))
    for name in ("CROSSTIE_CONFIG", "CROSSTIE_HOME"):
        output.note(f"  {verb} {name}={settings.variables()[name]}")
    program = "crosstie" if shutil.which("crosstie") else shown(Path(sys.argv[0]).absolute())
    system = options.sandboxes[0].name
    lines = ("orders list --ours", f"orders timeline {quote}", "receivables ageing", f"reconcile {system}", "status")
    for line in lines:
        output.note(f"  {program} {line}")
    output.note(_("Ctrl-C ends it; `make demo` goes on where it was, `crosstie demo --fresh` begins anew."))


def _story_file(settings: Settings) -> Path:
    return settings.home / "demo.json"
