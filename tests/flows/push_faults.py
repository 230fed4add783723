"""Each accepted quote is exactly one order, and its changes change that one, whatever the line and the ERP do.

One test module a product takes these tests over, so that they run side by side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from flows.context import Context
from flows.pull import pull
from flows.push import push
from tests.databases import Databases
from tests.flows import processes, selling
from tests.flows.road import Road, open_road
from tests.products import PRODUCTS, once_is_enough

TIMEOUT_S, HORIZON_S, LATE_S = 3, 5, 3.5
"""A send ends after TIMEOUT_S; a late commit comes LATE_S after it arrived; HORIZON_S is longer, with time to spare."""
PATIENCE_S = 240
"""How long a push may go on until nothing waits any more; on an idle machine it takes a tenth of it."""
SHARES: list[tuple[str, float, dict[str, Any]]] = [
    ("dropped_before_commit", 0.07, {}),
    ("dropped_after_commit", 0.07, {}),
    ("late_commit", 0.07, {"seconds": LATE_S}),
    ("internal_error", 0.04, {"when": "before"}),
    ("internal_error", 0.04, {"when": "after"}),
    ("unavailable", 0.03, {}),
    ("half_answer", 0.04, {}),
    ("refused_200", 0.03, {}),
    ("rate_limited", 0.04, {"retry_after": 1}),
    ("locked", 0.05, {}),
]
"""How often each fault hits a write."""


def weather(road: Road, seed: int) -> dict[str, Any]:
    """Faults for about half of all writes and a fifth of all look-ups."""
    erp = PRODUCTS[road.erp.product]
    shares = [one for one in SHARES if not (erp.final_200 and one[0] == "refused_200")]
    faults = [{"fault": name, **more, "match": {**erp.write, "probability": share}} for name, share, more in shares]
    tokens = {"fault": "expired_token", "match": {**erp.write, "nth": [7, 400]}}
    blind = {"fault": "lookup_fails", "match": {**erp.look_up, "probability": 0.2}}
    return {"seed": seed, "schedule": [*faults, tokens, blind]}


@contextmanager
def faults(road: Road, order: dict[str, Any]) -> Iterator[None]:
    road.control("faults", order)
    try:
        yield
    finally:
        road.control("faults", method="DELETE")


def fired(road: Road) -> Counter[str]:
    return Counter(entry["fault"] for entry in road.control("faults")["fired"])


def road_of(product: str) -> Any:
    """The fixture `road` of one product."""

    @pytest.fixture(scope="module")
    def road(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[Road]:
        folder, times = tmp_path_factory.mktemp("road"), {"horizon_s": HORIZON_S, "timeout_s": TIMEOUT_S}
        once_is_enough(product, databases)
        given = {"product": product, "limits": {"retry_s": 3}, **times}
        with databases.one() as url, open_road(folder, database_url=url, **given) as opened:
            with opened.context() as ctx:
                pull(ctx, [obj for obj in ("customers", "products", "prices") if obj in ctx.mapping.objects()])
            yield opened

    return road


@pytest.fixture
def ctx(road: Road) -> Iterator[Context]:
    with road.context() as context:
        yield context


def push_in(road: Road, workers: int, wait_s: float = PATIENCE_S) -> Counter[str]:
    """So many processes at once, until nothing waits any more; what they say became of the entries."""
    children = [processes.start_push(road.settings, wait_s=wait_s) for _ in range(workers)]
    outcomes: Counter[str] = Counter()
    with processes.killed_after(children):
        for child in children:
            outcomes += Counter(child.result()[0])
    return outcomes


@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", [100, pytest.param(200, marks=pytest.mark.soak)])
def test_so_many_quotes_are_so_many_orders(road: Road, ctx: Context, count: int) -> None:
    numbers = selling.sell(ctx, count)
    with faults(road, weather(road, seed=11)):
        outcomes = push_in(road, workers=3)
        assert len(fired(road)) >= 9, "hardly any fault came about"
    assert selling.unsent(ctx) == []
    assert outcomes["sent"] == count
    assert selling.misbooked(road, ctx, numbers) == []


@pytest.mark.timeout(600)
def test_amended_and_cancelled_quotes_change_the_same_orders(road: Road, ctx: Context) -> None:
    numbers = selling.sell(ctx, 20)
    push(ctx)
    changed = [selling.add_a_line, selling.drop_a_line, selling.cancel]
    for place, number in enumerate(numbers[:15]):
        changed[place % 3](ctx, number)
    for number in numbers[15:]:  # several versions of one quote wait for each other
        selling.add_a_line(ctx, number)
        selling.drop_a_line(ctx, number)
    with faults(road, weather(road, seed=12)):
        push_in(road, workers=2)
        assert len(fired(road)) >= 5, "hardly any fault came about"
    assert selling.unsent(ctx) == []
    assert selling.misbooked(road, ctx, numbers) == []


ONE_BY_ONE: list[tuple[str, dict[str, Any], int]] = [
    ("dropped_before_commit", {}, 2),
    ("dropped_after_commit", {}, 1),
    ("late_commit", {"seconds": LATE_S}, 1),
    ("late_commit", {"seconds": TIMEOUT_S + 1, "hold": True}, 1),
    ("internal_error", {"when": "before"}, 2),
    ("internal_error", {"when": "after"}, 1),
    ("unavailable", {}, 2),
    ("half_answer", {}, 1),
    ("refused_200", {}, 2),
    ("locked", {}, 2),
    ("expired_token", {}, 1),
    ("rate_limited", {"retry_after": 1}, 1),
]
"""Fault, its parameters, and how many attempts it takes: a second one only where nothing was booked."""
REPEATED = 2
"""So many at the end are repeated inside their attempt."""


@pytest.mark.timeout(600)
def test_only_what_was_not_booked_is_sent_again(road: Road, ctx: Context) -> None:
    """The first send of each quote meets a fault of its own; the last two are repeated inside their attempt.

    The first look-ups fail, from which nothing may be concluded.
    """
    erp = PRODUCTS[road.erp.product]
    cases = [one for one in ONE_BY_ONE if not (erp.final_200 and one[0] == "refused_200")]
    numbers = selling.sell(ctx, len(cases))
    keys = {row["crm_id"]: row["key"] for row in selling.entries(ctx)}
    schedule = [
        {"fault": name, **more, "match": {**erp.create, "body": keys[number], "nth": 1}}
        for number, (name, more, _) in zip(numbers, cases, strict=True)
    ]
    blind = {"fault": "lookup_fails", "match": {**erp.look_up, "nth": [1, 2, 3]}}
    with faults(road, {"schedule": [*schedule, blind]}):
        push(ctx, wait_s=PATIENCE_S)
        assert fired(road) == Counter(["lookup_fails"] * 3 + [name for name, _, _ in cases])
    took = {row["crm_id"]: row["attempts"] for row in selling.entries(ctx)}
    with_steps = 2 if erp.steps else 1  # the steps of a document that was found, or that a busy machine left over
    for at, (number, (name, _, attempts)) in enumerate(zip(numbers, cases, strict=True)):
        repeated = at >= len(cases) - REPEATED
        assert took[number] in ({1, with_steps} if repeated else {max(attempts, with_steps)}), name
    assert selling.misbooked(road, ctx, numbers) == []


@pytest.mark.timeout(600)
def test_a_change_that_is_committed_late_is_made_once(road: Road, ctx: Context) -> None:
    """Had a new line been sent again too soon, it would stand there twice."""
    numbers = selling.sell(ctx, 3)
    push(ctx)
    selling.add_a_line(ctx, numbers[0])
    selling.add_only_a_line(ctx, numbers[1])
    selling.add_only_a_line(ctx, numbers[2])
    late = {"fault": "late_commit", "seconds": LATE_S, "match": {**PRODUCTS[road.erp.product].write, "nth": [1, 2, 3]}}
    with faults(road, {"schedule": [late]}):
        push(ctx, wait_s=PATIENCE_S)
        assert fired(road)["late_commit"] == 3
    assert selling.unsent(ctx) == []
    assert selling.misbooked(road, ctx, numbers) == []
