"""A mapped field that the ERP renamed is told from one that happens to be empty."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import Record
from flows.path_guard import absent


@pytest.mark.parametrize(
    ("path", "data", "expected"),
    [
        ("Name", [{"Name": None}], False),
        ("Name", [{"Name1": "x"}], True),
        ("Name", [{"Name1": "x"}, {"Name": ""}], False),
        ("Name", [], False),
        ("to_Item.Material", [{"to_Item": [{"Material": ""}]}], False),
        ("to_Item.Material", [{"to_Item": [{"Product": "P"}]}], True),
        ("to_Item.Material", [{"to_Item": []}], False),
        ("to_Item.Material", [{"to_Item": None}, {}], False),
        ("to_Customer.to_Company.Code", [{"to_Customer": {"to_Company": [{}]}}], True),
    ],
)
def test_absent_is_not_empty(path: str, data: list[dict[str, Any]], expected: bool) -> None:
    assert absent([Record(str(n), each) for n, each in enumerate(data)], path) is expected
