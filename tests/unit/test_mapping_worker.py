"""Expressions with patterns run in a process that can be killed."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator

import pytest

from mappings.errors import RecordMappingError
from mappings.worker import _WORKER
from tests.unit.mapping_help import mapping_of, thing


@pytest.fixture(autouse=True)
def no_worker_stays() -> Iterator[None]:
    yield
    _WORKER.stop()


def workers() -> list[str]:
    return [p.name for p in multiprocessing.active_children() if p.name == "crosstie-mapping"]


def test_plain_sections_start_no_process() -> None:
    section = mapping_of(thing("number: $substring(Id, 0, 3)\nblocked: $contains(Id, 'x')")).section("things", "pull")
    assert section.apply({"Id": "xyz1"}) == {"number": "xyz", "blocked": True}
    assert workers() == []


def test_a_hostile_pattern_is_killed_and_the_next_record_passes() -> None:
    body = "number: Id\nblocked: $contains(Id, /^(a+)+$/)\nstatus: $replace(Id, /b/, 'c')\n"
    body += "lines: {from: L, fields: {line: P}}"
    section = mapping_of(thing(body)).section("things", "pull")
    good = {"number": "aab", "blocked": False, "status": "aac", "lines": [{"line": "1"}]}
    assert section.apply({"Id": "aab", "L": [{"P": "1"}]}) == good
    assert workers() == ["crosstie-mapping"]
    start = time.monotonic()
    with pytest.raises(RecordMappingError) as caught:
        section.apply({"Id": "a" * 60 + "b"}, "K9")
    assert caught.value.code == "expression-timeout" and caught.value.params["key"] == "K9"
    assert time.monotonic() - start < 10
    assert section.apply({"Id": "aab", "L": [{"P": "1"}]}) == good


def test_a_refusal_comes_back_with_its_field_and_two_sections_share_the_process() -> None:
    codes = "codes: {state: {A: open}}\n"
    one = mapping_of(thing("number: Id\nstatus: $code('state', $match(Id, /[A-Z]/)[0].match)", codes)).section(
        "things", "pull"
    )
    two = mapping_of(thing("number: $split(Id, /-/)[0]")).section("things", "pull")
    assert one.apply({"Id": "1A"})["status"] == "open" and two.apply({"Id": "7-8"}) == {"number": "7"}
    with pytest.raises(RecordMappingError) as caught:
        one.apply({"Id": "1Z"})
    assert caught.value.code == "unknown-code" and caught.value.params["field"] == "status"
    assert two.apply({"Id": "9-8"}) == {"number": "9"} and len(workers()) == 1


def test_a_process_that_died_is_replaced() -> None:
    section = mapping_of(thing("number: $replace(Id, /x/, 'y')")).section("things", "pull")
    assert section.apply({"Id": "ax"}) == {"number": "ay"}
    for process in multiprocessing.active_children():
        if process.name == "crosstie-mapping":
            process.kill()
            process.join()
    assert section.apply({"Id": "bx"}) == {"number": "by"}
