"""crosstie demo: the main job from nothing, on emulated ERPs of every vendor at once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from commands import session
from commands.app import Command, examples
from commands.output import output, table
from commands.texts import N_, _, say
from config.exit_codes import DIFFERS, OK
from config.settings import Settings, shown

if TYPE_CHECKING:
    from commands.demo_story import Story
    from commands.sandbox_process import Sandbox
    from commands.up_plan import SupervisedSandbox
    from flows.context import Context

SYSTEMS = (("s4", "sap/s4"), ("fusion", "oracle/fusion"), ("yonbip", "yonyou/yonbip"), ("galaxy", "kingdee/galaxy"))
"""Names and products of the emulated ERPs."""
T = TypeVar("T")
R = TypeVar("R")
SETTLE_S = 20
PULLED = ("read", "created", "updated", "unchanged", "rejected")
DOUBTFUL = ("unknown", "pending")


@dataclass(slots=True)
class Tally:
    """What the demo counts of one system, in the shape of its JSON."""

    pulled: dict[str, Counter[str]] = field(default_factory=dict)
    pushed: Counter[str] = field(default_factory=Counter)
    differences: int = 0
    orders: int = 0


@dataclass(slots=True)
class Play:
    """One system's part of the demo: its ERP, what was decided about it, what is counted."""

    sandbox: Sandbox
    supervised: SupervisedSandbox
    story: Story
    tally: Tally = field(default_factory=Tally)

    @property
    def good(self) -> bool:
        return not self.story.wrong and not self.tally.differences and self.tally.orders == len(self.story.keys) > 0


def demo(
    no_serve: bool = typer.Option(False, "--no-serve", help="end when it is done; always from nothing, as --json does"),
    fresh: bool = typer.Option(False, "--fresh", help="play it from nothing, also where an earlier one could go on"),
) -> int:
    """The main job from nothing: emulated ERPs, a dozen quotes for each that become orders once, money to the cent.

    Then everything stays up as under `crosstie up`, on short schedules, until Ctrl-C; the next demo goes on from there.
    """
    from commands import demo_home, demo_serving
    from commands import sandbox_process as processes

    settings = demo_home.settings()
    lock = demo_home.claim(settings)
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
    from commands import demo_home, demo_serving

    started = time.monotonic()
    demo_home.start_clean(settings)
    products = ", ".join(product for _name, product in SYSTEMS)
    _say(
        N_("Starting emulated ERPs: {products}; everything of this demo is in {home}."),
        products=products,
        home=shown(settings.home),
    )
    with ExitStack() as ending:
        plays = _start(settings, ending)
        with demo_home.inside(settings):
            _play(settings, plays)
        seconds = round(time.monotonic() - started, 1)
        good = all(play.good for play in plays)
        _report(plays, seconds, good)
        if serves and good:
            supervised = tuple(play.supervised for play in plays)
            demo_serving.note_story(settings, supervised, plays[0].story.amended)
            demo_serving.serve(settings, supervised, plays[0].story.amended)
    return OK if good else DIFFERS


def _start(settings: Settings, ending: ExitStack) -> list[Play]:
    """Every ERP, each starting while the others do; they end with `ending`."""
    from commands import demo_serving, ports
    from commands import sandbox_process as processes
    from commands.demo_story import Story
    from commands.up_plan import SupervisedSandbox

    def start(supervised: SupervisedSandbox) -> Play:
        sandbox = demo_serving.start_sandbox(settings, supervised)
        ending.callback(processes.end, settings, sandbox)
        return Play(sandbox, supervised, Story())

    places = zip(SYSTEMS, ports.several_free(len(SYSTEMS)), strict=True)
    return _each(start, [SupervisedSandbox(*system, port) for system, port in places])


def _each(work: Callable[[T], R], parts: Sequence[T]) -> list[R]:
    """`work` on every part at once; the first error ends it, once all have come to an end."""
    with ThreadPoolExecutor(len(parts)) as pool:
        return list(pool.map(work, parts))


def _say(text: str, /, **params: object) -> None:
    output.note(say(text, **params))


def _play(settings: Settings, plays: Sequence[Play]) -> None:
    from config.wiring import open_context

    with ExitStack() as stack:
        contexts = [stack.enter_context(open_context(settings, play.sandbox.name)) for play in plays]
        _tell(list(zip(contexts, plays, strict=True)))
        if not output.json:
            _tables(contexts, plays)


