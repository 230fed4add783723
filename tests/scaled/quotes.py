"""Quotes over two systems while a worker is killed every few seconds: each becomes exactly one order.

The judge is the sandboxes' own books.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from commands.sandbox_process import Sandbox
from config.wiring import open_context
from crm_core import outbox_entry, schema
from flows.context import Context
from flows.pull import pull
from tests.flows import selling
from tests.scaled.topology import Scaled, note

PULLED = ("customers", "products", "prices")
LIMIT_S = 3600
SETTLE_S = 180
"""A run whose process was killed is closed within this time, whoever notices."""


@dataclass
class Book:
    """A sandbox's book, asked as `selling` does."""

    sandbox: Sandbox

    def control(self, path: str) -> dict[str, Any]:
        return self.sandbox.control("GET", path)


def check(scaled: Scaled, sandboxes: Mapping[str, Sandbox], count: int, every_s: float, seed: int) -> dict[str, Any]:
    """Accept `count` quotes, kill a worker every `every_s` seconds until all are sent; what the books say then."""
    dice = random.Random(seed)
    with _contexts(scaled, sandboxes) as opened:
        for ctx in opened:
            _pull(ctx)
        started = time.monotonic()
        with ThreadPoolExecutor(len(opened)) as sellers:
            sold = {ctx.system: sellers.submit(selling.sell, ctx, count // len(opened)) for ctx in opened}
            kills = _kill_until_sent(scaled, opened, list(sold.values()), every_s, dice)
        seconds = time.monotonic() - started
        numbers = {name: future.result() for name, future in sold.items()}
        wrong = [
            fault
            for ctx in opened
            for fault in selling.misbooked(Book(sandboxes[ctx.system]), ctx, numbers[ctx.system])  # type: ignore[arg-type]
        ]
        unsent = [entry for ctx in opened for entry in selling.unsent(ctx)]
        runs = _settled_runs(opened[0])
    orders = sum(map(len, numbers.values()))
    found = {"quotes": orders, "kills": kills, "seconds": round(seconds, 1), "push_runs": runs}
    good = not wrong and not unsent and kills > 0 and "running" not in runs
    return {**found, "misbooked": wrong, "unsent": unsent, "ok": good}


@contextmanager
def _contexts(scaled: Scaled, systems: Iterator[str] | Mapping[str, Any]) -> Iterator[list[Context]]:
    with ExitStack() as stack:
        yield [stack.enter_context(open_context(scaled.settings, name)) for name in systems]


def _kill_until_sent(
    scaled: Scaled, opened: Sequence[Context], sold: Sequence[Future[list[str]]], every_s: float, dice: random.Random
) -> int:
    """From the first quote on until the last one is accepted and sent; how many workers were killed meanwhile."""
    kills, end = 0, time.monotonic() + LIMIT_S
    while (selling_on := not all(one.done() for one in sold)) | bool(left := _unsent(opened)):
        assert time.monotonic() < end, f"{left} entries are still not sent; logs are in {scaled.folder}"
        time.sleep(every_s)
        victim = dice.choice([worker for worker in scaled.workers if worker.alive()])
        more = ", more to come" if selling_on else ""
        note(f"{left} to send{more}; {victim.name} killed, {victim.kill()} processes")
        kills += 1
        scaled.start_dead_ones()
    return kills


def _unsent(opened: Sequence[Context]) -> int:
    return sum(len(outbox_entry.waiting(ctx.database, ctx.system, blocked=True)) for ctx in opened)


def _pull(ctx: Context) -> None:
    """What quotes are made of; a scheduled run may be reading it at this moment."""
    end = time.monotonic() + SETTLE_S
    while pull(ctx, PULLED).busy:
        assert time.monotonic() < end, f"somebody else pulls {ctx.system} all the time"
        time.sleep(1)


def _settled_runs(ctx: Context) -> dict[str, int]:
    """How the push runs ended, by our own table, once those that were killed are closed, which the sweep does."""
    query = select(schema.run.c.state).where(schema.run.c.direction == "push")
    end = time.monotonic() + SETTLE_S
    while True:
        with ctx.database.read() as conn:
            states = Counter(conn.execute(query).scalars())
        if "running" not in states or time.monotonic() > end:
            return dict(states)
        time.sleep(1)
