"""Pushes in real processes: killed before, during and after the send, asleep, several at once. One order a quote."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest

from flows.context import Context
from flows.pull import pull
from flows.push import push
from tests.databases import Databases
from tests.flows import processes, selling
from tests.flows.processes import Child, Stop
from tests.flows.road import Road, open_road

TIMEOUT_S, HORIZON_S = 3, 3
CREATE = {"method": "POST", "path": r"/A_SalesOrder$"}
STANDING_S = 6
"""Margin of the leases of processes that are to stand still together: until the last of them does."""


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[Road]:
    folder, times = tmp_path_factory.mktemp("road"), {"horizon_s": HORIZON_S, "timeout_s": TIMEOUT_S}
    with databases.one() as url, open_road(folder, database_url=url, limits={"retry_s": 3}, **times) as road:
        with road.context() as ctx:
            pull(ctx, ["customers", "products", "prices"])
        yield road


@pytest.fixture
def ctx(road: Road) -> Iterator[Context]:
    with road.context() as context:
        yield context
    road.control("faults", method="DELETE")


def stand(road: Road, places: Sequence[str]) -> list[Child]:
    """One process for each place, all standing there, each with an entry of its own."""
    children = [processes.start_push(road.settings, stop=Stop(place), margin_s=STANDING_S) for place in places]
    for child, place in zip(children, places, strict=True):
        assert child.wait_for_stop(), place
    return children


def held(ctx: Context, child: Child) -> tuple[str, int]:
    """Key and version of the entry that the process has leased."""
    pid = str(child.process.pid)
    (entry,) = [row for row in selling.entries(ctx) if row["lease_owner"].split(":")[1:2] == [pid]]
    return entry["key"], entry["version"]


def attempts(ctx: Context) -> dict[tuple[str, int], int]:
    return {(row["key"], row["version"]): row["attempts"] for row in selling.entries(ctx)}


def finish(road: Road) -> Counter[str]:
    """A new process sends what is left."""
    return Counter(processes.run(processes.start_push(road.settings, wait_s=60))[0])


def wait_until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


KILLED_AT = {
    "claimed, no attempt noted": 1,
    "attempt noted, not sent": 2,
    "written, answer not read": 1,
    "answered, not settled": 1,
}
"""Where a push is killed, and how many attempts its order takes in the end: a second one only if it was not sent."""


@pytest.mark.timeout(180)
def test_a_push_killed_before_and_after_the_send_leaves_one_order(road: Road, ctx: Context) -> None:
    numbers = selling.sell(ctx, len(KILLED_AT))
    with processes.killed_after(stand(road, list(KILLED_AT))) as children:
        expected = dict(zip([held(ctx, child) for child in children], KILLED_AT.values(), strict=True))
        for child in children:
            child.kill()
    finish(road)
    assert selling.unsent(ctx) == []
    assert selling.misbooked(road, ctx, numbers) == []
    assert {entry: attempts(ctx)[entry] for entry in expected} == expected


@pytest.mark.timeout(180)
def test_a_push_killed_during_the_send_leaves_one_order(road: Road, ctx: Context) -> None:
    """The ERP has the request and books it when nobody listens any more: soon, and after some time."""
    numbers = selling.sell(ctx, 2)
    slow = {"fault": "latency", "ms": 1000, "match": {**CREATE, "nth": 1}}
    late = {"fault": "late_commit", "seconds": 2, "hold": True, "match": {**CREATE, "nth": 2}}
    road.control("faults", {"schedule": [slow, late]})
    children = [processes.start_push(road.settings) for _ in range(2)]
    with processes.killed_after(children):
        wait_until(lambda: len(road.control("faults")["fired"]) == 2)
        for child in children:
            child.kill()
    finish(road)
    assert selling.unsent(ctx) == []
    assert selling.misbooked(road, ctx, numbers) == []
    assert [row["attempts"] for row in selling.entries(ctx) if row["crm_id"] in numbers] == [1, 1]


@pytest.mark.timeout(180)
def test_a_push_killed_in_a_change_leaves_the_order_as_it_was_meant(road: Road, ctx: Context) -> None:
    numbers = selling.sell(ctx, 3)
    push(ctx)
    selling.add_a_line(ctx, numbers[0])
    selling.drop_a_line(ctx, numbers[1])
    selling.cancel(ctx, numbers[2])
    places = ["attempt noted, not sent", "written, answer not read", "answered, not settled"]
    with processes.killed_after(stand(road, places)) as children:
        for child in children:
            child.kill()
    finish(road)
    assert selling.unsent(ctx) == []
    assert selling.misbooked(road, ctx, numbers) == []


@pytest.mark.timeout(180)
def test_a_process_that_slept_through_its_lease_sends_nothing_more(road: Road, ctx: Context) -> None:
    """Stopped (a suspended machine, a full disk) before its send; another one took over; then it wakes."""
    numbers = selling.sell(ctx, 2)
    with processes.killed_after(stand(road, ["claimed, no attempt noted", "attempt noted, not sent"])) as children:
        assert finish(road)["sent"] == 2
        for child in children:
            child.go_on()
        for child in children:
            assert child.result()[0] == {"lost": 1}
    assert selling.unsent(ctx) == []
    assert selling.misbooked(road, ctx, numbers) == []


@pytest.mark.timeout(180)
@pytest.mark.parametrize("count", [2, 3])
def test_several_pushes_at_once_send_each_quote_once(road: Road, ctx: Context, count: int) -> None:
    numbers = selling.sell(ctx, 24)
    road.control("faults", {"schedule": [{"fault": "latency", "ms": 50, "match": CREATE}]})
    with processes.killed_after(stand(road, ["claimed, no attempt noted"] * count)) as children:
        for child in children:
            child.go_on()
        done = [child.result() for child in children]
    mine = {number: row["key"] for row in selling.entries(ctx) for number in numbers if row["crm_id"] == number}
    sent = Counter(key for _, entries in done for key, _, outcome in entries if outcome == "sent")
    assert sent == dict.fromkeys(mine.values(), 1)
    assert all(outcomes["sent"] >= 1 for outcomes, _ in done)
    assert all(row["attempts"] == 1 for row in selling.entries(ctx) if row["crm_id"] in mine)
    assert selling.misbooked(road, ctx, numbers) == []
