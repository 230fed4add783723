"""The steps of a document at a YonBIP tenant, where an earlier attempt at one is booked late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.base import Record
from connectors.errors import RecordRejectedError
from connectors.pace import Deadline
from connectors.products import load_product
from connectors.yonbip.descriptor import Product
from connectors.yonbip.steps import take

YONBIP = load_product("yonyou/yonbip")
assert isinstance(YONBIP, Product)
WRITE = YONBIP.resources["orders"].write
assert WRITE is not None
STEPS = WRITE.steps


class RefusingTheFirst:
    """A gateway that refuses the first step that it is told, and takes the others."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def send(self, path: str, body: Any, deadline: Deadline, obj: str, key: str) -> None:
        self.told.append(path)
        if len(self.told) == 1:
            raise RecordRejectedError("rejected", system="y", method="POST", path=path, erp="200", text="审批中")


def states(*values: str) -> Iterator[Record]:
    field = STEPS[0].due.field
    return (Record("7", {"id": "7", field: value}) for value in values)


def taken(gateway: RefusingTheFirst, *seen: str) -> list[str]:
    """The names of the steps taken where these states are seen, look after look."""
    looks = states(*seen)
    return take(gateway, "orders", STEPS, lambda: next(looks), Deadline(60))  # type: ignore[arg-type]  # only `send` is used


def test_a_step_that_was_booked_since_we_looked_is_no_refusal() -> None:
    gateway = RefusingTheFirst()
    assert taken(gateway, STEPS[0].due.values[0], STEPS[1].due.values[0]) == [STEPS[1].name]
    assert gateway.told == [STEPS[0].path, STEPS[1].path]


def test_a_step_that_is_still_due_was_refused() -> None:
    with pytest.raises(RecordRejectedError):
        taken(RefusingTheFirst(), *[STEPS[0].due.values[0]] * 2)
