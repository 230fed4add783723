"""The golden data set: every figure of every answer, and what must hold at the dates that have none."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from crm_core.ageing import ageing
from crm_core.order_progress import order_progress
from tests import golden
from tests.golden import Golden


@pytest.fixture(scope="module")
def books(shared_data: Path) -> Golden:
    return golden.load(shared_data / "golden")


@pytest.mark.parametrize("as_of", ["2025-12-31", "2026-03-31", "2026-06-30"])
def test_every_figure_of_the_answers_is_equal_to_the_last_digit(books: Golden, shared_data: Path, as_of: str) -> None:
    expected = json.loads((shared_data / "golden" / "answers" / f"{as_of}.json").read_text(encoding="utf-8"))
    day = date.fromisoformat(as_of)
    report = ageing(books.items, books.payments, books.applications, books.disputes, books.rates, day)
    orders = order_progress(books.orders, books.deliveries, books.invoiced, day)
    computed = golden.answer(report, orders)
    for part in expected:
        assert computed[part] == expected[part]
    assert computed.keys() == expected.keys()
    assert report.missing_rates == []
    assert list(computed["companies"]) == list(expected["companies"])
