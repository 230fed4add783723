"""Fixtures of several contract tests. A module whose tests use `erp` has a fixture `shared_erp` of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from tests.contract.erp import SandboxErp
from tests.contract.sandbox_demo import Demo

pytest.register_assert_rewrite("tests.contract.lost_answers")


@pytest.fixture
def erp(shared_erp: SandboxErp) -> Iterator[SandboxErp]:
    """The module's ERP; afterwards no fault is armed and nobody is locked out."""
    yield shared_erp
    shared_erp.control("DELETE", "faults")
    shared_erp.control("DELETE", "locks")


@pytest.fixture(scope="module")
def keys() -> Iterator[str]:
    """Keys shaped as those of quotes, which no document of the module bears yet."""
    return (f"CT7-Q{number:06d}" for number in count(1))


@pytest.fixture
def key(keys: Iterator[str]) -> str:
    return next(keys)


@pytest.fixture(scope="module")
def running_demo() -> Iterator[Demo]:
    running = Demo()
    yield running
    running.close()


@pytest.fixture
def demo(running_demo: Demo) -> Demo:
    """The demo books with three orders, as just started."""
    running_demo.reset(orders=3)
    return running_demo
