"""crosstie demo: the main job from nothing, on a sandbox."""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

from commands import session
from commands.app import Command, examples
from commands.output import output, table
from commands.texts import N_, _, say
from config.errors import ConfigError
from config.exit_codes import DIFFERS, OK
from config.settings import Settings, default_database_url, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commands.demo_story import Story
    from commands.home_lock import HomeLock
    from commands.sandbox_process import Sandbox
    from flows.context import Context

NAME, PRODUCT = "demo", "sap/s4"
MARK = ".crosstie-demo"
SETTLE_S = 20
PULLED = ("read", "created", "updated", "unchanged", "rejected")
DOUBTFUL = ("unknown", "pending")


@dataclass(slots=True)
class Tally:
    """What the demo counts, in the shape of its JSON."""

    pulled: dict[str, Counter[str]] = field(default_factory=dict)
    pushed: Counter[str] = field(default_factory=Counter)
    differences: int = 0
    orders: int = 0


def demo(
    no_serve: bool = typer.Option(False, "--no-serve", help="end when it is done; always from nothing, as --json does"),
    fresh: bool = typer.Option(False, "--fresh", help="play it from nothing, also where an earlier one could go on"),
) -> int:
    """The main job from nothing: an emulated ERP, a dozen quotes that become orders once, receivables to the cent.

    Then everything stays up as under `crosstie up`, on short schedules, until Ctrl-C; the next demo goes on from there.
    """
    from commands import demo_serving
    from commands import sandbox_process as processes

    settings = _settings()
    lock = _claim(settings)
    try:
        serves = not (no_serve or output.json)
        facts = demo_serving.told_story(settings) if serves and not fresh else None
        if facts:
            _say(N_("Going on where the last demo was, in {home}; --fresh begins anew."), home=shown(settings.home))
            demo_serving.go_on(settings, facts)
            return OK
        with processes.ended_by_a_signal():
            return _from_nothing(settings, serves=serves)
    finally:
        lock.release()


def _from_nothing(settings: Settings, *, serves: bool) -> int:
    from commands import demo_serving
    from commands import sandbox_process as processes

    started = time.monotonic()
    _start_clean(settings)
    _say(
        N_("Starting an emulated {product}; everything of this demo is in {home}."),
        product=PRODUCT,
        home=shown(settings.home),
    )
    with ExitStack() as ending:
        sandbox, supervised = demo_serving.start_sandbox(settings, NAME, PRODUCT)
        ending.callback(processes.end, settings, sandbox)
        with _inside(settings):
            story, tally = _play(settings, sandbox)
        seconds = round(time.monotonic() - started, 1)
        good = not story.wrong and not tally.differences and tally.orders == len(story.keys) > 0
        _report(story, tally, seconds, good)
        if serves and good:
            demo_serving.note_story(settings, supervised, story.amended)
            demo_serving.serve(settings, supervised, story.amended)
    return OK if good else DIFFERS


def _say(text: str, /, **params: object) -> None:
    output.note(say(text, **params))


def _settings() -> Settings:
    """A home of its own below the installation's, so that nothing of a user's is touched."""
    home = session.settings().home / "demo"
    return Settings(home / "config", home, default_database_url(home))


@contextmanager
def _inside(settings: Settings) -> Iterator[None]:
    """Commands and services called meanwhile work on the demo's home."""
    before = dict(os.environ)
    os.environ.update(settings.variables())
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _claim(settings: Settings) -> HomeLock:
    """The lock of the demo's home. Raises ConfigError for a folder that no demo made, and while another demo runs."""
    from commands import up
    from config.files import write_text

    home = settings.home
    if home.exists() and any(home.iterdir()) and not (home / MARK).exists():
        raise ConfigError("demo-home-used", place=shown(home))
    write_text(home / MARK, "")
    try:
        return up.claim(settings)
    except ConfigError as exc:
        if exc.code != "up-runs-already":
            raise
        raise ConfigError("demo-runs", url=exc.params["console"], place=shown(home)) from exc


