"""What separates an order at a YonBIP tenant from what it should be."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.products import load_product
from connectors.yonbip.descriptor import Product
from connectors.yonbip.diff import changed, same

YONBIP = load_product("yonyou/yonbip")
assert isinstance(YONBIP, Product)
WRITE = YONBIP.resources["orders"].write
assert WRITE is not None and WRITE.change is not None
RULE, NUMBERS = WRITE.change, WRITE.numbers
LINE = {"id": "7", "lineno": "10.0", "productId": "2087", "qty": "5.00", "oriSum": "10", "orderProductType": "SALE"}
WANT = {"lineno": "10", "productId": "2087", "masterUnitId": "PCS", "qty": "5", "oriSum": "10.00"}


@pytest.mark.parametrize(
    ("have", "want", "as_text", "as_number"),
    [
        ("5.0", "5", False, True), ("0100", "100", False, True), ("1E2", "100", False, True), ("7", "8", False, False),
        ("", "0", False, False), ("", "", True, True), ("A ", "A", True, True),
        ("2027-01-15 00:00:00", "2027-01-15", True, True), ("2027-01-15-A", "2027-01-15-B", False, False),
    ],
)  # fmt: skip
def test_equal_as_what_the_field_is(have: str, want: str, as_text: bool, as_number: bool) -> None:
    assert (same(have, want), same(have, want, number=True)) == (as_text, as_number)


def differing(line: dict[str, Any], **header: str) -> list[str]:
    have = {"purchaseNo": "0100", "orderDetails": [{**LINE, **line}]}
    return changed(have, {**header, "orderDetails": [WANT]}, RULE, NUMBERS)[1]


def test_numbers_are_compared_as_numbers_and_texts_as_texts() -> None:
    assert differing({}) == []
    assert differing({}, purchaseNo="0100") == []
    assert differing({}, purchaseNo="100") == ["purchaseNo"]
    assert differing({"productId": "02087"}) == ["orderDetails new line", "orderDetails old line"]


def test_another_unit_is_seen_where_the_erp_shows_its_code() -> None:
    assert differing({"masterUnitId": "2263072523178240", "masterUnitCode": "PCS"}) == []
    assert differing({"masterUnitId": "2263072523178240", "masterUnitCode": "KG"}) == ["orderDetails masterUnitId"]
    assert differing({"masterUnitId": "2263072523178240"}) == []