def _tell(parts: Sequence[tuple[Context, Play]]) -> None:
    """The story, step by step, each step in every system at once."""
    from commands import demo_story as story_of

    _say(N_("Reading what the ERPs have: customers, products, prices, orders, invoices, open items ..."))
    _each(_pull, parts)
    for ctx, play in parts:
        story_of.accept_quotes(ctx, play.story)
    _say(
        N_("{count} quotes accepted, in each system for another customer each; sending them."),
        count=sum(len(play.story.keys) for _ctx, play in parts),
    )
    _each(_push, parts)
    for ctx, play in parts:
        story_of.amend_and_cancel(ctx, play.story)
    _say(N_("In each system one is amended and one cancelled; the same orders must change."))
    _each(_push, parts)
    for days in story_of.DAYS:
        _say(N_("{days} days pass at the ERPs; reading what happened."), days=days)
        for _ctx, play in parts:
            play.sandbox.control("POST", "advance", {"days": days})
        _each(_pull, parts)
    _say(N_("Reconciling with the ERPs, and asking their own books for every quote."))
    _each(_judge, parts)


def _pull(part: tuple[Context, Play]) -> None:
    from flows.pull import pull

    ctx, play = part
    for obj, counts in pull(ctx).counts.items():
        play.tally.pulled.setdefault(obj, Counter()).update({name: getattr(counts, name) for name in PULLED})


def _push(part: tuple[Context, Play]) -> None:
    from commands.sync import last_states
    from flows.push import push

    ctx, play = part
    states = last_states(push(ctx, wait_s=SETTLE_S)).values()
    play.tally.pushed.update(
        "unknown" if state in DOUBTFUL else "dead" if state == "review" else state for state in states
    )


def _judge(part: tuple[Context, Play]) -> None:
    from commands import demo_story as story_of
    from flows.reconcile import reconcile

    ctx, play = part
    play.tally.differences = len(reconcile(ctx).differences)
    play.tally.orders = story_of.judge(ctx, play.story, play.sandbox)


def _tables(contexts: Sequence[Context], plays: Sequence[Play]) -> None:
    """What a salesperson and an accountant look at."""
    from commands.orders import show_orders
    from commands.quotes import show_quotes
    from commands.receivables import show_ageing
    from crm_core import orders, quotes

    ctx, keys = contexts[0], {number for play in plays for number in play.story.keys}
    output.note("")
    output.note(_("Quotes and what became of them:"))
    show_quotes([quote for quote in quotes.listing(ctx.database, session.actor()) if quote["number"] in keys])
    output.note(_("Their orders, as the ERPs hold them now:"))
    show_orders(orders.listing(ctx.database, session.actor(), ours=True))
    output.note(_("Receivables by age:"))
    show_ageing(ctx.database, ctx.clock())


def _report(plays: Sequence[Play], seconds: float, good: bool) -> None:
    wrong = [line for play in plays for line in play.story.wrong]
    systems = [_system(play) for play in plays]
    if output.result({"systems": systems, "seconds": seconds, "ok": good, "wrong": wrong}):
        return
    heads = [_("System"), _("Product"), _("Quotes accepted"), _("Exactly one order"), _("Entries sent"),
             _("In doubt or refused"), _("Differences")]  # fmt: skip
    table(heads, [_row(system) for system in systems])
    for line in wrong:
        output.warn(line)
    _say(
        N_("Done in {seconds} s: everything agrees.") if good else N_("Done in {seconds} s: something is wrong."),
        seconds=seconds,
    )


def _system(play: Play) -> dict[str, Any]:
    tally = play.tally
    return {
        "name": play.sandbox.name,
        "product": play.sandbox.product,
        "pulled": {obj: {name: counts[name] for name in PULLED} for obj, counts in tally.pulled.items()},
        "pushed": {name: tally.pushed[name] for name in ("sent", "unknown", "dead")},
        "reconcile": {"differences": tally.differences},
        "quotes": {"accepted": len(play.story.keys), "orders": tally.orders},
    }


def _row(system: dict[str, Any]) -> list[Any]:
    quotes, pushed = system["quotes"], system["pushed"]
    doubtful = pushed["unknown"] + pushed["dead"]
    known = [system["name"], system["product"], quotes["accepted"], quotes["orders"], pushed["sent"]]
    return [*known, doubtful, system["reconcile"]["differences"]]


def register(app: typer.Typer) -> None:
    app.command(
        cls=Command,
        epilog=examples(
            ("demo", "and keep everything up"),
            ("demo --fresh", "from nothing once more"),
            ("demo --json --no-serve", "for a script"),
        ),
    )(demo)