def _start_clean(settings: Settings) -> None:
    """End and remove what the last demo left, but for the mark and the lock that we hold."""
    from commands import children
    from commands.supervisor import lock_file

    children.end([process for _name, process in children.found(settings)], grace_s=5)
    kept = {settings.home / MARK, lock_file(settings)}
    for path in sorted(settings.home.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            with suppress(OSError):  # one that holds what is kept
                path.rmdir()
        elif path not in kept:
            path.unlink()


def _play(settings: Settings, sandbox: Sandbox) -> tuple[Story, Tally]:
    from commands import demo_story as story_of
    from config.wiring import open_context
    from flows.reconcile import reconcile

    story, tally = story_of.Story(), Tally()
    with open_context(settings, NAME) as ctx:
        _say(N_("Reading what the ERP has: customers, products, prices, orders, invoices, open items ..."))
        _pull(ctx, tally)
        story_of.accept_quotes(ctx, story)
        _say(N_("{count} quotes accepted, each for another customer; sending them."), count=len(story.keys))
        _push(ctx, tally)
        story_of.amend_and_cancel(ctx, story)
        _say(N_("{amended} is amended, {cancelled} cancelled; the same orders must change."),
             amended=story.amended, cancelled=story.cancelled)  # fmt: skip
        _push(ctx, tally)
        for days in story_of.DAYS:
            _say(N_("{days} days pass at the ERP; reading what happened."), days=days)
            sandbox.control("POST", "advance", {"days": days})
            _pull(ctx, tally)
        _say(N_("Reconciling with the ERP, and asking its own book for every quote."))
        tally.differences = len(reconcile(ctx).differences)
        tally.orders = story_of.judge(ctx, story, sandbox)
        if not output.json:
            _tables(ctx, story)
    return story, tally


def _pull(ctx: Context, tally: Tally) -> None:
    from flows.pull import pull

    for obj, counts in pull(ctx).counts.items():
        tally.pulled.setdefault(obj, Counter()).update({name: getattr(counts, name) for name in PULLED})


def _push(ctx: Context, tally: Tally) -> None:
    from commands.sync import last_states
    from flows.push import push

    states = last_states(push(ctx, wait_s=SETTLE_S)).values()
    tally.pushed.update("unknown" if state in DOUBTFUL else "dead" if state == "review" else state for state in states)


def _tables(ctx: Context, story: Story) -> None:
    """What a salesperson and an accountant look at."""
    from commands.orders import show_orders
    from commands.quotes import show_quotes
    from commands.receivables import show_ageing
    from crm_core import orders, quotes

    output.note("")
    output.note(_("Quotes and what became of them:"))
    listed = quotes.listing(ctx.database, session.actor(), system=ctx.system)
    show_quotes([quote for quote in listed if quote["number"] in story.keys])
    output.note(_("Their orders, as the ERP holds them now:"))
    show_orders(orders.listing(ctx.database, session.actor(), system=ctx.system, ours=True))
    output.note(_("Receivables by age:"))
    show_ageing(ctx.database, ctx.clock())


def _report(story: Story, tally: Tally, seconds: float, good: bool) -> None:
    system = {
        "name": NAME,
        "product": PRODUCT,
        "pulled": {obj: {name: counts[name] for name in PULLED} for obj, counts in tally.pulled.items()},
        "pushed": {name: tally.pushed[name] for name in ("sent", "unknown", "dead")},
        "reconcile": {"differences": tally.differences},
        "quotes": {"accepted": len(story.keys), "orders": tally.orders},
    }
    if output.result({"systems": [system], "seconds": seconds, "ok": good, "wrong": story.wrong}):
        return
    rows = [
        (_("Quotes accepted"), len(story.keys)),
        (_("of them exactly one order in the ERP, as meant"), tally.orders),
        (_("Entries sent (quotes, an amendment, a cancellation)"), tally.pushed["sent"]),
        (_("Entries in doubt or refused"), tally.pushed["unknown"] + tally.pushed["dead"]),
        (_("Differences between CRM and ERP"), tally.differences),
    ]
    table([_("Result"), _("Count")], rows)
    for line in story.wrong:
        output.warn(line)
    _say(
        N_("Done in {seconds} s: everything agrees.") if good else N_("Done in {seconds} s: something is wrong."),
        seconds=seconds,
    )


def register(app: typer.Typer) -> None:
    app.command(
        cls=Command,
        epilog=examples(
            ("demo", "and keep everything up"),
            ("demo --fresh", "from nothing once more"),
            ("demo --json --no-serve", "for a script"),
        ),
    )(demo)
